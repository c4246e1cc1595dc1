"""Where this process is among the machine's namespaces, as far as that limits what /proc shows."""

import os
from pathlib import Path
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _

_INITIAL_PID: Final = "pid:[4026531836]"
_INITIAL_IPC: Final = "ipc:[4026531839]"
"""The machine's own namespaces: their inode numbers are fixed (Linux's proc_ns.h)."""
_NS: Final = 1_000_000_000


def others_may_be_outside() -> bool:
    """Whether processes that /proc cannot show may use the same /dev/shm: this process is in a PID
    namespace of its own, and in the machine's own IPC namespace.

    /proc shows one PID namespace and those made in it. A container runtime gives a container its
    own /dev/shm with its own IPC namespace; with ``--ipc=host`` it has the machine's.
    """
    return in_pid_namespace() and namespace("ipc") == _INITIAL_IPC


def in_pid_namespace() -> bool:
    """Whether this process is in another PID namespace than the machine's first."""
    return namespace("pid") not in {_INITIAL_PID, ""}


def boot_offset_ns() -> int:
    """By how many ns the boot time clock of this process's time namespace is ahead of the
    machine's (time_namespaces(7)). The start times that /proc shows are ahead by the same.

    Added up from /proc/self/timens_offsets, which is the namespace of future children: 0 where
    that is another than this process's.
    """
    if namespace("time") != namespace("time_for_children"):
        return 0
    try:
        words = Path("/proc/self/timens_offsets").read_text(encoding="ascii").split()
        at = words.index("boottime")
        return int(words[at + 1]) * _NS + int(words[at + 2])
    except (OSError, ValueError):
        return 0


def require_proc() -> None:
    """ShmtuiError: /proc is not mounted, or numbers processes as another PID namespace does."""
    try:
        me = os.readlink("/proc/self")  # noqa: PTH115 - before every scan
    except FileNotFoundError:
        me = ""
    if not me:
        raise ShmtuiError(
            _(
                "/proc is not mounted here, and it says which processes there are: mount -t proc "
                "proc /proc"
            )
        )
    if me != str(os.getpid()):
        text = _(
            "/proc is that of another PID namespace (this process is {me} there): "
            "mount -t proc proc /proc"
        )
        raise ShmtuiError(text.format(me=me))


def namespace(kind: str, pid: int | str = "self") -> str:
    """The namespace of that kind that a process is in; empty where this user may not know."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")  # noqa: PTH115 - it is no path
    except OSError:
        return ""
