"""What a segment holds, as far as a quick look tells: by its control block, its name, the debug
information of a program, or its bytes.
"""

import os
import stat
from typing import Final

import msgspec

from shmtui.errors import ControlBlockError
from shmtui.i18n import _
from shmtui.monitor.known_programs import HEAD, managed_by, program_behind, semaphore_of
from shmtui.monitor.shared_object import Content
from shmtui.shm.control_file import read_header
from shmtui.shm.control_format import HEADER_SIZE, MAGIC, SUFFIX, Flags
from shmtui.shm.control_records import parse_header
from shmtui.shm.layout import SEED_NAME, SEED_SLOTS, SEM_SIZE, Layout, seed_layout
from shmtui.shm.layout_spec import item_from_text
from shmtui.shm.libc import running_libc
from shmtui.shm.segment import FileIdentity, open_seen
from shmtui.shm.semaphore import decode

GUESS_SIZE: Final = 1 << 16
"""Bytes of the largest segment whose layout is guessed."""
_SHARED_SEMAPHORE: Final = b"\x80" + bytes(23)
"""What follows value and waiters in one of glibc's, as `signatures` has it."""


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
    if not 0 < size <= GUESS_SIZE:
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
