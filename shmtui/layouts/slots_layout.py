"""The exercise's struct with as many slots as the user says (``--slots``), held against the bytes of the segment."""

from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.describe import layout_words
from shmtui.layouts.mapping_programs import MappedSegment
from shmtui.layouts.options import ResolvedLayout
from shmtui.layouts.plain_layouts import MAX_SIZE, signatures
from shmtui.layouts.role_evidence import contradiction
from shmtui.layouts.segment_readings import SegmentReadings
from shmtui.shm.layout import SEM_SIZE, Layout, seed_layout
from shmtui.shm.layout_spec import item_from_text, layout_option
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_info import LayoutSource
from shmtui.shm.segment_reader import SegmentReader
from shmtui.shm.semaphore import may_be_semaphore

CHECK_SECONDS: Final = 0.1
"""How long the values that contradict ``--slots`` are watched before it is refused."""


def by_slots(segment: MappedSegment, slots: int) -> ResolvedLayout:
    """The layout with that many slots, disputed where no semaphore is seen in it.

    ShmtuiError: the segment is too small for it, or the bytes contradict it.
    """
    options, peers, size = segment.options, segment.peers, segment.size
    item = item_from_text(options.item or "int32")
    layout = seed_layout(slots, item, peers.libc, options.names)
    if size < layout.size and not options.names:
        # Semaphores beside the segment, or those of a libc that the mappers do not show.
        found = peers.semaphore_roles
        others = [seed_layout(slots, item, other) for other in Libc]
        if len(found) == len(SemaphoreRole):
            others.append(seed_layout(slots, item, peers.libc, found))
        layout = next((other for other in others if other.size == size), layout)
    if size < layout.size:
        text = _(
            "{name} is {size} bytes; {slots} slots of {item} with {kind} semaphores need "
            "{needed}: check --slots and --item"
        )
        raise ShmtuiError(text.format(
            name=segment.name, size=size, slots=slots, item=item.name, kind=layout.kind,
            needed=layout.size,
        ))  # fmt: skip
    _require_semaphores_there(segment.reader, layout)
    _require_order(segment, layout)
    disputes: tuple[str, ...] = ()
    if _no_semaphores(segment.reader, layout):
        words = _(
            "no semaphore was ever initialised where this layout has them, and the segment has other content: it may hold another struct"
        )
        disputes = (words,)
    return ResolvedLayout(layout, LayoutSource.OPTIONS, disputes=disputes)


def _no_semaphores(reader: SegmentReader, layout: Layout) -> bool:
    """Whether the bytes of the layout's semaphores are none: a third word that no C library writes, or
    zeros in all of them in a segment with other content behind them.
    """
    own = [at for at in (layout.mutex, layout.empty, layout.full) if at is not None]
    raw = [reader.read(at, SEM_SIZE) for at in own]
    if not all(map(may_be_semaphore, raw)):
        return True
    return bool(own) and not any(map(any, raw)) and any(reader.read(layout.size, MAX_SIZE))


def _require_semaphores_there(reader: SegmentReader, layout: Layout) -> None:
    """ShmtuiError: shared semaphores lie elsewhere than ``layout`` has them."""
    own = {at for at in (layout.mutex, layout.empty, layout.full) if at is not None}
    there = set(signatures(reader.read(0, MAX_SIZE), layout.libc))
    if not own or there <= own or own <= there:
        return
    text = _(
        "{name} has shared semaphores at {there}, and {slots} slots of {item} need them at "
        "{own}: give another --slots or --item, or --header FILE"
    )
    raise ShmtuiError(text.format(
        name=reader.name, there=", ".join(map(str, sorted(there))), slots=layout.slots,
        item=layout.item.name, own=", ".join(map(str, sorted(own))),
    ))  # fmt: skip


def _require_order(segment: MappedSegment, layout: Layout) -> None:
    """ShmtuiError: the values never fit ``layout``, and always fit another order of its
    semaphores.

    That they fit another number of slots refuses nothing: so they do where a permit is lost, or is one too many.
    """
    peers, readings, other = segment.peers, [], None
    seconds = CHECK_SECONDS if peers.pids else 0.0
    for reading in SegmentReadings.of_layout(segment.reader, layout).until(seconds):
        readings.append(reading)
        other = contradiction(layout, readings, peers.threads)
        if other is None:
            return
    if other is not None:
        raise ShmtuiError(
            _(
                "the values of {name} contradict the exercise's order of semaphores, and fit another "
                "one: {layout}; give --layout {option} or --header FILE"
            ).format(name=segment.name, layout=layout_words(other), option=layout_option(other))
        )
