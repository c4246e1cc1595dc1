"""System V objects and POSIX message queues, as the list of what processes share shows them."""

import contextlib
import mmap
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import posix_ipc

from shmtui.i18n import _, ngettext
from shmtui.monitor.known_programs import owner_program
from shmtui.monitor.mapped_memory import MappedMemory
from shmtui.monitor.memory_in_use import MemoryInUse, status_of
from shmtui.monitor.memory_waits import Waits
from shmtui.monitor.queue_waits import waiting_in_queue, waiting_in_system_v_queues
from shmtui.monitor.segment_content import Found
from shmtui.monitor.shared_memory import SharedMemory
from shmtui.monitor.shared_object import Content, ObjectKind, SharedObject
from shmtui.procfs.namespaces import namespace
from shmtui.procfs.sysvipc import (
    SysvObject,
    SysvQueue,
    SysvSegment,
    SysvSet,
    sysv_queues,
    sysv_segments,
    sysv_sets,
)
from shmtui.shm.segment_reader import user_name
from shmtui.shm.system_v import SysvSemaphore, read_set

_VALUES: Final = 8
"""So many values of a set are shown."""


class IpcObjects(msgspec.Struct, frozen=True):
    """What of them there is, beside the pass over all processes that is ``memory``."""

    memory: MappedMemory
    waits: Waits
    in_use: MemoryInUse
    names: Callable[[Iterable[int]], tuple[tuple[int, str], ...]]
    """(PID, name) of each of some PIDs, sorted."""
    mappers: Callable[[SharedMemory], tuple[tuple[int, str], ...]]
    """(PID, name) of who has a memory."""
    typed: Callable[[SharedMemory, str, int], Found | None]
    """What a memory holds, by its target and size, where the programs that map it tell."""

    def listed(self) -> Iterator[SharedObject]:
        """System V objects of this IPC namespace by the kernel's own lists, and message queues."""
        own = namespace("ipc")
        attached = {
            each.key.inode: each
            for each in self.memory.found.values()
            if each.key.kind is ObjectKind.SYSV and each.key.namespace == own
        }
        for segment in sysv_segments():
            yield self._segment(segment, attached.get(segment.number))
        yield from map(self._set, sysv_sets())
        queues = sysv_queues()
        if queues:
            waiting, whole = waiting_in_system_v_queues()
            for queue in queues:
                none = () if whole else None
                yield self._system_v_queue(queue, tuple(waiting.get(queue.number, ())) or none)
        yield from self._queues()

    def _segment(self, segment: SysvSegment, memory: SharedMemory | None) -> SharedObject:
        mappers = () if memory is None else self.mappers(memory)
        content, looks = Content.UNKNOWN, owner_program([name for _pid, name in mappers])
        if memory is not None and not looks:
            target = f"{ObjectKind.SYSV}:{segment.number}"
            found = self.typed(memory, target, segment.size)
            if found is not None:
                content, looks = found.content, found.looks
        huge = memory is not None and memory.huge
        in_use: int | None = segment.resident + segment.swapped
        at_least = False
        if memory is not None and huge:
            in_use, at_least = self.in_use.of(memory)
            looks = looks or _("huge pages")
        elif (in_use or 0) > segment.size + mmap.PAGESIZE:
            # Of huge pages the kernel's list counts each once for every small one in it (ipc/shm.c).
            in_use = None
        if segment.removed and not looks:
            looks = _("removed: it goes when the last process detaches it")
        return _system_v(
            segment, ObjectKind.SYSV, looks or _("unknown"), segment.size,
            content=content,
            mappers=mappers,
            orphan=segment.attached == 0,
            in_use=in_use,
            in_use_at_least=at_least,
            huge=huge or in_use is None,
            waiting=() if memory is None else self.waits.among(memory),
            unlinked=segment.removed,
        )  # fmt: skip

    def _set(self, each: SysvSet) -> SharedObject:
        semaphores: tuple[SysvSemaphore, ...] = ()
        with contextlib.suppress(OSError):
            semaphores = read_set(each.number, each.count)
        looks = ngettext("{count} semaphore", "{count} semaphores", each.count)
        looks = looks.format(count=each.count)
        if semaphores:
            looks += ": " + " ".join(str(s.value) for s in semaphores[:_VALUES])
            looks += " …" if each.count > _VALUES else ""
        else:
            looks += ", " + _("not readable by this user")
        last = _alive(s.last for s in semaphores)
        return _system_v(
            each, ObjectKind.SYSV_SET, looks, None,
            mappers=self.names(last), orphan=None, readable=bool(semaphores),
            waiters=sum(s.waiters + s.zero_waiters for s in semaphores) if semaphores else None,
        )  # fmt: skip

    def _system_v_queue(self, queue: SysvQueue, waiting: tuple[int, ...] | None) -> SharedObject:
        text = ngettext("{count} message", "{count} messages", queue.messages)
        last = _alive((queue.last_sender, queue.last_receiver, *(waiting or ())))
        return _system_v(
            queue, ObjectKind.SYSV_QUEUE, text.format(count=queue.messages),
            queue.size, mappers=self.names(last), orphan=None, messages=queue.messages,
            waiting=waiting,
        )  # fmt: skip

    def _queues(self) -> Iterator[SharedObject]:
        """POSIX queues: by their file system where that is mounted, and those that processes have
        open.
        """
        holders = {
            each.key.inode: each
            for each in self.memory.found.values()
            if each.key.kind is ObjectKind.QUEUE
        }
        for mount, pid in self.memory.mounts.values():
            if mount.kind != "mqueue" or pid != "self":
                continue
            with contextlib.suppress(OSError), os.scandir(mount.point) as entries:
                for entry in entries:
                    holder = holders.pop(entry.inode(), None)
                    yield self._queue("/" + entry.name, entry.stat(), holder)
        for holder in holders.values():
            status = status_of(holder)
            if status is not None:
                yield self._queue(holder.name, status, holder)

    def _queue(
        self, name: str, status: os.stat_result, holder: SharedMemory | None
    ) -> SharedObject:
        depth = _depth(name)
        looks, size = _("not readable by this user"), None
        if depth is not None:
            messages, most, length = depth
            looks = ngettext("{count} message of {most}", "{count} messages of {most}", messages)
            looks, size = looks.format(count=messages, most=most), most * length
        return SharedObject(
            target=f"mqueue:{name}",
            name=name,
            kind=ObjectKind.QUEUE,
            content=Content.UNKNOWN,
            looks=looks,
            size=size,
            owner=user_name(status.st_uid),
            mode=stat.S_IMODE(status.st_mode),
            age=max(time.time() - status.st_ctime, 0.0),
            mappers=() if holder is None else self.mappers(holder),
            waiting=() if holder is None else waiting_in_queue(holder.pids, status.st_ino),
            orphan=None if holder is None else False,
            readable=depth is not None,
            messages=None if depth is None else depth[0],
            device=status.st_dev,
            inode=status.st_ino,
        )


def _alive(pids: Iterable[int]) -> set[int]:
    """Those of the processes that used an object last that still are there."""
    return {pid for pid in pids if pid and Path(f"/proc/{pid}").exists()}


def _system_v(
    each: SysvObject,
    kind: ObjectKind,
    looks: str,
    size: int | None,
    **more: object,
) -> SharedObject:
    return SharedObject(
        target=f"{kind}:{each.number}",
        name=f"0x{each.key:08x}" if each.key else "",
        kind=kind,
        looks=looks,
        size=size,
        owner=user_name(each.uid),
        mode=each.mode & 0o777,
        age=max(time.time() - each.changed, 0.0),
        inode=each.number,
        **{"content": Content.UNKNOWN, **more},  # type: ignore[arg-type]
    )


def _depth(name: str) -> tuple[int, int, int] | None:
    """How many messages a POSIX queue holds, how many it may, and the bytes of one; None where this
    user may not open it. Reading its file would change the file's times (ipc/mqueue.c).
    """
    try:
        queue = posix_ipc.MessageQueue(name, read=True, write=False)
    except (posix_ipc.Error, OSError, ValueError):
        return None
    try:
        return queue.current_messages, queue.max_messages, queue.max_message_size
    finally:
        queue.close()
