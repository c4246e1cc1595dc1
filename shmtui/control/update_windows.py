"""Where in an execution a task stands between the load of a word and its store of the same word. Pure."""

from collections.abc import Callable, Iterator
from typing import Final

from shmtui.control.operation import ACCESSES, Kind, Place
from shmtui.control.run import Run

_EACH: Final = 2
"""So many of one task and word: the first may be its set-up."""


def update_windows(run: Run, is_private: Callable[[Place], bool]) -> Iterator[tuple[int, str]]:
    """The number of each choice after such a load, and another task that stores the word, too: where that goes on
    first, its store is lost. ``is_private``: of a word that tasks cannot come to at once.
    """
    begin = len(run.steps) - len(run.choices)
    loads: dict[str, dict[Place, int]] = {}
    windows: dict[tuple[str, Place], list[int]] = {}
    storing: dict[Place, set[str]] = {}
    for number, step in enumerate(run.steps):
        kind, place = step.operation.kind, step.operation.place
        own = loads.setdefault(step.task, {})
        if kind not in ACCESSES or place is None:
            own.clear()
        elif kind is Kind.LOAD:
            own[place] = number
        elif number >= begin:
            storing.setdefault(place, set()).add(step.task)
            if kind is Kind.STORE and place in own:
                windows.setdefault((step.task, place), []).append(own.pop(place))
    for at in range(_EACH):
        for (task, place), found in windows.items():
            if at < len(found) and found[at] >= begin and not is_private(place):
                for other in sorted(storing[place] - {task}):
                    yield found[at] - begin + 1, other
