"""How many items a ring holds, by its indices, the permits and the workers' counts. Pure."""

from collections.abc import Sequence
from typing import Final

from shmtui.diagnosis.rules.initialisation import uninitialised, unmarked
from shmtui.i18n import _
from shmtui.repair.plan import Refusal
from shmtui.repair.protocol_positions import Place, ProtocolPosition
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import Origin, Snapshot

DEATHS: Final = frozenset({"dead-holder", "lost-permit"})
"""Findings after which a permit may be gone."""
_ASLEEP: Final = frozenset({Place.EMPTY, Place.FULL, Place.MUTEX, Place.HIDDEN})
"""Where a process goes on only once another posts."""
SMALLEST: Final = 3
"""With fewer slots a death leaves more than one reading of the ring."""


def held_permits(positions: Sequence[ProtocolPosition]) -> dict[Role, int]:
    """Permits in hand by side: each thread asleep on mutex has one."""
    held = dict.fromkeys(Role, 0)
    for position in positions:
        held[position.side] += position.on_mutex
    return held


def resident_items(
    snapshot: Snapshot, positions: Sequence[ProtocolPosition], codes: set[str]
) -> int | Refusal:
    """How many items the ring holds."""
    slots = snapshot.layout.slots
    assert snapshot.in_ is not None
    assert snapshot.out is not None
    between = (snapshot.in_ - snapshot.out) % slots
    # All zero where nothing marks them is also what a ring of one or two slots looks like after a death.
    told = not unmarked(snapshot) or slots >= SMALLEST
    if uninitialised(snapshot) and told:
        return between
    if slots < SMALLEST and (codes & DEATHS or not told):
        return Refusal(
            _("with {slots} slots a death leaves more than one reading of the ring").format(
                slots=slots
            ),
            _("end every process that maps it, and start them again"),
        )
    low, high = item_bounds(snapshot, positions)
    possible = [k for k in ({between} if between else {0, slots}) if low <= k <= high]
    if len(possible) == 1:
        return possible[0]
    counted = _counted(snapshot, positions)
    near = [k for k in possible if counted is not None and abs(k - counted) <= 1]
    if len(near) == 1:
        return near[0]
    if between:
        # The permits contradict the indices. The slots are what the next process uses.
        return between
    again = _("end every process that maps it, and start them again")
    free = any(p.place not in _ASLEEP for p in positions)
    return Refusal(
        _("in == out, and the permits do not tell whether the ring is empty or full"),
        _("{again}; or let one side run until it blocks").format(again=again) if free else again,
    )


def _counted(snapshot: Snapshot, positions: Sequence[ProtocolPosition]) -> int | None:
    """Items in the ring by the workers' counts. A worker that died may not have counted its last."""
    if snapshot.totals is None or any(p.process.origin is not Origin.WORKER for p in positions):
        return None
    return snapshot.totals.produced - snapshot.totals.consumed


def item_bounds(snapshot: Snapshot, positions: Sequence[ProtocolPosition]) -> tuple[int, int]:
    """The fewest and the most items that the permits allow: a lost one may be of either kind."""
    empty = snapshot.semaphores[SemaphoreRole.EMPTY].value or 0
    full = snapshot.semaphores[SemaphoreRole.FULL].value or 0
    held = held_permits(positions)
    least = full + held[Role.CONSUMER]
    lost = snapshot.layout.slots - empty - held[Role.PRODUCER] - least
    return min(least, least + lost), max(least, least + lost)
