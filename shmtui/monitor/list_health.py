"""The health of the rings in a list, judged over its looks, at a small cost.

Those are judged whose layout is told at once, by a control block or by small programs' debug
information: a guess is no ground for a verdict. Each is sampled again and again, as a dashboard does, so that
its verdict rests on a history. Whose maps are read follows from the survey.
"""

import contextlib
import random
import threading
import time
from collections.abc import Set
from typing import Final

import msgspec

from shmtui.diagnosis.health import HISTORY_NS
from shmtui.diagnosis.history import position
from shmtui.errors import ShmtuiError
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.monitor.shared_object import DIAGNOSED, Judged, ObjectKind, SharedObject, Survey
from shmtui.shm.segment import SHM_DIR
from shmtui.snapshot import Health, Snapshot

_AGAIN_SECONDS: Final = 30.0
"""After this time one whose layout was not told is asked for again."""
_STALE_SECONDS: Final = 6.0
"""A verdict that is older is none."""
_AT_REST_SECONDS: Final = HISTORY_NS / 1e9
"""A ring that nothing was seen to move of for so long rests."""
_REST_SECONDS: Final = 1.9
"""One that rests is looked at so seldom; at once where others come to have it or to wait on it."""


class _Ring(msgspec.Struct):
    sampler: Sampler
    inode: int | None
    health: Health | None = None
    sampled: float = 0.0
    """When it last was, by the monotonic clock."""
    judged: float = 0.0
    place: object = None
    """Where the last sample found it."""
    moved: float = float("inf")
    """When it was last found elsewhere, by the same clock; not yet."""
    users: object = None
    """Who has it and who waits on it, by the last survey."""
    likely: frozenset[int] = frozenset()
    """Who may use its files: who has it, who has a named semaphore, who cannot be read."""

    def take(self, snapshot: Snapshot, now: float, *, judge: bool) -> None:
        """Take a sample of the moment ``now``; ``judge``: with a verdict of its own."""
        place = position(snapshot)
        if place != self.place:
            self.place, self.moved = place, now
        self.sampled = now
        if judge:
            self.health, self.judged = snapshot.health, now

    def meet(self, users: object) -> None:
        """Take who has it and who waits on it; it rests no longer where they are others."""
        if users != self.users:
            self.users, self.moved = users, float("inf")
            self.place = None

    def rests(self, now: float) -> bool:
        """Whether it is looked at seldom."""
        return now - self.moved >= _AT_REST_SECONDS


class ListHealth:
    """Judges the rings of one list. Its looks are made in one thread, and stopped from another."""

    MOST: Final = 16
    """So many rings are open at once."""
    CPU_SECONDS: Final = 0.08
    """For the samples of one look; at most one ring is opened beside."""

    def __init__(self, folder: str = SHM_DIR) -> None:
        self._folder = folder
        self._rings: dict[str, _Ring] = {}
        self._untold: dict[Judged, float] = {}
        """Those whose layout is not told, and until when they are not asked again."""
        self._busy = threading.Lock()
        self._stopped = threading.Event()

    def look(self, survey: Survey, shown: Set[str] = frozenset()) -> dict[Judged, Health]:
        """The health of each ring that has one by now. Sleeps a fraction of a second.

        ``shown``: the targets that the user has before his eyes.
        """
        with self._busy:
            found = {} if self._stopped.is_set() else self._look(survey, shown)
        if self._stopped.is_set():
            self.stop()
        return found

    def _look(self, survey: Survey, shown: Set[str]) -> dict[Judged, Health]:
        self._follow(survey)
        self._open_one(survey, shown)
        start = time.thread_time()
        self._sample_all(start + self.CPU_SECONDS / 2, judge=False)
        # One that moves in step with the looks is seen at two moments that are not a second apart.
        self._stopped.wait(random.uniform(0.2, 0.3))
        self._sample_all(start + self.CPU_SECONDS, judge=True)
        now = time.monotonic()
        return {
            (target, ring.inode): ring.health
            for target, ring in self._rings.items()
            if ring.health is not None and now - ring.judged < _STALE_SECONDS
        }

    def stop(self) -> None:
        """Close all; a look that is under way does it at its end."""
        self._stopped.set()
        if self._busy.acquire(blocking=False):
            try:
                for target in [*self._rings]:
                    self._close(target)
            finally:
                self._busy.release()

    def _close(self, target: str) -> None:
        self._rings.pop(target).sampler.close()

    def _follow(self, survey: Survey) -> None:
        also = set(survey.unreadable)
        inodes = {each.target: each.inode for each in survey.objects if each.mappers}
        for target, ring in [*self._rings.items()]:
            if target not in inodes or inodes[target] != ring.inode:
                self._close(target)
        for each in survey.objects:
            if each.kind is ObjectKind.SEMAPHORE:
                also.update(pid for pid, _name in each.mappers)
        for each in survey.objects:
            if each.target in self._rings:
                likely = also.union(pid for pid, _name in each.mappers)
                ring = self._rings[each.target]
                ring.likely = frozenset(likely)
                ring.meet((each.mappers, each.waiting))

    def _open_one(self, survey: Survey, shown: Set[str]) -> None:
        """Open the next whose layout is told; what is shown goes before what is not."""
        now, end = time.monotonic(), time.thread_time() + self.CPU_SECONDS
        self._untold = {key: until for key, until in self._untold.items() if until > now}
        waiting = [
            each
            for each in survey.objects
            if each.target not in self._rings
            and each.judged_as not in self._untold
            and _may_be_judged(each)
        ]
        for each in sorted(waiting, key=lambda each: each.target not in shown):
            hidden = next((target for target in self._rings if target not in shown), None)
            full = len(self._rings) >= self.MOST
            if time.thread_time() >= end or (full and (each.target not in shown or not hidden)):
                return
            self._untold[each.judged_as] = now + _AGAIN_SECONDS
            if self._open(each):
                if full and hidden:
                    self._close(hidden)
                return

    def _open(self, each: SharedObject) -> bool:
        """Whether its layout is told."""
        with contextlib.suppress(ShmtuiError, OSError):
            pids = tuple(pid for pid, _name in each.mappers)
            sampler = Sampler(
                each.target, LayoutOptions(quick=pids), folder=self._folder,
                likely=lambda: self._rings[each.target].likely,
            )  # fmt: skip
            if sampler.layout is not None:
                self._rings[each.target] = _Ring(sampler, each.inode)
                return True
            sampler.close()
        return False

    def _sample_all(self, end: float, *, judge: bool) -> None:
        """Sample each ring that is due, the one that waits longest first, while there is time; rings at rest
        only to be judged.
        """
        for target, ring in sorted(self._rings.items(), key=lambda item: item[1].sampled):
            if time.thread_time() >= end:
                return
            now = time.monotonic()
            if ring.rests(now) and not (judge and now - ring.judged >= _REST_SECONDS):
                continue
            try:
                ring.take(ring.sampler.sample(judge=judge), time.monotonic(), judge=judge)
            except (ShmtuiError, OSError):
                self._close(target)


def _may_be_judged(each: SharedObject) -> bool:
    """Whether it holds what rules are about, processes have it, and it may be looked at from here.

    A descriptor of a memfd would keep its memory when nobody else has it: two lists that look at it,
    each because the other has it, would keep it for ever.
    """
    kind = each.kind
    kept = kind is ObjectKind.POSIX and each.target == each.name
    kept = kept or kind in {ObjectKind.ANONYMOUS, ObjectKind.SYSV}
    return each.content in DIAGNOSED and bool(each.mappers) and each.readable and kept
