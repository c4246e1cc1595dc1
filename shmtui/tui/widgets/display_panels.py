"""The panels without a cursor: title, ring, semaphores, throughput, keys."""

from textual import events

from shmtui.i18n import N_, _
from shmtui.tui.draw import ring, semaphores, throughput
from shmtui.tui.draw.keys import Button, key_bar
from shmtui.tui.draw.title import title_line
from shmtui.tui.spans import Line
from shmtui.tui.widgets.panel import Panel


class TitleBar(Panel):
    """The segment and its status."""

    framed = False

    def depends_on(self) -> object:
        """With the uptime in whole seconds, so that the line is drawn once a second at most."""
        view = self.view
        uptime = view.snapshot.uptime
        return (
            view.snapshot.segment,
            view.snapshot.layout,
            None if uptime is None else int(uptime),
            view.status_word,
            view.frozen,
            view.read_only,
        )

    def lines(self, width: int, height: int) -> list[Line]:
        """The one line."""
        return [title_line(self.view, width)][:height]


class RingPanel(Panel, can_focus=True):
    """Slots, markers, occupancy."""

    title = N_("Ring")
    number = "1"

    def depends_on(self) -> object:
        """The ring alone."""
        s = self.view.snapshot
        return s.layout.slots, s.in_, s.out, s.occupancy, s.slots

    def values_wanted(self) -> int:
        """How many slots' values the next samples should carry."""
        if not self.display:
            return 0
        snapshot = self.view.snapshot
        slots, compound = snapshot.layout.slots, ring.is_compound(snapshot)
        return ring.values_wanted(slots, *self.inner_size, compound=compound)

    def lines(self, width: int, height: int) -> list[Line]:
        """Slots above, bar below."""
        return ring.ring_lines(self.view.snapshot, width, height, self.view.glyphs)

    def footer(self, width: int, height: int) -> str:
        """The indices."""
        if self.view.snapshot.layout.slots <= 0:
            return ""
        return ring.footer(self.view.snapshot, width, height, self.view.glyphs)


class SemaphoresPanel(Panel, can_focus=True):
    """Values, waiters, invariant."""

    title = N_("Semaphores")
    number = "2"

    def depends_on(self) -> object:
        """The semaphores, and the processes that wait on them."""
        s = self.view.snapshot
        waiting = tuple((p.name, p.blocked_on) for p in s.processes if p.blocked_on is not None)
        return s.layout, s.semaphores, s.in_flight, waiting, self.view.balance_settled

    def lines(self, width: int, height: int) -> list[Line]:
        """A line for each semaphore, then the sum of the permits."""
        return semaphores.semaphore_lines(
            self.view.snapshot, self.view.balance_settled, width, height, self.view.glyphs
        )

    def footer(self, width: int, height: int) -> str:
        """Embedded or named."""
        del width, height
        if self.view.snapshot.layout.slots <= 0:
            return ""
        text = semaphores.footer(self.view.snapshot)
        return text.replace("·", self.view.glyphs.dot)


class ThroughputPanel(Panel, can_focus=True):
    """The last minute, and now."""

    title = N_("Throughput")
    number = "3"

    def depends_on(self) -> object:
        """The history's buckets; the rates beside the graph change with them."""
        return self.view.history_version, self.view.snapshot.throughput.method

    def lines(self, width: int, height: int) -> list[Line]:
        """Graph and figures."""
        history = self.view.history
        return throughput.throughput_lines(
            self.view.snapshot, history.series, history.peak(), width, height, self.view.glyphs
        )

    def footer(self, width: int, height: int) -> str:
        """What the graph shows."""
        del width, height
        return f"{_('items/s')} {self.view.glyphs.dot} {_('last 60 s')}"


class KeyBar(Panel):
    """One line made from the table of keys."""

    framed = False
    _buttons: tuple[Button, ...] = ()

    def depends_on(self) -> object:
        """What decides which keys are on."""
        return self.view.read_only, self.view.missing, self.view.glyphs.ascii_only

    def lines(self, width: int, height: int) -> list[Line]:
        """The line, and where its buttons are."""
        view = self.view
        bar, self._buttons = key_bar(width, view.read_only, view.glyphs, view.missing)
        return [bar][:height]

    def on_click(self, event: events.Click) -> None:
        """Press the key under the pointer."""
        event.stop()
        for button in self._buttons:
            if button.start <= event.x < button.stop:
                self.call_next(self.app.run_action, button.action)
