"""The workspace of a lesson with programs: a temporary folder, and a segment of zeros.

The folder holds a mark: a file that names the segment and that the lesson keeps locked. When a
lesson is killed the kernel drops the lock, and the next lesson of the same user removes what the
mark names. Nothing else is removed: not what has no mark, and not what another user owns.
"""

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.procfs.file_writers import anybody_writes
from shmtui.procfs.maps import mapped_by
from shmtui.shm.segment import FileIdentity, create_segment, segment_path, unlink_segment

PREFIX: Final = "shm_lab_"
FOLDER: Final = "shmtui-lab-"
MARK: Final = "lesson"
_MARK_TEXT: Final = re.compile(rf"(/{PREFIX}\d+) (\d+) (\d+)\n".encode())


def lesson_segment() -> str:
    """A segment's name with this process's PID, so that no two lessons meet."""
    return f"/{PREFIX}{os.getpid()}"


@contextlib.contextmanager
def lesson_folder() -> Iterator[Path]:
    """Make a folder, and remove it at the end; the next lesson does, where this one is killed."""
    with contextlib.ExitStack() as cleaning:
        folder = Path(cleaning.enter_context(tempfile.TemporaryDirectory(prefix=FOLDER)))
        cleaning.callback(os.close, _locked_mark(folder))
        yield folder


@contextlib.contextmanager
def lesson_workspace(segment: str, size: int) -> Iterator[Path]:
    """Make a folder and a zero-filled ``segment`` of ``size`` bytes; remove both at the end.

    ShmtuiError: the segment cannot be made.
    """
    with contextlib.ExitStack() as cleaning:
        folder = Path(cleaning.enter_context(tempfile.TemporaryDirectory(prefix=FOLDER)))
        mark = _locked_mark(folder)
        cleaning.callback(os.close, mark)
        identity = create_segment(segment, size)
        cleaning.callback(unlink_segment, segment)
        os.write(mark, f"{segment} {identity.device} {identity.inode}\n".encode())
        yield folder


def _locked_mark(folder: Path) -> int:
    """A descriptor of the folder's mark. It is locked before it has its name."""
    unnamed = folder / f"{MARK}.new"
    fd = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with contextlib.suppress(OSError):
        # Where the file system has no locks, nobody can take this one for a dead lesson's.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    unnamed.rename(folder / MARK)
    return fd


def sweep_workspaces() -> None:
    """Remove the workspaces of this user's lessons that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        with contextlib.suppress(OSError):
            _sweep(folder)


def _sweep(folder: Path) -> None:
    """Remove one workspace. OSError: its lesson lives, or it is none."""
    if not _is_ours(folder.lstat(), stat.S_ISDIR):
        return
    fd = os.open(folder / MARK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not _is_ours(os.fstat(fd), stat.S_ISREG):
            return
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = _MARK_TEXT.fullmatch(os.pread(fd, 4096, 0))
        if found is None or _remove_segment(
            found[1].decode(), FileIdentity(int(found[2]), int(found[3]))
        ):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(fd)


def _remove_segment(name: str, identity: FileIdentity) -> bool:
    """Unlink the segment that the mark names; False where a live process still uses it.

    A file that has the name since, or that another user owns, stays.
    """
    try:
        status = os.lstat(segment_path(name))
    except FileNotFoundError:
        return True
    if FileIdentity.of(status) != identity or not _is_ours(status, stat.S_ISREG):
        return True
    if mapped_by(identity) or anybody_writes(segment_path(name), identity):
        return False
    with contextlib.suppress(ShmtuiError):
        unlink_segment(name)
    return True


def _is_ours(status: os.stat_result, kind: Callable[[int], bool]) -> bool:
    """Whether a file is of that kind and belongs to this user."""
    return kind(status.st_mode) and status.st_uid == os.geteuid()
