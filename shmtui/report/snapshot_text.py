"""The snapshot as lines of text for ``stat``, and the summary of a headless run. Pure."""

import math
import platform
from collections.abc import Iterator

from shmtui import __version__
from shmtui.diagnosis.audit import balance_text
from shmtui.i18n import N_, _, ngettext
from shmtui.layouts.describe import source_words
from shmtui.report.buffer_text import buffer_lines, labelled, rate_text, sync_line
from shmtui.report.snapshot_json import rfc3339
from shmtui.sanitize import inert
from shmtui.shm.item_counts import Audit
from shmtui.shm.protocol import format_rate
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import Finding, Process, Snapshot, Status, word

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
        yield labelled(_("semaphore")) + sync_line(snapshot.alone, snapshot)
    elif snapshot.layout.source is LayoutSource.RAW:
        yield labelled(_("layout")) + _layout_unknown(len(snapshot.layout.candidates))
        for candidate in snapshot.layout.candidates[:_CANDIDATES]:
            yield labelled(_("candidate")) + candidate
        more = len(snapshot.layout.candidates) - _CANDIDATES
        if more > 0:
            yield labelled(_("candidate")) + _("… {count:,} more in --json").format(count=more)
    else:
        yield from buffer_lines(snapshot)
    for assumption in snapshot.layout.assumptions:
        yield labelled(_("layout")) + inert(assumption)
    yield from process_lines(snapshot)
    status = word(snapshot.health.status)
    if snapshot.health.status is Status.UNKNOWN:
        status = _("{status}: shmtui check watches it for longer, and says why").format(
            status=status
        )
    yield labelled(_("health")) + status
    for finding in snapshot.health.findings:
        yield from finding_lines(finding)
    yield from sight_lines(snapshot)


def process_lines(snapshot: Snapshot) -> Iterator[str]:
    """A table of the processes."""
    if not snapshot.processes:
        yield labelled(_("processes")) + _("none that this user can see maps it")
    else:
        yield "  " + table_row(tuple(_(title) for title in _COLUMNS))
    for process in snapshot.processes:
        yield "  " + table_row(process_cells(process))


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


def sight_lines(snapshot: Snapshot) -> Iterator[str]:
    """What is assumed of processes that cannot be read, and what is hidden."""
    for assumption in snapshot.assumptions:
        yield labelled(_("assumed")) + inert(assumption)
    for limit in snapshot.limits:
        yield labelled(_("hidden")) + inert(limit)


def check_lines(
    snapshot: Snapshot, seconds: float, host: str | None = None, version: str = __version__
) -> Iterator[str]:
    """The findings, or what was judged and what is undecided, with all that a ticket needs. ``host``: where
    it was looked at; by default here.
    """
    health = snapshot.health
    host = platform.node() if host is None else host or _("unknown")
    yield heading(snapshot)
    yield labelled(_("looked at")) + _(
        "{time} for {seconds:g} s on {host} by shmtui {version}"
    ).format(
        time=rfc3339(snapshot.time, "seconds"),
        seconds=seconds,
        host=inert(host),
        version=inert(version),
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
    yield from sight_lines(snapshot)


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


def process_cells(process: Process) -> tuple[str, ...]:
    """A process's row."""
    target = process.target_rate
    blocked = inert(process.blocked_word) or inert(", ".join(process.sleeps_on)) or "-"
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
    alone = f"   {_('by workers alone')}" if totals.foreign else ""
    made, used = (
        f"{count:>14,}   {rate_text(_per(count, seconds))}{alone}"
        for count in (moved.produced, moved.consumed)
    )
    yield f"{_('produced'):<10}{made}"
    yield f"{_('consumed'):<10}{used}"
    resident = _("unknown") if totals.resident is None else f"{totals.resident:,}"
    yield f"{_('resident'):<10}{resident:>14}"
    yield f"{seconds:.2f} s, {balance_text(totals)}"


def _per(count: int, seconds: float) -> float | None:
    return count / seconds if seconds > 0 and math.isfinite(seconds) else None
