"""Namespaces, mounts and rights: what a box for programs that are not trusted is made of."""

import contextlib
import ctypes
import os
import resource
import stat
import sys
from functools import cache
from pathlib import Path
from typing import Final

from shmtui.control.namespaces import (
    NEW_IPC,
    NEW_MOUNTS,
    NEW_NETWORK,
    NEW_PIDS,
    NEW_USER,
    make_namespaces,
    mount,
)
from shmtui.errors import ShmtuiError
from shmtui.grading.resource_use import threads_of_user
from shmtui.i18n import _

_ALL: Final = NEW_USER | NEW_MOUNTS | NEW_IPC | NEW_PIDS | NEW_NETWORK
_MS_NOSUID, _MS_NODEV = 2, 4
_MOUNT_SETATTR: Final = 442
_AT_RECURSIVE: Final = 0x8000
_READ_ONLY: Final = 1
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 24, 38
_CAPABILITIES: Final = 64
_COVERED: Final = ("/mnt", "/media", "/srv", "/opt")
"""Folders that systems have: one of them is covered by the place to write."""
_MOST_FOLDER: Final = 64 << 20
"""Bytes of a student's folder."""
_SPARE: Final = 512
"""Processes that others of this user may start meanwhile, where the kernel counts them all together."""

_libc: Final = ctypes.CDLL(None, use_errno=True)


class _Attributes(ctypes.Structure):
    """``struct mount_attr`` of <linux/mount.h>."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "namespace")]


def give_up_rights(disk: int, processes: int, *, apart: bool) -> None:
    """What this process starts gains nothing by exec, and a file of it has its limit."""
    for capability in range(_CAPABILITIES):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, disk)
    if not apart:  # They are not counted from outside.
        _limit(resource.RLIMIT_NPROC, threads_of_user() + _SPARE + processes)


def _limit(which: int, most: int) -> None:
    hard = resource.getrlimit(which)[1]
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (least, least))


def set_dumpable(*, on: bool) -> None:
    """Whether others of this user may look into this process, and it may write to its own files in /proc."""
    _libc.prctl(_PR_SET_DUMPABLE, int(on), 0, 0, 0)


@cache
def may_be_apart() -> bool:
    """Whether this user may make the namespaces of a box: a container or an administrator may refuse."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] == 0
    try:
        unshare()
        inner = os.fork()
        if inner:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) & 1)
        mount_proc()
        os._exit(0)
    except OSError:
        os._exit(1)
    finally:
        os._exit(1)


def unshare() -> None:
    """Make the namespaces; the next child is the first process of its own. OSError: refused."""
    make_namespaces(_ALL)


def mount_proc() -> None:
    """Show the PIDs of this namespace, and have those to come be large: no number that a program counts is
    taken for one. OSError: refused.
    """
    mount("proc", "/proc", "proc")
    most = int(Path("/proc/sys/kernel/pid_max").read_text())
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(most // 2))


def place_to_write(disk: int, folder: Path | None) -> Path:
    """A file system of a bounded size; where ``folder`` is graded, all the others become read-only."""
    paths = (*sys.path, sys.prefix, sys.base_prefix, folder or ".", __file__)
    needed = [Path(str(path)).resolve() for path in paths]
    covered = [
        path
        for path in map(Path, _COVERED)
        if path.is_dir() and not any(path == each or path in each.parents for each in needed)
    ]
    if not covered:
        text = _("none of {folders} can be covered by a place to write: make one of them")
        raise ShmtuiError(text.format(folders=" ".join(_COVERED)))
    room = next((path for path in covered if _is_empty(path)), covered[0])
    if folder is not None and not (
        _protect("/", _AT_RECURSIVE, set=_READ_ONLY) and _protect("/proc", 0, clear=_READ_ONLY)
    ):
        raise ShmtuiError(_("the file systems cannot be made read-only (it takes Linux 5.12)"))
    flags = _MS_NOSUID | _MS_NODEV
    mount("shmtui", str(room), "tmpfs", flags, f"size={disk},nr_inodes=100k,mode=755")
    if folder is not None:
        for name in ("changed", "work"):
            (room / name).mkdir()
        with contextlib.suppress(OSError):  # Where it is refused, /tmp is read-only too.
            layer = f"lowerdir=/tmp,upperdir={room}/changed,workdir={room}/work,userxattr"
            mount("shmtui", "/tmp", "overlay", flags, layer)
    return room


def _is_empty(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def _protect(path: str, flags: int, **attributes: int) -> bool:
    """mount_setattr(2); whether it was done."""
    wanted = _Attributes(**attributes)
    size = ctypes.sizeof(wanted)
    done = _libc.syscall(_MOUNT_SETATTR, -100, path.encode(), flags, ctypes.byref(wanted), size)
    return int(done) == 0


def copy_folder(source: Path, target: Path) -> None:
    """Copy the regular files of a folder. ShmtuiError: they are too large, or cannot be read."""
    size = 0
    try:
        for folder, _folders, files in os.walk(source):
            here = target / Path(folder).relative_to(source)
            here.mkdir(parents=True, exist_ok=True)
            for name in files:
                file = Path(folder, name)
                status = file.lstat()
                if not stat.S_ISREG(status.st_mode):
                    continue
                size += status.st_size
                if size > _MOST_FOLDER:
                    text = _("the folder {folder} is larger than {most} MiB")
                    raise ShmtuiError(text.format(folder=source, most=_MOST_FOLDER >> 20))
                (here / name).write_bytes(file.read_bytes())
                (here / name).chmod(0o755 if status.st_mode & 0o111 else 0o644)
    except OSError as error:
        text = _("cannot copy {folder}: {error}")
        raise ShmtuiError(text.format(folder=source, error=error.strerror)) from None
