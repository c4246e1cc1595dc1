"""The claim and the evidence lines about a holder of mutex that died, or may have. Pure."""

from collections.abc import Iterator, Sequence

from shmtui.diagnosis.history import living
from shmtui.diagnosis.holders import slept_since
from shmtui.diagnosis.rules.wrong_order import HeldMutex
from shmtui.diagnosis.wording import names
from shmtui.i18n import _
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Process, Snapshot


def holders_death(held: HeldMutex, dead: Process | None, killed: Sequence[Process] | None) -> str:
    """The claim: who died with mutex, as far as that is known."""
    if dead is not None:
        return _(
            "{mutex} is held by {who}, which died ({how}): nobody gets in until another posts it"
        ).format(**held.history.names, who=names([dead]), how=dead.ending or _("it is gone"))
    if held.behind:
        return _(
            "{mutex} stays 0 and nothing moves: its holder died, unless one that waits for a permit holds it: "
            "{who}"
        ).format(**held.history.names, who=names(held.behind))
    if killed:
        # One that waits for it may have it already, and so wait for itself: nor can that one post it.
        return _(
            "{mutex} stays 0: {who} died ({how}) since it was free, and nobody who has the segment can post it"
        ).format(
            **held.history.names,
            who=names(killed),
            how=", ".join(sorted({str(p.ending) for p in killed})),
        )
    if held.history.now.unseen:
        return _("{mutex} is 0 and no process that can be seen holds it").format(
            **held.history.names
        )
    return _("{mutex} is 0 and no live process holds it").format(**held.history.names)


def placed(held: HeldMutex) -> str:
    """That the place of each process is known."""
    if held.history.now.unseen:
        return _(
            "no process that can be seen holds {mutex}: it is known where each one waits"
        ).format(**held.history.names)
    if any(p.one_of for p in living(held.history.now)):
        return _(
            "no other live process can hold {mutex}: as many sleep on the semaphores as there are"
        ).format(**held.history.names)
    if held.behind:
        return _("no other live process can hold {mutex}: it is known where each one waits").format(
            **held.history.names
        )
    return _("no live process can hold {mutex}: it is known where each one waits").format(
        **held.history.names
    )


def changed_last(s: Snapshot) -> Iterator[str]:
    """Who changed mutex last, where it is of a System V set: at 0 he is the one that took it."""
    for each in s.sync:
        if each.role is SemaphoreRole.MUTEX and each.last is not None:
            text = (
                _("changed last by PID {pid}, which has ended (GETPID): at 0 that is who took it")
                if each.last_dead
                else _("changed last by PID {pid} (GETPID): at 0 that is who took it")
            )
            yield text.format(pid=each.last)


def slept(s: Snapshot) -> Iterator[str]:
    """The processes that cannot hold mutex since they have not run."""
    processes = living(s)
    free = [p for p in processes if p.idle_since_free and SemaphoreRole.MUTEX not in p.waits]
    moved = [
        p
        for p in processes
        if slept_since(p) and p not in free and SemaphoreRole.MUTEX not in p.waits
    ]
    if free:
        yield _("has not run since {mutex} was free: {who}").format(**s.own_names, who=names(free))
    if moved:
        yield _("has not run since an index moved: {who}").format(who=names(moved))


def death(s: Snapshot, dead: Process | None, gone: list[Process]) -> Iterator[str]:
    """How mutex may have lost its holder."""
    if dead is not None:
        yield _("it died in {step}").format(step=dead.step)
    elif gone:
        who = [f"{names([p])}: {p.ending}" if p.ending else names([p]) for p in gone]
        yield _("ended a moment ago: {who}").format(who="; ".join(who))
    else:
        yield _("its holder died, or went on without posting {mutex}").format(**s.own_names)
