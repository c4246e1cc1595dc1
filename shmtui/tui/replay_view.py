"""What a replay shows: its frame as a view model, and where it is."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from shmtui.snapshot import Snapshot
from shmtui.tui.rate_history import RateHistory
from shmtui.tui.status_line import status_word
from shmtui.tui.view_model import Comparison, Replay, Side, ViewModel

if TYPE_CHECKING:
    from shmtui.session.replay_source import PairSource, Replayed


def frame_view(view: ViewModel, replay: "Replayed", snapshot: Snapshot) -> ViewModel:
    """The view model of the frame that a replay has come to, which is ``snapshot``: of it and what was before
    it alone, whatever was on the screen.
    """
    place, shown = place_of(replay, replay.side), view.replay
    history = view.history
    if shown is None or (shown.number, shown.index) != (place.number, place.index):
        history = RateHistory()
        for past in replay.shown.past():
            history.add(round(past.seconds * 1e9), past.produced, past.consumed)
    return replace(
        view,
        snapshot=snapshot,
        history=history,
        history_version=place.number,
        status_word=status_word(snapshot),
        balance_settled=True,
        events=replay.shown.events,
        replay=place,
        comparison=comparison_of(replay),
    )


def place_of(source: "Replayed", number: int) -> Replay:
    """Where the recording of that number is."""
    player, shown = source.player, source.sides[number]
    pair = pair_of(source)
    start, span = (0.0, None) if pair is None else (pair.player.starts[number], player.length)
    return Replay(
        shown.player.recording.index,
        shown.number,
        player.seconds,
        player.playing,
        player.speed,
        source.wrong,
        shown.incident,
        start,
        span,
    )


def comparison_of(source: "Replayed") -> Comparison | None:
    """Two recordings at the instant that they have come to; None where one is replayed."""
    pair = pair_of(source)
    if pair is None:
        return None
    first, second = (
        Side(
            shown.player.recording.path.name,
            place_of(source, number),
            shown.snapshot,
            shown.events,
            pair.player.covers(number),
        )
        for number, shown in enumerate(pair.sides)
    )
    return Comparison((first, second), pair.player.by_wall, None if pair.both else pair.side)


def pair_of(source: "Replayed") -> "PairSource | None":
    """The source, where it has two recordings."""
    from shmtui.session.replay_source import PairSource  # noqa: PLC0415 - only a replay loads it

    return source if isinstance(source, PairSource) else None
