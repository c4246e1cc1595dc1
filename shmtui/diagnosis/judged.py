"""What was judged of a buffer without findings. Pure."""

from collections.abc import Iterator

from shmtui.diagnosis.history import POSTERS, History, deficit_of, living, mutex_taken
from shmtui.diagnosis.rules import conditions, lock_free
from shmtui.i18n import _, ngettext
from shmtui.shm.protocol import SemaphoreRole


def judged(history: History) -> Iterator[str]:
    """What the samples showed to be right, a clause each."""
    now, count = history.now, len(history.snapshots)
    yield _("the file has its name and its size")
    if now.alone is not None and now.alone.value is not None:
        yield _("its value is {value:,}, and {count} wait").format(
            value=now.alone.value, count=now.alone.waiters or _("none")
        )
    if now.layout.lock_free:
        yield from lock_free.judged(history)
    elif now.in_ is not None:
        yield _("in and out are inside the ring")
    by_conditions = conditions.by_conditions(now)
    taken = conditions.lock_taken if by_conditions else mutex_taken
    free = sum(1 for s in history.snapshots if not taken(s))
    if (by_conditions or SemaphoreRole.MUTEX in now.semaphores) and free:
        yield _("mutex was free in {free} of {count} samples").format(free=free, count=count)
    wrong, steady = conditions.misfits(history) if by_conditions else (0, 0)
    if steady > wrong:
        yield _("the count of items fitted in and out in {count} of {samples} samples").format(
            count=steady - wrong, samples=steady
        )
    whole = sum(1 for s in history.snapshots if deficit_of(s) == 0)
    if whole:
        yield _("empty + full was {slots} in {whole} of {count} samples").format(
            slots=now.layout.slots, whole=whole, count=count
        )
    if history.items_moved and not now.layout.lock_free:
        yield _("items moved")
    crew = living(now)
    for role, poster in POSTERS.items():
        if history.workers_only and crew and all(p.waits == (role,) for p in crew):
            yield _(
                "no {poster} is there to post {semaphore}; the shmtui that made it may add one"
            ).format(poster=_(poster.value), semaphore=role)
    if crew and not now.hidden:
        yield ngettext(
            "the waits of {count} process were read",
            "the waits of {count} processes were read",
            len(crew),
        ).format(count=len(crew))
