"""Words that a task changes by what it loaded, while another has stored there in between. Pure.

A store that always stores the same value, as that of a flag, changes nothing by what was loaded.
"""

import msgspec

from shmtui.control.operation import Kind, Operation, Place


class LostUpdate(msgspec.Struct, frozen=True):
    """A store that another's store undoes."""

    place: Place
    loaded: int
    """The step that loaded the word."""
    between: int
    """The step that stored there."""
    step: int
    """The step that stores there by what was loaded before."""


class LostUpdates:
    """Follows one execution; a task that loads a word and stores it next changes it by what it loaded."""

    def __init__(self) -> None:
        self.found: list[LostUpdate] = []
        self._loaded: dict[str, tuple[Place | None, int, int | None, int]] = {}
        self._seen: dict[int, list[LostUpdate]] = {}
        """By the instruction that stores, until that has stored another value, too."""
        self._values: dict[int, set[int | None]] = {}
        self._stored: dict[Place, tuple[str, int]] = {}

    def called(self, task: str) -> None:
        """A task has done something else than load or store."""
        self._loaded.pop(task, None)

    def access(
        self, task: str, operation: Operation, before: int | None, after: int | None, step: int
    ) -> None:
        """A task has loaded or stored, as step number ``step``."""
        place, width = operation.place, operation.width
        loaded = self._loaded.pop(task, None)
        if operation.kind is Kind.LOAD:
            self._loaded[task] = place, width, before, step
            return
        if place is None:
            return
        other = self._stored.get(place, (task, step))
        if (
            loaded is not None
            and operation.kind is Kind.STORE
            and loaded[:2] == (place, width)
            and before != loaded[2]
            and other[0] != task
            and other[1] > loaded[3]
        ):
            update = LostUpdate(place, loaded[3], other[1], step)
            self._seen.setdefault(operation.site, []).append(update)
        self._stored[place] = task, step
        values = self._values.setdefault(operation.site, set())
        values.add(after)
        if len(values) > 1:
            self.found += self._seen.pop(operation.site, ())
