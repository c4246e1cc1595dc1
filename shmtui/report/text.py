"""The snapshot as lines of text for ``stat``, and the summary of a headless run. Pure."""

import math
from collections.abc import Iterator

from shmtui.ipc.protocol import format_rate
from shmtui.ipc.shape import value_text
from shmtui.language import _
from shmtui.observe.audit import verdict
from shmtui.observe.layout_words import convention_words
from shmtui.observe.snapshot import Audit, Finding, LayoutSource, Method, Process, Snapshot
from shmtui.report.inert import inert

_COLUMNS = ("PID", "process", "role", "state", "blocked on", "target/s", "rate/s", "items")
_WIDTHS = (8, 24, 9, 17, 11, 9, 11, 14)
_CANDIDATES = 20
"""Layouts shown of those that fit."""
_LEFT = 5
"""The first five columns but the PID are text, and stand to the left."""


def snapshot_lines(snapshot: Snapshot) -> Iterator[str]:
    """All that a snapshot says, for a person."""
    yield heading(snapshot)
    if snapshot.layout.source is LayoutSource.RAW:
        yield "  layout      " + _(
            "unknown: no bounded buffer is recognised; say it with --header FILE, --slots N "
            "(--item TYPE) or --layout; attach shows the bytes"
        )
        for candidate in snapshot.layout.candidates[:_CANDIDATES]:
            yield f"  candidate   {candidate}"
        more = len(snapshot.layout.candidates) - _CANDIDATES
        if more > 0:
            yield "  candidate   " + _("… {count:,} more in --json").format(count=more)
    else:
        yield from _buffer_lines(snapshot)
        if snapshot.layout.by_convention:
            yield "  layout      " + inert(convention_words(snapshot.layout.by_convention))
        if snapshot.layout.assumed:
            yield "  layout      " + _(
                "taken for the exercise's by its name and size; {count} others fit too: "
                "--slots or --header says for sure"
            ).format(count=len(snapshot.layout.candidates) - 1)
    if not snapshot.processes:
        yield "  processes   none that this user can see maps it"
    else:
        yield "  " + table_row(_COLUMNS)
    for process in snapshot.processes:
        yield "  " + table_row(process_cells(process))
    yield f"  health      {snapshot.health.status}"
    for finding in snapshot.health.findings:
        yield from finding_lines(finding)
    for limit in snapshot.limits:
        yield f"  hidden      {inert(limit)}"


def _buffer_lines(snapshot: Snapshot) -> Iterator[str]:
    yield f"  ring        {ring_line(snapshot)}"
    if snapshot.slots:
        yield "  slots       " + slots_line(snapshot)
    yield f"  semaphores  {semaphores_line(snapshot)}"
    yield f"  throughput  {throughput_line(snapshot)}"


def finding_lines(finding: Finding) -> Iterator[str]:
    """A finding: severity and code, claim, evidence, certainty, remedy."""
    yield f"  {finding.severity:<11} {finding.code} ({finding.certainty}): {inert(finding.claim)}"
    for fact in finding.evidence:
        yield f"{'':14}· {inert(fact)}"
    yield f"{'':14}→ {inert(finding.remedy)}"


def heading(snapshot: Snapshot) -> str:
    """Name, shape, size, mode, inode, owner."""
    segment, layout = snapshot.segment, snapshot.layout
    gone = " · REPLACED" if segment.replaced else " · UNLINKED" if segment.unlinked else ""
    shape = f"{layout.slots:,} × {inert(layout.item_type)} · " if layout.slots else ""
    return (
        f"{inert(segment.name)}  {shape}{segment.size:,} B · "
        f"{segment.mode:04o} · inode {segment.inode} · {inert(segment.owner)}{gone} · "
        f"layout from {layout.source}"
    )


def ring_line(snapshot: Snapshot) -> str:
    """Occupancy and indices."""
    slots = snapshot.layout.slots
    indices = f"in {_known(snapshot.in_)}   out {_known(snapshot.out)}"
    if snapshot.occupancy is None:
        return f"occupancy unknown   {indices}"
    share = 100 * snapshot.occupancy / slots
    return f"{snapshot.occupancy:,} of {slots:,} full ({share:.0f} %)   {indices}"


def slots_line(snapshot: Snapshot) -> str:
    """The slots' values; an empty one in brackets of its own kind."""
    shown = [
        f"[{inert(value_text(s.value))}]" if s.full else f"({inert(value_text(s.value))})"
        for s in snapshot.slots
    ]
    rest = snapshot.layout.slots - len(shown)
    return " ".join(shown) + (f" … {rest:,} more" if rest else "") + "   [full] (empty)"


def semaphores_line(snapshot: Snapshot) -> str:
    """Values and waiters."""
    parts = []
    for role, state in snapshot.semaphores.items():
        waiting = f" ({state.waiters} waiting)" if state.waiters else ""
        private = " PROCESS-PRIVATE" if state.shared is False else ""
        parts.append(f"{role} {_known(state.value)}{waiting}{private}")
    return " · ".join(parts) + f"   {snapshot.layout.semaphores}"


def throughput_line(snapshot: Snapshot) -> str:
    """Both rates and how they are known."""
    rates = snapshot.throughput
    produced, consumed = (
        _bounded(rate, rates.method) for rate in (rates.produced_per_s, rates.consumed_per_s)
    )
    return f"produced {produced}   consumed {consumed}   method: {rates.method}"


def _bounded(rate: float | None, method: Method) -> str:
    """A rate, marked where it is a lower bound; at least 0 says nothing."""
    if method is not Method.LOWER_BOUND:
        return rate_text(rate)
    return f"≥ {rate_text(rate)}" if rate else "unknown"


def rate_text(rate: float | None) -> str:
    """A measured rate.

    >>> rate_text(None), rate_text(0.5), rate_text(12345.6)
    ('unknown', '0.50/s', '12,346/s')
    """
    if rate is None:
        return "unknown"
    return f"{rate:,.0f}/s" if rate >= 1000 else f"{rate:.2f}/s"


def process_cells(process: Process) -> tuple[str, ...]:
    """A process's row."""
    target = process.target_rate
    blocked = process.blocked_on or "-"
    if process.blocked_on and process.wakeable is False:
        blocked += " !"
    return (
        str(process.pid),
        inert(process.name),
        process.role,
        process.ending or process.state,
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
    yield f"produced  {moved.produced:>14,}   {rate_text(_per(moved.produced, seconds))}"
    yield f"consumed  {moved.consumed:>14,}   {rate_text(_per(moved.consumed, seconds))}"
    resident = "unknown" if totals.resident is None else f"{totals.resident:,}"
    yield f"resident  {resident:>14}"
    yield f"{seconds:.2f} s, {verdict(totals)}"


def _per(count: int, seconds: float) -> float | None:
    return count / seconds if seconds > 0 and math.isfinite(seconds) else None


def _known(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"
