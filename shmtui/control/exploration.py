"""An exploration from its start to its end: the programs held, the layout found, the search, everything ended."""

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from shmtui.control import ptrace
from shmtui.control.entry_points import uses_system_v
from shmtui.control.execution import Execution
from shmtui.control.items import Ring
from shmtui.control.judge import HANG, Finding, failed_call, judge
from shmtui.control.operation import SILENT, Kind, Place
from shmtui.control.places import Names
from shmtui.control.program import EndedEarlyError, HeldProgram
from shmtui.control.ring_layout import FoundRing, RingFinder, initial_contents, settle
from shmtui.control.run import End, Run
from shmtui.control.schedule import Schedule, ScheduledProgram, digest_of, trace_of
from shmtui.control.search import AFTER_SECONDS, Search, SearchOutcome
from shmtui.control.shared_files import SharedFiles, make_private
from shmtui.control.shortest_order import Shortened, Shortening
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions
from shmtui.shm.layout import ITEM_TYPES, SEED_NAME, SEED_SLOTS, seed_layout
from shmtui.shm.libc import Libc, current_processor
from shmtui.shm.protocol import Role

_STARTS_SHARE: Final = 0.5
"""Of the budget, for one order of the starts before any is searched."""
_PREFIXES: Final = {Role.PRODUCER: "P", Role.CONSUMER: "C"}


class Exploration(msgspec.Struct):
    """What was explored, and what came out."""

    outcome: SearchOutcome
    names: Names
    commands: dict[str, tuple[str, ...]]
    items: int
    layout: str = ""
    """In words; empty where it is not known."""
    sides: dict[str, Role] = msgspec.field(default_factory=dict)
    """Of one program that does both, which of its children and threads do what."""
    others: frozenset[str] = frozenset()
    """Calls by which the programs may wait for each other unseen."""
    shown: tuple[Finding, Run] | None = None
    """The finding that is shown, and the execution that shows it, run once more from its begin to its end."""
    schedule: Schedule | None = None
    shortened: tuple[int, Shortened] | None = None
    """Where that was wanted: the steps of the first order found, and the shorter one."""
    made_again: tuple[tuple[str, str, Place], ...] = ()
    """Who initialised a semaphore in the usual order after another program had."""
    statuses: dict[str, int] = msgspec.field(default_factory=dict)
    """Exit statuses other than 0 in the usual order."""


class Workshop(contextlib.AbstractContextManager["Workshop"]):
    """The programs of an exploration, held; everything of them ends with it.

    ShmtuiError: they cannot be run step by step.
    """

    def __init__(self, commands: Sequence[tuple[Role, Sequence[str]]], items: int) -> None:
        ptrace.require_machine()
        self.items = items
        # One processor for all: they take turns, and a stop need not wake another processor. The one where
        # the scheduler has put this thread, as another exploration may have been put elsewhere.
        self._processors = os.sched_getaffinity(0)
        private = make_private()
        ptrace.Stops()
        os.sched_setaffinity(0, {current_processor()})
        self.files = SharedFiles(private=private)
        self.programs: list[tuple[HeldProgram, Role]] = []
        try:
            for role, command in commands:
                number = sum(other is role for _program, other in self.programs) + 1
                held = HeldProgram(command, f"{_PREFIXES[role]}{number}")
                self.programs.append((held, role))
        except BaseException:
            self.close()
            raise
        self.layout = ""
        """The ring's, as ``--layout`` has it; empty where it is not known."""
        self.ring_words = ""
        """The same in words, or the variable that it lies in."""
        self.execution = Execution(self.programs, self.files, items)
        self.names = self.names_with(None)

    def names_with(self, ring: Ring | None) -> Names:
        """The names by a ring."""
        return Names(ring, [program for program, _role in self.programs])

    def __exit__(self, *_details: object) -> None:
        self.close()

    def close(self) -> None:
        """End the programs, and remove what they made."""
        for program, _role in self.programs:
            program.close()
        self.files.close()
        os.sched_setaffinity(0, self._processors)


def explore(workshop: Workshop, options: LayoutOptions, *, name: str | None, initialise: bool,
            fine: bool, budget: float, progress: Callable[[SearchOutcome], None],
            stopped: Callable[[], bool], starts: bool = False, after: float = AFTER_SECONDS,
            clock: Callable[[], float] = time.monotonic) -> Exploration:  # fmt: skip
    """Search the orders of the programs, with ``starts`` those of their starts, too; and for ``after`` seconds
    on once something is found, as ``clock`` counts them.

    ShmtuiError: it cannot be done, or they do not repeat themselves.
    """
    execution, files = workshop.execution, workshop.files
    _require_own_system_v(workshop)
    segment = (name or SEED_NAME).lstrip("/")
    if initialise:
        libc = Libc.MUSL if workshop.programs[0][0].is_musl else Libc.GLIBC
        slots = options.slots or SEED_SLOTS
        plain = seed_layout(slots, ITEM_TYPES["int32"], libc)
        files.contents = initial_contents(segment, plain, plain.size)
    finder = RingFinder(options, name)
    usual = execution.run()
    execution.all_orders = bool(_other_means(workshop))
    made = _("--init has made {name}: if theirs has another name, give it with --name")
    hint = made.format(name=f"/{segment}") if initialise and name is None else ""
    _require_under_way(usual, workshop, hint)
    found = find_ring(workshop, finder, usual)
    if found is not None and initialise:
        files.contents = initial_contents(found.ring.segment, found.layout, found.size)
    elif initialise and segment not in files.sizes:
        text = _("the programs do not map {name}: give the name of their segment with --name")
        raise ShmtuiError(text.format(name=f"/{segment}"))
    search = Search(
        execution, workshop.names, budget=budget, progress=progress, stopped=stopped, after=after,
        clock=clock,
    )  # fmt: skip
    asked, starts = starts, starts or _two_initialise(usual, workshop)
    execution.usual_failures = frozenset(t for t, status in usual.ends.items() if status > 0)
    outcome = search.run(fine=fine, share=_STARTS_SHARE if starts else 1.0)
    if starts:
        search.judges_starts = asked
        outcome = search.run_starts()
    elif not outcome.found and not outcome.stopped:
        search.other_starts()
    others = _other_means(workshop)
    if others:
        outcome.found.pop("race", None)
        _finding, run = outcome.found.get("lost-update", (None, None))
        if run is not None and not run.lost_updates:
            del outcome.found["lost-update"]
    result = Exploration(
        outcome, workshop.names, {p.name: p.command for p, _role in workshop.programs}, workshop.items,
        layout=workshop.ring_words,
        sides=dict(execution.sides),
        others=others,
        made_again=tuple(usual.made_again),
        statuses={task: status for task, status in usual.ends.items() if status > 0},
    )  # fmt: skip
    if outcome.shortest is not None:
        finding, again, result.schedule = confirm(workshop, *outcome.shortest)
        result.shown = finding, again
    return result


def find_ring(workshop: Workshop, finder: RingFinder, usual: Run) -> FoundRing | None:
    """Note who meets others by calls, and find what ring they share; ``usual``: an execution of them."""
    execution = workshop.execution
    execution.callers = _callers_of(usual)
    finder.look_until_found(execution, usual)
    finder.look_by_use(execution, usual)
    return settle(workshop, finder, usual)


def _callers_of(usual: Run) -> frozenset[str]:
    """The programs that meet others by calls, or stand in one of the kernel's, as who waits for input: with the first
    they have been set up.
    """
    calls = {step.task for step in usual.steps if step.operation.kind not in SILENT}
    calls |= {task for task, operation in usual.blocked if operation.kind is Kind.KERNEL}
    return frozenset(usual.programs[task] for task in calls)


def _other_means(workshop: Workshop) -> frozenset[str]:
    """The calls that are no steps, of those that were made so far."""
    return frozenset().union(*(program.other_means for program, _role in workshop.programs))


def _require_own_system_v(workshop: Workshop) -> None:
    """ShmtuiError: programs use System V, and all would see what they make."""
    for program, _role in workshop.programs:
        if uses_system_v(program.executable) and not workshop.files.private:
            text = _("{command} uses System V objects, and this user may make no namespace for them "
                     "(user_namespaces(7)): run it in a container")  # fmt: skip
            raise ShmtuiError(text.format(command=program.command[0]))


def _two_initialise(usual: Run, workshop: Workshop) -> bool:
    """Whether two programs that are not the same one initialise a semaphore."""
    commands = {program.name: program.command for program, _role in workshop.programs}
    return any(
        commands[usual.programs[second]] != commands[usual.programs[first]]
        for second, first, _place in usual.made_again
    )


def _require_under_way(usual: Run, workshop: Workshop, hint: str) -> None:
    """ShmtuiError: a program ended before it met anybody; ``hint`` goes behind what it said."""
    for task, status in usual.ends.items():
        own = [step for step in usual.steps if step.task == task]
        if status > 0 and len(own) == 1:
            text = _(
                "{command} ended with status {status} before it used a semaphore or lock: {output}"
            )
            program = usual.programs[task]
            command = next(p.command for p, _role in workshop.programs if p.name == program)
            said = usual.output(task).strip().splitlines()
            last = said[-1] if said else ""
            words = text.format(
                command=command[0], status=status, output=last or _("it wrote nothing")
            )
            failure = failed_call(usual, task)
            raise EndedEarlyError("; ".join(filter(None, (words, failure, hint))), command, last)


def confirm(workshop: Workshop, finding: Finding, run: Run) -> tuple[Finding, Run, Schedule]:
    """Take the order that shows a finding once more: what is shown is what can be repeated.

    ShmtuiError: it does not show it again.
    """
    execution = workshop.execution
    execution.fine, execution.starts_vary, execution.items = run.fine, run.starts_vary, run.items
    again = execution.run(run.order)
    same = [each for each in judge(again, workshop.names) if each.kind == finding.kind]
    if finding.kind == HANG and again.is_same(run):
        same = [finding]
    if not same:
        text = _("the programs do not repeat themselves: one execution showed a finding ({claim}), and the same order did not show it again; nothing is judged")  # fmt: skip
        raise ShmtuiError(text.format(claim=finding.claim))
    schedule = Schedule(
        tuple(
            ScheduledProgram(p.name, role, p.command, digest_of(p.executable))
            for p, role in workshop.programs
        ),
        execution.items, run.fine, tuple(sorted(execution.callers)), dict(workshop.files.contents), execution.ring, again.order,
        finding.kind, same[0].claim, trace_of(again), run.starts_vary, workshop.layout, dict(execution.sides),
    )  # fmt: skip
    return same[0], again, schedule


def shorten(
    workshop: Workshop,
    result: Exploration,
    *,
    calls_alone: bool,
    budget: float,
    stopped: Callable[[], bool],
) -> None:
    """Have the order that is shown as short as it goes; ``calls_alone``: without loads and stores where that
    shows it. ShmtuiError: the programs do not repeat themselves.
    """
    if result.shown is None:
        return
    finding, run = result.shown
    search = Shortening(
        workshop.execution, workshop.names, finding, run, budget=budget, stopped=stopped
    )
    try:
        found = search.shorten(calls_alone=calls_alone)
    except ValueError as error:
        raise cannot_follow(error) from None
    if found.run is not run:
        finding_again, again, result.schedule = confirm(workshop, found.finding, found.run)
        result.shown = finding_again, again
    result.shortened = finding.step + 1, found


def prepare(workshop: Workshop, schedule: Schedule) -> None:
    """Have the programs ready to take a schedule. ShmtuiError: they are others."""
    for (program, _role), written in zip(workshop.programs, schedule.programs, strict=True):
        if digest_of(program.executable) != written.digest:
            text = _("{command} is not the program that the schedule was made with")
            raise ShmtuiError(text.format(command=program.command[0]))
    execution = workshop.execution
    execution.fine, execution.ring = schedule.fine, schedule.ring
    execution.starts_vary, execution.sides = schedule.starts_vary, dict(schedule.sides)
    execution.callers = frozenset(schedule.callers)
    workshop.files.contents = dict(schedule.contents)
    workshop.names = workshop.names_with(schedule.ring)


def replay(workshop: Workshop, schedule: Schedule, times: int) -> tuple[Run, int]:
    """Execute a schedule ``times`` times; the last execution, and how many were the same in every step
    and output. ShmtuiError: the programs are others, or cannot take this order.
    """
    prepare(workshop, schedule)
    same, run = 0, Run(end=End.UNFINISHED)
    for _number in range(times):
        try:
            run = workshop.execution.run(schedule.order)
        except ValueError as error:
            raise cannot_follow(error) from None
        same += trace_of(run) == schedule.trace
    return run, same


def shown_by(run: Run, names: Names, schedule: Schedule) -> Finding | None:
    """The finding of a schedule in its execution. That somebody waits for ever, and in another order nobody
    does, is shown by both together: the execution ends as the schedule says.
    """
    found = [each for each in judge(run, names) if each.kind == schedule.finding]
    if not found and schedule.finding == HANG and run.end is End.FINISHED and run.blocked:
        return Finding(HANG, schedule.claim, len(run.steps) - 1)
    return found[0] if found else None


def cannot_follow(error: ValueError) -> ShmtuiError:
    """The programs do otherwise than a schedule says."""
    text = _("the programs cannot take this order any more: {error}")
    return ShmtuiError(text.format(error=error))
