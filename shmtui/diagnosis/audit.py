"""The balance of a buffer at rest: items produced, consumed and resident. Pure."""

from collections.abc import Callable, Iterator

from shmtui.diagnosis.history import History
from shmtui.i18n import _, ngettext
from shmtui.shm.item_counts import Audit, Totals
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Certainty, Finding, Snapshot, Status


def audit_of(
    snapshot: Snapshot,
    resident_sum: Callable[[int], int],
    *,
    foreign: bool = False,
    guests: int | None = None,
    in_hand: tuple[str, ...] = (),
    seconds: float = 0.0,
    died_mid_transfer: tuple[str, ...] = (),
) -> Audit:
    """The balance of what ``snapshot`` shows; ``resident_sum`` gives the checksum of so many items.

    ``foreign``: programs took part whose items were not counted. ``guests``: how many others may
    have, for a moment. ``in_hand``: workers that did
    not stop between two items. ``died_mid_transfer``: workers killed while moving an item.
    ``seconds``: how long the run was. Where ``in == out`` and the semaphores leave it open, the
    counts tell whether the ring is full or empty.
    """
    slots, moved = snapshot.layout.slots, snapshot.totals or Totals(0, 0, 0, 0)
    in_, out, resident = snapshot.in_, snapshot.out, snapshot.occupancy
    if resident is None and in_ is not None and in_ == out and 0 <= in_ < slots:
        resident = slots if moved.produced - moved.consumed == slots else 0
    values = [s.value for r, s in snapshot.semaphores.items() if r is not SemaphoreRole.MUTEX]
    return Audit(
        moved,
        slots,
        resident,
        None if resident is None else resident_sum(resident),
        foreign,
        guests,
        in_hand,
        sum(v for v in values if v is not None) if None not in values else None,
        died_mid_transfer=died_mid_transfer,
        seconds=seconds,
    )


def balance_text(audit: Audit) -> str:
    """Whether it balances, else how many items were lost or taken twice."""
    if audit.foreign:
        return _("balance unknown: other programs took part, and nobody counted their items")
    if audit.resident is None:
        return _("balance unknown: the ring's indices are not valid")
    if audit.lost_to_deaths:
        return ngettext(
            "balanced but for the item that {who} was moving when killed",
            "balanced but for the items that {who} were moving when killed",
            len(audit.died_mid_transfer),
        ).format(who=", ".join(audit.died_mid_transfer))
    if audit.balanced:
        return _("balanced: produced - consumed = resident, in count and in sum")
    if audit.guests:
        return _("balance unknown: {what}, or another program moved them: {guests}").format(
            what=imbalance_text(audit), guests=_guests_text(audit.guests)
        )
    text = _("NOT BALANCED: {what}").format(what=imbalance_text(audit))
    if audit.guests is None:
        text += _("; or another program moved them: who opens the segment could not be watched")
    return text


def _guests_text(count: int) -> str:
    return ngettext(
        "another program had the segment open for writing, {count} time at least",
        "other programs had the segment open for writing, {count} times at least",
        count,
    ).format(count=count)


def imbalance_text(audit: Audit) -> str:
    """How many items were lost or taken twice, where it does not balance.

    >>> from shmtui.shm.item_counts import Totals
    >>> imbalance_text(Audit(Totals(9, 4, 36, 6), slots=5, resident=4, resident_sum=15))
    '1 item lost, or 1 plus or minus a multiple of 5: the indices count modulo 5'
    """
    missing = audit.missing or 0
    if missing > 0:
        text = ngettext("{count} item lost", "{count} items lost", missing)
    else:
        text = ngettext("{count} item taken twice", "{count} items taken twice", -missing)
    if missing:
        bound = _(
            "{text}, or {count} plus or minus a multiple of {slots}: the indices count modulo {slots}"
        )
        count = f"{abs(missing):,}"
        return bound.format(text=text.format(count=count), count=count, slots=audit.slots)
    return _(
        "as many items lost as taken twice: the counts agree and the sums differ by {difference}"
    ).format(difference=f"{audit.sum_difference:,}")


def items_lost(history: History) -> Iterator[Finding]:
    """The last audit does not balance."""
    snapshot = history.now
    audit = snapshot.audit
    if audit is None or audit.balanced is not False or audit.lost_to_deaths or audit.guests:
        return
    unwatched = _("assumed: no other program opened the segment for a moment")
    moved = audit.moved
    yield Finding(
        "items-lost",
        Status.CRITICAL,
        imbalance_text(audit),
        (
            _("produced {made}, consumed {used}, in the ring {resident}").format(
                made=f"{moved.produced:,}",
                used=f"{moved.consumed:,}",
                resident=f"{audit.resident:,}",
            ),
            _("sums modulo 2**64: produced {made}, consumed {used}, in the ring {resident}").format(
                made=moved.produced_sum, used=moved.consumed_sum, resident=audit.resident_sum
            ),
            _(
                "the imbalance is certain; its size is known modulo {slots} only, from the indices"
            ).format(slots=audit.slots),
            *(() if audit.guests == 0 else (unwatched,)),
            *history.assumptions,
        ),
        history.certainty if audit.guests == 0 else Certainty.LIKELY,
        _(
            "look for code that moves an index without holding {mutex}; lost items do not come back: "
            "start the programs again"
        ).format(**history.names),
    )


def audit_report(audit: Audit) -> Iterator[str]:
    """The lines of an audit report."""
    moved = audit.moved
    resident = _("unknown") if audit.resident is None else f"{audit.resident:,}"
    for label, count in (
        (_("produced"), f"{moved.produced:,}"),
        (_("consumed"), f"{moved.consumed:,}"),
        (_("resident"), resident),
    ):
        yield f"{label:<12}{count:>16}"
    yield ""
    yield balance_text(audit)
    if audit.in_hand:
        text = ngettext(
            "{count} worker did not stop between two items: {who}",
            "{count} workers did not stop between two items: {who}",
            len(audit.in_hand),
        )
        yield text.format(count=len(audit.in_hand), who=", ".join(audit.in_hand))
    if audit.permits is not None and audit.permits != audit.slots:
        text = _("empty + full = {permits} of {slots}").format(
            permits=audit.permits, slots=audit.slots
        )
        yield text
