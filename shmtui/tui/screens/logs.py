"""The dialog of what the user's programs print, with a tab for each."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType

from shmtui.i18n import N_, _, ngettext
from shmtui.monitor.process_states import short_command
from shmtui.tui.draw.keys import Button
from shmtui.tui.formatting import format_count
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.screens.dialog import Dialog
from shmtui.tui.spans import Line, Span, cells, line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.moving_panels import MovingPanel
from shmtui.tui.widgets.panel import Content
from shmtui.workers.child import Child
from shmtui.workers.supervisor import Supervisor

TAB_MOST = 24
"""Cells of a tab's name."""
_FIXED = 2
"""Lines above those of the program: the tabs, and a blank one."""


class LogPanel(MovingPanel):
    """The lines of one program. It follows the newest line until the user scrolls up."""

    title = N_("Programs")

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("dialog.switch", "page(1)"),
        binding("dialog.program_before", "turn(-1)"),
        binding("dialog.next_program", "turn(1)"),
        binding("dialog.restart", "restart"),
    ]

    _pid = 0
    _at = 0
    _buttons: tuple[Button, ...] = ()
    _top: int | None = None
    """The first line in view, counted from the program's first; None follows the newest."""

    def __init__(self, supervisor: Supervisor, view: ViewModel) -> None:
        super().__init__(view)
        self._supervisor = supervisor
        self._choose(0)

    @property
    def _logs(self) -> tuple[Child, ...]:
        return tuple(self._supervisor.logs())

    def _chosen_log(self) -> Child | None:
        """The chosen program, or the one that replaced it in a restart."""
        logs = self._logs
        if logs and self._pid not in [log.pid for log in logs]:
            self._choose(-1)
        self._at = next((at for at, log in enumerate(logs) if log.pid == self._pid), 0)
        return logs[self._at] if logs else None

    def _choose(self, at: int) -> None:
        logs = self._logs
        if logs:
            self._at = at % len(logs)
            self._pid = logs[self._at].pid
            self._top = None

    def _depends_on(self) -> object:
        said = [(log.pid, log.printed.count, self._supervisor.owns(log.pid)) for log in self._logs]
        return said, self._pid, self._top

    def _content(self, width: int, height: int) -> Content:
        log, glyphs = self._chosen_log(), self.view.glyphs
        if log is None:
            text = _("no program of yours runs here")
            return Content([line((text, "muted"))], self.view.naming(_("{close} closes")))
        owns = self._supervisor.owns
        tabs = [(short_command(lg.name), not owns(lg.pid)) for lg in self._logs]
        head, self._buttons = tabs_line(tabs, self._at, width, glyphs)
        first = self._first(log) - _lost(log)
        body = [
            log_line(text, width, glyphs)
            for text in visible(log.printed.lines, first, height - _FIXED)
        ]
        if not log.printed.count:
            body = [line((_("it has printed nothing yet"), "muted"))]
        return Content(
            [head, (), *body],
            self._footer(log, width),
            _("following") if self._top is None else self.view.naming(_("{last} follows again")),
            first=first,
            total=len(log.printed.lines) + _FIXED,
        )

    def _end(self, log: Child) -> int:
        """The first line in view where the newest is the last in view."""
        return max(_lost(log), log.printed.count - max(0, self.inner_size[1] - _FIXED))

    def _first(self, log: Child) -> int:
        """The first line in view. Lines that are dropped meanwhile move the view on."""
        end = self._end(log)
        return end if self._top is None else max(_lost(log), min(self._top, end))

    def _footer(self, log: Child, width: int) -> str:
        alive = self._supervisor.owns(log.pid)
        state = f"PID {log.pid}" if alive else _("PID {pid} has ended").format(pid=log.pid)
        short = f"{state}, " + self.view.naming(_("{restart} restarts, {close} closes"))
        said = ngettext("{count} line", "{count} lines", log.printed.count)
        said = said.format(count=format_count(log.printed.count))
        more = (
            ", " + self.view.naming(_("{next_program}: next program"))
            if len(self._logs) > 1
            else ""
        )
        long = f"{said} {self.view.glyphs.dot} {short}{more}"
        return long if len(long) + 6 <= width else short

    @property
    def _page_rows(self) -> int:
        return max(1, self.inner_size[1] - _FIXED - 1)

    def action_move(self, by: int) -> None:
        """Scroll down; at the end it follows again."""
        log = self._chosen_log()
        if log is not None:
            to = max(_lost(log), self._first(log) + by)
            self._top = None if to >= self._end(log) else to
            self.draw()

    def action_turn(self, by: int) -> None:
        self._choose(self._at + by)
        self.draw()

    def action_restart(self) -> None:
        if self._pid:
            self._supervisor.restart(self._pid)
            self.draw()

    def on_click(self, event: events.Click) -> None:
        event.prevent_default()
        event.stop()
        x, y = self.inside(event)
        for button in self._buttons:
            if y == 0 and button.start <= x < button.stop:
                self._choose(int(button.action))
                self.draw()


class LogScreen(Dialog[None]):
    """Drawn again with every frame of the dashboard."""

    BINDINGS: ClassVar[list[BindingType]] = [binding("dialog.leave", "dismiss")]
    opened_by = ("logs",)

    def __init__(self, supervisor: Supervisor, view: ViewModel) -> None:
        self._panel = LogPanel(supervisor, view)
        super().__init__(self._panel)

    def show_view(self, view: ViewModel) -> None:
        self._panel.show(view)


def _lost(log: Child) -> int:
    """Lines that are no longer kept."""
    return log.printed.count - len(log.printed.lines)


def tabs_line(
    tabs: Sequence[tuple[str, bool]], chosen: int, width: int, glyphs: Glyphs
) -> tuple[Line, tuple[Button, ...]]:
    """The programs' names in one line, with their buttons; what does not fit is scrolled away.

    ``tabs``: each name, and whether the program has ended. A button's action is the number of its tab.
    """
    texts = [
        f" {glyphs.no if ended else glyphs.pip} {glyphs.clip(glyphs.inert(name), TAB_MOST)} "
        for name, ended in tabs
    ]
    first = 0
    while first < chosen and sum(cells(t) + 1 for t in texts[first : chosen + 1]) > width - 2:
        first += 1
    spans = [Span("< " if first else "", "muted")]
    buttons = []
    x = cells(spans[0].text)
    for at in range(first, len(tabs)):
        text = glyphs.clip(texts[at], width - x)
        style = "title-focus" if at == chosen else "muted" if tabs[at][1] else "text"
        spans += [Span(text, style), Span(" ")]
        if text:
            buttons.append(Button(x, x + cells(text), str(at)))
        x += cells(text) + 1
    return glyphs.clip_line(line(*spans), width), tuple(buttons)


def visible(lines: Sequence[str], first: int, count: int) -> list[str]:
    """``count`` lines from ``first`` on. A deque reaches each from its nearer end.

    >>> visible("abcdef", 1, 2), visible("abcdef", 4, 5), visible("", 0, 3)
    (['b', 'c'], ['e', 'f'], [])
    """
    return [lines[at] for at in range(max(0, first), min(len(lines), first + count))]


def log_line(text: str, width: int, glyphs: Glyphs) -> Line:
    """A line of output, with tabs as blanks and escape sequences as pictures."""
    shown = glyphs.inert(text.expandtabs(8)[: 4 * max(1, width)])
    return glyphs.clip_line(line(shown), width)
