"""System V IPC as the kernel lists it: segments, semaphore sets and message queues of this IPC
namespace (sysvipc(7), /proc/sysvipc). Everybody may read the lists.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeVar

import msgspec

_FOLDER: Final = "/proc/sysvipc"


class SysvObject(msgspec.Struct, frozen=True):
    """What an object of any of the three kinds has."""

    key: int
    """What programs agree on to find it (ftok(3)); 0 is IPC_PRIVATE."""
    number: int
    """shmid, semid or msqid."""
    mode: int
    uid: int
    gid: int
    changed: float
    """Seconds since the epoch; the time when it was made, or IPC_SET changed it."""


class SysvSegment(SysvObject, frozen=True):
    """A segment of shmget(2)."""

    size: int
    resident: int
    """Bytes of it in memory."""
    swapped: int
    attached: int
    """Attachments now (nattch), in all namespaces."""
    last: int
    """PID of the last shmat(2) or shmdt(2)."""

    @property
    def removed(self) -> bool:
        """Marked to go when the last process detaches it (SHM_DEST); its key is gone."""
        return bool(self.mode & 0o1000)


class SysvSet(SysvObject, frozen=True):
    """A set of semaphores of semget(2)."""

    count: int
    """Semaphores in it."""


class SysvQueue(SysvObject, frozen=True):
    """A message queue of msgget(2)."""

    size: int
    """Bytes in it."""
    messages: int
    last_sender: int
    """PID of the last msgsnd(2); 0 where there was none."""
    last_receiver: int
    """PID of the last msgrcv(2); 0 where there was none."""


Row = TypeVar("Row", bound=SysvObject)


def by_number(rows: Iterable[Row], number: int) -> Row | None:
    """The object of that identifier among ``rows``; None where there is none."""
    return next((row for row in rows if row.number == number), None)


def sysv_segments() -> tuple[SysvSegment, ...]:
    """All segments; none where the kernel has no System V IPC."""
    return tuple(
        SysvSegment(
            *_common(row, "shmid"),
            size=row["size"],
            resident=row["rss"],
            swapped=row["swap"],
            attached=row["nattch"],
            last=row["lpid"],
        )
        for row in _table("shm")
    )


def sysv_sets() -> tuple[SysvSet, ...]:
    """All sets of semaphores; none where the kernel has no System V IPC."""
    return tuple(SysvSet(*_common(row, "semid"), count=row["nsems"]) for row in _table("sem"))


def sysv_queues() -> tuple[SysvQueue, ...]:
    """All message queues; none where the kernel has no System V IPC."""
    return tuple(
        SysvQueue(
            *_common(row, "msqid"),
            size=row["cbytes"],
            messages=row["qnum"],
            last_sender=row["lspid"],
            last_receiver=row["lrpid"],
        )
        for row in _table("msg")
    )


def _common(row: dict[str, int], number: str) -> tuple[int, int, int, int, int, float]:
    key = row["key"] & 0xFFFFFFFF
    return key, row[number], row["perms"], row["uid"], row["gid"], row["ctime"]


def _table(kind: str) -> list[dict[str, int]]:
    try:
        return parse_table(Path(_FOLDER, kind).read_text("ascii").splitlines())
    except FileNotFoundError:
        return []


def parse_table(lines: list[str]) -> list[dict[str, int]]:
    """A table of /proc/sysvipc by its head; ``perms`` is octal, all else decimal.

    >>> parse_table(["  key shmid perms", "  -1  5  1600"])
    [{'key': -1, 'shmid': 5, 'perms': 896}]
    """
    if not lines:
        return []
    names = lines[0].split()
    return [
        {
            name: int(field, 8 if name == "perms" else 10)
            for name, field in zip(names, row.split(), strict=False)
        }
        for row in lines[1:]
    ]
