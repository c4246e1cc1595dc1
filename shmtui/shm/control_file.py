"""The file of a control block, opened and read by others than its workers while these write.

It is used only where it belongs to this user or to root and nobody else can write to it, since orders
and PIDs stand in it.
"""

import os
import stat
import sys
from operator import lt
from typing import Final

from shmtui.errors import ControlBlockError, ShmtuiError
from shmtui.i18n import _
from shmtui.shm.control_format import (
    CAPACITY,
    HEADER_SIZE,
    RECORD_SIZE,
    WAKEUP_OFFSET,
    Field,
    Header,
    control_name,
)
from shmtui.shm.control_records import ControlHeader, parse_header
from shmtui.shm.memory_fence import fence
from shmtui.shm.segment import SHM_DIR, open_readonly, segment_path

_FEW: Final = 16
"""Records that the first read takes in; few runs have more workers."""
_ATTEMPTS: Final = 100
"""Reads, at the most, until one is whole. A retirement takes microseconds, 5 s after an end."""
_SUM_ATTEMPTS: Final = 10
"""Reads, at the most, until all sums are whole: one is not where reading it was interrupted for as long as a
worker takes for a batch."""


def trusted(status: os.stat_result) -> bool:
    """Whether a control block with this status may be used.

    It has to be a plain file of this user or of root that nobody else can write, with one name at
    the most: a user who cannot write a block of his own could give it a second name with a link.
    """
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_nlink <= 1
        and status.st_uid in {os.geteuid(), 0}
        and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def open_control(control: str, folder: str = SHM_DIR) -> int:
    """A read-only descriptor of the control block with the name ``control``.

    ControlBlockError: it belongs to somebody else, or others can write to it.
    MissingSegmentError: there is none.
    """
    fd = open_readonly(segment_path(control, folder))
    if not trusted(os.fstat(fd)):
        os.close(fd)
        raise ControlBlockError(
            _("it belongs to another user or others may write to it, so it is not believed")
        )
    return fd


def read_block(fd: int) -> bytes:
    """Header and records in use, all as of one moment but for the telemetry of running workers.

    Reads twice, with a fence between, until the words that publish the others are the same in
    both, and the totals were not being written meanwhile; and, a few times at the most, until what the
    sum of each worker is made of was kept while it was read. A file that is too short comes back as
    it is, for :func:`parse_header` to refuse. ControlBlockError: it changed at each of many tries.
    """
    for attempt in range(_ATTEMPTS):
        published = _published(_read(fd))
        fence()
        raw = _read(fd)
        fence()
        after = os.pread(fd, 8, 8 * Header.RETIRED_SEQUENCE)
        written = int.from_bytes(after, sys.byteorder) % 2 == 1
        if _published(raw) == published and after == published[2] and not written:
            if attempt < _SUM_ATTEMPTS and not _sums_kept(raw):
                continue
            return raw
    raise ControlBlockError(_("its totals are being written"))


def read_stored(fd: int) -> bytes:
    """All that workers and their supervisor store, but for the rates that the supervisor measured: equal
    while no worker moves, no order is given, and none starts or ends. Read once: its parts need not be
    of one moment.
    """
    head = os.pread(fd, 8 * (Header.FLAGS + 1), 0)
    count = int.from_bytes(_word(head, Header.RECORDS), sys.byteorder)
    raw = os.pread(fd, min(count, CAPACITY) * RECORD_SIZE, HEADER_SIZE)
    parts = [head[: 8 * Header.PUBLISHED_NS], head[8 * Header.RETIRED_SEQUENCE :]]
    for at in range(0, len(raw), RECORD_SIZE):
        shown = at + 8 * Field.SHOWN_RATE
        parts += (raw[at:shown], raw[shown + 8 : at + WAKEUP_OFFSET])
    return b"".join(parts)


def _read(fd: int) -> bytes:
    """Header and records in use, by one read where there are few workers."""
    raw = os.pread(fd, HEADER_SIZE + _FEW * RECORD_SIZE, 0)
    records = int.from_bytes(_word(raw, Header.RECORDS), sys.byteorder)
    wanted = HEADER_SIZE + min(records, CAPACITY) * RECORD_SIZE
    if records > _FEW and len(raw) < wanted:
        raw += os.pread(fd, wanted - len(raw), len(raw))
    return raw


def _published(raw: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """The words that publish others: version, records in use, sequence of the totals, states."""
    low_byte = 0 if sys.byteorder == "little" else 7
    return (
        _word(raw, Header.VERSION),
        _word(raw, Header.RECORDS),
        _word(raw, Header.RETIRED_SEQUENCE),
        raw[HEADER_SIZE + 8 * Field.STATE + low_byte :: RECORD_SIZE],
    )


def _sums_kept(raw: bytes) -> bool:
    """Whether no worker wrote over what the sum of its items is made of, while ``raw`` was read."""
    words = memoryview(raw[: len(raw) // 8 * 8]).cast("Q")[HEADER_SIZE // 8 :]
    counts = words[Field.ITEMS :: RECORD_SIZE // 8].tolist()
    kept = words[Field.KEPT_FROM :: RECORD_SIZE // 8].tolist()
    return not any(map(lt, counts, kept))


def _word(raw: bytes, index: int) -> bytes:
    return raw[8 * index : 8 * index + 8]


def read_header(name: str, folder: str = SHM_DIR) -> ControlHeader | None:
    """The header of segment ``name``'s control block; None where no block may be used."""
    try:
        fd = open_control(control_name(name), folder)
        try:
            header = parse_header(read_block(fd))
        finally:
            os.close(fd)
    except ShmtuiError:
        return None
    return header if header.name == name else None
