"""One shared object in a list: its cells, its health in a word, why nobody can attach to it. Pure.

Names come from other programs: readers make the text inert.
"""

from typing import Final

from shmtui.i18n import _
from shmtui.monitor.shared_object import DIAGNOSED, Content, ObjectKind, SharedObject
from shmtui.sanitize import shell_word
from shmtui.snapshot import Certainty, Finding, Status


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
    """Why this one cannot be opened, and the way out; empty where it can. A set opens as `stat` has it."""
    if each.content is Content.NOT_A_FILE:
        return _("{looks} is not a segment").format(looks=each.looks)
    if each.kind is ObjectKind.SEMAPHORE and each.target != each.name:
        return _("a semaphore is not a segment: attach to the segment whose programs use it")
    if each.target != each.name and each.target.startswith(each.name + " "):
        return _("it lies in another /dev/shm: shmtui attach {target}").format(target=each.target)
    if each.kind in NO_MEMORY and each.kind is not ObjectKind.SYSV_SET:
        return _("it is not memory: shmtui ls shows what is known of it")
    if each.kind is ObjectKind.SYSV and each.orphan:
        return _("nobody has it attached: reading it means attaching it")
    if each.kind is ObjectKind.HUGETLB and not each.target.startswith("pid:"):
        return _("nobody is seen to map it: only what a process maps of huge pages is read")
    if not each.readable:
        return _("this user may not read it: run shmtui as {owner}, or as root").format(
            owner=each.owner
        )
    if each.content is Content.CONTROL:
        return _("shmtui's own record of a buffer: attach to the buffer itself")
    return ""
