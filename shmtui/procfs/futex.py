"""On which word of a segment a thread sleeps, read from /proc/PID/task/TID/syscall.

The line of a blocked thread holds the futex's address (futex(2)). An address inside a mapping
of the segment is an offset in it, which says which semaphore the thread sleeps on. Reading the
line needs the kernel's leave (proc_pid_syscall(5)); where that is refused the answer is None:
unknown, not zero.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from shmtui.procfs.maps import Mapping, map_lines, split_line
from shmtui.procfs.process import has_ended, more_threads_than, read_file, threads_of
from shmtui.shm.libc import FUTEX_NUMBERS

_FUTEX: Final = FUTEX_NUMBERS.get(os.uname().machine)
_NARROW: Final = frozenset({240, 422})
"""futex and futex_time64 of a 32-bit program, on x86 and on ARM (unistd_32.h, unistd.h)."""
_FUTEX_LINES: Final = tuple(b"%d " % number for number in (_FUTEX or -1, *_NARROW))
_COMMANDS: Final = 0x7F
"""The command in a futex operation, without its flags."""
_WAITS: Final = frozenset({0, 9})
"""FUTEX_WAIT and FUTEX_WAIT_BITSET."""
_PRIVATE: Final = 0x80
_ENDED: Final = b"-1 0x0 0x0\n"
"""The line of a thread that has ended: no stack and no instruction."""


class FutexWait(msgspec.Struct, frozen=True):
    """A thread asleep on a futex word inside the segment."""

    tid: int
    offset: int
    """Byte offset of the word in the segment."""
    private: bool
    """True: the kernel looks for it in this process only, so no other process can wake it."""
    timed: bool = False
    """True: it has a timeout, as sem_timedwait has: the thread goes on by itself."""
    plain: bool = False
    """True: by FUTEX_WAIT, which glibc's sem_wait and pthread_cond_wait never use."""


class SystemCall(msgspec.Struct, frozen=True):
    """The system call that a thread is in."""

    number: int
    address: int
    """Its first argument: a futex's address."""
    operation: int
    """Its second argument: a futex's operation."""
    rest: tuple[int, ...] = ()
    """Its other arguments, the third to the sixth."""

    @property
    def timeout(self) -> int:
        """Its fourth argument: the address of a futex wait's timeout, 0 where it has none."""
        return self.rest[1] if len(self.rest) > 1 else 0

    @property
    def is_futex(self) -> bool:
        """Whether it is futex(2). A 32-bit program has numbers of its own."""
        narrow = self.number in _NARROW and self.address < 2**32
        return self.number == _FUTEX or narrow

    @property
    def private(self) -> bool:
        """Whether a futex operation is for this process alone."""
        return bool(self.operation & _PRIVATE)

    @property
    def waits(self) -> bool:
        """Whether it is a wait on a futex."""
        return self.is_futex and self.operation & _COMMANDS in _WAITS


def parse_syscall(raw: bytes) -> SystemCall | None:
    """Read a /proc/PID/syscall line; None where the thread is in no system call.

    >>> parse_syscall(b"98 0x7f40 0x189 0x0 0x0 0x0 0xffffffff 0x7ffe 0x7f")
    SystemCall(number=98, address=32576, operation=393, rest=(0, 0, 0, 4294967295))
    >>> parse_syscall(b"running"), parse_syscall(b"-1 0x7ffe 0x7f")
    (None, None)
    """
    fields = raw.split()
    if len(fields) < 3 or not fields[0].isdigit():
        return None
    try:
        number, address, operation = int(fields[0]), int(fields[1], 16), int(fields[2], 16)
        return SystemCall(number, address, operation, tuple(int(f, 16) for f in fields[3:7]))
    except ValueError:
        return None


def waits_at(raw: bytes) -> tuple[int, ...]:
    """The address that a thread with this /proc/PID/syscall line waits at; empty where it does not.

    >>> waits_at(b"%d 0x7f40 0x189 0x0 0x0 0x0 0xffffffff 0x7ffe 0x7f" % (_FUTEX or 0))
    (32576,)
    """
    call = parse_syscall(raw) if raw.startswith(_FUTEX_LINES) else None
    return (call.address,) if call is not None and call.waits else ()


def futex_waits(pid: int, maps: tuple[Mapping, ...]) -> tuple[FutexWait, ...] | None:
    """Every thread of ``pid`` asleep on a word of the segment; None if this user may not know."""
    calls = system_calls(pid)
    return None if calls is None else waits_in(calls, maps)


def waits_in(
    calls: dict[int, SystemCall | None], maps: tuple[Mapping, ...]
) -> tuple[FutexWait, ...]:
    """Those of the threads' system calls that are waits on a word of the file that ``maps`` show.

    A word in a MAP_PRIVATE mapping is the process's own, and none of the file's.

    >>> waits_in({9: SystemCall(_FUTEX or 0, 0x7f40, 0x189)}, (Mapping(0x7f00, 0x8000, 0),))
    (FutexWait(tid=9, offset=64, private=True, timed=False, plain=False),)
    """
    return tuple(
        FutexWait(tid, offset, call.private, bool(call.timeout), not call.operation & _COMMANDS)
        for tid, call in calls.items()
        if call is not None and call.waits
        for mapping in maps
        if mapping.shared and (offset := mapping.offset_of(call.address)) is not None
    )


def waits_for_others(calls: dict[int, SystemCall | None]) -> list[int]:
    """The TIDs of the threads asleep on a futex that another process could wake."""
    return [
        tid
        for tid, call in calls.items()
        if call is not None and call.waits and not call.operation & _PRIVATE
    ]


def waits_on_own_copy(calls: dict[int, SystemCall | None], maps: tuple[Mapping, ...]) -> bool:
    """Whether a thread sleeps on a word of a MAP_PRIVATE mapping: no other process can wake it."""
    private = [m for m in maps if not m.shared]
    return any(
        call is not None and call.waits and m.offset_of(call.address) is not None
        for call in calls.values()
        for m in private
    )


def named_semaphore_waits(
    pid: int, calls: dict[int, SystemCall | None], folder: str
) -> tuple[str, ...]:
    """The named semaphores in ``folder`` that threads of ``pid`` are asleep on, as ``/NAME``.

    None of them has to belong to a segment that is known. ``calls``: its threads' system calls.
    """
    # sem_open(3) makes them for several processes: who waits privately waits for none.
    addresses = [call.address for tid in waits_for_others(calls) if (call := calls[tid])]
    if not addresses:
        return ()
    lines = map_lines(pid) or []
    found = (semaphore_mapped_at(address, lines, folder) for address in addresses)
    return tuple(name for name in found if name)


def semaphore_mapped_at(address: int, lines: list[bytes], folder: str) -> str:
    r"""The named semaphore whose file a maps file shows at an address; empty where there is none.

    Its creator maps it under a temporary name that is gone: the inode tells the name.

    >>> semaphore_mapped_at(0x1010, [b"1000-2000 rw-s 0 00:1b 9 /dev/shm/sem.x"], "/dev/shm")
    '/x'
    """
    for line in lines:
        its = split_line(line)
        if its.start <= address < its.end:
            file = os.fsdecode(its.path)
            if not file.startswith(f"{folder}/sem."):
                return ""
            gone = file.endswith(" (deleted)")
            name = name_of_inode(its.inode, folder) if gone else None
            return "/" + (name or file.removeprefix(f"{folder}/")).removeprefix("sem.")
    return ""


def name_of_inode(inode: int, folder: str) -> str | None:
    """The entry of ``folder`` with that inode."""
    with os.scandir(folder) as entries:
        return next((entry.name for entry in entries if entry.inode() == inode), None)


def in_system_call(pid: int) -> bool | None:
    """Whether every thread of ``pid`` is in a system call that wakes nobody, asleep or stopped
    there; None if this user may not know. False where it is gone.

    False for a thread that runs, or was stopped while it ran; and for one in a futex call that
    is no wait, since it is stopped on its way out of a post.
    """
    calls = system_calls(pid)
    if calls is None:
        return None
    return bool(calls) and all(
        call is not None and (call.waits or not call.is_futex) for call in calls.values()
    )


def sleeps_on_futex(pid: int) -> bool | None:
    """Whether the main thread sleeps on some futex, by /proc/PID/wchan, which more users may
    read than ``syscall``; None where the kernel does not say.
    """
    try:
        channel = read_file(f"/proc/{pid}/wchan", 64)
    except OSError:
        return None
    return channel.startswith(b"futex") if channel not in {b"", b"0"} else None


def futex_sleepers(pid: int, most: int | None = None) -> int | None:
    """How many threads of ``pid`` sleep on some futex, by their wait channels (``wchan``); None
    where the kernel does not say, and where there are more than ``most``. 0 where it is gone.
    """
    count = 0
    try:
        if most is not None and more_threads_than(pid, most):
            return None
        for tid in threads_of(pid):
            channel = read_file(f"/proc/{pid}/task/{tid}/wchan", 64)
            if not channel:
                return None
            count += channel.startswith(b"futex")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except OSError:
        return None
    return count


def system_calls(
    pid: int, among: Iterable[int] | None = None
) -> dict[int, SystemCall | None] | None:
    """The system call that each thread is in, by TID; None as a call: it is in no call. ``among``: of
    these threads alone.

    A thread that has ended is left out, and a process that is gone has none. None: not this user's
    to read, or this kernel does not give it (gVisor has no such file, nor has a kernel for a
    machine without HAVE_ARCH_TRACEHOOK).
    """
    try:
        tids = threads_of(pid) if among is None else among
    except (FileNotFoundError, ProcessLookupError):
        return {}
    except PermissionError:
        return None
    found = {}
    for tid in tids:
        task = f"/proc/{pid}/task/{tid}"
        try:
            raw = read_file(f"{task}/syscall", 256)
        except ProcessLookupError:
            continue
        except FileNotFoundError:
            if Path(task).exists():
                return None
            continue
        except OSError:
            if has_ended(pid, tid):
                continue  # Only root may read the line of one.
            return None
        # The first thread stays as a zombie when it ends before the others.
        if raw != _ENDED:
            found[tid] = parse_syscall(raw)
    return found


def gives_system_calls(pid: int) -> bool:
    """Whether this kernel says which system call ``pid`` is in, to those who may know."""
    return Path(f"/proc/{pid}/task/{pid}/syscall").exists()
