"""Removing segments: what a dead shmtui left behind, and what the user names.

Never removes a segment that a live process maps, unless the user forces it. A process may live
where this user cannot see it (another PID namespace, hidepid); so the kernel is asked as well
whether anybody may write to the file.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from typing import Final

from shmtui.errors import ControlBlockError, ShmtuiError
from shmtui.i18n import _
from shmtui.procfs.file_use import users_of
from shmtui.procfs.file_writers import anybody_writes
from shmtui.procfs.identity import alive
from shmtui.procfs.maps import mapped_by
from shmtui.procfs.namespaces import require_proc
from shmtui.shm.control_file import open_control, read_header
from shmtui.shm.control_format import HEADER_SIZE, SUFFIX, Flags, control_name
from shmtui.shm.control_records import ControlHeader, parse_header
from shmtui.shm.owned_buffer import remove_buffer
from shmtui.shm.segment import (
    SHM_DIR,
    FileIdentity,
    MissingFileError,
    identity_at,
    segment_path,
    unlink_segment,
)
from shmtui.shm.semaphore import named_semaphore_path, unlink_named

UNREADY_SECONDS: Final = 10.0
"""After this time a control block that is not finished never will be: its creator is dead."""
LINGER_SECONDS: Final = 2.0
"""How long the workers of a dead shmtui may take to end."""


def sweep() -> Iterator[ControlHeader]:
    """Remove what dead shmtuis of this user left and no process maps; yields the control header of
    each that is removed.
    """
    with os.scandir(SHM_DIR) as entries:
        names = ["/" + entry.name for entry in entries if entry.name.endswith(SUFFIX)]
    for control in names:
        with contextlib.suppress(ShmtuiError):
            leftover = _sweep_one(control)
            if leftover is not None:
                yield leftover


def _sweep_one(control: str) -> ControlHeader | None:
    fd = open_control(control)
    try:
        status = os.fstat(fd)
        identity = FileIdentity.of(status)
        if status.st_uid != os.geteuid():
            return None
        try:
            header = parse_header(os.pread(fd, HEADER_SIZE, 0))
        except ControlBlockError:
            old = time.time() - status.st_mtime > UNREADY_SECONDS
            if old and _unready(os.pread(fd, 16, 0)) and not _in_use(control, identity):
                unlink_segment(control)
            return None
    finally:
        os.close(fd)
    if control_name(header.name) != control or header.flags & Flags.KEEP:
        return None
    if alive(header.creator_pid, header.creator_start) or not _deserted(header, identity):
        return None
    remove_buffer(header.name, header)
    return header


def _unready(start: bytes) -> bool:
    """Whether shmtui began to write a control block and never wrote its version."""
    return start == bytes(16) or (start[:8] == b"shmtui-c" and start[8:16] == bytes(8))


def _in_use(name: str, identity: FileIdentity) -> bool:
    """Whether a process maps the file, or anybody in the machine has it open for writing.

    The lease proves that nobody has; where it cannot be asked for, /proc alone answers.
    """
    return bool(mapped_by(identity)) or bool(anybody_writes(segment_path(name), identity))


def _deserted(header: ControlHeader, control: FileIdentity) -> bool:
    """Whether nobody uses the buffer. Its workers get `LINGER_SECONDS` to end."""
    deadline = time.monotonic() + LINGER_SECONDS
    while _in_use(control_name(header.name), control):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    # Inode 0 is no file: its creator died before there was a segment to name.
    return header.segment.inode == 0 or not _in_use(header.name, header.segment)


def drop_dead_control(name: str) -> None:
    """Remove the control block of a shmtui that is gone, so that this one can make its own."""
    header = read_header(name)
    if header is None or alive(header.creator_pid, header.creator_start):
        return
    control = identity_at(segment_path(control_name(name)))
    if control is not None and not _in_use(control_name(name), control):
        unlink_segment(control_name(name))


def remove(name: str, *, force: bool = False) -> str:
    """Unlink a segment with its control block and semaphores, or the named semaphore of that name
    where there is no segment; returns what was done.

    Refuses while somebody maps it or may write to it, or while the shmtui that made it lives,
    unless ``force``. MissingSegmentError: there is none. ShmtuiError: refused, or no /proc.
    """
    require_proc()
    path, control_path = segment_path(name), segment_path(control_name(name))
    identity, header = identity_at(path), read_header(name)
    if identity is None and header is None:
        return _remove_semaphore(name, force=force)
    control = identity_at(control_path)
    users = {pid for file in (identity, control) if file is not None for pid in users_of(file)}
    if header is not None and alive(header.creator_pid, header.creator_start):
        users.add(header.creator_pid)
    if not force:
        _refuse_if_used(name, path, identity, users)
        _refuse_if_used(control_name(name), control_path, control, ())
    if header is not None:
        remove_buffer(name, header)
    if identity is not None and identity_at(path) == identity:
        unlink_segment(name)
    return _removed(name, users)


def _remove_semaphore(name: str, *, force: bool) -> str:
    """As `remove`, for a named semaphore."""
    path = named_semaphore_path(name)
    identity = identity_at(path)
    if identity is None:
        raise MissingFileError(segment_path(name))
    users = users_of(identity)
    if not force:
        _refuse_if_used(name, path, identity, users)
    unlink_named(name)
    return _removed(name, users)


def _removed(name: str, users: Iterable[int]) -> str:
    text = _("removed {name}").format(name=name)
    if pids := ", ".join(map(str, sorted(users))):
        text += _("; PID {pids} keep it mapped until they end").format(pids=pids)
    return text


def _refuse_if_used(
    name: str, path: str, identity: FileIdentity | None, users: Iterable[int]
) -> None:
    """ShmtuiError: these processes use it, or one that /proc does not show may write to the file."""
    if pids := ", ".join(map(str, sorted(users))):
        wrong = _(
            "{name} is in use by PID {pids}: end them first, or unlink it under them with --force"
        )
        raise ShmtuiError(wrong.format(name=name, pids=pids))
    if identity is not None and anybody_writes(path, identity):
        wrong = _(
            "{name} is in use by a process that cannot be seen from here, in another container "
            "or of another user: end it first, or unlink it under it with --force"
        )
        raise ShmtuiError(wrong.format(name=name))
