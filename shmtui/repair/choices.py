"""What a user may say to a proposal, so that it becomes a plan, or one that does more. Pure."""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.repair.consent import Consent
from shmtui.repair.plan import Plan, Refusal
from shmtui.shm.protocol import Role


class Choice(msgspec.Struct, frozen=True):
    """One thing that the user may say."""

    key: str
    text: str
    consent: Consent
    """All that he has said then."""


def choices(found: Plan | Refusal | None, said: Consent) -> tuple[Choice, ...]:
    """The choices that a proposal leaves, to one who has ``said`` that.

    >>> refused = Refusal("PID 7 may hold mutex", "", needs_idle=(7,))
    >>> [(c.key, c.text) for c in choices(refused, Consent())]
    [('i', 'PID 7 holds neither mutex nor a permit: you know that')]
    """
    return () if found is None else tuple(_choices(found, said))


def _choices(found: Plan | Refusal, said: Consent) -> Iterator[Choice]:
    if isinstance(found, Refusal) and found.needs_lock:
        text = _("post {mutex}: its holder is dead, and no program is yet to post it").format(
            **said.names
        )
        yield Choice("l", text, replace(said, lock=True))
    if found.needs_permits:
        text = _("set {empty} and {full} too: every program keeps to the protocol").format(
            **said.names
        )
        yield Choice("p", text, replace(said, permits=True))
    if isinstance(found, Refusal) and found.needs_idle:
        text = _("PID {pids} holds neither {mutex} nor a permit: you know that")
        pids = ", ".join(str(pid) for pid in found.needs_idle)
        idle = said.assume_idle | set(found.needs_idle)
        yield Choice("i", text.format(**said.names, pids=pids), replace(said, assume_idle=idle))
    for pid in found.needs_role[:1]:
        for key, role, text in (
            ("o", Role.PRODUCER, _("PID {pid} is a producer")),
            ("c", Role.CONSUMER, _("PID {pid} is a consumer")),
        ):
            roles = (*said.roles, (pid, role))
            yield Choice(key, text.format(pid=pid), replace(said, roles=roles, permits=True))
