"""What a snapshot says of the ring, its semaphores, its locks and its rates, as lines of text. Pure."""

from collections.abc import Iterator
from typing import Final

from shmtui.diagnosis.rules.lock_free import counting, full_text, name_of, writers
from shmtui.diagnosis.wording import names
from shmtui.i18n import _, ngettext
from shmtui.report.snapshot_json import rfc3339
from shmtui.sanitize import inert
from shmtui.shm.item_counts import ExactCounts, Method
from shmtui.shm.sync_object import SyncObject, own_name
from shmtui.shm.value import value_text
from shmtui.snapshot import Snapshot, word


def buffer_lines(snapshot: Snapshot) -> Iterator[str]:
    """The lines of a segment whose layout is known."""
    ring = snapshot.layout.has_ring
    if ring:
        yield labelled(_("ring")) + ring_line(snapshot)
        if snapshot.slots:
            yield labelled(_("slots")) + slots_line(snapshot)
        if snapshot.layout.lock_free:
            yield labelled(_("no lock")) + stores_line(snapshot)
        elif snapshot.semaphores or not snapshot.sync:
            yield labelled(_("semaphores")) + semaphores_line(snapshot)
    for each in snapshot.sync:
        if not (ring and each.among_semaphores):
            yield labelled(_("lock")) + sync_line(each, snapshot)
    if ring:
        yield labelled(_("throughput")) + throughput_line(snapshot)
    if snapshot.exact is not None:
        yield labelled(_("counted")) + exact_line(snapshot.exact)


def labelled(label: str) -> str:
    """The start of a line: what it is about, in a column of its own."""
    return f"  {label:<11} "


def ring_line(snapshot: Snapshot) -> str:
    """Occupancy and indices."""
    slots = snapshot.layout.slots
    indices = "   ".join(
        f"{inert(name_of(snapshot, name))} {_known(value)}"
        for name, value in (("in", snapshot.in_), ("out", snapshot.out))
    )
    if snapshot.occupancy is None:
        return (full_text(snapshot) or _("occupancy unknown")) + f"   {indices}"
    share = 100 * snapshot.occupancy / slots
    text = _("{count:,} of {slots:,} full ({share:.0f} %)")
    return text.format(count=snapshot.occupancy, slots=slots, share=share) + f"   {indices}"


_BRACKETS: Final = {True: "[{}]", False: "({})", None: "{}"}
"""Of a slot that is full, empty, or not known to be either."""


def slots_line(snapshot: Snapshot) -> str:
    """The slots' values; an empty one in brackets of its own kind."""
    shown = [_BRACKETS[s.full].format(inert(value_text(s.value))) for s in snapshot.slots]
    rest = snapshot.layout.slots - len(shown)
    more = " … " + _("{count:,} more").format(count=rest) if rest else ""
    return " ".join(shown) + more + "   " + _("[full] (empty)")


def stores_line(snapshot: Snapshot) -> str:
    """How the indices of a ring without a lock count, and who stores each."""
    parts = [counting(snapshot)]
    for index in ("in", "out"):
        who = writers(snapshot, index)
        text = _("unknown") if who is None else names(who)
        parts.append(_("{index} stored by: {who}").format(index=name_of(snapshot, index), who=text))
    return inert(" · ".join(parts))


def semaphores_line(snapshot: Snapshot) -> str:
    """Names, values and waiters."""
    parts = []
    for role, state in snapshot.semaphores.items():
        waiting = f" ({waiting_words(state.waiters)})" if state.waiters else ""
        private = " " + _("PROCESS-PRIVATE") if state.shared is False else ""
        own = own_name(snapshot.sync, role)
        name = f"{role}={inert(own)}" if own else role
        parts.append(f"{name} {_known(state.value)}{waiting}{private}")
    if not parts:
        return _("none known")
    return " · ".join(parts) + f"   {snapshot.layout.semaphores}"


def waiting_words(count: int) -> str:
    """How many wait."""
    return ngettext("{count} waiting", "{count} waiting", count).format(count=count)


def sync_line(each: SyncObject, snapshot: Snapshot) -> str:
    """A lock or semaphore beside the three: its name, type, value, owner, and who waits for it."""
    kind = f"{inert(each.declared)} ({each.kind})" if each.declared else each.kind
    parts = [kind, *([] if each.offset is None else [f"@{each.offset:,}"])]
    if each.robustness is not None:
        parts.append(each.robustness.text)
    elif each.value is not None:
        free, held = _("free"), _("held")
        lock = each.kind != "sem_t"
        parts.append((free if each.value else held) if lock else f"{each.value:,}")
    if each.owner is not None:
        gone = " (" + _("no such thread") + ")" if each.owner_dead else ""
        parts.append(_("owner TID {tid}").format(tid=each.owner) + gone)
    waiting = inert(names(snapshot.waiting_for(each)))
    if each.waiters:
        parts.append(": ".join(filter(None, (waiting_words(each.waiters), waiting))))
    elif waiting:
        parts.append(_("waiting: {who}").format(who=waiting))
    if each.shared is False:
        parts.append(": ".join(filter(None, (_("PROCESS-PRIVATE"), each.why_private))))
    return f"{inert(each.name)}  " + " · ".join(parts)


def throughput_line(snapshot: Snapshot) -> str:
    """Both rates and how they are known."""
    rates = snapshot.throughput
    produced, consumed = (
        _bounded(rate, rates.method) for rate in (rates.produced_per_s, rates.consumed_per_s)
    )
    return _("produced {produced}   consumed {consumed}   method: {method}").format(
        produced=produced, consumed=consumed, method=word(rates.method)
    )


def exact_line(exact: ExactCounts) -> str:
    """Items counted by breakpoints, with what is watched and its cost; or why none are."""
    if exact.refused:
        return _("no exact counts: {why}").format(why=inert(exact.refused))
    if not exact.watched:
        return _("nothing counted yet: it begins with the next store that is seen")
    counts = _counted(exact)
    cost = _(
        "{hits:,.0f} hits/s on {what} at {micro:.1f} µs: {cost:.2f} % of a processor, and about "
        "{more:.1f} % for context switches"
    ).format(
        hits=exact.hits_per_s,
        what=", ".join(exact.watched),
        micro=1e6 * exact.hit_seconds,
        cost=exact.cost,
        more=exact.switch_cost,
    )
    return f"{counts}; {cost}"


def _counted(exact: ExactCounts) -> str:
    if exact.since is None or exact.produced is None:
        counts = _("not known yet how often an item is stored")
    else:
        text = _("{produced:,} produced, {consumed} consumed since {time}")
        counts = text.format(
            produced=exact.produced,
            consumed=_("an unknown number") if exact.consumed is None else f"{exact.consumed:,}",
            time=rfc3339(exact.since, "seconds"),
        )
    if exact.earlier.since is None:
        return counts
    text = _("at least {produced:,} before, since {time}; the count began anew")
    return f"{counts} ({text})".format(
        produced=exact.earlier.produced, time=rfc3339(exact.earlier.since, "seconds")
    )


def _bounded(rate: float | None, method: Method) -> str:
    """A rate, marked where it is a lower bound; at least 0 says nothing."""
    if method is Method.ESTIMATE and rate is not None:
        return f"≈ {rate:,.1f}/s"
    if method is not Method.LOWER_BOUND:
        return rate_text(rate)
    return f"≥ {rate_text(rate)}" if rate else _("unknown")


def rate_text(rate: float | None) -> str:
    """A measured rate.

    >>> rate_text(None), rate_text(0.5), rate_text(12345.6)
    ('unknown', '0.50/s', '12,346/s')
    """
    if rate is None:
        return _("unknown")
    return f"{rate:,.0f}/s" if rate >= 1000 else f"{rate:.2f}/s"


def _known(value: int | None) -> str:
    return _("unknown") if value is None else f"{value:,}"
