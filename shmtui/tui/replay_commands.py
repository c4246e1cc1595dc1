"""The keys that move a replay: from an action's name to what the player does."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from shmtui.i18n import N_, _
from shmtui.recording.player import Player
from shmtui.recording.positions import position_of

if TYPE_CHECKING:
    from shmtui.session.replay_source import ReplaySource
    from shmtui.tui.app import DashboardApp

_MOVES: Final[dict[str, Callable[[Player], object]]] = {
    "toggle": Player.toggle,
    "faster": lambda player: player.change_speed(1),
    "slower": lambda player: player.change_speed(-1),
    "usual_speed": Player.usual_speed,
    "step": lambda player: player.step(1),
    "step_back": lambda player: player.step(-1),
    "on": lambda player: player.move(10.0),
    "back": lambda player: player.move(-10.0),
    "next_event": lambda player: player.go_to_event(1),
    "last_event": lambda player: player.go_to_event(-1),
    "next_finding": lambda player: player.go_to_finding(1),
    "last_finding": lambda player: player.go_to_finding(-1),
    "start": lambda player: player.go_to_frame(0),
    "end": lambda player: player.go_to_frame(len(player.recording) - 1),
}
_NONE: Final = {
    "next_event": N_("no event after this"),
    "last_event": N_("no event before this"),
    "next_finding": N_("no finding begins after this"),
    "last_finding": N_("no finding begins before this"),
}
"""What is said where there is none to go to."""


def move(app: "DashboardApp", replay: "ReplaySource", name: str) -> None:
    """Carry out the move of this name, and show the frame."""
    if name == "ask":
        _ask(app, replay)
        return
    if replay.move(_MOVES[name]) is False:
        app.tell(_(_NONE[name]))
    app.refresh_now()


def move_to(app: "DashboardApp", replay: "ReplaySource", part: float) -> None:
    """Go to a part of the recording, from 0 to 1."""
    replay.move(lambda player: player.go_to(part * player.recording.index.length))
    app.refresh_now()


def _ask(app: "DashboardApp", replay: "ReplaySource") -> None:
    from shmtui.tui.screens.text_screens import TimeScreen  # noqa: PLC0415 - for one key alone

    near = app.dashboard.latest.time

    def answered(seconds: float | None) -> None:
        if seconds is not None:
            replay.move(lambda player: player.go_to(seconds))
            app.refresh_now()

    def position(text: str) -> float:
        return position_of(text, replay.recording, near)

    app.push_screen(TimeScreen(app.dashboard.view, position), answered)
