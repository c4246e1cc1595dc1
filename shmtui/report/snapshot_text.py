"""The snapshot as lines of text for ``stat``, and the summary of a headless run. Pure."""

import math
import platform
from collections.abc import Iterator

from shmtui import __version__
from shmtui.diagnosis.audit import balance_text
from shmtui.diagnosis.rules.lock_free import counting, name_of, writers
from shmtui.diagnosis.wording import names
from shmtui.i18n import N_, _, ngettext
from shmtui.layouts.describe import source_words
from shmtui.report.snapshot_json import rfc3339
from shmtui.sanitize import inert
from shmtui.shm.item_counts import Audit, ExactCounts
from shmtui.shm.protocol import format_rate
from shmtui.shm.sync_object import SyncObject, own_name
from shmtui.shm.value import value_text
from shmtui.snapshot import (
    Finding,
    LayoutSource,
    Method,
    Process,
    Snapshot,
    word,
)

_COLUMNS = (
    N_("PID"), N_("process"), N_("role"), N_("state"), N_("blocked on"), N_("target/s"),
    N_("rate/s"), N_("items"),
)  # fmt: skip
_WIDTHS = (8, 24, 9, 17, 11, 9, 11, 14)
_CANDIDATES = 20
"""Layouts shown of those that fit."""
_LEFT = 5
"""The first five columns but the PID are text, and stand to the left."""


def snapshot_lines(snapshot: Snapshot) -> Iterator[str]:
    """All that a snapshot says, for a person."""
    yield heading(snapshot)
    if snapshot.alone is not None:
        yield labelled(_("semaphore")) + sync_line(snapshot.alone)
    elif snapshot.layout.source is LayoutSource.RAW:
        yield labelled(_("layout")) + _layout_unknown(len(snapshot.layout.candidates))
        for candidate in snapshot.layout.candidates[:_CANDIDATES]:
            yield labelled(_("candidate")) + candidate
        more = len(snapshot.layout.candidates) - _CANDIDATES
        if more > 0:
            yield labelled(_("candidate")) + _("… {count:,} more in --json").format(count=more)
    else:
        yield from _buffer_lines(snapshot)
    for assumption in snapshot.layout.assumptions:
        yield labelled(_("layout")) + inert(assumption)
    if not snapshot.processes:
        yield labelled(_("processes")) + _("none that this user can see maps it")
    else:
        yield "  " + table_row(tuple(_(title) for title in _COLUMNS))
    for process in snapshot.processes:
        yield "  " + table_row(process_cells(process))
    yield labelled(_("health")) + word(snapshot.health.status)
    for finding in snapshot.health.findings:
        yield from finding_lines(finding)
    yield from _sight_lines(snapshot)


def _layout_unknown(fitting: int) -> str:
    if fitting:
        text = ngettext(
            "not sure: {count} fits so far; say it with --header FILE, --slots N or as below",
            "not sure: {count} fit so far; say it with --header FILE, --slots N or one of these",
            fitting,
        )
        return text.format(count=fitting)
    return _(
        "unknown: no bounded buffer is recognised; say it with --header FILE, --slots N "
        "(--item TYPE) or --layout; attach shows the bytes"
    )


def _sight_lines(snapshot: Snapshot) -> Iterator[str]:
    """What is assumed of processes that cannot be read, and what is hidden."""
    for assumption in snapshot.assumptions:
        yield labelled(_("assumed")) + inert(assumption)
    for limit in snapshot.limits:
        yield labelled(_("hidden")) + inert(limit)


def check_lines(snapshot: Snapshot, seconds: float) -> Iterator[str]:
    """The findings, or what was judged and what is undecided, with all that a ticket needs."""
    health = snapshot.health
    yield heading(snapshot)
    yield labelled(_("looked at")) + _(
        "{time} for {seconds:g} s on {host} by shmtui {version}"
    ).format(
        time=rfc3339(snapshot.time, "seconds"),
        seconds=seconds,
        host=inert(platform.node()),
        version=__version__,
    )
    for assumption in snapshot.layout.assumptions:
        yield labelled(_("layout")) + inert(assumption)
    for finding in health.findings:
        yield from finding_lines(finding)
    for reason in health.undecided:
        yield "  " + _("undecided: {reason}").format(reason=inert(reason))
    if not health.findings and not health.undecided:
        yield "  " + _("{status}: no findings in {seconds:g} s").format(
            status=word(health.status), seconds=seconds
        )
    if not health.findings:
        for fact in health.judged:
            yield f"{'':14}· {inert(fact)}"
    yield from _sight_lines(snapshot)


def _buffer_lines(snapshot: Snapshot) -> Iterator[str]:
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
            yield labelled(_("lock")) + sync_line(each)
    if ring:
        yield labelled(_("throughput")) + throughput_line(snapshot)
    if snapshot.exact is not None:
        yield labelled(_("counted")) + exact_line(snapshot.exact)


def labelled(label: str) -> str:
    """The start of a line: what it is about, in a column of its own."""
    return f"  {label:<11} "


def finding_lines(finding: Finding) -> Iterator[str]:
    """A finding: severity and code, claim, evidence, certainty, remedy."""
    sure = word(finding.certainty)
    yield labelled(word(finding.severity)) + f"{finding.code} ({sure}): {inert(finding.claim)}"
    for fact in finding.evidence:
        yield f"{'':14}· {inert(fact)}"
    yield f"{'':14}→ {inert(finding.remedy)}"


def heading(snapshot: Snapshot) -> str:
    """Name, shape, size, mode, inode, owner."""
    segment, layout = snapshot.segment, snapshot.layout
    gone = _("REPLACED") if segment.replaced else _("UNLINKED") if segment.unlinked else ""
    shape = f"{layout.slots:,} × {inert(layout.item_type)}" if layout.slots else ""
    facts = (
        shape,
        f"≈ {segment.size:,} B" if segment.size_mapped else f"{segment.size:,} B",
        "" if segment.size_mapped else f"{segment.mode:04o}",
        f"inode {segment.inode}",
        "" if segment.size_mapped else inert(segment.owner),
        gone,
        _("layout: {source}").format(source=inert(source_words(layout.source, layout.origin))),
    )
    return f"{inert(segment.name)}  " + " · ".join(fact for fact in facts if fact)


def ring_line(snapshot: Snapshot) -> str:
    """Occupancy and indices."""
    slots = snapshot.layout.slots
    indices = "   ".join(
        f"{inert(name_of(snapshot, name))} {_known(value)}"
        for name, value in (("in", snapshot.in_), ("out", snapshot.out))
    )
    if snapshot.occupancy is None:
        return _("occupancy unknown") + f"   {indices}"
    share = 100 * snapshot.occupancy / slots
    text = _("{count:,} of {slots:,} full ({share:.0f} %)")
    return text.format(count=snapshot.occupancy, slots=slots, share=share) + f"   {indices}"


def slots_line(snapshot: Snapshot) -> str:
    """The slots' values; an empty one in brackets of its own kind."""
    shown = [
        f"[{inert(value_text(s.value))}]" if s.full else f"({inert(value_text(s.value))})"
        for s in snapshot.slots
    ]
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
        waiting = ""
        if state.waiters:
            text = ngettext("{count} waiting", "{count} waiting", state.waiters)
            waiting = f" ({text.format(count=state.waiters)})"
        private = " " + _("PROCESS-PRIVATE") if state.shared is False else ""
        own = own_name(snapshot.sync, role)
        name = f"{role}={inert(own)}" if own else role
        parts.append(f"{name} {_known(state.value)}{waiting}{private}")
    if not parts:
        return _("none known")
    return " · ".join(parts) + f"   {snapshot.layout.semaphores}"


def sync_line(each: SyncObject) -> str:
    """A lock or semaphore beside the three: its name, type, value, owner and waiters."""
    kind = f"{inert(each.declared)} ({each.kind})" if each.declared else each.kind
    parts = [kind, *([] if each.offset is None else [f"@{each.offset:,}"])]
    if each.value is not None:
        free, held = _("free"), _("held")
        lock = each.kind != "sem_t"
        parts.append((free if each.value else held) if lock else f"{each.value:,}")
    if each.owner is not None:
        gone = " (" + _("no such thread") + ")" if each.owner_dead else ""
        parts.append(_("owner TID {tid}").format(tid=each.owner) + gone)
    if each.waiters:
        text = ngettext("{count} waiting", "{count} waiting", each.waiters)
        parts.append(text.format(count=each.waiters))
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
    if exact.since is None or exact.produced is None or exact.consumed is None:
        counts = _("not known yet how often an item is stored")
    else:
        counts = _("{produced:,} produced, {consumed:,} consumed since {time}").format(
            produced=exact.produced,
            consumed=exact.consumed,
            time=rfc3339(exact.since, "seconds"),
        )
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


def process_cells(process: Process) -> tuple[str, ...]:
    """A process's row."""
    target = process.target_rate
    blocked = process.blocked_on or inert(", ".join(process.sleeps_on)) or "-"
    if process.blocked_on and process.wakeable is False:
        blocked += " !"
    return (
        str(process.pid),
        inert(process.name),
        word(process.role),
        process.ending or word(process.state),
        blocked,
        "-" if target is None else format_rate(target),
        "-" if process.rate is None else rate_text(process.rate).removesuffix("/s"),
        "-" if process.items is None else f"{process.items:,}",
    )


def table_row(cells: tuple[str, ...]) -> str:
    """Cells in their columns: the PID and numbers to the right, words to the left."""
    out = []
    for index, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True)):
        text = cell if len(cell) <= width else cell[: width - 1] + "…"
        out.append(text.ljust(width) if 0 < index < _LEFT else text.rjust(width))
    return "  ".join(out).rstrip()


def totals_lines(totals: Audit) -> Iterator[str]:
    """What a headless run says at its end."""
    moved, seconds = totals.moved, totals.seconds
    made, used = (
        f"{count:>14,}   {rate_text(_per(count, seconds))}"
        for count in (moved.produced, moved.consumed)
    )
    yield f"{_('produced'):<10}{made}"
    yield f"{_('consumed'):<10}{used}"
    resident = _("unknown") if totals.resident is None else f"{totals.resident:,}"
    yield f"{_('resident'):<10}{resident:>14}"
    yield f"{seconds:.2f} s, {balance_text(totals)}"


def _per(count: int, seconds: float) -> float | None:
    return count / seconds if seconds > 0 and math.isfinite(seconds) else None


def _known(value: int | None) -> str:
    return _("unknown") if value is None else f"{value:,}"
