"""What a repair changes, kept as a file so that it can be put back or finished.

``${XDG_STATE_HOME:-~/.local/state}/shmtui/repairs/*.json``, one file a repair, is written to disk
before the first word of the segment is. The segment is named by device and inode, by the boot of
the machine, since inodes of /dev/shm begin anew with it, and by the file system: each container has
a /dev/shm of its own, with inodes from 2 on, and the device of one that is gone is used again.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import to_builtins
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.folders import state_folder
from shmtui.i18n import _
from shmtui.repair.plan import Change, Unlock
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment import FileIdentity
from shmtui.shm.segment_info import SemaphoreState
from shmtui.shm.word_change import WordChange
from shmtui.snapshot import Certainty, Finding, Process, Snapshot, Status

VERSION: Final = 5
KEPT: Final = 50
"""How many files are kept, the newest."""


class State(StrEnum):
    """How far a repair got."""

    BEGUN = "begun"
    """Words are being written, or were when the repair was killed."""
    DONE = "done"
    UNDONE = "undone"


class FileWords(msgspec.Struct, frozen=True):
    """The words of one file that are changed, in the order in which they are written."""

    path: str
    identity: FileIdentity
    words: tuple[WordChange, ...]


class RepairRecord(msgspec.Struct, frozen=True):
    """One repair. The files are written in their order, and put back in the opposite one."""

    name: str
    identity: FileIdentity
    time: float
    """Seconds since the epoch."""
    indices: tuple[int | None, int | None]
    """``in`` and ``out`` as it was written: they tell whether items have moved since."""
    slots: str
    """As `Plan.slots`, for the same."""
    findings: tuple[Finding, ...]
    changes: tuple[Change, ...]
    """In the order in which they are written."""
    files: tuple[FileWords, ...]
    permits_left: str = ""
    """Why permits that were not right, or might not be, were left as they were."""
    sides: tuple[tuple[int, int, Role], ...] = ()
    """The sides that were known or said: PID, start time, producer or consumer."""
    unlocks: tuple[Unlock, ...] = ()
    """The mutexes that were unlocked; then ``changes`` is empty."""
    file_system: int = 0
    """That of its /dev/shm (`file_system_of`)."""
    moved: bool = False
    """Whether items were seen to move after it: then nothing is put back, wherever the indices stand."""
    state: State = State.BEGUN
    path: Path = Path()
    """Its file."""

    def interrupted(self, snapshot: Snapshot) -> bool:
        """Whether it was killed before its last word, and nobody has moved an item since.

        The last word is ``mutex``, if it writes that: so nobody gets on before it is written.
        """
        if self.state is not State.BEGUN or self.indices != (snapshot.in_, snapshot.out):
            return False
        if self.unlocks:
            return all(self._half_unlocked(unlock, snapshot) for unlock in self.unlocks)
        if not {change.semaphore for change in self.changes} <= snapshot.semaphores.keys():
            return False
        last = self.changes[-1]
        return not _is(snapshot.semaphores[last.semaphore], last.after)

    @staticmethod
    def _half_unlocked(unlock: Unlock, snapshot: Snapshot) -> bool:
        """Whether it is held still, by its dead owner or, its TID being written over, by nobody."""
        now = next((each for each in snapshot.sync if each.offset == unlock.offset), None)
        return now is not None and now.value == 0 and now.owner in {None, unlock.owner}

    @property
    def texts(self) -> tuple[str, ...]:
        """What was changed, in words."""
        return (*(c.text for c in self.changes), *(u.text for u in self.unlocks))

    def sides_of(self, processes: Iterable[Process]) -> tuple[tuple[int, Role], ...]:
        """The sides of those of ``processes`` that it knew."""
        present = {(p.pid, p.start_time) for p in processes}
        return tuple((pid, role) for pid, started, role in self.sides if (pid, started) in present)

    def taken_back(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot as it would be if the words that were written had not been."""
        states = dict(snapshot.semaphores)
        for change in self.changes:
            states[change.semaphore] = self.state_before(change.semaphore, states[change.semaphore])
        return replace(snapshot, semaphores=states)

    def state_before(self, role: SemaphoreRole, now: SemaphoreState) -> SemaphoreState:
        """A semaphore as it was before its words were written, where nobody has changed it since."""
        for change in self.changes:
            before, after = change.before, change.after
            if change.semaphore is role and now.shared in {before.shared, after.shared}:
                untouched = now.value in {before.value, after.value}
                return replace(before, waiters=now.waiters) if untouched else now
        return now


def _is(now: SemaphoreState, wanted: SemaphoreState) -> bool:
    return (now.value, now.shared) == (wanted.value, wanted.shared)


def repairs_folder() -> Path:
    """Where the files are. ShmtuiError: this user has no home."""
    try:
        return state_folder() / "repairs"
    except ShmtuiError as error:
        raise _not_kept(str(error)) from None


def keep(record: RepairRecord) -> RepairRecord:
    """Write a new record to disk. ShmtuiError: it cannot be written, so nothing may be changed."""
    folder = repairs_folder()
    name = f"{time.time_ns()}-{os.getpid()}.json"
    kept = replace(record, path=folder / name)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(kept)
    except OSError as error:
        raise _not_kept(f"{folder}: {error.strerror}") from None
    for old in sorted(folder.glob("*.json"), key=_age)[:-KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
    return kept


def mark(record: RepairRecord, state: State) -> RepairRecord:
    """Write how far it got. OSError: it cannot be written."""
    marked = replace(record, state=state)
    _write(marked)
    return marked


def note_moved(record: RepairRecord) -> None:
    """Write that items have moved since. OSError: it cannot be written."""
    _write(replace(record, moved=True))


def discard(record: RepairRecord) -> None:
    """Take the file away: nothing was changed after all, and what an earlier repair changed stands in
    the one before. OSError: it cannot be removed.
    """
    record.path.unlink(missing_ok=True)


def file_system_of(folder: str) -> int:
    """What tells a /dev/shm from every other: each tmpfs has a random ID (``f_fsid``, statfs(2)).

    OSError: it is gone.
    """
    return os.statvfs(folder).f_fsid


def latest(identity: FileIdentity, folder: str) -> RepairRecord | None:
    """The last repair that is kept of that segment, which lies in ``folder``; None where there is
    none.
    """
    try:
        segment = identity, file_system_of(folder)
    except OSError:
        return None
    for path in sorted(_files(), key=_age, reverse=True):
        found = _read(path)
        if found is not None and (found.identity, found.file_system) == segment:
            return found
    return None


def _files() -> tuple[Path, ...]:
    """What is kept; nothing where this user may not read it, as another user's home."""
    try:
        return tuple(repairs_folder().glob("*.json"))
    except PermissionError:
        return ()


def _age(path: Path) -> int:
    number = path.name.partition("-")[0]
    return int(number) if number.isdecimal() else 0


def _write(record: RepairRecord) -> None:
    """Write the file and have it on disk, whole or not at all."""
    fields = to_builtins(record, enc_hook=str) | {"version": VERSION, "boot": _boot(), "path": None}
    beside = record.path.with_suffix(f".{os.getpid()}")
    with beside.open("w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(fields, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(record.path)
    folder = os.open(record.path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> RepairRecord | None:
    """A file's record; None where it is of another boot or version, or is none."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        if fields.pop("version") != VERSION or fields.pop("boot") != _boot():
            return None
        return _record(fields, path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _record(fields: dict[str, Any], path: Path) -> RepairRecord:
    return RepairRecord(
        name=fields["name"],
        identity=FileIdentity(**fields["identity"]),
        time=fields["time"],
        indices=(fields["indices"][0], fields["indices"][1]),
        slots=str(fields["slots"]),
        findings=tuple(_finding(finding) for finding in fields["findings"]),
        changes=tuple(
            Change(
                SemaphoreRole(change["semaphore"]),
                SemaphoreState(**change["before"]),
                SemaphoreState(**change["after"]),
                str(change["name"]),
            )
            for change in fields["changes"]
        ),
        files=tuple(
            FileWords(
                file["path"],
                FileIdentity(**file["identity"]),
                tuple(WordChange(**word) for word in file["words"]),
            )
            for file in fields["files"]
        ),
        permits_left=fields["permits_left"],
        sides=tuple((pid, started, Role(role)) for pid, started, role in fields["sides"]),
        unlocks=tuple(
            Unlock(
                unlock["name"],
                unlock["offset"],
                tuple(WordChange(**word) for word in unlock["words"]),
            )
            for unlock in fields["unlocks"]
        ),
        file_system=fields["file_system"],
        moved=fields["moved"] is True,
        state=State(fields["state"]),
        path=path,
    )


def _finding(fields: dict[str, Any]) -> Finding:
    return Finding(
        **fields
        | {
            "severity": Status(fields["severity"]),
            "certainty": Certainty(fields["certainty"]),
            "evidence": tuple(fields["evidence"]),
        }
    )


def _boot() -> str:
    """The identity of this boot of the machine (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _not_kept(why: str) -> ShmtuiError:
    return ShmtuiError(
        _(
            "nothing is changed, because what it would change cannot be kept ({why}): set "
            "XDG_STATE_HOME to a folder that this user may write to"
        ).format(why=why)
    )
