"""Which tasks of one program produce, and which consume."""

from shmtui.control.items import Ring
from shmtui.control.operation import Kind, Operation, Place
from shmtui.control.run import Run, Step
from shmtui.control.sides import sides_of
from shmtui.shm.protocol import Role

RING = Ring("ring", 0, 4, 4, 16, 20, None, 32, 64)
EMPTY, FULL, SLOT = Place("ring", 32), Place("ring", 64), Place("ring", 4)


def run_of(*steps: tuple[str, Kind, Place], parents: dict[str, str]) -> Run:
    """A run of these steps of a program and its threads."""
    taken = [Step(task, Operation(kind, 1, place), 0) for task, kind, place in steps]
    tasks = ["P1", *parents]
    return Run(taken, programs=dict.fromkeys(tasks, "P1"), parents=parents)


def test_by_the_slots() -> None:
    """Who stores in a slot before it loads one produces; what was set up does not count, and who waits for what the
    consumer waits for consumes, too.
    """
    run = run_of(
        ("P1", Kind.STORE, SLOT), ("P1.2", Kind.WAIT, EMPTY), ("P1.2", Kind.STORE, SLOT),
        ("P1", Kind.WAIT, FULL), ("P1", Kind.LOAD, SLOT),
        parents={"P1.2": "P1", "P1.3": "P1", "P1.4": "P1"},
    )  # fmt: skip
    run.blocked = [("P1.3", Operation(Kind.WAIT, 1, FULL))]
    sides = {"P1": Role.CONSUMER, "P1.2": Role.PRODUCER, "P1.3": Role.CONSUMER}
    assert sides_of(run, RING) == sides


def test_where_names_do_not_tell() -> None:
    """Tasks that several begin are numbered by the order; and one side alone is none."""
    steps = ("P1.2", Kind.STORE, SLOT), ("P1.3", Kind.LOAD, SLOT)
    assert sides_of(run_of(*steps, parents={"P1.2": "P1", "P1.3": "P1"}), RING)
    assert not sides_of(run_of(*steps, parents={"P1.2": "P1", "P1.3": "P1.2"}), RING)
    assert not sides_of(run_of(steps[0], parents={"P1.2": "P1"}), RING)
