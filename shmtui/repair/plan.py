"""A repair's plan, or its refusal: records, and the same in words. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from shmtui.i18n import _
from shmtui.repair.protocol_positions import ProtocolPosition
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Certainty, Finding, SemaphoreState, word


@dataclass(frozen=True, slots=True)
class Change:
    """One semaphore as it is and as it has to be."""

    semaphore: SemaphoreRole
    before: SemaphoreState
    after: SemaphoreState

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
        return f"{self.semaphore}: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a repair does, and what it rests on."""

    findings: tuple[Finding, ...]
    """What it ends."""
    changes: tuple[Change, ...]
    private_sleepers: tuple[ProtocolPosition, ...]
    """Processes asleep where no other can wake them: stopped and continued until they wake."""
    rests_on: tuple[str, ...]
    """A sentence each."""
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing may be changed."""

    why: str
    remedy: str
    """What to do, so that it is known what may be changed."""
    transient: bool = False
    """Whether another sample may find every process at a place that is known."""


def proposal_lines(found: Plan | Refusal | None) -> Iterator[str]:
    """A plan, or why there is none, in lines."""
    if found is None:
        yield _("nothing to repair: no findings")
        return
    if isinstance(found, Refusal):
        yield _("refused: {why}").format(why=found.why)
        yield "  " + _("to settle it: {remedy}").format(remedy=found.remedy)
        return
    yield _("What is wrong")
    for finding in found.findings:
        yield f"  {finding.code} ({finding.certainty}): {finding.claim}"
    yield _("What changes")
    for change in found.changes:
        yield f"  {change.text}"
    for position in found.private_sleepers:
        yield "  " + _("{name} (PID {pid}): stopped and continued until it wakes").format(
            name=position.process.name, pid=position.process.pid
        )
    if not found.changes and not found.private_sleepers:
        yield "  " + _("nothing")
    yield _("What it rests on ({certainty})").format(certainty=word(found.certainty))
    for ground in found.rests_on:
        yield f"  {ground}"
    yield "  " + _(
        "every process that maps it is stopped for a moment: its shell may report a stopped job, "
        "and epoll_wait, semop or sigwaitinfo in it may return EINTR"
    )
