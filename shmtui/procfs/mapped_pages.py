"""The pages of shared memory that processes have touched, read through those that map it. A page is read once
the page table of one of them has it: reading a hole through a mapping would allocate it.
"""

import contextlib
import mmap
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.procfs.process import processes
from shmtui.procfs.resident_pages import PageTable, pages_of
from shmtui.procfs.shared_mappings import SharedMapping, SharedMappings
from shmtui.shm.segment import FileIdentity
from shmtui.shm.segment_reader import Span


@dataclass(slots=True)
class _Mapper:
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
    """Memory by the processes that map it."""

    def __init__(self, identity: FileIdentity, name: str, among: Collection[int] | None) -> None:
        """``among``: PIDs; None: all that there are. ShmtuiError: this user may not read the memory of
        any of them.
        """
        self._identity = identity
        self._among = among
        self._reader = SharedMappings()
        self._mappers: dict[int, _Mapper] = {}
        self.size = 0
        self.uid, self.gid = -1, -1
        refused = None
        for pid, mappings in self._everybody():
            try:
                self._add(pid, mappings)
            except PermissionError:
                refused = pid
            except OSError:
                continue
        if not self._mappers:
            raise ShmtuiError(_refusal(name, refused))

    def _everybody(self) -> Iterator[tuple[int, tuple[SharedMapping, ...]]]:
        for pid in processes() if self._among is None else self._among:
            its = tuple(m for m in self._reader.of(pid) or () if identity_of(m) == self._identity)
            if its:
                yield pid, its

    def _add(self, pid: int, mappings: tuple[SharedMapping, ...]) -> None:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            pages = PageTable(pid)
        except OSError:
            os.close(memory)
            raise
        self._mappers[pid] = _Mapper(pid, mappings, memory, pages)
        status = os.stat(f"/proc/{pid}")  # noqa: PTH116 - it is no path
        self.uid, self.gid = status.st_uid, status.st_gid
        self.size = max(self.size, *(m.file_end for m in mappings))

    def refresh(self) -> bool:
        """Whether any process still maps it. Views that changed are opened anew."""
        for pid, mapper in [*self._mappers.items()]:
            its = tuple(m for m in self._reader.of(pid) or () if identity_of(m) == self._identity)
            if its != mapper.mappings:
                self._mappers.pop(pid).close()
        if not self._mappers:
            for pid, mappings in self._everybody():
                with contextlib.suppress(OSError):
                    self._add(pid, mappings)
        return bool(self._mappers)

    def read(self, offset: int, length: int) -> bytes:
        """Pages that no process has touched read as zeros."""
        end = min(offset + length, self.size)
        found = b""
        while offset < end:
            part = min(end - offset, mmap.PAGESIZE - offset % mmap.PAGESIZE)
            pages = (mapper.read_page(offset, part) for mapper in self._mappers.values())
            found += next((page for page in pages if page is not None), bytes(part))
            offset += part
        return found

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
