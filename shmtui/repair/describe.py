"""A repair's plan in words: what is wrong, what changes, what that rests on. Pure."""

from collections.abc import Iterator

from shmtui.i18n import _
from shmtui.repair.plan import Plan, Refusal
from shmtui.snapshot import word


def proposal_lines(found: Plan | Refusal | None) -> Iterator[str]:
    """A plan, or why there is none, in lines."""
    if found is None:
        yield _("nothing to repair: no findings")
        return
    if isinstance(found, Refusal):
        yield _("refused: {why}").format(why=found.why)
        yield "  " + _("what would settle it: {settle}").format(settle=found.settle)
        return
    yield _("What is wrong")
    for finding in found.findings:
        yield f"  {finding.code} ({finding.certainty}): {finding.claim}"
    yield _("What changes")
    for change in found.changes:
        yield f"  {change.text}"
    for s in found.nudged:
        yield "  " + _(
            "{name} (PID {pid}): stopped and continued until it sleeps where it can be woken"
        ).format(name=s.process.name, pid=s.process.pid)
    if not found.changes and not found.nudged:
        yield "  " + _("nothing")
    yield _("What it rests on ({certainty})").format(certainty=word(found.certainty))
    for ground in found.rests_on:
        yield f"  {ground}"
    yield "  " + _("all who map it are stopped for a moment; a shell may call its job stopped")
