"""The pages of shared memory that processes have touched, read through those that map it. A page is read once
the page table of one of them has it: reading a hole through a mapping would allocate it.
"""

import contextlib
import mmap
import os
from collections.abc import Collection, Iterator

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.procfs.process import processes
from shmtui.procfs.resident_pages import PageTable, pages_of
from shmtui.procfs.shared_mappings import SharedMapping, SharedMappings
from shmtui.shm.segment import FileIdentity
from shmtui.shm.segment_reader import Span


class _Mapper(msgspec.Struct):
    """One process's view. Its descriptors stay those of this process's memory: where it ends, or
    runs another program, they read nothing.
    """

    pid: int
    mappings: tuple[SharedMapping, ...]
    memory: int
    pages: PageTable

    def read_page(self, offset: int, length: int) -> bytes | None:
        """Bytes within a page of the file; None where this process has not touched the page."""
        for mapping in self.mappings:
            at = mapping.start + offset - mapping.offset
            if mapping.start <= at and at + length <= mapping.end:
                with contextlib.suppress(OSError):
                    if self.pages.has(at):
                        raw = os.pread(self.memory, length, at)
                        return raw if len(raw) == length else None
        return None

    def close(self) -> None:
        os.close(self.memory)
        self.pages.close()


class MappedPages:
    """Memory by the processes that map it. It is read through few of them: another is asked where none of
    those has touched a page, once between two calls of `refresh`.
    """

    def __init__(
        self,
        identity: FileIdentity,
        name: str,
        among: Collection[int] | None,
        size: int | None = None,
    ) -> None:
        """``among``: PIDs; None: all that there are. ``size``: its bytes, where they are known; else it
        has as many as processes map. ShmtuiError: this user may not read the memory of any of them.
        """
        self._identity = identity
        self._among = among
        self._sized = size is not None
        self._reader = SharedMappings()
        self._mappers: dict[int, _Mapper] = {}
        """Those that it is read through."""
        self._others: tuple[int, ...] | None = None
        """All that map it; None until that is asked."""
        self._untouched: set[int] = set()
        """Pages that none of them had, since the last `refresh`."""
        self.size = size or 0
        self.uid, self.gid = -1, -1
        refused = self._begin()
        if not self._mappers:
            raise ShmtuiError(_refusal(name, refused))

    def _begin(self) -> int | None:
        """Open the first mapper that can be, and learn of the size. Returns one that may not be read."""
        refused = None
        for pid, mappings in self._everybody():
            if not self._mappers:
                try:
                    self._add(pid, mappings)
                    status = os.stat(f"/proc/{pid}")  # noqa: PTH116 - it is no path
                    self.uid, self.gid = status.st_uid, status.st_gid
                except PermissionError:
                    refused = pid
                except OSError:
                    continue
            if self._sized and self._mappers:
                break
        return refused

    def _everybody(self) -> Iterator[tuple[int, tuple[SharedMapping, ...]]]:
        """Who maps it, with the mappings; to the end, they are known from then on."""
        found = []
        for pid in processes() if self._among is None else self._among:
            its = self._mappings(pid)
            if its:
                found.append(pid)
                if not self._sized:
                    self.size = max(self.size, *(m.file_end for m in its))
                yield pid, its
        self._others = tuple(found)

    def _mappings(self, pid: int) -> tuple[SharedMapping, ...]:
        return tuple(m for m in self._reader.of(pid) or () if identity_of(m) == self._identity)

    def _add(self, pid: int, mappings: tuple[SharedMapping, ...]) -> _Mapper:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            pages = PageTable(pid)
        except OSError:
            os.close(memory)
            raise
        mapper = self._mappers[pid] = _Mapper(pid, mappings, memory, pages)
        return mapper

    def refresh(self) -> bool:
        """Whether any process still maps it. Views that changed are opened anew."""
        self._untouched.clear()
        for pid, mapper in [*self._mappers.items()]:
            if self._mappings(pid) != mapper.mappings:
                self._mappers.pop(pid).close()
        if not self._mappers:
            self._begin()
        return bool(self._mappers)

    def read(self, offset: int, length: int) -> bytes:
        """Pages that no process has touched read as zeros."""
        end = min(offset + length, self.size)
        parts = {}
        while offset < end:
            parts[offset] = min(end - offset, mmap.PAGESIZE - offset % mmap.PAGESIZE)
            offset += parts[offset]
        found: dict[int, bytes] = {}
        for mapper in self._mappers.values():
            _read_parts(mapper, parts, found)
        unknown = {at for at in parts.keys() - found.keys() if not self._is_untouched(at)}
        if unknown:
            self._search({at: parts[at] for at in unknown}, found)
            self._untouched |= {at // mmap.PAGESIZE for at in unknown - found.keys()}
        return b"".join(found.get(at) or bytes(part) for at, part in parts.items())

    def _is_untouched(self, offset: int) -> bool:
        return offset // mmap.PAGESIZE in self._untouched

    def _search(self, parts: dict[int, int], found: dict[int, bytes]) -> None:
        """Read parts through mappers that are not read through so far; who has one is, from then on."""
        everybody = self._others
        if everybody is None:
            everybody = tuple(pid for pid, _mappings in self._everybody())
        for pid in everybody:
            if pid in self._mappers:
                continue
            if parts.keys() <= found.keys():
                return
            with contextlib.suppress(OSError):
                mappings = self._mappings(pid)
                if mappings:
                    before = len(found)
                    _read_parts(self._add(pid, mappings), parts, found)
                    if len(found) == before:
                        self._mappers.pop(pid).close()

    def stretches(self) -> Iterator[Span]:
        """The pages that processes have touched, in order."""
        known: dict[int, int] = {}
        for mapper in self._mappers.values():
            for mapping in mapper.mappings:
                with contextlib.suppress(OSError):
                    mapper.pages.add(mapping, known)
        return ((page * mmap.PAGESIZE, mmap.PAGESIZE) for page in pages_of(known))

    def close(self) -> None:
        while self._mappers:
            self._mappers.popitem()[1].close()


def _read_parts(mapper: _Mapper, parts: dict[int, int], found: dict[int, bytes]) -> None:
    """Add to ``found`` what this process has of the parts, each within a page, that are not in it."""
    for at, length in parts.items():
        if at not in found:
            page = mapper.read_page(at, length)
            if page is not None:
                found[at] = page


def identity_of(mapping: SharedMapping) -> FileIdentity:
    """What a mapping shows."""
    return FileIdentity(mapping.device, mapping.inode, mapping.path.startswith(b"/SYSV"))


def _refusal(name: str, pid: int | None) -> str:
    if pid is None:
        return _("no process maps {name} any more").format(name=name)
    text = _(
        "this user may not read the memory of PID {pid}, which maps {name} (Yama's ptrace_scope, or "
        "another user's process): run shmtui as root"
    )
    if name.startswith("sysv:"):
        text = _(
            "this user may not read the memory of PID {pid}, which has {name} attached (Yama's "
            "ptrace_scope, or another user's process): run shmtui as root, or say --shmat, which attaches "
            "it read-only"
        )
    return text.format(name=name, pid=pid)
