"""The dashboard's state: what is watched, its samples, its events. Knows no Textual.

One attachment is on the screen; runs of our own workers that are not on the screen are
sampled too, since others read the rates that their samples publish. Every sample becomes a
view model, which the screen draws.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shmtui.errors import ShmtuiError, ShortageError
from shmtui.events import Event, Severity
from shmtui.i18n import _
from shmtui.monitor.event_log import EventLog
from shmtui.recording.recent import RecentFrames
from shmtui.recording.recorder import RECORDED_SLOTS, Recorder, new_path
from shmtui.recording.writer import RecordingWriter
from shmtui.snapshot import EMPTY, Process, Snapshot
from shmtui.tui.ended_processes import EndedProcesses, rested_on
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.key import (
    ALONE,
    BYTES,
    IN_LESSON,
    LESSON,
    LIVE,
    LIVE_BYTES,
    OPENER,
    PAIR,
    PROGRAMS,
    REPLAY,
    ROWS,
    STEPS,
    Key,
)
from shmtui.tui.keys import KEYS
from shmtui.tui.opening_texts import attached_text
from shmtui.tui.other_keys import OTHER_KEYS
from shmtui.tui.rate_history import RateHistory
from shmtui.tui.replay_view import frame_view
from shmtui.tui.spans import Span
from shmtui.tui.status_line import Balance, Debounced, health_word, permits, status_word
from shmtui.tui.view_model import ChangeHighlight, ViewModel

if TYPE_CHECKING:
    from shmtui.monitor.sampler import Sampler
    from shmtui.session.held_schedule import HeldSchedule
    from shmtui.session.live_source import LiveSource
    from shmtui.session.opener import Attachment, SegmentOpener
    from shmtui.session.replay_source import Replayed, ShownFrame
    from shmtui.workers.supervisor import Supervisor


class Dashboard:
    """What ``attachment`` shows.

    The dashboard ends no worker: that is done by the code that started them. It closes the
    source of a read-only attachment that it leaves for another.
    """

    def __init__(
        self,
        glyphs: Glyphs,
        refresh_hz: float = 10.0,
        attachment: "Attachment | None" = None,
        opener: "SegmentOpener | None" = None,
        *,
        has_lesson: bool = False,
        recorder: Recorder | None = None,
        served: bool = False,
        keys: tuple[Key, ...] = KEYS,
        other_keys: tuple[Key, ...] = OTHER_KEYS,
    ) -> None:
        self.attachment = attachment
        self.opener = opener
        """Lists and opens other segments; None: there is no way to them."""
        self.view = ViewModel(
            glyphs=glyphs,
            history=RateHistory(),
            read_only=attachment is None or not attachment.writable,
            no_workers="" if attachment is None else attachment.no_workers,
            refresh_hz=refresh_hz,
            recording=recorder is not None,
            served=served,
            keys=keys,
            other_keys=other_keys,
        )
        self.recorder = recorder
        """What writes the samples to a file; None: nothing does."""
        self.latest: Snapshot = EMPTY
        """The last sample, also while the display is frozen."""
        self._has_lesson = has_lesson
        self._background: list[Sampler | LiveSource] = []
        """The sources of runs of our workers that are not on the screen."""
        self._event_log = EventLog()
        self.recent = RecentFrames()
        """The last half minute, for an incident report."""
        self.reporting = False
        """Whether one is being written."""
        self._heard: list[Supervisor] = []
        """The supervisors whose events are in the log."""
        self._highlight = ChangeHighlight()
        self._ended = EndedProcesses()
        self._status_word: Debounced[Span] = Debounced()
        self._balance: Debounced[tuple[Balance, int]] = Debounced()
        self._shortage_reported = ""

    @property
    def supervisor(self) -> "Supervisor | None":
        """The workers of the attachment; None where there can be none."""
        live = None if self.attachment is None else self.attachment.live
        return None if live is None else live.supervisor

    @property
    def replay(self) -> "Replayed | None":
        """The recording that is replayed; None where a segment is watched."""
        return None if self.attachment is None else self.attachment.replay

    @property
    def schedule(self) -> "HeldSchedule | None":
        """The schedule whose programs are held; None where there is none."""
        return None if self.attachment is None else self.attachment.schedule

    @property
    def sampler(self) -> "Sampler | None":
        """What samples the segment on the screen; None where none goes its own way there."""
        watched = self.attachment is not None and self.attachment.watches
        return self.attachment.sampler if self.attachment is not None and watched else None

    def start(self) -> None:
        """Begin with the attachment that it was made with. Called in the event loop."""
        self._listen_to(self.supervisor)
        if self.attachment is not None and self.attachment.watches and self.supervisor is None:
            # Before the first sample, so that what that finds stands above it.
            self._report_attached(self.attachment)

    def stop(self) -> None:
        """Take in no more events."""
        for supervisor in self._heard:
            supervisor.on_event = None
        if self.recorder is not None:
            self.recorder.close()

    def start_recording(self) -> str:
        """Write the samples from now on to a new file; returns where. ShmtuiError: that cannot be."""
        now = time.time()
        self.recorder = Recorder(RecordingWriter(new_path(self.latest.segment.name, now)))
        self.view = replace(self.view, recording=True)
        text = _("recording to {path}").format(path=self.recorder.path.absolute())
        self.report(Severity.INFO, text)
        return text

    def stop_recording(self) -> str:
        """End the file; returns what it holds, or why it was ended before."""
        recorder, self.recorder = self.recorder, None
        assert recorder is not None
        recorder.close()
        self.view = replace(self.view, recording=False)
        text = _("recorded: {what}").format(what=recorder)
        if recorder.wrong:
            text = f"{recorder.wrong}; {text}"
        self.report(Severity.BAD if recorder.wrong else Severity.INFO, text)
        return text

    def _record(self, snapshot: Snapshot, events: tuple[Event, ...]) -> None:
        """Have a sample written, where that is wanted, with the events since the one before. What can no
        longer be written is an event.
        """
        if self.recorder is None:
            return
        if self.recorder.wrong:
            self.stop_recording()
        else:
            self.recorder.add(snapshot, events)

    def attach(self, attachment: "Attachment") -> bool:
        """Go over to another segment; False: it is on the screen already.

        The events stay, the graph starts anew.
        """
        before = self.attachment
        if before is not None and attachment.source is before.source:
            return False
        if self.sampler is not None:
            self.sampler.count_exactly(on=False)
        if before is not None and before.live is None:
            before.source.close()
        elif before is not None and before.live is not None:
            self._background.append(before.live)
        self._background = [s for s in self._background if s is not attachment.source]
        self.attachment = attachment
        self._listen_to(self.supervisor)
        self._status_word, self._balance = Debounced(), Debounced()
        self._event_log.start_over()
        self.recent.clear()
        self._highlight = ChangeHighlight()
        self._ended = EndedProcesses()
        self.latest = EMPTY
        self.view = replace(
            self.view,
            snapshot=EMPTY,
            processes=None,
            stepped=None,
            history=RateHistory(),
            read_only=not attachment.writable,
            no_workers=attachment.no_workers,
            frozen=False,
            window=None,
        )
        self._report_attached(attachment)
        return True

    def _listen_to(self, supervisor: "Supervisor | None") -> None:
        """Take in its events, also those from before now. Once is enough."""
        if supervisor is None or supervisor in self._heard:
            return
        self._heard.append(supervisor)
        self._event_log.extend(sorted(supervisor.history(), key=lambda event: event.time))
        supervisor.on_event = self._event_log.add
        supervisor.watch(asyncio.get_running_loop())

    def _report_attached(self, attachment: "Attachment") -> None:
        snapshot = self._sample(attachment.live or attachment.sampler)
        if snapshot is not None:
            self.report(Severity.INFO, attached_text(snapshot))
        if attachment.no_workers:
            text = _("no worker can join here: {why}")
            self.report(Severity.INFO, text.format(why=attachment.no_workers))

    def report(self, severity: Severity, text: str) -> None:
        self._event_log.add(Event(time.time(), severity, text))

    def sample(self) -> bool:
        """Take one sample of the attachment in. The graph goes on while the display is frozen. True:
        something happened, by the events.
        """
        if self.attachment is None:
            self.view = replace(self.view, missing=self._missing(EMPTY))
            return True
        if self.replay is not None:
            self._show_frame(self.replay)
            return True
        if self.schedule is not None:
            self._show_step(self.schedule)
            return True
        snapshot = self._sample(self.attachment.live or self.attachment.sampler)
        if snapshot is None:
            self.view = replace(self.view, events=tuple(self._event_log.newest))
            return True
        return self.add_snapshot(snapshot)

    def moved(self) -> bool:
        """Whether anything has changed since the last sample, by a glance: what is stored in the segment, the
        bytes in view, the events.
        """
        if (
            self.attachment is None
            or self.replay is not None
            or self.schedule is not None
            or self._event_log.has_new
            or (self.attachment.live is not None and self.attachment.live.stepped.active)
        ):
            return True
        sampler, window = self.attachment.sampler, self.view.window
        try:
            if sampler.moved():
                return True
            if window is None:
                return False
            now = sampler.read(window.offset, len(window.data))
        except (OSError, ShmtuiError):
            return True  # The sample says what is wrong.
        return now != window.data or any(window.highlight)

    def seen_again(self) -> bool:
        """Take in a glance that showed the last sample again: its status is settled sooner. True: that
        changes what is on the screen.
        """
        if self._status_word.settled and self._balance.settled:
            return False
        before, view = self.view, self._judged(self.latest)
        if view.frozen or (view.status_word, view.balance_settled) == (
            before.status_word,
            before.balance_settled,
        ):
            return False
        self.view = view
        return True

    @property
    def needs_samples(self) -> bool:
        """Whether something but the screen needs a sample at each change: a recording, an audit, exact
        counts.
        """
        attachment = self.attachment
        if attachment is None or self.replay is not None or self.schedule is not None:
            return False
        audits = attachment.live is not None and attachment.live.auditor.running
        return self.recorder is not None or audits or attachment.sampler.exact

    def rest(self, hz: float | None) -> None:
        """Note how often it is sampled at rest; None: at the rate that the user wants."""
        if hz != self.view.rest_hz:
            self.view = replace(self.view, rest_hz=hz)

    def _show_frame(self, replay: "Replayed") -> None:
        snapshot = self.latest = replay.sample()
        view = replace(self.view, missing=self._missing(snapshot))
        self.view = frame_view(view, replay, snapshot)

    def _show_step(self, schedule: "HeldSchedule") -> None:
        """Make a view model of the step that a schedule is held at."""
        snapshot = self.latest = schedule.sample()
        self.view = replace(
            self.view,
            snapshot=snapshot,
            status_word=health_word(snapshot.health) or status_word(snapshot),
            balance_settled=True,
            missing=self._missing(snapshot),
            held=schedule.held,
        )

    def sample_background(self) -> None:
        """Sample the runs that are not on the screen: their samples publish their rates."""
        for source in self._background:
            self._sample(source)

    def _sample(self, source: "Sampler | LiveSource") -> Snapshot | None:
        """One sample; None where a descriptor or memory was short, which becomes an event."""
        try:
            snapshot = source.sample()
        except ShortageError as error:
            if self._shortage_reported != str(error):
                self._shortage_reported = str(error)
                self.report(Severity.BAD, str(error))
            return None
        self._shortage_reported = ""
        return snapshot

    def add_snapshot(self, snapshot: Snapshot) -> bool:
        """Make a view model of a sample, unless the display is frozen. True: there are new events."""
        self.latest = snapshot
        self._event_log.add_snapshot(snapshot, workers_too=self.supervisor is None)
        events = self._event_log.take_new()
        self.recent.add(snapshot, events)
        self._record(snapshot, events)
        rates = snapshot.throughput
        history = self.view.history
        history.add(snapshot.monotonic_ns, rates.produced_per_s, rates.consumed_per_s)
        self._ended.update(snapshot)
        view = self._judged(snapshot)
        if not self.view.frozen:
            live = None if self.attachment is None else self.attachment.live
            self.view = replace(
                view,
                snapshot=snapshot,
                stepped=None if live is None else live.stepped.view(),
                processes=self._ended.listed(snapshot),
                history_version=history.version,
                events=tuple(self._event_log.newest),
                missing=self._missing(snapshot),
            )
        return bool(events)

    def _judged(self, snapshot: Snapshot) -> ViewModel:
        """The view model with the status by one more reading, which ``snapshot`` shows."""
        sums = permits(snapshot)
        self._balance.update((sums.balance, sums.total))
        status = self._status_word.update(status_word(snapshot))
        return replace(self.view, status_word=status, balance_settled=self._balance.settled)

    def dismiss(self, label: str, processes: Sequence[Process]) -> str:
        """Take ended processes off the table, and keep those that a finding rests on; returns why
        nothing went, empty where something did.
        """
        needed = rested_on(self.latest.health.findings)
        ended = [p for p in processes if not p.alive]
        gone = [p for p in ended if p.pid not in needed]
        if not gone:
            rests = _("{who}: a finding rests on it, so it stays until that is mended")
            none = _("{who}: nothing there has ended; only what has ended can be dismissed")
            return (rests if ended else none).format(who=label)
        self._ended.dismiss(gone)
        self.view = replace(self.view, processes=self._ended.listed(self.view.snapshot))
        return ""

    def toggle_frozen(self) -> None:
        self.view = replace(self.view, frozen=not self.view.frozen)

    def toggle_exact(self) -> None:
        """Count the items of others by breakpoints, or no longer; events say how, or why not."""
        if self.sampler is not None:
            self.sampler.count_exactly(on=not self.sampler.exact)

    def want_values(self, slots: int) -> None:
        """Have the next samples carry the values of ``slots`` slots."""
        if self.sampler is not None:
            least = 0 if self.recorder is None else RECORDED_SLOTS
            self.sampler.slots_shown = max(slots, least)

    def read_bytes(self, wanted: tuple[int, int] | None) -> None:
        """Read the bytes in view, by offset and length, where bytes are shown; None: none are."""
        snapshot = self.view.snapshot
        window = None
        source: Sampler | ShownFrame | None = None if self.replay is None else self.replay.shown
        source = self.sampler if source is None else source
        if wanted is not None and source is not None and not snapshot.layout.slots:
            data, offset = source.read(*wanted), wanted[0]
            window = self._highlight.update(offset, data, self.latest.monotonic_ns)
        self.view = replace(self.view, window=window)

    def _missing(self, snapshot: Snapshot) -> frozenset[str]:
        raw = bool(snapshot.segment.name) and snapshot.layout.slots == 0
        shows_bytes = self.replay is not None and self.replay.shown.has_bytes
        there = {
            OPENER: self.opener is not None,
            PROGRAMS: self.supervisor is not None and bool(self.supervisor.logs()),
            BYTES: raw and (self.sampler is not None or shows_bytes),
            LIVE_BYTES: raw and self.sampler is not None,
            LESSON: self._has_lesson,
            REPLAY: self.replay is not None,
            STEPS: self.schedule is not None,
            ALONE: self.schedule is not None and not self._has_lesson,
            IN_LESSON: self.schedule is not None and self._has_lesson,
            ROWS: self.schedule is None,
            PAIR: self.replay is not None and len(self.replay.sides) > 1,
            LIVE: self.replay is None and self.schedule is None,
        }
        return frozenset(need for need, found in there.items() if not found)
