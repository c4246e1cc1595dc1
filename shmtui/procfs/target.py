"""What a user may name to look at: a segment, or memory that has no name under /dev/shm.

``/NAME`` is a file there. ``sysv:SHMID`` is a System V segment, ``pid:PID:INODE`` is memory that a
process maps or has open: its own files of memfd_create(2), anonymous memory of forked processes, a
segment that was unlinked. ``shmtui ls`` prints each.
"""

import re
from collections.abc import Callable, Collection
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.segment import SHM_DIR, segment_name
from shmtui.shm.segment_reader import SegmentReader

_MEMORY: Final = re.compile(r"(sysv):(\d{1,10})|(pid):(\d{1,10}):(\d{1,20})")
_OTHERS: Final = re.compile(r"(semset|msgqueue|mqueue|tmpfs):.*", re.DOTALL)


def target(text: str) -> str:
    """The target in ``text``; a segment's name with its slash. ShmtuiError: it is none.

    >>> target("shm_buffer"), target("sysv:7"), target("/sysv:7")
    ('/shm_buffer', 'sysv:7', '/sysv:7')
    """
    if _MEMORY.fullmatch(text):
        return text
    found = _OTHERS.fullmatch(text)
    if found is None and text.startswith(("pid:", "sysv:")):
        wrong = _(
            "{name} is not understood: write pid:PID:INODE or sysv:SHMID, as shmtui ls prints them, or "
            "/{name} for a segment of that name"
        )
        raise ShmtuiError(wrong.format(name=ascii(text)[1:-1][:80]))
    if found is None:
        return segment_name(text)
    words = {
        "semset": _("{name} is a set of semaphores, not memory: shmtui stat {name} shows it"),
        "msgqueue": _("{name} is a message queue, not memory: shmtui ls --kind msgqueue shows it"),
        "mqueue": _("{name} is a message queue, not memory: shmtui ls --kind mqueue shows it"),
        "tmpfs": _("{name} is a file system in memory: du -axh on its folder shows its files"),
    }
    raise ShmtuiError(words[found[1]].format(name=ascii(text)[1:-1][:80]))


def has_name(name: str) -> bool:
    """Whether a target is a file under /dev/shm."""
    return name.startswith("/")


def open_target(
    name: str,
    folder: str = SHM_DIR,
    attach: Callable[[str], None] | None = None,
    among: Collection[int] | None = None,
) -> SegmentReader:
    """A reader of a target. ``attach``: as of `SystemVMemory`. ``among``: the processes that have it, where
    they are known. MissingSegmentError: there is no such. ShmtuiError: this user may not read it.
    """
    found = _MEMORY.fullmatch(name)
    if found is None:
        return SegmentReader(name, folder)
    from shmtui.procfs.process_memory import (  # noqa: PLC0415 - most targets have a file
        ProcessMemory,
        SystemVMemory,
    )

    if found[1]:
        return SegmentReader(name, folder, SystemVMemory(int(found[2]), attach, among))
    return SegmentReader(name, folder, ProcessMemory(int(found[4]), int(found[5]), among))
