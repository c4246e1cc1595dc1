"""The doctor: what is wrong with a buffer, told from a short history of snapshots. Pure.

A snapshot is not atomic, and what looks wrong in one may be a permit on its way.
So a finding rests on several looks that agree, for a time that is given with it,
and everything that could move has to be accounted for. What cannot be seen lowers
the certainty; a full or an empty buffer with slow peers is health, not sickness.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from shmtui.diagnosis.audit import items_lost
from shmtui.diagnosis.history import SETTLED_NS, History
from shmtui.diagnosis.rules.files import bad_index, file_events, orphan
from shmtui.diagnosis.rules.permits import held_mutex, lost_permit
from shmtui.diagnosis.rules.progress import kept_lock, starved, unwoken
from shmtui.diagnosis.rules.semaphores import (
    ghost_waiter,
    mixed_libc,
    mutex_overflow,
    never_initialised,
    process_private,
)
from shmtui.i18n import _
from shmtui.snapshot import Certainty, Finding, Health, LayoutSource, Snapshot, Status

HISTORY_NS: Final = 12_000_000_000
"""How much history the rules look back on."""
ABSENCES: Final = frozenset(
    {"dead-holder", "wrong-order", "lost-permit", "ghost-waiter", "stalled", "orphan"}
)
"""Findings that rest on what nobody does: all of /proc is searched before one is told."""

RULES: Final[tuple[Callable[[History], Iterator[Finding]], ...]] = (
    never_initialised,
    process_private,
    mutex_overflow,
    held_mutex,
    lost_permit,
    ghost_waiter,
    mixed_libc,
    unwoken,
    kept_lock,
    starved,
    bad_index,
    file_events,
    orphan,
    lambda history: items_lost(history.now),
)


def diagnose(snapshots: Sequence[Snapshot]) -> Health:
    """The health as of the last snapshot; the oldest comes first.

    Nothing found in less than a second of watching is not health yet: it is unknown.
    """
    if not snapshots or snapshots[-1].layout.source is LayoutSource.RAW:
        return Health()
    history = History(tuple(snapshots))
    findings = [finding for rule in RULES for finding in rule(history)]
    if history.now.layout.assumed:
        reasons = history.now.layout.assumptions
        findings = [_less_sure(finding, reasons) for finding in findings]
    findings.sort(key=lambda f: (f.severity is not Status.CRITICAL, f.code))
    if any(f.severity is Status.CRITICAL for f in findings):
        return Health(Status.CRITICAL, tuple(findings))
    if findings:
        return Health(Status.WARNING, tuple(findings))
    watched = history.now.monotonic_ns - history.snapshots[0].monotonic_ns
    blind = not history.now.semaphores or history.now.in_ is None
    return Health(Status.UNKNOWN if blind or watched < SETTLED_NS else Status.OK)


def to_verify(found: Health, told: Health) -> bool:
    """Whether something is found that rests on an absence and was not found before."""
    before = {(f.code, f.subject) for f in told.findings}
    return any(f.code in ABSENCES and (f.code, f.subject) not in before for f in found.findings)


def _less_sure(finding: Finding, reasons: tuple[str, ...]) -> Finding:
    """No finding is surer than the layout that it is read by."""
    if finding.certainty is not Certainty.CERTAIN:
        return finding
    facts = [_("the layout is likely only: {reason}").format(reason=reason) for reason in reasons]
    return replace(finding, certainty=Certainty.LIKELY, evidence=(*finding.evidence, *facts))
