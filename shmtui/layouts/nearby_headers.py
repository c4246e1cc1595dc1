"""Structs of headers and sources that lie beside the programs that map a segment, or in their working folder.

They are compiled as ``--header`` compiles its file, and taken as likely: nothing says that the
program was built from them. What is read is bounded, and nothing is written.
"""

import contextlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _, ngettext
from shmtui.layouts.mapping_programs import MappedSegment, Peers
from shmtui.layouts.options import LayoutOptions
from shmtui.layouts.program_files import executable
from shmtui.layouts.program_types import TypeSource
from shmtui.shm.segment_info import LayoutSource

_MOST_FILES: Final = 200
_MOST_BYTES: Final = 2_000_000
_HEADER_SECONDS: Final = 3.0
"""Compiling them takes no longer than this in all."""
_HEADERS: Final = (".h", ".hpp", ".hh", ".hxx")
_SOURCES: Final = (".c", ".cpp", ".cc", ".cxx")
_WORDS: Final = (b"sem_t", b"pthread_mutex_t", b"sem_open", b"shm_open", b"interprocess_", b"mmap")
"""A source without any of these words uses no shared memory."""


def header_types(segment: MappedSegment) -> list[TypeSource]:
    """The structs of the sources that have a program's name, where one has the segment's size; else those of the
    headers, or of the sources where no header has any.
    """
    peers, options = segment.peers, segment.options
    names = [Path(own).name for pid in peers.pids if (own := executable(pid))]
    name = next(iter(names), "")
    deadline = time.monotonic() + _HEADER_SECONDS
    late: dict[Path, None] = {}

    def compiled(paths: Iterable[Path]) -> list[TypeSource]:
        return _compiled(paths, peers, options, deadline, late)

    with options.said_when_slow(_("compiling the headers beside {name} …").format(name=name)):
        sources = _files(peers, _SOURCES)
        found = compiled(path for path in sources if path.stem in names)
        if not any(struct.size == segment.size for each in found for struct in each.structs):
            found = compiled(_files(peers, _HEADERS)) or compiled(sources)
    if late:
        text = ngettext(
            "{count} file beside {name} was left out: compiling them took over {seconds:g} s; name one with "
            "--header FILE",
            "{count} files beside {name} were left out: compiling them took over {seconds:g} s; name one with "
            "--header FILE",
            len(late),
        )
        options.tell(text.format(count=len(late), name=name, seconds=_HEADER_SECONDS))
    return found


def _compiled(
    paths: Iterable[Path],
    peers: Peers,
    options: LayoutOptions,
    deadline: float,
    late: dict[Path, None],
) -> list[TypeSource]:
    """The types of the files; those for which no time is left come into ``late``."""
    found = []
    for path in paths:
        from shmtui.layouts.compiler import compile_types  # noqa: PLC0415 - heavy, rarely needed

        if time.monotonic() > deadline:
            late[path] = None
            continue
        with contextlib.suppress(ShmtuiError):
            types = compile_types(
                path, peers.libc, options.include, options.define, options.compiler
            )
            if types.structs:
                source = TypeSource(types.structs, LayoutSource.NEARBY, str(path), str(path))
                found.append(source)
    return found


def _files(peers: Peers, suffixes: tuple[str, ...]) -> list[Path]:
    """Files with such names, those first that have words of shared memory; of sources no others."""
    read = list(_read_all(peers, suffixes))
    told = [path for path, text in read if any(word in text for word in _WORDS)]
    others = [path for path, text in read if path not in told and b"struct" in text]
    return told + others if suffixes is _HEADERS else told


def _read_all(peers: Peers, suffixes: tuple[str, ...]) -> Iterator[tuple[Path, bytes]]:
    """Regular files with such names and their bytes, those beside the programs first."""
    room = _MOST_BYTES
    paths = (Path(folder, name) for folder in _folders(peers) for name in _names(folder))
    for path in islice((path for path in paths if path.name.endswith(suffixes)), _MOST_FILES):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_size <= room:
                text = path.read_bytes()
                room -= len(text)
                yield path, text


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _folders(peers: Peers) -> list[str]:
    """The folders of the programs and their working folders, each once."""
    found: dict[str, None] = {}
    for pid in peers.pids:
        own = executable(pid)
        if own:
            found[str(Path(own).parent)] = None
        with contextlib.suppress(OSError):
            found[str(Path(f"/proc/{pid}/cwd").readlink())] = None
    system = ("/usr/bin", "/bin", "/usr/sbin", "/")
    return [folder for folder in found if folder not in system]
