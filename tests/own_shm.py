"""Start Python in a /dev/shm of its own: ``python tests/own_shm.py ARGUMENTS OF PYTHON``.

Each process of a parallel run starts through this file. What other tests and other programs
keep in /dev/shm is then not there. It needs CAP_SYS_ADMIN; without, Python starts in the common
/dev/shm. A user namespace would do for other users, but in one root's processes are nobody's,
and what an ordinary user sees could not be tested.
"""

import ctypes
import os
import sys
from typing import Final

VARIABLE: Final = "SHMTUI_TEST_OWN_SHM"
"""Set to 1 in the environment of a process that has a /dev/shm of its own."""

_CLONE_NEWNS: Final = 0x00020000
_MS_REC, _MS_PRIVATE = 0x4000, 1 << 18
"""sched.h and sys/mount.h."""


def has_own_shm() -> bool:
    """Whether nobody but this process and its children uses this /dev/shm."""
    return os.environ.get(VARIABLE) == "1"


def enter() -> None:
    """Give this process a /dev/shm of its own. OSError: it may not."""
    _call("unshare", _CLONE_NEWNS)
    _call("mount", None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
    _call("mount", b"tmpfs", b"/dev/shm", b"tmpfs", ctypes.c_ulong(0), b"mode=1777")


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library. OSError: it failed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc[name](*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main(arguments: list[str]) -> None:
    """Become Python with these arguments, in a /dev/shm of its own where that is allowed."""
    os.environ.pop(VARIABLE, None)
    try:
        enter()
    except OSError:
        pass
    else:
        os.environ[VARIABLE] = "1"
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
