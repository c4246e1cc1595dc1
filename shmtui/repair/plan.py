"""A repair's plan, or its refusal: records, and the same in words. Pure."""

import hashlib
from collections.abc import Iterator

import msgspec

from shmtui.diagnosis.wording import names
from shmtui.i18n import _
from shmtui.repair.protocol_positions import ProtocolPosition
from shmtui.shm.protocol import SemaphoreRole, role_words
from shmtui.shm.segment_info import SemaphoreState
from shmtui.shm.word_change import WordChange
from shmtui.snapshot import Certainty, Finding, Process, Snapshot, word


class Change(msgspec.Struct, frozen=True):
    """One semaphore as it is and as it has to be."""

    semaphore: SemaphoreRole
    before: SemaphoreState
    after: SemaphoreState
    name: str = ""
    """What the program calls it; empty: not known. Hostile text is possible."""

    @property
    def text(self) -> str:
        """What changes, in words.

        >>> Change(SemaphoreRole.MUTEX, SemaphoreState(0, 2, True), SemaphoreState(1, 2, True)).text
        'mutex: value 0 → 1'
        """
        parts = []
        if self.before.value != self.after.value:
            parts.append(f"{_('value')} {self.before.value} → {self.after.value}")
        if self.before.waiters != self.after.waiters:
            parts.append(f"{_('waiters')} {self.before.waiters} → {self.after.waiters}")
        if self.before.shared != self.after.shared:
            parts.append(_("private → shared between processes"))
        return f"{self.name or self.semaphore}: {', '.join(parts)}"

    @property
    def permits_added(self) -> int:
        """By how much the value rises."""
        return (self.after.value or 0) - (self.before.value or 0)


class Unlock(msgspec.Struct, frozen=True):
    """A ``pthread_mutex_t`` that is unlocked for its dead owner."""

    name: str
    offset: int
    """Byte of the segment."""
    words: tuple[WordChange, ...]
    """In the order in which they are written, the lock word last."""

    @property
    def text(self) -> str:
        """What changes, by glibc's names of the words.

        >>> Unlock("log", 64, (WordChange(72, 4, 4711, 0), WordChange(64, 4, 2, 0))).text
        'log: owner 4711 → 0, lock 2 → 0'
        """
        parts = [
            f"{self._names[w.offset - self.offset]} {w.before} → {w.after}" for w in self.words
        ]
        return f"{self.name}: {', '.join(parts)}"

    @property
    def _names(self) -> dict[int, str]:
        return {0: _("lock"), 4: _("count"), 8: _("owner"), 12: _("users")}

    @property
    def owner(self) -> int:
        """The TID of the dead owner."""
        return next((w.before for w in self.words if w.offset == self.offset + 8), 0)

    def is_still(self, now: "Unlock") -> bool:
        """Whether the dead owner is the same; others may have come to wait."""
        return (self.offset, self.owner) == (now.offset, now.owner)


def slots_digest(snapshot: Snapshot) -> str:
    """What tells whether the items that lie in the slots of ``snapshot`` are others than before."""
    values = repr([(slot.index, slot.value) for slot in snapshot.slots])
    return hashlib.sha256(values.encode(errors="surrogatepass")).hexdigest()


class Plan(msgspec.Struct, frozen=True):
    """What a repair does, and what it rests on.

    The two parts are sound for different reasons. ``mutex`` may be posted once no live process can
    hold it. What ``empty`` and ``full`` have to be follows only if every program keeps to the
    protocol.
    """

    findings: tuple[Finding, ...]
    """What it ends."""
    rests_on: tuple[str, ...]
    """A sentence each."""
    certainty: Certainty
    lock: tuple[Change, ...] = ()
    """Of ``mutex``; at most one."""
    permits: tuple[Change, ...] = ()
    """Of ``empty`` and ``full``."""
    private_sleepers: tuple[ProtocolPosition, ...] = ()
    """Processes asleep where no other can wake them: stopped and continued until they wake."""
    permits_left: str = ""
    """Why permits that are not right, or may not be, stay as they are, and the way out."""
    needs_permits: bool = False
    """Whether they would be set if the user agreed to that."""
    needs_role: tuple[int, ...] = ()
    """Processes whose side the user would have to say for that."""
    indices: tuple[int | None, int | None] = (None, None)
    """``in`` and ``out`` when the plan was made."""
    slots: str = ""
    """A digest of what lay in the slots then: indices that went round the ring are what they were."""
    names: dict[str, str] = msgspec.field(default_factory=role_words)
    """As `Snapshot.own_names`."""
    participants: tuple[Process, ...] = ()
    """Who is stopped for a moment."""
    disturbed: tuple[str, ...] = ()
    """Who notices that, and how: a sentence each."""
    unlocks: tuple[Unlock, ...] = ()
    """The pthread mutexes of dead owners. A plan with any changes nothing else."""
    waiting: tuple[int, ...] = ()
    """PIDs of those that wait for one of these."""
    watched_first: bool = False
    """Whether it is watched first that nobody unlocks them: a dead owner may have left its lock to another
    program, which has yet to come.
    """

    @property
    def texts(self) -> tuple[str, ...]:
        """What changes, in words."""
        return (*(c.text for c in self.changes), *(u.text for u in self.unlocks))

    @property
    def changes(self) -> tuple[Change, ...]:
        """In the order in which they are written: as long as ``mutex`` is not, nobody gets on."""
        return (*self.permits, *self.lock)

    def is_still(self, now: "Plan") -> bool:
        """Whether ``now`` does what this plan showed.

        Of a ring that nobody moves every word is the same. While processes move items, permits
        pass from ``empty`` to ``full`` and back, and as many have to be missing as before.
        """
        if {f.code for f in self.findings} != {f.code for f in now.findings}:
            return False
        if len(self.unlocks) != len(now.unlocks):
            return False
        if not all(a.is_still(b) for a, b in zip(self.unlocks, now.unlocks, strict=True)):
            return False
        if self.indices == now.indices and self.changes == now.changes:
            return True
        return (
            self.indices != now.indices
            and self.lock == now.lock
            and _added(self.permits) == _added(now.permits)
        )


def _added(changes: tuple[Change, ...]) -> int:
    return sum(change.permits_added for change in changes)


class Refusal(msgspec.Struct, frozen=True):
    """Why nothing may be changed."""

    why: str
    remedy: str
    """What to do, so that it is known what may be changed."""
    transient: bool = False
    """Whether another sample may find every process at a place that is known."""
    harmless: bool = False
    """Whether what was found harms nobody, so that there is nothing to repair."""
    needs_permits: bool = False
    """Whether there is a plan if the user agrees to set the permits."""
    needs_lock: bool = False
    """Whether there is one if the user says that nobody else is to post mutex."""
    needs_idle: tuple[int, ...] = ()
    """Processes for which the user would have to vouch."""
    needs_role: tuple[int, ...] = ()
    """Processes whose side the user would have to say."""


def proposal_lines(found: Plan | Refusal | None) -> Iterator[str]:
    """A plan, or why there is none, in lines."""
    if found is None:
        yield _("nothing to repair: no findings")
    elif isinstance(found, Refusal):
        yield from _refusal_lines(found)
    else:
        yield from _plan_lines(found)


def _refusal_lines(found: Refusal) -> Iterator[str]:
    if found.harmless:
        yield _("nothing to repair: {why}").format(why=found.why)
        return
    yield _("refused: {why}").format(why=found.why)
    yield "  " + _("to settle it: {remedy}").format(remedy=found.remedy)


def _plan_lines(found: Plan) -> Iterator[str]:
    yield _("What is wrong")
    for finding in found.findings:
        yield f"  {finding.code} ({word(finding.certainty)}): {finding.claim}"
    yield _("What changes")
    for text in found.texts:
        yield f"  {text}"
    if found.permits_left:
        yield "  " + found.permits_left
    for position in found.private_sleepers:
        yield "  " + _("{name} (PID {pid}): stopped and continued until it wakes").format(
            name=position.process.name, pid=position.process.pid
        )
    if not found.texts and not found.private_sleepers:
        yield "  " + _("nothing")
    yield _("What it rests on ({certainty})").format(certainty=word(found.certainty))
    for ground in found.rests_on:
        yield f"  {ground}"
    if found.watched_first:
        yield "  " + _("first it is watched whether another program gives the lock back")
    yield _("Who is stopped for a moment")
    stopped = names(found.participants)
    yield "  " + (stopped or _("nobody: no live process takes part"))
    for sentence in found.disturbed:
        yield f"  {sentence}"
    if stopped:
        yield "  " + _("a shell may report a stopped job")
