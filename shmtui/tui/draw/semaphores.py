"""The three semaphores: values, waiters by name, and whether the permits add up. Pure."""

from shmtui.i18n import _, ngettext
from shmtui.sanitize import inert
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Process, ProcessState, SemaphoreState, Snapshot
from shmtui.tui.cell_text import fit
from shmtui.tui.draw.ring import bar
from shmtui.tui.formatting import format_count
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, clip_line, fit_line, line, width_of
from shmtui.tui.status_line import Balance, Permits, permits

STYLES = {
    SemaphoreRole.MUTEX: "good",
    SemaphoreRole.EMPTY: "warn",
    SemaphoreRole.FULL: "consumer",
}
"""The colour of each semaphore, wherever it is named."""

_UNREAD = SemaphoreState(None, None, None)


def semaphore_lines(
    snapshot: Snapshot, settled: bool, width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    """At most ``height`` lines: a line for each semaphore, then the sum of the permits.

    ``settled``: whether the last samples agree on the sum. One sample with a wrong sum was taken
    in the middle of a change, and is no contradiction.
    """
    if width <= 0 or height <= 0:
        return []
    if height < 3:
        return [clip_line(_short(snapshot, glyphs), width, glyphs.ellipsis)]
    rows = [_row(snapshot, role, width, glyphs) for role in SemaphoreRole]
    if height == 3:
        return rows
    sum_line = clip_line(
        invariant_line(permits(snapshot), settled, width, glyphs), width, glyphs.ellipsis
    )
    if height < 7:
        gap: list[Line] = [()] if height >= 5 else []
        return [*rows, *gap, sum_line]
    spaced: list[Line] = []
    for row in rows:
        spaced += [row, ()]
    return [*spaced, sum_line]


def footer(snapshot: Snapshot) -> str:
    """Embedded or named, and whether they wake other processes.

    >>> from shmtui.snapshot import EMPTY
    >>> footer(EMPTY)
    'embedded'
    """
    shared = {state.shared for state in snapshot.semaphores.values()}
    if False in shared:
        return snapshot.layout.semaphores + _(" · process-private!")
    return snapshot.layout.semaphores + (_(" · shared") if shared == {True} else "")


def _short(snapshot: Snapshot, glyphs: Glyphs) -> Line:
    spans: list[Span] = []
    for role in SemaphoreRole:
        state = snapshot.semaphores.get(role, _UNREAD)
        spans += [
            Span(f"{role} ", STYLES[role]),
            Span(format_count(state.value, glyphs), "strong"),
            Span(_waiting_words(state.waiters) if state.waiters else "  ", "bad"),
        ]
    return line(*spans)


def _row(snapshot: Snapshot, role: SemaphoreRole, width: int, glyphs: Glyphs) -> Line:
    """Name, gauge, value, waiters. The waiters take the room that is left."""
    state = snapshot.semaphores.get(role, _UNREAD)
    top = 1 if role is SemaphoreRole.MUTEX else snapshot.layout.slots
    figures = _figures(state, top, snapshot.layout.slots, glyphs)
    room = width - 6 - width_of(figures) - 2
    # The names of waiters are worth more than a long gauge; a short gauge more than none.
    gauge_room = max(0, min(24, max(min(5, room - 14), room - 24)))
    spaced = 2 * snapshot.layout.slots - 1 <= gauge_room
    cells = min(gauge_room, max(5, snapshot.layout.slots * (2 if spaced else 1)))
    gauge = fit_line(
        _gauge(state.value, top, cells, spaced, STYLES[role], glyphs), cells, glyphs.ellipsis
    )
    head = line((fit(role.value, 6), f"{STYLES[role]}-strong"), *gauge, *figures, "  ")
    waiters = _waiters(snapshot, role, state, width - width_of(head), glyphs)
    return clip_line(line(*head, *waiters), width, glyphs.ellipsis)


def _figures(state: SemaphoreState, top: int, slots: int, glyphs: Glyphs) -> Line:
    """The value and its maximum, in columns as wide as the largest."""
    room = len(format_count(slots, glyphs))
    value = format_count(state.value, glyphs)
    above = state.value is not None and state.value > top
    return line(
        (f" {value:>{room}}", "bad" if above else "strong"),
        (" " + _("of {most}").format(most=f"{format_count(top, glyphs):<{room}}"), "muted"),
    )


def _gauge(
    value: int | None, top: int, cells: int, spaced: bool, style: str, glyphs: Glyphs
) -> Line:
    """A pip for each permit where they fit, else a bar."""
    if cells <= 0:
        return ()
    if value is None or top <= 0:
        return line(("?", "warn"))
    if (2 * top - 1 if spaced else top) <= cells:
        lit = max(0, min(value, top))
        gap = " " if spaced else ""
        return line(
            (gap.join(glyphs.pip * lit) + (gap if lit else ""), style),
            (gap.join(glyphs.no_pip * (top - lit)), "faint"),
        )
    filled, rest = (*bar(min(value, top), top, cells, glyphs), Span(""))[:2]
    return line((filled.text, style if value else "faint"), rest)


def waiting(snapshot: Snapshot, role: SemaphoreRole) -> tuple[Process, ...]:
    """The live processes that are blocked on this semaphore, as far as is known."""
    return tuple(
        p for p in snapshot.processes if p.blocked_on is role and p.state is not ProcessState.ENDED
    )


def _waiters(
    snapshot: Snapshot, role: SemaphoreRole, state: SemaphoreState, room: int, glyphs: Glyphs
) -> Line:
    """How many wait and their names, in the longest wording that fits."""
    names = [inert(p.name, glyphs.ascii_only) for p in waiting(snapshot, role)]
    count = state.waiters
    if count is None and not names:
        return clip_line(line((_("waiters unknown"), "muted")), room, glyphs.ellipsis)
    known = max(count or 0, len(names))
    if known == 0:
        wording = [_("none waiting"), _("none"), ""]
        return line((next(w for w in wording if len(w) <= max(0, room)), "muted"))
    tail = line((" " + _("(private!)"), "bad")) if state.shared is False else ()
    heads = [ngettext("{count} waiting", "{count} waiting", known).format(count=known), f"{known}"]
    if names:
        for shown in range(min(len(names), 4), 0, -1):
            more = known - shown
            who = ", ".join(names[:shown]) + (f" +{more}" if more else "")
            for head in heads:
                text = line((head, "bad"), (f" {glyphs.left} ", "muted"), (who, "accent"), *tail)
                if width_of(text) <= room:
                    return text
    return clip_line(line((heads[0], "bad"), *tail), room, glyphs.ellipsis)


def invariant_line(sums: Permits, settled: bool, width: int, glyphs: Glyphs) -> Line:
    """Whether all permits are accounted for, in figures where there is room."""
    slots = format_count(sums.slots, glyphs)
    if sums.balance is Balance.UNKNOWN:
        return line((_("permits unknown"), "muted"))
    parts = f"empty {format_count(sums.empty)} + full {format_count(sums.full)}"
    if sums.in_flight is not None:
        parts += " + " + _("in flight {count}").format(count=format_count(sums.in_flight))
    total = format_count(sums.total, glyphs)
    if sums.balance is Balance.HOLDS:
        long = line((f"{glyphs.yes} ", "good"), (f"{parts} = {slots}", "muted"))
        adds_up = _("permits add up to {slots}").format(slots=slots)
        short = line((f"{glyphs.yes} ", "good"), (adds_up, "muted"))
    elif sums.balance is Balance.POSSIBLE:
        long = line(
            (f"{glyphs.dot} {parts} {_at_most(glyphs)} {slots}; ", "muted"),
            (_("in flight unknown"), "muted"),
        )
        seen = _("{total} of {slots} permits seen").format(total=total, slots=slots)
        short = line((f"{glyphs.dot} {seen}", "muted"))
    elif settled:
        wrong = _("{parts} = {total}, not {slots}").format(parts=parts, total=total, slots=slots)
        long = line((f"{glyphs.no} {wrong}", "bad"))
        wrong = _("{total} permits, not {slots}").format(total=total, slots=slots)
        short = line((f"{glyphs.no} {wrong}", "bad"))
    else:
        long = line((f"{glyphs.maybe} {parts} {_nearly(glyphs)} {slots}", "muted"))
        short = line((f"{glyphs.maybe} ", "muted"), (_("permits are moving"), "muted"))
    return long if width_of(long) <= width else short


def _waiting_words(count: int) -> str:
    return " (" + ngettext("{count} waiting", "{count} waiting", count).format(count=count) + ")  "


def _at_most(glyphs: Glyphs) -> str:
    return "<=" if glyphs.ascii_only else "≤"


def _nearly(glyphs: Glyphs) -> str:
    return "~" if glyphs.ascii_only else "≈"
