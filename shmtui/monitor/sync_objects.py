"""All locks and semaphores of a segment, as they stand: the view by role widened to every object."""

import os
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from shmtui.procfs.identity import start_time
from shmtui.procfs.namespaces import namespace
from shmtui.procfs.process import has_ended
from shmtui.shm.layout import SEM_SIZE, Layout
from shmtui.shm.libc import running_libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_reader import SegmentReader
from shmtui.shm.semaphore import SemaphoreWords
from shmtui.shm.sync_object import (
    OF_A_SET,
    SYNC_SIZES,
    SyncKind,
    SyncMember,
    SyncObject,
    decode_sync,
)
from shmtui.shm.system_v import member_last, set_member

_COUNTED: Final = {SyncKind.SEMAPHORE, SyncKind.MUTEX, SyncKind.RWLOCK, SyncKind.BARRIER}


def sync_objects(
    reader: SegmentReader,
    layout: Layout,
    semaphores: Mapping[SemaphoreRole, SemaphoreWords],
    mappers: frozenset[int],
    *,
    ask: bool = False,
) -> tuple[SyncObject, ...]:
    """The objects of the layout, those that play a role first. ``semaphores``: their words as they
    were read with the ring. ``mappers``: PIDs, to tell whose TIDs an owner's can be. ``ask``: the kernel, too, how
    many sleep on the locks that are no semaphores of the ring.
    """
    by_role = tuple(_with_role(layout, semaphores))
    taken = {each.offset for each in by_role}
    members = [each for each in layout.sync if each.listed and each.offset not in taken]
    if layout.lock is not None and layout.lock not in {member.offset for member in members}:
        members.insert(0, SyncMember(SemaphoreRole.MUTEX, SyncKind.MUTEX, layout.lock))
    others = [_read(reader, member, layout, mappers) for member in members]
    if ask:
        others = [replace(each, sleepers=_sleepers(reader, each)) for each in others]
    return (*by_role, *others)


def _sleepers(reader: SegmentReader, each: SyncObject) -> int | None:
    """How many sleep on any of its words. Of a condition it is not asked: most waits there have a timeout, which is
    not known of one that is hidden.
    """
    if each.offset is None or each.kind not in _COUNTED:
        return None
    return reader.sleepers(each.offset, SYNC_SIZES[SyncKind(each.kind)])


def named_semaphore(reader: SegmentReader) -> tuple[SyncObject, ...]:
    """The semaphore, where one was opened in a segment's place."""
    if not reader.semaphore:
        return ()
    words = decode_sync(SyncKind.SEMAPHORE, reader.read(0, SEM_SIZE), running_libc())
    return (
        SyncObject(
            reader.name, SyncKind.SEMAPHORE, value=words.value, waiters=words.waiters,
            shared=words.shared,
        ),
    )  # fmt: skip


def _with_role(
    layout: Layout, semaphores: Mapping[SemaphoreRole, SemaphoreWords]
) -> Iterator[SyncObject]:
    members = {member.offset: member.name for member in layout.sync}
    for role, words in semaphores.items():
        offset = layout.semaphore_offset(role)
        name = layout.semaphore_name(role) or members.get(-1 if offset is None else offset, role)
        if set_member(name):
            last = member_last(name)
            yield SyncObject(
                name, OF_A_SET, role, None, words.value,
                waiters=words.waiters, shared=True, last=last, last_dead=None if last is None else start_time(last) is None,
            )  # fmt: skip
            continue
        yield SyncObject(
            name, SyncKind.SEMAPHORE, role, offset, words.value,
            waiters=words.waiters, shared=words.shared,
        )  # fmt: skip


def _read(
    reader: SegmentReader, member: SyncMember, layout: Layout, mappers: frozenset[int]
) -> SyncObject:
    raw = reader.read(member.offset, SYNC_SIZES[member.kind])
    words = decode_sync(member.kind, raw, layout.libc)
    role = SemaphoreRole.MUTEX if member.offset == layout.lock else None
    return SyncObject(
        member.name, member.kind, role, member.offset, words.value, words.owner,
        None if words.owner is None else _dead(words.owner, mappers),
        words.waiters, words.shared, words.robust, words.robustness, declared=member.declared,
    )  # fmt: skip


def _dead(tid: int, mappers: frozenset[int]) -> bool | None:
    """Whether no thread has that TID, or a zombie has it, which nobody has waited for yet.
    None: a mapper counts its TIDs in another PID namespace.
    """
    own = namespace("pid")
    if not own or any(namespace("pid", pid) != own for pid in mappers):
        return None
    try:
        os.kill(tid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return _is_zombie(tid)


def _is_zombie(tid: int) -> bool:
    """Whether a thread has ended. A first thread that has ended holds nothing either."""
    try:
        return has_ended(tid, tid)
    except OSError:
        return False
