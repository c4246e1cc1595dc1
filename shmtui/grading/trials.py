"""The trials of a submission: each arrangement of its programs, run and searched step by step.

A trial runs in a process of its own, which the programs may do harm to.
"""

import os
import re
import resource
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.control.execution import Execution
from shmtui.control.exploration import Workshop, confirm, explore, find_ring
from shmtui.control.judge import Finding, judge, waiting_words, why_it_ended
from shmtui.control.operation import Kind, Place
from shmtui.control.program import EndedEarlyError
from shmtui.control.ring_layout import RingFinder, initial_contents
from shmtui.control.run import Run
from shmtui.errors import ShmtuiError
from shmtui.grading.execution_facts import Follow, in_order, rounds, spins
from shmtui.grading.trial import Refusal, Shown, Trial, Usual
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions
from shmtui.procfs.elf import debug_size, section_sizes
from shmtui.report.exploration import covered_words, limits, order_lines
from shmtui.shm.layout import ITEM_TYPES, SEED_NAME, SEED_SLOTS, seed_layout
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role
from shmtui.shm.segment import SHM_DIR

Command = tuple[str, ...]
TO_THE_END: Final = 100
"""Items of each producer in the usual order: programs of an exercise have ended by then, or run for ever."""
_TO_SPIN: Final = 6
"""Items that show who waits by looking."""
_MOST_OUTPUT: Final = 1 << 16
_BEFORE_SECONDS: Final = 10.0
_MOST_KEPT: Final = 16 << 20
"""Bytes of /dev/shm with which an execution begins."""
_USAGE: Final = re.compile(
    r"\b(usage|uso|use|utiliza[cç][aã]o|arguments?|argumentos?|par[aâ]metros?)\b|<\w+>",
    re.IGNORECASE,
)
"""What a program says that wants arguments."""


class Programs(msgspec.Struct, frozen=True):
    """A submission's programs, and what is there before they start."""

    producers: tuple[Command, ...]
    consumers: tuple[Command, ...]
    initialise: bool = False
    """Whether the segment is made and its semaphores initialised beforehand."""
    name: str | None = None
    options: LayoutOptions = msgspec.field(default_factory=LayoutOptions)
    before: Command = ()
    """What is run to its end before they start: it makes what they open."""

    def commands(self) -> list[tuple[Role, Command]]:
        """Those of one of each, producers first."""
        return [(Role.PRODUCER, each) for each in self.producers] + [
            (Role.CONSUMER, each) for each in self.consumers
        ]

    def of(self, producers: int, consumers: int) -> "Programs":
        """At least ``producers`` and ``consumers`` programs: the first of a side again where it has fewer."""
        return replace(
            self,
            producers=_grown(self.producers, producers),
            consumers=_grown(self.consumers, consumers),
        )


def _grown(commands: tuple[Command, ...], count: int) -> tuple[Command, ...]:
    return commands + commands[:1] * max(count - len(commands), 0)


def attempted(name: str, work: Callable[[], Trial]) -> Trial:
    """What ``work`` tells; where it cannot, why."""
    try:
        return replace(work(), name=name)
    except EndedEarlyError as error:
        if len(error.command) == 1 and _USAGE.search(error.said):
            text = _("{command} wants arguments, and was given none: {output} (--producer or --consumer "
                     "'{command} ARGUMENT…')")  # fmt: skip
            why = text.format(command=error.command[0], output=error.said)
            return Trial(name, Refusal.ARGUMENTS, why)
        return Trial(name, Refusal.EARLY, str(error))
    except ShmtuiError as error:
        return Trial(name, Refusal.CANNOT, str(error))
    except (ProcessLookupError, ChildProcessError):
        return Trial(name, Refusal.ENDED, _("one of its processes was ended by another"))


def processor_seconds() -> float:
    """What this process and those that it has waited for took of a processor: the same on a busy machine."""
    return sum(os.times()[:4])


# Every order.


def searched(programs: Programs, items: int, seconds: float, *, fine: bool = True,
             consumers_first: bool = False, after: float | None = None) -> Trial:  # fmt: skip
    """The orders of the programs, for ``after`` seconds more once something is found, or to the end.

    ShmtuiError: they cannot be searched.
    """
    commands = programs.commands()
    if consumers_first:
        commands.sort(key=lambda each: each[0] is Role.PRODUCER)
    with Workshop(commands, items) as workshop:
        run_before(workshop, programs)
        result = explore(
            workshop, programs.options, name=programs.name, initialise=programs.initialise, fine=fine,
            budget=seconds, progress=lambda _outcome: None, stopped=lambda: False, after=seconds if after is None else after,
            clock=processor_seconds,
        )  # fmt: skip
        outcome = result.outcome
        found = [shown(workshop, *each) for each in outcome.found.values()]
        whole = not (result.others or outcome.foreign or outcome.given_up or outcome.left_looking)
        ring = workshop.execution.ring
        covered = [covered_words(part) for part in outcome.covered]
        wanted = [p for p in outcome.covered if p.complete and p.items == items and whole]
        complete = [part.fine for part in wanted]
        return Trial(
            "", found=tuple(found), complete=True in complete, complete_calls=bool(complete),
            covered="; ".join(covered if whole else [*covered, *limits(result)]),
            slots=0 if ring is None else ring.slots, ended=result.statuses,
            indexed=ring is not None and len(ring.indices) == 2, starved=outcome.starved,
            leaves_items=outcome.leaves_items, looks_beyond=outcome.looks_beyond, took=any(part.took for part in wanted), made_again=_made_again(result.made_again, workshop),
            replaced=tuple(f"/{name}" for name in sorted(workshop.files.replaced)),
        )  # fmt: skip


def shown(workshop: Workshop, finding: Finding, run: Run) -> Shown:
    """A finding with its order. ShmtuiError: the order does not show it again."""
    same, again, schedule = confirm(workshop, finding, run)
    lines = tuple(order_lines(again, workshop.names, same.step))
    return Shown(same.kind, same.claim, lines, schedule.record)


# One order.


def run_before(workshop: Workshop, programs: Programs) -> None:
    """Run what is to run before the programs; each execution begins with what it leaves in /dev/shm.

    ShmtuiError: it fails, or there is no /dev/shm apart.
    """
    if not programs.before:
        return
    if not workshop.files.private:
        text = _("{command} is run beforehand in a /dev/shm apart, and this system allows none")
        raise ShmtuiError(text.format(command=programs.before[0]))
    try:
        done = subprocess.run(
            programs.before, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=_BEFORE_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        text = _("{command}, which is run beforehand, cannot be run, or does not end")
        raise ShmtuiError(text.format(command=programs.before[0])) from None
    if done.returncode:
        text = _("{command}, which is run beforehand, ends with status {status}")
        raise ShmtuiError(text.format(command=programs.before[0], status=done.returncode))
    workshop.files.contents = shared_files() or {}


def shared_files() -> dict[str, bytes] | None:
    """Everything in this process's own /dev/shm; None where that is much."""
    files = [entry for entry in os.scandir(SHM_DIR) if entry.is_file(follow_symlinks=False)]
    if sum(entry.stat(follow_symlinks=False).st_size for entry in files) > _MOST_KEPT:
        return None
    return {entry.name: Path(entry.path).read_bytes() for entry in files}


def prepared(workshop: Workshop, programs: Programs) -> Run:
    """Find the ring, and put what is initialised beforehand in place; the first execution."""
    execution, files = workshop.execution, workshop.files
    run_before(workshop, programs)
    segment = (programs.name or SEED_NAME).lstrip("/")
    if programs.initialise:
        libc = Libc.MUSL if workshop.programs[0][0].is_musl else Libc.GLIBC
        plain = seed_layout(programs.options.slots or SEED_SLOTS, ITEM_TYPES["int32"], libc)
        files.contents = initial_contents(segment, plain, plain.size)
    finder = RingFinder(programs.options, programs.name)
    wanted = execution.items, execution.fine
    execution.items, execution.fine = 1, False  # Programs that have ended have nothing to look at.
    run = execution.run()
    found = find_ring(workshop, finder, run)
    execution.items, execution.fine = wanted
    if found is not None and programs.initialise:
        files.contents = initial_contents(found.ring.segment, found.layout, found.size)
    return run


def usual(programs: Programs, *, consumers_first: bool = False) -> Trial:
    """The usual order, up to the programs' end. ShmtuiError: they cannot be run."""
    commands = programs.commands()
    if consumers_first:
        commands.sort(key=lambda each: each[0] is Role.PRODUCER)
    with Workshop(commands, TO_THE_END) as workshop:
        execution = workshop.execution
        execution.fine = True
        prepared(workshop, programs)
        left: list[str] = []

        def look(world: Execution) -> None:
            given = set(world.files.contents)
            left.extend(f"/{name}" for name in sorted(set(os.listdir(SHM_DIR)) - given))
            left.extend(world.files.sets.left() if world.files.private else ())
            alive = [t.name for t in world.tasks if t.ended is None and t.parent is not None]
            left_tasks.extend(alive)
            clocks.extend(task.slept / 1e9 for task in world.tasks)

        left_tasks: list[str] = []
        clocks: list[float] = []
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = execution.run(look=look)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        own_taken = execution.ring_items.taken if execution.ring_items is not None else []
        follow = Follow(workshop, run)
        looks = {(s.task.rstrip("0123456789"), s.words, s.line): s for s in spins(workshop, run)}
        found = _findings(workshop, run)
        execution.items = _TO_SPIN
        for program, _role in workshop.programs:
            execution.favourite = program.name
            for spin in spins(workshop, execution.run()):
                looks.setdefault((spin.task.rstrip("0123456789"), spin.words, spin.line), spin)
        ring = execution.ring
        facts = Usual(
            run.end.value, waiting_words(run, workshop.names), dict(run.ends),
            {task: rounds(run, task) for task in run.programs},
            None if ring is None else follow.made, None if ring is None else follow.passed,
            len(own_taken), in_order(run, own_taken), follow.most_held, tuple(left) if workshop.files.private else (),
            tuple(left_tasks),
            {task: run.output(task)[:_MOST_OUTPUT] for task in run.programs},
            tuple(looks.values()), used.ru_maxrss, round(cpu, 3), max(clocks, default=0.0),
            _made_again(run.made_again, workshop), {task: words for task in run.ends if (words := why_it_ended(run, task, workshop.names))},
            {task: role.value for task, role in run.roles.items()},
            all(debug_size(section_sizes(p.executable)) for p, _role in workshop.programs),
            any(op.kind is Kind.KERNEL for _task, op in run.blocked),
        )  # fmt: skip
        slots = 0 if ring is None else ring.slots
        return Trial("", usual=facts, slots=slots, found=found)


def _made_again(made: Sequence[tuple[str, str, Place]], workshop: Workshop) -> str:
    for who, first, place in made:
        return _("{who} initialises {name} again, after {first}").format(
            who=who, name=workshop.names.place(place), first=first
        )
    return ""


def capacity(programs: Programs) -> Trial:
    """How many slots hold items at once where the producers run ahead. ShmtuiError: it cannot be run."""
    with Workshop(programs.commands(), 1) as first:
        first.execution.fine = True
        prepared(first, programs)
        ring = first.execution.ring
    if ring is None or ring.slots > TO_THE_END:
        return Trial("", slots=0 if ring is None else ring.slots)
    with Workshop(programs.commands(), ring.slots + 2) as workshop:
        workshop.execution.fine = True
        prepared(workshop, programs)
        sides = [task for task, role in workshop.execution.sides.items() if role is Role.PRODUCER]
        workshop.execution.favourite = (*sides, workshop.programs[0][0].name)[0]
        run = workshop.execution.run()
        follow = Follow(workshop, run)
        found = _findings(workshop, run)
        facts = Usual(
            run.end.value, waiting_words(run, workshop.names), dict(run.ends), {}, follow.made,
            follow.passed, 0, True, follow.most_held, (), (), {}, (), 0, 0.0, 0.0,
        )  # fmt: skip
        return Trial("", usual=facts, slots=ring.slots, found=found)


def _findings(workshop: Workshop, run: Run) -> tuple[Shown, ...]:
    """What one execution shows, each kind once; not races, which concern the search."""
    first = {each.kind: each for each in reversed(judge(run, workshop.names))}
    return tuple(shown(workshop, each, run) for each in first.values() if each.kind != "race")
