"""Every POSIX segment and named semaphore of this machine, and which processes map each.

One pass over /dev/shm and one over /proc. What this user may not read is listed and marked.
"""

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from shmtui.errors import ControlBlockError, ShmtuiError, shortages_told
from shmtui.i18n import N_, _
from shmtui.layouts.inference import Elimination, signatures
from shmtui.layouts.member_roles import listed
from shmtui.layouts.program_types import QuickTypes
from shmtui.layouts.resolve import SEED_NAME, SEED_SLOTS
from shmtui.layouts.role_evidence import Reading
from shmtui.monitor.unseen_processes import classify
from shmtui.procfs.credentials import (
    ROOT,
    Credentials,
    FileAccess,
    credentials_of,
    proc_hides_others,
)
from shmtui.procfs.file_writers import anybody_writes
from shmtui.procfs.maps import Deleted, deleted_files, map_lines, mapped_inodes
from shmtui.procfs.namespaces import in_pid_namespace, others_may_be_outside
from shmtui.procfs.process import process_name, processes
from shmtui.shm.control_format import HEADER_SIZE, MAGIC, SUFFIX, Flags
from shmtui.shm.control_records import parse_header, read_header
from shmtui.shm.layout import SEM_SIZE, Layout, seed_layout
from shmtui.shm.layout_spec import item_from_text
from shmtui.shm.libc import running_libc
from shmtui.shm.segment import SHM_DIR, FileIdentity, open_readonly
from shmtui.shm.segment_reader import user_name
from shmtui.shm.semaphore import decode

_GUESS_SIZE: Final = 1 << 16
_TYPES_SECONDS: Final = 0.1
"""Reading programs' debug information takes no longer than this in all."""
_GUESS_SECONDS: Final = 0.3
"""Inferring the layouts of unknown segments takes no longer than this in all."""


class Kind(StrEnum):
    """What an entry of /dev/shm is."""

    BUFFER = N_("bounded buffer")
    LOCKS = N_("locks without a ring")
    SEMAPHORE = N_("named semaphore")
    CONTROL = N_("shmtui control block")
    PYTHON = N_("python multiprocessing")
    UNKNOWN = "unknown"
    NOT_A_FILE = N_("not a segment")


@dataclass(frozen=True, slots=True)
class Entry:
    """One name under /dev/shm."""

    name: str
    """As shm_open or sem_open takes it, without ``sem.``; undecodable bytes as surrogates."""
    kind: Kind
    looks: str
    """The kind with a few details, in words."""
    size: int
    owner: str
    mode: int
    age: float
    """Seconds since the file was made, or last changed in its metadata."""
    mappers: tuple[tuple[int, str], ...]
    """(PID, name) of each process that is seen to map it."""
    orphan: bool | None
    """No live process maps it; None where an unreadable process may (`unseen_processes`)."""
    readable: bool


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A segment that lost its name while processes map it: nobody else can join them by name."""

    name: str
    """The name that it had, as the kernel keeps it; undecodable bytes as surrogates."""
    inode: int
    size_limit: int
    """Its size in bytes, rounded up to pages by the processes' mappings."""
    replaced: bool
    """Another segment has the name now, so that programs of one name meet in two segments."""
    mappers: tuple[tuple[int, str], ...]
    """(PID, name) of each process that is seen to map it."""


@dataclass(frozen=True, slots=True)
class _Mappers:
    """Who maps what under /dev/shm, as far as this user may read it."""

    by_file: dict[FileIdentity, list[int]]
    deleted: dict[FileIdentity, Deleted]
    """The files that have lost the name by which they were mapped."""
    unreadable: list[tuple[int, Credentials | None]]
    """PIDs whose maps this user may not read."""
    unlisted: bool
    """/proc lists only this user's processes."""

    def orphan(self, path: str, status: os.stat_result) -> bool | None:
        """Whether no live process maps a file, or has it open for writing; None where one may
        that cannot be read.
        """
        identity = FileIdentity.of(status)
        if identity in self.by_file:
            return False
        writes = anybody_writes(path, identity) if stat.S_ISREG(status.st_mode) else None
        if writes is not None:
            return not writes
        if others_may_be_outside():
            return None
        access = FileAccess(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
        unseen = classify(
            self.unreadable,
            access,
            unlisted=self.unlisted,
            own_user=os.geteuid(),
            contained=in_pid_namespace(),
        )
        return None if unseen.may_take_part else True


def discover(folder: str = SHM_DIR) -> tuple[Entry, ...]:
    """Everything under /dev/shm, by name. ShortageError: no descriptor or no memory is left."""
    return survey(folder)[0]


@shortages_told()
def survey(folder: str = SHM_DIR) -> tuple[tuple[Entry, ...], tuple[Unlinked, ...]]:
    """Everything under /dev/shm by name, and the segments of it that have no name any more.
    ShortageError: no descriptor or no memory is left.
    """
    users = _read_mappers(folder)
    names: dict[int, str] = {}
    found = []
    named = {}
    guess_until = time.monotonic() + _GUESS_SECONDS
    types = QuickTypes(folder, _TYPES_SECONDS)
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            named[FileIdentity.of(status)] = entry.name
            pids = users.by_file.get(FileIdentity.of(status), [])
            for pid in pids:
                if pid not in names:
                    names[pid] = process_name(pid)
            mappers = tuple((pid, names[pid]) for pid in sorted(pids))
            guess = time.monotonic() < guess_until
            orphan = users.orphan(entry.path, status)
            found.append(
                _entry(entry.name, status, mappers, types, folder, orphan=orphan, guess=guess)
            )
    listed = tuple(sorted(found, key=lambda e: (e.kind is Kind.SEMAPHORE, e.name)))
    return listed, tuple(_unlinked(users, named))


def _unlinked(users: _Mappers, named: dict[FileIdentity, str]) -> Iterator[Unlinked]:
    """The segments without a name, by the name that they had.

    A named semaphore is not among them: sem_open maps it under a passing name, and Python unlinks
    each at once.
    """
    for identity, file in sorted(users.deleted.items(), key=lambda item: item[1].path):
        name = os.fsdecode(file.path).rpartition("/")[2]
        if identity in named or name.startswith("sem."):
            continue
        pids = sorted(users.by_file[identity])
        yield Unlinked(
            "/" + name,
            identity.inode,
            file.end,
            name in named.values(),
            tuple((pid, process_name(pid)) for pid in pids),
        )


def _read_mappers(folder: str) -> _Mappers:
    device = Path(folder).stat().st_dev
    by_file: dict[FileIdentity, list[int]] = {}
    deleted: dict[FileIdentity, Deleted] = {}
    unreadable = []
    for pid in processes():
        lines = map_lines(pid)
        if lines is None:
            unreadable.append((pid, credentials_of(pid)))
            continue
        for inode in mapped_inodes(lines, device):
            by_file.setdefault(FileIdentity(device, inode), []).append(pid)
        for file in deleted_files(lines, device):
            deleted.setdefault(file.identity, file)
    return _Mappers(by_file, deleted, unreadable, os.geteuid() != ROOT and proc_hides_others())


def _entry(
    file: str,
    status: os.stat_result,
    mappers: tuple[tuple[int, str], ...],
    types: QuickTypes,
    folder: str,
    *,
    orphan: bool | None,
    guess: bool,
) -> Entry:
    semaphore = file.startswith("sem.")
    name = "/" + (file.removeprefix("sem.") if semaphore else file)
    kind, looks, readable, known = _examine(file, status, folder, guess=guess)
    if not known and readable:
        typed = types.layout(name, [pid for pid, _name in mappers], without_ring=True)
        if typed is not None:
            kind, looks = _typed(*typed)
    born = min(status.st_ctime, status.st_mtime, status.st_atime)
    return Entry(
        name=name,
        kind=kind,
        looks=looks,
        size=status.st_size,
        owner=user_name(status.st_uid),
        mode=stat.S_IMODE(status.st_mode),
        age=max(time.time() - born, 0.0),
        mappers=mappers,
        orphan=orphan,
        readable=readable,
    )


def _typed(layout: Layout, program: str) -> tuple[Kind, str]:
    """What the debug information of a program says."""
    if not layout.slots:
        text = _("locks without a ring: {locks}, from the debug information of {program}")
        names = listed(f"{each.kind} {each.name}" for each in layout.sync)
        return Kind.LOCKS, text.format(locks=names, program=program)
    text = _("bounded buffer of {slots:,} × {item}, from the debug information of {program}")
    return Kind.BUFFER, text.format(slots=layout.slots, item=layout.item.name, program=program)


def _examine(
    file: str, status: os.stat_result, folder: str, *, guess: bool
) -> tuple[Kind, str, bool, bool]:
    """Kind, detail, whether this user may read it, and whether it is known for sure."""
    if not stat.S_ISREG(status.st_mode):
        return Kind.NOT_A_FILE, _file_type(status.st_mode), False, True
    try:
        fd = open_readonly(f"{folder}/{file}")
    except ShmtuiError:
        kind = Kind.SEMAPHORE if file.startswith("sem.") else Kind.UNKNOWN
        text = _("{kind}, not readable by this user").format(kind=_(kind.value))
        return kind, text, False, True
    try:
        if file.startswith("sem."):
            return Kind.SEMAPHORE, _semaphore(os.pread(fd, SEM_SIZE, 0)), True, True
        if file.endswith(SUFFIX) and os.pread(fd, 8, 0) == MAGIC:
            return Kind.CONTROL, _control(os.pread(fd, HEADER_SIZE, 0)), True, True
        header = read_header("/" + file, folder)
        if header is not None and header.segment == FileIdentity.of(status):
            layout = header.layout
            text = _("bounded buffer of {slots:,} × {item}")
            text = text.format(slots=layout.slots, item=layout.item.name)
            return Kind.BUFFER, text, True, True
        if file.startswith(("psm_", "wnsm_", "pym-")):
            return Kind.PYTHON, "python multiprocessing.shared_memory", True, True
        return *_guess(file, fd, status.st_size, closely=guess), True, False
    finally:
        os.close(fd)


def _file_type(mode: int) -> str:
    tests = (
        (stat.S_ISLNK, _("a symbolic link")),
        (stat.S_ISDIR, _("a directory")),
        (stat.S_ISFIFO, _("a FIFO")),
        (stat.S_ISSOCK, _("a socket")),
        (stat.S_ISCHR, _("a character device")),
        (stat.S_ISBLK, _("a block device")),
    )
    return next((text for test, text in tests if test(mode)), _("no regular file"))


def _semaphore(raw: bytes) -> str:
    if len(raw) < 12:
        return _("named semaphore, too short: opening it kills the opener (SIGBUS)")
    words = decode(raw, running_libc())
    text = _("named semaphore, value {value}").format(value=words.value)
    if words.waiters:
        text += _(", {count} waiting").format(count=words.waiters)
    return text


def _control(raw: bytes) -> str:
    try:
        header = parse_header(raw)
    except ControlBlockError as error:
        return _("shmtui control block; {error}").format(error=error)
    text = _("shmtui control block of {name} by PID {pid}")
    text = text.format(name=header.name, pid=header.creator_pid)
    return text + _(", kept") if header.flags & Flags.KEEP else text


def _guess(file: str, fd: int, size: int, *, closely: bool) -> tuple[Kind, str]:
    """The kind of an unknown segment by its bytes: a buffer where it holds three semaphores, or has
    the name and the size of the course's exercise, whose semaphores may never have been set.

    ``closely``: there is time to infer its layout.
    """
    if not 0 < size <= _GUESS_SIZE:
        return Kind.UNKNOWN, _("unknown")
    raw = os.pread(fd, size, 0)
    libc = running_libc()
    told = len(signatures(raw, libc)) == 3
    found = Elimination(Reading.whole(raw), libc, takers=1).result if closely and told else None
    layout = None if found is None else found.layout
    exercise = seed_layout(SEED_SLOTS, item_from_text("int32"), libc)
    if layout is None and "/" + file == SEED_NAME and size == exercise.size:
        return Kind.BUFFER, _("bounded buffer of {slots:,} × {item}, by its name").format(
            slots=exercise.slots, item=exercise.item.name
        )
    if not told:
        return Kind.UNKNOWN, _("unknown")
    if layout is None:
        return Kind.BUFFER, _("bounded buffer (three semaphores), layout not sure")
    return Kind.BUFFER, _("bounded buffer of {slots:,} × {size} bytes, inferred").format(
        slots=layout.slots, size=layout.item.size
    )
