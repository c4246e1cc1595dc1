"""A control group of a box's own, where this user may make one (cgroups(7), version 2): the kernel keeps to its limits.

The watch over a box looks some times a second; a group holds between two looks as well, and one write
ends all that is in it. Its limits are wider than the watch's, which says what was too much.
"""

import contextlib
import itertools
import os
import time
from pathlib import Path
from typing import Final, Self

from shmtui.procfs.mounts import cgroup_mount

_OWN = Path("/proc/self/cgroup")
_SPARE_BYTES: Final = 384 << 20
"""What the box's own processes take, and the files in its memory, beside the programs."""
_SPARE_THREADS: Final = 32
_END_SECONDS: Final = 5.0
_numbers: Final = itertools.count(1)


class ControlGroup:
    """A group, and the limits that its controllers allow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def made(cls, memory: int, processes: int, disk: int) -> Self | None:
        """One with limits in bytes, threads, and bytes of files; None where this user may make none."""
        for parent in _parents():
            folder = parent / f"shmtui-{os.getpid()}-{next(_numbers)}"
            with contextlib.suppress(OSError):
                folder.mkdir()
                group = cls(folder)
                # To move a process there takes the right to write to the file of the parent, too.
                if not all(os.access(f / "cgroup.procs", os.W_OK) for f in (folder, parent)):
                    group.close()
                    continue
                group._limit("memory.max", memory + disk + _SPARE_BYTES)
                group._limit("memory.swap.max", 0)
                group._limit("pids.max", processes + _SPARE_THREADS)
                return group
        return None

    @property
    def limits_all(self) -> bool:
        """Whether it limits memory and threads, and not only ends all that is in it."""
        return all((self.folder / name).exists() for name in ("memory.max", "pids.max"))

    def _limit(self, name: str, most: int) -> None:
        with contextlib.suppress(OSError):  # Without that controller.
            (self.folder / name).write_text(str(most))

    def join(self) -> None:
        """Have this process, and all that it starts, be in it. OSError: it may not be moved."""
        (self.folder / "cgroup.procs").write_text("0")

    def over(self) -> str:
        """What the kernel refused or ended something for: ``memory``, ``processes``, or nothing."""
        for name, event, what in (
            ("memory.events", "oom_kill", "memory"),
            ("pids.events", "max", "processes"),
        ):
            with contextlib.suppress(OSError):
                counts = dict(map(str.split, (self.folder / name).read_text().splitlines()))
                if int(counts.get(event, 0)):
                    return what
        return ""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            (self.folder / "cgroup.kill").write_text("1")
        end = time.monotonic() + _END_SECONDS
        while self.folder.exists() and time.monotonic() < end:
            with contextlib.suppress(OSError):  # What was ended is still being taken away.
                self.folder.rmdir()
                return
            time.sleep(0.01)


def _parents() -> list[Path]:
    """Where a group may be made: beside this process's own, since one with processes in it limits no others."""
    with contextlib.suppress(OSError, ValueError):
        point = cgroup_mount()
        lines = _OWN.read_text().splitlines()
        own = next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), None)
        if point is not None and own is not None:
            top = Path(os.fsdecode(point))
            here = top / own
            return [here] if here == top else [here.parent, here]
    return []


def limited_by_kernel() -> bool:
    """Whether boxes have groups that limit memory and threads."""
    group = ControlGroup.made(1 << 30, 1 << 10, 0)
    if group is None:
        return False
    try:
        return group.limits_all
    finally:
        group.close()
