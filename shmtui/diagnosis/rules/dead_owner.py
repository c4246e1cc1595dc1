"""The findings that a lock's owner is gone, by the words of the lock itself. Pure."""

from collections.abc import Iterator
from typing import Final

from shmtui.diagnosis.history import SETTLED_NS, History, living
from shmtui.diagnosis.holders import awake
from shmtui.diagnosis.wording import names, nobody, seconds, target
from shmtui.i18n import _
from shmtui.shm.sync_object import Robustness
from shmtui.snapshot import Certainty, Finding, Snapshot, Status

OWNER_SAMPLES: Final = 3
"""In how many samples an owner has to be gone: a TID can be given back between two reads."""


def dead_owner(history: History) -> Iterator[Finding]:
    """A pthread lock is held by a thread that no longer exists. The kernel passes a robust one on, unless
    its owner had let go of the segment before.
    """
    now = history.now
    for each in now.sync:
        if not each.owner_dead:
            continue

        def held(s: Snapshot, name: str = each.name, owner: int | None = each.owner) -> bool:
            return any(o.name == name and o.owner == owner and o.owner_dead for o in s.sync)

        lasted = history.lasted_ns(held)
        waiting = [p for p in living(now) if p.waits_for(each)]
        if lasted < SETTLED_NS or history.agreeing(held) < OWNER_SAMPLES:
            continue
        killed = [p for p in now.processes if p.killed and p.pid == each.owner]
        others = [p for p in living(now) if awake(p)]
        doubts = []
        if others:
            # glibc lets any thread unlock it, as a child does that its owner has left it to.
            doubts.append(_("unless it is to be unlocked by {who}").format(who=names(others)))
        if now.unseen:
            doubts.append(_("unless the owner is a process that cannot be seen"))
        yield Finding(
            "dead-owner",
            Status.CRITICAL if killed and waiting and not others else Status.WARNING,
            _("{lock} is held by thread {tid}, which no longer exists").format(
                lock=each.name, tid=each.owner
            ),
            (
                _("the owner's TID is in the {kind} (byte {offset}), and no thread has it").format(
                    kind=each.kind, offset=each.offset
                ),
                _("it was so for {time}").format(time=seconds(lasted)),
                _("waiting for it: {who}").format(who=names(waiting) or nobody(now)),
                _("killed: {who}").format(who=names(killed))
                if killed
                else _("unless a child of the owner, or the program that it became, unlocks it"),
                *doubts,
            ),
            Certainty.LIKELY if doubts else Certainty.CERTAIN,
            _(
                "end the programs that use it, and start them with a new segment; a program has to unlock a "
                "robust mutex before it lets go of the segment"
            )
            if each.robust
            else _(
                "shmtui repair {name} shows what to set, and sets it with --yes; a robust mutex "
                "(pthread_mutexattr_setrobust) tells the next one to lock it that its owner died"
            ).format(name=target(now)),
            subject=each.name,
        )


def not_recoverable(history: History) -> Iterator[Finding]:
    """A robust mutex was unlocked by one who was told that its owner died, and did not say that the data
    under it are whole again: so no thread can lock it.
    """
    lost = Robustness.NOT_RECOVERABLE
    for each in history.now.sync:

        def is_lost(s: Snapshot, name: str = each.name) -> bool:
            return any(o.name == name and o.robustness is lost for o in s.sync)

        lasted = history.lasted_ns(is_lost)
        if lasted >= SETTLED_NS:
            yield Finding(
                "dead-owner",
                Status.WARNING,
                _("{lock} cannot be locked any more, until it is initialised anew").format(
                    lock=each.name
                ),
                (
                    _(
                        "its owner died, and the next one unlocked it without pthread_mutex_consistent: "
                        "pthread_mutex_lock returns ENOTRECOVERABLE"
                    ),
                    _("it was so for {time}").format(time=seconds(lasted)),
                ),
                Certainty.CERTAIN,
                _(
                    "end the programs that use it, and start them with a new segment; in the program, call "
                    "pthread_mutex_consistent once the data are whole, and only then pthread_mutex_unlock"
                ),
                subject=each.name,
            )
