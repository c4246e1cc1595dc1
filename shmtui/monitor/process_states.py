"""What a process is doing and what it waits on, from its record and from /proc. Pure but for files."""

import mmap
from pathlib import PurePath

from shmtui.i18n import _
from shmtui.procfs.file_use import FileUse
from shmtui.procfs.freezer import HALTED
from shmtui.shm.control_format import RecordState
from shmtui.shm.control_records import WorkerRecord
from shmtui.shm.layout import MUTEX_SIZE, Layout
from shmtui.shm.protocol import SemaphoreRole, Step
from shmtui.shm.segment import FileIdentity, identity_at
from shmtui.shm.semaphore import named_semaphore_path
from shmtui.snapshot import Access, ProcessState


def worker_state(record: WorkerRecord, letter: str) -> ProcessState:
    """What a worker is doing, by its record and its state letter in /proc."""
    if record.state is RecordState.ENDED:
        return ProcessState.ENDED
    if letter in {"T", "t"}:
        return ProcessState.STOPPED
    if record.paused:
        return ProcessState.PAUSED
    if record.stepping:
        return ProcessState.STEPPING
    if record.blocked:
        return ProcessState.BLOCKED
    if record.step is Step.STARTING:
        return ProcessState.STARTING
    return ProcessState.PACING if record.step is Step.PACE else ProcessState.RUNNING


def foreign_state(letter: str, blocked: bool, *, held: bool = False) -> ProcessState:
    """What a process that is no worker is doing, by its state letter in /proc; ``blocked``: it
    sleeps on a semaphore; ``held``: it is a program that its supervisor has stopped.
    """
    if letter in HALTED:
        return ProcessState.PAUSED if held else ProcessState.STOPPED
    if letter in {"Z", "X"}:
        return ProcessState.ENDED
    if blocked:
        return ProcessState.BLOCKED
    return ProcessState.RUNNING if letter == "R" else ProcessState.ASLEEP


def access_of(use: FileUse) -> Access:
    """What a process has of the segment."""
    if use.may_write:
        return Access.WRITE
    if use.maps:
        own_copy = all(not m.shared for m in use.maps) and any(m.writable for m in use.maps)
        return Access.PRIVATE if own_copy else Access.READ
    if use.opened:
        return Access.FILE
    return Access.SEMAPHORE if use.semaphores else Access.UNKNOWN


def besides_of(use: FileUse) -> tuple[Access, ...]:
    """What it has besides that."""
    also = ((Access.FILE, use.opened), (Access.SEMAPHORE, bool(use.semaphores)))
    return tuple(access for access, has in also if has and access is not access_of(use))


def takes_part(use: FileUse) -> bool:
    """Whether a process that has that of the segment may move something in it."""
    return bool(besides_of(use)) or access_of(use) not in {Access.READ, Access.PRIVATE}


def lock_pages(layout: Layout) -> set[int]:
    """The pages of the segment, each by its first byte, that whoever takes part in it has touched: those of its
    locks and semaphores, or of its indices where it has neither there nor beside it.
    """
    roles = (layout.mutex, layout.empty, layout.full, layout.lock)
    places = {at for at in (*roles, *(member.offset for member in layout.sync)) if at is not None}
    if not places and not layout.names:
        places = {at for at, _size in layout.index_spans}
    return {at - at % mmap.PAGESIZE for at in places}


def named_files(layout: Layout | None, folder: str) -> dict[SemaphoreRole, FileIdentity]:
    """The files of a layout's named semaphores that exist."""
    found = {}
    for role, name in layout.posix_names if layout is not None else ():
        identity = identity_at(named_semaphore_path(name, folder))
        if identity is not None:
            found[role] = identity
    return found


def semaphore_at(layout: Layout | None, offset: int) -> SemaphoreRole | None:
    """The embedded semaphore whose value is the futex word at ``offset``, its first one in glibc and
    in musl; ``mutex`` for a lock that is no semaphore. None: the word is none of theirs.
    """
    if layout is None:
        return None
    for role in SemaphoreRole:
        if layout.semaphore_offset(role) == offset:
            return role
    if layout.lock is not None and layout.lock <= offset < layout.lock + MUTEX_SIZE:
        return SemaphoreRole.MUTEX
    return None


def role_names(layout: Layout | None) -> dict[SemaphoreRole, str]:
    """What the program calls the semaphores and the lock that play a role, where it is known."""
    if layout is None:
        return {}
    members = {member.offset: member.name for member in layout.sync}
    places = {role: layout.semaphore_offset(role) for role in SemaphoreRole}
    if layout.lock is not None:
        places[SemaphoreRole.MUTEX] = layout.lock
    found = {role: members[at] for role, at in places.items() if at in members}
    return found | dict(layout.names)


def sync_name(layout: Layout | None, offset: int, alone: str = "") -> tuple[str, int | None]:
    """The sync object that a futex word belongs to, by the program's name. Where the layout has
    none: its byte, as text and as a number. ``alone``: the semaphore that is looked at in a segment's place.
    """
    if alone and not offset:
        return alone, None
    members = () if layout is None else layout.sync
    for member in members:
        if member.contains(offset):
            return member.name, None
    if layout is not None and layout.lock_free:
        # A word of its own is what its processes sleep on, if they do: often an index.
        places = zip((layout.in_, layout.out), layout.index_names or ("in", "out"), strict=True)
        own = dict(places).get(offset)
        return own or _("byte {offset}").format(offset=offset), None
    return _("byte {offset}").format(offset=offset), offset


def short_command(text: str) -> str:
    """A command line with the path of its program cut to the name, arguments kept.

    >>> short_command("/usr/bin/produtor --fast"), short_command("./produtor")
    ('produtor --fast', './produtor')
    """
    program, _space, rest = text.partition(" ")
    if program.startswith("/"):
        program = PurePath(program).name
    return f"{program} {rest}" if rest else program
