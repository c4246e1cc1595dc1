"""A program held at its first contact with shared memory, of which copies are made: a run costs a fork.

The bytes at its entry point, which has been passed, become ``syscall; int3``: with it a stopped
process makes a system call on the tracer's word.
"""

import contextlib
import ctypes
import fcntl
import os
import pty
import signal
import struct
import tty
from collections.abc import Mapping, Sequence
from typing import Final

from shmtui.control import ptrace
from shmtui.control.entry_points import (
    ALARM_CALLS,
    ALLOCATING_CALLS,
    CONTACT_CALLS,
    ERRNO_CALL,
    FREEING_CALLS,
    LIBRARYS_MEANS,
    LOCKING_FILES,
    OTHER_MEANS,
    PROCESS_CALLS,
    SLEEPING_CALLS,
    STARTING_CALLS,
    SYSTEM_V_CALLS,
    asks_time,
)
from shmtui.control.global_variables import NOTHING, GlobalVariables, global_variables
from shmtui.control.kernel_state import caught, file_offsets
from shmtui.control.loaded_code import loaded_code
from shmtui.control.process_ids import number_of
from shmtui.control.ptrace import Registers, Stops
from shmtui.control.robust_list import head_of
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.procfs.interpreter import restore_signals
from shmtui.procfs.process import read_stat
from shmtui.shm.libc import die_with_parent

GADGET: Final = b"\x0f\x05\xcc"
"""``syscall; int3``."""
BREAKPOINT: Final = b"\xcc"
_UNTRACED: Final = 126
"""The exit status of a child that may not be traced."""
_START_SECONDS: Final = 0.5
_START_ATTEMPTS: Final = 40
_MOST_STOPS: Final = 100_000
"""Before it meets others: private mappings, and sleeps, which are left out."""
_MOST_SLEPT: Final = 50
"""Sleeps before that: one who sleeps more often waits for something that another makes."""
_MOST_BLOCKS, _MOST_BLOCK = 64, 1 << 18
"""Of allocated memory that threads may have in common, and the bytes of one; and so many calls that allocate."""
_MOST_ALLOCATIONS: Final = 2000
_LSEEK, _SET_ROBUST_LIST = 8, 273
_WAIT_FOR_A_LOCK: Final = frozenset({fcntl.F_SETLKW, 38})
"""Commands of fcntl(2); the other one is F_OFD_SETLKW."""
_ALARMS: Final = sum(1 << (n - 1) for n in (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF))
"""Bits of the signals of setitimer(2)."""
_LIST_HEAD: Final = 24
"""Bytes of ``struct robust_list_head``."""
_CLONE: Final = 56
_CLONE_PARENT: Final = 0x8000
_CLONE_CHILD_SETTID: Final = 0x01000000
THREAD_ID: Final = {False: 0x2D0, True: 0x30}
"""Where ``struct pthread`` has its number: glibc's, and musl's (True), which clears it as the thread ends."""
_FILLING: Final = b"SHMTUI_FILLING"
_OF_VARIABLE: Final = 10
"""Bytes that a variable takes on the stack beside its name and value: ``=``, the end, a pointer."""
_ENVIRONMENT: Final = 16384
"""All variables take a multiple of so many bytes."""
_NO_RANDOMIZE: Final = 0x0040000
_AT_ENTRY: Final = 9
_MAP_SHARED, _PROT_WRITE = 1, 2


class EndedEarlyError(ShmtuiError):
    """A program ended before it used anything by which programs meet."""

    def __init__(self, text: str, command: Sequence[str], said: str) -> None:
        super().__init__(text)
        self.command, self.said = tuple(command), said
        """The program, and its last line."""


class HeldProgram:
    """A program of the user's, started once and held where it first meets others.

    ShmtuiError: it cannot be run, or ends or rests before it meets anybody.
    """

    def __init__(self, command: Sequence[str], name: str) -> None:
        self.command, self.name = tuple(command), name
        self.executable = ""
        self.bases: dict[str, int] = {}
        """Where its executable and libraries are loaded."""
        self.is_musl = False
        self.other_means: set[str] = set()
        """Calls by which it may wait for others, and which are no steps: those that it and its copies have made."""
        self.asks_time = False
        """Whether it may ask for the time."""
        self._own_code: tuple[tuple[int, int], ...] = ()
        self._loader: tuple[tuple[int, int], ...] = ()
        self.globals: GlobalVariables | None = None
        """Of a dynamic program: those of a static one are the library's, too."""
        self._blocks: dict[int, int] = {}
        """Bytes that it has allocated, and not freed, before it meets others; by address."""
        self._allocating: dict[int, tuple[int, int]] = {}
        """Where such a call returns to: the byte there, and how much is allocated."""
        self.terminal, inner = pty.openpty()
        tty.setraw(inner)
        os.set_blocking(self.terminal, False)
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            self._become(inner, parent)
        os.close(inner)
        self.memory = -1
        self.registers = Registers()
        self.breakpoints: dict[int, str] = {}
        """Functions by the address of their first instruction."""
        self._thread_id = 0
        self._offsets: dict[int, int] = {}
        """Where it stands in each file that it has open, by descriptor."""
        self._robust_list = 0
        """The head of its list of mutexes that it holds."""
        self.errno_address = 0
        """Where its first thread's errno lies; 0 where that is not known."""
        self.instructions: dict[int, bytes] = {}
        """The byte that lies under each breakpoint."""
        try:
            self._hold()
        except BaseException:
            self.close()
            raise

    def _become(self, terminal: int, parent: int) -> None:
        try:
            die_with_parent(signal.SIGKILL)
            if os.getppid() != parent:
                return
            os.setsid()
            for descriptor in (0, 1, 2):
                os.dup2(terminal, descriptor)
            os.closerange(3, 4096)
            ctypes.CDLL(None).personality(_NO_RANDOMIZE)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            restore_signals()
            try:
                ptrace.trace_me()
            except OSError:
                os._exit(_UNTRACED)
            os.execvpe(self.command[0], self.command, filled_environment(os.environb))
        except OSError:
            pass
        finally:
            os._exit(127)

    def _hold(self) -> None:
        status = Stops.next(self.pid)
        if not os.WIFSTOPPED(status):
            self.pid = 0
            text = _("{command} cannot be run: is it a program of this machine, and executable?")
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _UNTRACED:
                text = _(
                    "the system does not let {command} be run step by step: a debugger runs shmtui, "
                    "or a container refuses ptrace"
                )
            raise ShmtuiError(text.format(command=self.command[0]))
        ptrace.set_options(self.pid)
        self.memory = os.open(f"/proc/{self.pid}/mem", os.O_RDWR | os.O_CLOEXEC)
        self._run_to_entry()
        code = loaded_code(self.pid, self.memory)
        self.executable, self.bases, self.is_musl = code.executable, code.bases, code.is_musl
        self.asks_time = asks_time(self.executable)
        self._own_code, self._loader = code.own, code.loader
        if len(self.bases) > 1:
            self.globals = global_variables(self.executable, self.bases[self.executable])
        own: dict[str, int] = {}
        for address, function in code.functions:
            if function in {"malloc", ERRNO_CALL}:
                own[function] = address
            if function == ERRNO_CALL:
                continue
            if function in PROCESS_CALLS and self.is_own(address):
                continue  # Static: the library's own calls of it would be told, too.
            self.breakpoints[address] = function
            self.instructions[address] = os.pread(self.memory, 1, address)
        if not self.breakpoints:
            text = _(
                "{command} has no functions that can be found by name: is it static and stripped? "
                "build it with -g"
            )
            raise ShmtuiError(text.format(command=self.command[0]))
        self._run_to_contact()
        os.pwrite(self.memory, GADGET, self.entry)
        if "malloc" in own:
            self._call(own["malloc"], 1)
        self.errno_address = self._call(own[ERRNO_CALL], 0) if ERRNO_CALL in own else 0
        self._thread_id = self._find_thread_id()
        self._offsets = file_offsets(self.pid)
        self._robust_list = head_of(self.pid)
        passed = CONTACT_CALLS - STARTING_CALLS - SYSTEM_V_CALLS | ALLOCATING_CALLS | FREEING_CALLS
        if self._blocks:
            self.globals = (self.globals or NOTHING).with_blocks(self._blocks, self._word)
            passed -= FREEING_CALLS
        for address, function in self.breakpoints.items():
            if function not in passed:
                os.pwrite(self.memory, BREAKPOINT, address)

    def _addresses_of(self, functions: frozenset[str]) -> set[int]:
        return {address for address, name in self.breakpoints.items() if name in functions}

    def _word(self, address: int) -> int:
        return int.from_bytes(os.pread(self.memory, 8, address), "little")

    def _find_thread_id(self) -> int:
        """Where its first thread's number lies; 0 where that is not known."""
        address = self.registers.fs_base + THREAD_ID[self.is_musl]
        with contextlib.suppress(OSError, OverflowError):
            if os.pread(self.memory, 4, address) == struct.pack("<I", self.pid):
                return address
        return 0

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

    def _run_to_contact(self) -> None:
        allocating = ALLOCATING_CALLS | FREEING_CALLS
        passed = (OTHER_MEANS - CONTACT_CALLS) | {"mmap", "getpid"} | allocating
        wanted = CONTACT_CALLS | SLEEPING_CALLS | passed
        early = [address for address, name in self.breakpoints.items() if name in wanted]
        for address in early:
            os.pwrite(self.memory, BREAKPOINT, address)
        slept = allocations = 0
        for _stop in range(_MOST_STOPS):
            self._next_stop()
            ptrace.load_registers(self.pid, self.registers)
            address = self.registers.rip - 1
            if address in self._allocating:
                self._note_block(address)
                continue
            if address not in self.instructions:
                continue
            function = self.breakpoints[address]
            if function in SLEEPING_CALLS and slept < _MOST_SLEPT:
                self._leave(0)
                slept += 1
                continue
            site = int.from_bytes(os.pread(self.memory, 8, self.registers.rsp), "little")
            if function == "getpid" and self.is_own(site):
                self._leave(number_of(self.name))
                continue
            self.registers.rip = address
            ptrace.store_registers(self.pid, self.registers)
            shared = self.registers.rcx & _MAP_SHARED and self.registers.rdx & _PROT_WRITE
            if function not in passed or (function == "mmap" and shared):
                break
            self.note_other_means(self.pid, function, site, self.registers)
            if function in allocating:
                self._allocates(function, site)
                allocations += 1
            os.pwrite(self.memory, self.instructions[address], address)
            ptrace.single_step(self.pid)
            Stops.next(self.pid)
            os.pwrite(self.memory, BREAKPOINT, address)
            if allocations == _MOST_ALLOCATIONS:
                allocations += 1
                self._blocks.clear()
                for each in self._addresses_of(allocating):
                    os.pwrite(self.memory, self.instructions[each], each)
        else:
            raise ShmtuiError(_resting().format(command=self.command[0]))
        for address in early:
            os.pwrite(self.memory, self.instructions[address], address)

    def _allocates(self, function: str, site: int) -> None:
        """It stands before a call that allocates memory, or frees it."""
        registers = self.registers
        if function in FREEING_CALLS:
            self._blocks.pop(registers.rdi, None)
        # A static program's library allocates by the same calls; and musl puts blocks among its own variables, in which
        # the kernel must be able to write.
        followed = len(self.bases) > 1 and not self.is_musl
        if site in self._allocating:
            return  # realloc(3) that goes on as malloc: one call.
        if followed and function in ALLOCATING_CALLS and self.is_own(site):
            size = {"calloc": registers.rdi * registers.rsi, "realloc": registers.rsi}
            byte = os.pread(self.memory, 1, site)[0]
            self._allocating[site] = byte, size.get(function, registers.rdi)
            os.pwrite(self.memory, BREAKPOINT, site)

    def _note_block(self, site: int) -> None:
        """It has allocated memory, and stands where the call returns to."""
        byte, size = self._allocating.pop(site)
        os.pwrite(self.memory, bytes([byte]), site)
        self.registers.rip = site
        ptrace.store_registers(self.pid, self.registers)
        if 0 < size <= _MOST_BLOCK and len(self._blocks) < _MOST_BLOCKS and self.registers.rax:
            self._blocks[self.registers.rax] = size

    def is_own(self, address: int) -> bool:
        """Whether its own code lies there, and not a library's."""
        return any(begin <= address < end for begin, end in self._own_code)

    def note_other_means(self, pid: int, function: str, site: int, registers: Registers) -> None:
        """It, or a copy of it, stands before a function that returns to ``site``."""
        counts = function in OTHER_MEANS
        if function in LIBRARYS_MEANS:
            counts = self.is_own(site)
        elif function in LOCKING_FILES:
            counts = registers.rsi & 0xFFFFFFFF in _WAIT_FOR_A_LOCK
        elif function in ALARM_CALLS:
            counts = bool(caught(pid) & _ALARMS)  # Else it ends the program, which hangs by then.
        if counts:
            self.other_means.add(function)

    def is_loaders(self, address: int) -> bool:
        """Whether the dynamic loader's code lies there."""
        return any(begin <= address < end for begin, end in self._loader)

    def _leave(self, value: int) -> None:
        """Leave the function at whose first instruction it was stopped, with ``value``: sleep takes no time."""
        registers = self.registers
        registers.rip = int.from_bytes(os.pread(self.memory, 8, registers.rsp), "little")
        registers.rsp += 8
        registers.rax, registers.orig_rax = value, 2**64 - 1
        ptrace.store_registers(self.pid, registers)

    def _next_stop(self) -> None:
        """Let it run to the next stop by a breakpoint, passing its signals on."""
        number = 0
        while True:
            ptrace.resume(self.pid, number)
            status = self._started()
            if status is None:
                raise ShmtuiError(_resting().format(command=self.command[0]))
            if not os.WIFSTOPPED(status):
                self.pid = 0
                text = _(
                    "{command} ended before it used shared memory, a semaphore, a child or a thread"
                )
                said = self.output().strip().splitlines()
                if said:
                    text = _(
                        "{command} ended before it used shared memory, a semaphore, a child or a thread: {output}"
                    )
                last = said[-1] if said else ""
                raise EndedEarlyError(
                    text.format(command=self.command[0], output=last), self.command, last
                )
            number = os.WSTOPSIG(status)
            if number == signal.SIGTRAP:
                return

    def _started(self) -> int | None:
        """Its next stop; None where it sleeps instead, or computes for long."""
        slept = 0
        for _attempt in range(_START_ATTEMPTS):
            status = Stops.within(self.pid, _START_SECONDS)
            if status is not None:
                return status
            stat = read_stat(self.pid)
            slept += stat is not None and stat.state == "S"
            if slept > 1:
                break
        return None

    def _call(self, function: int, argument: int) -> int:
        """What a function returns; it stands where it stood: malloc draws its random key once for all copies."""
        registers = self.registers.copy()
        registers.rsp = (registers.rsp - 1024) & ~15
        registers.rsp -= 8
        os.pwrite(self.memory, struct.pack("<Q", self.entry + 2), registers.rsp)
        registers.rip, registers.rdi, registers.orig_rax = function, argument, 2**64 - 1
        ptrace.store_registers(self.pid, registers)
        ptrace.resume(self.pid)
        Stops.next(self.pid)
        ptrace.load_registers(self.pid, registers)
        ptrace.store_registers(self.pid, self.registers)
        return registers.rax

    def copy(self) -> int:
        """The PID of a copy of it, held where it is held, and traced."""
        for descriptor, offset in self._offsets.items():
            # All copies have it in common (fork(2)), and the one before has read on.
            self._system_call(self.pid, _LSEEK, descriptor, offset, os.SEEK_SET)
        registers = self.registers.copy()
        registers.rax, registers.rdi = _CLONE, _CLONE_PARENT | signal.SIGCHLD
        registers.rsi = registers.rdx = registers.r10 = registers.r8 = 0
        if self._thread_id:  # Where the library keeps it: a lock is its owner's by that number.
            registers.rdi |= _CLONE_CHILD_SETTID
            registers.r10 = self._thread_id
        registers.rip, registers.orig_rax = self.entry, 2**64 - 1
        ptrace.store_registers(self.pid, registers)
        ptrace.resume(self.pid)
        Stops.next(self.pid)
        pid = ptrace.event_message(self.pid)
        ptrace.resume(self.pid)
        Stops.next(self.pid)
        Stops.next(pid)
        if self._robust_list:
            # Else a mutex would not be set free as its holder is killed: fork(3) does that.
            self._system_call(pid, _SET_ROBUST_LIST, self._robust_list, _LIST_HEAD)
        ptrace.store_registers(pid, self.registers)
        return pid

    def _system_call(self, pid: int, number: int, *arguments: int) -> None:
        """Have it or a new copy of it make one."""
        registers = self.registers.copy()
        registers.rax, registers.rip, registers.orig_rax = number, self.entry, 2**64 - 1
        registers.rdi, registers.rsi, registers.rdx = (*arguments, 0, 0, 0)[:3]
        ptrace.store_registers(pid, registers)
        ptrace.resume(pid)
        Stops.next(pid)

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


def filled_environment(given: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The variables with one or two more, which fill up what they take on the stack, so that its addresses are the
    same in another terminal. The kernel aligns their text and the pointers to them, each, to two pointers.
    """
    found = {**given, _FILLING: b""}
    if len(found) % 2:
        found[_FILLING + b"_2"] = b""
    taken = sum(len(name) + len(value) + _OF_VARIABLE for name, value in found.items())
    return {**found, _FILLING: b"-" * (-taken % _ENVIRONMENT)}


def _resting() -> str:
    return _("{command} rests before it uses shared memory: does it wait for input?")
