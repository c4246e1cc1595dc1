"""What the control block of a buffer tells an observer: counts, places, permits in hand."""

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from shmtui.errors import ControlBlockError, MissingSegmentError, ShmtuiError
from shmtui.i18n import _
from shmtui.shm.control_format import HEADER_SIZE, RECORD_SIZE, control_name
from shmtui.shm.control_records import (
    ControlHeader,
    WorkerRecord,
    open_control,
    parse_header,
    parse_records,
)
from shmtui.shm.protocol import Role, Step
from shmtui.shm.segment import SHM_DIR, FileIdentity
from shmtui.snapshot import Totals

_MASK: Final = 2**64 - 1
_PATIENCE: Final = 100


_header: Final = lru_cache(maxsize=4)(parse_header)
"""It changes a few times a second and is read at each look twice."""


class ControlReader:
    """A read-only look at the control block of a segment.

    MissingSegmentError: there is none. ControlBlockError: it is not to be believed.
    """

    def __init__(self, name: str, folder: str = SHM_DIR) -> None:
        self._fd = open_control(control_name(name), folder)

    def read(self) -> tuple[ControlHeader, tuple[WorkerRecord, ...]]:
        """Header and records; read again while the totals are being written."""
        failure = ControlBlockError(_("it is empty"))
        for _look in range(_PATIENCE):
            raw = os.pread(self._fd, HEADER_SIZE + 16 * RECORD_SIZE, 0)
            try:
                header = _header(raw[:HEADER_SIZE])
            except ControlBlockError as error:
                failure = error
                continue
            wanted = HEADER_SIZE + header.records * RECORD_SIZE
            if len(raw) < wanted:
                raw += os.pread(self._fd, wanted - len(raw), len(raw))
            return header, tuple(parse_records(raw, header))
        raise failure

    def close(self) -> None:
        """Give the descriptor back, once: by a second time the number may be another file's."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class ControlBlockWatcher:
    """The control block beside one segment, for as long as it is to be believed.

    Where it is not, there is none, and ``doubt`` says why. Nothing raises here: what a file
    holds is no reason to stop looking at another.
    """

    def __init__(self, name: str, segment: FileIdentity, folder: str = SHM_DIR) -> None:
        self.doubt = ""
        """Why there is one that is not believed; empty where there is none, or it is."""
        self.header: ControlHeader | None = None
        """As it stood when it was opened."""
        self._reader: ControlReader | None = None
        try:
            self._reader = ControlReader(name, folder)
            self.header, _records = self._reader.read()
        except MissingSegmentError:
            return
        except ShmtuiError as error:
            self.reject(str(error))
            return
        if self.header.name != name or self.header.segment != segment:
            self.reject(_("it is another segment's"))

    def reject(self, why: str) -> None:
        """Believe it no more."""
        self.close()
        self._reader = self.header = None
        self.doubt = why

    def read(self) -> tuple[ControlHeader | None, tuple[WorkerRecord, ...]]:
        """Header and records as they stand; nothing while they make no sense."""
        if self._reader is None:
            return None, ()
        try:
            found = self._reader.read()
        except ControlBlockError as error:
            self.doubt = str(error)
            return None, ()
        self.doubt = ""
        return found

    def close(self) -> None:
        """Give the descriptor back."""
        if self._reader is not None:
            self._reader.close()


def positions(records: Sequence[WorkerRecord]) -> list[tuple[int, int, Step]]:
    """Where each worker stands: if two looks agree, nobody moved between them."""
    return [(r.index, r.items, r.step) for r in records]


def in_flight(records: Sequence[WorkerRecord]) -> int:
    """Permits taken and not yet posted on. One that died holding a permit holds it still."""
    return sum(Step.WAIT_MUTEX <= record.step <= Step.POST_PERMIT for record in records)


def permits_held(records: Sequence[WorkerRecord]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The fewest and the most permits in workers' hands that stand for an item; for a free slot.

    A step is written before what it names is done, so three of them leave it open: in a
    wait the permit may be taken already, in the transfer the index moved, in the last
    post the permit given.
    """
    fewest = {Role.PRODUCER: [0, 0], Role.CONSUMER: [0, 0]}
    most = {Role.PRODUCER: [0, 0], Role.CONSUMER: [0, 0]}
    taken, given = 0, 1
    for record in records:
        match record.step:
            case Step.WAIT_PERMIT:
                most[record.role][taken] += 1
            case Step.WAIT_MUTEX:
                fewest[record.role][taken] += 1
                most[record.role][taken] += 1
            case Step.TRANSFER:
                most[record.role][taken] += 1
                most[record.role][given] += 1
            case Step.POST_MUTEX:
                fewest[record.role][given] += 1
                most[record.role][given] += 1
            case Step.POST_PERMIT:
                most[record.role][given] += 1
    # A producer takes a permit for a free slot and gives one for an item; a consumer the reverse.
    items, room = (
        (
            fewest[Role.PRODUCER][for_producer] + fewest[Role.CONSUMER][1 - for_producer],
            most[Role.PRODUCER][for_producer] + most[Role.CONSUMER][1 - for_producer],
        )
        for for_producer in (given, taken)
    )
    return items, room


def totals(header: ControlHeader, records: Sequence[WorkerRecord]) -> Totals:
    """What all workers moved, those that have gone included."""
    produced, produced_sum = header.retired_produced, header.retired_produced_sum
    consumed, consumed_sum = header.retired_consumed, header.retired_consumed_sum
    for record in records:
        if record.role is Role.PRODUCER:
            produced, produced_sum = produced + record.items, produced_sum + record.sum
        else:
            consumed, consumed_sum = consumed + record.items, consumed_sum + record.sum
    return Totals(produced, consumed, produced_sum & _MASK, consumed_sum & _MASK)
