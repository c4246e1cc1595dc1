"""One execution of copies of the programs: one task runs at a time, in an order that is chosen step by step."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from shmtui.control.happens_before import HappensBefore
from shmtui.control.operation import ACCESSES, Kind, Operation, Place
from shmtui.control.program import HeldProgram
from shmtui.control.provenance import Provenance
from shmtui.control.ptrace import Stops
from shmtui.control.task import AddressSpace, Task
from shmtui.procfs.maps import MapsLine, map_lines, split_line
from shmtui.shm.protocol import Role

if TYPE_CHECKING:
    from shmtui.control.scene import Scene

MOST_STEPS: Final = 4_000
"""Steps after which an execution is given up: something runs on and on."""
_HEAP_BYTES: Final = 8192
_SPINS: Final = 3
"""Times that a task has loaded the same values before it is said to wait for others to change them."""


class End(Enum):
    """How an execution ended."""

    FINISHED = "finished"
    """All ended, or rest where they begin their next item."""
    STUCK = "stuck"
    """Nobody can go on, and not all have finished."""
    KNOWN = "known"
    """It came to a state that an earlier one had been in."""
    UNFINISHED = "unfinished"
    """It was given up after `MOST_STEPS`."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was taken."""

    task: str
    operation: Operation
    value: int | None
    """The word before the step."""
    after: int | None = None
    """And after it."""


@dataclass(slots=True)
class Choice:
    """A point at which several could have gone on."""

    enabled: tuple[str, ...]
    chosen: str
    default: str


@dataclass(slots=True)
class Run:
    """What an execution was."""

    steps: list[Step] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    end: End = End.UNFINISHED
    blocked: list[tuple[str, Operation]] = field(default_factory=list)
    """Of one that is stuck: who stands where."""
    ends: dict[str, int] = field(default_factory=dict)
    """How each task ended: an exit status, or minus a signal."""
    initialised: dict[Place, bool] = field(default_factory=dict)
    """Semaphores that sem_init was called for, and whether as shared between processes."""
    outputs: dict[str, str] = field(default_factory=dict)
    spinning: set[tuple[str, Place | None]] = field(default_factory=set)
    """Who waited for what by loading it over and over."""
    rounds: dict[str, int] = field(default_factory=dict)
    """How often each task began an item."""
    races: HappensBefore = field(default_factory=HappensBefore)
    words: Provenance = field(default_factory=Provenance)
    tasks_of: dict[str, Role] = field(default_factory=dict)

    @property
    def order(self) -> tuple[str, ...]:
        """Who was chosen, at each point."""
        return tuple(choice.chosen for choice in self.choices)


Chooser = Callable[["Execution", list[Task], Task | None], Task]


class Execution:
    """Executes the programs of a scene, once for each call of `run`."""

    def __init__(self, programs: Sequence[tuple[HeldProgram, Role]], scene: "Scene", items: int, *, fine: bool) -> None:
        self.programs, self.scene, self.items, self.fine = programs, scene, items, fine
        self.seen: set[int] | None = None
        """States that were entered, where each is to be entered once."""
        self.tasks: list[Task] = []
        self.result = Run()
        self._stack_ends: dict[HeldProgram, int] = {}
        self._data: dict[HeldProgram, list[tuple[int, int]]] = {}
        self._roles = {program: role for program, role in programs}
        self.segments: dict[tuple[int, int], tuple[Task, int, int]] = {}
        """Of each shared file a task that maps it, where, and how many bytes."""
        self._semaphores: set[tuple[int, int]] = set()
        self._visits: dict[str, dict[int, int]] = {}
        self._waiting: dict[object, list[Task]] = {}
        self._loaded: dict[str, dict[tuple[int, Place | None], tuple[int, bytes, Operation]]] = {}
        self._history: dict[str, int] = {}

    def run(self, order: Sequence[str] = ()) -> Run:
        """One execution: in ``order`` as far as that goes, then in the usual one: a task runs on for as long
        as it can, then the next in turn.

        ValueError: one of ``order`` could not go on where it was to.
        """
        self.result = Run()
        self.tasks, self.segments, self._visits = [], {}, {}
        self._waiting, self._loaded, self._history = {}, {}, {}
        self._semaphores = set()
        self.scene.prepare()
        try:
            self._start()
            self._run(order)
        finally:
            self._finish()
        return self.result

    def _start(self) -> None:
        for program, role in self.programs:
            pid = program.copy()
            memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
            task = Task(self, program, program.name, pid, AddressSpace(memory))
            self.tasks.append(task)
            self.result.tasks_of[task.name] = role
            task.step()
            while self.fine and task.operation.kind in ACCESSES and self._is_enabled(task):
                self._take(task)  # What it sets up before its first call: nobody else is there yet.

    def _run(self, order: Sequence[str]) -> None:
        current: Task | None = None
        while len(self.result.steps) < MOST_STEPS:
            enabled = [t for t in self.tasks if t.ended is None and not self._is_parked(t) and self._is_enabled(t)]
            if not enabled:
                self.result.end = self._end()
                return
            local = [t for t in enabled if self._is_local(t)]
            if local and self.seen is not None:
                enabled = local[:1]
            at = len(self.result.choices)
            if self.seen is not None and at >= len(order):
                state = self._state()
                if state in self.seen:
                    self.result.end = End.KNOWN
                    return
                self.seen.add(state)
            default = self._default(enabled, current)
            chosen = default
            if at < len(order):
                found = [task for task in enabled if task.name == order[at]]
                if not found:
                    raise ValueError(f"{order[at]} cannot go on at step {at}")
                chosen = found[0]
            names = tuple(task.name for task in enabled)
            self.result.choices.append(Choice(names, chosen.name, default.name))
            self._take(chosen)
            current = chosen
        self.result.end = End.UNFINISHED

    def _default(self, enabled: list[Task], current: Task | None) -> Task:
        if current in enabled and current is not None and current.operation.kind not in {Kind.SLEEP, Kind.SPIN}:
            return current
        turn = 0 if current is None else self.tasks.index(current) + 1
        return min(enabled, key=lambda task: (self.tasks.index(task) - turn) % len(self.tasks))

    def _take(self, task: Task) -> None:
        """Take its step, and note what it did."""
        operation = task.operation
        before = self._word(task, operation)
        if operation.kind in {Kind.SIGNAL, Kind.BROADCAST}:
            waiting = self._waiting.get(self._key(task, operation), [])
            count = len(waiting) if operation.kind is Kind.BROADCAST else 1
            for each in waiting[:count]:
                each.woken = True
            del waiting[:count]
        task.step()
        if operation.kind in {Kind.COND_WAIT, Kind.COND_TIMED_WAIT}:
            self._waiting.setdefault(self._key(task, operation), []).append(task)
        text = task.program.output()
        task.output += text
        self.result.outputs[task.name] = task.output
        after = self._word(task, operation) if operation.kind in ACCESSES else None
        self.result.steps.append(Step(task.name, operation, before, after))
        self._note(task, operation, before, after)
        if task.ended is not None:
            self.result.ends[task.name] = task.ended

    def _note(self, task: Task, operation: Operation, before: int | None, after: int | None) -> None:
        number = len(self.result.steps) - 1
        if operation.kind in ACCESSES:
            assert operation.place is not None
            self.result.words.access(task.name, operation, number)
            self.result.races.access(task.name, operation)
            if operation.kind is Kind.LOAD:
                loads = self._loaded.setdefault(task.name, {})
                raw = self.raw(operation.place.segment, operation.place.offset, operation.width)
                times, value, _old = loads.get((operation.site, operation.place), (0, raw, operation))
                loads[operation.site, operation.place] = (times + 1 if value == raw else 1, raw, operation)
            else:
                self._loaded.pop(task.name, None)
        else:
            self._loaded.pop(task.name, None)
            taken = operation.kind not in {Kind.TRY_WAIT, Kind.TIMED_WAIT, Kind.CLOCK_WAIT} or before
            if taken:
                self.result.races.synchronise(task.name, operation)
            if taken and operation.kind not in {Kind.SLEEP, Kind.START, Kind.KERNEL, Kind.SPIN}:
                visits = self._visits.setdefault(task.name, {})
                visits[operation.site] = visits.get(operation.site, 0) + 1
                self.result.rounds[task.name] = max(visits.values())
        if self.fine:
            learned = after if operation.kind in ACCESSES else before if operation.kind is Kind.TRY_WAIT else 0
            past = self._history.get(task.name, 0)
            self._history[task.name] = hash((past, operation.kind, operation.site, learned))

    # Who can go on.

    def _is_enabled(self, task: Task) -> bool:
        operation = task.operation
        match operation.kind:
            case Kind.WAIT:
                return task.word(operation.address) > 0
            case Kind.LOCK:
                return task.word(operation.address) & 0x3FFFFFFF in {0, task.pid} or self._is_owned(task)
            case Kind.WAKE:
                return task.woken and task.word(operation.address) == 0
            case Kind.KERNEL:
                task.poll()
                return task.ended is None and task.operation.kind is not Kind.KERNEL and self._is_enabled(task)
            case Kind.ENDED:
                return False
            case Kind.LOAD:
                return not self._waits_by_loading(task)
        return True

    @staticmethod
    def _is_owned(task: Task) -> bool:
        """Whether the lock is one that its owner may take again, or is told that he may not (glibc's kinds
        1 and 2), and its own.
        """
        kind = task.word(task.operation.address + 16) & 3
        return kind in {1, 2} and task.word(task.operation.address + 8) == task.pid

    def _waits_by_loading(self, task: Task) -> bool:
        loads = self._loaded.get(task.name, {})
        times = loads.get((task.operation.site, task.operation.place), (0, b"", task.operation))[0]
        if times < _SPINS:
            return False
        for _times, value, load in loads.values():
            assert load.place is not None
            if self.raw(load.place.segment, load.place.offset, load.width) != value:
                return False
        self.result.spinning.add((task.name, task.operation.place))
        return True

    def _is_parked(self, task: Task) -> bool:
        """Whether it is a producer that has made its items, and stands before the next one."""
        if self.role_of(task) is not Role.PRODUCER or task.operation.kind in ACCESSES:
            return False
        return self._visits.get(task.name, {}).get(task.operation.site, 0) >= self.items

    def _is_local(self, task: Task) -> bool:
        """Whether its step has to do with nobody else's, so that its place in the order does not matter."""
        return self.fine and task.operation.kind is Kind.SLEEP

    def _end(self) -> End:
        live = [task for task in self.tasks if task.ended is None]
        waiting = [task for task in live if not self._is_parked(task)]
        self.result.blocked = [(task.name, task.operation) for task in waiting]
        if any(not self._rests(task) for task in waiting):
            return End.STUCK
        return End.FINISHED

    def _rests(self, task: Task) -> bool:
        """Whether it is a consumer that waits for its next item, having finished with the one before."""
        if self.role_of(task) is Role.PRODUCER or task.operation.kind is not Kind.WAIT:
            return False
        visits = self._visits.get(task.name, {})
        return visits.get(task.operation.site, 0) >= max(visits.values(), default=0)

    def role_of(self, task: Task) -> Role:
        """Its program's side."""
        return self._roles[task.program]

    # What the tasks tell.

    def born(self, parent: Task, pid: int, is_thread: bool) -> None:
        """A thread or child of a task has begun."""
        Stops.next(pid)
        number = sum(task.program is parent.program for task in self.tasks) + 1
        if is_thread:
            space = parent.space
        else:
            memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
            space = AddressSpace(memory, [*parent.space.shared], {**parent.space.guarded})
        task = Task(self, parent.program, f"{parent.program.name}.{number}", pid, space, parent)
        self.tasks.append(task)
        self.result.tasks_of[task.name] = self.role_of(task)
        self.result.races.fork(parent.name, task.name)

    def note_mapping(self, task: Task, line: MapsLine) -> None:
        """A task maps a shared file."""
        key = (line.device, line.inode)
        path = line.path.removesuffix(b" (deleted)")
        if path.rpartition(b"/")[2].startswith(b"sem.") or b"/dev/shm/sem." in path:
            self._semaphores.add(key)
        self.segments.setdefault(key, (task, line.start - line.offset, line.end - line.start + line.offset))
        self.scene.note(key, os.fsdecode(path))

    def is_semaphore(self, segment: tuple[int, int]) -> bool:
        """Whether it is a named semaphore: no program loads or stores there itself."""
        return segment in self._semaphores

    def note_init(self, task: Task, address: int, shared: bool) -> None:
        """A task initialises a semaphore."""
        place = task.place(address)
        if place is not None:
            self.result.initialised[place] = shared

    def note_name(self, function: str, name: bytes) -> None:
        """A task opens or makes something by name."""
        self.scene.note_name(function, name)

    # State.

    def raw(self, segment: tuple[int, int], offset: int, size: int) -> bytes:
        """Bytes of a shared file, as any living task sees them."""
        owner, base, _size = self.segments[segment]
        if owner.ended is not None:
            living = next((t for t in self.tasks if t.ended is None and any(p.segment == segment for _b, _e, p in t.space.shared)), owner)
            begin, _end, place = next((each for each in living.space.shared if each[2].segment == segment), (base, 0, Place(segment, 0)))
            owner, base = living, begin - place.offset
        return owner.read(base + offset, size)

    def _word(self, task: Task, operation: Operation) -> int | None:
        if operation.place is None:
            return None
        return int.from_bytes(self.raw(operation.place.segment, operation.place.offset, min(operation.width or 4, 8)), "little")

    @staticmethod
    def _key(task: Task, operation: Operation) -> object:
        return operation.place or (task.space.memory, operation.address)

    def _state(self) -> int:
        """A hash of everything that what comes depends on."""
        tasks: list[object] = []
        for task in self.tasks:
            if task.ended is not None:
                tasks.append(task.ended)
            else:
                known = self._history.get(task.name, 0) if self.fine else task.knowledge()
                tasks.append((task.operation.kind, task.operation.site, task.woken, known))
        memory = [self.raw(key, 0, min(size, 65536)) for key, (_task, _base, size) in self.segments.items()]
        return hash((tuple(tasks), tuple(memory), self.result.words.state()))

    def stack_end(self, task: Task) -> int:
        """Where the stack of its program ends."""
        if task.program not in self._stack_ends:
            lines = map(split_line, map_lines(task.program.pid) or ())
            self._stack_ends[task.program] = next((line.end for line in lines if line.path == b"[stack]"), 0)
        return self._stack_ends[task.program]

    def data_of(self, task: Task) -> list[tuple[int, int]]:
        """Begin and size of the writable data of its executable, and of the begin of its heap."""
        if task.program not in self._data:
            executable = os.fsencode(os.readlink(f"/proc/{task.pid}/exe"))
            found, last = [], b""
            for line in map(split_line, map_lines(task.pid) or ()):
                own = line.path == executable or (not line.path and last == executable)
                if line.rights.startswith(b"rw") and line.rights.endswith(b"p"):
                    if own:
                        found.append((line.start, line.end - line.start))
                    elif line.path == b"[heap]":
                        found.append((line.start, min(line.end - line.start, _HEAP_BYTES)))
                last = line.path
            self._data[task.program] = found
        return self._data[task.program]

    def _finish(self) -> None:
        """End all tasks, threads before those that began them."""
        for task in self.tasks:
            if task.ended is None:
                with_error = False
                try:
                    os.kill(task.pid, signal.SIGKILL)
                except ProcessLookupError:
                    with_error = True
                del with_error
        for task in reversed(self.tasks):
            while task.ended is None:
                try:
                    status = Stops.next(task.pid)
                except ChildProcessError:
                    break
                if not os.WIFSTOPPED(status):
                    break
        for memory in {task.space.memory for task in self.tasks}:
            os.close(memory)
        for program, _role in self.programs:
            program.output()
        self.scene.clean()
