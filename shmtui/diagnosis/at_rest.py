"""What is left open of a ring in which no item has moved for a while: why, and what would settle it. Pure."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from shmtui.diagnosis.history import (
    AT_REST_NS,
    POSTERS,
    History,
    deficit_of,
    lacks_permits,
    living,
    lock_taken,
)
from shmtui.diagnosis.holders import unaccounted_threads
from shmtui.diagnosis.wording import names, seconds, target
from shmtui.i18n import _, ngettext
from shmtui.procfs.freezer import FROZEN
from shmtui.procfs.target import has_name
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import Origin, Process, Snapshot

LONGER_S: Final = 12
"""The watch that is proposed where a shorter one left something open, in seconds."""
_AGAIN: Final = 3
"""In so many scans somebody has to have run to be said to have done so again and again."""
_VOUCHED: Final = 8
"""So many processes are named in a command."""


def permits_gone(history: History) -> Iterator[str]:
    """No item moved, and not all permits are seen, so that it is not known why."""
    crew = living(history.now)
    if not crew:
        return
    if _any_stopped(crew):
        yield from stopped(crew)
        return
    start = history.now.monotonic_ns - history.flow_unmoved_ns
    in_hand = max(
        sum(p.waits.count(SemaphoreRole.MUTEX) for p in living(s))
        for s in history.snapshots
        if s.monotonic_ns >= start
    )
    missing = (deficit_of(history.now) or 0) - in_hand
    if missing > 0:
        yield ngettext(
            "no item was seen to move, and {count} permit is in neither {empty} nor {full}: a process keeps it, or it "
            "is lost; {way}",
            "no item was seen to move, and {count} permits are in neither {empty} nor {full}: processes keep them, or "
            "they are lost; {way}",
            missing,
        ).format(**history.names, count=missing, way=way_on(history))


def stopped(crew: Sequence[Process]) -> Iterator[str]:
    """That some of those that take part are stopped, and how they go on: no signal resumes one that a debugger stops
    or a control group has frozen.
    """
    signalled = [p for p in crew if p.letter == "T"]
    traced = [p for p in crew if p.letter == "t"]
    frozen = [p for p in crew if p.letter == FROZEN]
    if signalled:
        text = _("stopped: {who}; resume with kill -CONT {pids}, and check again")
        yield text.format(who=names(signalled), pids=" ".join(str(p.pid) for p in signalled))
    if traced:
        yield _(
            "stopped by a debugger: {who}; let it go on there (which one: {command}), and check again"
        ).format(
            who=names(traced),
            command=f"grep TracerPid {' '.join(f'/proc/{p.pid}/status' for p in traced)}",
        )
    if frozen:
        yield _(
            "frozen by a control group: {who}; thaw it (docker unpause, systemctl thaw; which one: {command}), and "
            "check again"
        ).format(
            who=names(frozen), command=f"cat {' '.join(f'/proc/{p.pid}/cgroup' for p in frozen)}"
        )


def _any_stopped(crew: Sequence[Process]) -> bool:
    """Whether one that takes part is stopped: to watch on tells nothing."""
    return any(True for _text in stopped(crew))


def left_to_others(history: History) -> Iterator[str]:
    """All that wait do so for permits that are not there, and nobody is known who posts them: there
    is no other process, or those that there are sleep elsewhere and were never seen to. They may be
    what started the others, or idle for ever. Where nobody sleeps on a semaphore, one that is awake may
    look again and again for the permits that are not there.
    """
    crew = living(history.now)
    waited = {role for p in crew for role in p.waits}
    if history.lasted_ns(lock_taken) < history.flow_unmoved_ns:
        waited -= {SemaphoreRole.MUTEX}  # Then it was free meanwhile.
    if not waited:
        yield from _may_be_polled(history, crew)
        return
    if any(role not in POSTERS or history.value(role) != 0 for role in waited):
        return
    slow = [
        p
        for p in crew
        if not p.waits
        and {p.role, *p.acted} & {POSTERS[role] for role in waited}
        and (p.origin is Origin.WORKER or p.goes_on)
    ]
    others = [p for p in crew if unaccounted_threads(p)]
    if not slow:
        yield nobody_posts(history, sorted(waited), others)


def _may_be_polled(history: History, crew: Sequence[Process]) -> Iterator[str]:
    """There are no permits of a kind, and no process is known that posts them and goes on by itself."""
    awake = [p for p in crew if p.goes_on]
    runs = runs_at_rest(history)
    looking = [p for p in awake if runs.get(p.pid) != 0]
    # Who has not woken yet may look for it each time that it does.
    late = [p for p in awake if (p.sleeps_for or 0.0) * 1e9 > history.watched_ns and not p.acted]
    for role, poster in POSTERS.items():
        posts = any(poster in {p.role, *p.acted} for p in awake)
        if (looking or late) and history.value(role) == 0 and not posts:
            yield _(
                "no item was seen to move, {semaphore} is 0, and nobody was seen who posts it: if one looks for it again "
                "and again ({who}), that may never end; {way}"
            ).format(
                semaphore=history.names[role],
                who=names(awake if looking else late),
                way=way_on(history) if looking else _until_awake(history, late),
            )
    yield from full_or_empty(history, crew)


def full_or_empty(history: History, crew: Sequence[Process]) -> Iterator[str]:
    """The same of a ring that counts its items itself: it is full or empty, and no process is known that takes
    one out or puts one in.
    """
    now = history.now
    if now.count not in {0, now.layout.slots}:
        return
    awake = [p for p in crew if p.goes_on or p.sleeps_timed]
    role, poster = (Role.CONSUMER, _("consumer")) if now.count else (Role.PRODUCER, _("producer"))
    if awake and all(p.role is not role for p in awake):
        yield _(
            "no item was seen to move, {count} of {slots} slots are full, and no {poster} was seen that goes on by itself: if "
            "one looks for it again and again ({who}), that may never end; {way}"
        ).format(
            count=now.count, slots=now.layout.slots, poster=poster, who=names(awake),
            way=way_on(history),
        )  # fmt: skip


def runs_at_rest(history: History) -> dict[int, int | None]:
    """In how many scans each process had run, since no item was seen to move; None: that is not known."""
    began = history.now.monotonic_ns - history.flow_unmoved_ns
    first = next(s for s in history.snapshots if s.monotonic_ns >= began)
    before = {p.pid: p.runs for p in first.processes}
    return {p.pid: _difference(p.runs, before.get(p.pid)) for p in living(history.now)}


def _difference(now: int | None, then: int | None) -> int | None:
    return None if now is None or then is None else now - then


def in_vain(history: History) -> Iterator[str]:
    """Somebody runs again and again, and moves no item, though there are both items and room, or it is not
    known that there are not: he may wait for more of them than there ever are.
    """
    now, crew = history.now, living(history.now)
    permits = {history.value(role) for role in POSTERS} - {None}
    if {0, now.layout.slots} & (permits or {now.count}):
        return  # Then they wait for the other side.
    runs = runs_at_rest(history)
    restless = [p for p in crew if (runs.get(p.pid) or 0) >= _AGAIN]
    sides = {Role.PRODUCER, Role.CONSUMER}
    slow = (p for p in crew if p not in restless and (p.goes_on or p.origin is Origin.WORKER))
    if restless and not any({p.role, *p.acted} & sides for p in slow):
        yield _(
            "no item was seen to move, and {who} ran again and again meanwhile: if it looks for more items or more "
            "room than there ever are, that never ends; {way}"
        ).format(
            who=names(restless),
            way=way_on(history)
            if watched_s(history) < LONGER_S
            else _("gdb -p {pid} shows where it is").format(pid=restless[0].pid),
        )


def nobody_posts(history: History, waited: Iterable[str], others: Sequence[Process]) -> str:
    """That all wait for these, and only ``others`` could post, who were not seen to."""
    return _(
        "no item was seen to move, all that wait do so for {semaphore}, and nobody was seen who posts it and goes on "
        "by itself: unless it comes from {who}, they wait for ever; {way}"
    ).format(
        semaphore=", ".join(history.names.get(each, each) for each in waited),
        who=names(others) or _("another process"),
        way=_until_awake(history, others),
    )


def _until_awake(history: History, others: Sequence[Process]) -> str:
    """That it is to be watched until those have slept, where it is known for how long; else as `way_on`."""
    longest = max((p.sleeps_for or 0.0 for p in others), default=0.0)
    if watched_s(history) >= longest + 1 or _any_stopped(living(history.now)):
        return way_on(history)
    return _("it sleeps for up to {time}; watch it longer: --for {seconds}").format(
        time=seconds(round(longest * 1e9)), seconds=max(LONGER_S, math.ceil(longest) + 2)
    )


def lock_kept(history: History) -> Iterator[str]:
    """Mutex was 0 all the while."""
    if history.lasted_ns(lock_taken) >= min(AT_REST_NS, history.watched_ns):
        yield _("{mutex} was 0 in {count} samples, up to the last; {way}").format(
            **history.names, count=history.agreeing(lock_taken), way=way_on(history)
        )
        if history.now.rest.come_and_gone:
            yield _(
                "since {mutex} was seen free somebody has opened the segment, or let go of it: he may have {mutex}, and be "
                "seen nowhere"
            ).format(**history.names)


def hidden_at_rest(now: Snapshot) -> Iterator[str]:
    """Where nothing moved: that a participant is not seen, which may be why."""
    if now.hidden and (living(now) or now.elsewhere):
        yield _("nothing moved, and not all that may take part can be seen: {limits}").format(
            limits="; ".join(now.limits)
        )


def way_on(history: History) -> str:
    """What settles what the samples leave open: a longer watch, or what only the program's text or
    its programmer can tell.
    """
    if _any_stopped(living(history.now)):
        return _("resume those first that are stopped")
    if watched_s(history) < LONGER_S:
        return _("watch it longer: --for {time}").format(time=LONGER_S)
    now, crew = history.now, living(history.now)
    if not crew or not has_name(now.segment.name) or not lacks_permits(now):
        return _("watching does not settle it; only the source of its program does")
    words = " ".join(f"--assume-idle {p.pid}" for p in crew[:_VOUCHED])
    return _(
        "watching does not settle it; if none of them holds a lock or a permit, say so: {command}"
    ).format(command=f"shmtui repair {target(now)} {words}")


def watched_s(history: History) -> int:
    """How long it was watched, in whole seconds."""
    return round(history.watched_ns / 1e9)
