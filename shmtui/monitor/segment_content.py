"""What a segment holds, as far as a quick look tells: by its control block, its name, the debug
information of a program, or its bytes.
"""

import math
import os
import stat
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from shmtui.errors import ControlBlockError
from shmtui.i18n import _
from shmtui.layouts.program_files import ProgramFiles
from shmtui.monitor.known_programs import HEAD, managed_by, program_behind, semaphore_of
from shmtui.monitor.shared_object import Content
from shmtui.shm.control_format import HEADER_SIZE, MAGIC, SUFFIX, Flags
from shmtui.shm.control_records import parse_header, read_header
from shmtui.shm.layout import SEED_NAME, SEED_SLOTS, SEM_SIZE, Layout, seed_layout
from shmtui.shm.layout_spec import item_from_text
from shmtui.shm.libc import running_libc
from shmtui.shm.segment import SHM_DIR, FileIdentity, open_seen
from shmtui.shm.semaphore import decode

if TYPE_CHECKING:
    from shmtui.layouts.program_types import QuickTypes

_GUESS_SIZE: Final = 1 << 16
_SHARED_SEMAPHORE: Final = b"\x80" + bytes(23)
"""What follows value and waiters in one of glibc's, as `signatures` has it."""
_TYPES_SECONDS: Final = 0.1
"""Reading programs' debug information takes no more CPU than this in all."""
_GUESS_SECONDS: Final = 0.3
"""Inferring the layouts of unknown segments takes no more CPU than this in all."""
_KEPT_SECONDS: Final = 30.0
"""How long a guess is kept."""


def typed_content(layout: Layout, program: str) -> tuple[Content, str]:
    """What the debug information of a program says."""
    if not layout.slots:
        from shmtui.layouts.member_roles import listed  # noqa: PLC0415 - rarely needed

        text = _("locks without a ring: {locks}, from the debug information of {program}")
        names = listed(f"{each.kind} {each.name}" for each in layout.sync)
        return Content.LOCKS, text.format(locks=names, program=program)
    from shmtui.layouts.lock_free import has_no_lock  # noqa: PLC0415 - rarely needed

    if has_no_lock(layout):
        text = _("may be a ring of {slots:,} × {item}, no lock is known: by names in {program}")
        text = text.format(slots=layout.slots, item=layout.item.name, program=program)
        return Content.UNKNOWN, text
    text = _("bounded buffer of {slots:,} × {item}, from the debug information of {program}")
    return Content.BUFFER, text.format(slots=layout.slots, item=layout.item.name, program=program)


class Found(msgspec.Struct, frozen=True):
    """What a look at a file tells."""

    content: Content
    looks: str
    readable: bool = True
    """Whether this user may read it."""
    sure: bool = True
    """Whether it is known, and not guessed."""
    waiters: int | None = None
    """Threads that wait for it, of a semaphore that is whole."""


class SeenFile(msgspec.Struct):
    """A file of a folder as a look finds it. It is opened when it is first read."""

    name: str
    folder: str
    status: os.stat_result
    identity: FileIdentity
    controlled: bool
    """Whether a file has the name of its control block."""
    _fd: int | None = None

    def opened(self) -> int:
        """A read-only descriptor of it. OSError: it is not this user's to read, or gone."""
        if self._fd is None:
            self._fd = open_seen(f"{self.folder}/{self.name}", self.identity)
        return self._fd

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def content_of(seen: SeenFile, *, guess: bool) -> Found:
    """What a file holds. ``guess``: there is time to infer a layout."""
    file, status = seen.name, seen.status
    if not stat.S_ISREG(status.st_mode):
        return Found(Content.NOT_A_FILE, _file_type(status.st_mode), readable=False)
    try:
        fd = seen.opened()
    except OSError:
        kind = Content.SEMAPHORE if file.startswith("sem.") else Content.UNKNOWN
        text = _("{kind}, not readable by this user").format(kind=_(kind.value))
        return Found(kind, text, readable=False)
    if file.startswith("sem."):
        return _semaphore(os.pread(fd, SEM_SIZE, 0), file)
    if file.endswith(SUFFIX) and os.pread(fd, 8, 0) == MAGIC:
        return Found(Content.CONTROL, _control(os.pread(fd, HEADER_SIZE, 0)))
    header = read_header("/" + file, seen.folder) if seen.controlled else None
    if header is not None and header.segment == seen.identity:
        layout = header.layout
        text = _("bounded buffer of {slots:,} × {item}")
        text = text.format(slots=layout.slots, item=layout.item.name)
        return Found(Content.BUFFER, text)
    known = program_behind("/" + file) or managed_by(os.pread(fd, HEAD, 0), status.st_size)
    if known:
        python = file.startswith(("psm_", "wnsm_", "pym-"))
        return Found(Content.PYTHON if python else Content.KNOWN, known)
    return Found(*guess_content(file, fd, status.st_size, closely=guess), sure=False)


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


def _semaphore(raw: bytes, file: str) -> Found:
    if len(raw) < 12:
        text = _("named semaphore, too short: opening it kills the opener (SIGBUS)")
        return Found(Content.SEMAPHORE, text)
    words = decode(raw, running_libc())
    text = _("named semaphore, value {value}").format(value=words.value)
    if words.waiters:
        text += _(", {count} waiting").format(count=words.waiters)
    if known := semaphore_of(file, words.value):
        text = f"{known}; {text}"
    return Found(Content.SEMAPHORE, text, waiters=words.waiters)


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
    exercise = "/" + file == SEED_NAME
    # A byte is found at once; the whole pattern is not, among zeros.
    marked = _SHARED_SEMAPHORE[0] in raw and raw.count(_SHARED_SEMAPHORE) >= 3
    if not marked and not exercise:
        return Content.UNKNOWN, _("unknown")
    from shmtui.layouts.inference import Elimination  # noqa: PLC0415 - few need it
    from shmtui.layouts.plain_layouts import signatures  # noqa: PLC0415 - few need it
    from shmtui.layouts.ring_values import Reading  # noqa: PLC0415

    libc = running_libc()
    told = len(signatures(raw, libc)) == 3
    found = Elimination(Reading.whole(raw), libc, takers=1).result if closely and told else None
    layout = None if found is None else found.layout
    if layout is None and exercise:
        seed = seed_layout(SEED_SLOTS, item_from_text("int32"), libc)
        if size == seed.size:
            return Content.BUFFER, _("bounded buffer of {slots:,} × {item}, by its name").format(
                slots=seed.slots, item=seed.item.name
            )
    if not told:
        return Content.UNKNOWN, _("unknown")
    if layout is None:
        return Content.BUFFER, _("bounded buffer (three semaphores), layout not sure")
    return Content.BUFFER, _("bounded buffer of {slots:,} × {size} bytes, inferred").format(
        slots=layout.slots, size=layout.item.size
    )


# -- kept from look to look ----------------------------------------------------------------------


class _Kept(msgspec.Struct):
    """What a look at a file of some size told, and until when that is taken for true."""

    size: int
    until: float
    found: Found
    asked: bool = True
    """Whether the present look asked for it."""


class Contents:
    """What files and memory hold. What debug information or a name tells stays; what was guessed is
    guessed anew now and then, since bytes may tell more later; the value of a semaphore is read at
    every look. A change of size asks for all of it anew. Debug information is not asked again of the same
    programs where none of their structs may be of that size.
    """

    def __init__(self) -> None:
        self._known: dict[FileIdentity, _Kept] = {}
        self._untold: dict[FileIdentity, object] = {}
        """The size and the programs that tell nothing of it, whatever bytes it holds."""
        self._stamps: Mapping[int, object] = {}
        self._programs = ProgramFiles()

    def budget(self, processes: Mapping[int, object]) -> "GuessBudget":
        """That of a look. ``processes``: by PID, what is another where a process may run another program
        than at the last look, or map other libraries.
        """
        self._stamps = processes
        self._programs.keep(processes)
        return GuessBudget(self._programs)

    def of(self, seen: SeenFile, pids: list[int], budget: "GuessBudget") -> Found:
        """What a file holds, which these PIDs map."""
        size = seen.status.st_size
        kept = self._kept(seen.identity, size)
        if kept is not None and not seen.name.startswith("sem."):
            return kept
        guess = time.thread_time() < budget.guess_until
        found = content_of(seen, guess=guess)
        if not found.sure and pids:
            target = "/" + seen.name
            found = self._typed(seen.identity, seen.folder, target, size, pids, budget) or found
        return self._keep(seen.identity, size, found, budget.spent(seen.folder))

    def of_memory(
        self, identity: FileIdentity, target: str, size: int, pids: list[int], budget: "GuessBudget"
    ) -> Found | None:
        """What memory without a name holds, by the debug information of who maps it; None where
        that does not tell.
        """
        found = self._kept(identity, size)
        if found is None:
            if size <= _GUESS_SIZE:
                found = self._typed(identity, SHM_DIR, target, size, pids, budget)
            found = found or Found(Content.UNKNOWN, "", sure=False)
            self._keep(identity, size, found, budget.spent(SHM_DIR))
        return found if found.sure else None

    def _kept(self, identity: FileIdentity, size: int) -> Found | None:
        kept = self._known.get(identity)
        if kept is None or kept.size != size or time.monotonic() >= kept.until:
            return None
        kept.asked = True
        return kept.found

    def _keep(self, identity: FileIdentity, size: int, found: Found, spent: bool) -> Found:
        until = math.inf
        if not found.sure:
            # Where there was no time to ask all, the next look goes on.
            until = 0.0 if spent else time.monotonic() + _KEPT_SECONDS
        self._known[identity] = _Kept(size, until, found)
        return found

    def _typed(
        self,
        identity: FileIdentity,
        folder: str,
        name: str,
        size: int,
        pids: list[int],
        budget: "GuessBudget",
    ) -> Found | None:
        stamps = (*map(self._stamps.get, pids),)
        asked = size, (*pids,), stamps
        if self._untold.get(identity) == asked:
            return None
        types = budget.types(folder)
        if not types.may_tell(pids, size):
            if None not in stamps:
                self._untold[identity] = asked
            return None
        typed = types.layout(name, pids, size, without_ring=True)
        return None if typed is None else Found(*typed_content(*typed))

    def forget(self) -> None:
        """Drop what the last look did not ask for."""
        self._known = {key: kept for key, kept in self._known.items() if kept.asked}
        self._untold = {key: asked for key, asked in self._untold.items() if key in self._known}
        for kept in self._known.values():
            kept.asked = False


class GuessBudget:
    """The time that one look may spend on guessing."""

    def __init__(self, programs: ProgramFiles) -> None:
        self.guess_until = time.thread_time() + _GUESS_SECONDS
        self._programs = programs
        self._types: dict[str, QuickTypes] = {}

    def types(self, folder: str) -> "QuickTypes":
        """Reads the debug information of programs, for as long as there is time."""
        from shmtui.layouts.program_types import QuickTypes  # noqa: PLC0415 - few need it

        if folder not in self._types:
            self._types[folder] = QuickTypes(folder, _TYPES_SECONDS, self._programs)
        return self._types[folder]

    def spent(self, folder: str) -> bool:
        """Whether no time is left for it."""
        return folder in self._types and self._types[folder].spent
