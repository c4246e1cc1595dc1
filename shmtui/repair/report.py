"""What a repair did, in words. Pure."""

from pathlib import Path

import msgspec

from shmtui.i18n import _, ngettext
from shmtui.repair.plan import Plan
from shmtui.snapshot import Finding


class RepairOutcome(msgspec.Struct, frozen=True):
    """What a repair changed."""

    interruptions: int
    """How often a process was stopped and continued to end its wait on a private futex."""
    moved: bool
    """Whether indices have changed since."""
    still_private: tuple[str, ...]
    """Processes that still sleep where no other process can wake them."""
    remaining: tuple[Finding, ...]
    """The findings now."""
    went_on: int
    """How many of those that waited for a lock of the plan were seen not to wait for it since."""
    as_written: bool = True
    """Whether the semaphores still have the values that were written: else nothing is put back."""


class Report(msgspec.Struct, frozen=True):
    """What a repair did, and how the buffer is since."""

    plan: Plan
    stopped: int
    """Processes that were stopped and continued."""
    outcome: RepairOutcome
    kept: Path | None = None
    """The file that the words before are kept in; None where no word was written."""
    undo: str = ""
    """The command that puts them back."""
    permits: str = ""
    """The command that sets the permits, where they were not to be set."""
    notes: tuple[str, ...] = ()
    """What else has to be said, a sentence each."""

    @property
    def text(self) -> str:
        """One line: what was found, what was changed, and whether items move."""
        changes = "; ".join(self.plan.texts) or _("no word changed")
        return _("repaired {findings}: {changes}; {result}").format(
            findings=self._ended, changes=changes, result=self._result
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """The same in lines, with how many processes were stopped and what is left to do."""
        title = _("repaired {findings}; {result}").format(findings=self._ended, result=self._result)
        changes = self.plan.texts or (_("no word changed"),)
        stopped = _stopped(self.stopped)
        if self.outcome.interruptions:
            stopped += ngettext(
                "; {count} wait on a private futex interrupted",
                "; {count} waits on a private futex interrupted",
                self.outcome.interruptions,
            ).format(count=self.outcome.interruptions)
        asleep = [
            _(
                "{name} still sleeps where no other process can wake it: once there is something for it, repair once more"
            ).format(name=name)
            for name in self.outcome.still_private
        ]
        left = [self._permits_left] if self.plan.permits_left else []
        found = [f"{finding.code}: {finding.claim}" for finding in self.outcome.remaining]
        below = (*changes, *left, stopped, *self.notes, *asleep, *self._way_back, *found)
        return (title, *(f"  {line}" for line in below))

    @property
    def _permits_left(self) -> str:
        """What is left of the permits; once items move, it is seen on which side each works."""
        if not (self.outcome.moved and self.permits):
            return self.plan.permits_left
        return _(
            "{empty} and {full} are left as they are: the ring may work with a slot less. If every "
            "program keeps to the protocol, {command} sets what is missing"
        ).format(**self.plan.names, command=self.permits)

    @property
    def _way_back(self) -> tuple[str, ...]:
        passed = self.outcome.moved or self.outcome.went_on or not self.outcome.as_written
        if self.kept is None or passed:
            return ()
        text = _("as long as nothing moves, {command} puts it back (kept in {file})")
        return (text.format(command=self.undo, file=self.kept),)

    @property
    def _ended(self) -> str:
        return ", ".join(finding.code for finding in self.plan.findings)

    @property
    def _result(self) -> str:
        if self.outcome.moved:
            return _("items move again")
        if not self.plan.waiting:
            return _("nothing has moved yet")
        return _("{count} of {all} that waited for the lock no longer wait").format(
            count=self.outcome.went_on, all=len(self.plan.waiting)
        )


class Undone(msgspec.Struct, frozen=True):
    """A repair that was put back."""

    changes: tuple[str, ...]
    """What the repair had changed."""
    stopped: int
    """Processes that were stopped and continued."""

    @property
    def lines(self) -> tuple[str, ...]:
        """What was put back, and how many processes were stopped."""
        stopped = _stopped(self.stopped)
        back = [_("undone: {change}").format(change=text) for text in self.changes]
        return (_("the last repair is undone"), *(f"  {line}" for line in (*back, stopped)))


def _stopped(count: int) -> str:
    return ngettext(
        "{count} process stopped and continued",
        "{count} processes stopped and continued",
        count,
    ).format(count=count)
