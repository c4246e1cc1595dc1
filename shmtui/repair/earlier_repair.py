"""What the last repair of a segment left to do: words that it did not write, or permits."""

from shmtui.i18n import _
from shmtui.repair.consent import Consent
from shmtui.repair.observation import Observation
from shmtui.repair.planner import COVERED
from shmtui.repair.record import RepairRecord, State, latest
from shmtui.snapshot import Certainty, Finding, Status


def interrupted(observed: Observation) -> RepairRecord | None:
    """The last repair of the segment, where it was killed before its last word."""
    record = latest(observed.sampler.identity, observed.sampler.folder)
    if record is None or not record.interrupted(observed.sampler.sample()):
        return None
    return record


def left_open(
    observed: Observation, findings: tuple[Finding, ...], consent: Consent
) -> tuple[Finding, ...]:
    """The permits that the last repair left as they were, where the user agrees to set them now.

    While items move, nothing else may tell that one is missing. None where there are other
    ``findings`` that a repair ends.
    """
    record = latest(observed.sampler.identity, observed.sampler.folder)
    if record is None or not record.permits_left or not consent.permits:
        return ()
    if record.state is not State.DONE or any(f.code in COVERED for f in findings):
        return ()
    claim = _("the last repair left the permits as they were")
    return (
        Finding("lost-permit", Status.WARNING, claim, (), Certainty.LIKELY, record.permits_left),
    )
