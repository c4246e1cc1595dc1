"""A program held at its first contact with shared memory, of which copies are made: a run costs a fork.

The bytes at its entry point, which has been passed, become ``syscall; int3``: with it a stopped
process makes a system call on the tracer's word.
"""

import contextlib
import ctypes
import os
import pty
import signal
import struct
import tty
from collections.abc import Sequence
from typing import Final

from shmtui.control import ptrace
from shmtui.control.entry_points import CONTACT_CALLS, WANTED, entry_points
from shmtui.control.ptrace import Registers, Stops
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.procfs.maps import map_lines, split_line

GADGET: Final = b"\x0f\x05\xcc"
"""``syscall; int3``."""
BREAKPOINT: Final = b"\xcc"
_START_SECONDS: Final = 10.0
_CLONE: Final = 56
_CLONE_PARENT: Final = 0x8000
_NO_RANDOMIZE: Final = 0x0040000
_AT_ENTRY: Final = 9
_MAP_SHARED, _MAP_ANONYMOUS = 1, 0x20


class HeldProgram:
    """A program of the user's, started once and held where it first meets others.

    ShmtuiError: it cannot be run, or ends or rests before it meets anybody.
    """

    def __init__(self, command: Sequence[str], name: str) -> None:
        self.command, self.name = tuple(command), name
        self.terminal, inner = pty.openpty()
        tty.setraw(inner)
        os.set_blocking(self.terminal, False)
        self.pid = os.fork()
        if not self.pid:
            self._become(inner)
        os.close(inner)
        self.memory = -1
        self.registers = Registers()
        self.breakpoints: dict[int, str] = {}
        """Functions by the address of their first instruction."""
        self.instructions: dict[int, bytes] = {}
        """The byte that lies under each breakpoint."""
        try:
            self._hold()
        except BaseException:
            self.close()
            raise

    def _become(self, terminal: int) -> None:
        try:
            os.setsid()
            for descriptor in (0, 1, 2):
                os.dup2(terminal, descriptor)
            os.closerange(3, 4096)
            ctypes.CDLL(None).personality(_NO_RANDOMIZE)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            ptrace.trace_me()
            os.execvp(self.command[0], self.command)
        finally:
            os._exit(127)

    def _hold(self) -> None:
        if not os.WIFSTOPPED(Stops.next(self.pid)):
            self.pid = 0
            raise ShmtuiError(_("{command} cannot be run").format(command=self.command[0]))
        ptrace.set_options(self.pid)
        self.memory = os.open(f"/proc/{self.pid}/mem", os.O_RDWR | os.O_CLOEXEC)
        self._run_to_entry()
        for address, function in self._functions():
            self.breakpoints[address] = function
            self.instructions[address] = os.pread(self.memory, 1, address)
        if "sem_wait" not in self.breakpoints.values():
            text = _("{command} has no function sem_wait that can be found: stripped and static, or another kind")
            raise ShmtuiError(text.format(command=self.command[0]))
        self._run_to_contact()
        for address, function in self.breakpoints.items():
            if function not in CONTACT_CALLS or function.endswith("_open"):
                os.pwrite(self.memory, BREAKPOINT, address)
        os.pwrite(self.memory, GADGET, self.entry)

    def _run_to_entry(self) -> None:
        """To where its libraries are loaded."""
        with open(f"/proc/{self.pid}/auxv", "rb") as file:
            auxiliary = dict(struct.iter_unpack("<QQ", file.read()))
        self.entry: int = auxiliary[_AT_ENTRY]
        code = os.pread(self.memory, 1, self.entry)
        os.pwrite(self.memory, BREAKPOINT, self.entry)
        self._next_stop()
        os.pwrite(self.memory, code, self.entry)
        ptrace.load_registers(self.pid, self.registers)
        self.registers.rip -= 1
        ptrace.store_registers(self.pid, self.registers)

    def _functions(self) -> list[tuple[int, str]]:
        """Addresses and names of the wanted functions in everything that is loaded."""
        bases: dict[str, int] = {}
        for line in map(split_line, map_lines(self.pid) or ()):
            if line.path.startswith(b"/") and not line.offset:
                bases.setdefault(os.fsdecode(line.path), line.start)
        return [
            (base + address, name)
            for path, base in bases.items()
            for name, addresses in entry_points(path).items()
            for address in addresses
        ]

    def _run_to_contact(self) -> None:
        early = [a for a, name in self.breakpoints.items() if name in CONTACT_CALLS | {"mmap"}]
        for address in early:
            os.pwrite(self.memory, BREAKPOINT, address)
        while True:
            self._next_stop()
            ptrace.load_registers(self.pid, self.registers)
            address = self.registers.rip - 1
            if address not in self.instructions:
                continue
            self.registers.rip = address
            ptrace.store_registers(self.pid, self.registers)
            if self.breakpoints[address] != "mmap" or self.registers.rcx & _MAP_SHARED:
                break
            os.pwrite(self.memory, self.instructions[address], address)
            ptrace.single_step(self.pid)
            Stops.next(self.pid)
            os.pwrite(self.memory, BREAKPOINT, address)
        for address in early:
            os.pwrite(self.memory, self.instructions[address], address)

    def _next_stop(self) -> None:
        """Let it run to the next stop by a breakpoint, passing its signals on."""
        number = 0
        while True:
            ptrace.resume(self.pid, number)
            status = Stops.within(self.pid, _START_SECONDS)
            if status is None:
                text = _("{command} rests before it uses shared memory: does it wait for input?")
                raise ShmtuiError(text.format(command=self.command[0]))
            if not os.WIFSTOPPED(status):
                self.pid = 0
                text = _("{command} ended before it used shared memory, a semaphore, a child or a thread")
                raise ShmtuiError(text.format(command=self.command[0]))
            number = os.WSTOPSIG(status)
            if number == signal.SIGTRAP:
                return

    def copy(self) -> int:
        """The PID of a copy of it, held where it is held, and traced."""
        registers = self.registers.copy()
        registers.rax, registers.rdi = _CLONE, _CLONE_PARENT | signal.SIGCHLD
        registers.rsi = registers.rdx = registers.r10 = registers.r8 = 0
        registers.rip, registers.orig_rax = self.entry, 2**64 - 1
        ptrace.store_registers(self.pid, registers)
        ptrace.resume(self.pid)
        Stops.next(self.pid)
        pid = ptrace.event_message(self.pid)
        ptrace.resume(self.pid)
        Stops.next(self.pid)
        Stops.next(pid)
        ptrace.store_registers(pid, self.registers)
        return pid

    def output(self) -> str:
        """What its copies have written to their terminal since the last call."""
        read = bytearray()
        with contextlib.suppress(OSError):
            while part := os.read(self.terminal, 65536):
                read += part
        return read.decode("utf-8", "replace")

    def close(self) -> None:
        """End it; its copies are others'."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            while os.WIFSTOPPED(Stops.next(self.pid)):
                pass
            self.pid = 0
        if self.memory >= 0:
            os.close(self.memory)
        os.close(self.terminal)
