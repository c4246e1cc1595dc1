"""The part of ptrace(2) that running a program step by step needs, for x86-64, through ctypes.

An ordinary user may trace his own children under Yama scope 1 (ptrace(2), "Ptrace access mode
checking"). A tracee is killed with its tracer (PTRACE_O_EXITKILL), whatever ends it.
"""

import ctypes
import os
import platform
import signal
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _

_TRACEME, _CONT, _STEP, _GETREGS, _SETREGS, _GETFPREGS = 0, 7, 9, 12, 13, 14
_SETOPTIONS, _GETEVENTMSG, _GETSIGINFO = 0x4200, 0x4201, 0x4202
_SI_KERNEL = 0x80
_DETACH, _SEIZE, _INTERRUPT, _LISTEN = 17, 0x4206, 0x4207, 0x4208
_OPTIONS: Final = 0x100000 | 1 | 2 | 4 | 8 | 16
"""EXITKILL, and stops by system call, fork, vfork, clone and exec that tell themselves apart."""
FORK, VFORK, CLONE, EXEC, STOPPED = 1, 2, 3, 4, 128
"""The events of a stop: bits 16 and up of its wait status."""
WALL: Final = 0x40000000
"""__WALL: waitpid(2) for threads, too."""

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long] * 4


class Registers(ctypes.Structure):
    """``struct user_regs_struct`` of <sys/user.h>."""

    _fields_ = [
        (name, ctypes.c_ulonglong)
        for name in (
            "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp "
            "ss fs_base gs_base ds es fs gs"
        ).split()
    ]
    rip: int
    rsp: int
    rax: int
    rdi: int
    rsi: int
    rdx: int
    rcx: int
    r10: int
    r8: int
    rbx: int
    r9: int
    r11: int
    eflags: int
    rbp: int
    r12: int
    r13: int
    r14: int
    r15: int
    orig_rax: int
    fs_base: int

    def copy(self) -> "Registers":
        return Registers.from_buffer_copy(self)


def require_machine() -> None:
    """ShmtuiError: programs cannot be run step by step on this machine."""
    if platform.machine() != "x86_64":
        text = _("programs are run step by step on x86-64 only, and this is {machine}")
        raise ShmtuiError(text.format(machine=platform.machine()))


def _ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> None:
    ctypes.set_errno(0)
    if _libc.ptrace(request, pid, address, data) == -1 and ctypes.get_errno():
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request} of {pid}: {os.strerror(error)}")


def trace_me() -> None:
    """In a child before exec: its parent traces it."""
    _ptrace(_TRACEME, 0)


def set_options(pid: int) -> None:
    """Have its children and threads traced as well, and all killed with the tracer."""
    _ptrace(_SETOPTIONS, pid, 0, _OPTIONS)


def resume(pid: int, number: int = 0) -> None:
    """Let it run on, with signal ``number`` or none."""
    _ptrace(_CONT, pid, 0, number)


def single_step(pid: int, number: int = 0) -> None:
    """Let it run for one instruction, with signal ``number`` or none."""
    _ptrace(_STEP, pid, 0, number)


def seize(pid: int) -> None:
    """Trace a thread that lives, without stopping it. OSError: it may not be, or has another tracer."""
    _ptrace(_SEIZE, pid, 0, _OPTIONS)


def interrupt(pid: int) -> None:
    """Have a seized thread stop, with the event `STOPPED`."""
    _ptrace(_INTERRUPT, pid)


def stay_stopped(pid: int) -> None:
    """Leave a seized thread to the signal that has stopped its process, until SIGCONT."""
    _ptrace(_LISTEN, pid)


def detach(pid: int, number: int = 0) -> None:
    """Trace a stopped thread no longer; it runs on, with signal ``number`` or none."""
    _ptrace(_DETACH, pid, 0, number)


def load_registers(pid: int, into: Registers) -> None:
    """Read the registers of a stopped thread."""
    _ptrace(_GETREGS, pid, 0, ctypes.addressof(into))


def store_registers(pid: int, registers: Registers) -> None:
    """Write them."""
    _ptrace(_SETREGS, pid, 0, ctypes.addressof(registers))


def vector_registers(pid: int) -> bytes:
    """The x87 and SSE registers of a stopped thread: ``struct user_fpregs_struct``, 512 bytes."""
    found = ctypes.create_string_buffer(512)
    _ptrace(_GETFPREGS, pid, 0, ctypes.addressof(found))
    return found.raw


def event_message(pid: int) -> int:
    """Of a stop by fork or clone: the new PID."""
    message = ctypes.c_ulong()
    _ptrace(_GETEVENTMSG, pid, 0, ctypes.addressof(message))
    return message.value


def fault_address(pid: int) -> int | None:
    """Of a stop by SIGSEGV or SIGBUS: ``si_addr``. None: the kernel does not tell it, as of an address that x86-64 cannot
    have.
    """
    info = ctypes.create_string_buffer(128)
    _ptrace(_GETSIGINFO, pid, 0, ctypes.addressof(info))
    told = int.from_bytes(info.raw[8:12], "little") != _SI_KERNEL
    return int.from_bytes(info.raw[16:24], "little") if told else None


class Stops:
    """Waits for stops of tracees; SIGCHLD is kept for it from then on, in the thread that makes it."""

    def __init__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})

    @staticmethod
    def next(pid: int) -> int:
        """Its next wait status, which is sure to come."""
        return os.waitpid(pid, WALL)[1]

    @staticmethod
    def within(pid: int, seconds: float) -> int | None:
        """Its next wait status, or None where none came within ``seconds``, and no signal for longer."""
        while True:
            found, status = os.waitpid(pid, WALL | os.WNOHANG)
            if found:
                return status
            if signal.sigtimedwait({signal.SIGCHLD}, seconds) is None:
                found, status = os.waitpid(pid, WALL | os.WNOHANG)
                return status if found else None
