"""The orders that a search is still to try, those with few departures first, and the states that it has entered."""

import heapq

import msgspec

from shmtui.control.run import End, Run


class Covered(msgspec.Struct):
    """A part of the search."""

    fine: bool
    starts: bool = False
    """Whether the starts were among the steps."""
    orders: int = 0
    states: int = 0
    departures: int = 0
    """Of the orders so far, the most."""
    complete: bool = False
    items: int = 0
    """That each producer made."""
    took: bool = False
    """Whether somebody took one."""


class Frontier:
    """The states that were entered at one kind of step, and the orders that are to be tried."""

    def __init__(self, items: int, *, fine: bool, starts: bool = False) -> None:
        self.covered = Covered(fine, starts, items=items)
        self.seen: set[int] = set()
        self._gone_on: set[tuple[int, str]] = set()
        """Who has gone on from which state."""
        self._waiting: list[tuple[int, int, tuple[str, ...], int]] = [(0, 0, (), 0)]
        """Departures, a number, the order, and the state before its last choice."""
        self._number = 0
        self._cut = False
        """Whether an execution was not followed to its end: given up, or somebody was left looking."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def begin_anew(self) -> None:
        """Forget the states: orders that are to be tried may have been left out."""
        self.seen.clear()
        self._gone_on.clear()
        self._waiting = [(0, 0, (), 0)]
        self._cut = False
        self.covered.orders += 1

    def pop(self) -> tuple[str, ...]:
        """The order to try next: of those with the fewest departures the first."""
        departures, _number, order, state = heapq.heappop(self._waiting)
        if order:
            self._gone_on.add((state, order[-1]))
        self.covered.departures = max(self.covered.departures, departures)
        return order

    def add(self, run: Run, prefix: int) -> None:
        """What departs from an execution after its first ``prefix`` choices.

        Where it came to a known state, the one who would have gone on may not have done so from there: that
        takes no departure more.
        """
        order, departures = run.order, 0
        for at, choice in enumerate(run.choices):
            if at >= prefix:
                self._gone_on.add((choice.state, choice.chosen))
                for other in choice.enabled:
                    if other != choice.chosen:
                        cost = departures + (other != choice.default)
                        self._push(cost, (*order[:at], other), choice.state)
            departures += choice.chosen != choice.default
        if run.known is not None and run.known not in self._gone_on:
            state, default = run.known
            self._push(departures, (*order, default), state, at_once=True)
        self.covered.orders += 1
        self.covered.states = len(self.seen)
        self._cut = self._cut or run.end is End.UNFINISHED or run.left_looking
        while self._waiting and self._is_done(*self._waiting[0]):
            heapq.heappop(self._waiting)
        self.covered.complete = not self._waiting and not self._cut

    def _push(
        self, departures: int, order: tuple[str, ...], state: int, *, at_once: bool = False
    ) -> None:
        self._number += 1
        number = -self._number if at_once else self._number
        heapq.heappush(self._waiting, (departures, number, order, state))

    def _is_done(self, _departures: int, _number: int, order: tuple[str, ...], state: int) -> bool:
        return bool(order) and (state, order[-1]) in self._gone_on
