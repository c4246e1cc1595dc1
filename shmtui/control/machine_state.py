"""All that the rest of an execution depends on, as one number: two executions in the same state go on alike."""

import os
import struct
from typing import TYPE_CHECKING, Final

from shmtui.control import ptrace
from shmtui.control.operation import ACCESSES
from shmtui.control.ptrace import Registers
from shmtui.shm.protocol import Role

if TYPE_CHECKING:
    from shmtui.control.execution import Execution
    from shmtui.control.task import Task

_PAGE: Final = 4096
_ZEROS: Final = bytes(_PAGE)
_ZERO_PAGE: Final = b"zero"
"""Stands for a page of zeros; as long as a word, so that words stay where they can be told."""
_MOST_SHARED: Final = 8 << 20
_MOST_BYTES: Final = 1 << 20
"""Of a range of memory; programs of an exercise have less."""


class MachineState:
    """Reads states of the tasks of executions."""

    def __init__(self, world: "Execution") -> None:
        self._world = world
        self._files: list[bytes] = []
        self._whole = True
        """Whether all memory of the tasks was read; else no two states are known to be the same."""
        self._number = 0

    def now(self) -> int:
        """The state: what each task's process alone can write, its registers as far as they count, and what is
        shared. A task's number stands there as its name.

        At loads and stores a task whose memory is too large to be read is known by all that it has loaded so far.
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
            self._whole = self._whole and known is not None
            asked = task.slept if task.asked_time else 0
            made = (
                world.observed.calls.get(task.name, 0)
                if world.role_of(task) is Role.PRODUCER
                else 0
            )
            tasks.append((task.operation.kind, task.operation.site, task.woken, asked, made, known))
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

    def _learned(self, task: "Task") -> object:
        """What it has loaded and done; of threads the heap, too, which they have in common, and whose accesses are no
        steps.
        """
        learned = self._world.observed.learned.get(task.name, 0)
        if len(task.space.tasks) < 2 or task is not task.space.tasks[0]:
            return learned
        lines = [line for line in task.space.lines() if line.path == b"[heap]"]
        heap = b"".join(
            task.space.read(line.start, min(line.end - line.start, _MOST_BYTES)) for line in lines
        )
        return learned, hash(self._named(heap))

    def _named(self, raw: bytes) -> bytes:
        pages = (raw[at : at + _PAGE] for at in range(0, len(raw), _PAGE))
        raw = b"".join(_ZERO_PAGE if page == _ZEROS else page for page in pages)
        for number, task in enumerate(self._world.tasks):
            pid, name = struct.pack("<I", task.pid), b"T\0\0" + bytes([number & 255])
            raw = _with_words(raw, pid, name)
        for file in self._files:
            raw = raw.replace(file, bytes(len(file)))
        return raw

    def _knowledge(self, task: "Task") -> object:
        """Its memory and registers; None where the memory is too large."""
        r = task.registers
        ranges = self._memory(task, r.rsp, task.stack_top)
        if any(size > _MOST_BYTES for _begin, size in ranges):
            return None
        memory = hash(self._named(b"".join(task.space.read(*each) for each in ranges)))
        kept = r.rbx, r.rbp, r.r12, r.r13, r.r14, r.r15, r.rsp, memory
        if task.operation.kind not in ACCESSES:
            return kept  # At a call no other register counts.
        others = r.rax, r.rcx, r.rdx, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11, r.eflags
        loaded = self._world.observed.loaded.get(task.name, 0)
        return kept, others, ptrace.vector_registers(task.pid), loaded

    def _memory(self, task: "Task", sp: int, top: int) -> list[tuple[int, int]]:
        """Begin and size of its stack in use; and of the writable memory that its process alone has, for the first of
        its living threads.
        """
        found = []
        stacks = {other.stack_top for other in task.space.tasks} - {0}
        first = next(each for each in task.space.tasks if each.ended is None)
        for line in task.space.lines():
            begin, end = line.start, line.end
            if not line.rights.startswith(b"rw-p") or b"/ld-" in line.path:
                continue
            if begin <= sp < end:
                merged = any(top < each <= end for each in stacks)
                begin, end = sp, top if top and merged else end  # Above its top: its own variables.
            elif line.path == b"[stack]" or any(begin < each <= end for each in stacks):
                continue  # Of another thread, which reads its own.
            elif task is not first:
                continue
            found.append((begin, end - begin))
        return found

    @staticmethod
    def stack_of(task: "Task") -> int:
        """Where the stack of a thread begins that is about to run its first instruction."""
        registers = Registers()
        ptrace.load_registers(task.pid, registers)
        return registers.rsp + os.sysconf("SC_PAGE_SIZE") // 32


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
