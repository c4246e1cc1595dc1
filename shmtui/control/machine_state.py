"""All that the rest of an execution depends on, as one number: two executions in the same state go on alike."""

import struct
from typing import TYPE_CHECKING, Final

from shmtui.control import ptrace
from shmtui.control.kernel_state import descriptors, signals
from shmtui.control.loaded_code import is_loader
from shmtui.control.operation import ACCESSES, COND_WAITS, STARTING, Kind
from shmtui.shm.protocol import Role

if TYPE_CHECKING:
    from shmtui.control.execution import Execution
    from shmtui.control.task import Task
    from shmtui.procfs.maps import MapsLine

_PAGE: Final = 4096
_ZEROS: Final = bytes(_PAGE)
_ZERO_PAGE: Final = b"zero"
"""Stands for a page of zeros; as long as a word, so that words stay where they can be told."""
_MOST_SHARED: Final = 8 << 20
_MOST_BYTES: Final = 1 << 20
"""Of a range of memory; programs of an exercise have less."""
_ARGUMENTS: Final = {
    Kind.TIMED_WAIT: 2, Kind.CLOCK_WAIT: 3, Kind.TIMED_LOCK: 2, Kind.JOIN: 4, Kind.SET: 4, Kind.TRY_SET: 4,
    Kind.SLEEP: 4, **dict.fromkeys(COND_WAITS, 4), **dict.fromkeys(STARTING, 4),
}  # fmt: skip
"""Of the calls that have more than one, or have them where the loaded ones tell nothing of it: as many as any has."""


class MachineState:
    """Reads states of the tasks of executions."""

    def __init__(self, world: "Execution") -> None:
        self._world = world
        self._files: list[bytes] = []
        self._whole = True
        """Whether all memory of the tasks was read; else no two states are known to be the same."""
        self._number = 0

    def now(self) -> int:
        """The state: what each task's process alone can write, its registers as far as they count, what the kernel
        keeps of it, and what is shared. A task's number stands there as its name.

        At loads and stores a process of one thread whose memory is too large to be read is known by all that it has
        loaded so far.
        """
        world = self._world
        self._whole = True
        self._files = [] if world.fine else world.files.semaphore_files()
        tasks: list[object] = []
        for task in world.tasks:
            if task.ended is not None:
                tasks.append((task.ended, task.reaped))
                continue
            known = self._knowledge(task)
            if known is None and world.fine:
                known = self._learned(task)
            opened = descriptors(task.pid) if self._is_first(task) else ()
            self._whole = self._whole and known is not None and opened is not None
            time = task.clock if task.program.asks_time else ()
            made = world.observed.points(task) if world.role_of(task) is Role.PRODUCER else ()
            kept = signals(task.pid), opened
            at = task.operation.kind, task.operation.site, task.woken
            tasks.append((*at, time, made, known, kept))
        segments = sorted(world.memory.segments().items())
        self._whole = self._whole and sum(size for _name, size in segments) <= _MOST_SHARED
        if not self._whole:
            self._number += 1
            return hash(("unknown", self._number))
        memory = [self._named(world.memory.raw(name, 0, size)) for name, size in segments]
        followed = world.observed.items if world.fine else None
        items = 0 if followed is None else followed.state()
        names = world.files.listing() if world.starts_vary else ()
        sets = world.files.sets.state() if world.uses_sets else ()
        asleep = world.sleepers.queues
        return hash((tuple(tasks), tuple(memory), items, names, sets, asleep))

    def of_task(self, task: "Task", *, loads: bool) -> object:
        """The state of one task; None where that is not known. ``loads``: as of `_knowledge`."""
        opened = descriptors(task.pid) if self._is_first(task) else ()
        known = self._knowledge(task, loads=loads)
        return None if known is None or opened is None else (known, signals(task.pid), opened)

    def _learned(self, task: "Task") -> object:
        """What it has loaded and done; None of threads, whose accesses to what they have in common are not all steps."""
        if len(task.space.tasks) > 1:
            return None
        return self._world.observed.learned.get(task.name, 0)

    def _named(self, raw: bytes) -> bytes:
        pages = (raw[at : at + _PAGE] for at in range(0, len(raw), _PAGE))
        raw = b"".join(_ZERO_PAGE if page == _ZEROS else page for page in pages)
        for number, task in enumerate(self._world.tasks):
            pid, name = struct.pack("<I", task.pid), b"T\0\0" + bytes([number & 255])
            raw = _with_words(raw, pid, name)
        for file in self._files:
            raw = raw.replace(file, bytes(len(file)))
        return raw

    def _of_task(self, register: int) -> object:
        """A register, or the number of the task whose PID it has: that is another one in each execution."""
        tasks = self._world.tasks
        return next((f"T{n}" for n, task in enumerate(tasks) if task.pid == register), register)

    def _knowledge(self, task: "Task", *, loads: bool = True) -> object:
        """Its memory and registers; None where the memory is too large. ``loads``: also all that it has loaded since its
        last call, which may stand in registers that are not read.
        """
        r = task.registers
        ranges = self._memory(task, r.rsp)
        most = _MOST_BYTES if len(task.space.tasks) < 2 else _MOST_SHARED
        if any(size > most for _begin, size in ranges):
            return None
        memory = hash(self._named(b"".join(task.space.read(*each) for each in ranges)))
        kept = *map(self._of_task, (r.rbx, r.rbp, r.r12, r.r13, r.r14, r.r15)), r.rsp, memory
        kind = task.operation.kind
        if kind not in ACCESSES and kind is not Kind.START:
            arguments = (r.rdi, r.rsi, r.rdx, r.rcx)[: _ARGUMENTS.get(kind, 0)]
            # At a call no other register counts.
            return kept, task.operation.address, *map(self._of_task, arguments)
        others = r.rax, r.rcx, r.rdx, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11, r.eflags
        loaded = self._world.observed.loaded.get(task.name, 0) if loads else 0
        return kept, others, ptrace.vector_registers(task.pid), loaded

    def _is_first(self, task: "Task") -> bool:
        """Whether it is the first of its process's living threads."""
        return task is next(each for each in task.space.tasks if each.ended is None)

    def _memory(self, task: "Task", sp: int) -> list[tuple[int, int]]:
        """Begin and size of its stack in use; and of the memory that its process alone has, for the first of its
        living threads. Shared memory that is met for the first time is noted.
        """
        found, below = [], 0
        is_first = self._is_first(task)
        for line in task.space.lines():
            begin, end, guard = line.start, line.end, below
            below = end if line.rights.startswith(b"---p") else 0
            if line.rights[1:2] == b"w" and line.rights.endswith(b"s"):
                task.place(begin)
            if not _is_own(line, task):
                continue
            others = [each for each in task.space.tasks if begin < each.stack_top <= end]
            is_stack = line.path == b"[stack]" or (len(others) < 2 and guard == begin)
            if is_stack and begin <= sp < end:
                begin = sp
            elif line.path == b"[stack]" or not is_first:
                continue  # Of another thread, which reads its own.
            elif is_stack and others:
                if others[0].ended is None:
                    continue
                begin = others[0].stack_top  # Above it there may be variables of others.
            found.append((begin, end - begin))
        return found


def _is_own(line: "MapsLine", task: "Task") -> bool:
    """Whether a process has it for itself, and may have stored something there: also code, or what can only be read
    by now. Not the loader's, which changes with the first call of each function, and not what the kernel may drop.
    """
    if is_loader(line.path) and line.path != task.program.executable.encode():
        return False
    stored = line.rights[1:2] == b"w" or not line.path
    own = line.rights[:1] == b"r" and line.rights.endswith(b"p") and stored
    return own and bool(line.path or not task.space.is_droppable(line.start))


def _with_words(raw: bytes, word: bytes, other: bytes) -> bytes:
    """The bytes with another word wherever one stands, as a variable does: not where it begins within one."""
    at, found = raw.find(word), []
    while at >= 0:
        found += [at] if at % len(word) == 0 else []
        at = raw.find(word, at + 1)
    changed = bytearray(raw)
    for place in found:
        changed[place : place + len(word)] = other
    return bytes(changed) if found else raw
