"""What is wrong if the user's word on processes is right, where the rules find nothing: they have no such word."""

from shmtui.diagnosis.history import deficit_of, living, mutex_taken
from shmtui.i18n import _
from shmtui.repair.consent import Consent
from shmtui.repair.observation import Observation
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Certainty, Finding, Status


def by_word(
    observed: Observation, findings: tuple[Finding, ...], consent: Consent
) -> tuple[Finding, ...]:
    """The lock that nobody has, or the permits, where nothing moved in all the looks; none where there are other
    ``findings``. Who may have it all the same is asked for by the plan.
    """
    if findings or not consent.assume_idle or not observed.still:
        return ()
    now = observed.sampler.sample()
    waiting = sum(p.waits.count(SemaphoreRole.MUTEX) for p in living(now))
    if mutex_taken(now):
        code = "dead-holder"
        claim = _("by your word nobody has {mutex}, and it stays 0")
    elif (deficit_of(now) or 0) > waiting:
        code = "lost-permit"
        claim = _("by your word nobody has the permits that are missing, and nothing moves")
    else:
        return ()
    return (Finding(code, Status.WARNING, claim.format(**now.own_names), (), Certainty.LIKELY, ""),)
