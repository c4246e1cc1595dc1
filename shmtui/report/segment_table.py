"""Segments and semaphores for lists: a row's cells, its order, what is searched, and the table of ``ls``.

Pure. Names come from other programs: readers make the text inert.
"""

from collections.abc import Iterator, Sequence

from shmtui.i18n import N_, _
from shmtui.monitor.discovery import Entry, Kind, Unlinked
from shmtui.sanitize import inert

_HEADS = (
    N_("NAME"),
    N_("SIZE"),
    N_("OWNER"),
    N_("MODE"),
    N_("AGE"),
    N_("MAPPED BY"),
    N_("WHAT IT LOOKS LIKE"),
)
_RIGHT = (1, 4)


def listing_lines(
    entries: Sequence[Entry], unlinked: Sequence[Unlinked] = (), width: int | None = None
) -> Iterator[str]:
    """The table, cut to ``width`` columns where that is given; one line where there is nothing.
    Segments without a name stand last.
    """
    if not entries and not unlinked:
        yield _("nothing in /dev/shm: no segment and no named semaphore exists")
        return
    rows = [
        tuple(_(head) for head in _HEADS),
        *(entry_cells(entry) for entry in entries),
        *(unlinked_cells(each) for each in unlinked),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    widths[0] = min(widths[0], 40)
    widths[5] = min(widths[5], 32)
    for row in rows:
        cells = [
            _fit(cell, size).rjust(size) if column in _RIGHT else _fit(cell, size).ljust(size)
            for column, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        text = "  ".join(cells).rstrip()
        yield text if width is None else _fit(text, width)


def entry_cells(entry: Entry) -> tuple[str, ...]:
    """An entry's row."""
    return (
        inert(entry.name),
        size_text(entry.size),
        inert(entry.owner),
        f"{entry.mode:04o}",
        age_text(entry.age),
        inert(mappers_text(entry)),
        inert(entry.looks),
    )


def unlinked_cells(each: Unlinked) -> tuple[str, ...]:
    """The row of a segment without a name: what only its file would tell is not known."""
    looks = _("unlinked: no program can open it by its name any more")
    if each.replaced:
        looks = _("the old {name}, unlinked: another segment has the name now").format(
            name=each.name
        )
    return (
        inert(each.name),
        f"≤ {size_text(each.size_limit)}",
        "-",
        "-",
        "-",
        inert(mappers_text(each)),
        inert(looks),
    )


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


# -- one entry -------------------------------------------------------------------------------------


def mappers_text(entry: Entry | Unlinked) -> str:
    """Who maps it, or that nobody does."""
    if entry.mappers:
        named = [f"{pid} {name}" for pid, name in entry.mappers[:2]]
        more = len(entry.mappers) - len(named)
        return f"{len(entry.mappers)}: " + ", ".join(named) + (f" +{more}" if more > 0 else "")
    orphan = isinstance(entry, Entry) and entry.orphan
    return _("nobody: orphan") if orphan else _("nobody seen")


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
    Kind.LOCKS: 1,
    Kind.UNKNOWN: 1,
    Kind.PYTHON: 1,
    Kind.CONTROL: 2,
    Kind.SEMAPHORE: 3,
    Kind.NOT_A_FILE: 4,
}


def by_interest(entry: Entry) -> tuple[bool, int, str]:
    """A key that sorts buffers first and what nobody can attach to last."""
    return bool(why_not(entry)), _ORDER[entry.kind], entry.name
