"""The keys that move a replay: from an action's name to what the player does."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from shmtui.i18n import N_, _
from shmtui.recording.playback import Playback
from shmtui.session.replay_source import no_common_time
from shmtui.tui.replay_view import pair_of

if TYPE_CHECKING:
    from shmtui.session.replay_source import PairSource, Replayed
    from shmtui.tui.app import DashboardApp

_MOVES: Final[dict[str, Callable[[Playback], object]]] = {
    "toggle": Playback.toggle,
    "faster": lambda player: player.change_speed(1),
    "slower": lambda player: player.change_speed(-1),
    "usual_speed": Playback.usual_speed,
    "step": lambda player: player.step(1),
    "step_back": lambda player: player.step(-1),
    "on": lambda player: player.move(10.0),
    "back": lambda player: player.move(-10.0),
    "next_event": lambda player: player.go_to_event(1),
    "last_event": lambda player: player.go_to_event(-1),
    "next_finding": lambda player: player.go_to_finding(1),
    "last_finding": lambda player: player.go_to_finding(-1),
    "start": lambda player: player.go_to_start(),
    "end": lambda player: player.go_to_end(),
}
_NONE: Final = {
    "next_event": N_("no event after this"),
    "last_event": N_("no event before this"),
    "next_finding": N_("no finding begins after this"),
    "last_finding": N_("no finding begins before this"),
}
"""What is said where there is none to go to."""


def _show_next(_app: "DashboardApp", pair: "PairSource") -> None:
    pair.show_next()


def _align(app: "DashboardApp", pair: "PairSource") -> None:
    if not pair.align_otherwise():
        app.tell(no_common_time())


_OF_PAIRS: Final[dict[str, Callable[["DashboardApp", "PairSource"], None]]] = {
    "show_next": _show_next,
    "align": _align,
}
"""The moves that two recordings have and one has not."""


def move(app: "DashboardApp", replay: "Replayed", name: str) -> None:
    """Carry out the move of this name, and show the frame."""
    if name == "ask":
        _ask(app, replay)
        return
    pair = pair_of(replay)
    if pair is not None and name in _OF_PAIRS:
        _OF_PAIRS[name](app, pair)
    elif replay.move(_MOVES[name]) is False:
        app.tell(_(_NONE[name]))
    app.refresh_now()


def move_to(app: "DashboardApp", replay: "Replayed", part: float) -> None:
    """Go to a part of the recording, from 0 to 1."""
    replay.move(lambda player: player.go_to(part * player.length))
    app.refresh_now()


def _ask(app: "DashboardApp", replay: "Replayed") -> None:
    from shmtui.tui.screens.text_screens import TimeScreen  # noqa: PLC0415 - for one key alone

    def answered(seconds: float | None) -> None:
        if seconds is not None:
            replay.move(lambda player: player.go_to(seconds))
            app.refresh_now()

    app.push_screen(TimeScreen(app.dashboard.view, replay.position_of), answered)
