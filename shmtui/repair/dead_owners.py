"""Unlocking pthread mutexes for owners that are dead: the plan, or why there is none. Pure.

Who holds such a mutex stands in it, and no other thread may unlock it (pthread_mutex_unlock(3)). But
glibc lets it: a child of the owner that goes on as a daemon, the program that it became, or another
one that it has made ready may still do so, even where the owner was killed. So a process that is not
asleep for good on a word of the segment has to be vouched for. Whether the data under the lock is whole is
another question, and no word of the segment answers it.
"""

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from shmtui.diagnosis.holders import awake
from shmtui.diagnosis.wording import names as process_names
from shmtui.i18n import _, ngettext
from shmtui.repair.consent import Consent
from shmtui.repair.plan import Plan, Refusal, Unlock, slots_digest
from shmtui.repair.protocol_positions import participants
from shmtui.repair.refusals import blocked_or_ended, disputed, if_idle, unseen
from shmtui.shm.layout import MUTEX_SIZE
from shmtui.shm.libc import Libc
from shmtui.shm.segment_info import LayoutSource
from shmtui.shm.sync_object import SyncObject, unlock_words, why_not_unlocked
from shmtui.shm.word_change import WordChange
from shmtui.snapshot import Certainty, Finding, Process, Snapshot

CODE = "dead-owner"
"""The finding that this ends."""

Read = Callable[[int, int], bytes]
"""Bytes of the segment: offset and length."""


def unlock_plan(
    snapshot: Snapshot,
    findings: Sequence[Finding],
    read: Read,
    consent: Consent,
    begun: Sequence[Unlock] = (),
) -> Plan | Refusal | None:
    """What unlocks the mutexes of the ``findings``; None where none of them is of a dead owner.

    ``begun``: what an interrupted repair was about to write, and has written in part.
    """
    wanted = tuple(finding for finding in findings if finding.code == CODE)
    if not wanted:
        return None
    refusal = _lost(snapshot, wanted) or _not_judged(snapshot, consent)
    if refusal is None and not begun:
        refusal = _left_to_another(snapshot, consent)
    if refusal is not None:
        return refusal
    found = list(_resumed(begun, read)) if begun else list(_unlocks(snapshot, wanted, read))
    refusals = [each for each in found if isinstance(each, Refusal)]
    unlocks = tuple(each for each in found if isinstance(each, Unlock))
    if not unlocks:
        return refusals[0] if refusals else _passed()
    doubt = snapshot.layout.assumed or snapshot.assumptions or snapshot.unseen or _awake(snapshot)
    # A short-lived program may have locked it, for another one to unlock.
    handed_on = not _owners_killed(snapshot, wanted)
    return Plan(
        findings=wanted,
        unlocks=unlocks,
        rests_on=tuple(_grounds(snapshot, unlocks, consent)),
        certainty=Certainty.LIKELY if doubt or handed_on else Certainty.CERTAIN,
        indices=(snapshot.in_, snapshot.out),
        slots=slots_digest(snapshot),
        participants=participants(snapshot.processes),
        waiting=waiting_for(unlocks, snapshot),
        watched_first=not (begun or consent.lock),
    )


def _lost(snapshot: Snapshot, findings: Sequence[Finding]) -> Refusal | None:
    """The refusal where all of them are robust, and cannot be locked any more."""
    subjects = {finding.subject for finding in findings}
    lost = [each for each in snapshot.sync if each.name in subjects and each.robustness]
    if not lost or any(each.owner_dead for each in snapshot.sync if each.name in subjects):
        return None
    why = _("no thread can lock it until it is initialised anew, which only its program may do")
    return _not_by_another(lost[0], why)


def _not_judged(snapshot: Snapshot, consent: Consent) -> Refusal | None:
    """The refusal where the bytes may be no mutex, or its owner may be one that is not seen."""
    layout = snapshot.layout
    if layout.source is LayoutSource.RAW:
        return Refusal(
            _("its layout is not known"), _("say the layout with --header, --slots or --layout")
        )
    if layout.disputed:
        return disputed(snapshot)
    if snapshot.unseen and not consent.covers_unseen(snapshot):
        return unseen(snapshot, consent)
    return None


def _awake(snapshot: Snapshot) -> list[Process]:
    """Those that may go on by themselves, and unlock it."""
    return [p for p in participants(snapshot.processes) if awake(p)]


def _owners_killed(snapshot: Snapshot, findings: Sequence[Finding]) -> bool:
    """Whether a signal was seen to end each of the owners."""
    subjects = {finding.subject for finding in findings}
    owners = {each.owner for each in snapshot.sync if each.name in subjects}
    return owners <= {p.pid for p in snapshot.processes if p.killed}


def _left_to_another(snapshot: Snapshot, consent: Consent) -> Refusal | None:
    """The refusal where somebody alive may be about to unlock one of them in its owner's place."""
    others = [p for p in _awake(snapshot) if p.pid not in consent.assume_idle]
    if not others:
        return None
    pids = tuple(p.pid for p in others)
    return Refusal(
        _("awake, and perhaps about to unlock it in its owner's place: {who}").format(
            who=process_names(others)
        ),
        if_idle(pids, consent, blocked_or_ended()),
        transient=True,
        needs_idle=pids,
    )


def _unlocks(
    snapshot: Snapshot, findings: Sequence[Finding], read: Read
) -> Iterator[Unlock | Refusal]:
    """What unlocks each mutex whose owner is dead, or why nothing does."""
    subjects = {finding.subject for finding in findings}
    libc = snapshot.layout.libc or Libc.GLIBC
    for each in snapshot.sync:
        if each.name not in subjects or not each.owner_dead or each.offset is None:
            continue
        raw = read(each.offset, MUTEX_SIZE)
        if each.kind != "pthread_mutex_t" or len(raw) < MUTEX_SIZE:
            yield _not_by_another(each, _("it is a {kind}").format(kind=each.kind))
        elif why := why_not_unlocked(raw, libc):
            yield _not_by_another(each, why)
        elif words := unlock_words(raw, libc, each.offset):
            yield Unlock(each.name, each.offset, words)


def _not_by_another(lock: SyncObject, why: str) -> Refusal:
    return Refusal(
        _("{lock} cannot be unlocked for its dead owner: {why}").format(lock=lock.name, why=why),
        _("end every process that maps it, and start them again with a new segment"),
    )


def _resumed(begun: Sequence[Unlock], read: Read) -> Iterator[Unlock]:
    """The same words; one that has come to wait meanwhile has marked the lock."""
    for unlock in begun:
        *others, lock = unlock.words
        now = int.from_bytes(read(lock.offset, lock.size), "little")
        yield replace(unlock, words=(*others, WordChange(lock.offset, lock.size, now, lock.after)))


def waiting_for(unlocks: Sequence[Unlock], snapshot: Snapshot) -> tuple[int, ...]:
    """PIDs of those that wait for one of the locks."""
    offsets = {unlock.offset for unlock in unlocks}
    locks = [each for each in snapshot.sync if each.offset in offsets]
    return tuple(
        process.pid
        for process in participants(snapshot.processes)
        if any(process.waits_for(lock) for lock in locks)
    )


def _grounds(snapshot: Snapshot, unlocks: Sequence[Unlock], consent: Consent) -> Iterator[str]:
    for unlock in unlocks:
        yield _("{lock} names its owner, thread {tid}, and no thread has that number").format(
            lock=unlock.name, tid=unlock.owner
        )
    yield _(
        "not known: whether the dead owner left its work half done; the program has to cope with that"
    )
    yield from consent.lines
    if snapshot.semaphores:
        yield ngettext(
            "a permit that it may have taken stays lost: the ring then works with a slot less",
            "permits that they may have taken stay lost: the ring then works with fewer slots",
            len(unlocks),
        )
    for assumption in (*snapshot.layout.assumptions, *snapshot.assumptions):
        yield _("assumed: {assumption}").format(assumption=assumption)


def _passed() -> Refusal:
    return Refusal(
        _("no mutex has a dead owner any more"), _("look again in a moment"), transient=True
    )
