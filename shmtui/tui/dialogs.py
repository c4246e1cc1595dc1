"""The screens above the dashboard, and what becomes of their answers.

Each is imported when it first opens: the first frame does not wait for any of them.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from shmtui.i18n import _
from shmtui.snapshot import Audit, Process
from shmtui.tui.ports import Mender, Opened, Opener, Steering
from shmtui.tui.spans import line
from shmtui.tui.view_model import ViewModel

if TYPE_CHECKING:
    from textual.screen import Screen

    from shmtui.shm.faults import Fault
    from shmtui.tui.spans import Line
    from shmtui.tui.stage import Stage
    from shmtui.tui.worker_commands import Targets

# ruff: noqa: PLC0415 - see above


class Dialogs:
    """Opens screens for one app."""

    def __init__(self, app: "Stage") -> None:
        self._app = app

    def show(self, view: ViewModel) -> None:
        """Pass a view on to the screen on top, if it shows more than it was opened with."""
        screens: list[Screen[object]] = self._app.screen_stack
        if len(screens) > 1:
            show = getattr(screens[-1], "show_view", None)
            if show is not None:
                show(view)

    def help(self, view: ViewModel) -> None:
        """All keys."""
        from shmtui.tui.screens.help import HelpScreen

        self._app.push_screen(HelpScreen(view))

    def kill(self, label: str, view: ViewModel, kill: Callable[[], None]) -> None:
        """Ask before a foreign process is killed."""
        from shmtui.tui.screens.kill_question import KillQuestion

        def answered(sure: bool | None) -> None:
            if sure:
                kill()

        self._app.push_screen(KillQuestion(label, view), answered)

    def attach(
        self, opener: Opener, view: ViewModel, done: Callable[[Opened | None], None]
    ) -> None:
        """The list of all segments."""
        from shmtui.tui.screens.picker import PickerScreen

        self._app.push_screen(PickerScreen(opener, view), done)

    def layouts(
        self,
        opener: Opener,
        name: str,
        options: tuple[str, ...],
        view: ViewModel,
        done: Callable[[Opened | None], None],
    ) -> None:
        """The list of the layouts that fit a segment."""
        from shmtui.tui.screens.layouts import LayoutScreen

        self._app.push_screen(LayoutScreen(opener, name, options, view), done)

    def logs(self, steering: Steering, view: ViewModel) -> None:
        """What the user's programs print."""
        from shmtui.tui.screens.logs import LogScreen

        self._app.push_screen(LogScreen(steering, view))

    def detail(self, title: str, text: Callable[[int], "list[Line]"], view: ViewModel) -> None:
        """Something in full, in lines for a width."""
        from shmtui.tui.screens.detail import DetailScreen

        self._app.push_screen(DetailScreen(title, text, view))

    def repair(self, mender: Mender, steering: Steering, view: ViewModel) -> None:
        """The plan of a repair, to agree to."""
        from shmtui.tui.screens.repair import RepairScreen

        self._app.push_screen(RepairScreen(mender, steering, view))

    def faults(
        self, targets: "Targets", view: ViewModel, done: "Callable[[Fault | None], None]"
    ) -> None:
        """The mistakes that workers can be told to make."""
        from shmtui.tui.screens.faults import FaultScreen

        self._app.push_screen(FaultScreen(targets, view), done)

    def audit(self, audit: Audit, view: ViewModel) -> None:
        """What went in beside what came out."""
        from shmtui.diagnosis.audit import audit_lines
        from shmtui.tui.text import wrap

        self.detail(
            _("Audit"),
            lambda width: [line(row) for text in audit_lines(audit) for row in wrap(text, width)],
            view,
        )

    def process(self, process: Process, view: ViewModel) -> None:
        """A process in full, as it is now."""
        from shmtui.procfs.details import portrait
        from shmtui.tui.draw.process_details import portrait_text

        seen, now = portrait(process.pid), time.time()
        self.detail(
            _("Process"),
            lambda width: portrait_text(process, seen, now, width, view.glyphs),
            view,
        )

    def offset(self, view: ViewModel, done: Callable[[int | None], None]) -> None:
        """Ask for an offset in the segment."""
        from shmtui.tui.screens.offset import OffsetScreen

        self._app.push_screen(OffsetScreen(view), done)
