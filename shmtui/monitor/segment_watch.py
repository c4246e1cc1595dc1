"""Many segments watched for as long as one likes: those that are named, or all that have a name.

Each is sampled again and again, so that its health rests on a history. Who may use which is read of
all processes at once. Segments may come, go, and come again.
"""

import os
import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.errors import MissingSegmentError, ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions
from shmtui.monitor.mapped_memory import MappedMemoryReader
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.kept_files import KeptFiles
from shmtui.procfs.sysvipc import sysv_segments
from shmtui.procfs.target import has_name
from shmtui.shm.control_format import SUFFIX
from shmtui.shm.segment import SHM_DIR, segment_path
from shmtui.snapshot import Snapshot

USERS_SECONDS: Final = 5.0
"""Between two passes over all processes: so late one may be seen that has just opened a segment."""
AGAIN_SECONDS: Final = 30.0
"""After this time one that could not be opened, or whose layout was not told, is opened anew; later
where opening takes long, so that it takes `_SHARE` of the time at most."""
_SHARE: Final = 0.01
OPEN_SECONDS: Final = 0.5
"""Of processor time for opening segments in one look: each takes a pass over all processes. The next
looks open the others, and meanwhile those that are open are watched."""


class WatchedSegment(msgspec.Struct, frozen=True):
    """One segment as it was last seen."""

    target: str
    """What the other commands take for it."""
    snapshot: Snapshot | None = None
    """None: it could not be read."""
    in_use: int | None = None
    """Bytes of memory that it takes; None where unknown."""
    why: str = ""
    """Why it could not be read, in one sentence; empty too where it has not been looked at yet."""


class _Watched(msgspec.Struct):
    """What is kept of a target between two looks."""

    sampler: Sampler | None = None
    snapshot: Snapshot | None = None
    why: str = ""
    again: float = 0.0
    """By the monotonic clock: until then it is not opened anew."""


class SegmentWatch:
    """Watches segments, read-only. To be used from one thread, and closed."""

    def __init__(
        self,
        targets: Iterable[str] = (),
        options: LayoutOptions | None = None,
        folder: str = SHM_DIR,
    ) -> None:
        """``targets``: none for all segments under /dev/shm and of System V that there are, at each
        time; their layout is then told by control blocks and small programs' debug information only,
        since a guess is no ground for a verdict that nobody asked for. ``options``: what is said of
        the layout of all that are named.
        """
        self._named = tuple(dict.fromkeys(targets))
        self._options = options or LayoutOptions()
        self._folder = folder
        self._users = _Users()
        self._opening_left = OPEN_SECONDS
        self._watched: dict[str, _Watched] = {target: _Watched() for target in self._named}

    def look(self) -> tuple[WatchedSegment, ...]:
        """All segments as they are now."""
        self._users.refresh()
        self._opening_left = OPEN_SECONDS
        in_use = self._system_v_in_use()
        if not self._named:
            self._follow((*_names(self._folder), *in_use))
        for target in [*self._watched]:
            self._sample(target)
        self._open_in_full()
        return tuple(
            WatchedSegment(target, each.snapshot, self._in_use(target, in_use), each.why)
            for target, each in self._watched.items()
        )

    @property
    def opening(self) -> float:
        """Seconds of processor time that the last look took for opening segments."""
        return OPEN_SECONDS - self._opening_left

    def close(self) -> None:
        for each in self._watched.values():
            _close(each)
        self._watched.clear()

    def _system_v_in_use(self) -> dict[str, int]:
        """Bytes of memory that each segment of System V takes, by target."""
        if self._folder != SHM_DIR:
            return {}
        return {f"sysv:{each.number}": each.resident + each.swapped for each in sysv_segments()}

    def _in_use(self, target: str, system_v: dict[str, int]) -> int | None:
        if not has_name(target):
            return system_v.get(target)
        try:
            return os.lstat(segment_path(target, self._folder)).st_blocks * 512
        except OSError:
            return None

    def _follow(self, targets: Iterable[str]) -> None:
        """Watch these, and no others."""
        before = self._watched
        self._watched = {target: before.get(target) or _Watched() for target in targets}
        for gone in before.keys() - self._watched.keys():
            _close(before[gone])

    def _sample(self, target: str) -> None:
        """Sample it, and open it before where it is not. What cannot be read has no snapshot, and says
        why.
        """
        each = self._watched[target]
        try:
            if each.sampler is None:
                if time.monotonic() < each.again or self._opening_left < 0:
                    return
                self._open_and_sample(target, each)
            else:
                each.snapshot, each.why = each.sampler.sample(), ""
            assert each.snapshot is not None
            if _is_gone(each.snapshot):
                # A descriptor keeps the memory that nobody else has.
                text = _("{name} is gone: it has lost its name, and no process maps it")
                raise MissingSegmentError(text.format(name=target))
        except MissingSegmentError as error:
            self._fail(each, error, again=0.0)
            if not self._named:
                del self._watched[target]
        except (ShmtuiError, OSError) as error:
            self._fail(each, error, again=time.monotonic() + AGAIN_SECONDS)

    def _open_and_sample(self, target: str, each: _Watched) -> None:
        """The first sample is a part of opening: it reads all of /proc."""
        began = time.thread_time()
        try:
            self._open(target, each, quickly=True)
            assert each.sampler is not None
            each.snapshot, each.why = each.sampler.sample(), ""
        finally:
            self._opening_left -= time.thread_time() - began

    @staticmethod
    def _fail(each: _Watched, error: Exception, again: float) -> None:
        _close(each)
        each.why, each.again = str(error), again

    def _open_in_full(self) -> None:
        """Have one that is shown as bytes opened anew, where that is due and its layout may be told."""
        now = time.monotonic()
        for target, each in self._watched.items():
            sampler = each.sampler
            if sampler is None or sampler.layout is not None or now < each.again:
                continue
            if self._options.raw or (each.snapshot is not None and each.snapshot.alone):
                continue
            try:
                self._open(target, each, quickly=not self._named)
                assert each.sampler is not None
                each.snapshot = each.sampler.sample()
            except (ShmtuiError, OSError) as error:
                # It was read until now, and will be again with the next look.
                self._fail(each, error, again=0.0)
            return

    def _open(self, target: str, each: _Watched, *, quickly: bool) -> None:
        """Open it. ``quickly``: its layout is told at once, or not yet; but where the user says it.

        ShmtuiError: it cannot be opened, or what is said of its layout cannot be.
        """
        _close(each)
        began = time.monotonic()
        quick = replace(self._options, quick=self._users.of(self._inode(target)))
        said = says_layout(self._options)
        open_ = partial(Sampler, target, folder=self._folder, likely=partial(self._likely, each))
        try:
            each.sampler = open_(quick if quickly and not said else self._options)
        except AmbiguousLayoutError:
            if said:
                raise
            each.sampler = open_(replace(quick, quick=()))
        ended = time.monotonic()
        # The first time in full comes soon.
        waits = AGAIN_SECONDS if not quickly or not self._named else 0.0
        each.again = ended + max(waits, (ended - began) / _SHARE)

    def _inode(self, target: str) -> int | None:
        if target.startswith("sysv:"):
            return int(target.removeprefix("sysv:"))
        try:
            return os.lstat(segment_path(target, self._folder)).st_ino if has_name(target) else None
        except OSError:
            return None

    def _likely(self, each: _Watched) -> frozenset[int]:
        """Who may use a segment that is open."""
        inode = None if each.sampler is None else each.sampler.identity.inode
        return self._users.also.union(self._users.of(inode))


class _Users:
    """Which processes have which shared memory, as of a pass `USERS_SECONDS` ago at the most."""

    def __init__(self) -> None:
        self._files = KeptFiles(keep=False)
        self._reader = MappedMemoryReader(self._files)
        self._by_inode: dict[int, tuple[int, ...]] = {}
        """Of whatever device: some too many do no harm."""
        self._until = 0.0
        self.also: frozenset[int] = frozenset()
        """Those that may use any segment: who has a named semaphore, who cannot be read."""

    def refresh(self) -> None:
        """Read them anew where that is due."""
        now = time.monotonic()
        if now < self._until:
            return
        self._until = now + USERS_SECONDS
        memory = self._reader.read()
        also = set(memory.unreadable)
        self._by_inode.clear()
        for key, each in memory.found.items():
            self._by_inode[key.inode] = (*self._by_inode.get(key.inode, ()), *each.pids)
            if each.path.rpartition(b"/")[2].startswith(b"sem."):
                also.update(each.pids)
        self.also = frozenset(also)
        self._files.end_look()

    def of(self, inode: int | None) -> tuple[int, ...]:
        """Who has the memory of that inode number."""
        return () if inode is None else self._by_inode.get(inode, ())


def says_layout(options: LayoutOptions) -> bool:
    """Whether the user says anything of the layout."""
    return options.raw or bool(replace(options, shmat=False, pid=None).words)


def _names(folder: str) -> Iterator[str]:
    """The segments with a name, sorted. What has none is named after a process, and a descriptor of it
    would keep it.
    """
    with os.scandir(folder) as entries:
        names = [
            entry.name
            for entry in entries
            if not entry.name.startswith("sem.")
            and not entry.name.endswith(SUFFIX)
            and entry.is_file(follow_symlinks=False)
        ]
    yield from (f"/{name}" for name in sorted(names))


def _close(each: _Watched) -> None:
    if each.sampler is not None:
        each.sampler.close()
    each.sampler = each.snapshot = None


def _is_gone(snapshot: Snapshot) -> bool:
    """Whether nothing but this look is known to have it: it has no name, and no process."""
    segment = snapshot.segment
    nameless = segment.unlinked or not has_name(segment.name)
    return nameless and not segment.replaced and not any(p.alive for p in snapshot.processes)
