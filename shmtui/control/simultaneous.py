"""A load and a store of one word that two tasks stand before at once, so that nothing keeps them apart."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from shmtui.control.access import REGISTER, compares_bytes
from shmtui.control.commuting import Commuting, words_of
from shmtui.control.operation import ACCESSES, Kind, Operation, Place

if TYPE_CHECKING:
    from shmtui.control.items import Ring
    from shmtui.control.task import Task

_AROUND: Final = 128
"""Bytes of code before an instruction, and from it on, that tell what the function around it does."""


class LoadRace(msgspec.Struct, frozen=True):
    """Who loads a word while another stores it."""

    place: Place
    loader: str
    load: Operation
    storer: str
    store: Operation
    step: int
    """The last one before both."""
    may_look_beyond: bool
    """Whether it is a function for strings that loads it: one looks at more than its string, and that is no race."""


def load_races(
    tasks: "Sequence[Task]", ring: "Ring | None", commuting: Commuting, step: int
) -> list[LoadRace]:
    """Those of slots, and of words that several store under a lock which who loads does not hold. That a word is
    stored by one alone, or without a lock, or by an instruction that locks it, may be meant.
    """
    pending = [
        task for task in tasks if task.operation.kind in ACCESSES and not task.operation.atomic
    ]
    if len(pending) < 2:
        return []
    found = []
    for loader in (task for task in pending if task.operation.kind is Kind.LOAD):
        words = set(words_of(loader.operation))
        for storer in (task for task in pending if task.operation.kind is not Kind.LOAD):
            common = words.intersection(words_of(storer.operation))
            place = loader.operation.place
            if (
                place is not None
                and common
                and _overlap(loader.operation, storer.operation)
                and any(
                    _is_of_slot(word, ring) or commuting.locks_out(loader.name, word)
                    for word in common
                )
            ):
                found.append(
                    LoadRace(
                        place,
                        loader.name,
                        loader.operation,
                        storer.name,
                        storer.operation,
                        step,
                        may_look_beyond(loader, loader.operation),
                    )
                )
    return found


def may_look_beyond(task: "Task", operation: Operation) -> bool:
    """Whether a function for strings takes this step: it loads more than its string."""
    if operation.kind is not Kind.LOAD or operation.width <= REGISTER:
        return False
    return compares_bytes(task.space.read(operation.site - _AROUND, 2 * _AROUND))


def _overlap(one: Operation, other: Operation) -> bool:
    """Whether they are about a byte in common: words of less than four bytes lie side by side in one."""
    if one.place is None or other.place is None:
        return False
    first, second = one.place.offset, other.place.offset
    return first < second + max(other.width, 1) and second < first + max(one.width, 1)


def _is_of_slot(word: Place, ring: "Ring | None") -> bool:
    """Whether it is of an item that is kept for a consumer."""
    if ring is None or word.segment != ring.segment:
        return False
    kept = ring.keeps_items or ring.count is not None
    return kept and ring.slot(word.offset) is not None
