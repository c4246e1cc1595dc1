"""The control block of a buffer, read while others write it: workers, counts, permits held."""

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from shmtui.errors import ControlBlockError, MissingSegmentError, ShmtuiError
from shmtui.i18n import _
from shmtui.shm.control_file import open_control, read_block, read_stored
from shmtui.shm.control_format import HEADER_SIZE, MASK, control_name
from shmtui.shm.control_records import ControlHeader, WorkerRecord, parse_header, parse_records
from shmtui.shm.item_counts import Totals
from shmtui.shm.protocol import Role, Step
from shmtui.shm.segment import SHM_DIR, FileIdentity

_header: Final = lru_cache(maxsize=4)(parse_header)
"""It changes a few times a second and is read twice a sample."""


class ControlReader:
    """Reads the control block of one segment through a descriptor that cannot write.

    MissingSegmentError: there is none. ControlBlockError: others could have written it.
    """

    def __init__(self, name: str, folder: str = SHM_DIR) -> None:
        self._fd = open_control(control_name(name), folder)

    def read(self) -> tuple[ControlHeader, tuple[WorkerRecord, ...]]:
        """Header and records between two writes of the totals: a worker's counts are in its
        record or in the totals, never in both or in neither.

        ControlBlockError: its header cannot be used, or the totals were written in every try.
        """
        raw = read_block(self._fd)
        header = _header(raw[:HEADER_SIZE])
        return header, tuple(parse_records(raw, header))

    def stored(self) -> bytes:
        """What workers and their supervisor store, not decoded."""
        return read_stored(self._fd)

    def close(self) -> None:
        """Give the descriptor back, once: later its number may be another file's."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class ControlBlockWatcher:
    """The control block beside one segment, as long as it can be used.

    A block that cannot be used counts as none, and ``doubt`` says why. Nothing is raised: a bad
    control block is no reason to stop reading the segment.
    """

    def __init__(self, name: str, segment: FileIdentity, folder: str = SHM_DIR) -> None:
        self.doubt = ""
        """Why the block is not used; empty where there is none, or it is used."""
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
        """Use it no more."""
        self.close()
        self._reader = self.header = None
        self.doubt = why

    def read(self) -> tuple[ControlHeader | None, tuple[WorkerRecord, ...]]:
        """Header and records now; nothing while the header cannot be used."""
        if self._reader is None:
            return None, ()
        try:
            found = self._reader.read()
        except ControlBlockError as error:
            self.doubt = str(error)
            return None, ()
        self.doubt = ""
        return found

    def stored(self) -> bytes:
        """What is stored in it by who owns it; nothing while there is none."""
        return b"" if self._reader is None else self._reader.stored()

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


def positions(records: Sequence[WorkerRecord]) -> list[tuple[int, int, Step]]:
    """The place of each worker: between two reads of equal places no worker moved."""
    return [(r.index, r.items, r.step) for r in records]


def in_flight(records: Sequence[WorkerRecord]) -> int:
    """Permits that workers hold; one that died holding a permit holds it still."""
    return sum(Step.WAIT_MUTEX <= record.step <= Step.POST_PERMIT for record in records)


def permits_held(records: Sequence[WorkerRecord]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The fewest and the most permits held by workers that stand for an item; and for a free slot.

    A step is recorded before it is done, so three of them leave it open: in a wait the permit
    may be taken, in the transfer the index may have moved, in the last post the permit may be
    posted.
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
    # A producer takes a permit for a slot and posts one for an item; a consumer the reverse.
    items, room = (
        (
            fewest[Role.PRODUCER][for_producer] + fewest[Role.CONSUMER][1 - for_producer],
            most[Role.PRODUCER][for_producer] + most[Role.CONSUMER][1 - for_producer],
        )
        for for_producer in (given, taken)
    )
    return items, room


def totals(header: ControlHeader, records: Sequence[WorkerRecord]) -> Totals:
    """What all workers moved, those included that have ended."""
    produced, produced_sum = header.retired_produced, header.retired_produced_sum
    consumed, consumed_sum = header.retired_consumed, header.retired_consumed_sum
    for record in records:
        if record.role is Role.PRODUCER:
            produced, produced_sum = produced + record.items, produced_sum + record.sum
        else:
            consumed, consumed_sum = consumed + record.items, consumed_sum + record.sum
    return Totals(produced, consumed, produced_sum & MASK, consumed_sum & MASK)
