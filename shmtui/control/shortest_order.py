"""The shortest order that shows a finding: by the fewest items, then the fewest steps, then the fewest departures."""

import heapq
import time
from collections.abc import Callable

import msgspec

from shmtui.control.execution import Execution
from shmtui.control.judge import Finding, judge
from shmtui.control.places import Names
from shmtui.control.run import Run


class _Shallowest:
    """The states that were entered, each with the fewest steps to it."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._steps: dict[int, int] = {}

    def __contains__(self, state: int) -> bool:
        """Whether it was entered after as few steps as now."""
        before = self._steps.get(state)
        return before is not None and before <= len(self._execution.result.steps)

    def add(self, state: int) -> None:
        """It is entered now."""
        self._steps[state] = len(self._execution.result.steps)


class Shortened(msgspec.Struct):
    """An order that shows the finding."""

    finding: Finding
    run: Run
    items: int
    least: bool = False
    """Whether every shorter order of so many items was tried."""


class Shortening:
    """Looks for shorter executions than ``run``, which shows ``finding`` with so many items."""

    def __init__(self, execution: Execution, names: Names, finding: Finding, run: Run, *,
                 budget: float, stopped: Callable[[], bool]) -> None:  # fmt: skip
        self._execution, self._names = execution, names
        self._stopped = stopped
        self._end = time.monotonic() + budget
        self._most_items = execution.items
        self.best = Shortened(finding, run, execution.items)

    def shorten(self, *, calls_alone: bool) -> Shortened:
        """The shortest one; the execution's number of items is the one that it has. ``calls_alone``: whether
        one that shows it by its calls is taken before one of loads and stores.
        """
        first = self.best
        if calls_alone and first.run.fine:
            self._with_fewest_items(fine=False)
        if self.best is first:
            self._with_fewest_items(fine=first.run.fine)
        self._execution.items, self._execution.fine = self.best.items, self.best.run.fine
        self._depart_less()
        return self.best

    def _with_fewest_items(self, *, fine: bool) -> None:
        execution, most, before = self._execution, self._most_items, self.best
        execution.fine = fine
        for items in range(1, most + 1):
            execution.items = items
            complete = self._search()
            if self.best is not before or (items == most and fine is before.run.fine):
                self.best.least = complete
            if self.best is not before or not complete:
                break

    def _out_of_time(self) -> bool:
        return self._stopped() or time.monotonic() > self._end

    def _search(self) -> bool:
        """Every order that is shorter than the best; False where there was no time for all."""
        execution = self._execution
        before = execution.all_orders
        execution.seen, execution.all_orders = _Shallowest(execution), True
        waiting: list[tuple[int, int, tuple[str, ...]]] = [(0, 0, ())]
        number, spins = 0, False
        try:
            while waiting:
                if self._out_of_time():
                    return False
                _length, _number, prefix = heapq.heappop(waiting)
                execution.most_steps = self.best.finding.step + 1
                if not prefix or len(prefix) < execution.most_steps:
                    run = execution.run(prefix)
                    spins |= run.left_looking
                    self._note(run)
                    begin, order = len(run.steps) - len(run.choices), run.order
                    for at, choice in enumerate(run.choices[len(prefix) :], len(prefix)):
                        if begin + at <= self.best.finding.step:
                            for other in choice.enabled:
                                if other != choice.chosen:
                                    number += 1
                                    heapq.heappush(waiting, (at, number, (*order[:at], other)))
        finally:
            execution.seen, execution.most_steps, execution.all_orders = None, None, before
        return not spins

    def _note(self, run: Run) -> None:
        for finding in judge(run, self._names):
            best, items = self.best, self._execution.items
            shorter = (finding.step, items) < (best.finding.step, best.items)
            if finding.kind == best.finding.kind and shorter:
                self.best = Shortened(finding, run, items)

    def _depart_less(self) -> None:
        """Have the usual one go on wherever the finding is shown all the same."""
        changed = True
        while changed and not self._out_of_time():
            changed = False
            for order in self._with_less(self.best.run):
                if self._shows_with_less(order):
                    changed = True
                    break

    def _with_less(self, run: Run) -> "list[tuple[str, ...]]":
        """For each departure the order in which the usual one takes its next step there."""
        order, found = run.order, []
        for at, choice in enumerate(run.choices):
            if choice.chosen != choice.default and choice.default in order[at:]:
                later = order.index(choice.default, at)
                rest = (*order[at:later], *order[later + 1 :])
                found.append((*order[:at], choice.default, *rest))
        return found

    def _shows_with_less(self, order: tuple[str, ...]) -> bool:
        best = self.best
        try:
            run = self._execution.run(order)
        except ValueError:
            return False  # One of them cannot go on there.
        for finding in judge(run, self._names):
            fewer = len(run.departures(finding.step)) < len(best.run.departures(best.finding.step))
            if finding.kind == best.finding.kind and finding.step <= best.finding.step and fewer:
                self.best = Shortened(finding, run, best.items, best.least)
                return True
        return False
