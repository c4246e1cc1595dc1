"""Lost updates, by steps that are made up."""

from shmtui.control.lost_updates import LostUpdates
from shmtui.control.operation import Kind, Operation, Place

PLACE = Place("jobs", 24)


def follow(*steps: tuple[str, Kind | None, int, int]) -> LostUpdates:
    """Of tasks that load and store a word before and after, each kind at an instruction of its own; None: a call."""
    updates = LostUpdates()
    for number, (task, kind, before, after) in enumerate(steps):
        if kind is None:
            updates.called(task)
        else:
            site = 1 + (kind is Kind.STORE)
            updates.access(task, Operation(kind, site, PLACE, width=4), before, after, number)
    return updates


def test_a_store_in_between_is_lost() -> None:
    """Both add to what they have loaded."""
    first = [
        ("P1", Kind.LOAD, 0, 0),
        ("P2", Kind.LOAD, 0, 0),
        ("P2", Kind.STORE, 0, 1),
        ("P1", Kind.STORE, 1, 1),
    ]
    again = [("P1", Kind.LOAD, 1, 1), ("P1", Kind.STORE, 1, 2)]
    (update,) = follow(*first, *again).found
    assert (update.loaded, update.between, update.step) == (0, 2, 3)


def test_a_constant_is_no_update() -> None:
    """A flag that is raised by two."""
    one = [("P1", Kind.LOAD, 0, 0), ("P2", Kind.STORE, 0, 1), ("P1", Kind.STORE, 1, 1)]
    assert not follow(*one, *one).found


def test_a_call_in_between() -> None:
    """What was loaded before a lock was taken counts for nothing."""
    assert not follow(
        ("P1", Kind.LOAD, 0, 0), ("P2", Kind.STORE, 0, 1), ("P1", None, 0, 0),
        ("P1", Kind.STORE, 1, 2), ("P1", Kind.STORE, 2, 3),
    ).found  # fmt: skip
