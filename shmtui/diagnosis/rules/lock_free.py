"""What can be said of a ring without a lock, and what cannot. Pure.

Nothing in it tells who waits for whom: a process that looks again and again may have nothing to do,
or wait for one that has died. So such a ring is never found sick where it stands still.
"""

from collections.abc import Iterator
from typing import Final

from shmtui.diagnosis.history import History, living, vanished
from shmtui.diagnosis.wording import names, seconds, target
from shmtui.i18n import _
from shmtui.shm.layout import counted_on
from shmtui.shm.protocol import Role
from shmtui.snapshot import Process, ProcessState, Snapshot, word

_KNOWN: Final = (ProcessState.SPINNING, ProcessState.POLLING, ProcessState.ASLEEP)


def judged(history: History) -> Iterator[str]:
    """What the samples showed, a clause each."""
    now = history.now
    fits = [s.occupancy for s in history.snapshots if s.occupancy is not None]
    if fits and now.counts_on:
        yield _(
            "{in_} and {out} were {least} to {most} items apart, of {slots}, in {count} of {samples} "
            "samples"
        ).format(
            in_=name_of(now, "in"), out=name_of(now, "out"), least=min(fits), most=max(fits),
            slots=now.layout.slots, count=len(fits), samples=len(history.snapshots),
        )  # fmt: skip
    for moved, name in zip(_moved(history), ("in", "out"), strict=True):
        if moved:
            yield _("{index} moved").format(index=name_of(now, name))
    for state in _KNOWN:
        who = [p for p in living(now) if p.state is state]
        if who:
            yield f"{word(state)}: {names(who)}"


def undecided(history: History, way_on: str, at_rest_ns: int) -> Iterator[str]:
    """What they leave open. ``way_on``: what would settle it; ``at_rest_ns``: after which time without a
    move it is at rest.
    """
    now, slots = history.now, history.now.layout.slots
    known = (s for s in history.steady if None not in {s.in_, s.out})
    unfit = [s for s in known if s.occupancy is None and not possible_items(s) and not _fits(s)]
    if unfit:
        yield _(
            "{in_} {written:,} and {out} {read:,} fit no ring of {slots:,} slots: its producer goes on over "
            "what nobody took, or this is not its layout"
        ).format(
            in_=name_of(now, "in"), written=unfit[-1].in_, out=name_of(now, "out"), read=unfit[-1].out,
            slots=slots,
        )  # fmt: skip
    moved = _moved(history)
    if any(moved) and all(max(s.in_ or 0, s.out or 0) < s.layout.slots for s in history.snapshots):
        yield from _below_the_slots(now)
    if not any(moved) or history.unmoved_ns() >= at_rest_ns:
        yield _at_rest(history)
    elif not all(moved):
        still = name_of(now, "in" if moved[1] else "out")
        yield _("{index} did not move, and the other one did; {way}").format(
            index=still, way=way_on
        )


def _fits(s: Snapshot) -> bool:
    """Whether the indices are counters of a ring one way round, where it is not known which."""
    if not s.layout.disputed or s.in_ is None or s.out is None:
        return False
    ways = ((s.in_, s.out), (s.out, s.in_))
    slots, size = s.layout.slots, s.layout.index_size
    return any(counted_on(slots, *way, None, None, size) is not None for way in ways)


def _below_the_slots(now: Snapshot) -> Iterator[str]:
    """Indices that start again with each lap are never more than N apart, whatever their programs do; only
    counts of both tell whether one passed the other.
    """
    exact, slots = now.exact, now.layout.slots
    made, taken = (None, None) if exact is None else (exact.produced, exact.consumed)
    if made is None or taken is None or min(made, taken) < slots:
        yield _(
            "{in_} and {out} stay below {slots:,}: they do not tell whether its producer goes on over what "
            "nobody took; counts of both would: shmtui attach {command} --exact"
        ).format(
            in_=name_of(now, "in"), out=name_of(now, "out"), slots=slots, command=target(now)
        )  # fmt: skip
    elif abs(made - taken) > slots:
        yield _(
            "{made:,} were put in and {taken:,} taken, of {slots:,} slots: its producer goes on over what "
            "nobody took, or its consumer over what nobody put in"
        ).format(made=made, taken=taken, slots=slots)


def full_text(s: Snapshot) -> str:
    """How many slots may be full, of a ring without a lock whose indices leave that open; empty: of another,
    or where that is known.
    """
    counts = possible_items(s)
    if len(counts) < 2:
        return ""
    least, most = (f"{count:,}" for count in counts)
    text = _("{least} or {most} of {slots:,} full")
    return text.format(least=least, most=most, slots=s.layout.slots)


def possible_items(s: Snapshot) -> tuple[int, ...]:
    """The numbers of items that the indices of a ring without a lock allow; none where they allow no one
    of them, or nothing is left open.
    """
    slots, in_, out = s.layout.slots, s.in_, s.out
    if not s.layout.lock_free or s.occupancy is not None or in_ is None or out is None:
        return ()
    inside = 0 <= in_ < slots and 0 <= out < slots
    items = (in_ - out) % slots
    return tuple(sorted({items, slots - items})) if inside else ()


def _at_rest(history: History) -> str:
    now, full = history.now, history.now.occupancy
    possible = _(" or ").join(map(str, possible_items(now)))
    ended = {p.pid: p for p in (*vanished(history), *now.processes) if not p.alive}
    text = _(
        "nothing moved for {time}, with {count} of {slots} slots full: a ring without a lock does not tell whether it is idle or stuck; only the source of its programs says whether anybody waits"
    ).format(
        time=seconds(history.unmoved_ns()),
        count=(possible or _("an unknown number")) if full is None else full,
        slots=now.layout.slots,
    )
    if not ended:
        return text
    gone = ", ".join(f"{p.label}: {p.ending or word(p.state)}" for p in ended.values())
    lost = _("what it had begun is not told by the indices")
    return f"{text}; {gone}; {lost}"


def name_of(s: Snapshot, index: str) -> str:
    """An index with the program's own name for it: ``in (head)``."""
    names_ = dict(zip(("in", "out"), s.layout.index_names, strict=False))
    own = names_.get(index, index)
    return index if own == index else f"{index} ({own})"


def counting(s: Snapshot) -> str:
    """Whether the indices run on or start again with each lap: while neither has reached N both look
    the same.
    """
    highest = max(s.in_ or 0, s.out or 0)
    if s.counts_on:
        return _("indices that run on")
    return _("indices below N") if highest < s.layout.slots else _("indices out of step")


def writers(s: Snapshot, index: str) -> tuple[Process, ...] | None:
    """The processes that store an index: those that were seen to, or, while it moves, the only one there
    is that can write to the segment. None: unknown.
    """
    produces, rates = index == "in", s.throughput
    role = Role.PRODUCER if produces else Role.CONSUMER
    if seen := tuple(p for p in s.processes if p.alive and (p.role is role or index in p.stores)):
        return seen
    crew = living(s)
    alone = len(crew) == 1 and all(p.alive for p in s.processes) and not s.unseen
    moves = rates.produced_per_s if produces else rates.consumed_per_s
    told = alone and s.elsewhere is None and moves and crew[0].role is Role.UNKNOWN
    return tuple(crew) if told else None


def _moved(history: History) -> tuple[bool, bool]:
    """Whether ``in`` moved, and ``out``."""
    return (
        len({s.in_ for s in history.snapshots}) > 1,
        len({s.out for s in history.snapshots}) > 1,
    )
