"""The control block is read between two writes: no worker's items are counted twice, or not at all."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from shmtui.errors import ControlBlockError
from shmtui.monitor.control_reader import ControlReader, totals
from shmtui.shm.control_block import ControlBlock
from shmtui.shm.control_format import Field, Header, control_name
from shmtui.shm.protocol import Role
from tests.conftest import MakeBuffer


@contextmanager
def after_each_pread(action: Callable[[], None]) -> Iterator[None]:
    """Run ``action`` in this thread whenever a pread has returned."""

    def profile(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_return" and called is os.pread:
            action()

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("workers", [1, 16, 17, 60, 200])
def test_a_worker_that_is_retired_meanwhile_is_counted_once(
    make_buffer: MakeBuffer, workers: int
) -> None:
    """Its items are in its record or in the totals, wherever the last record lies."""
    buffer = make_buffer()
    block = ControlBlock.open(control_name(buffer.name))
    taken = [block.claim_record(Role.PRODUCER, n, 1.0, hold=False) for n in range(workers)]
    for record in taken:
        record.words[Field.ITEMS] = 1000
    reader = ControlReader(buffer.name)

    def retire_one() -> None:
        if taken:
            block.retire(taken.pop())

    while taken:
        left = len(taken)
        # Once a read: it has to end although others write.
        with after_each_pread(lambda left=left: retire_one() if len(taken) == left else None):  # type: ignore[misc]
            header, records = reader.read()
        assert totals(header, records).produced == 1000 * workers
    reader.close()


def test_totals_that_are_always_being_written(make_buffer: MakeBuffer) -> None:
    """A read ends with an error where every try falls into a write."""
    buffer = make_buffer()
    block = ControlBlock.open(control_name(buffer.name))
    reader = ControlReader(buffer.name)

    def write() -> None:
        block.words[Header.RETIRED_SEQUENCE] += 2

    with after_each_pread(write), pytest.raises(ControlBlockError, match="being written"):
        reader.read()
    assert reader.read()
    reader.close()
