"""The dialogs above the main screen, and short messages to the user.

Each dialog is imported when it first opens: the first frame does not wait for any of them.
"""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from shmtui.i18n import _
from shmtui.sanitize import inert
from shmtui.snapshot import Audit, Process
from shmtui.tui.keys import available
from shmtui.tui.spans import line
from shmtui.tui.view_model import ViewModel

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

    from shmtui.repair.executor import Repairer
    from shmtui.session.opener import Attachment, SegmentOpener
    from shmtui.shm.faults import Fault
    from shmtui.tui.spans import Line
    from shmtui.tui.worker_commands import Targets
    from shmtui.workers.supervisor import Supervisor

# ruff: noqa: PLC0415 - see above

_MESSAGE_SECONDS: Final = 4.0


class Dialogs:
    """Opens dialogs and shows messages in one app."""

    def __init__(self, app: "App[int]") -> None:
        self._app = app
        self.last_message = ""
        """The last message to the user."""
        self._message_time = 0.0

    def tell(self, text: str, view: ViewModel) -> None:
        """Show a message to the user for a moment, unless it is shown already."""
        text = inert(text, view.glyphs.ascii_only)
        now = time.monotonic()
        if text == self.last_message and now - self._message_time < _MESSAGE_SECONDS:
            return
        self.last_message, self._message_time = text, now
        self._app.notify(text, severity="warning", timeout=_MESSAGE_SECONDS, markup=False)

    def show(self, view: ViewModel) -> None:
        """Pass a view on to the screen on top, if it shows more than it was opened with."""
        screens: list[Screen[object]] = self._app.screen_stack
        if len(screens) > 1:
            show = getattr(screens[-1], "show_view", None)
            if show is not None:
                show(view)

    def help(self, view: ViewModel) -> None:
        """All keys."""
        from shmtui.tui.screens.text_screens import HelpScreen

        self._app.push_screen(HelpScreen(view))

    def kill(self, label: str, view: ViewModel, kill: Callable[[], None]) -> None:
        """Ask before a foreign process is killed."""
        from shmtui.tui.screens.text_screens import KillQuestion

        def answered(sure: bool | None) -> None:
            if sure:
                kill()

        self._app.push_screen(KillQuestion(label, view), answered)

    def segments(
        self,
        opener: "SegmentOpener",
        view: ViewModel,
        done: "Callable[[Attachment | None], None]",
        choice: tuple[str, tuple[str, ...]] | None = None,
    ) -> None:
        """The list of all segments; or the layouts of ``choice``, a segment and what fits it."""
        if choice is None:
            from shmtui.tui.screens.picker import PickerScreen

            self._app.push_screen(PickerScreen(opener, view), done)
        else:
            from shmtui.tui.screens.layouts import LayoutScreen

            self._app.push_screen(LayoutScreen(opener, *choice, view), done)

    def logs(self, supervisor: "Supervisor", view: ViewModel) -> None:
        """What the user's programs print."""
        from shmtui.tui.screens.logs import LogScreen

        self._app.push_screen(LogScreen(supervisor, view))

    def detail(self, title: str, text: Callable[[int], "list[Line]"], view: ViewModel) -> None:
        """Something in full, in lines for a width."""
        from shmtui.tui.screens.text_screens import DetailScreen

        self._app.push_screen(DetailScreen(title, text, view))

    def repair(self, repairer: "Repairer", supervisor: "Supervisor", view: ViewModel) -> None:
        """The plan of a repair, to agree to."""
        from shmtui.tui.screens.repair import RepairScreen

        self._app.push_screen(RepairScreen(repairer, supervisor, view))

    def faults(
        self, targets: "Targets", view: ViewModel, done: "Callable[[Fault | None], None]"
    ) -> None:
        """The mistakes that workers can make, to choose one."""
        from shmtui.tui.screens.faults import FaultScreen

        self._app.push_screen(FaultScreen(targets, view), done)

    def audit(self, audit: Audit, view: ViewModel) -> None:
        """The outcome of an audit."""
        from shmtui.diagnosis.audit import audit_report
        from shmtui.tui.cell_text import wrap

        self.detail(
            _("Audit"),
            lambda width: [line(row) for text in audit_report(audit) for row in wrap(text, width)],
            view,
        )

    def process(self, process: Process, view: ViewModel) -> None:
        """A process in full, as it is now."""
        from shmtui.procfs.process_details import process_details
        from shmtui.tui.draw.process_details import portrait_text

        seen, now = process_details(process.pid), time.time()
        self.detail(
            _("Process"),
            lambda width: portrait_text(process, seen, now, width, view.glyphs),
            view,
        )

    def offset(self, view: ViewModel, go: Callable[[int], None]) -> None:
        """Ask for an offset in the segment, and go there."""
        from shmtui.tui.screens.offset import OffsetScreen

        def answered(offset: int | None) -> None:
            if offset is not None:
                go(offset)

        self._app.push_screen(OffsetScreen(view), answered)

    def commands(self, view: ViewModel) -> Iterator[tuple[str, str, str]]:
        """What the palette offers: a title, a text and an action for each key that is on."""
        for key in available(view.read_only, view.missing):
            if key.action != "command_palette":
                yield _(key.help), _("Key: {key}").format(key=key.shown), key.action

    def palette(self, view: ViewModel) -> None:
        """All commands, to find one by its name."""
        from shmtui.tui.textual_private import Palette

        if not isinstance(self._app.screen, Palette):
            asks = _("Search for commands") + view.glyphs.ellipsis
            self._app.push_screen(Palette(placeholder=asks, id="--command-palette"))

    def themes(self, view: ViewModel) -> None:
        """All themes, to choose one."""
        from textual.theme import ThemeProvider

        from shmtui.tui.textual_private import Palette

        asks = _("Search for themes") + view.glyphs.ellipsis
        self._app.push_screen(Palette(providers=[ThemeProvider], placeholder=asks))
