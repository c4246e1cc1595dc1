"""Findings about the file, its name, and what its processes map of it. Pure."""

import shlex
from collections.abc import Iterator
from typing import Final

from shmtui.diagnosis.history import SETTLED_NS, History, living
from shmtui.diagnosis.wording import names
from shmtui.i18n import _
from shmtui.shm.layout import SEM_SIZE
from shmtui.shm.segment_info import LayoutInfo, LayoutSource
from shmtui.snapshot import Access, Certainty, Finding, Process, Snapshot, Status

_NARROW: Final = 32


def file_events(history: History) -> Iterator[Finding]:
    """The file is too short, has lost its name, or another file has the name."""
    segment, needed = history.now.segment, _needed(history.now.layout)
    if segment.size < needed:
        ours = history.ours
        yield Finding(
            "truncated",
            Status.CRITICAL if ours else Status.WARNING,
            _("the segment is {size} bytes and its layout needs {needed}").format(
                size=segment.size, needed=needed
            ),
            (
                _("a process that reads or writes the missing part dies by SIGBUS"),
                *(() if ours else (_("unless the program itself makes its ring smaller"),)),
            ),
            Certainty.CERTAIN if ours else Certainty.LIKELY,
            _(
                "look for a program that calls ftruncate with another size, such as one built "
                "with another struct"
            ),
        )
    if segment.replaced:
        yield Finding(
            "replaced",
            Status.WARNING,
            _("another segment has the name {name} now").format(name=segment.name),
            (
                _(
                    "processes that map the old segment share nothing with processes that open "
                    "the name now"
                ),
                _("unless a program makes a new one now and then, and the old one is used up"),
            ),
            Certainty.LIKELY,
            _("restart the programs that map the old segment"),
        )
    elif segment.unlinked and (users := _users(history.now)):
        yield Finding(
            "unlinked",
            Status.WARNING,
            _("a program that starts now cannot open {name}: its name was unlinked").format(
                name=segment.name
            ),
            ("st_nlink = 0", _("it stays for those that map it: {who}").format(who=names(users))),
            Certainty.LIKELY,  # Programs that need nobody else unlink the name early.
            _("if another program is to join, restart all of them, and unlink the name last"),
        )


def older_segment(history: History) -> Iterator[Finding]:
    """A process still maps a segment that had the name before."""
    who = history.now.older_users
    if who:
        yield Finding(
            "older-segment",
            Status.WARNING,
            _(
                "an earlier segment of this name, which shares nothing with it, is still mapped by {who}"
            ).format(who=", ".join(who)),
            (
                _(
                    "/proc/PID/maps shows the name as deleted, with another inode than {inode}"
                ).format(inode=history.now.segment.inode),
                _("unless a program makes a new one now and then, and the old one is used up"),
            ),
            Certainty.LIKELY,
            _("restart it; in the programs, unlink the name only when all have ended"),
        )


def private_mapping(history: History) -> Iterator[Finding]:
    """A process writes to a copy of its own."""
    who = [p for p in _users(history.now) if p.access is Access.PRIVATE]
    if who and history.agreeing(lambda s: any(p.access is Access.PRIVATE for p in s.processes)) > 1:
        yield Finding(
            "private-mapping",
            Status.WARNING,
            _("{who}: what it writes to the segment stays its own").format(who=names(who)),
            (_("its lines in /proc/PID/maps say rw-p: mmap was called with MAP_PRIVATE"),),
            Certainty.LIKELY,  # A program may want a copy to work on.
            _("in the program, pass MAP_SHARED to mmap"),
        )


def other_width(history: History) -> Iterator[Finding]:
    """A 32-bit program takes part: its sem_t has 16 bytes, and its struct is another."""
    narrow = [p for p in _users(history.now) if p.bits == _NARROW and p.access is Access.WRITE]
    wide = [p for p in _users(history.now) if p.bits not in {None, _NARROW}]
    embedded = history.now.layout.semaphores == "embedded"
    if narrow and embedded:
        yield Finding(
            "other-struct",
            Status.WARNING,
            _("{who}: a 32-bit program, whose struct differs from the layout").format(
                who=names(narrow)
            ),
            (
                _("sem_t has 16 bytes there and 32 in a 64-bit program (its ELF class tells)"),
                _("64-bit programs that map it: {who}").format(who=names(wide) or _("nobody")),
            ),
            Certainty.LIKELY,
            _("build all of them for one word size (without -m32)"),
            subject="32",
        )


def other_struct(history: History) -> Iterator[Finding]:
    """A process uses another struct than the layout: it sleeps on a word that is none of its."""

    def strangers(s: Snapshot) -> list[Process]:
        own = {p.pid for p in by_words_beside(history)}
        return [p for p in living(s) if p.unexplained_words and p.pid not in own]

    if history.agreeing(lambda s: bool(strangers(s))) < min(2, len(history.snapshots)):
        return
    for process in strangers(history.now):
        yield Finding(
            "other-struct",
            Status.WARNING,
            _("{who} waits on byte {bytes}, where this layout has nothing to wait on").format(
                who=names([process]), bytes=", ".join(map(str, process.unexplained_words))
            ),
            (
                _(
                    "nothing else is concluded from a layout that is not, or not all of, the program's"
                ),
            ),
            Certainty.LIKELY,
            _("say the struct of that program: --header FILE:STRUCT, or --layout"),
            subject=str(process.pid),
        )


def other_place(history: History) -> Iterator[Finding]:
    """All that use the segment map a part of it behind the layout alone: its bytes are not those that they work on."""

    def behind(s: Snapshot) -> bool:
        users, needed = _users(s), _needed(s.layout)
        return bool(users) and all((p.mapped_from or 0) >= needed > 0 for p in users)

    if history.agreeing(behind) < min(2, len(history.snapshots)):
        return
    users = _users(history.now)
    first = min(p.mapped_from or 0 for p in users)
    yield Finding(
        "other-struct",
        Status.WARNING,
        _("nobody maps the first {count:,} bytes, where this layout lies").format(
            count=_needed(history.now.layout)
        ),
        (
            _("mapped from byte {first:,} on, by {who} (/proc/PID/maps)").format(
                first=first, who=names(users)
            ),
            _("nothing else is concluded from a layout that is not, or not all of, the program's"),
        ),
        Certainty.LIKELY,  # A program may map one part after the other.
        _("say where the ring lies in the file, by all its offsets: --layout"),
        subject="place",
    )


def by_words_beside(history: History) -> list[Process]:
    """The processes that slept on a byte where the layout has nothing to wait on, by a futex of their own, as the
    types tell that it is based on: of a layout that is not from types, it is likelier another struct.
    """
    if history.now.layout.source not in {LayoutSource.DEBUG_INFO, LayoutSource.HEADER}:
        return []
    found = {
        p.pid: p
        for s in history.snapshots
        for p in living(s)
        if p.unexplained_words and p.own_words
    }
    return list(found.values())


def _users(snapshot: Snapshot) -> list[Process]:
    """The live processes that have something of the segment, observers too."""
    return [p for p in snapshot.processes if p.alive]


def _needed(layout: LayoutInfo) -> int:
    """Bytes of a segment of that layout."""
    offsets = layout.offsets
    semaphores = (offsets.mutex, offsets.empty, offsets.full)
    ends = [at + SEM_SIZE for at in semaphores if at is not None]
    return max(offsets.data + layout.slots * layout.item_size, *ends, 0)


def no_size(history: History) -> Iterator[Finding]:
    """The segment has no bytes."""

    def empty(s: Snapshot) -> bool:
        return s.segment.size == 0

    lasted = history.lasted_ns(empty)
    if lasted >= SETTLED_NS or (lasted >= 0 and len(history.snapshots) == 1):
        yield Finding(
            "no-size",
            Status.WARNING,
            _("the segment has 0 bytes: a process that maps it and touches it dies by SIGBUS"),
            (
                _("nobody called ftruncate after shm_open, or somebody cut it to 0"),
                _("unless a program is about to, or only locks the file"),
            ),
            Certainty.LIKELY,
            _(
                "in the program, call ftruncate(fd, sizeof(struct)) right after shm_open(…, O_CREAT)"
            ),
        )


def orphan(history: History) -> Iterator[Finding]:
    """No live process maps it, and no shmtui looks after it."""

    def alone(s: Snapshot) -> bool:
        return not _users(s) and not s.supervised and not s.hidden

    lasted = history.lasted_ns(alone)
    if (
        history.items_moved
        or history.now.segment.replaced
        or history.now.segment.unlinked
        or not alone(history.now)
        or (lasted < SETTLED_NS and len(history.snapshots) > 1)
    ):
        return
    ours = history.ours
    doubt = _("unless a program maps it for a moment only, each time that it needs it")
    yield Finding(
        "orphan",
        Status.WARNING,
        _("no live process maps it"),
        (
            _("no line of /proc/*/maps shows this file"),
            *(() if ours else (doubt,)),
            *history.assumptions,
        ),
        history.certainty if ours else Certainty.LIKELY,
        _("if no program needs its content: shmtui rm {name}").format(
            name=shlex.quote(history.now.segment.name)
        ),
    )
