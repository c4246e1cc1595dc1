"""Semaphores and mutexes used in ways that they were not made for, in one execution."""

import struct
from typing import TYPE_CHECKING, Final

from shmtui.control.barriers import is_for_processes
from shmtui.control.global_variables import OWN
from shmtui.control.operation import ACCESSES, COND_WAITS, SILENT, TIMED, Kind, Operation, Place
from shmtui.control.run import Misuse
from shmtui.shm.libc import Libc
from shmtui.shm.sync_object import SYNC_SIZES, SyncKind, decode_sync

if TYPE_CHECKING:
    from shmtui.control.address_space import AddressSpace
    from shmtui.control.execution import Execution
    from shmtui.control.task import Task

_SEMAPHORE: Final = TIMED | {Kind.WAIT, Kind.POST}
_NO_CALLS: Final = ACCESSES | SILENT
_MUTEX: Final = frozenset({Kind.LOCK, Kind.TRY_LOCK, Kind.TIMED_LOCK})
_OF_CONDITIONS: Final = COND_WAITS | {Kind.SIGNAL, Kind.BROADCAST}
_PSHARED: Final = 128
"""In the kind of a mutex: shared between processes."""
_POINTER: Final = struct.Struct("<Q")
_LOWEST: Final = 0x10000
"""No memory is mapped below (vm.mmap_min_addr)."""
_FIXED: Final = 1 << 32
"""What the linker gives its address lies below; all else lies elsewhere in each program (randomize_va_space)."""
_COMPARED: Final = 16
"""Bytes that two processes have alike at an address that means the same to both."""
_KIND: Final = {False: 16, True: 0}
"""Where glibc's mutex has its kind, and musl's (True)."""


class ObjectUse:
    """Who made and used what."""

    def __init__(self, world: "Execution") -> None:
        self._world = world
        self._made: dict[Place, tuple[bool, AddressSpace]] = {}
        self._makers: dict[Place, Task] = {}
        self._used: dict[Place, Task] = {}
        self._highest: dict[Place, int] = {}
        self._first: dict[Place, int] = {}
        self._turns: dict[tuple[str, Place], tuple[int, int]] = {}
        """Waits and posts of each task."""

    def initialised(self, place: Place, task: "Task", *, shared: bool) -> None:
        """A task calls sem_init(3)."""
        before = self._makers.setdefault(place, task)
        if before.space is not task.space:
            self._world.result.made_again.append((task.name, before.name, place))
        if place not in self._made:
            self._used_before(place)
        self._made[place] = (shared, task.space)

    def _used_before(self, place: Place) -> None:
        """Somebody waits for a semaphore that is initialised only now: sem_init(3) forgets who waits."""
        step = max(len(self._world.result.steps) - 1, 0)
        for other in self._world.tasks:
            operation = other.operation
            waits = operation.place == place and operation.kind in _SEMAPHORE
            wrong = self._semaphore(other, place) if waits else None
            if wrong is not None:
                self._found(wrong, place, other, operation, step)

    def note(self, task: "Task", operation: Operation, before: int | None, step: int) -> None:
        """A task uses an object, or waits to."""
        place, kind = operation.place, operation.kind
        apart = None if kind in _NO_CALLS else task.space.stored_apart()
        if apart is not None:
            self._found("private-mapping", apart, task, operation, step)
        if place is None:
            if kind is Kind.WAIT and task.space.is_alone and not task.word(operation.address):
                place = Place("", operation.address)
                self._found("private-memory", place, task, operation, step)
            return
        wrong: str | None = None
        if kind in _SEMAPHORE:
            wrong = self._semaphore(task, place) or self._surplus(task, place, kind, before)
            wrong = wrong or self._mutex_role(place, kind, before)
        elif kind in _MUTEX:
            first = self._used.setdefault(place, task)
            kept = task.word(operation.address + _KIND[task.program.is_musl]) & _PSHARED
            if first.space is not task.space and not kept:
                wrong = "process-private"
        elif kind in _OF_CONDITIONS and not task.program.is_musl:
            first = self._used.setdefault(place, task)
            raw = self._world.memory.raw(
                place.segment, place.offset, SYNC_SIZES[SyncKind.CONDITION]
            )
            shared = decode_sync(SyncKind.CONDITION, raw, Libc.GLIBC).shared
            if first.space is not task.space and shared is False:
                wrong = "process-private"
        elif kind is Kind.BARRIER:
            first = self._used.setdefault(place, task)
            if first.space is not task.space and not is_for_processes(task, operation.address):
                wrong = "process-private"
        if wrong is not None:
            self._found(wrong, place, task, operation, step)

    def stored(self, task: "Task", operation: Operation, step: int) -> None:
        """A task has stored. In a slot, an address of its own memory is no use to a process where something else lies
        there; what was there before a fork, and in a program at a fixed address, lies there too.
        """
        ring, place = self._world.ring, operation.place
        if ring is None or place is None or place.segment != ring.segment:
            return
        if ring.slot(place.offset) is None or operation.width < _POINTER.size:
            return
        others = [each for each in self._world.tasks if each.ended is None]
        raw = self._world.memory.bytes_of(operation)
        for (address,) in _POINTER.iter_unpack(raw[: len(raw) // _POINTER.size * _POINTER.size]):
            own = task.space.read(address, _COMPARED) if address > _LOWEST else b""
            shared = not own or task.place(address) is not None
            if not shared and any(
                (each.program is not task.program and address > _FIXED)
                or each.space.read(address, _COMPARED) != own
                for each in others
            ):
                self._found("address-stored", place, task, operation, step)

    def _found(
        self, wrong: str, place: Place, task: "Task", operation: Operation, step: int
    ) -> None:
        misuses = self._world.result.misuses
        if not any((m.kind, m.place) == (wrong, place) for m in misuses):
            misuses.append(Misuse(wrong, place, step, task.name, operation))

    def _semaphore(self, task: "Task", place: Place) -> str | None:
        made = self._made.get(place)
        if made is not None:
            return "process-private" if not made[0] and made[1] is not task.space else None
        if place.segment.startswith(OWN):
            return None  # One for threads is all zeros where it is initialised to 0.
        named = place.segment.startswith("sem.")
        raw = self._world.memory.raw(place.segment, place.offset, 16)
        return "never-initialised" if not named and raw == bytes(16) else None

    def _surplus(self, task: "Task", place: Place, kind: Kind, before: int | None) -> str | None:
        """Of a semaphore that a task waits for and posts by turns: it posts once more than it has waited, and the value
        exceeds the first one.
        """
        if before is None:
            return None
        first = self._first.setdefault(place, before)
        waits, posts = self._turns.get((task.name, place), (0, 0))
        if kind is not Kind.POST:
            self._turns[task.name, place] = waits + (before > 0), posts
            return None
        self._turns[task.name, place] = waits, posts + 1
        exceeds = before >= first > 0
        return "mutex-overflow" if exceeds and 0 < waits <= posts else None

    def _mutex_role(self, place: Place, kind: Kind, before: int | None) -> str | None:
        """Of the semaphore that is the ring's lock: one that was 1 at most is posted while it is 1."""
        ring = self._world.ring
        if ring is None or place != Place(ring.segment, -1 if ring.mutex is None else ring.mutex):
            return None
        highest = self._highest[place] = max(self._highest.get(place, 0), before or 0)
        return "mutex-overflow" if kind is Kind.POST and before == highest == 1 else None
