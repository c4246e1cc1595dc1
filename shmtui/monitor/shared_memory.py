"""One shared memory, found through the processes that have it, and what one process has."""

import os
from collections.abc import Set
from typing import Final, NamedTuple

import msgspec

from shmtui.monitor.shared_object import ObjectKind
from shmtui.procfs.process import MemoryStamp, PageFaults, process_name
from shmtui.procfs.shared_mappings import SharedMapping
from shmtui.procfs.thread_calls import ThreadCalls

DELETED: Final = b" (deleted)"


class MemoryKey(NamedTuple):
    """What tells one shared memory from another while both exist."""

    kind: ObjectKind
    device: int
    inode: int
    """shmid, of a System V segment."""
    namespace: str = ""
    """The IPC namespace, of a System V segment: each counts its own."""


class SharedMemory(msgspec.Struct):
    """One shared memory, and the processes that have it."""

    key: MemoryKey
    path: bytes = b""
    """As the kernel named it last, without *(deleted)*."""
    deleted: bool = False
    huge: bool = False
    """It is of huge pages."""
    mappings: dict[int, list[SharedMapping]] = msgspec.field(default_factory=dict)
    """By PID."""
    descriptors: dict[int, str] = msgspec.field(default_factory=dict)
    """A descriptor of it by PID, as the link below /proc/PID: ``fd/3``; ``exe`` where the process runs it."""
    status: os.stat_result | None = None
    """What `status_of` found at this pass."""
    mappers: tuple[tuple[int, str], ...] | None = None
    """(PID, name) of who maps it or has it open, sorted; None until it is asked for anew."""
    resident: tuple[tuple[int, ...], int | None] | None = None
    """Who mapped it when their page tables were asked, and how many pages they have; None where none may
    be asked.
    """
    _shown: bytes = b""
    _mapped_size: int | None = None

    def name_as(self, path: bytes) -> None:
        """Take the path that the kernel shows."""
        if path != self._shown:
            self._shown = path
            self.path, self.deleted = path.removesuffix(DELETED), path.endswith(DELETED)

    def map(self, pid: int, mappings: list[SharedMapping]) -> None:
        self.mappings[pid], self._mapped_size = mappings, None

    def unmap(self, pid: int) -> None:
        del self.mappings[pid]
        self._mapped_size = None

    @property
    def pids(self) -> list[int]:
        """Who maps it or has it open, sorted."""
        if self.mappers is not None:
            return [pid for pid, _name in self.mappers]
        return sorted(self.mappings.keys() | self.descriptors.keys())

    @property
    def mapped_size(self) -> int:
        """The last byte that is mapped, rounded up to pages."""
        if self._mapped_size is None:
            every = (m for mappings in self.mappings.values() for m in mappings)
            self._mapped_size = max((m.file_end for m in every), default=0)
        return self._mapped_size

    @property
    def run(self) -> bool:
        """Whether it is the program of a process that has no other descriptor of it."""
        return "exe" in self.descriptors.values()

    @property
    def name(self) -> str:
        """The path as text; undecodable bytes as surrogates."""
        return os.fsdecode(self.path)


class OpenFile(msgspec.Struct, frozen=True):
    """A descriptor of shared memory, or a program that lies in it."""

    link: str
    """Below /proc/PID: ``fd/3``, or ``exe``."""
    kind: ObjectKind
    target: bytes


class ResidentPages(NamedTuple):
    """The pages of one memory that the page table of a process has."""

    pages: dict[int, int] | None
    """As of `PageTable.add`; None: this user may not know."""
    faults: PageFaults | None
    """Of the process, before they were read; None: they are to be read again."""


class Process(msgspec.Struct):
    """What a process has, as the pass ``reading`` found it."""

    reading: int
    stamp: MemoryStamp | None
    ran: bytes | None
    """Its `run_stamp` before that; None where that tells nothing of its other threads, or where it had
    run since it was last read: such a one is likely to run again.
    """
    mappings: tuple[SharedMapping, ...] | None
    """None: this user may not know."""
    space: str
    """Its mount namespace."""
    memory: dict[MemoryKey, list[SharedMapping]] = msgspec.field(default_factory=dict)
    """Those of the mappings that show memory."""
    open: list[OpenFile] = msgspec.field(default_factory=list)
    opened: dict[MemoryKey, str] = msgspec.field(default_factory=dict)
    """Those of its descriptors that show memory."""
    idle: bool = False
    """It has not run between the last two passes, so that its descriptors are what they were."""
    waits: tuple[int, ...] | None = ()
    """The addresses that its threads wait at; None: this user may not know."""
    waits_known: bool = False
    waits_in_part: bool = False
    """Whether not all of its threads were asked."""
    thread_calls: ThreadCalls | None = None
    """Of one with several threads that was asked."""
    counted: bytes | None = None
    """Its `run_stamp` in any case; None: it was not asked for."""
    faults: PageFaults | None = None
    """Its own at that pass, or a later one."""
    resident: dict[MemoryKey, ResidentPages] = msgspec.field(default_factory=dict)
    """What its page table has of each memory, where that was asked."""
    _named: tuple[int, str] | None = None

    @property
    def keys(self) -> Set[MemoryKey]:
        """What memory it has."""
        return self.memory.keys() | self.opened.keys()

    def named(self, pid: int) -> tuple[int, str]:
        """Its PID and its `process_name`."""
        if self._named is None:
            self._named = pid, process_name(pid)
        return self._named
