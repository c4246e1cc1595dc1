"""The orders of the programs' steps, searched: those with few departures from the usual one first.

A departure is a point at which another goes on than the one whose turn it is (delay bounding: most
mistakes show with one or two). A state that was entered before is not entered again, since what
follows from it is known.
"""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from shmtui.control.execution import Execution
from shmtui.control.frontier import Covered, Frontier
from shmtui.control.hangs import Hangs
from shmtui.control.judge import HANG, Finding, judge
from shmtui.control.operation import Place
from shmtui.control.places import Names
from shmtui.control.run import End, Run
from shmtui.control.update_windows import update_windows
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.protocol import Role

_SHARE: Final = 0.3
"""Of the budget, for loads and stores before the calls alone are searched."""
_FAVOURITES_SHARE: Final = 0.2
"""For one execution for each program that runs ahead, before any search."""
_UPDATES_SHARE: Final = 0.2
"""For those executions in which a task is held between its load and its store of a word."""
_OF_STARTS: Final = frozenset({"start-fails", "never-initialised", "crash"})
"""What shows where a program starts before the one that makes ready what it uses."""
_MOST_FAVOURITES: Final = 8
_MANY: Final = 40
"""Items of one execution in the usual order: what goes wrong with some values alone shows there."""
_CALLS_SHARE: Final = 0.6
"""Of what is left then, for the calls alone before fewer items are searched; these have as much of the rest."""
_DEPARTURE_STEPS: Final = 5
_DEAR: Final = 10
"""Times an execution at loads and stores that one at the calls alone may take."""
_MOST_SLOTS: Final = 32
"""Of a ring that is filled, and goes round."""
_MORE_THAN_SLOTS: Final = 3
AFTER_SECONDS: Final = 0.2
"""How long a shorter order is looked for once something is found."""
_AFTER_ORDERS: Final = 10
"""And in how many executions at least, on a slow machine."""


class SearchOutcome(msgspec.Struct):
    """What a search has found, and what it has covered."""

    found: dict[str, tuple[Finding, Run]] = msgspec.field(default_factory=dict)
    """By kind: the finding, and the execution with the fewest departures and steps that shows it."""
    covered: list[Covered] = msgspec.field(default_factory=list)
    seconds: float = 0.0
    spinning: bool = False
    left_looking: bool = False
    """Whether somebody who looks again and again was not followed to the end."""
    foreign: bool = False
    given_up: int = 0
    """Executions that were given up after so many steps."""
    took: set[str] = msgspec.field(default_factory=set)
    """The tasks that took an item in some execution."""
    consumers: set[str] = msgspec.field(default_factory=set)
    unread: set[bool] = msgspec.field(default_factory=set)
    """Whether items were left that nobody had loaded, of executions in which all have ended by themselves."""
    looks_beyond: bool = False
    """Whether a function for strings loads what another stores at once, and it may look behind its string there."""
    stopped: bool = False
    """By the user."""
    never_full: tuple[int, int] | None = None
    """Where producers end before the ring can be full: their items in the usual order, and its slots."""
    started_first: list[tuple[tuple[str, ...], Finding]] = msgspec.field(default_factory=list)
    """The commands that go wrong where they start before the others, and what shows it."""

    @property
    def starved(self) -> tuple[str, ...]:
        """The consumers that took nothing in any order, where others did and every order was searched."""
        whole = any(part.complete for part in self.covered) and not self.left_looking
        return tuple(sorted(self.consumers - self.took)) if whole and self.took else ()

    @property
    def leaves_items(self) -> bool:
        """Whether all end in some orders with items left that nobody has taken, and in others without."""
        return len(self.unread) > 1

    @property
    def shortest(self) -> tuple[Finding, Run] | None:
        """The finding to show: none that is a race alone, where there is another."""
        ranked = sorted(
            self.found.values(),
            key=lambda each: (each[0].kind == "race", _length(*each)),
        )
        return ranked[0] if ranked else None


def _never_full(run: Run, execution: Execution) -> tuple[int, int] | None:
    ring = execution.ring
    producers = [task for task, role in run.roles.items() if role is Role.PRODUCER]
    if ring is None or ring.in_ is None or not all(task in run.ends for task in producers):
        return None
    at, begin = Place(ring.segment, ring.in_), len(run.steps) - len(run.choices)
    moves = sum(
        step.operation.place == at and step.value != step.after for step in run.steps[begin:]
    )
    return (moves, ring.slots) if 0 < moves <= ring.slots else None


def _length(finding: Finding, run: Run) -> int:
    """How much there is to follow: steps up to the finding, and each departure for some more."""
    return finding.step + _DEPARTURE_STEPS * len(run.departures(finding.step))


class Search:
    """One search by one execution's programs."""

    def __init__(self, execution: Execution, names: Names, *, budget: float,
                 progress: Callable[[SearchOutcome], None] = lambda _outcome: None,
                 stopped: Callable[[], bool] = lambda: False,
                 after: float = AFTER_SECONDS,
                 clock: Callable[[], float] = time.monotonic) -> None:  # fmt: skip
        self.execution, self.names, self.outcome = execution, names, SearchOutcome()
        self._progress, self._stopped, self._after = progress, stopped, after
        self._clock = clock
        self._begin = clock()
        self._end = self._begin + budget
        self._hangs = Hangs({p.name: p.command for p, _role in execution.programs})
        self._found_at = 0.0
        self._since_found = 0
        """Executions since something was found that is no race alone."""
        self._last_told = 0.0
        self.judges_starts = True
        """Whether it is a mistake that a program goes wrong where it starts before one that it needs."""

    def run(self, *, fine: bool, share: float = 1.0) -> SearchOutcome:
        """Search: loads and stores for a while; then, unless ``fine``, the calls alone; then what is left of
        ``share`` of the budget.

        ShmtuiError: the programs do not do the same twice in the same order.
        """
        self.execution.fine = True
        first, second = self.execution.run(), self.execution.run()
        if not first.is_same(second):
            raise ShmtuiError(self.unsteady(first, second))
        self._note(first)
        self.outcome.never_full = _never_full(first, self.execution)
        self._favourites(tuple(first.programs), self._after_share(_FAVOURITES_SHARE))
        self._lost_updates(first, self._after_share(_UPDATES_SHARE))
        end, self._end = self._end, self._after_share(share)
        items = self.execution.items
        accesses, calls = Frontier(items, fine=True), Frontier(items, fine=False)
        self._every_state(accesses, self._end if fine else self._after_share(_SHARE))
        if (
            accesses
            and not fine
            and not self.outcome.left_looking
            and self._is_cheap(accesses, calls)
        ):
            self._every_state(calls, self._after_share(_CALLS_SHARE))
            if calls:
                self._fewer_items(self._after_share(_CALLS_SHARE))
            self._every_state(calls, self._end)
        self._every_state(accesses, self._end)
        self._end = end
        hang = None if self._decided() else self._hangs.finding(self.names)
        if hang is not None:
            self.outcome.found[HANG] = hang
        self.outcome.seconds = self._clock() - self._begin
        return self.outcome

    def run_starts(self) -> SearchOutcome:
        """Search the orders in which the programs start, with their other calls. A kind that was found with
        the given start stays as it was found. ShmtuiError: as of `run`.
        """
        execution, before = self.execution, dict(self.outcome.found)
        execution.starts_vary = True
        self._found_at, self._since_found = 0.0, 0
        try:
            self._every_state(Frontier(execution.items, fine=False, starts=True), self._end)
        finally:
            execution.starts_vary = False
        self.outcome.found |= before
        self.outcome.seconds = self._clock() - self._begin
        return self.outcome

    def _note_failed_start(self, finding: Finding, run: Run) -> None:
        """Keep apart that a program fails where it starts before others: which of them has to is not said."""
        task = run.programs[run.steps[finding.step].task]
        command = next(p.command for p, _role in self.execution.programs if p.name == task)
        if command not in {each for each, _finding in self.outcome.started_first}:
            self.outcome.started_first.append((command, finding))

    def other_starts(self) -> None:
        """One execution for each program that starts before those it is given after, and goes as far as it
        can; what that shows is kept apart.
        """
        execution, outcome = self.execution, self.outcome
        execution.fine, execution.starts_vary = False, True
        try:
            for program, _role in execution.programs[1:]:
                execution.favourite = program.name
                run = execution.run()
                found = [f for f in judge(run, self.names) if f.kind not in outcome.found]
                if found and program.command not in {c for c, _f in outcome.started_first}:
                    outcome.started_first.append((program.command, found[0]))
        finally:
            execution.favourite, execution.starts_vary = "", False

    def _is_cheap(self, accesses: Frontier, calls: Frontier) -> bool:
        """Whether the calls alone are worth a search: of an interpreter all memory is read at each."""
        begin = self._clock()
        each = (begin - self._begin) / max(accesses.covered.orders, 1)
        self._every_state(calls, self._end, most=1)
        return self._clock() - begin < _DEAR * each

    def _after_share(self, share: float) -> float:
        """The time when so much of what is left is over."""
        now = self._clock()
        return now + share * (self._end - now)

    def _fewer_items(self, end: float) -> None:
        """All orders of one item of each producer, of two and so on, for as long as there is time for all: at loads and
        stores, where one order stands for many, so that there are fewer of them.
        """
        execution, most = self.execution, self.execution.items
        try:
            for items in range(1, most):
                execution.items = items
                frontier = Frontier(items, fine=not execution.all_orders)
                self._every_state(frontier, end)
                if frontier:
                    break
        finally:
            execution.items = most

    def _lost_updates(self, first: Run, end: float) -> None:
        """Hold each task between its load and its store of a word that others store, too, and nothing orders: they go
        on as far as they can.
        """
        try:
            for at, other in update_windows(first, self.execution.commuting.is_private):
                if self._decided() or self._out_of_time(end):
                    break
                if other in first.choices[at].enabled:
                    self.execution.favourite = other
                    self._execute((*first.order[:at], other))
        finally:
            self.execution.favourite = ""

    def _favourites(self, tasks: tuple[str, ...], end: float) -> None:
        """One execution of many items; and one for each task that always goes on as long as it can: the others are
        far behind, by more items than the ring has slots.
        """
        execution, items, ring = self.execution, self.execution.items, self.execution.ring
        if ring is not None and ring.slots <= _MOST_SLOTS:
            execution.items = max(items, ring.slots + _MORE_THAN_SLOTS)
        try:
            if not self._decided() and not self._out_of_time(end):
                execution.items, more = max(items, _MANY), execution.items
                run = execution.run()
                self._note(run)
                if self._hangs.leaves_one:
                    self._share(run)
                execution.items = more
            for task in tasks[:_MOST_FAVOURITES]:
                if not self._decided() and not self._out_of_time(end):
                    execution.favourite = task
                    run = execution.run()
                    execution.favourite = ""
                    self._note(run)
                    self._wake_unsignalled(run, end)
        finally:
            execution.favourite, execution.items = "", items

    def _share(self, run: Run) -> None:
        """The same once more, but that another consumer takes the last item that it can: if that is what ends one, it ends
        after other items then.
        """
        for at, choice in reversed([*enumerate(run.choices)]):
            for task in choice.enabled:
                if (
                    task != choice.chosen
                    and run.roles[task] is run.roles[choice.chosen] is Role.CONSUMER
                ):
                    self._execute((*run.order[:at], task))
                    return

    def _wake_unsignalled(self, run: Run, end: float) -> None:
        """The same once more for each task that slept on a condition in it, which wakes without a signal then."""
        woken: set[str] = set()
        for at, choice in enumerate(run.choices):
            for task in choice.asleep:
                if task not in woken and not self._decided() and not self._out_of_time(end):
                    woken.add(task)
                    self._execute((*run.order[:at], task))

    def unsteady(self, first: Run, second: Run) -> str:
        """That two executions in the same order differ, and where."""
        pairs = enumerate(zip(first.steps, second.steps, strict=False))
        at = next((i for i, (a, b) in pairs if a != b), min(len(first.steps), len(second.steps)))
        step = (first.steps[at:] or second.steps[at:] or first.steps)[0]
        text = _(
            "the programs do not repeat themselves: in the same order, step {number} of {task} ({step}) "
            "differs from one execution to the next; nothing is judged. Do they draw random numbers, go "
            "by the time or their PID, or share a file that stays (one outside of /dev/shm)?"
        )
        words = self.names.step(step.operation, step.value, step.after)
        return text.format(number=at + 1, task=step.task, step=words)

    def _decided(self) -> bool:
        return any(kind != "race" for kind in self.outcome.found) or self.outcome.stopped

    def _out_of_time(self, end: float) -> bool:
        if self._stopped():
            self.outcome.stopped = True
        return self.outcome.stopped or self._clock() > end

    def _note(self, run: Run) -> None:
        outcome = self.outcome
        outcome.spinning |= bool(run.spinning)
        outcome.left_looking |= run.left_looking or run.end is End.SPINNING
        outcome.foreign |= run.foreign
        items = self.execution.ring_items
        outcome.took |= set() if items is None else {run.steps[at].task for _put, at in items.taken}
        outcome.consumers |= {task for task, role in run.roles.items() if role is Role.CONSUMER}
        outcome.looks_beyond |= any(race.may_look_beyond for race in run.load_races)
        outcome.unread |= set() if run.unread is None else {run.unread > 0}
        outcome.given_up += run.end is End.UNFINISHED
        self._hangs.note(run)
        for finding in judge(run, self.names):
            if run.starts_vary and finding.kind in _OF_STARTS and not self.judges_starts:
                self._note_failed_start(finding, run)
                continue
            old = outcome.found.get(finding.kind)
            if finding.kind != "race" and not self._found_at:
                self._found_at = self._clock()
            if old is None or _length(finding, run) < _length(*old):
                outcome.found[finding.kind] = (finding, run)
        now = self._clock()
        if now - self._last_told > 0.2:
            self._last_told = now
            outcome.seconds = now - self._begin
            self._progress(outcome)

    def _execute(self, order: tuple[str, ...]) -> Run:
        try:
            run = self.execution.run(order)
        except ValueError as error:
            text = _("the programs do not repeat themselves: {error}; nothing is judged")
            raise ShmtuiError(text.format(error=error)) from None
        self._note(run)
        return run

    def _every_state(self, frontier: Frontier, end: float, most: int | None = None) -> None:
        execution = self.execution
        if not frontier or self._is_over(end):
            return
        execution.fine, execution.seen = frontier.covered.fine, frontier.seen
        execution.sleeps_commute = "race" not in self.outcome.found
        if frontier.covered not in self.outcome.covered:
            self.outcome.covered.append(frontier.covered)
        try:
            while frontier and frontier.covered.orders != most and not self._is_over(end):
                prefix = frontier.pop()
                self._since_found += bool(self._found_at)
                broken, run = execution.commuting.broken, self._execute(prefix)
                if frontier.covered.fine and execution.commuting.broken != broken:
                    frontier.begin_anew()
                else:
                    frontier.add(run, len(prefix))
                    items = execution.ring_items
                    frontier.covered.took |= items is not None and bool(items.taken)
        finally:
            execution.seen = None

    def _is_over(self, end: float) -> bool:
        """Whether there is no more time, or something was found and a shorter order looked for long enough."""
        if self._out_of_time(end):
            return True
        late = self._clock() > self._found_at + self._after
        return bool(self._found_at) and late and self._since_found >= _AFTER_ORDERS
