"""Whether a process is on a processor all the time, sleeps for short times, or is asleep. Pure.

That is all that its waits show in a ring without a lock: who waits for a slot there looks again and
again, or sleeps in between.
"""

from collections.abc import Mapping
from typing import Final

from shmtui.procfs.run_times import RunTime
from shmtui.snapshot import ProcessState

_ALWAYS: Final = 0.9
"""This share of the time on a processor, or in the queue for one, is all the time."""


def activity(
    before: Mapping[int, RunTime], after: Mapping[int, RunTime], elapsed_ns: int, goes_on: bool
) -> ProcessState | None:
    """What the threads did in between; None where that is none of the three. ``goes_on``: one runs or
    sleeps for a time.

    >>> polls = {1: RunTime(5, 0, 7)}, {1: RunTime(90, 2, 9)}
    >>> activity({1: RunTime(0, 0, 1)}, {1: RunTime(700, 250, 9)}, 1000, True)
    <ProcessState.SPINNING: 'spinning'>
    >>> activity(*polls, 1000, True), activity(*polls, 1000, False)
    (<ProcessState.POLLING: 'polling'>, None)
    >>> activity(polls[0], polls[0], 1000, True)
    <ProcessState.ASLEEP: 'asleep'>
    """
    if not after or before.keys() != after.keys():
        return None
    wanted = [after[tid].wanted_ns - before[tid].wanted_ns for tid in after]
    if max(wanted) >= _ALWAYS * elapsed_ns:
        return ProcessState.SPINNING
    if before == after:
        return ProcessState.ASLEEP
    return ProcessState.POLLING if goes_on else None
