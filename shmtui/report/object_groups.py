"""What processes share, in groups: by kind, or under each program that has it. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from shmtui.i18n import N_, _, ngettext
from shmtui.monitor.shared_object import SharedObject
from shmtui.report.object_cells import NO_MEMORY, size_text
from shmtui.report.segment_table import fitted, listing_lines
from shmtui.sanitize import inert

Row = TypeVar("Row")

GROUPINGS: Final = {"kind": N_("kind"), "program": N_("program")}
"""By what objects can be grouped, and the word for it."""
_SHOWN_PIDS: Final = 4


def programs_of(each: SharedObject) -> tuple[str, ...]:
    """The programs whose processes have it, each once."""
    return tuple(dict.fromkeys(name or "?" for _pid, name in each.mappers))


def grouped(
    rows: Iterable[Row], by: str, each: Callable[[Row], SharedObject]
) -> dict[str, list[Row]]:
    """The rows by one of `GROUPINGS`: kinds, or programs with "" for what no process is seen to have.

    The groups come in the order of their first rows. What several programs have is in each.
    """
    found: dict[str, list[Row]] = {}
    for row in rows:
        shared = each(row)
        for key in (shared.kind,) if by == "kind" else programs_of(shared) or ("",):
            found.setdefault(str(key), []).append(row)
    return found


class ObjectGroup(msgspec.Struct, frozen=True):
    """One group of `grouped`."""

    by: str
    key: str
    objects: tuple[SharedObject, ...]

    @property
    def title(self) -> str:
        """Its kind or its program, which is text of another process."""
        return self.key or _("nobody seen")

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of its program, sorted; of a kind none."""
        if self.by != "program":
            return ()
        its = {p for e in self.objects for p, name in e.mappers if (name or "?") == self.key}
        return tuple(sorted(its))

    @property
    def processes(self) -> str:
        """Them, with their count."""
        pids = self.pids
        more = f" +{len(pids) - _SHOWN_PIDS}" if len(pids) > _SHOWN_PIDS else ""
        return f"{len(pids)}: {', '.join(map(str, pids[:_SHOWN_PIDS]))}{more}" if pids else "-"

    @property
    def in_use(self) -> str:
        """The memory that its objects take."""
        return memory_text(self.objects)

    @property
    def with_others(self) -> tuple[SharedObject, ...]:
        """Its objects that stand under other programs too."""
        if self.by != "program":
            return ()
        return tuple(e for e in self.objects if len(programs_of(e)) > 1)

    def words(self, *, memory: bool = False) -> str:
        """How many objects it has, and how much of its memory other programs have too."""
        count = len(self.objects)
        parts = [ngettext("{count} object", "{count} objects", count).format(count=count)]
        if memory:
            parts.append(_("{size} in use").format(size=self.in_use))
        if self.with_others:
            text = _("{size} of it with other programs")
            parts.append(text.format(size=memory_text(self.with_others)))
        return ", ".join(parts)


def group_lines(
    objects: Sequence[SharedObject], by: str, width: int | None, names: Sequence[str]
) -> Iterator[str]:
    """The table of ``ls`` in groups, each below a line with its sums; cut to ``width`` cells."""
    groups = grouped(objects, by, lambda each: each)
    rows = listing_lines([e for its in groups.values() for e in its], width, "", names)
    yield next(rows)
    shared = False
    for key, its in groups.items():
        group = ObjectGroup(by, key, tuple(its))
        pids = "; PID " + ", ".join(map(str, group.pids)) if group.pids else ""
        yield ""
        yield fitted(f"{inert(group.title)}: {group.words(memory=True)}{pids}", width)
        for _row in its:
            yield next(rows)
        shared = shared or bool(group.with_others)
    yield ""
    if shared:
        yield _(
            "each object counts once in the totals below, under however many programs it stands"
        )


def memory_text(objects: Iterable[SharedObject]) -> str:
    """The memory that they take in all; a bound where that of one is a bound or not known."""
    its = [each for each in objects if each.kind not in NO_MEMORY or each.in_use is not None]
    if not any(each.in_use is not None for each in its):
        return "-"
    bound = any(each.in_use is None or each.in_use_at_least for each in its)
    total = size_text(sum(each.in_use or 0 for each in its))
    return f"≥ {total}" if bound else total
