"""The code that a process has loaded: its executable and libraries, and the watched functions in them."""

import os
from pathlib import Path

import msgspec

from shmtui.control.entry_points import clock_entry_points, entry_points, is_static_musl
from shmtui.procfs.maps import map_lines, split_line


class LoadedCode(msgspec.Struct, frozen=True):
    """What is loaded, and where."""

    executable: str
    bases: dict[str, int]
    """Where the executable and the libraries begin, by path."""
    functions: tuple[tuple[int, str], ...]
    """Addresses and names of the functions of `entry_points`, and of the vDSO's clocks."""
    is_musl: bool
    own: tuple[tuple[int, int], ...]
    """Begin and end of the executable's own code."""
    loader: tuple[tuple[int, int], ...]
    """The same of glibc's dynamic loader."""


def is_loader(path: bytes) -> bool:
    """Whether a file is glibc's dynamic loader, by its name."""
    return path.rpartition(b"/")[2].startswith((b"ld-linux", b"ld-2."))


def loaded_code(pid: int, memory: int) -> LoadedCode:
    """The code of a process; ``memory``: a descriptor of its /proc/PID/mem.

    OSError: it has ended, or a file is not there. ELFError: one is no program.
    """
    executable = os.fspath(Path(f"/proc/{pid}/exe").readlink())
    begins: dict[str, int] = {}
    with_code: set[str] = set()
    own: list[tuple[int, int]] = []
    loader: list[tuple[int, int]] = []
    found: list[tuple[int, str]] = []
    for line in map(split_line, map_lines(pid) or ()):
        if line.path.startswith(b"/"):
            path = os.fsdecode(line.path)
            if not line.offset:
                begins.setdefault(path, line.start)
            if b"x" in line.rights:
                with_code.add(path)
                own += [(line.start, line.end)] * (path == executable)
                loader += [(line.start, line.end)] * is_loader(line.path)
        elif line.path == b"[vdso]":
            image = os.pread(memory, line.end - line.start, line.start)
            found += _placed(line.start, clock_entry_points(image))
    bases = {path: base for path, base in begins.items() if path in with_code}
    for path, base in bases.items():
        found += _placed(base, entry_points(path))
    libraries = bases.keys() - {executable}
    is_musl = any("-musl" in path for path in libraries) or is_static_musl(executable)
    return LoadedCode(executable, bases, tuple(found), is_musl, tuple(own), tuple(loader))


def _placed(base: int, functions: dict[str, tuple[int, ...]]) -> list[tuple[int, str]]:
    return [(base + at, name) for name, addresses in functions.items() for at in addresses]
