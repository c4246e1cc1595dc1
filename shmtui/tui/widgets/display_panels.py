"""The panels without a cursor: title, ring, semaphores, throughput, keys."""

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import BindingType

from shmtui.i18n import N_, _
from shmtui.snapshot import Status
from shmtui.tui.draw import ring, semaphores
from shmtui.tui.draw.keys import Button, key_bar
from shmtui.tui.draw.throughput import throughput_lines
from shmtui.tui.draw.title import title_line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.panel import Content, Panel


class TitleBar(Panel):
    """The segment and its status."""

    framed = False

    def _depends_on(self) -> object:
        """With the uptime in whole seconds, so that the line is drawn once a second at most."""
        view, s = self.view, self.view.snapshot
        uptime = None if s.uptime is None else int(s.uptime)
        marks = (
            view.frozen, view.rest_hz, view.refresh_hz, view.read_only, view.recording, compared(view),
            view.held is None,
        )  # fmt: skip
        return s.segment, s.layout, uptime, view.status_word, marks

    def _content(self, width: int, _height: int) -> Content:
        view = self.view
        if view.comparison is not None and view.compares:
            from shmtui.tui.draw import comparison  # noqa: PLC0415 - only a replay of two loads it

            return Content([comparison.title(view.comparison, width, view.glyphs)])
        return Content([title_line(view, width)])


def compared(view: ViewModel) -> object:
    """What the title of two recordings side by side depends on."""
    return view.comparison is not None and (view.compares, view.comparison.by_wall)


class RingPanel(Panel, can_focus=True):
    """Slots, markers, occupancy."""

    title = N_("Ring")
    number = "1"
    BINDINGS: ClassVar[list[BindingType]] = [binding("rows.open", "open")]

    open_slots: Callable[[], None]
    """Shows the slots one by one. Its screen sets it."""

    def action_open(self) -> None:
        if self.view.snapshot.layout.slots:
            self.open_slots()

    def _depends_on(self) -> object:
        s = self.view.snapshot
        return s.layout.slots, s.in_, s.out, s.occupancy, s.slots

    def values_wanted(self) -> int:
        if not self.display:
            return 0
        snapshot = self.view.snapshot
        slots, compound = snapshot.layout.slots, ring.is_compound(snapshot)
        return ring.values_wanted(slots, *self.inner_size, compound=compound)

    def _content(self, width: int, height: int) -> Content:
        facts = (self.view.snapshot, width, height, self.view.glyphs)
        footer, hint = ring.footer(*facts), self.view.naming(_("{open}: slots"))
        if self.has_focus and footer and len(footer) + len(hint) + 7 <= width:
            footer = f"{hint} {self.view.glyphs.dot} {footer}"
        return Content(ring.ring_lines(*facts), footer)


class SemaphoresPanel(Panel, can_focus=True):
    """Values, waiters, invariant."""

    title = N_("Semaphores")
    number = "2"

    def _depends_on(self) -> object:
        s = self.view.snapshot
        waiting = tuple(
            (p.name, p.blocked_on, p.sleeps_on)
            for p in s.processes
            if p.blocked_on is not None or p.sleeps_on
        )
        free = (s.in_, s.out, s.processes) if s.layout.lock_free else None
        return s.layout, s.semaphores, s.sync, s.in_flight, waiting, self.view.balance_settled, free

    def _content(self, width: int, height: int) -> Content:
        view, s = self.view, self.view.snapshot
        self.title = N_("Indices") if s.layout.lock_free else N_("Semaphores")
        rows = semaphores.semaphore_lines(s, view.balance_settled, width, height, view.glyphs)
        text = semaphores.footer(s) if s.layout.slots > 0 else ""
        return Content(rows, text.replace("·", view.glyphs.dot))


class ThroughputPanel(Panel, can_focus=True):
    """The last minute, and now."""

    title = N_("Throughput")
    number = "3"

    def _depends_on(self) -> object:
        """The history's buckets; the rates beside the graph change with them."""
        return self.view.history_version, self.view.snapshot.throughput.method

    def _content(self, width: int, height: int) -> Content:
        view = self.view
        rows = throughput_lines(view.snapshot, view.history, width, height, view.glyphs)
        return Content(rows, f"{_('items/s')} {view.glyphs.dot} {_('last 60 s')}")


class KeyBar(Panel):
    """One line made from the table of keys."""

    framed = False
    _buttons: tuple[Button, ...] = ()

    def _depends_on(self) -> object:
        view = self.view
        critical = view.snapshot.health.status is Status.CRITICAL
        return view.read_only, view.missing, view.no_workers, critical, view.glyphs.ascii_only

    def _content(self, width: int, _height: int) -> Content:
        bar, self._buttons = key_bar(width, self.view)
        return Content([bar])

    def on_click(self, event: events.Click) -> None:
        event.stop()
        for button in self._buttons:
            if button.start <= event.x < button.stop:
                self.call_next(self.app.run_action, button.action)
