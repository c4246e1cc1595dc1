"""A run without a screen: its length, its end, and a balance of what was moved."""

import asyncio
import contextlib
import math
import os
import time
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.diagnosis.audit import audit_of
from shmtui.errors import ExitCode
from shmtui.events import Event, Severity
from shmtui.i18n import _
from shmtui.monitor.event_log import EventLog
from shmtui.recording.recorder import RECORDED_SLOTS, Recorder
from shmtui.recording.writer import RecordingWriter
from shmtui.session.live_source import LiveSource
from shmtui.session.run import RunOptions
from shmtui.session.terminal import ending_code, ignore_signals, note
from shmtui.shm.item_counts import Audit, Method, Throughput
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Snapshot, Status

READY_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 0.25
SLOTS_REPORTED: Final = 64
LOOP_DESCRIPTORS: Final = 3
"""An epoll and a pair of sockets."""
REST_SECONDS: Final = 1.3
"""How long a buffer whose semaphores are not at rest is watched for findings at the end."""


class RunOutcome(msgspec.Struct, frozen=True):
    """What a run without a screen ends with."""

    code: int
    """The exit code."""
    snapshot: Snapshot
    """The last one, with the rates of the run as a whole."""
    totals: Audit


def run_headless(options: RunOptions, live: LiveSource) -> RunOutcome:
    """Let the workers run for as long as was asked, end them, and count what they moved."""
    _require_descriptors()
    recorder = None
    if options.record is not None:
        recorder = Recorder(RecordingWriter(options.record))
        live.sampler.slots_shown = RECORDED_SLOTS
    try:
        code, seconds = asyncio.run(_headless(options, live, recorder))
    finally:
        if recorder is not None:
            recorder.close()
            note(recorder.wrong or _("recorded: {what}").format(what=recorder))
    live.supervisor.close()
    totals = _settle(live, seconds)
    live.sampler.slots_shown = SLOTS_REPORTED
    snapshot = _averaged(live.sampler.sample(), totals, live.last)
    stuck = any(each.severity is Status.CRITICAL for each in snapshot.health.findings)
    return RunOutcome(
        judged(totals, stuck=stuck) if code == ExitCode.OK else code, snapshot, totals
    )


def judged(totals: Audit, *, stuck: bool) -> ExitCode:
    """The exit code of a run that came to its end: where others may have moved items, it is not known whether some
    were lost.
    """
    if stuck or (totals.balanced is False and not totals.guests):
        return ExitCode.FINDINGS
    return ExitCode.CANNOT if totals.balanced is False else ExitCode.OK


def _require_descriptors() -> None:
    """OSError: there are none for an event loop, whose own failure to open them CPython prints."""
    with contextlib.ExitStack() as opened:
        for _one in range(LOOP_DESCRIPTORS):
            opened.enter_context(open(os.devnull, "rb"))


async def _headless(
    options: RunOptions, live: LiveSource, recorder: Recorder | None
) -> tuple[int, float]:
    """Let the workers run; returns the exit code and how many seconds they ran."""
    loop, supervisor = asyncio.get_running_loop(), live.supervisor
    with ending_code(loop) as ended:
        supervisor.watch(loop)
        log = EventLog()
        log.extend(supervisor.history())

        def happened(event: Event) -> None:
            log.add(event)
            if not options.json:
                note(event.text)

        supervisor.on_event = happened
        if not options.json:
            for event in supervisor.history():
                if event.severity is not Severity.GOOD:
                    note(event.text)
        patience = time.monotonic() + READY_SECONDS
        while not (supervisor.ready() or ended.done()) and time.monotonic() < patience:
            await asyncio.sleep(0.002)
        started = time.monotonic_ns()
        length = math.inf if options.duration is None else options.duration
        pause = LOOK_SECONDS if recorder is None else 1 / options.refresh_hz
        supervisor.orders.release_all(0 if math.isinf(length) else started + int(length * 1e9))
        while not ended.done():
            left = length - (time.monotonic_ns() - started) / 1e9
            if left <= 0:
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(ended), min(left, pause))
            snapshot = live.sample()
            if recorder is not None:
                log.add_snapshot(snapshot, workers_too=False)
                recorder.add(snapshot, log.take_new())
        seconds = (time.monotonic_ns() - started) / 1e9
        live.before_the_end()
    ignore_signals()
    return (ended.result() if ended.done() else ExitCode.OK), seconds


def _settle(live: LiveSource, seconds: float) -> Audit:
    """Count what a run moved after its workers ended, and let the findings about it appear."""
    snapshot = live.sample()
    audit = audit_of(
        snapshot, live.sampler.resident_sum, foreign=live.foreign_seen, guests=live.guests,
        seconds=seconds, died_mid_transfer=live.supervisor.died_mid_transfer,
    )  # fmt: skip
    live.sampler.audit = audit
    deadline = time.monotonic() + REST_SECONDS
    suspicious = audit.balanced is False or not _at_rest(snapshot)
    while suspicious and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        snapshot = live.sample()
    return audit


def _at_rest(snapshot: Snapshot) -> bool:
    """Whether the semaphores have the values of a buffer that nobody is inside of."""
    values = {role: state.value for role, state in snapshot.semaphores.items()}
    if None in values.values():
        return True
    permits = sum(v or 0 for v in values.values()) - (values.get(SemaphoreRole.MUTEX) or 0)
    return values.get(SemaphoreRole.MUTEX) == 1 and permits == snapshot.layout.slots


def _averaged(snapshot: Snapshot, totals: Audit, last: Snapshot | None) -> Snapshot:
    """The last snapshot of a run, with the rates of the run as a whole.

    Where others took part, the throughput is what was measured last.
    """
    moved, seconds = totals.moved, totals.seconds
    throughput = Throughput(moved.produced / seconds, moved.consumed / seconds, Method.COUNTERS)
    if totals.foreign:
        throughput = Throughput() if last is None else last.throughput
    return replace(
        snapshot,
        throughput=throughput,
        processes=tuple(
            p if p.items is None else replace(p, rate=p.items / seconds) for p in snapshot.processes
        ),
    )
