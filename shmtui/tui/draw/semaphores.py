"""The locks and semaphores: the three roles first, with values, waiters by name, and whether the
permits add up; then all others by the program's own names. Pure.
"""

from collections.abc import Iterator

from shmtui.diagnosis.rules.lock_free import counting, name_of, writers
from shmtui.i18n import N_, _
from shmtui.report.buffer_text import waiting_words
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_info import SemaphoreState
from shmtui.shm.sync_object import SyncObject, own_name
from shmtui.snapshot import Snapshot
from shmtui.tui.draw.ring import bar
from shmtui.tui.formatting import format_count
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, line, width_of
from shmtui.tui.status_line import Balance, Permits, permits

STYLES = {SemaphoreRole.MUTEX: "good", SemaphoreRole.EMPTY: "warn", SemaphoreRole.FULL: "consumer"}
"""The colour of each semaphore, wherever it is named."""

_ROOM_FOR_REST = 30
"""Cells of a row that its gauge, figures and waiters need more than the program's own name."""
_UNREAD = SemaphoreState(None, None, None)


def semaphore_lines(
    snapshot: Snapshot, settled: bool, width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    """At most ``height`` lines: a line for each semaphore, the sum of the permits, then a line for
    each other lock or semaphore that is known, or that a thread sleeps on.

    ``settled``: whether the last samples agree on the sum. One sample with a wrong sum was taken
    in the middle of a change, and is no contradiction.
    """
    if snapshot.layout.lock_free:
        return _indices(snapshot, width, glyphs)[:height]
    others = list(_others(snapshot, width, glyphs))
    if others and not (snapshot.semaphores and snapshot.layout.has_ring):
        return others[:height]
    if height < 3:
        return [glyphs.clip_line(_short(snapshot, glyphs), width)][:height]
    rows = [_row(snapshot, role, width, glyphs) for role in SemaphoreRole]
    total = glyphs.clip_line(invariant_line(permits(snapshot), settled, width, glyphs), width)
    if others:
        return [*rows, total, *others][:height]
    if height >= 7:
        rows = [each for row in rows for each in (row, ())]
    elif height >= 5:
        rows.append(())
    return [*rows, total][:height]


def footer(snapshot: Snapshot) -> str:
    """Embedded or named, and whether they wake other processes.

    >>> from shmtui.snapshot import EMPTY
    >>> footer(EMPTY)
    'embedded'
    """
    if snapshot.layout.lock_free:
        return counting(snapshot)
    shared = {state.shared for state in snapshot.semaphores.values()}
    if False in shared:
        return snapshot.layout.semaphores + _(" · process-private!")
    return snapshot.layout.semaphores + (_(" · shared") if shared == {True} else "")


def _indices(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """A line for each index of a ring without a lock: its value, and who stores it."""
    rows = []
    for index, value, style in (
        ("in", snapshot.in_, "producer"),
        ("out", snapshot.out, "consumer"),
    ):
        who = writers(snapshot, index)
        stored = _("unknown") if who is None else ", ".join(p.name for p in who)
        rows.append(
            line(
                (f"{glyphs.inert(name_of(snapshot, index))} ", f"{style}-strong"),
                (format_count(value, glyphs), "strong"),
                (f"  {glyphs.left} ", "muted"),
                (glyphs.inert(stored), "muted" if who is None else "accent"),
            )
        )
    told = _("no lock is known: nothing tells who waits")
    rows.append(line((told, "muted")))
    return [glyphs.clip_line(row, width) for row in rows]


def _short(snapshot: Snapshot, glyphs: Glyphs) -> Line:
    spans: list[Span] = []
    for role in SemaphoreRole:
        state = snapshot.semaphores.get(role, _UNREAD)
        waiting = f" ({waiting_words(state.waiters)})" if state.waiters else ""
        spans += [
            Span(f"{role} ", STYLES[role]),
            Span(format_count(state.value, glyphs), "strong"),
            Span(f"{waiting}  ", "bad"),
        ]
    return tuple(spans)


def _row(snapshot: Snapshot, role: SemaphoreRole, width: int, glyphs: Glyphs) -> Line:
    """Name, gauge, value, waiters. The waiters take the room that is left."""
    state, slots = snapshot.semaphores.get(role, _UNREAD), snapshot.layout.slots
    top = 1 if role is SemaphoreRole.MUTEX else slots
    figures = _figures(state, top, slots, glyphs)
    name = _name(snapshot, role, max(0, width - _ROOM_FOR_REST), glyphs)
    room = width - width_of(name) - width_of(figures) - 2
    # The names of waiters are worth more than a long gauge; a short gauge more than none.
    gauge_room = max(0, min(24, max(min(5, room - 14), room - 24)))
    spaced = 2 * slots - 1 <= gauge_room
    cells = min(gauge_room, max(5, slots * (2 if spaced else 1)))
    gauge = _gauge(state.value, top, cells, spaced, STYLES[role], glyphs)
    head = line(*name, *glyphs.fit_line(gauge, cells), *figures, "  ")
    waiters = _waiters(snapshot, role, state, width - width_of(head), glyphs)
    return glyphs.clip_line(line(*head, *waiters), width)


def _name(snapshot: Snapshot, role: SemaphoreRole, room: int, glyphs: Glyphs) -> Line:
    """The role, and the program's own name where it is another one and fits; as wide for each."""
    owns = {each: glyphs.inert(own_name(snapshot.sync, each)) for each in SemaphoreRole}
    longest = max(map(len, owns.values()))
    wide = 6 + (longest + 1 if 0 < longest < room else 0)
    own = f"={owns[role]}" if wide > 6 and owns[role] else ""
    rest = f"{own:<{wide - len(role.value)}}"
    return line((role.value, f"{STYLES[role]}-strong"), (rest, "muted"))


def _figures(state: SemaphoreState, top: int, slots: int, glyphs: Glyphs) -> Line:
    room = len(format_count(slots, glyphs))
    above = state.value is not None and state.value > top
    most = _("of {most}").format(most=f"{format_count(top, glyphs):<{room}}")
    value = f" {format_count(state.value, glyphs):>{room}}"
    return line((value, "bad" if above else "strong"), (f" {most}", "muted"))


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
        free = gap.join(glyphs.no_pip * (top - lit))
        return line(((glyphs.pip + gap) * lit, style), (free, "faint"))
    filled, *rest = bar(min(value, top), top, cells, glyphs)
    return line((filled.text, style if value else "faint"), *rest)


def _waiters(
    snapshot: Snapshot, role: SemaphoreRole, state: SemaphoreState, room: int, glyphs: Glyphs
) -> Line:
    """How many wait and their names, in the longest wording that fits."""
    names = [glyphs.inert(p.name) for p in snapshot.processes if p.blocked_on is role and p.alive]
    if state.waiters is None and not names:
        return glyphs.clip_line(line((_("waiters unknown"), "muted")), room)
    known = max(state.waiters or 0, len(names))
    if known == 0:
        wording = (_("none waiting"), _("none"), "")
        return line((next((w for w in wording if len(w) <= room), ""), "muted"))
    tail = line((" " + _("(private!)"), "bad")) if state.shared is False else ()
    heads = (waiting_words(known), f"{known}")
    for shown in range(min(len(names), 4), 0, -1):
        more = f" +{known - shown}" if known > shown else ""
        who = ", ".join(names[:shown]) + more
        for head in heads:
            text = line((head, "bad"), (f" {glyphs.left} ", "muted"), (who, "accent"), *tail)
            if width_of(text) <= room:
                return text
    counts = [line((head, "bad"), *tail) for head in heads]
    return glyphs.clip_line(next((c for c in counts if width_of(c) <= room), counts[-1]), room)


_KINDS = {
    "sem_t": N_("semaphore"),
    "semop": N_("semaphore"),
    "pthread_mutex_t": N_("mutex"),
    "pthread_cond_t": N_("condition"),
    "pthread_rwlock_t": N_("read-write lock"),
    "pthread_barrier_t": N_("barrier"),
    "pthread_spinlock_t": N_("spin lock"),
    "std::sync::Mutex": N_("mutex"),
}


def _others(snapshot: Snapshot, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """A line for each object without a role in the ring, and for each word that is slept on and
    has no name.
    """
    ring = snapshot.layout.has_ring
    known = [each for each in snapshot.sync if not (ring and each.among_semaphores)]
    longest = min(max((len(each.name) for each in known), default=0), 16)
    for each in known:
        lock = each.kind != "sem_t"
        value = "" if each.value is None else format_count(each.value, glyphs)
        if lock and each.value is not None:
            value = _("free") if each.value else _("held")
        if each.owner is not None:
            value = _("held by {tid}").format(tid=each.owner)
        if each.robustness is not None:
            value = each.robustness.text
        style = "bad" if each.owner_dead or each.robustness else "strong"
        gone = line((f" {glyphs.no} " + _("it died"), "bad")) if each.owner_dead else ()
        private = line((" " + _("(private!)"), "bad")) if each.why_private else ()
        text = line(
            (f"{glyphs.inert(each.name):<{longest}}  ", "accent"),
            (f"{_(_KINDS[each.kind])} ", "muted"),
            (value, style),
            *gone,
            *private,
        )
        yield glyphs.clip_line(line(*text, *_sleepers(snapshot, each, glyphs)), width)
    names = {each.name for each in snapshot.sync}
    elsewhere = {name for p in snapshot.processes if p.alive for name in p.sleeps_on} - names
    for name in sorted(elsewhere):
        who = _sleepers(snapshot, SyncObject(name, ""), glyphs)
        yield glyphs.clip_line(line((glyphs.inert(name), "accent"), *who), width)


def _sleepers(snapshot: Snapshot, each: SyncObject, glyphs: Glyphs) -> Line:
    """Who sleeps on it, by name; else how many it counts."""
    names = [glyphs.inert(p.name) for p in snapshot.waiting_for(each)]
    if not names:
        return line((f"  {waiting_words(each.waiters)}", "bad")) if each.waiters else ()
    return line((f"  {glyphs.left} ", "muted"), (", ".join(names), "bad"))


def invariant_line(sums: Permits, settled: bool, width: int, glyphs: Glyphs) -> Line:
    """Whether all permits are accounted for, in figures where there is room."""
    slots, total = format_count(sums.slots, glyphs), format_count(sums.total, glyphs)
    parts = f"empty {format_count(sums.empty)} + full {format_count(sums.full)}"
    if sums.in_flight is not None:
        parts += " + " + _("in flight {count}").format(count=format_count(sums.in_flight))
    mark, style = (glyphs.no, "bad") if settled else (glyphs.maybe, "muted")
    mark_style = style
    match sums.balance:
        case Balance.UNKNOWN:
            return line((_("permits unknown"), "muted"))
        case Balance.HOLDS:
            mark, mark_style, style = glyphs.yes, "good", "muted"
            long = f"{parts} = {slots}"
            short = _("permits add up to {slots}").format(slots=slots)
        case Balance.POSSIBLE:
            mark, mark_style, style = glyphs.dot, "muted", "muted"
            long = f"{parts} {glyphs.at_most} {slots}; " + _("in flight unknown")
            short = _("{total} of {slots} permits seen").format(total=total, slots=slots)
        case Balance.BROKEN if settled:
            long = _("{parts} = {total}, not {slots}").format(parts=parts, total=total, slots=slots)
            short = _("{total} permits, not {slots}").format(total=total, slots=slots)
        case Balance.BROKEN:
            long = f"{parts} {glyphs.nearly} {slots}"
            short = _("permits are moving")
    text = long if len(f"{mark} {long}") <= width else short
    return line((f"{mark} ", mark_style), (text, style))
