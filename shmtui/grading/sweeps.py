"""Kill -9 at every step: what is left hangs those who go on, or those who start next, or it does not."""

import os
import signal
from collections.abc import Callable
from typing import Final

from shmtui.control.execution import Execution
from shmtui.control.exploration import Workshop
from shmtui.control.operation import SILENT, Kind, Operation
from shmtui.control.ptrace import Stops
from shmtui.control.run import End, Run, Step
from shmtui.control.task import Task
from shmtui.grading.execution_facts import rounds
from shmtui.grading.trial import Sweep, Trial
from shmtui.grading.trials import TO_THE_END, Programs, prepared, shared_files
from shmtui.shm.protocol import Role

_ITEMS: Final = 3
_MOST_KILLS: Final = 60
_TAKES: Final = frozenset(
    {
        Kind.WAIT,
        Kind.TRY_WAIT,
        Kind.TIMED_WAIT,
        Kind.CLOCK_WAIT,
        Kind.LOCK,
        Kind.TRY_LOCK,
        Kind.WAKE,
    }
)
_GIVES: Final = frozenset({Kind.POST, Kind.UNLOCK, Kind.COND_WAIT, Kind.COND_TIMED_WAIT})


class _EnoughError(Exception):
    """An execution is broken off here."""


def _holds(steps: list[Step], task: str, whole: Run) -> bool:
    """Whether a task has not given as often as it has waited and locked, or not given a semaphore that it waits for and
    posts itself. ``whole``: an execution in which it goes on.
    """
    done = [each for s in steps if s.task == task for each in s.operation.each()]
    takes, gives = ([e.place for e in done if e.kind in kinds] for kinds in (_TAKES, _GIVES))
    posted = {
        each.place
        for s in whole.steps
        if s.task == task
        for each in s.operation.each()
        if each.kind is Kind.POST
    }
    return len(takes) != len(gives) or any(takes.count(at) > gives.count(at) for at in posted)


def peer_killed(programs: Programs, role: Role) -> Trial:
    """Kill one of two programs of a side before each of its steps, and see whether all others go on.

    ShmtuiError: they cannot be run.
    """
    both = programs.of(2, 1) if role is Role.PRODUCER else programs.of(1, 2)
    with Workshop(both.commands(), _ITEMS) as workshop:
        prepared(workshop, both)
        execution, name = workshop.execution, "P1" if role is Role.PRODUCER else "C1"
        whole = execution.run()
        alone = len(whole.programs) == len(workshop.programs)
        if not (alone and _went_well(whole)):
            return Trial("")
        own = [step for step in whole.steps if step.task == name]
        own = [step for step in own if step.operation.kind not in SILENT][: _MOST_KILLS // 2]
        hanging = []
        for number, _step in enumerate(own):
            killed: list[tuple[str, bool]] = []
            execution.before_choice = _killing(workshop, name, number, killed, whole)
            try:
                run = execution.run()
            finally:
                execution.before_choice = None
            if killed and _hangs(run, name):
                hanging.append(killed[0])
        return Trial("", sweep=Sweep(len(own), tuple(hanging)))


def _killing(
    workshop: Workshop, name: str, number: int, killed: list[tuple[str, bool]], whole: Run
) -> Callable[[Execution], None]:
    """Kills a task once it has taken ``number`` steps that concern others."""

    def before_choice(world: Execution) -> None:
        steps = world.result.steps
        taken = [s for s in steps if s.task == name and s.operation.kind not in SILENT]
        task = next(each for each in world.tasks if each.name == name)
        here = len(taken) == number and task.operation.kind not in SILENT
        if killed or not here or task.ended is not None:
            return
        killed.append((_words(workshop, task), _holds(steps, name, whole)))
        _kill(task)

    return before_choice


def _words(workshop: Workshop, task: Task) -> str:
    names, operation = workshop.names, task.operation
    line = names.line(task.program.name, operation)
    return names.step(operation, None, None) + (f" ({line})" if line else "")


def _kill(task: Task) -> None:
    os.kill(task.pid, signal.SIGKILL)
    while os.WIFSTOPPED(Stops.next(task.pid)):
        pass
    task.ended, task.operation = -int(signal.SIGKILL), Operation(Kind.ENDED)


def _hangs(run: Run, killed: str) -> bool:
    """Whether somebody who is not on the killed one's account alone waits for ever."""
    if run.end is not End.STUCK:
        return False
    makers = {t for t, role in run.roles.items() if role is Role.PRODUCER and t != killed}
    done = {t for t in makers if t in run.parked or t in run.ends}
    return done != makers or _holds_up(run, makers)


def _holds_up(run: Run, makers: set[str]) -> bool:
    """Whether somebody waits for what one who waits or is dead holds: not for the next item."""
    takers = [(t, op) for t, op in run.blocked if t not in makers]
    resting = {rest_place(run, task) for task, _operation in takers}
    return any(operation.place not in resting for _task, operation in takers)


def rest_place(run: Run, task: str) -> object:
    """The object that a task waited for first in the execution: where it rests between its items."""
    kinds = {Kind.WAIT, Kind.LOCK}
    own = (s.operation for s in run.steps if s.task == task and s.operation.kind in kinds)
    first = next(own, None)
    return first.place if first is not None else None


def restarted(programs: Programs) -> Trial:
    """Kill all before each step, start them anew over what they left, and see whether items go through.

    ShmtuiError: they cannot be run.
    """
    with Workshop(programs.commands(), _ITEMS) as workshop:
        prepared(workshop, programs)
        execution, files = workshop.execution, workshop.files
        execution.ring = None  # The next run takes items that the one before has put.
        whole = execution.run()
        if not (_went_well(whole) and files.private):
            return Trial("")
        points = [
            number for number, step in enumerate(whole.steps) if step.operation.kind not in SILENT
        ][:_MOST_KILLS]
        begin, hanging, kills = dict(files.contents), [], 0
        for number in points:
            left, words, held = _left(workshop, number, whole)
            if left is None:
                continue
            kills += 1
            files.contents = left
            try:
                run = execution.run()
            finally:
                files.contents = dict(begin)
            if not _works(run, whole):
                hanging.append((words, held))
        files.contents = _left_at_end(workshop)
        try:
            again = _works(execution.run(), whole)
        finally:
            files.contents = begin
        return Trial("", sweep=Sweep(kills, tuple(hanging), once=not again))


def _left_at_end(workshop: Workshop) -> dict[str, bytes]:
    """The files that are there once all have ended by themselves; those of the begin where they do not."""
    execution, found = workshop.execution, dict(workshop.files.contents)

    def look(world: Execution) -> None:
        if all(task.ended == 0 for task in world.tasks):
            found.clear()
            found.update(shared_files() or {})

    execution.items, items = TO_THE_END, execution.items
    try:
        execution.run(look=look)
    finally:
        execution.items = items
    return found


def _left(workshop: Workshop, number: int, whole: Run) -> tuple[dict[str, bytes] | None, str, bool]:
    """The files that are there once all are killed before step ``number``, the step, and whether somebody had
    waited for something that he had not posted yet.
    """
    found: list[tuple[dict[str, bytes] | None, str, bool]] = []

    def before_choice(world: Execution) -> None:
        if len(world.result.steps) >= number:
            steps = world.result.steps
            held = any(_holds(steps, task.name, whole) for task in world.tasks)
            following = [t for t in world.tasks if t.ended is None]
            words = ", ".join(f"{t.name}: {_words(workshop, t)}" for t in following)
            found.append((shared_files(), words, held))
            raise _EnoughError

    execution = workshop.execution
    execution.before_choice = before_choice
    try:
        execution.run()
    except _EnoughError:
        pass
    finally:
        execution.before_choice = None
    return found[0] if found else (None, "", False)


def _went_well(run: Run) -> bool:
    """Whether nobody hangs, and nobody has failed."""
    return run.end is End.FINISHED and not any(run.ends.values())


def _works(run: Run, fresh: Run) -> bool:
    """Whether all go on, and each task that takes several rounds when it begins anew takes several here."""
    several = [task for task in fresh.programs if rounds(fresh, task) > 1]
    return _went_well(run) and all(rounds(run, task) > 1 for task in several)
