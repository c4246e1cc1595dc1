"""What a segment holds, as far as a quick look tells: by its control block, its name, the debug
information of a program, or its bytes.
"""

import math
import os
import stat
import time
from dataclasses import dataclass
from typing import Final

from shmtui.errors import ControlBlockError, ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.inference import Elimination, signatures
from shmtui.layouts.member_roles import listed
from shmtui.layouts.program_types import QuickTypes
from shmtui.layouts.resolve import SEED_NAME, SEED_SLOTS
from shmtui.layouts.role_evidence import Reading
from shmtui.monitor.known_programs import program_behind
from shmtui.monitor.shared_object import Content
from shmtui.shm.control_format import HEADER_SIZE, MAGIC, SUFFIX, Flags
from shmtui.shm.control_records import parse_header, read_header
from shmtui.shm.layout import SEM_SIZE, Layout, seed_layout
from shmtui.shm.layout_spec import item_from_text
from shmtui.shm.libc import running_libc
from shmtui.shm.segment import SHM_DIR, FileIdentity, open_readonly
from shmtui.shm.semaphore import decode

_GUESS_SIZE: Final = 1 << 16
_TYPES_SECONDS: Final = 0.1
"""Reading programs' debug information takes no longer than this in all."""
_GUESS_SECONDS: Final = 0.3
"""Inferring the layouts of unknown segments takes no longer than this in all."""
_KEPT_SECONDS: Final = 30.0
"""How long a guess is kept."""


def typed_content(layout: Layout, program: str) -> tuple[Content, str]:
    """What the debug information of a program says."""
    if not layout.slots:
        text = _("locks without a ring: {locks}, from the debug information of {program}")
        names = listed(f"{each.kind} {each.name}" for each in layout.sync)
        return Content.LOCKS, text.format(locks=names, program=program)
    text = _("bounded buffer of {slots:,} × {item}, from the debug information of {program}")
    return Content.BUFFER, text.format(slots=layout.slots, item=layout.item.name, program=program)


def content_of(
    file: str, status: os.stat_result, folder: str, *, guess: bool
) -> tuple[Content, str, bool, bool]:
    """Content, detail, whether this user may read it, and whether it is known for sure."""
    if not stat.S_ISREG(status.st_mode):
        return Content.NOT_A_FILE, _file_type(status.st_mode), False, True
    try:
        fd = open_readonly(f"{folder}/{file}")
    except ShmtuiError:
        kind = Content.SEMAPHORE if file.startswith("sem.") else Content.UNKNOWN
        text = _("{kind}, not readable by this user").format(kind=_(kind.value))
        return kind, text, False, True
    try:
        if file.startswith("sem."):
            return Content.SEMAPHORE, _semaphore(os.pread(fd, SEM_SIZE, 0)), True, True
        if file.endswith(SUFFIX) and os.pread(fd, 8, 0) == MAGIC:
            return Content.CONTROL, _control(os.pread(fd, HEADER_SIZE, 0)), True, True
        header = read_header("/" + file, folder)
        if header is not None and header.segment == FileIdentity.of(status):
            layout = header.layout
            text = _("bounded buffer of {slots:,} × {item}")
            text = text.format(slots=layout.slots, item=layout.item.name)
            return Content.BUFFER, text, True, True
        known = program_behind("/" + file)
        if known:
            python = file.startswith(("psm_", "wnsm_", "pym-"))
            return Content.PYTHON if python else Content.KNOWN, known, True, True
        return *guess_content(file, fd, status.st_size, closely=guess), True, False
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


def guess_content(file: str, fd: int, size: int, *, closely: bool) -> tuple[Content, str]:
    """The kind of an unknown segment by its bytes: a buffer where it holds three semaphores, or has
    the name and the size of the course's exercise, whose semaphores may never have been set.

    ``closely``: there is time to infer its layout.
    """
    if not 0 < size <= _GUESS_SIZE:
        return Content.UNKNOWN, _("unknown")
    raw = os.pread(fd, size, 0)
    libc = running_libc()
    told = len(signatures(raw, libc)) == 3
    found = Elimination(Reading.whole(raw), libc, takers=1).result if closely and told else None
    layout = None if found is None else found.layout
    exercise = seed_layout(SEED_SLOTS, item_from_text("int32"), libc)
    if layout is None and "/" + file == SEED_NAME and size == exercise.size:
        return Content.BUFFER, _("bounded buffer of {slots:,} × {item}, by its name").format(
            slots=exercise.slots, item=exercise.item.name
        )
    if not told:
        return Content.UNKNOWN, _("unknown")
    if layout is None:
        return Content.BUFFER, _("bounded buffer (three semaphores), layout not sure")
    return Content.BUFFER, _("bounded buffer of {slots:,} × {size} bytes, inferred").format(
        slots=layout.slots, size=layout.item.size
    )


# -- kept from look to look ----------------------------------------------------------------------


@dataclass(slots=True)
class Examined:
    """What a file was found to hold, and until when that is taken for true."""

    size: int
    until: float
    content: Content
    looks: str
    readable: bool = True
    asked: bool = True
    """Whether the present look asked for it."""


class Contents:
    """What files and memory hold. What debug information or a name tells stays; what was guessed is
    guessed anew now and then, since bytes may tell more later; the value of a semaphore is read at
    every look. A change of size asks for all of it anew.
    """

    def __init__(self) -> None:
        self._known: dict[FileIdentity, Examined] = {}

    def of(
        self,
        file: str,
        status: os.stat_result,
        folder: str,
        pids: list[int],
        budget: "GuessBudget",
    ) -> Examined:
        """What a file of ``folder`` holds, which these PIDs map."""
        identity = FileIdentity.of(status)
        known = self._kept(identity, status.st_size)
        if known is not None and not file.startswith("sem."):
            return known
        content, looks, readable, sure = content_of(
            file, status, folder, guess=time.monotonic() < budget.guess_until
        )
        typed = None
        if not sure and readable:
            typed = self._typed(folder, "/" + file, pids, budget)
        if typed is not None:
            content, looks = typed
        until = _until(sure or typed is not None, budget.types(folder))
        found = Examined(status.st_size, until, content, looks, readable)
        self._known[identity] = found
        return found

    def of_memory(
        self, identity: FileIdentity, target: str, size: int, pids: list[int], budget: "GuessBudget"
    ) -> tuple[Content, str] | None:
        """What memory without a name holds, by the debug information of who maps it; None where
        that does not tell.
        """
        known = self._kept(identity, size)
        if known is None:
            typed = None
            if size <= _GUESS_SIZE:
                typed = self._typed(SHM_DIR, target, pids, budget)
            until = _until(typed is not None, budget.types(SHM_DIR))
            known = Examined(size, until, *(typed or (Content.UNKNOWN, "")))
            self._known[identity] = known
        return (known.content, known.looks) if known.looks else None

    def _kept(self, identity: FileIdentity, size: int) -> Examined | None:
        known = self._known.get(identity)
        if known is None or known.size != size or time.monotonic() >= known.until:
            return None
        known.asked = True
        return known

    @staticmethod
    def _typed(
        folder: str, name: str, pids: list[int], budget: "GuessBudget"
    ) -> tuple[Content, str] | None:
        typed = budget.types(folder).layout(name, pids, without_ring=True)
        return None if typed is None else typed_content(*typed)

    def forget(self) -> None:
        """Drop what the last look did not ask for."""
        self._known = {key: found for key, found in self._known.items() if found.asked}
        for found in self._known.values():
            found.asked = False


def _until(sure: bool, types: QuickTypes) -> float:
    if sure:
        return math.inf
    return 0.0 if types.spent else time.monotonic() + _KEPT_SECONDS


class GuessBudget:
    """The time that one look may spend on guessing."""

    def __init__(self) -> None:
        self.guess_until = time.monotonic() + _GUESS_SECONDS
        self._types: dict[str, QuickTypes] = {}

    def types(self, folder: str) -> QuickTypes:
        """Reads the debug information of programs, for as long as there is time."""
        return self._types.setdefault(folder, QuickTypes(folder, _TYPES_SECONDS))
