"""What the panels draw: one snapshot, and the little that outlives a snapshot."""

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from shmtui.events import Event
from shmtui.recording.incident import Incident
from shmtui.recording.index import Index
from shmtui.snapshot import EMPTY, Process, Snapshot
from shmtui.tui.glyphs import UNICODE, Glyphs
from shmtui.tui.key import Key
from shmtui.tui.keys import KEYS
from shmtui.tui.other_keys import LIST, OTHER_KEYS
from shmtui.tui.rate_history import RateHistory
from shmtui.tui.spans import Span
from shmtui.tui.status_line import nothing

if TYPE_CHECKING:
    from shmtui.session.held_schedule import Held
    from shmtui.session.stepped_programs import SteppedView

FADE_NS = (400_000_000, 1_100_000_000, 2_000_000_000)
"""Until which age a changed byte is fresh, recent, and fading, in nanoseconds."""

FRESH = len(FADE_NS)
"""The highlight of a byte that has just changed; 0 means no change for two seconds."""


class ByteWindow(msgspec.Struct, frozen=True):
    """Bytes from ``offset`` on, and the highlight of each."""

    offset: int
    data: bytes
    highlight: bytes
    """As many as ``data``, each from 0 to `FRESH`."""


class ChangeHighlight:
    """Remembers the last window, and when each of its bytes changed."""

    def __init__(self) -> None:
        self._before = (0, b"")
        self._changed: dict[int, int] = {}
        """By offset in the segment: the time of the last change, in ns."""

    def update(self, offset: int, data: bytes, now_ns: int) -> ByteWindow:
        """The window of these bytes, which were read from ``offset`` on at ``now_ns``."""
        start, before = self._before
        self._before = (offset, data)
        first, end = max(offset, start), offset + len(data)
        pairs = zip(before[first - start :], data[first - offset :], strict=False)
        changed = {at: now_ns for at, (old, new) in enumerate(pairs, first) if old != new}
        self._changed = {
            at: then
            for at, then in (self._changed | changed).items()
            if offset <= at < end and now_ns - then < FADE_NS[-1]
        }
        highlight = bytearray(len(data))
        for at, then in self._changed.items():
            highlight[at - offset] = sum(now_ns - then < limit for limit in FADE_NS)
        return ByteWindow(offset, data, bytes(highlight))


class Replay(msgspec.Struct, frozen=True):
    """Where a replay is."""

    index: Index
    number: int
    """Of the frame, from 0 on."""
    seconds: float
    """On the time line."""
    playing: bool
    speed: float
    wrong: str = ""
    """Why another frame is not shown."""
    incident: Incident | None = None
    """What a capsule holds beside the frames; None: it is none."""
    start: float = 0.0
    """Where the recording begins on the time line that it shares with another."""
    span: float | None = None
    """Seconds of that time line; None where it is alone."""

    @property
    def length(self) -> float:
        """Seconds of the time line."""
        return self.index.length if self.span is None else self.span


class Side(msgspec.Struct, frozen=True):
    """One of two recordings that are replayed together."""

    name: str
    """Of its file. Hostile text is possible."""
    replay: Replay
    snapshot: Snapshot
    """The nearest one, where there is none of this instant."""
    events: tuple[Event, ...]
    """Up to there, the newest first."""
    there: bool
    """Whether it has anything of this instant."""


class Comparison(msgspec.Struct, frozen=True):
    """Two recordings at one instant."""

    sides: tuple[Side, Side]
    by_wall: bool
    """Whether the instant is one of wall time; else both are as long after their starts."""
    side: int | None
    """Number of the one that the panels show; None: both are on the screen, side by side."""

    @property
    def both_there(self) -> bool:
        """Whether both have something of the instant, so that they can be compared."""
        return all(side.there for side in self.sides)


class ViewModel(msgspec.Struct, frozen=True):
    """All that one frame is drawn from."""

    snapshot: Snapshot = EMPTY
    processes: tuple[Process, ...] | None = None
    """What the table of processes shows: those of the snapshot and the ended that stay, less the
    dismissed; None: those of the snapshot."""
    glyphs: Glyphs = UNICODE
    history: RateHistory = msgspec.field(default_factory=RateHistory)
    """Shared between frames. Panels only read it."""
    history_version: int = 0
    status_word: Span = msgspec.field(default_factory=nothing)
    balance_settled: bool = False
    """Whether the last samples agree on how the permits add up."""
    events: tuple[Event, ...] = ()
    """Newest first."""
    read_only: bool = False
    served: bool = False
    """Whether it is shown in browsers, and not in a terminal of whoever started it."""
    no_workers: str = ""
    """Why no worker can be added where something may be written; empty where one can."""
    frozen: bool = False
    recording: bool = False
    """Whether the samples are written to a file."""
    refresh_hz: float = 10.0
    """How often a second it is looked whether something has changed, as the user wants it."""
    rest_hz: float | None = None
    """How often a second it is sampled, where that is rarer: nothing changes, or nobody sees it."""
    keys: tuple[Key, ...] = KEYS
    """As they are bound: the table's, or what the user's configuration makes of it."""
    other_keys: tuple[Key, ...] = OTHER_KEYS
    """The same of the list, of rows and of dialogs."""
    missing: frozenset[str] = frozenset()
    """What keys need and is not there; see `shmtui.tui.keys`."""
    replay: Replay | None = None
    """Where a replay is; None: what is shown is there now."""
    comparison: Comparison | None = None
    """Two recordings that are replayed together; None: one is, or none."""
    held: "Held | None" = None
    """Where the programs of a schedule are held; None: there is none."""
    stepped: "SteppedView | None" = None
    """The user's programs that are taken step by step in a run; None: there are none."""
    window: ByteWindow | None = None
    """The bytes in view, where the segment is shown raw."""

    def bound(self, key_id: str) -> Key:
        """A key by its identifier, as it is bound."""
        return next(key for key in (*self.keys, *self.other_keys) if key.id == key_id)

    def key(self, key_id: str) -> str:
        """The first key of an action, as it is written."""
        return self.bound(key_id).shown

    def naming(self, text: str) -> str:
        """A text with the keys of rows and dialogs in the place of their names: ``{close} closes``."""
        named = {key.name: key.shown for key in self.other_keys if key.where != LIST}
        return text.format_map(named)

    @property
    def listed(self) -> Snapshot:
        """The snapshot with the processes that the table shows."""
        if self.processes is None:
            return self.snapshot
        return replace(self.snapshot, processes=self.processes)

    @property
    def compares(self) -> bool:
        """Whether two recordings are on the screen side by side."""
        return self.comparison is not None and self.comparison.side is None

    @property
    def raw(self) -> bool:
        """Whether there is a segment, and no ring to show: its bytes are."""
        return bool(self.snapshot.segment.name) and not self.snapshot.layout.has_ring
