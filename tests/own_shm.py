"""Start Python in a /dev/shm of its own: ``python tests/own_shm.py ARGUMENTS OF PYTHON``.

Each process of a parallel run starts through this file. What other tests and other programs
keep in /dev/shm is then not there, and a sweep takes nothing from another test. Root needs
CAP_SYS_ADMIN for it; another user needs user namespaces, and keeps its user ID and loses every
capability again at the exec. Where the system refuses, Python starts in the common /dev/shm.
"""

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

VARIABLE: Final = "SHMTUI_TEST_OWN_SHM"
"""Set to 1 in the environment of a process that has a /dev/shm of its own."""

_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWUSER: Final = 0x10000000
_MS_REC, _MS_PRIVATE = 0x4000, 1 << 18
"""sched.h and sys/mount.h."""


def has_own_shm() -> bool:
    """Whether nobody but this process and its children uses this /dev/shm."""
    return os.environ.get(VARIABLE) == "1"


def enter() -> None:
    """Give this process, which has one thread, a /dev/shm of its own. OSError: it may not."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        _call("unshare", _CLONE_NEWNS)
    else:
        _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _call("mount", None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
    _call("mount", b"tmpfs", b"/dev/shm", b"tmpfs", ctypes.c_ulong(0), b"mode=1777")


def allowed() -> bool:
    """Whether :func:`enter` would succeed: a child tries it, for half of it cannot be undone."""
    child = os.fork()
    if child == 0:
        try:
            enter()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library. OSError: it failed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc[name](*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main(arguments: list[str]) -> None:
    """Become Python with these arguments, in a /dev/shm of its own where that is allowed."""
    os.environ.pop(VARIABLE, None)
    if allowed():
        enter()
        os.environ[VARIABLE] = "1"
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
