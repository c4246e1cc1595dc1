"""Removing what has no file under /dev/shm: System V objects and message queues.

A System V segment without attachments is certainly unused: the kernel counts attachments of the
whole machine. It does not tell who uses a set of semaphores or a queue, so removing these takes
``force``.
"""

import re
from collections.abc import Callable
from typing import Final

import posix_ipc

from shmtui.errors import MissingSegmentError, ShmtuiError
from shmtui.i18n import _
from shmtui.procfs.sysvipc import (
    SysvObject,
    SysvSegment,
    by_number,
    sysv_queues,
    sysv_segments,
    sysv_sets,
)
from shmtui.session.cleanup import remove
from shmtui.shm.system_v import SystemVKind, remove_system_v

_SYSTEM_V: Final = re.compile(r"(sysv|semset|msgqueue):(\d{1,10})")
_QUEUE: Final = "mqueue:"
_LISTS: Final[dict[str, Callable[[], tuple[SysvObject, ...]]]] = {
    SystemVKind.SEGMENT: sysv_segments,
    SystemVKind.SET: sysv_sets,
    SystemVKind.QUEUE: sysv_queues,
}


def is_object(name: str) -> bool:
    """Whether ``ls`` names a thing so that has no file under /dev/shm."""
    return bool(_SYSTEM_V.fullmatch(name)) or name.startswith((_QUEUE, "pid:", "tmpfs:"))


def remove_listed(name: str, *, force: bool = False) -> str:
    """Remove whatever ``ls`` lists; errors as `remove_object` and `cleanup.remove`."""
    return (remove_object if is_object(name) else remove)(name, force=force)


def remove_object(name: str, *, force: bool = False) -> str:
    """Remove it; returns what was done. MissingSegmentError: there is none. ShmtuiError: it is in
    use, or that cannot be known, and ``force`` was not given; or this user may not.
    """
    found = _SYSTEM_V.fullmatch(name)
    try:
        if found is not None:
            _remove_system_v(name, SystemVKind(found[1]), int(found[2]), force=force)
        elif name.startswith(_QUEUE):
            _remove_queue(name, force=force)
        else:
            wrong = _("{name} has no name to remove: it goes when its last process ends")
            if name.startswith("tmpfs:"):
                wrong = _("{name} is a file system in memory: remove its files with rm")
            raise ShmtuiError(wrong.format(name=ascii(name)[1:-1][:80]))
    except PermissionError:
        wrong = _("this user may not remove {name}: run shmtui as its owner or as root")
        raise ShmtuiError(wrong.format(name=name)) from None
    return _("removed {name}").format(name=name)


def _remove_system_v(name: str, kind: SystemVKind, number: int, *, force: bool) -> None:
    row = by_number(_LISTS[kind](), number)
    if row is None:
        wrong = _("there is no {name}: shmtui ls --kind {kind} shows those there are")
        raise MissingSegmentError(wrong.format(name=name, kind=kind))
    if isinstance(row, SysvSegment):
        if row.attached and not force:
            wrong = _(
                "{name} is attached {count} times: end its processes first, or mark it to go with "
                "the last of them by --force"
            )
            raise ShmtuiError(wrong.format(name=name, count=row.attached))
    elif not force:
        _refuse(name)
    remove_system_v(kind, number)


def _remove_queue(name: str, *, force: bool) -> None:
    queue = name.removeprefix(_QUEUE)
    try:
        posix_ipc.MessageQueue(queue, read=True, write=False).close()
    except posix_ipc.PermissionsError:
        raise PermissionError from None
    except (posix_ipc.Error, OSError, ValueError):
        wrong = _("there is no {name}: shmtui ls --kind {kind} shows those there are")
        raise MissingSegmentError(
            wrong.format(name=ascii(name)[1:-1][:80], kind="mqueue")
        ) from None
    if not force:
        _refuse(name)
    posix_ipc.unlink_message_queue(queue)


def _refuse(name: str) -> None:
    wrong = _(
        "it cannot be known whether a process uses {name}: remove it with --force if none does"
    )
    raise ShmtuiError(wrong.format(name=name))
