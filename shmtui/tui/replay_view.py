"""Where a replay is, as the panels draw it."""

from typing import TYPE_CHECKING

from shmtui.tui.view_model import Comparison, Replay, Side

if TYPE_CHECKING:
    from shmtui.session.replay_source import PairSource, Replayed


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
