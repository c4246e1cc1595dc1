"""A thread of a program that lives: it runs from one call to the next, and is held before that."""

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shmtui.control import ptrace
from shmtui.control.address_space import AddressSpace
from shmtui.control.calls import is_lock_free
from shmtui.control.entry_points import LOCK_CALLS, SEMAPHORE_CALLS, SET_CALLS, SLEEPING_CALLS
from shmtui.control.loaded_code import LoadedCode, loaded_code
from shmtui.control.operation import Kind, Operation, Place
from shmtui.control.program import BREAKPOINT
from shmtui.control.ptrace import Registers
from shmtui.control.semaphore_sets import PREFIX, decode_operations, operations_at
from shmtui.control.shared_files import mapped_name
from shmtui.procfs.sysvipc import by_number, sysv_sets

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS: Final = SEMAPHORE_CALLS | LOCK_CALLS | SET_CALLS | SLEEPING_CALLS
"""The calls that are steps of a program that lives."""
_FUNCTION_BYTES: Final = 512
"""A function that hands its call on to another one that is watched has fewer."""
_INTERRUPTED: Final = {"65", "70", "71", "220", "232", "281"}
"""semop, msgrcv, msgsnd, semtimedop, epoll_wait and epoll_pwait on x86-64."""
_STOPPING: Final = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}


class LiveProcess:
    """A process with a breakpoint at each call that is a step. OSError, ELFError: it cannot have them."""

    def __init__(self, pid: int, parent: "LiveProcess | None" = None) -> None:
        """``parent``: the task that it is a copy of, breakpoints included."""
        self.pid = pid
        self.space = AddressSpace(pid)
        self.is_armed: bool = parent is not None and parent.is_armed
        """Whether the breakpoints are there."""
        self.code: LoadedCode = (
            loaded_code(pid, self.space.memory) if parent is None else parent.code
        )
        self.breakpoints: dict[int, tuple[str, bytes]] = (
            {
                address: (function, self.space.read(address, 1))
                for address, function in self.code.functions
                if function in STEPS
            }
            if parent is None
            else parent.breakpoints
        )
        """Function and the byte that lies there, by address."""

    def arm(self) -> None:
        """Put the breakpoints there: all its threads have to be traced."""
        self.is_armed = True
        for address in self.breakpoints:
            self.space.write(address, BREAKPOINT)

    def disarm(self) -> None:
        self.is_armed = False
        with contextlib.suppress(OSError):  # It has ended.
            for address, (_function, byte) in self.breakpoints.items():
                self.space.write(address, byte)

    def threads(self) -> list[int]:
        """Its threads; none once it has ended."""
        with contextlib.suppress(OSError):
            return [int(entry) for entry in os.listdir(f"/proc/{self.pid}/task")]
        return []

    def is_handed_on(self, site: int) -> bool:
        """Whether a call comes from another function that is watched, as nanosleep's from sleep."""
        return any(0 < site - address < _FUNCTION_BYTES for address in self.breakpoints)

    def operation_at(self, registers: Registers, function: str) -> Operation | None:
        """The step that a thread stands before; None where it concerns nobody else."""
        space = self.space
        site = int.from_bytes(space.read(registers.rsp, 8), "little")
        if self.is_handed_on(site):
            return None
        if function in SLEEPING_CALLS:
            return Operation(Kind.SLEEP, site, address=registers.rsp)
        if function in SET_CALLS:
            number = registers.rdi & 0xFFFFFFFF
            known = by_number(sysv_sets(), number)
            name = f"{PREFIX}{number if known is None else hex(known.key)}"
            raw = space.read(registers.rsi, operations_at(registers.rdx))
            changes = tuple((Place(name, e.semaphore), e.change) for e in decode_operations(raw))
            return Operation(Kind.SET, site, changes[0][0] if changes else None, changes=changes)
        place = space.place(registers.rdi, mapped_name)
        return None if place is None else Operation(Kind(function), site, place, registers.rdi)

    def close(self) -> None:
        self.space.close()


class LiveTask:
    """A thread that is traced."""

    def __init__(self, process: LiveProcess, tid: int, name: str, *, is_child: bool) -> None:
        """``is_child``: whether the process is this one's child, whose end somebody else waits for."""
        self.process, self.tid, self.name = process, tid, name
        self.registers = Registers()
        self.operation = Operation(Kind.START)
        """The step that it stands before, or is in; START before the first."""
        self.held = False
        self.traced = True
        self.interrupted = False
        """Whether it was told to stop wherever it is."""
        self._function = ""
        self._waiting = os.WSTOPPED | ptrace.WALL | (0 if is_child else os.WEXITED)

    @property
    def would_wait(self) -> bool:
        """Whether the step that it stands before would block now."""
        word, address = self.process.space.word, self.operation.address
        if self.operation.kind is Kind.WAIT:
            return not word(address)
        is_lock = self.operation.kind is Kind.LOCK
        return is_lock and not is_lock_free(
            word, address, self.tid, is_musl=self.process.code.is_musl
        )

    @property
    def executable(self) -> str:
        return self.process.code.executable

    @property
    def bases(self) -> dict[str, int]:
        """Where that and its libraries are loaded."""
        return self.process.code.bases

    @property
    def globals(self) -> None:
        """None: its own memory is not watched."""
        return

    def stop(self, *, at_once: bool = True) -> tuple[int, int] | None:
        """Signal and event of its stop; None where there is none yet, ``at_once``, or it has ended."""
        try:
            found = os.waitid(os.P_PID, self.tid, self._waiting | (os.WNOHANG if at_once else 0))
        except ChildProcessError:
            self.traced = False
            return None
        if found is None:
            return None
        if found.si_code not in {os.CLD_STOPPED, os.CLD_TRAPPED}:
            self.traced = False
            return None
        return found.si_status & 0xFF, found.si_status >> 8

    def deal(self, number: int, event: int, born: "Callable[[LiveTask, int, bool], None]") -> bool:
        """Hold it where the stop is one before a step, else let it go on; whether it is held. ``born``
        hears of threads and children.
        """
        if event in {ptrace.FORK, ptrace.VFORK, ptrace.CLONE}:
            born(self, ptrace.event_message(self.tid), event == ptrace.CLONE)
        elif event == ptrace.EXEC:
            self.leave()  # Its breakpoints went with its memory.
            return False
        elif event == ptrace.STOPPED and number in _STOPPING:
            ptrace.stay_stopped(self.tid)
            return False
        elif not event and number != signal.SIGTRAP:
            ptrace.resume(self.tid, number)
            return False
        elif not event and (function := self.rewound()) is not None:
            operation = self.process.operation_at(self.registers, function)
            # A function that hands its call on by a jump is no second step.
            handed_on = operation == self.operation and function != self._function
            if operation is not None and not handed_on:
                self.operation, self._function, self.held = operation, function, True
                return True
            self.go_on()
            return False
        ptrace.resume(self.tid)
        return False

    def go_on(self) -> None:
        """Take the step that it stands before, or pass the breakpoint that it stands at."""
        self.held = False
        space, address = self.process.space, self.registers.rip
        known = self.process.breakpoints.get(address)
        number = 0
        if known is not None:
            space.write(address, known[1])
            while number != signal.SIGTRAP:  # A signal may come first; its handler begins here.
                ptrace.single_step(self.tid, number)
                stop = self.stop(at_once=False)
                if stop is None:
                    return
                number = signal.SIGTRAP if stop[1] else stop[0]
            if self.process.is_armed:
                space.write(address, BREAKPOINT)
        ptrace.resume(self.tid)

    def interrupt(self, *, gently: bool) -> None:
        """Have it stop wherever it is; ``gently``: not in a call that a stop ends with EINTR, signal(7)."""
        with contextlib.suppress(OSError):
            call = Path(f"/proc/{self.tid}/syscall").read_text().split()[0]
            if gently and call in _INTERRUPTED:
                return
            ptrace.interrupt(self.tid)
            self.interrupted = True

    def leave(self, number: int = 0) -> None:
        """Trace the stopped thread no longer: it runs on by itself, with signal ``number`` or none."""
        self.traced = self.held = False
        ptrace.detach(self.tid, number)

    def rewound(self) -> str | None:
        """The function whose breakpoint it has run into, and stands before now; None: another trap."""
        ptrace.load_registers(self.tid, self.registers)
        found = self.process.breakpoints.get(self.registers.rip - 1)
        if found is None:
            return None
        self.registers.rip -= 1
        ptrace.store_registers(self.tid, self.registers)
        return found[0]
