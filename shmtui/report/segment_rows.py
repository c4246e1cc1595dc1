"""What an entry of /dev/shm says in words, for every list of them. Pure.

Names in it come from elsewhere: readers make the text inert.
"""

from shmtui.i18n import _
from shmtui.monitor.discovery import Entry, Kind


def mappers_text(entry: Entry) -> str:
    """Who maps it, or that nobody does."""
    if entry.mappers:
        named = [f"{pid} {name}" for pid, name in entry.mappers[:2]]
        more = len(entry.mappers) - len(named)
        return f"{len(entry.mappers)}: " + ", ".join(named) + (f" +{more}" if more > 0 else "")
    return _("nobody: orphan") if entry.orphan else _("nobody seen")


def size_text(size: int) -> str:
    """Bytes in four figures at the most.

    >>> size_text(128), size_text(70_000), size_text(3 * 2**30)
    ('128 B', '68.4 K', '3.0 G')
    """
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in "KMGTPE":
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value:.0f} E"


def age_text(seconds: float) -> str:
    """A time in its largest two units.

    >>> age_text(5), age_text(3700), age_text(200_000)
    ('5s', '1h01m', '2d07h')
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def why_not(entry: Entry) -> str:
    """Why nobody can attach to this entry, and the way out; empty where one can."""
    if entry.kind is Kind.NOT_A_FILE:
        return _("{looks} is no segment").format(looks=entry.looks)
    if not entry.readable:
        return _("this user may not read it: run shmtui as {owner}, or as root").format(
            owner=entry.owner
        )
    if entry.kind is Kind.SEMAPHORE:
        return _("a semaphore is no segment: attach to the segment whose programs use it")
    if entry.kind is Kind.CONTROL:
        return _("shmtui's own record of a buffer: attach to the buffer itself")
    return ""


def matches(entry: Entry, wanted: str) -> bool:
    """Whether every word of ``wanted`` is in its name, owner, kind or the names of its mappers."""
    words = wanted.casefold().split()
    if not words:
        return True
    facts = [entry.name, entry.owner, entry.kind, entry.looks]
    facts += [f"{pid} {name}" for pid, name in entry.mappers]
    if entry.orphan:
        facts.append("orphan")
    text = "\n".join(facts).casefold()
    return all(word in text for word in words)


_ORDER = {
    Kind.BUFFER: 0,
    Kind.UNKNOWN: 1,
    Kind.PYTHON: 1,
    Kind.CONTROL: 2,
    Kind.SEMAPHORE: 3,
    Kind.NOT_A_FILE: 4,
}


def by_interest(entry: Entry) -> tuple[bool, int, str]:
    """A key that sorts buffers first and what nobody can attach to last."""
    return bool(why_not(entry)), _ORDER[entry.kind], entry.name
