"""One execution of copies of the programs: one task runs at a time, in an order that is chosen step by step."""

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import replace

from shmtui.control import ptrace
from shmtui.control.address_space import AddressSpace
from shmtui.control.calls import names_one
from shmtui.control.commuting import Commuting, objects_of
from shmtui.control.ending import Ending
from shmtui.control.entry_points import uses_system_v
from shmtui.control.items import Items, Ring
from shmtui.control.machine_state import MachineState
from shmtui.control.object_misuse import ObjectUse
from shmtui.control.observation import ExecutionObserver, own_name
from shmtui.control.operation import ACCESSES, COND_WAITS, WAKES, Kind, Operation, Place
from shmtui.control.program import HeldProgram
from shmtui.control.ptrace import Stops
from shmtui.control.readiness import is_ready, may_wake
from shmtui.control.repetition import Repetition
from shmtui.control.run import ChoicePoint, End, Run, Step
from shmtui.control.shared_files import SharedBytes
from shmtui.control.simultaneous import load_races
from shmtui.control.sleepers import Sleepers
from shmtui.control.task import Task
from shmtui.control.tasks_at_rest import Beyond, sleep_on
from shmtui.control.vain_tries import VainTries
from shmtui.shm.protocol import Role

if TYPE_CHECKING:
    from shmtui.control.shared_files import SharedFiles

_FIRST_STEPS: Final = 400
_ITEM_STEPS: Final = 60
"""An execution is given up after `_FIRST_STEPS`, and so many more for each item of each program."""
_LOCKS: Final = WAKES | {Kind.LOCK, Kind.TRY_LOCK, Kind.TIMED_LOCK, Kind.UNLOCK}
_YIELDS: Final = frozenset(
    {Kind.SLEEP, Kind.SPIN, Kind.TIMED_WAIT, Kind.CLOCK_WAIT, Kind.WAKE_IN_TIME, Kind.TIMED_LOCK}
)


class SeenStates(Protocol):
    """States by their numbers."""

    def __contains__(self, state: int, /) -> bool: ...

    def add(self, state: int, /) -> None: ...


class Execution:
    """Executes the programs over their shared files, once for each call of `run`."""

    def __init__(
        self,
        programs: Sequence[tuple[HeldProgram, Role]],
        files: "SharedFiles",
        items: int,
    ) -> None:
        self.programs, self.files, self.items = programs, files, items
        self.ring: Ring | None = None
        self.fine = False
        """Whether each load and store of shared memory is a step."""
        self.seen: SeenStates | None = None
        """States that were entered, where each is to be entered once."""
        self.most_steps: int | None = None
        """Steps after which an execution is given up; None: so many as the items may take."""
        self.commuting = Commuting()
        """Which steps are taken at once where each state is to be entered once."""
        self.all_orders = False
        """Whether none are."""
        self.sleeps_commute = True
        """Whether what follows a sleep, up to the next step, concerns nobody else."""
        self.sides: dict[str, Role] = {}
        """Of the threads and children of a program that does both, which of them do what."""
        self.callers: frozenset[str] = frozenset()
        """The programs that meet others by calls: what they do before the first is their set-up, which is done in turn."""
        self.set_up_in_turn = False
        """Whether the last program, too, is set up before another goes on."""
        self.starts_vary = False
        """Whether a start is a step as any other, and each call that makes ready what is shared."""
        self.uses_sets = any(uses_system_v(program.executable) for program, _role in programs)
        """Whether there may be System V sets."""
        self.usual_failures: frozenset[str] = frozenset()
        """Who ends with another status than 0 in the usual order."""
        self.favourite = ""
        """Who goes on whenever it can, where it is not the one whose turn it is."""
        self.before_choice: Callable[[Execution], None] | None = None
        """Called before each choice; it may end tasks."""
        self.tasks: list[Task] = []
        self.result = Run()
        self._roles = dict(programs)
        self._state = MachineState(self)
        self._reset()

    def _reset(self) -> None:
        self.result = Run(
            items=self.items, fine=self.fine, starts_vary=self.starts_vary,
            usual_failures=self.usual_failures,
        )  # fmt: skip
        self.tasks = []
        self.repetition = Repetition(self)
        self.vain_tries = VainTries(self)
        self.commuting.begin()
        self.sleepers = Sleepers()
        self.use = ObjectUse(self)
        self.memory = SharedBytes(self.files, self.tasks)
        self.observed = ExecutionObserver(self)
        self.result.races = self.observed.races.races
        self.result.lost_updates = self.observed.updates.found
        if self.observed.items is not None:
            self.result.faults = self.observed.items.faults
        self._order: tuple[str, ...] = ()
        self._current: Task | None = None
        self._inside: Task | None = None
        """Who has gone through waits since the last point at which any could have gone on, and done nothing else
        that concerns others.
        """
        self._taken: set[Place] = set()
        """What it waited for."""
        self._slept: dict[str, int] = {}
        """Whose last step was a sleep, and how often each had asked for the time."""
        self._over = False
        self._beyond: Beyond | None = None
        usual = _FIRST_STEPS + _ITEM_STEPS * self.items * len(self.programs)
        self._most = usual if self.most_steps is None else self.most_steps

    def run(
        self, order: Sequence[str] = (), *, look: "Callable[[Execution], None] | None" = None
    ) -> Run:
        """One execution: in ``order`` as far as that goes, then in the usual one: a task runs on for as long
        as it can, then the next in turn. ``look`` is called at its end, while the tasks are there.

        ValueError: one of ``order`` could not go on where it was to.
        """
        try:
            self.begin(order)
            while self.advance():
                pass
            if look is not None:
                look(self)
        finally:
            self.finish()
        return self.result

    def run_until(
        self,
        usual: Run,
        order: Sequence[str],
        look: "Callable[[Execution], None]",
        share: float = 1.0,
    ) -> None:
        """An execution in the order of ``usual``, given up before its first task ends, or after a share of the steps up
        to there: ``look`` is called then.
        """
        last = {step.task: number for number, step in enumerate(usual.steps)}
        ends = (last[task] for task in usual.ends if task in last)
        until = int(share * min(ends, default=len(usual.steps)))
        try:
            self.begin(order)
            while len(self.result.steps) < until and self.advance():
                pass
            look(self)
        finally:
            self.finish()

    def begin(self, order: Sequence[str] = ()) -> None:
        """Start an execution in ``order``; `advance` takes its steps, and `finish` ends it."""
        self._reset()
        self._order = tuple(order)
        self.files.prepare()
        self._start()
        self.observed.set_up = False

    def _start(self) -> None:
        for program, _role in self.programs:
            pid = program.copy()
            task = Task(self, program, program.name, pid, AddressSpace(pid))
            self.tasks.append(task)
            self.result.programs[task.name] = program.name
            self.result.roles[task.name] = self.role_of(task)
            if self.starts_vary:
                continue
            self._take(task)
            while (
                self.fine
                and program.name in self.callers
                and not self._starts_late(program)
                and task.operation.kind in ACCESSES
                and is_ready(task)
            ):
                self._take(task)  # What it sets up before its first call: nobody else is there yet.

    def _starts_late(self, program: HeldProgram) -> bool:
        """Whether it is started once all others are set up, and sets up while they go on. Not where another is
        started by the same command: what it makes ready may be its own only where it is the first.
        """
        others = [other for other, _role in self.programs[:-1]]
        is_last = bool(others) and program is self.programs[-1][0]
        alone = is_last and all(other.command != program.command for other in others)
        return alone and not self.set_up_in_turn

    def advance(self) -> bool:
        """Take the next step; False where the execution has ended, and all stand where they stood.

        ValueError: who is to go on cannot.
        """
        if self._over or (len(self.result.steps) >= self._most and self._beyond is None):
            return False
        if self.before_choice is not None:
            self.before_choice(self)
        if self.fine:
            self._note_load_races()
        enabled = self._enabled()
        if self._beyond is not None and self._beyond.is_over(self, enabled):
            self._over = True
            return False
        if not enabled:
            self._end()
            enabled = self._enabled() if self._beyond is not None else []
            if not enabled:
                return False
        self._may_stay_inside()
        at, order, state = len(self.result.choices), self._order, 0
        searched = self.seen is not None and at >= len(order)
        local = [task for task in enabled if self._is_local(task)] if searched else []
        enabled = local or enabled
        default = self._default(enabled, self._current)
        goes_on = bool(local)
        if searched and not local and self._inside in enabled and self._inside is not None:
            default, goes_on = self._inside, True
        enabled = [default] if goes_on else enabled
        if searched and not goes_on and self.seen is not None and self._beyond is None:
            state = self._state.now()
            if state in self.seen:
                self.result.end, self._over = End.KNOWN, True
                self.result.known = state, default.name
                return False
            self.seen.add(state)
        chosen = default if at >= len(order) else self._ordered(order[at], enabled, at)
        names = tuple(task.name for task in enabled)
        asleep = tuple(task.name for task in self.tasks if may_wake(task))
        self.result.choices.append(ChoicePoint(names, chosen.name, default.name, asleep, state))
        begins = not goes_on or self._inside is chosen
        acquires = self.commuting.acquires(chosen.operation, own_name(chosen))
        before = self._taken if self._inside is chosen else set()
        taken = objects_of(chosen.operation, own_name(chosen)) if acquires else set()
        count = len(self.tasks)
        accesses = chosen.operation.kind in ACCESSES and self._is_local(chosen)
        self._take(chosen)
        inside = (acquires and begins) or (accesses and self._inside is chosen)
        self._inside = chosen if self._reduces and inside and count == len(self.tasks) else None
        self._taken = before | taken if self._inside is not None else set()
        self._current = chosen
        return True

    def _note_load_races(self) -> None:
        result = self.result
        for race in load_races(self.tasks, self.ring, self.commuting, len(result.steps) - 1):
            if not any((r.load, r.store) == (race.load, race.store) for r in result.load_races):
                result.load_races.append(race)

    def _may_stay_inside(self) -> None:
        """Have others go on before its next wait, where the order of the two waits matters."""
        task = self._inside
        if task is None or not self.commuting.acquires(task.operation, own_name(task)):
            return
        if not self.commuting.goes_through(self._taken, task.operation, own_name(task)):
            self._inside = None

    def _ordered(self, name: str, enabled: list[Task], at: int) -> Task:
        for task in enabled:
            if task.name == name:
                return task
        for task in self.tasks:
            if task.name == name and may_wake(task):
                self.sleepers.wake_unsignalled(task)
                return task
        raise ValueError(f"{name} cannot go on at step {at}")

    def _enabled(self) -> list[Task]:
        return [t for t in self.tasks if t.ended is None and not self.is_parked(t) and is_ready(t)]

    def _default(self, enabled: list[Task], current: Task | None) -> Task:
        if self.favourite:
            going = [task for task in enabled if not self._would_wait(task)] or enabled
            return next((task for task in going if task.name == self.favourite), going[0])
        if current is not None and current in enabled and current.operation.kind not in _YIELDS:
            return current
        turn = 0 if current is None else self.tasks.index(current) + 1
        return min(enabled, key=lambda task: (self.tasks.index(task) - turn) % len(self.tasks))

    def _take(self, task: Task) -> None:
        """Take its step, and note what it did."""
        operation, number = task.operation, len(self.result.steps)
        before = self.memory.word(operation)
        if operation.kind in {Kind.SIGNAL, Kind.BROADCAST}:
            self.sleepers.signalled(task, operation)
        self.use.note(task, operation, before, number)
        if operation.kind is Kind.WAKE_IN_TIME and not task.woken:
            self.vain_tries.timed_out(task)
        written, questions = len(task.output), task.questions
        bytes_before = self.memory.bytes_of(operation) if operation.masked else b""
        task.step()
        if task.ended is not None:
            task.others_ended()
        if operation.masked:
            operation = _narrowed(operation, bytes_before, self.memory.bytes_of(operation))
        if operation.kind in COND_WAITS:
            self.sleepers.fell_asleep(task, operation)
        asked = self._slept.pop(task.name, None)
        if operation.kind is Kind.SLEEP:
            self._slept[task.name] = task.questions
            if asked == questions:  # It does not go by the time, and stands where it stood.
                task.slept -= operation.address
        task.take_output()
        after = self.memory.word(operation) if operation.kind in ACCESSES else None
        shown = None if operation.kind in _LOCKS else before
        self.result.steps.append(Step(task.name, operation, shown, after, task.output[written:]))
        self.observed.note(task, operation, before, after)
        if operation.kind in {Kind.STORE, Kind.UPDATE}:
            self.use.stored(task, operation, number)
        if task.ended is not None:
            self._note_end(task)
        self.result.foreign |= task.foreign or task.operation.kind is Kind.KERNEL

    def _note_end(self, task: Task) -> None:
        self.result.ends[task.name] = task.ended or 0
        self.result.fault_sites[task.name] = task.fault_site
        for other in self.tasks:
            ended_with = other.space is task.space and other.name not in self.result.ends
            if ended_with and other.ended is not None and other.ended >= 0:
                self.result.ends[other.name] = other.ended

    # Who can go on.

    def is_parked(self, task: Task) -> bool:
        """Whether it is a producer that has made its items, and stands before the next one."""
        within = task.operation.kind in ACCESSES | {Kind.PASS}
        if self.role_of(task) is not Role.PRODUCER or within:
            return False
        return self.observed.visits(task) >= self.made

    @property
    def made(self) -> int:
        """Items that each producer may make."""
        return self.items + (0 if self._beyond is None else self._beyond.more)

    def _is_local(self, task: Task) -> bool:
        """Whether its step has to do with nobody else's, so that its place in the order does not matter."""
        operation = task.operation
        if operation.kind is Kind.SLEEP:
            return not self._polls(task) and (self.fine or self.sleeps_commute)
        if not self._reduces:
            return False
        if operation.kind is Kind.JOIN:
            return names_one(task, operation)
        if operation.kind is Kind.PASS:
            return True
        alike = self.commuting.commutes(task.name, operation, own_name(task))
        return alike or operation.kind is Kind.START

    def _polls(self, task: Task) -> bool:
        """Whether it sleeps again, and has taken no other step since: what it looks at in between is no step."""
        return task.operation.kind is Kind.SLEEP and task.name in self._slept

    def _would_wait(self, task: Task) -> bool:
        """Whether it stands in a wait that it may give up, or sleeps until something has changed."""
        times_out = task.operation.kind is Kind.WAKE_IN_TIME and not task.woken
        return times_out or self._polls(task)

    @property
    def _reduces(self) -> bool:
        """Whether one order of steps stands for others."""
        varies = self.all_orders or self.starts_vary or self.result.foreign
        return self.fine and not varies

    def _end(self) -> None:
        """Nobody can go on, but for those who are parked."""
        self._over = True
        ending = Ending(self)
        self.result.parked = {task.name for task in ending.parked}
        self.result.blocked = [(task.name, task.operation) for task in ending.live]
        for task in ending.live:
            if task not in ending.parked:
                self.use.note(task, task.operation, None, max(len(self.result.steps) - 1, 0))
        self.result.end = ending.end
        items = self.observed.items
        if ending.end is not End.FINISHED:
            return
        if items is not None:
            items.faults += ending.lost_items(items)
            if self.fine and items.ring.keeps_items and all(t.ended == 0 for t in self.tasks):
                self.result.unread = len(items.unread())
        if sleep_on(self, ending.live) and ending.is_awaited:
            self._over, self._beyond = False, Beyond(self)

    def take_alone(self, task: Task) -> None:
        """Have a task take its step where nobody else is asked."""
        self.result.choices.append(ChoicePoint((task.name,), task.name, task.name))
        self._take(task)

    def knowledge_of(self, task: Task, *, loads: bool = True) -> object:
        """All that its next steps depend on but for what is shared; None where that is not known. ``loads``: what it has
        loaded since its last call is part of it, wherever it keeps that.
        """
        return self._state.of_task(task, loads=loads)

    def role_of(self, task: Task) -> Role:
        """Its own side, or its program's."""
        return self.sides.get(task.name, self._roles[task.program])

    @property
    def ring_items(self) -> Items | None:
        """The items of the ring; None where none is known."""
        return self.observed.items

    # What the tasks tell.

    def born(self, parent: Task, pid: int, is_thread: bool) -> None:
        """A thread or child of a task has begun."""
        Stops.next(pid)
        number = sum(task.program is parent.program for task in self.tasks) + 1
        space = parent.space if is_thread else AddressSpace(pid, parent.space)
        task = Task(self, parent.program, f"{parent.program.name}.{number}", pid, space, parent)
        ptrace.load_registers(pid, task.registers)
        if is_thread:
            task.stack_top = task.registers.rsp + os.sysconf("SC_PAGE_SIZE") // 32
        if is_thread or task.has_guarded_globals:
            task.share_globals()
        self.tasks.append(task)
        self.result.programs[task.name] = parent.program.name
        self.result.parents[task.name] = parent.name
        self.result.roles[task.name] = self.role_of(task)
        self.observed.races.fork(parent.name, task.name)

    def finish(self) -> None:
        """End all tasks, threads before those that began them."""
        for task in self.tasks:
            if task.ended is None or task.unreaped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(task.pid, signal.SIGKILL)
        for task in reversed(self.tasks):
            while task.ended is None or task.unreaped:
                try:
                    if not os.WIFSTOPPED(Stops.next(task.pid)):
                        break
                except ChildProcessError:
                    break
        for space in {task.space for task in self.tasks}:
            space.close()
        self.tasks = []
        for program, _role in self.programs:
            program.output()
        self.files.clean()


def _narrowed(operation: Operation, before: bytes, after: bytes) -> Operation:
    """A masked store of no more bytes than were changed: what the mask left out is not known to be stored."""
    changed = [at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new]
    return replace(operation, width=max(changed, default=0) + 1)
