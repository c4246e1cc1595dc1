"""What an execution shows beyond its findings: rounds, items and their order, who waits busily."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from shmtui.control.execution import Execution
from shmtui.control.exploration import Workshop
from shmtui.control.operation import ACCESSES, SILENT, Kind, Place
from shmtui.control.run import Run, Step
from shmtui.grading.trial import Spin
from shmtui.shm.protocol import Role

_LOOKS: Final = frozenset(
    {Kind.LOAD, Kind.TRY_WAIT, Kind.TRY_LOCK, Kind.TIMED_WAIT, Kind.CLOCK_WAIT}
)


def rounds(run: Run, task: str) -> int:
    """How often a task took the step, of those that concern others, that it took most often."""
    sites = Counter(
        step.operation.site
        for step in run.steps
        if step.task == task and step.operation.kind not in ACCESSES | SILENT
    )
    return max(sites.values(), default=0)


def in_order(run: Run, taken: Sequence[tuple[int, int]]) -> bool:
    """Whether each consumer took each producer's items in the order in which they were put."""
    last: dict[tuple[str, str], int] = {}
    for put, take in taken:
        key = run.steps[put].task, run.steps[take].task
        if put < last.get(key, -1):
            return False
        last[key] = put
    return True


class Follow:
    """The slots of an execution: items that were made, and those that reached the other side."""

    def __init__(self, workshop: Workshop, run: Run) -> None:
        self.made = self.passed = self.most_held = 0
        held: set[int] = set()
        for step in run.steps:
            slot = _slot(workshop.execution, step)
            sides = workshop.execution.sides
            if slot is None or (sides and step.task not in sides):
                continue
            if run.roles[step.task] is Role.PRODUCER and step.operation.kind is not Kind.LOAD:
                self.made += slot not in held
                held.add(slot)
                self.most_held = max(self.most_held, len(held))
            elif run.roles[step.task] is Role.CONSUMER and slot in held:
                held.discard(slot)
                self.passed += 1


def _slot(execution: Execution, step: Step) -> int | None:
    place, ring = step.operation.place, execution.ring
    if ring is None or place is None or step.operation.kind not in ACCESSES:
        return None
    return ring.slot(place.offset) if place.segment == ring.segment else None


def spins(workshop: Workshop, run: Run) -> Iterator[Spin]:
    """Who waited for what by looking at it over and over: of the words that it looked at, those that others change."""
    changed = {
        (step.task, step.operation.place)
        for step in run.steps
        if step.operation.kind is not Kind.LOAD and step.value != step.after
    }
    for task, place in sorted(run.spinning, key=str):
        own = {each for name, each in run.spinning if name == task}
        others = {at for name, at in changed if name != task and at in own}
        if others and place not in others:
            continue
        words = workshop.names.place(place)
        steps = [step for step in run.steps if step.task == task]
        lines = [
            workshop.names.line(run.programs[task], step.operation)
            for step in steps
            if step.operation.place == place and step.operation.kind in _LOOKS
        ]
        yield Spin(task, words, lines[-1] if lines else "", _sleeps(steps, place))


def _sleeps(steps: Sequence[Step], place: Place | None) -> bool:
    """Whether a task sleeps between its looks at a place, wherever it does no more than look."""
    looks = slept = found = False
    for step in steps:
        kind = step.operation.kind
        if kind in _LOOKS and step.operation.place == place:
            if looks and not slept:
                return False
            found, looks, slept = found or looks, True, False
        elif kind is Kind.SLEEP:
            slept = slept or bool(step.operation.address)
        elif kind not in _LOOKS and kind not in SILENT:
            looks = slept = False
    return found
