"""Records a segment without a screen: its pace, its end, and what it holds then."""

import asyncio
import contextlib
import math
import random
import time
from typing import Final

from shmtui.errors import ExitCode, ShortageError
from shmtui.i18n import _
from shmtui.monitor.event_log import EventLog
from shmtui.monitor.sampler import Sampler
from shmtui.recording.recorder import RECORDED_SLOTS, held
from shmtui.recording.writer import RecordingWriter
from shmtui.session.terminal import ending_code, note

WATCH_SECONDS: Final = 0.05
"""How often a ring without item counters is read between two snapshots."""


def record(
    sampler: Sampler, writer: RecordingWriter, *, rate: float, duration: float | None
) -> int:
    """Write ``rate`` snapshots a second until a signal comes, or for as long as was asked; returns the
    exit code, and says what the recording holds.

    RecordingError: it cannot be written any longer.
    """
    sampler.slots_shown = RECORDED_SLOTS
    try:
        return asyncio.run(
            _record(sampler, writer, rate, math.inf if duration is None else duration)
        )
    finally:
        writer.close()
        note(_("recorded: {what}").format(what=held(writer)))


async def _record(sampler: Sampler, writer: RecordingWriter, rate: float, duration: float) -> int:
    with ending_code(asyncio.get_running_loop()) as ended:
        log, told = EventLog(), ""
        begun = due = time.monotonic()
        while not ended.done() and due - begun < duration:
            await _wait(sampler, ended, due)
            if ended.done():
                break
            try:
                snapshot = sampler.sample()
            except ShortageError as error:
                if told != str(error):
                    note(told := str(error))
            else:
                log.add_snapshot(snapshot, workers_too=True)
                writer.add(snapshot, log.take_new())
            # After a stop of this process it goes on at its pace, and makes up for nothing.
            due = max(due + 1 / rate, time.monotonic() - 1 / rate)
        await _wait(sampler, ended, begun + duration)
    return ended.result() if ended.done() else ExitCode.OK


async def _wait(sampler: Sampler, ended: "asyncio.Future[int]", due: float) -> None:
    """Until then, or until a signal comes; read meanwhile what is counted by reading alone."""
    while not ended.done() and (left := due - time.monotonic()) > 0:
        # Uneven, so that no pace of the buffer's can keep step with it.
        pause = left if sampler.counts_exactly else WATCH_SECONDS * random.uniform(0.5, 1.5)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended), min(left, pause))
        if not sampler.counts_exactly and not ended.done():
            with contextlib.suppress(ShortageError):
                sampler.sample_ring()
