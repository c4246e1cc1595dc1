"""A thread of a program under control: it runs from one step to the next, and stands still between."""

import os
import signal
from typing import TYPE_CHECKING, Final

from shmtui.control import calls, ptrace
from shmtui.control.access import access_of, is_atomic, is_masked
from shmtui.control.address_space import AddressSpace
from shmtui.control.barriers import arrive
from shmtui.control.call_stops import at_call
from shmtui.control.fatal_fault import fatal_fault
from shmtui.control.global_variables import OWN
from shmtui.control.operation import ACCESSES, Kind, Operation, Place
from shmtui.control.process_ids import with_told_pids
from shmtui.control.program import BREAKPOINT, HeldProgram
from shmtui.control.ptrace import Registers, Stops
from shmtui.procfs.process import read_stat
from shmtui.procfs.thread_end import is_dying

if TYPE_CHECKING:
    from collections.abc import Callable

    from shmtui.control.execution import Execution

PATIENCE: Final = 0.05
"""Seconds without a stop after which it is looked whether a task rests in the kernel."""
_RESTS: Final = 3
"""So many looks in a row that find it asleep: on a busy machine a system call may take longer than one."""
_SOON: Final = 0.002
"""Seconds after which the other threads of a process are looked at: its first one's end is told after theirs."""
_SPIN_SECONDS: Final = 0.3
_TICK: Final = 1_000_000
"""Nanoseconds that pass from one question for the time to the next."""
_MPROTECT: Final = 10
_RED_ZONE, _FRAME = 128, 1024
"""Bytes below the stack pointer that a function may use, and those from there on that are compared."""
_NONE, _READ, _READ_WRITE = 0, 1, 3
_SHARED_PATHS: Final = (b"/dev/shm/", b"/memfd:", b"/dev/zero", b"/SYSV")
_FAULTS: Final = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}


class Task:
    """A thread of a copy of a program."""

    def __init__(self, world: "Execution", program: HeldProgram, name: str, pid: int,
                 space: AddressSpace, parent: "Task | None" = None) -> None:  # fmt: skip
        self.world, self.program, self.name, self.pid = world, program, name, pid
        self.space, self.parent = space, parent
        self.registers = Registers()
        self.operation = Operation(Kind.START)
        self.ended: int | None = None
        """The exit status, or minus the signal that ended it."""
        self.fault_site = 0
        """The instruction of its last fault."""
        self.output = ""
        self.woken = False
        """Of a waiter of a condition variable: it was signalled."""
        self.slept = 0
        """Nanoseconds that it was to sleep; its clocks show them."""
        self.asked_time = 0
        """How often it has asked for the time, without the times when nothing was new: its clocks show them, too."""
        self.leapt = 0
        """Nanoseconds that its clocks were put forward by."""
        self.questions = 0
        """How often it has asked in all."""
        self._asked, self._progressed = False, True
        self.stack_top = 0
        """Where a thread's stack begins; 0 for the first thread."""
        self.foreign = False
        """Whether it has become another program, which runs on its own."""
        self.reaped = False
        self.unreaped = False
        """Whether it has ended before its process's other threads, so that its end is not told yet."""
        self.set_call = (0, 0, 0)
        """Of its last call of semop: where that begins and returns to, and the stack pointer."""
        self.lock_call = ("", 0, 0, 0)
        """The same of its last call that locks, after which function that was."""
        self.opens_semaphore = False
        """Whether it is in sem_open."""
        self.has_deadline = False
        """Whether that call has a time limit in its fourth argument."""
        self.gave_up = False
        """Whether that was one that would have waited, and had no time to."""
        self.awaited = 0
        """Whom it joins: a thread's structure, or a PID as waitpid(2) takes it."""
        self._fault = 0
        """The signal of the instruction under a breakpoint, with which it is to run on; or 0."""
        self._returns: dict[int, tuple[bytes, Callable[[], None]]] = {}
        """The byte under each breakpoint at which a call returns, and what is to be done there."""
        space.tasks.append(self)

    def word(self, address: int) -> int:
        """The unsigned int there."""
        return self.space.word(address)

    def set_words(self, address: int, *words: int) -> None:
        """Write unsigned ints from there on, guarded or not."""
        raw = b"".join(word.to_bytes(4, "little") for word in words)
        place = self.place(address)
        own = place is not None and place.segment.startswith(OWN)
        if own or not self.space.is_guarded(address):
            self.space.write(address, raw)
        elif place is None or not self.world.memory.put(place, raw):
            self.protect(free=True)
            self.space.write(address, raw)
            self.protect(free=False)

    @property
    def errno_address(self) -> int:
        """Where its errno lies: as far from its thread's structure as that of the first thread; 0 where not known."""
        first = self.program.errno_address
        return first and first - self.program.registers.fs_base + self.registers.fs_base

    def place(self, address: int) -> Place | None:
        """The byte of a shared mapping that lies there."""
        return self.space.place(address, self.world.files.name_of)

    def place_all(self) -> None:
        """Note all shared memory that it maps and may write to, used so far or not."""
        for line in list(self.space.lines()):
            if line.rights.startswith(b"rw-s") and line.path.startswith(_SHARED_PATHS):
                self.place(line.start)

    # Running.

    def step(self) -> None:
        """Take the step that it stands before, and run to the next."""
        operation = self.operation
        if operation.kind is Kind.START and self.stack_top and self.world.fine:
            self._guard_globals()
        if operation.kind in ACCESSES:
            self.run_on(number=self._access())
            return
        if operation.kind not in {Kind.START, Kind.SPIN, Kind.KERNEL}:
            arrives = operation.kind is Kind.BARRIER
            following = (arrive if arrives else calls.carry_out)(self, operation)
            if following is not None:
                self.operation = following
                return
        self.run_on()

    def run_on(self, status: int | None = None, number: int = 0) -> None:
        """Run to the next step, from ``status`` on where there was a stop already, and with signal ``number``."""
        while True:
            if status is None:
                ptrace.resume(self.pid, number or self._fault)
                self._fault = 0
                alone = len(self.space.tasks) < 2
                status, rests = Stops.within(self.pid, PATIENCE if alone else _SOON), 0
                while status is None:
                    if not alone and self._ends_before_others():
                        return
                    rests = rests + 1 if not self.take_output() and self._rests() else 0
                    if rests == _RESTS:
                        self.operation = Operation(Kind.KERNEL)
                        return
                    status = Stops.within(self.pid, PATIENCE)
            found = self._at_stop(status)
            if found is None:
                return
            number, status = found, None

    def _ends_before_others(self) -> bool:
        """Whether it is its process's first thread, and has ended alone, by pthread_exit(3); the threads that end with it
        are taken note of.
        """
        self.others_ended()
        stat = read_stat(self.pid)
        others = any(each is not self and each.ended is None for each in self.space.tasks)
        if stat is None or stat.state != "Z" or not others:
            return False
        self.ended, self.unreaped, self.operation = 0, True, Operation(Kind.ENDED)
        return True

    def others_ended(self) -> "list[Task]":
        """The threads of its process that have just ended with it: one has called exit(3), or was killed."""
        found = []
        for other in reversed(self.space.tasks):  # The first one's end is told last.
            held = other.operation.kind is not Kind.KERNEL
            if other is self or other.ended is not None or not is_dying(other.pid, held=held):
                continue
            status = Stops.next(other.pid)
            while os.WIFSTOPPED(status):
                status = Stops.next(other.pid)
            other.note_end(status)
            found.append(other)
        return found

    def note_end(self, status: int) -> None:
        """It has ended with a wait status."""
        self.ended = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        self.operation = Operation(Kind.ENDED)

    def note_progress(self, *, in_vain: bool) -> None:
        """It has taken a step; ``in_vain``: one that changes nothing for it."""
        self._asked = False
        self._progressed = self._progressed or not in_vain

    @property
    def clock(self) -> tuple[int, int, int, bool, bool]:
        """What its clocks depend on."""
        return self.slept, self.leapt, self.asked_time, self._asked, self._progressed

    def now(self) -> int:
        """Nanoseconds by its clocks. They stand still for one that has tried in vain since it asked last."""
        self.questions += 1
        if self._asked or self._progressed:
            self.asked_time += 1
        self._asked, self._progressed = True, False
        return self.told_time

    @property
    def told_time(self) -> int:
        """What its clocks showed last, and what it has slept since."""
        return self.slept + self.leapt + self.asked_time * _TICK

    def take_output(self) -> bool:
        """Read what its program has written; whether there was anything."""
        text = with_told_pids(self.program.output(), self.world.tasks)
        self.output += text
        return bool(text)

    def poll(self) -> None:
        """Of a task asleep in the kernel: whether it has come to a step since."""
        status = Stops.within(self.pid, 0)
        if status is not None:
            self.run_on(status)

    def _rests(self) -> bool:
        """Whether it sleeps in the kernel; one that runs on and on is stopped, and spins."""
        stat = read_stat(self.pid)
        if stat is None:
            return False
        if stat.state == "R" and stat.cpu_seconds > _SPIN_SECONDS:
            os.kill(self.pid, signal.SIGSTOP)
        return stat.state in "SD"

    def _at_stop(self, status: int) -> int | None:
        """What the stop is: the signal to go on with, or None where a step or the end was reached."""
        if not os.WIFSTOPPED(status):
            self.note_end(status)
            return None
        number, event = os.WSTOPSIG(status), status >> 16
        if event in {ptrace.FORK, ptrace.VFORK, ptrace.CLONE}:
            self.world.born(self, ptrace.event_message(self.pid), event == ptrace.CLONE)
            return 0
        if event:
            self.foreign = self.foreign or event == ptrace.EXEC
            return 0
        if self.foreign:
            return 0 if number == signal.SIGTRAP else number
        if number == signal.SIGTRAP:
            return self._at_breakpoint()
        if number == signal.SIGSEGV and self.space.guarded:
            address = ptrace.fault_address(self.pid)
            found = None if address is None else self._guarded(address)
            if found is not None and self._is_unnamed(found):
                return self._access()
            if found is not None:
                self.operation = found
                return None
        if number == signal.SIGSTOP:
            self.operation = Operation(Kind.SPIN)
            return None
        if number in _FAULTS:
            ptrace.load_registers(self.pid, self.registers)
            self._note_fault(number)
        return number

    def _guarded(self, address: int) -> Operation | None:
        if not self.space.is_guarded(address):
            return None
        ptrace.load_registers(self.pid, self.registers)
        code = self.space.read(self.registers.rip, 15) + bytes(15)
        kind, width = access_of(code)
        if code.lstrip(b"\xf2\xf3\x66")[:1] in {b"\xa4", b"\xa5"} and address == self.registers.rsi:
            kind = Kind.LOAD  # movs: where it loads, not where it stores
        place = self.place(address)
        return Operation(
            kind, self.registers.rip, place, address, width, is_atomic(code), is_masked(code)
        )

    def _at_breakpoint(self) -> int | None:
        ptrace.load_registers(self.pid, self.registers)
        address = self.registers.rip - 1
        if address in self._returns:
            instruction, then = self._returns.pop(address)
            self.space.write(address, instruction)
            self.registers.rip = address
            ptrace.store_registers(self.pid, self.registers)
            then()
            return 0
        function = self.program.breakpoints.get(address)
        if function is None:
            return 0
        self.registers.rip = address
        ptrace.store_registers(self.pid, self.registers)
        return at_call(self, function)

    def state(self) -> int:
        """Its registers and the part of its stack that its function uses."""
        r = self.registers
        stack = self.space.read(max(r.rsp - _RED_ZONE, 0), _FRAME)
        kept = (r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9)
        return hash((kept, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rip, stack))

    # The ways to go on.

    def note_failure(self, call: str) -> None:
        """Keep why a call that opens something by its name failed, where it did."""
        failed = 0 if call.startswith("sem_open") else 0xFFFFFFFF
        if self.registers.rax & 0xFFFFFFFF == failed and not self.stack_top:
            address = self.errno_address
            if address:
                self.world.result.failed_calls[self.name] = call, self.word(address)

    def break_at(self, address: int, then: "Callable[[], None]") -> None:
        """Stop where a call returns, and do ``then`` there."""
        self._returns.setdefault(address, (self.space.read(address, 1), then))
        self.space.write(address, BREAKPOINT)

    def lift_guard(self, site: int) -> None:
        """Let all accesses through until the call returns to ``site``."""
        if self.space.guarded:
            self.protect(free=True)
            self.break_at(site, lambda: self.protect(free=False))

    def over(self) -> None:
        """Run the instruction under the breakpoint that it stands at."""
        address = self.registers.rip
        self.space.write(address, self.program.instructions[address])
        self._fault = self._run_instruction()
        self.space.write(address, BREAKPOINT)
        if self._fault:
            self._note_fault(self._fault)

    def leave(self, value: int) -> None:
        """Leave the function at whose entry it stands, with ``value``."""
        registers = self.registers
        registers.rip = int.from_bytes(self.space.read(registers.rsp, 8), "little")
        registers.rsp += 8
        registers.rax, registers.orig_rax = value, 2**64 - 1
        ptrace.store_registers(self.pid, registers)

    def _access(self) -> int:
        """Carry out the load or store; the signal that it ends with, or 0."""
        self.protect(free=True)
        number = self._run_instruction()
        ptrace.load_registers(self.pid, self.registers)
        if number:
            self._note_fault(number)
        self.protect(free=False)
        return number

    def _run_instruction(self) -> int:
        """The signal of the fault that it ends with, or 0."""
        signals: set[int] = set()
        number = 0
        while number not in _FAULTS | {signal.SIGTRAP}:
            ptrace.single_step(self.pid)
            status = Stops.next(self.pid)
            if not os.WIFSTOPPED(status):
                break
            number = os.WSTOPSIG(status)
            signals.add(number)
        for came in signals - _FAULTS - {signal.SIGTRAP}:  # It gets them as it runs on.
            os.kill(self.pid, came)
        return number if number in _FAULTS else 0

    def _note_fault(self, number: int) -> None:
        self.fault_site = self.registers.rip
        fault = fatal_fault(self, number)
        if fault is not None:
            self.world.result.fatal_faults[self.name] = fault

    def note_mapping(self) -> None:
        """Name the shared mapping that its call has returned, and at loads and stores let no access through; not to
        what sem_open maps, which has its name later.
        """
        if self.opens_semaphore:
            return
        if self.world.fine:
            self._guard(self.registers.rax)
        else:
            self.place(self.registers.rax)

    def _guard(self, address: int) -> None:
        """Let no access through to the shared mapping that begins there."""
        line = self.space.shared_line(address)
        if line is None or b"/sem." in line.path:
            return
        writable = line.rights[1:2] == b"w"
        if not writable and not line.path.startswith(_SHARED_PATHS):
            return  # A file of the system that is only read.
        self.place(address)
        self.space.guarded[address] = (line.end - address, _READ_WRITE if writable else _READ)
        self.protect(free=False)

    @property
    def has_guarded_globals(self) -> bool:
        """Whether the process that it was copied from has its global variables guarded."""
        own = self.program.globals
        return own is not None and not own.pages.keys() - self.space.guarded.keys()

    def share_globals(self) -> None:
        """Have the global variables of its process be memory that tasks have in common."""
        own, name = self.program.globals, self.space.tasks[0].name
        if own is not None:
            for begin, end, offset in own.parts:
                self.space.share(begin, end, Place(f"{OWN}{name}", offset))

    def _guard_globals(self) -> None:
        """Let no access through to the global variables, as the first other thread starts."""
        own = self.program.globals
        if own is not None and not self.has_guarded_globals:
            ptrace.load_registers(self.pid, self.registers)
            for begin, size in own.pages.items():
                self.space.guarded[begin] = (size, _READ_WRITE)
            self.protect(free=False)

    def _is_unnamed(self, operation: Operation) -> bool:
        """Whether an access is to what lies between the global variables, as the linker's tables, or between blocks of
        allocated memory.
        """
        place, own = operation.place, self.program.globals
        if place is None or own is None:
            return place is None
        return place.segment.startswith(OWN) and own.at(operation.address) is None

    def protect(self, *, free: bool) -> None:
        """mprotect(2) of all guarded ranges: as the program mapped them, or so that each access faults."""
        signals: set[int] = set()
        for begin, (size, rights) in self.space.guarded.items():
            registers = self.registers.copy()
            registers.rax, registers.rip = _MPROTECT, self.program.entry
            registers.orig_rax = 2**64 - 1
            registers.rdi, registers.rsi, registers.rdx = begin, size, rights if free else _NONE
            ptrace.store_registers(self.pid, registers)
            ptrace.resume(self.pid)
            came = self._next_trap()
            if came:
                signals.add(came)
        if self.space.guarded:
            ptrace.store_registers(self.pid, self.registers)
        for number in signals:  # It gets them as it runs on.
            os.kill(self.pid, number)

    def _next_trap(self) -> int:
        """Wait until the system call is done that it makes for us; a signal that came first is held back: its number,
        or 0.
        """
        came, status = 0, Stops.next(self.pid)
        while os.WIFSTOPPED(status) and os.WSTOPSIG(status) != signal.SIGTRAP:
            came = os.WSTOPSIG(status)
            ptrace.resume(self.pid)
            status = Stops.next(self.pid)
        return came
