"""The source of a schedule's dashboard: the programs held at a step, the ring as it stands there, what is next."""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec
from msgspec.structs import replace

from shmtui.control.exploration import Workshop
from shmtui.control.held_execution import HeldExecution
from shmtui.control.judge import Finding as Fault
from shmtui.control.operation import ACCESSES, Kind
from shmtui.control.readiness import is_ready
from shmtui.control.schedule import Schedule, read_schedule
from shmtui.errors import MissingSegmentError, ShmtuiError
from shmtui.i18n import _
from shmtui.monitor.ring_reader import RingReader
from shmtui.monitor.snapshot_parts import layout_info, ring_occupancy, segment_info
from shmtui.monitor.sync_objects import sync_objects
from shmtui.procfs.target import open_target
from shmtui.session.held_task import HeldTask
from shmtui.session.source_lines import is_newer, source_lines
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import SemaphoreState
from shmtui.shm.segment_reader import SegmentReader
from shmtui.snapshot import (
    EMPTY,
    Certainty,
    Finding,
    Health,
    Origin,
    Process,
    ProcessState,
    Snapshot,
    Status,
)

if TYPE_CHECKING:
    from shmtui.control.ring_layout import FoundRing
    from shmtui.control.task import Task

SLOTS_READ: Final = 512
"""Slots of a ring whose values are read."""


class HeldStep(msgspec.Struct, frozen=True):
    """A step of the schedule, in words. What it says is hostile text."""

    task: str
    role: Role
    words: str
    line: str
    """``produtor.c:18``; empty where that is not known."""
    output: str
    departs: bool
    """Whether another would have gone on in the usual order."""


class Held(msgspec.Struct, frozen=True):
    """Where a schedule is held."""

    steps: tuple[HeldStep, ...]
    """Of the whole schedule."""
    at: int
    """Steps that have been taken."""
    fault: int
    """Steps up to the finding."""
    finding: Fault
    tasks: tuple[HeldTask, ...]
    mover: str
    """Who took the last step."""
    wrong: str = ""
    """Why they are not where they were to be."""


class HeldSchedule:
    """The programs of a schedule, held at the step that shows its finding at first. They end with it.

    ShmtuiError: the programs do otherwise than it says.
    """

    def __init__(self, workshop: Workshop, schedule: Schedule) -> None:
        self._workshop = workshop
        try:
            self._execution = HeldExecution(workshop, schedule)
            self._steps = self._words()
            self._places: dict[str, tuple[str, int]] = {}
            self._wrong = ""
            self.to_fault()
        except BaseException:
            workshop.execution.finish()
            workshop.close()
            raise

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Those of a schedule file. ShmtuiError: it is none."""
        schedule = read_schedule(path)
        commands = [(each.role, each.command) for each in schedule.programs]
        return cls(Workshop(commands, schedule.items), schedule)

    def close(self) -> None:
        """End the programs."""
        self._execution.close()
        self._workshop.close()

    # Moves.

    def step(self, by: int) -> None:
        """So many steps on, or back."""
        self._go_to(self._execution.at + by)

    def to_start(self) -> None:
        self._go_to(0)

    def to_end(self) -> None:
        self._go_to(self._execution.end)

    def to_fault(self) -> None:
        self._go_to(self._execution.fault)

    def _go_to(self, steps: int) -> None:
        try:
            self._execution.go_to(steps)
        except ShmtuiError as error:
            self._wrong = str(error)
        self._snapshot = self._read()
        self._held = self._describe()

    # What is shown.

    @property
    def held(self) -> Held:
        return self._held

    def sample(self) -> Snapshot:
        """The ring as it stands at the step."""
        return self._snapshot

    def _words(self) -> tuple[HeldStep, ...]:
        execution, run = self._execution, self._execution.whole
        departing = set(run.departures(len(run.steps)))
        return tuple(
            HeldStep(
                step.task,
                run.roles[step.task],
                execution.names.step(step.operation, step.value, step.after),
                execution.names.line(run.programs[step.task], step.operation),
                step.output,
                number in departing,
            )
            for number, step in enumerate(run.steps)
        )

    def _describe(self) -> Held:
        execution = self._execution
        taken = execution.world.result.steps
        return Held(
            self._steps, execution.at, execution.fault, execution.finding,
            tuple(map(self._task, execution.world.tasks)), taken[-1].task if taken else "", self._wrong,
        )  # fmt: skip

    def _task(self, task: "Task") -> HeldTask:
        world, names = self._execution.world, self._execution.names
        place = names.source(task.program.name, task.operation)
        if place[0]:
            self._places[task.name] = place
        elif task.ended is not None or not task.operation.site:
            self._places[task.name] = "", -1
        path, line = self._places.get(task.name, ("", 0))
        output = world.result.output(task.name).splitlines()
        parked, ended = task.ended is None and world.is_parked(task), task.ended is not None
        return HeldTask(
            task.name, world.role_of(task), task.pid, task.program.command[0], self._next(task),
            not ended and not parked and not is_ready(task), parked, ended,
            path, line, source_lines(path), is_newer(path, task.program.executable), tuple(output),
        )  # fmt: skip

    def _next(self, task: "Task") -> str:
        if task.ended is not None:
            number = -task.ended
            text = (
                _("was killed by signal {number}") if number > 0 else _("has ended with {status}")
            )
            return text.format(number=number, status=task.ended)
        operation = task.operation
        value = self._execution.world.memory.word(operation)
        if operation.kind is Kind.STORE:
            return _("stores {name}").format(name=self._execution.names.place(operation.place))
        shown = value if operation.kind in ACCESSES else None
        return self._execution.names.step(operation, shown, None)

    def _read(self) -> Snapshot:
        found = self._execution.found
        processes = tuple(map(self._process, self._execution.world.tasks))
        snapshot = replace(EMPTY, processes=processes)
        if found is not None:
            world = self._execution.world
            for task in world.tasks:
                if task.ended is None:
                    task.place_all()
            pids = [task.pid for task in world.tasks if task.ended is None]
            target = world.files.target_of(found.ring.segment, pids[0]) if pids else None
            if target is not None:  # Else no program has made it yet.
                with (
                    contextlib.suppress(MissingSegmentError),
                    contextlib.closing(
                        open_target(target, among=[p.pid for p in processes])
                    ) as reader,
                ):
                    snapshot = _with_ring(snapshot, found, reader)
        at_fault = self._execution.at >= self._execution.fault
        return replace(snapshot, health=self._health() if at_fault else Health())

    def _health(self) -> Health:
        fault = self._execution.finding
        finding = Finding(
            fault.kind, Status.CRITICAL, fault.claim, (), Certainty.CERTAIN, "", fault.kind
        )
        return Health(Status.CRITICAL, (finding,))

    def _process(self, task: "Task") -> Process:
        """A task as the table of processes has it."""
        world, operation = self._execution.world, task.operation
        name, role = f"{task.name} {task.program.command[0]}", world.role_of(task)
        if task.ended is not None:
            return Process(task.pid, name, role, ProcessState.ENDED, Origin.PROGRAM)
        if world.is_parked(task) or is_ready(task):
            return Process(task.pid, name, role, ProcessState.STEPPING, Origin.PROGRAM)
        ring, place = world.ring, operation.place
        semaphore = None
        if ring is not None and place is not None and place.segment == ring.segment:
            roles = {getattr(ring, each.value): each for each in SemaphoreRole}
            semaphore = roles.get(place.offset)
        other = () if semaphore is not None else (self._execution.names.place(place),)
        return Process(
            task.pid, task.name, role, ProcessState.BLOCKED, Origin.PROGRAM,
            blocked_on=semaphore, waits=() if semaphore is None else (semaphore,),
            sleeps_on=tuple(filter(None, other)),
        )  # fmt: skip


def _with_ring(snapshot: Snapshot, found: "FoundRing", reader: SegmentReader) -> Snapshot:
    """The snapshot with what the segment holds."""
    layout = found.layout
    with contextlib.closing(RingReader(reader, layout)) as ring_reader:
        ring = ring_reader.read(min(layout.slots, SLOTS_READ))
        full = ring_occupancy(layout, ring, None, None)
        pids = frozenset(process.pid for process in snapshot.processes)
        return replace(
            snapshot,
            time=time.time(),
            monotonic_ns=time.monotonic_ns(),
            segment=segment_info(reader.name, reader.status(), read_only=True),
            layout=layout_info(found.resolved, layout, ""),
            in_=ring.in_,
            out=ring.out,
            occupancy=full,
            count=ring.count,
            slots=ring_reader.slots(ring.data or b"", ring.out, full),
            semaphores={
                role: SemaphoreState(words.value, words.waiters, words.shared)
                for role, words in ring.semaphores.items()
            },
            sync=sync_objects(reader, layout, ring.semaphores, pids),
            steady=True,
        )
