"""What is known of a segment: its file, its layout and how that is known, its slots and semaphores. Records."""

from enum import StrEnum

import msgspec

from shmtui.i18n import N_
from shmtui.shm.libc import Libc
from shmtui.shm.value import Value


class LayoutSource(StrEnum):
    """Where the layout is known from, the surest first."""

    CONTROL = N_("control")
    HEADER = N_("header")
    DEBUG_INFO = N_("debug-info")
    """Of a program that maps the segment."""
    OPTIONS = N_("options")
    NEARBY = N_("header-nearby")
    """A header or source beside a program that maps the segment."""
    INFERRED = N_("inferred")
    RAW = N_("raw")


class SegmentInfo(msgspec.Struct, frozen=True):
    """The file under /dev/shm."""

    name: str
    """With its leading slash; undecodable bytes as surrogates."""
    size: int
    """Bytes."""
    inode: int
    mode: int
    """Permission bits only."""
    owner: str
    unlinked: bool = False
    replaced: bool = False
    """Another file has the name now."""
    size_mapped: bool = False
    """There is no file at hand: the size is what is mapped of it, in whole pages; its owner is not known."""
    read_only: bool = True
    """Whether this program opened it without the right to write."""


class Offsets(msgspec.Struct, frozen=True):
    """Byte offsets in the segment. A semaphore's is None when it is a named one; an index's is
    None when no index is known. ``in`` and ``out`` may lie in another segment
    (:attr:`LayoutInfo.index_segment`).
    """

    data: int
    in_: int | None
    out: int | None
    mutex: int | None = None
    empty: int | None = None
    full: int | None = None


class LayoutInfo(msgspec.Struct, frozen=True):
    """What the bytes mean, and how that is known."""

    source: LayoutSource
    slots: int
    item_type: str
    item_size: int
    """Bytes."""
    offsets: Offsets
    semaphores: str = "embedded"
    """``embedded`` or ``named``."""
    candidates: tuple[str, ...] = ()
    by_convention: tuple[str, ...] = ()
    """Roles that rest on names alone, which programs use both ways: ``in=head``."""
    libc: Libc | None = None
    """Whose sem_t the semaphores are."""
    assumptions: tuple[str, ...] = ()
    """What has to be true for the layout to be right, in words."""
    disputed: bool = False
    """Whether values or programs fit another layout as well: nothing may be built on this one,
    and nothing repaired by it. The assumptions say why."""
    index_size: int = 4
    """Bytes of ``in`` and of ``out``."""
    origin: str = ""
    """The program or the file that the layout is from, where the source is one of these.
    Hostile text is possible."""
    index_segment: str = ""
    """The segment that holds ``in`` and ``out``, where that is another one."""
    options: str = ""
    """What the user said of the layout, as a shell takes it, for commands that are named."""
    lock_free: bool = False
    """As `Layout.lock_free`."""
    index_names: tuple[str, ...] = ()
    """As `Layout.index_names`. Hostile text is possible."""

    @property
    def assumed(self) -> bool:
        """Whether the layout is likely at most."""
        return bool(self.assumptions)

    @property
    def has_ring(self) -> bool:
        """Whether a ring is known in the segment; else its bytes are shown, and its locks if known."""
        return self.slots > 0


class Slot(msgspec.Struct, frozen=True):
    """One slot of the ring; ``full`` is None while the occupancy is unknown."""

    index: int
    value: Value
    full: bool | None


class SemaphoreState(msgspec.Struct, frozen=True):
    """One semaphore as its bytes stand. ``shared`` False: no other process can wake its waiters."""

    value: int | None
    waiters: int | None
    shared: bool | None
