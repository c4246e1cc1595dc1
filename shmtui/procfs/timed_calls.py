"""Whether a process goes on by itself, as it runs or sleeps for a time; and whether others wake it.

One that waits for input, for a signal or for a lock of somebody else's goes on when that comes, and
it may never come. Which call a thread sleeps in is in /proc/PID/syscall; where this user may not read
that, its wait channel tells a plain sleep.
"""

import os
import struct
from collections.abc import Mapping
from typing import Final

from shmtui.procfs.freezer import HALTED
from shmtui.procfs.futex import SystemCall
from shmtui.procfs.process import wait_channels
from shmtui.procfs.thread_calls import MANY

_MACHINE: Final = os.uname().machine
_ALWAYS: Final = -1
_TIMEOUTS: Final[Mapping[str, Mapping[int, int]]] = {
    "x86_64": {
        35: _ALWAYS, 230: _ALWAYS, 7: 2, 271: 2, 23: 4, 270: 4, 232: 3, 281: 3, 441: 3, 128: 2,
        220: 3, 202: 3,
    },
    "aarch64": {101: _ALWAYS, 115: _ALWAYS, 73: 2, 72: 4, 22: 3, 441: 3, 137: 2, 192: 3, 98: 3},
}  # fmt: skip
"""By machine: the calls that can end by a timeout, and which of their arguments it is, counted from 0:
nanosleep and clock_nanosleep; poll, ppoll; select, pselect6; epoll_wait, epoll_pwait, epoll_pwait2;
rt_sigtimedwait; semtimedop; futex (unistd_64.h, asm-generic/unistd.h).
"""
_MILLISECONDS: Final = frozenset({7, 232, 281, 22})
"""Those whose timeout is a number and not an address: negative is none, as 32 bits."""
_SIGNALS_ALONE: Final[Mapping[str, frozenset[int]]] = {
    "x86_64": frozenset({34, 130}),
    "aarch64": frozenset({133}),
}
"""By machine: the calls that nothing ends but a signal: pause, rt_sigsuspend."""
_SLEEPS: Final[Mapping[str, tuple[int, int]]] = {"x86_64": (35, 230), "aarch64": (101, 115)}
"""By machine: nanosleep and clock_nanosleep."""
_ABSOLUTE: Final = 1
"""TIMER_ABSTIME (linux/timerfd.h)."""
_TIMESPEC: Final = struct.Struct("=qq")
_MOST_SLEEPS: Final = 8
_ASLEEP: Final = ("hrtimer_nanosleep", "do_nanosleep")
"""Wait channels of a plain sleep."""


def goes_on(
    pid: int, letter: str, calls: Mapping[int, SystemCall | None] | None, *, whole: bool = True
) -> bool | None:
    """Whether a thread of ``pid`` runs or sleeps for a time; None: that cannot be told.

    ``letter``: its state in /proc; ``calls``: the system calls of its threads, None where this user
    may not read them; ``whole``: they are those of all threads.
    """
    if letter in HALTED:
        return False
    if calls is None:
        plain = any(channel.startswith(_ASLEEP) for channel in wait_channels(pid, MANY))
        return True if letter == "R" or plain else None
    seen = letter == "R" or any(call is None or _times_out(call) for call in calls.values())
    return seen or (False if whole else None)


def asleep_for_good(calls: Mapping[int, SystemCall | None] | None, on_segment: int) -> bool:
    """Whether no event from outside ends the sleep of any thread, but a signal or a post to a word of the
    segment: each waits on such a word, or privately for another one, or for a signal alone, and none for
    a time. Input, a child's end or another segment's word may come at any time.

    ``on_segment``: how many of its threads are known to sleep on words of the segment.

    >>> asleep_for_good({1: SystemCall(-5, 0, 0)}, 0), asleep_for_good(None, 0)
    (False, False)
    """
    if calls is None:
        return False
    alone = _SIGNALS_ALONE.get(_MACHINE, frozenset())
    others = [call for call in calls.values() if call is None or call.number not in alone]
    if any(call is None or not call.waits or call.timeout for call in others):
        return False
    return sum(not call.private for call in others if call is not None) <= on_segment


def sleep_length(pid: int, calls: Mapping[int, SystemCall | None]) -> float | None:
    """Seconds of the longest sleep that a thread of ``pid`` has begun; None: none sleeps for a time from when it
    began, this user may not read how long, or it has more than `_MOST_SLEEPS` threads: each takes a read at each
    look.
    """
    if len(calls) > _MOST_SLEEPS:
        return None
    places = [
        place
        for call in calls.values()
        if call is not None and (place := _length_at(call)) is not None
    ]
    if not places:
        return None
    try:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        read = [os.pread(memory, _TIMESPEC.size, place) for place in places]
    except (OSError, OverflowError):
        return None
    finally:
        os.close(memory)
    lengths = [_TIMESPEC.unpack(raw) for raw in read if len(raw) == _TIMESPEC.size]
    return max((s + ns / 1e9 for s, ns in lengths if s >= 0 and 0 <= ns < 1e9), default=None)


def _length_at(call: SystemCall) -> int | None:
    """Where a sleep has its length: nanosleep's first argument, clock_nanosleep's third where it is no time of
    the clock.
    """
    plain, by_clock = _SLEEPS.get(_MACHINE, (-1, -1))
    if call.number == plain:
        return call.address
    relative = call.number == by_clock and not call.operation & _ABSOLUTE
    return call.rest[0] if relative and call.rest else None


def _times_out(call: SystemCall) -> bool:
    """Whether the call ends by itself.

    >>> _times_out(SystemCall(-5, 0, 0))
    False
    """
    timeouts = _TIMEOUTS.get(_MACHINE, {})
    at = timeouts.get(call.number)
    if at is None:
        return False
    if at == _ALWAYS:
        return True
    arguments = (call.address, call.operation, *call.rest)
    value = arguments[at] if at < len(arguments) else 0
    if call.number in _MILLISECONDS:
        return not value >> 31 & 1
    return bool(value)
