"""What a panel draws from: one snapshot, and the little that outlives a snapshot. Frozen."""

from dataclasses import dataclass, field

from shmtui.events import Event
from shmtui.snapshot import EMPTY, LayoutSource, Snapshot
from shmtui.tui.byte_window import ByteWindow
from shmtui.tui.glyphs import UNICODE, Glyphs
from shmtui.tui.rate_history import RateHistory
from shmtui.tui.status_line import StatusWord, nothing


@dataclass(frozen=True, slots=True)
class ViewModel:
    """One frame's worth of facts, handed to each panel in turn."""

    snapshot: Snapshot = EMPTY
    glyphs: Glyphs = UNICODE
    history: RateHistory = field(default_factory=RateHistory)
    """Shared between frames; panels read it only."""
    history_version: int = 0
    status_word: StatusWord = field(default_factory=nothing)
    balance_settled: bool = False
    """Whether the last samples agree on how the permits add up."""
    events: tuple[Event, ...] = ()
    """Newest first."""
    read_only: bool = False
    frozen: bool = False
    refresh_hz: float = 10.0
    missing: frozenset[str] = frozenset()
    """What keys could need and there is none of; see `shmtui.tui.keys`."""
    window: ByteWindow | None = None
    """The bytes in view, where the segment is shown raw."""

    @property
    def raw(self) -> bool:
        """Whether there is a segment, and nothing but its bytes to show."""
        segment, layout = self.snapshot.segment, self.snapshot.layout
        return bool(segment.name) and layout.source is LayoutSource.RAW
