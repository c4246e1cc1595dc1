"""Words that a task changes by what it loaded, while another has stored there in between. Pure.

A task that always stores the same value there, as a flag's, changes nothing by what it loaded.
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


class _Load(msgspec.Struct, frozen=True):
    value: int | None
    step: int


class LostUpdates:
    """Follows one execution; a task that loads a word and stores it with no call in between changes it by what it
    loaded last.
    """

    def __init__(self) -> None:
        self.found: list[LostUpdate] = []
        self._loads: dict[str, dict[tuple[Place, int], _Load]] = {}
        self._seen: dict[tuple[str, Place], list[LostUpdate]] = {}
        """By task and word, until it has stored another value there, too, after a load."""
        self._values: dict[tuple[str, Place], set[int | None]] = {}
        self._stored: dict[tuple[Place, int], dict[str, tuple[int, int | None]]] = {}
        """By place and bytes the last store of each task: its step and value."""

    def called(self, task: str) -> None:
        """A task has done something else than load or store."""
        self._loads.pop(task, None)

    def access(
        self, task: str, operation: Operation, before: int | None, after: int | None, step: int,
        *, sets_up: bool = False,
    ) -> None:  # fmt: skip
        """A task has loaded or stored, as step number ``step``; ``sets_up``: before others had begun."""
        place, width, kind = operation.place, operation.width, operation.kind
        if place is None:
            return
        loads, key = self._loads.setdefault(task, {}), (task, place)
        if kind is Kind.LOAD:
            loads[place, width] = _Load(before, step)
            return
        load = loads.pop((place, width), None)
        stored = self._stored.setdefault((place, width), {})
        for other, (between, value) in stored.items():
            lost = load is not None and between > load.step and value != load.value
            if lost and load is not None and other != task and kind is Kind.STORE:
                update = LostUpdate(place, load.step, between, step)
                self._seen.setdefault(key, []).append(update)
        if not sets_up:
            stored[task] = step, after
        values = self._values.setdefault(key, set())
        if load is not None:
            values.add(after)
        if len(values) > 1:
            self.found += self._seen.pop(key, ())
