"""A control block as a file, for who only reads: opened, judged and taken in at one place.

It is believed only where it belongs to this user or to root and nobody else may write to it:
orders and PIDs stand in it.
"""

import os

from shmtui.errors import ControlBlockError, ShmtuiError
from shmtui.i18n import _
from shmtui.shm.control_block import HEADER_SIZE, ControlHeader, control_name, parse_header, trusted
from shmtui.shm.segment import SHM_DIR, open_readonly, segment_path

_MOST = 1 << 20
"""Bytes; a header and all of its records are fewer."""


def open_control(control: str, folder: str = SHM_DIR) -> int:
    """A read-only descriptor of the control block of that name (the segment's has another).

    ControlBlockError: it is somebody else's, or writable by others.
    MissingSegmentError: there is none.
    """
    fd = open_readonly(segment_path(control, folder))
    if not trusted(os.fstat(fd)):
        os.close(fd)
        raise ControlBlockError(
            _("it belongs to another user or others may write to it, so it is not believed")
        )
    return fd


def read_control(name: str) -> bytes:
    """The bytes of segment ``name``'s control block, header first; fails as :func:`open_control`."""
    fd = open_control(control_name(name))
    try:
        return os.pread(fd, _MOST, 0)
    finally:
        os.close(fd)


def read_header(name: str, folder: str = SHM_DIR) -> ControlHeader | None:
    """The control block's header of segment ``name``; None where there is none to believe."""
    try:
        fd = open_control(control_name(name), folder)
    except ShmtuiError:
        return None
    try:
        header = parse_header(os.pread(fd, HEADER_SIZE, 0))
    except ControlBlockError:
        return None
    finally:
        os.close(fd)
    return header if header.name == name else None
