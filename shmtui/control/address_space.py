"""The memory of a process under control: what it maps that others map too, and what is guarded."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from shmtui.control.global_variables import OWN
from shmtui.control.operation import Place
from shmtui.procfs.maps import MapsLine, map_lines, mapping_flags, split_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shmtui.control.task import Task


class AddressSpace:
    """What the threads of a process have in common."""

    def __init__(self, pid: int, parent: "AddressSpace | None" = None) -> None:
        self.pid = pid
        self.memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
        self.shared: list[tuple[int, int, Place]] = [] if parent is None else [*parent.shared]
        """Begin and end of its shared mappings, and the place that each begins at."""
        self.guarded: dict[int, tuple[int, int]] = {} if parent is None else {**parent.guarded}
        """Bytes and rights, by the begin of the ranges that no access is let through to."""
        self.tasks: list[Task] = []
        self._droppable: dict[int, bool] = {}
        self._apart: list[tuple[str, int, int]] = [] if parent is None else [*parent._apart]
        """Files of /dev/shm that it maps with MAP_PRIVATE, where that begins, and bytes."""

    def share(self, begin: int, end: int, place: Place) -> None:
        """Count a part of a process's own memory as shared: its threads share it."""
        kept = [each for each in self.shared if each[0] != begin]
        self.shared = [*kept, (begin, end, place)]

    def freed(self, address: int) -> None:
        """A block of allocated memory is none any more: what is allocated there later is its thread's own."""
        own = (
            begin == address and place.segment.startswith(OWN) for begin, _end, place in self.shared
        )
        self.shared = [each for each, gone in zip(self.shared, own, strict=True) if not gone]

    @property
    def is_alone(self) -> bool:
        """Whether it has one thread."""
        return sum(task.ended is None for task in self.tasks) < 2

    def read(self, address: int, size: int) -> bytes:
        """Bytes of its memory; fewer where it has none."""
        try:
            return os.pread(self.memory, size, address)
        except (OSError, OverflowError):
            return b""

    def write(self, address: int, raw: bytes) -> None:
        """Put bytes there, over whatever protects them."""
        os.pwrite(self.memory, raw, address)

    def word(self, address: int) -> int:
        """The unsigned int there."""
        return int.from_bytes(self.read(address, 4), "little")

    def known_place(self, address: int) -> Place | None:
        """The byte of a shared mapping there, of those that were asked for before."""
        for begin, end, place in self.shared:
            if begin <= address < end:
                return Place(place.segment, place.offset + address - begin)
        return None

    def place(self, address: int, name_of: "Callable[[MapsLine], str]") -> Place | None:
        """The byte of a shared mapping there; ``name_of`` names a mapping that is met for the first time."""
        found = self.known_place(address)
        line = None if found is not None else self.shared_line(address)
        if line is None:
            return found
        self.shared.append((line.start, line.end, Place(name_of(line), line.offset)))
        return self.known_place(address)

    def shared_line(self, address: int) -> MapsLine | None:
        """The shared mapping that lies there."""
        for line in self.lines():
            if line.start <= address < line.end:
                return line if line.rights.endswith(b"s") else None
        return None

    def lines(self) -> "Iterator[MapsLine]":
        return map(split_line, map_lines(self.pid) or ())

    def is_droppable(self, begin: int) -> bool:
        """Whether the kernel may drop what the mapping there holds (MAP_DROPPABLE, Linux 6.11), so that no program counts
        on it: the vDSO has its random numbers in such a one, which are others in each execution.
        """
        if begin not in self._droppable:
            flags = mapping_flags(self.pid)
            self._droppable = {start: b"dp" in of for start, of in flags.items()} | {
                begin: b"dp" in flags.get(begin, ())
            }
        return self._droppable[begin]

    def note_apart(self, path: str, begin: int, size: int) -> None:
        """It maps a file of /dev/shm with MAP_PRIVATE, so that what it stores there is its own."""
        self._apart.append((path, begin, size))

    def stored_apart(self) -> Place | None:
        """Where it has stored something in such a mapping: the first byte that differs from the file."""
        for path, begin, size in self._apart:
            try:
                shared = Path(path).read_bytes()[:size]
            except OSError:
                continue  # Its name is gone.
            own = self.read(begin, len(shared))
            if own != shared and len(own) == len(shared):
                at = next(n for n, (a, b) in enumerate(zip(own, shared, strict=True)) if a != b)
                return Place(path.rpartition("/")[2], at)
        return None

    def is_guarded(self, address: int, size: int = 1) -> bool:
        return any(
            begin < address + size and address < begin + length
            for begin, (length, _rights) in self.guarded.items()
        )

    def close(self) -> None:
        os.close(self.memory)
