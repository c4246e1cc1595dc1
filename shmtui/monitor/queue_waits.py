"""Which processes are blocked in sending to a message queue or in receiving from it.

The kernel counts no such waiters: the system calls of the processes tell them (proc_pid_syscall(5)).
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from shmtui.procfs.futex import SystemCall, system_calls
from shmtui.procfs.process import processes

_POSIX: Final = {"x86_64": (242, 243), "aarch64": (182, 183)}.get(os.uname().machine, ())
"""mq_timedsend and mq_timedreceive: their first argument is a descriptor."""
_SYSTEM_V: Final = {"x86_64": (69, 70), "aarch64": (189, 188)}.get(os.uname().machine, ())
"""msgsnd and msgrcv: their first argument is the queue's identifier."""


def waiting_in_queue(pids: Iterable[int], inode: int) -> tuple[int, ...] | None:
    """Those of the processes that are blocked in a POSIX queue; None where none is seen to be, and one
    may not be asked.
    """
    found, hidden = [], False
    for pid in sorted(pids):
        calls = system_calls(pid)
        hidden = hidden or calls is None
        if any(_is_in(call, pid, inode) for call in (calls or {}).values()):
            found.append(pid)
    return None if hidden and not found else tuple(found)


def _is_in(call: SystemCall | None, pid: int, inode: int) -> bool:
    if call is None or call.number not in _POSIX:
        return False
    try:
        return Path(f"/proc/{pid}/fd/{call.address}").stat().st_ino == inode
    except OSError:
        return False


def waiting_in_system_v_queues() -> tuple[dict[int, list[int]], bool]:
    """The processes that are blocked in System V queues, by the queues' identifiers; and whether this
    user may ask all processes.
    """
    found: dict[int, list[int]] = {}
    whole = True
    for pid in processes():
        calls = system_calls(pid)
        whole = whole and calls is not None
        for call in (calls or {}).values():
            if call is not None and call.number in _SYSTEM_V:
                its = found.setdefault(call.address, [])
                if pid not in its:
                    its.append(pid)
    return found, whole
