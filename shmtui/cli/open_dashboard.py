"""Opens the dashboard for the commands that have one. The one place that loads Textual."""

from typing import TYPE_CHECKING

from shmtui.session.terminal import run_dashboard

if TYPE_CHECKING:
    from shmtui.lessons.lesson import Lesson
    from shmtui.session.opener import Attachment, SegmentOpener


def show_dashboard(
    attachment: "Attachment | None",
    opener: "SegmentOpener",
    *,
    refresh_hz: float = 10.0,
    ascii_only: bool = False,
    choice: tuple[str, tuple[str, ...]] | None = None,
    lesson: "Lesson | None" = None,
) -> int:
    """Show ``attachment`` until the user ends it; returns the exit code.

    Without one, the dashboard opens with the list of segments, or with the layouts of
    ``choice``: a segment's name and the ``--layout`` options that fit it.
    """
    from shmtui.tui.app import DashboardApp

    app = DashboardApp(
        attachment,
        refresh_hz=refresh_hz,
        ascii_only=ascii_only,
        opener=opener,
        choice=choice,
        lesson=lesson,
    )
    return run_dashboard(app)
