"""The files that processes run: each one's program, the libraries of its own that it maps, and the C
library that they are built for.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from shmtui.procfs.elf import debug_size, section_sizes
from shmtui.procfs.maps import map_lines
from shmtui.procfs.process_libc import bits_of, libc_of, program_of
from shmtui.shm.libc import Libc

_SYSTEM: Final = (b"/usr/lib", b"/lib", b"/usr/libexec")
"""Libraries here are not the program's own."""
_MOST_PROGRAMS: Final = 8

FileVersion = tuple[int, int, int]
"""Device, inode and time of change, in nanoseconds."""


class ProgramFile(msgspec.Struct, frozen=True):
    """A program or library that maps a segment."""

    path: str
    """Where this process can read it."""
    shown: str
    """Its path as the user knows it."""
    pid: int
    version: FileVersion
    library: bool = False


class ProcessFiles(msgspec.Struct, frozen=True):
    """What one process runs, as far as this user can see."""

    program: ProgramFile | None
    libraries: tuple[ProgramFile, ...]
    """Those of its own, by path; `_MOST_PROGRAMS` at the most."""
    libc: Libc | None
    narrow: bool
    """It is a 32-bit program."""


class ProgramFiles:
    """What processes run, read once for each until `keep` drops it."""

    def __init__(self) -> None:
        self._stamps: Mapping[int, object] = {}
        self._files: dict[int, ProcessFiles] = {}
        self._versions: dict[int, FileVersion] = {}
        """Of the programs that were asked for their size, by PID."""
        self._debug_sizes: dict[FileVersion, int] = {}

    def keep(self, stamps: Mapping[int, object]) -> None:
        """Drop what was read of processes that are gone, or have another stamp than at the last call:
        they may run another program, or map other libraries. None as a stamp says nothing.
        """
        before, self._stamps = self._stamps, stamps
        for pid in {*self._files, *self._versions}:
            if stamps.get(pid) is None or stamps[pid] != before.get(pid):
                self._files.pop(pid, None)
                self._versions.pop(pid, None)
        run = {*self._versions.values()}
        self._debug_sizes = {each: size for each, size in self._debug_sizes.items() if each in run}

    def of(self, pid: int) -> ProcessFiles:
        """What a process runs."""
        if pid not in self._files:
            self._files[pid] = _files_of(pid)
        return self._files[pid]

    def programs(self, pids: Iterable[int]) -> list[ProgramFile]:
        """The programs of some processes, then the libraries of their own, each file once;
        `_MOST_PROGRAMS` at the most.
        """
        of_all = [self.of(pid) for pid in pids]
        found: dict[FileVersion, ProgramFile] = {}
        for each in (its.program for its in of_all):
            if each is not None:
                found.setdefault(each.version, each)
        for library in (library for its in of_all for library in its.libraries):
            if len(found) >= _MOST_PROGRAMS:
                break
            found.setdefault(library.version, library)
        return [*found.values()][:_MOST_PROGRAMS]

    def debug_size(self, pid: int) -> int:
        """Bytes of debug information in the program that a process runs; 0 where that cannot be read."""
        version = self._versions.get(pid)
        if version is None:
            program = program_of(pid)
            version = _version(program)
            if version is None:
                return 0
            if version not in self._debug_sizes:
                self._debug_sizes[version] = debug_size(section_sizes(program))
            self._versions[pid] = version
        return self._debug_sizes[version]


def executable(pid: int) -> str:
    """The path of the program that ``pid`` runs; empty where this user may not know."""
    try:
        return str(Path(program_of(pid)).readlink())
    except OSError:
        return ""


def _files_of(pid: int) -> ProcessFiles:
    lines = map_lines(pid) or []
    own = executable(pid)
    program = _file(program_of(pid), own.removesuffix(" (deleted)"), pid) if own else None
    paths = {
        path
        for line in lines
        if b" r-xp " in line and len(fields := line.split(maxsplit=5)) == 6
        and (path := fields[5]).startswith(b"/") and not path.startswith(_SYSTEM)
    }  # fmt: skip
    libraries: dict[FileVersion, ProgramFile] = {}
    for text in map(os.fsdecode, sorted(paths)):
        found = _file(f"/proc/{pid}/root{text}", text, pid, library=True) if text != own else None
        if found is not None:
            libraries.setdefault(found.version, found)
        if len(libraries) == _MOST_PROGRAMS:
            break
    return ProcessFiles(program, (*libraries.values(),), libc_of(pid, lines), bits_of(pid) == 32)


def _file(path: str, shown: str, pid: int, *, library: bool = False) -> ProgramFile | None:
    version = _version(path)
    return None if version is None else ProgramFile(path, shown, pid, version, library)


def _version(path: str) -> FileVersion | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - one for each process
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns
