"""What is wrong with a buffer, concluded from a short history of its snapshots. Pure.

A snapshot is not atomic, and a permit that is missing in one may be on its way. So a finding
rests on several snapshots that agree, for a time that its evidence gives, and accounts for
every process that could move something. What cannot be seen lowers its certainty. A full or an
empty buffer with slow peers is healthy.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from shmtui.diagnosis.audit import items_lost
from shmtui.diagnosis.history import (
    POSTERS,
    SETTLED_NS,
    History,
    deficit_of,
    living,
    lock_taken,
    still_asleep,
)
from shmtui.diagnosis.left_waiting import held_on
from shmtui.diagnosis.rules import (
    conditions,
    dead_holder,
    dead_owner,
    files,
    indices,
    initialisation,
    lock_free,
    permits,
    process_private,
    progress,
    semaphores,
)
from shmtui.diagnosis.undecided import undecided
from shmtui.diagnosis.wording import seconds
from shmtui.i18n import _, ngettext
from shmtui.procfs.target import has_name
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import Certainty, Finding, Health, Snapshot, Status

HISTORY_NS: Final = 12_000_000_000
"""How far back the rules look."""
HARMLESS: Final = frozenset({"ghost-waiter"})
"""Findings that keep nobody from going on: what else is wrong, or left open, is told beside them."""
ABSENCES: Final = frozenset(
    {"dead-holder", "wrong-order", "lost-permit", "ghost-waiter", "stalled", "orphan",
     "nobody-left"}
)  # fmt: skip
"""Findings that rest on what no process does: all of /proc is searched before one is reported."""

CAUSES: Final = frozenset(
    {"never-initialised", "late-init", "process-private", "private-mapping", "other-struct",
     "mixed-libc", "no-size", "truncated", "replaced", "older-segment"}
)  # fmt: skip
"""Findings that may be why others are there: of two that are as severe, they are told first."""

RULES: Final[tuple[Callable[[History], Iterator[Finding]], ...]] = (
    initialisation.never_initialised,
    initialisation.late_init,
    process_private.process_private,
    semaphores.mutex_overflow,
    dead_holder.held_mutex,
    dead_owner.dead_owner,
    dead_owner.not_recoverable,
    permits.permits,
    semaphores.ghost_waiter,
    semaphores.mixed_libc,
    progress.unwoken,
    progress.kept_lock,
    progress.nobody_left,
    conditions.unsignalled,
    conditions.private_objects,
    progress.starved,
    indices.bad_index,
    indices.unfitting_indices,
    files.file_events,
    files.older_segment,
    files.private_mapping,
    files.orphan,
    items_lost,
)

RAW_RULES: Final = (files.file_events, files.older_segment, files.no_size)
"""The rules that need no layout."""
LOCK_FREE_RULES: Final = (
    files.file_events,
    files.older_segment,
    files.private_mapping,
    files.orphan,
)
"""Those of a ring without a lock: nothing tells whether it is stuck."""
LAYOUT_RULES: Final = (files.other_width, files.other_struct, files.other_place)
"""The rules that show that the layout is not the program's: then no other is asked."""


def diagnose(snapshots: Sequence[Snapshot]) -> Health:
    """The health as of the last of ``snapshots``, the oldest first.

    Without a finding it is ok where nothing is left undecided, and unknown else. Findings that keep
    nobody from going on explain nothing: what is left undecided is told beside them.
    """
    if not snapshots:
        return Health()
    history = History(still_asleep(tuple(snapshots)))
    findings = _findings(history)
    if history.now.layout.assumed:
        reasons = history.now.layout.assumptions
        findings = [_at_most_likely(finding, reasons) for finding in findings]
    findings.sort(key=lambda f: (f.severity is not Status.CRITICAL, f.code not in CAUSES, f.code))
    if any(f.severity is Status.CRITICAL for f in findings):
        return Health(Status.CRITICAL, tuple(findings))
    harmless = all(f.code in HARMLESS for f in findings)
    doubts = tuple(undecided(history)) if harmless else ()
    if findings:
        return Health(Status.WARNING, tuple(findings), undecided=doubts)
    status = Status.UNKNOWN if doubts else Status.OK
    early = history.watched_ns < SETTLED_NS
    return Health(status, judged=tuple(judged(history)), undecided=doubts, early=early)


def _findings(history: History) -> list[Finding]:
    def by(rules: Sequence[Callable[[History], Iterator[Finding]]]) -> list[Finding]:
        return [finding for rule in rules for finding in rule(history)]

    if history.now.layout.source is LayoutSource.RAW:
        return by(RAW_RULES)
    if history.now.layout.lock_free:
        return by(LOCK_FREE_RULES)
    unfit = by(LAYOUT_RULES)
    # What a word of its own stands for in the ring is not known either.
    strange = unfit or files.by_words_beside(history)
    if strange:
        return unfit + by(RAW_RULES)
    found = by(RULES)
    told = any(finding.code not in HARMLESS for finding in found)
    return found if told else found + by((progress.nobody_wakes,))


def to_verify(found: Health, reported: Health) -> bool:
    """Whether a finding rests on an absence and was not ``reported`` before."""
    before = {(f.code, f.subject) for f in reported.findings}
    return any(f.code in ABSENCES and (f.code, f.subject) not in before for f in found.findings)


def _at_most_likely(finding: Finding, reasons: tuple[str, ...]) -> Finding:
    """The finding, no surer than the layout that its values are read by."""
    if finding.certainty is not Certainty.CERTAIN and not finding.death_seen:
        return finding
    facts = [_("assumed: {assumption}").format(assumption=reason) for reason in reasons]
    evidence = (*finding.evidence, *facts)
    return replace(finding, certainty=Certainty.LIKELY, evidence=evidence, death_seen=False)


def judged(history: History) -> Iterator[str]:
    """What the samples showed to be right, a clause each."""
    now, count = history.now, len(history.snapshots)
    named = has_name(now.segment.name)
    yield _("the file has its name and its size") if named else _("it has its size")
    if now.alone is not None and now.alone.value is not None:
        yield _("its value is {value:,}, and {count} wait").format(
            value=now.alone.value, count=now.alone.waiters or _("none")
        )
    if now.layout.lock_free:
        yield from lock_free.judged(history)
    elif now.in_ is not None:
        yield _("in and out are inside the ring")
    free = sum(1 for s in history.snapshots if not lock_taken(s))
    if (SemaphoreRole.MUTEX in now.semaphores or conditions.lock_of(now)) and free:
        yield _("{mutex} was free in {free} of {count} samples").format(
            **now.own_names, free=free, count=count
        )
    yield from held_on(history)
    wrong, steady = conditions.misfits(history)
    if steady > wrong:
        yield _("the count of items fitted in and out in {count} of {samples} samples").format(
            count=steady - wrong, samples=steady
        )
    whole = sum(1 for s in history.snapshots if deficit_of(s) == 0)
    if whole:
        yield _("{empty} + {full} was {slots} in {whole} of {count} samples").format(
            **now.own_names, slots=now.layout.slots, whole=whole, count=count
        )
    if history.items_moved and not now.layout.lock_free:
        ago = seconds(now.monotonic_ns - now.moves.last_ns)
        rests = history.at_rest and now.moves.count
        yield (
            _("items moved, the last one {time} ago").format(time=ago)
            if rests
            else _("items moved")
        )
    crew = living(now)
    for role, poster in POSTERS.items():
        if history.workers_only and crew and all(p.waits == (role,) for p in crew):
            yield _(
                "no {poster} is there to post {semaphore}; the shmtui that made it may add one"
            ).format(poster=_(poster.value), semaphore=now.own_names[role])
    if crew and not now.hidden:
        yield ngettext(
            "the waits of {count} process were read",
            "the waits of {count} processes were read",
            len(crew),
        ).format(count=len(crew))
