"""The keys that move a schedule: from an action's name to what the held programs do."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from shmtui.session.held_schedule import HeldSchedule

if TYPE_CHECKING:
    from shmtui.tui.app import DashboardApp

_MOVES: Final[dict[str, Callable[[HeldSchedule], None]]] = {
    "on": lambda schedule: schedule.step(1),
    "back": lambda schedule: schedule.step(-1),
    "start": HeldSchedule.to_start,
    "end": HeldSchedule.to_end,
    "fault": HeldSchedule.to_fault,
    "mistake": HeldSchedule.to_fault,
}


def move(app: "DashboardApp", schedule: HeldSchedule, to: str | int) -> None:
    """Carry out the move of this name, or so many steps, and show where they stand."""
    if isinstance(to, int):
        schedule.step(to)
    else:
        _MOVES[to](schedule)
    app.refresh_now()
    if schedule.held.wrong:
        app.tell(schedule.held.wrong)
