"""The screens above the dashboard, and what becomes of their answers.

Each is imported when it first opens: the first frame does not wait for any of them.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from shmtui.i18n import _
from shmtui.snapshot import Audit, Process
from shmtui.tui.ports import Opened, Opener, Repairer, Steering
from shmtui.tui.spans import line
from shmtui.tui.view_model import View

if TYPE_CHECKING:
    from textual.screen import Screen

    from shmtui.shm.faults import Fault
    from shmtui.tui.spans import Line
    from shmtui.tui.stage import Stage
    from shmtui.tui.worker_commands import Aim

# ruff: noqa: PLC0415 - see above


class Dialogues:
    """Opens screens for one app."""

    def __init__(self, app: "Stage") -> None:
        self._app = app

    def show(self, view: View) -> None:
        """Pass a view on to the screen on top, if it shows more than it was opened with."""
        screens: list[Screen[object]] = self._app.screen_stack
        if len(screens) > 1:
            show = getattr(screens[-1], "show_view", None)
            if show is not None:
                show(view)

    def help(self, view: View) -> None:
        """All keys."""
        from shmtui.tui.screens.help import HelpScreen

        self._app.push_screen(HelpScreen(view))

    def kill(self, label: str, view: View, kill: Callable[[], None]) -> None:
        """Ask before a foreign process is killed."""
        from shmtui.tui.screens.kill_question import KillQuestion

        def answered(sure: bool | None) -> None:
            if sure:
                kill()

        self._app.push_screen(KillQuestion(label, view), answered)

    def attach(self, opener: Opener, view: View, done: Callable[[Opened | None], None]) -> None:
        """The list of all segments."""
        from shmtui.tui.screens.picker import PickerScreen

        self._app.push_screen(PickerScreen(opener, view), done)

    def layouts(
        self,
        opener: Opener,
        name: str,
        options: tuple[str, ...],
        view: View,
        done: Callable[[Opened | None], None],
    ) -> None:
        """The list of the layouts that fit a segment."""
        from shmtui.tui.screens.layouts import LayoutScreen

        self._app.push_screen(LayoutScreen(opener, name, options, view), done)

    def logs(self, steering: Steering, view: View) -> None:
        """What the user's programs print."""
        from shmtui.tui.screens.logs import LogScreen

        self._app.push_screen(LogScreen(steering, view))

    def detail(self, title: str, text: Callable[[int], "list[Line]"], view: View) -> None:
        """Something in full, in lines for a width."""
        from shmtui.tui.screens.detail import DetailScreen

        self._app.push_screen(DetailScreen(title, text, view))

    def repair(self, repairer: Repairer, steering: Steering, view: View) -> None:
        """The plan of a repair, to agree to."""
        from shmtui.tui.screens.repair import RepairScreen

        self._app.push_screen(RepairScreen(repairer, steering, view))

    def faults(self, aim: "Aim", view: View, done: "Callable[[Fault | None], None]") -> None:
        """The mistakes that workers can be told to make."""
        from shmtui.tui.screens.faults import FaultScreen

        self._app.push_screen(FaultScreen(aim, view), done)

    def audit(self, audit: Audit, view: View) -> None:
        """What went in beside what came out."""
        from shmtui.diagnosis.audit import audit_report
        from shmtui.tui.draw.wrap import wrap

        self.detail(
            _("Audit"),
            lambda width: [line(row) for text in audit_report(audit) for row in wrap(text, width)],
            view,
        )

    def process(self, process: Process, view: View) -> None:
        """A process in full, as it is now."""
        from shmtui.procfs.details import process_details
        from shmtui.tui.draw.process_details import portrait_text

        seen, now = process_details(process.pid), time.time()
        self.detail(
            _("Process"),
            lambda width: portrait_text(process, seen, now, width, view.glyphs),
            view,
        )

    def offset(self, view: View, done: Callable[[int | None], None]) -> None:
        """Ask for an offset in the segment."""
        from shmtui.tui.screens.offset import OffsetScreen

        self._app.push_screen(OffsetScreen(view), done)
