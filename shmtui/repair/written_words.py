"""Writing the words of a plan: each kept on disk first, and swapped only if it is as shown.

Either all of them are written or, where one has changed meanwhile, none. Where this process was
suspended between two of them, those that it had stopped went on, and may have used what was
written: it stays then, and the record of it is one of an interrupted repair, which the next ends.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.repair.plan import Change, Plan
from shmtui.repair.record import (
    FileWords,
    RepairRecord,
    State,
    discard,
    file_system_of,
    keep,
    mark,
)
from shmtui.shm.layout import SEM_SIZE, Layout
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment import FileIdentity, segment_path
from shmtui.shm.segment_info import SemaphoreState
from shmtui.shm.semaphore import SemaphoreWords, decode, named_semaphore_path, word_changes
from shmtui.shm.word_change import WordChange
from shmtui.shm.word_file import WordFile

Safe = Callable[[], bool]
"""Whether everybody is stopped at this moment."""


class Written(Enum):
    """How many of the words were written."""

    ALL = auto()
    NONE = auto()
    SOME = auto()
    """Somebody went on meanwhile and has changed one, so they could not all be put back."""


class SegmentFiles(msgspec.Struct, frozen=True):
    """The files that hold the semaphores of one segment."""

    name: str
    folder: str
    identity: FileIdentity
    layout: Layout
    named: dict[SemaphoreRole, FileIdentity]
    """The files of its named semaphores, as they were when the plan was made."""

    def of(self, role: SemaphoreRole) -> tuple[str, FileIdentity, int]:
        """Path, identity and byte offset of a semaphore. ShmtuiError: its file is gone."""
        offset = self.layout.semaphore_offset(role)
        if offset is not None:
            return segment_path(self.name, self.folder), self.identity, offset
        name = self.layout.semaphore_name(role)
        assert name is not None
        if role not in self.named:
            raise ShmtuiError(_("no semaphore named {name}: was it unlinked?").format(name=name))
        return named_semaphore_path(name, self.folder), self.named[role], 0


def write(
    plan: Plan, place: SegmentFiles, earlier: RepairRecord | None, safe: Safe
) -> RepairRecord | Written:
    """Write a plan's words, ``mutex`` last; returns what was kept of them, as long as all are written.

    ``earlier``: a repair that was interrupted, whose words count as unwritten. Written: a word is
    not as shown, or somebody runs. OSError, ShmtuiError: a file cannot be written, or what would
    be changed cannot be kept.
    """
    with contextlib.ExitStack() as opened:
        files = [_open(opened, place, change.semaphore) for change in plan.changes]
        found: list[FileWords] = []
        for change, (file, identity, offset) in zip(plan.changes, files, strict=True):
            raw = file.read(offset, SEM_SIZE)
            if not _as_shown(raw, change, place, earlier):
                return Written.NONE
            after = SemaphoreWords(change.after.value or 0, change.after.waiters or 0, True)
            words = word_changes(raw, after, place.layout.libc, offset)
            found.append(FileWords(file.path, identity, words))
        for unlock in plan.unlocks:
            path = segment_path(place.name, place.folder)
            file = opened.enter_context(WordFile(path, place.identity))
            files.append((file, place.identity, unlock.offset))
            found.append(FileWords(path, place.identity, unlock.words))
        kept = keep(
            RepairRecord(
                place.name,
                place.identity,
                time.time(),
                plan.indices,
                plan.slots,
                plan.findings,
                plan.changes,
                tuple(found),
                plan.permits_left if plan.needs_permits or plan.needs_role else "",
                tuple(
                    (p.pid, p.start_time, p.role)
                    for p in plan.participants
                    if p.role in {Role.PRODUCER, Role.CONSUMER}
                ),
                plan.unlocks,
                file_system_of(place.folder),
            )
        )
        steps = [
            (file, word)
            for (file, *_others), of in zip(files, found, strict=True)
            for word in of.words
            if not (plan.unlocks and earlier is not None and file.holds(word))
        ]
        done = swap_all(steps, safe)
        if done is Written.NONE:
            discard(kept)
        if done is not Written.ALL:
            return done
        for file, _identity, offset in files[len(plan.changes) :]:
            file.wake(offset)
        return kept


def _open(
    opened: contextlib.ExitStack, place: SegmentFiles, role: SemaphoreRole
) -> tuple[WordFile, FileIdentity, int]:
    path, identity, offset = place.of(role)
    return opened.enter_context(WordFile(path, identity)), identity, offset


def _as_shown(
    raw: bytes, change: Change, place: SegmentFiles, earlier: RepairRecord | None
) -> bool:
    """Whether a semaphore is what the plan shows, but for what an interrupted repair wrote."""
    words = decode(raw, place.layout.libc)
    now = SemaphoreState(words.value, words.waiters, words.shared)
    if earlier is not None:
        now = earlier.state_before(change.semaphore, now)
    return now == change.before


def swap_all(steps: Sequence[tuple[WordFile, WordChange]], safe: Safe) -> Written:
    """Swap the words one by one, as long as it is safe; else put back those that were swapped.

    A process that was continued meanwhile may have used one of them. Then all stay: one word put
    back beside another that counts what was done with it would be worse.
    """
    done: list[tuple[WordFile, WordChange]] = []
    for file, word in steps:
        if not (safe() and file.swap(word)):
            break
        done.append((file, word))
    else:
        return Written.ALL
    if not all(file.holds(word) for file, word in done):
        return Written.SOME
    back = [file.swap(word.back) for file, word in reversed(done)]
    return Written.NONE if all(back) else Written.SOME


@contextlib.contextmanager
def opened_again(record: RepairRecord) -> Iterator[tuple[tuple[WordFile, WordChange], ...]]:
    """The words of a record with their files, in the order in which they were written.

    OSError, ShmtuiError: a file is gone, or may not be written.
    """
    with contextlib.ExitStack() as opened:
        found = []
        for of in record.files:
            file = opened.enter_context(WordFile(of.path, of.identity))
            found += [(file, word) for word in of.words]
        yield tuple(found)


def put_back(record: RepairRecord, safe: Safe) -> Written:
    """Put the words of a repair back, ``mutex`` first; those that it did not get to write stay.

    Not all: a word is neither what it wrote nor what it found, or somebody runs.
    """
    with opened_again(record) as steps:
        written = [(file, word) for file, word in steps if file.holds(word)]
        if not all(file.holds(word) or file.holds(word.back) for file, word in steps):
            return Written.NONE
        begun = mark(record, State.BEGUN)
        back = [(file, word.back) for file, word in reversed(written)]
        done = swap_all(back, safe)
        if done is not Written.SOME:
            mark(begun, State.UNDONE if done is Written.ALL else record.state)
        return done
