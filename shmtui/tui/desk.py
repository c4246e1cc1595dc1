"""The desk: the segment that is looked at, the interval that looks, and going over to another.

Owns no worker: whoever runs it starts them before and ends them after. A source that was
opened from here for looking alone is closed again; others belong to who opened them.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

from shmtui.errors import ShortageError
from shmtui.events import Event, Severity
from shmtui.i18n import N_, _
from shmtui.layouts.describe import source_words
from shmtui.snapshot import EMPTY, Audit, LayoutSource, Snapshot
from shmtui.tui import tty as terminal
from shmtui.tui.byte_window import Heat, Window
from shmtui.tui.dialogs import Dialogues
from shmtui.tui.event_log import Chronicle
from shmtui.tui.glyphs import choose
from shmtui.tui.keys import BYTES, LESSON, OPENER, PROGRAMS
from shmtui.tui.ports import Auditor, Opened, Opener, Repairer, Source, Steering
from shmtui.tui.rate_history import History
from shmtui.tui.stage import SLOW_HZ, Stage
from shmtui.tui.status_line import Balance, Steady, Verdict, permits, verdict
from shmtui.tui.view_model import View
from shmtui.tui.worker_commands import Helm

if TYPE_CHECKING:
    from shmtui.lessons.lesson import Lesson

Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)

ASIDE_HZ = 2.0
"""How often a run is looked at while another segment is on the screen."""
HUNG_UP = 128 + signal.SIGHUP

_KNOWN_BY = {
    LayoutSource.CONTROL: N_("from its control block"),
    LayoutSource.HEADER: N_("from the header"),
    LayoutSource.OPTIONS: N_("as told"),
    LayoutSource.INFERRED: N_("inferred"),
}
"""For the sources that are no program and no file."""


class Desk(Stage, inherit_bindings=False):
    """What ``source`` shows; without ``steering`` it is read-only.

    Without a source it opens with the list of segments, or with the layouts of ``choice``
    (a name and the ``--layout`` options that fit it), and ends where none is chosen.
    """

    def __init__(
        self,
        source: Source | None,
        steering: Steering | None,
        *,
        refresh_hz: float = 10.0,
        ascii_only: bool = False,
        make_repairer: Callable[[], Repairer] | None = None,
        auditor: Auditor | None = None,
        opener: Opener | None = None,
        choice: tuple[str, tuple[str, ...]] | None = None,
        lesson: "Lesson | None" = None,
    ) -> None:
        super().__init__(
            View(
                glyphs=choose(ascii_only),
                history=History(),
                read_only=steering is None,
                refresh_hz=refresh_hz,
            ),
            lesson,
        )
        self._has_lesson = lesson is not None
        self.early_signal: Callable[[], int | None] | None = None
        """Asked once the handlers are in place: a signal that came before them, to end by."""
        self._source = source
        self._steering = steering
        self._helm = Helm(steering) if steering is not None else None
        self._aside: list[Source] = []
        """Those with workers of ours that are not looked at now."""
        self._make_repairer = make_repairer
        self._auditor = auditor
        self._opener = opener
        self._choice = choice
        self._audit: Audit | None = None
        self._dialogues = Dialogues(self)
        self._chronicle = Chronicle()
        self._heard: list[Steering] = []
        self._heat = Heat()
        self._verdict: Steady[Verdict] = Steady()
        self._balance: Steady[tuple[Balance, int]] = Steady()
        self._handlers_before: dict[signal.Signals, Handler] = {}
        self._frames = 0
        self._lacking_told = ""
        self._slow_every = max(1, round(refresh_hz / SLOW_HZ))
        self._aside_every = max(1, round(refresh_hz / ASIDE_HZ))

    # Life.

    def on_mount(self) -> None:
        """Look once before the first frame, then at each interval."""
        loop = asyncio.get_running_loop()
        self._handlers_before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.leave, 128 + number)
        if self.early_signal is not None and (early := self.early_signal()) is not None:
            self.call_next(self.leave, 128 + early)
        self._hear(self._steering)
        if self._source is not None and self._steering is None:
            # Before the first look, so that what that finds stands above it.
            self._tell_attached(self._source)
        self._look()
        self._place()
        self._show()
        self.set_interval(1 / self._view.refresh_hz, self.tick)
        if self._source is None and self._opener is not None:
            if self._choice is not None:
                self._dialogues.layouts(self._opener, *self._choice, self._view, self._opened)
            else:
                self._dialogues.attach(self._opener, self._view, self._opened)

    def on_unmount(self) -> None:
        """Let go of signals and events."""
        loop = asyncio.get_running_loop()
        for number, before in self._handlers_before.items():
            loop.remove_signal_handler(number)
            # Not to its default: whoever runs the dashboard still has to clean up.
            signal.signal(number, before)
        for steering in self._heard:
            steering.on_event = None

    def _hear(self, steering: Steering | None) -> None:
        """Take its events in, those from before too; once is enough."""
        if steering is None or steering in self._heard:
            return
        self._heard.append(steering)
        self._chronicle.extend(sorted(steering.history(), key=lambda event: event.time))
        steering.on_event = self._chronicle.add
        steering.watch(asyncio.get_running_loop())

    def _opened(self, opened: Opened | None) -> None:
        """Go over to another segment, or end where there is none to stay with."""
        if opened is None:
            if self._source is None:
                self.leave(0)
            return
        if opened.source is self._source:
            return
        # A source that nobody works through was opened for looking, and that is over.
        if self._source is not None and self._steering is None:
            self._source.close()
        elif self._source is not None:
            self._aside.append(self._source)
        self._aside = [source for source in self._aside if source is not opened.source]
        self._source, self._steering = opened.source, opened.steering
        self._make_repairer, self._auditor = opened.make_repairer, opened.auditor
        self._helm = Helm(self._steering) if self._steering is not None else None
        self._hear(self._steering)
        self._verdict, self._balance = Steady(), Steady()
        self._chronicle.forget()
        self._heat = Heat()
        self._view = replace(
            self._view,
            snapshot=EMPTY,
            history=History(),
            read_only=self._steering is None,
            frozen=False,
            window=None,
        )
        self._tell_attached(self._source)
        self._look_soon()
        # Only once the panels have their sizes is it known which bytes and values to read.
        self.call_after_refresh(self._look_soon)

    def _tell_attached(self, opened: Source) -> None:
        snapshot = self._sample(opened)
        if snapshot is None:
            return
        source = snapshot.layout.source
        words = _("shown as bytes")
        if source is not LayoutSource.RAW:
            known_by = _(_KNOWN_BY[source]) if source in _KNOWN_BY else ""
            known_by = known_by or source_words(source, snapshot.layout.origin)
            words = _("layout {known_by}").format(known_by=known_by)
        words = "; ".join((words, *snapshot.layout.assumptions))
        text = _("attached to {name} ({words})").format(name=snapshot.segment.name, words=words)
        self._chronicle.add(Event(time.time(), Severity.INFO, text))

    # The one interval.

    def tick(self) -> None:
        """One frame: what the interval does, for whoever steps the dashboard by hand too."""
        if terminal.hung_up():
            self.leave(HUNG_UP)
        elif not terminal.behind(self._driver):
            self._frames += 1
            if self._frames % self._aside_every == 0:
                # Looking is what measures their rates, for others to read.
                for source in self._aside:
                    self._sample(source)
            self._look()
            self._draw(slow=self._frames % self._slow_every == 0)

    def _sample(self, source: Source) -> Snapshot | None:
        """Look once; None where there was no descriptor or no memory for it, which is told."""
        try:
            snapshot = source.sample()
        except ShortageError as error:
            if self._lacking_told != str(error):
                self._lacking_told = str(error)
                self._chronicle.add(Event(time.time(), Severity.BAD, str(error)))
            return None
        self._lacking_told = ""
        return snapshot

    def _look(self) -> None:
        """One sample, and the view made of it. The graph goes on while the display is frozen."""
        view = self._view
        if self._source is None:
            self._view = replace(view, lacks=self._lacking(EMPTY))
            return
        snapshot = self._sample(self._source)
        if snapshot is None:
            self._view = replace(view, events=self._chronicle.newest())
            return
        self._chronicle.look(snapshot, workers_too=self._steering is None)
        rates = snapshot.throughput
        view.history.add(snapshot.monotonic_ns, rates.produced_per_s, rates.consumed_per_s)
        sums = permits(snapshot)
        self._balance.feed((sums.balance, sums.total))
        seen = self._verdict.feed(verdict(snapshot))
        news = snapshot.audit is not None and snapshot.audit is not self._audit
        if snapshot.audit is not None and news and len(self.screen_stack) == 1:
            self._dialogues.audit(snapshot.audit, self._view)
        self._audit = snapshot.audit
        if view.frozen:
            return
        self._view = replace(
            view,
            snapshot=snapshot,
            history_version=view.history.version,
            verdict=seen,
            balance_settled=self._balance.settled,
            events=self._chronicle.newest(),
            lacks=self._lacking(snapshot),
            window=self._read_window(snapshot),
        )

    def _lacking(self, snapshot: Snapshot) -> frozenset[str]:
        """What keys could need and there is none of."""
        there = {
            OPENER: self._opener is not None,
            PROGRAMS: self._steering is not None and bool(self._steering.logs()),
            BYTES: bool(snapshot.segment.name) and snapshot.layout.slots == 0,
            LESSON: self._has_lesson,
        }
        return frozenset(need for need, found in there.items() if not found)

    def _read_window(self, snapshot: Snapshot) -> Window | None:
        """The bytes in view, where bytes are what is shown."""
        if self._bytes is None or self._source is None or snapshot.layout.slots:
            return None
        offset, length = self._bytes.wanted(snapshot.segment.size)
        data = self._source.read(offset, length)
        return self._heat.look(offset, data, snapshot.monotonic_ns)

    def _draw(self, slow: bool = True) -> None:
        if not self._view.frozen:
            self._place()
            self._show(slow)

    def _show(self, slow: bool = True) -> None:
        """Have the panels draw, and ask for the values which they have room for."""
        super()._show(slow)
        self._dialogues.show(self._view)
        if self._source is not None:
            self._source.slots_shown = self._ring.values_wanted()

    def _look_soon(self) -> None:
        """Show what an order did, without waiting for the interval."""
        self._look()
        self._draw()
