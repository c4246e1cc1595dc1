"""Lists of shared objects: their order, what is searched, the table and the totals of ``ls``. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from shmtui.i18n import N_, _, ngettext
from shmtui.monitor.shared_object import Content, SharedObject, Survey
from shmtui.report.object_cells import (
    age_cell,
    health_cell,
    health_of,
    in_use_cell,
    mappers_text,
    mode_cell,
    owner_cell,
    pasteable_name,
    size_cell,
    size_text,
    waiting_cell,
    why_not,
)
from shmtui.sanitize import inert


def matches(each: SharedObject, wanted: str) -> bool:
    """Whether every word of ``wanted`` is in its name, owner, kind or the names of its mappers."""
    words = wanted.casefold().split()
    if not words:
        return True
    facts = [each.target, each.name, each.owner or "", each.kind, each.content, each.looks]
    facts += [f"{pid} {name}" for pid, name in each.mappers]
    facts.append(health_of(each))
    text = "\n".join(facts).casefold()
    return all(word in text for word in words)


_ORDER = {
    Content.BUFFER: 0,
    Content.LOCKS: 1,
    Content.UNKNOWN: 1,
    Content.PYTHON: 1,
    Content.KNOWN: 1,
    Content.CONTROL: 2,
    Content.SEMAPHORE: 3,
    Content.NOT_A_FILE: 4,
}


def by_interest(each: SharedObject) -> tuple[bool, int, str]:
    """A key that sorts buffers first and what nobody can attach to last."""
    return bool(why_not(each)), _ORDER[each.content], each.target


SORTS: Final[dict[str, Callable[[SharedObject], tuple[Any, ...]]]] = {
    "name": lambda each: (each.target,),
    "kind": lambda each: (each.kind, each.target),
    "size": lambda each: (-(each.size or 0), each.target),
    "in-use": lambda each: (-(each.in_use or 0), each.target),
    "owner": lambda each: (each.owner or "", each.target),
    "mode": lambda each: (each.mode is None, each.mode or 0, each.target),
    "age": lambda each: (each.age is None, each.age or 0.0, each.target),
    "mappers": lambda each: (-len(each.mappers), each.target),
    "waiting": lambda each: (-(each.waiters or len(each.waiting or ())), each.target),
    "health": lambda each: (not health_of(each), health_of(each), each.target),
}
"""The orders of a list: numbers with the largest first, ages with the youngest."""


class _Column(msgspec.Struct, frozen=True):
    title: str
    text: Callable[[SharedObject], str]
    right: bool = False
    most: int = 1000
    """Cells that all rows keep free for it, at the most."""
    cut: bool = True
    """Whether what is longer is cut."""


COLUMNS: Final = {
    "name": _Column(N_("NAME"), pasteable_name, most=48, cut=False),
    "kind": _Column(N_("KIND"), lambda each: each.kind),
    "size": _Column(N_("SIZE"), size_cell, right=True),
    "in-use": _Column(N_("IN USE"), in_use_cell, right=True),
    "owner": _Column(N_("OWNER"), owner_cell),
    "mode": _Column(N_("MODE"), mode_cell),
    "age": _Column(N_("AGE"), age_cell, right=True),
    "mappers": _Column(N_("MAPPED BY"), mappers_text, most=32),
    "waiting": _Column(N_("WAITING"), waiting_cell),
    "health": _Column(N_("HEALTH"), health_cell),
    "looks": _Column(N_("WHAT IT LOOKS LIKE"), lambda each: each.looks),
}
"""By the names that ``--columns`` takes; ``ls`` shows all of them."""


def listing_lines(
    objects: Sequence[SharedObject],
    width: int | None = None,
    empty: str = "",
    names: Sequence[str] = tuple(COLUMNS),
) -> Iterator[str]:
    """The table of these columns, cut to ``width`` cells where that is given; the line ``empty`` where
    there is nothing.
    """
    if not objects:
        yield empty
        return
    columns = [COLUMNS[name] for name in names]
    rows = [[_(column.title) for column in columns]]
    rows += [[inert(column.text(each)) for column in columns] for each in objects]
    longest = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    widths = [min(size, column.most) for size, column in zip(longest, columns, strict=True)]
    line = "  ".join(
        f"{{:{'>' if column.right else '<'}{size}}}"
        for column, size in zip(columns, widths, strict=True)
    ).format
    cut = [
        (at, widths[at])
        for at, column in enumerate(columns)
        if column.cut and longest[at] > widths[at]
    ]
    for row in rows:
        for at, size in cut:
            row[at] = _fit(row[at], size)
        yield fitted(line(*row).rstrip(), width)


def totals_line(survey: Survey) -> str:
    """The machine's shared memory in one line."""
    lost, lost_bytes = survey.in_orphans
    parts = [
        _("{folder} {used} of {capacity}").format(
            folder=inert(survey.folder),
            used=size_text(survey.used),
            capacity=size_text(survey.capacity),
        ),
        ngettext("{count} object", "{count} objects", len(survey.objects)).format(
            count=len(survey.objects)
        ),
    ]
    if survey.shared is not None:
        text = _("{size} shared (Shmem) = {parts}")
        whole, terms = size_text(survey.shared), " + ".join(_terms(survey))
        parts.append(text.format(size=whole, parts=terms))
    if survey.huge:
        parts.append(_("{size} in huge pages beside").format(size=size_text(survey.huge)))
    if lost:
        text = ngettext("{count} orphan, {size}", "{count} orphans, {size}", lost)
        parts.append(text.format(count=lost, size=size_text(lost_bytes)))
    if survey.unread and not survey.unlisted_unread:
        text = ngettext(
            "{count} process of others not read", "{count} processes of others not read",
            survey.unread,
        )  # fmt: skip
        parts.append(text.format(count=survey.unread))
    return " · ".join(parts)


def _terms(survey: Survey) -> Iterator[str]:
    """What the machine's shared memory is made up of, each in words."""
    rows, others = survey.in_rows, survey.in_file_systems
    yield _("{size} in rows").format(size=_memory_text(*rows))
    if others[0]:
        yield _("{size} in other tmpfs").format(size=_memory_text(*others))
    hidden = survey.unlisted_unread
    if hidden:
        text = ngettext(
            "up to {size} in {count} unreadable process",
            "up to {size} in {count} unreadable processes",
            survey.unread,
        )
        yield text.format(size=size_text(hidden), count=survey.unread)
    rest = survey.unlisted - hidden
    if rest:
        yield _("{size} in nothing that is seen").format(size=size_text(rest))


def _memory_text(size: int, at_least: bool) -> str:
    return f"≥ {size_text(size)}" if at_least else size_text(size)


def nothing_line(survey: Survey, *, filtered: bool, queues: bool = False) -> str:
    """Why a list is empty. ``queues``: whether message queues were asked for."""
    if queues and not survey.queues_listed:
        return _(
            "nothing of that kind is seen; message queues that nobody has open are not, as /dev/mqueue is "
            "not mounted"
        )
    if survey.objects and filtered:
        return _("nothing of that kind: leave out --kind and --orphans to see all")
    if survey.unread:
        text = ngettext(
            "nothing that this user may see: what {count} process of others shares is not known. "
            "Run shmtui ls as root to see all",
            "nothing that this user may see: what {count} processes of others share is not known. "
            "Run shmtui ls as root to see all",
            survey.unread,
        )
        return text.format(count=survey.unread)
    return _("nothing is shared: no segment, no named semaphore and no message queue exists")


def fitted(text: str, width: int | None) -> str:
    """The text in at most ``width`` cells, where that is given."""
    return text if width is None else _fit(text, width)


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
