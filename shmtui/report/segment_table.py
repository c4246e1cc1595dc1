"""Segments and semaphores for lists: a row's cells, its order, what is searched, and the table of ``ls``.

Pure. Names come from other programs: readers make the text inert.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shmtui.i18n import N_, _, ngettext
from shmtui.monitor.shared_object import DIAGNOSED, Content, ObjectKind, SharedObject, Survey
from shmtui.sanitize import inert, shell_word
from shmtui.snapshot import Certainty, Finding, Status

# -- one object ------------------------------------------------------------------------------------


def shown_name(each: SharedObject) -> str:
    """What the other commands take for it, and the name that it had where that is another."""
    return _with_name(each, each.target)


def pasteable_name(each: SharedObject) -> str:
    """The same, as a shell takes it."""
    name, target = each.name, each.target
    if name and target.startswith(name):
        return shell_word(name) + target.removeprefix(name)
    return _with_name(each, shell_word(target))


def _with_name(each: SharedObject, target: str) -> str:
    had_another = each.name and each.name not in each.target
    return f"{target} ({each.name})" if had_another else target


def size_cell(each: SharedObject) -> str:
    """Its size; of a semaphore set, how many there are."""
    if each.size is None:
        return "-"
    return f"≈ {size_text(each.size)}" if _as_mapped(each) else size_text(each.size)


def _as_mapped(each: SharedObject) -> bool:
    """Whether its size is what is mapped of it. Anonymous memory is mapped whole by who made it."""
    return each.size_mapped and each.kind is not ObjectKind.ANONYMOUS


def in_use_cell(each: SharedObject) -> str:
    """The memory that it takes, as far as it is known."""
    if each.in_use is None:
        return "-"
    return f"≥ {size_text(each.in_use)}" if each.in_use_at_least else size_text(each.in_use)


def owner_cell(each: SharedObject) -> str:
    """Its owner's login name."""
    return each.owner or "-"


def mode_cell(each: SharedObject) -> str:
    """Its permission bits, octal."""
    return "-" if each.mode is None else f"{each.mode:04o}"


def age_cell(each: SharedObject) -> str:
    """How old it is."""
    return "-" if each.age is None else age_text(each.age)


def mappers_text(each: SharedObject) -> str:
    """Who has it, or that nobody does."""
    if each.mappers:
        named = [f"{pid} {name}" for pid, name in each.mappers[:2]]
        more = len(each.mappers) - len(named)
        return f"{len(each.mappers)}: " + ", ".join(named) + (f" +{more}" if more > 0 else "")
    if each.kind in {ObjectKind.SYSV_SET, ObjectKind.SYSV_QUEUE, ObjectKind.TMPFS}:
        return "-"
    return _("nobody: orphan") if each.orphan else _("nobody seen")


def waiting_cell(each: SharedObject) -> str:
    """How many of its processes sleep on a word of it, or how many threads it counts as waiting."""
    if each.waiters is not None:
        return str(each.waiters) if each.waiters else "-"
    if each.waiting is None:
        return "?"
    return str(len(each.waiting)) if each.waiting else "-"


def health_of(each: SharedObject) -> str:
    """The finding about it, by its code: that of the diagnosis where it is critical, what one look at it
    tells, or another of the diagnosis. Empty: there is none.
    """
    found = finding_of(each)
    seen = _seen_at_once(each)
    if found is not None and (found.severity is Status.CRITICAL or not seen):
        return found.code
    return seen


def finding_of(each: SharedObject) -> Finding | None:
    """The worst that the diagnosis over several looks found."""
    return next(iter(each.health.findings), None) if each.health is not None else None


def _seen_at_once(each: SharedObject) -> str:
    if each.orphan:
        return "orphan"
    if each.replaced:
        return "replaced"
    if each.unlinked and each.kind is ObjectKind.POSIX:
        return "unlinked"
    if each.kind is ObjectKind.POSIX and each.size == 0:
        return "no-size"
    return ""


def health_cell(each: SharedObject) -> str:
    """As `health_of`, with a question mark where that is likely and not certain; ``ok`` where a
    diagnosis left nothing open; a question mark where none has decided so far of what rules are about;
    a dot where there is nothing to judge.
    """
    code, found = health_of(each), finding_of(each)
    if code:
        likely = found is not None and found.code == code and found.certainty is Certainty.LIKELY
        return f"{code}?" if likely else code
    if each.content not in DIAGNOSED or not each.mappers:
        return "·"
    return "ok" if judged_well(each) else "?"


def judged_well(each: SharedObject) -> bool:
    """Whether a diagnosis over long enough found nothing, and left nothing open."""
    health = each.health
    return health is not None and health.status is Status.OK and not health.early


def health_words(each: SharedObject) -> str:
    """What the diagnosis says, in a sentence; empty: there was none."""
    health, found = each.health, finding_of(each)
    if found is not None:
        return _("{code}: {claim} ({certainty})").format(
            code=found.code, claim=found.claim, certainty=_(found.certainty)
        )
    if health is None or health.early:
        return ""
    if health.undecided:
        return _("undecided: {what}").format(what=health.undecided[0])
    return _("ok so far: {what}").format(what="; ".join(health.judged)) if health.judged else ""


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


NO_MEMORY: Final = frozenset(
    {ObjectKind.SYSV_SET, ObjectKind.SYSV_QUEUE, ObjectKind.QUEUE, ObjectKind.TMPFS}
)


def why_not(each: SharedObject) -> str:
    """Why nobody can attach to this one, and the way out; empty where one can."""
    if each.content is Content.NOT_A_FILE:
        return _("{looks} is no segment").format(looks=each.looks)
    if each.kind is ObjectKind.SEMAPHORE:
        return _("a semaphore is no segment: attach to the segment whose programs use it")
    if each.target != each.name and each.target.startswith(each.name + " "):
        return _("it lies in another /dev/shm: shmtui attach {target}").format(target=each.target)
    if each.kind in NO_MEMORY:
        return _("it is no memory: shmtui ls shows what is known of it")
    if each.kind is ObjectKind.SYSV and each.orphan:
        return _("nobody has it attached: reading it means attaching it")
    if not each.readable:
        return _("this user may not read it: run shmtui as {owner}, or as root").format(
            owner=each.owner
        )
    if each.content is Content.CONTROL:
        return _("shmtui's own record of a buffer: attach to the buffer itself")
    return ""


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


# -- the table of ls ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Column:
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
    widths = [
        min(max(len(row[at]) for row in rows), column.most) for at, column in enumerate(columns)
    ]
    for row in rows:
        fitting = (
            _fit(cell, size) if column.cut else cell
            for cell, size, column in zip(row, widths, columns, strict=True)
        )
        cells = [
            cell.rjust(size) if column.right else cell.ljust(size)
            for cell, size, column in zip(fitting, widths, columns, strict=True)
        ]
        text = "  ".join(cells).rstrip()
        yield fitted(text, width)


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
        text = _("{size} shared in all of the machine")
        parts.append(text.format(size=size_text(survey.shared)))
        if survey.unlisted:
            parts.append(_("{size} of it in none of these").format(size=size_text(survey.unlisted)))
    if lost:
        text = ngettext("{count} orphan, {size}", "{count} orphans, {size}", lost)
        parts.append(text.format(count=lost, size=size_text(lost_bytes)))
    if survey.unread:
        text = ngettext(
            "{count} process of others not read", "{count} processes of others not read",
            survey.unread,
        )  # fmt: skip
        parts.append(text.format(count=survey.unread))
    return " · ".join(parts)


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
