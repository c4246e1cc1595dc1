"""The bytes that the tasks of an execution share, read and written from outside."""

import os
from typing import TYPE_CHECKING

from shmtui.control.operation import Operation, Place
from shmtui.control.semaphore_sets import PREFIX

if TYPE_CHECKING:
    from shmtui.control.shared_files import SharedFiles
    from shmtui.control.task import Task


class SharedBytes:
    """The shared files of one execution: by their descriptors, or as a living task sees them."""

    def __init__(self, files: "SharedFiles", tasks: "list[Task]") -> None:
        self._files, self._tasks = files, tasks

    def raw(self, segment: str, offset: int, size: int) -> bytes:
        """Bytes of a shared file; empty where nobody has it any more. Of a System V set: a value."""
        if segment.startswith(PREFIX):
            value = self._files.sets.value(segment, offset)
            return b"" if value is None else value.to_bytes(4, "little")
        if segment in self._files.descriptors:
            return os.pread(self._files.descriptors[segment], size, offset)
        for task in self._tasks:
            if task.ended is None and not task.foreign:
                for begin, end, place in task.space.shared:
                    within = place.offset <= offset < place.offset + end - begin
                    if place.segment == segment and within:
                        return task.space.read(begin + offset - place.offset, size)
        return b""

    def put(self, place: Place, raw: bytes) -> bool:
        """Write to a shared file; False where it cannot be opened."""
        file = self._files.descriptors.get(place.segment)
        if file is not None:
            os.pwrite(file, raw, place.offset)
        return file is not None

    def word(self, operation: Operation) -> int | None:
        """The word that an operation is about; None where it is about none that is shared."""
        if operation.place is None:
            return None
        width = min(operation.width or 4, 8)
        place = operation.place
        return int.from_bytes(self.raw(place.segment, place.offset, width), "little")

    def bytes_of(self, operation: Operation) -> bytes:
        """All that an operation is about."""
        place = operation.place
        return b"" if place is None else self.raw(place.segment, place.offset, operation.width)

    def segments(self) -> dict[str, int]:
        """Bytes of what living tasks map, by name."""
        return {
            place.segment: place.offset + end - begin
            for task in self._tasks
            if task.ended is None
            for begin, end, place in task.space.shared
        }
