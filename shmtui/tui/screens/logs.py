"""The dialog of what the user's programs print, with a tab for each."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from shmtui.i18n import N_, _, ngettext
from shmtui.monitor.process_states import short_command
from shmtui.tui.draw.keys import Button
from shmtui.tui.draw.logs import Tab, log_line, tabs_line, visible
from shmtui.tui.formatting import format_count
from shmtui.tui.spans import Line, line
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.panel import Panel
from shmtui.workers.child import Child
from shmtui.workers.supervisor import Supervisor


class LogPanel(Panel, can_focus=True):
    """The lines of one program. It follows the newest line until the user scrolls up."""

    title = N_("Programs")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end", "follow", show=False),
        Binding("left,shift+tab", "turn(-1)", show=False),
        Binding("right,tab", "turn(1)", show=False),
        Binding("R", "restart", show=False),
    ]

    def __init__(self, supervisor: Supervisor, view: ViewModel) -> None:
        super().__init__()
        self.view = view
        self._supervisor = supervisor
        self._pid = 0
        self._at = 0
        self._buttons: tuple[Button, ...] = ()
        self._top: int | None = None
        """The first line in view, counted from the program's first; None follows the newest."""
        self._choose(0)

    # Which program.

    @property
    def _logs(self) -> tuple[Child, ...]:
        return tuple(self._supervisor.logs())

    def _chosen_log(self) -> Child | None:
        """The chosen program, or the one that replaced it in a restart."""
        logs = self._logs
        found = next((at for at, log in enumerate(logs) if log.pid == self._pid), None)
        if found is None and logs:
            found = len(logs) - 1
            self._top = None
        if found is None:
            return None
        self._at, self._pid = found, logs[found].pid
        return logs[found]

    def _choose(self, at: int) -> None:
        logs = self._logs
        if logs:
            self._at = at % len(logs)
            self._pid = logs[self._at].pid
            self._top = None

    # Drawing.

    def depends_on(self) -> object:
        """How much each has printed, which is alive, and the position of the view."""
        said = tuple(
            (log.pid, log.lines_read, self._supervisor.owns(log.pid)) for log in self._logs
        )
        return said, self._pid, self._top

    def lines(self, width: int, height: int) -> list[Line]:
        """The tabs, and the lines in view; no other line is read."""
        log = self._chosen_log()
        if log is None:
            return [line((_("no program of yours runs here"), "muted"))]
        glyphs = self.view.glyphs
        tabs = [
            Tab(short_command(lg.name), lg.pid, not self._supervisor.owns(lg.pid))
            for lg in self._logs
        ]
        head, self._buttons = tabs_line(tabs, self._at, width, glyphs)
        room = max(0, height - 2)
        first = self._first(log, room)
        shown = visible(log.lines, first - self._lost(log), room)
        body = [log_line(text, width, glyphs) for text in shown]
        if not log.lines_read:
            body = [line((_("it has printed nothing yet"), "muted"))]
        return [head, (), *body]

    @staticmethod
    def _lost(log: Child) -> int:
        """Lines that are no longer kept."""
        return log.lines_read - len(log.lines)

    def _first(self, log: Child, room: int) -> int:
        """The first line in view. Lines that are dropped meanwhile move the view on."""
        end = max(self._lost(log), log.lines_read - room)
        return end if self._top is None else max(self._lost(log), min(self._top, end))

    def scroll_position(self) -> tuple[int, int]:
        """The tabs scroll with nothing, so they count as in view."""
        log = self._chosen_log()
        if log is None:
            return 0, 0
        room = max(0, self.inner_size[1] - 2)
        return self._first(log, room) - self._lost(log), len(log.lines) + 2

    def header(self) -> str:
        """Whether it follows the newest line."""
        return _("following") if self._top is None else _("end follows again")

    def footer(self, width: int, height: int) -> str:
        """The state of the program, and the keys."""
        del height
        log = self._chosen_log()
        if log is None:
            return _("esc closes")
        alive = self._supervisor.owns(log.pid)
        state = f"PID {log.pid}" if alive else _("PID {pid} has ended").format(pid=log.pid)
        said = ngettext("{count} line", "{count} lines", log.lines_read).format(
            count=format_count(log.lines_read)
        )
        short = f"{state}, " + _("R restarts, esc closes")
        many = len(self._logs) > 1
        long = f"{said} {self.view.glyphs.dot} {short}"
        long += ", " + _("tab: next program") if many else ""
        return long if len(long) + 6 <= width else short

    def show(self, view: ViewModel) -> None:
        """Draw what is new. The lines come from the programs, not from the view model."""
        self.view = view
        self.draw()

    # Moving.

    def action_move(self, by: int) -> None:
        """So many lines up or down; at the end it follows again."""
        log = self._chosen_log()
        if log is None:
            return
        room = max(0, self.inner_size[1] - 2)
        end = max(self._lost(log), log.lines_read - room)
        to = max(self._lost(log), self._first(log, room) + by)
        self._top = None if to >= end else to
        self.draw()

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.action_move(by * max(1, self.inner_size[1] - 3))

    def action_first(self) -> None:
        """The oldest line that is kept."""
        self.action_move(-(10**12))

    def action_follow(self) -> None:
        """The newest line, and those to come."""
        self._top = None
        self.draw()

    def action_turn(self, by: int) -> None:
        """The next program."""
        self._choose(self._at + by)
        self.draw()

    def action_restart(self) -> None:
        """End it and start it again."""
        if self._pid:
            self._supervisor.restart(self._pid)
            self.draw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three lines down."""
        event.stop()
        self.action_move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three lines up."""
        event.stop()
        self.action_move(-3)

    def on_click(self, event: events.Click) -> None:
        """A click on a tab turns to it."""
        event.prevent_default()
        event.stop()
        x, y = (event.x - 2, event.y - 1) if self._has_frame else (event.x, event.y)
        for button in self._buttons:
            if y == 0 and button.start <= x < button.stop:
                self._choose(int(button.action))
                self.draw()


class LogScreen(ModalScreen[None]):
    """Drawn again with every frame of the dashboard."""

    AUTO_FOCUS = "LogPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,l", "dismiss", show=False),
    ]

    def __init__(self, supervisor: Supervisor, view: ViewModel) -> None:
        super().__init__()
        self._panel = LogPanel(supervisor, view)

    def compose(self) -> ComposeResult:
        """One panel."""
        yield self._panel

    def show_view(self, view: ViewModel) -> None:
        """Draw what is new."""
        self._panel.show(view)
