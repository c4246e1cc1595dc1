"""A thread of a program under control: it runs from one step to the next, and stands still between."""

import os
import signal
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shmtui.control import ptrace
from shmtui.control.access import access_of
from shmtui.control.entry_points import NAMING_CALLS, SLEEPING_CALLS
from shmtui.control.operation import ACCESSES, Kind, Operation, Place
from shmtui.control.program import BREAKPOINT, HeldProgram
from shmtui.control.ptrace import Registers, Stops
from shmtui.procfs.maps import map_lines, split_line

if TYPE_CHECKING:
    from shmtui.control.execution import Execution

PATIENCE: Final = 0.05
"""Seconds without a stop after which it is looked whether a task rests in the kernel."""
_SPIN_SECONDS: Final = 0.3
_PAGE: Final = 4096
_MPROTECT: Final = 10
_NONE, _READ_WRITE = 0, 3
_MAP_SHARED: Final = 1


@dataclass(slots=True)
class AddressSpace:
    """What the threads of a process have in common."""

    memory: int
    """A descriptor of its /proc/PID/mem."""
    shared: list[tuple[int, int, Place]] = field(default_factory=list)
    """Begin and end of its shared mappings, and the place that each begins at."""
    guarded: dict[int, int] = field(default_factory=dict)
    """Bytes by the begin of the ranges that no access is let through to."""
    tasks: "list[Task]" = field(default_factory=list)


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
        self.output = ""
        self.woken = False
        """Of a waiter of a condition variable: it was signalled."""
        self._returns: dict[int, tuple[bytes, bool]] = {}
        """The byte under each breakpoint at which a call returns, and whether that is mmap's."""
        space.tasks.append(self)

    @property
    def is_alone(self) -> bool:
        """Whether its process has one thread."""
        return sum(task.ended is None for task in self.space.tasks) < 2

    # Its memory.

    def read(self, address: int, size: int) -> bytes:
        """Bytes of its memory; fewer where it has none."""
        try:
            return os.pread(self.space.memory, size, address)
        except OSError:
            return b""

    def write(self, address: int, raw: bytes) -> None:
        """Put bytes there, over whatever protects them."""
        os.pwrite(self.space.memory, raw, address)

    def word(self, address: int) -> int:
        """The unsigned int there."""
        return int.from_bytes(self.read(address, 4), "little")

    def place(self, address: int) -> Place | None:
        """The byte of a shared mapping that lies there."""
        for begin, end, place in self.space.shared:
            if begin <= address < end:
                return Place(place.segment, place.offset + address - begin)
        for line in map(split_line, map_lines(self.pid) or ()):
            if line.start <= address < line.end and line.rights.endswith(b"s"):
                first = Place((line.device, line.inode), line.offset)
                self.space.shared.append((line.start, line.end, first))
                self.world.note_mapping(self, line)
                return self.place(address)
        return None

    # Running.

    def step(self) -> None:
        """Take the step that it stands before, and run to the next."""
        operation = self.operation
        if operation.kind is Kind.START:
            pass
        elif operation.kind in ACCESSES:
            self._access()
        elif operation.kind is Kind.SLEEP:
            self._return(0)
        elif operation.kind is Kind.SPIN:
            pass
        elif operation.kind in {Kind.COND_WAIT, Kind.COND_TIMED_WAIT}:
            self._release()
            return
        elif operation.kind is Kind.WAKE:
            self.woken = False
            self._set_lock(operation.address, 1, self.pid)
            self._return(0)
        elif operation.kind in {Kind.SIGNAL, Kind.BROADCAST}:
            self._return(0)
        else:
            self._call()
        self.run_on()

    def run_on(self, status: int | None = None) -> None:
        """Run to the next step, from ``status`` on where there was a stop already."""
        number = 0
        while True:
            if status is None:
                ptrace.resume(self.pid, number)
                status = Stops.within(self.pid, PATIENCE)
                while status is None:
                    if self._rests():
                        self.operation = Operation(Kind.KERNEL)
                        return
                    status = Stops.within(self.pid, PATIENCE)
            found = self._at_stop(status)
            if found is None:
                return
            number, status = found, None

    def poll(self) -> None:
        """Of a task asleep in the kernel: whether it has come to a step since."""
        status = Stops.within(self.pid, 0)
        if status is not None:
            self.run_on(status)

    def _rests(self) -> bool:
        """Whether it sleeps in the kernel; one that runs on and on is stopped, and spins."""
        with open(f"/proc/{self.pid}/stat", encoding="latin-1") as file:
            state, *fields = file.read().rpartition(")")[2].split()
        ticks = int(fields[10]) + int(fields[11])
        if state == "R" and ticks / os.sysconf("SC_CLK_TCK") > _SPIN_SECONDS:
            os.kill(self.pid, signal.SIGSTOP)
        return state == "S"

    def _at_stop(self, status: int) -> int | None:
        """What the stop is: the signal to go on with, or None where a step or the end was reached."""
        if not os.WIFSTOPPED(status):
            self.ended = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
            self.operation = Operation(Kind.ENDED)
            return None
        number, event = os.WSTOPSIG(status), status >> 16
        if event in {ptrace.FORK, ptrace.VFORK, ptrace.CLONE}:
            self.world.born(self, ptrace.event_message(self.pid), event == ptrace.CLONE)
            return 0
        if event:
            return 0
        if number == signal.SIGTRAP:
            return self._at_breakpoint()
        if number == signal.SIGSEGV and self.space.guarded:
            found = self._guarded(ptrace.fault_address(self.pid))
            if found is not None:
                self.operation = found
                return None
        if number == signal.SIGSTOP:
            self.operation = Operation(Kind.SPIN)
            return None
        return number

    def _guarded(self, address: int) -> Operation | None:
        if not any(begin <= address < begin + size for begin, size in self.space.guarded.items()):
            return None
        ptrace.load_registers(self.pid, self.registers)
        kind, width = access_of(self.read(self.registers.rip, 15) + bytes(15))
        return Operation(kind, self.registers.rip, self.place(address), address, width)

    def _at_breakpoint(self) -> int | None:
        ptrace.load_registers(self.pid, self.registers)
        address = self.registers.rip - 1
        if address in self._returns:
            instruction, is_mmap = self._returns.pop(address)
            self.write(address, instruction)
            self.registers.rip = address
            ptrace.store_registers(self.pid, self.registers)
            if is_mmap:
                self._guard(self.registers.rax)
            else:
                self._protect(_NONE)
            return 0
        function = self.program.breakpoints.get(address)
        if function is None:
            return 0
        self.registers.rip = address
        ptrace.store_registers(self.pid, self.registers)
        return self._at_function(function)

    def _at_function(self, function: str) -> int | None:
        registers = self.registers
        site = int.from_bytes(self.read(registers.rsp, 8), "little")
        if function in SLEEPING_CALLS:
            self.operation = Operation(Kind.SLEEP, site)
            return None
        if function == "sem_init":
            self.world.note_init(self, registers.rdi, bool(registers.rsi & 0xFFFFFFFF))
        elif function in NAMING_CALLS:
            name = self.read(registers.rdi, 256).split(b"\0")[0]
            self.world.note_name(function, name)
        elif function == "mmap":
            if self.world.fine and registers.rcx & _MAP_SHARED:
                self._break_at(site, is_mmap=True)
        else:
            place = self.place(registers.rdi)
            if place is not None or not self.is_alone:
                self.operation = Operation(Kind(function), site, place, registers.rdi)
                return None
        self._over()
        return 0

    # The ways to go on.

    def _break_at(self, address: int, *, is_mmap: bool = False) -> None:
        self._returns.setdefault(address, (self.read(address, 1), is_mmap))
        self.write(address, BREAKPOINT)

    def _over(self) -> None:
        """Run the instruction under the breakpoint that it stands at."""
        address = self.registers.rip
        self.write(address, self.program.instructions[address])
        ptrace.single_step(self.pid)
        Stops.next(self.pid)
        self.write(address, BREAKPOINT)

    def _return(self, value: int) -> None:
        """Leave the function at whose entry it stands, with ``value``."""
        registers = self.registers
        registers.rip = int.from_bytes(self.read(registers.rsp, 8), "little")
        registers.rsp += 8
        registers.rax, registers.orig_rax = value, 2**64 - 1
        ptrace.store_registers(self.pid, registers)

    def _call(self) -> None:
        """Have it run the function itself, which does not block now."""
        operation = self.operation
        if operation.kind in {Kind.TIMED_WAIT, Kind.CLOCK_WAIT} and not self.word(operation.address):
            # Its time is up: the deadline becomes the year 1970.
            deadline = self.registers.rsp - 512
            self.write(deadline, bytes(16))
            if operation.kind is Kind.TIMED_WAIT:
                self.registers.rsi = deadline
            else:
                self.registers.rdx = deadline
            ptrace.store_registers(self.pid, self.registers)
        if self.space.guarded:
            self._protect(_READ_WRITE)
            self._break_at(operation.site)
        self._over()

    def _access(self) -> None:
        self._protect(_READ_WRITE)
        while True:
            ptrace.single_step(self.pid)
            status = Stops.next(self.pid)
            if not os.WIFSTOPPED(status) or os.WSTOPSIG(status) == signal.SIGTRAP:
                break
        ptrace.load_registers(self.pid, self.registers)
        self._protect(_NONE)

    def _guard(self, address: int) -> None:
        """Let no access through to the shared mapping that begins there."""
        place = self.place(address)
        if place is not None and not self.world.is_semaphore(place.segment):
            ends = {begin: end for begin, end, _place in self.space.shared}
            self.space.guarded[address] = ends[address] - address
            self._protect(_NONE)

    def _release(self) -> None:
        """Begin the wait on a condition variable: its mutex is free, and is to be had again."""
        mutex = self.registers.rsi
        self._set_lock(mutex, 0, 0)
        self.operation = Operation(Kind.WAKE, self.operation.site, self.place(mutex), mutex)

    def _set_lock(self, address: int, value: int, owner: int) -> None:
        """The words of a ``pthread_mutex_t`` of glibc: lock, and owner and users after the count."""
        if self.space.guarded:
            self._protect(_READ_WRITE)
        self.write(address, struct.pack("<I", value))
        self.write(address + 8, struct.pack("<II", owner, value))
        if self.space.guarded:
            self._protect(_NONE)

    def _protect(self, protection: int) -> None:
        """mprotect(2) of all guarded ranges."""
        for begin, size in self.space.guarded.items():
            registers = self.registers.copy()
            registers.rax, registers.rip, registers.orig_rax = (
                _MPROTECT, self.program.entry, 2**64 - 1,
            )  # fmt: skip
            registers.rdi, registers.rsi, registers.rdx = begin, size, protection
            ptrace.store_registers(self.pid, registers)
            ptrace.resume(self.pid)
            Stops.next(self.pid)
        ptrace.store_registers(self.pid, self.registers)

    # What it knows, for telling states apart.

    def knowledge(self) -> tuple[object, ...]:
        """Its registers that outlive a call, its stack, its data and the begin of its heap."""
        r = self.registers
        ranges = [(r.rsp, self.world.stack_end(self) - r.rsp), *self.world.data_of(self)]
        memory = b"".join(self.read(begin, size) for begin, size in ranges)
        return r.rbx, r.rbp, r.r12, r.r13, r.r14, r.r15, r.rsp, hash(memory)


def semaphore_word(value: int) -> bytes:
    """The first bytes of a ``sem_t`` of this value, shared between processes, on glibc and musl."""
    return struct.pack("<IIII", value, 0, 128, 0)
