"""What it takes to get a stuck buffer going again: a plan, or why there can be none. Pure.

With every participant blocked, stopped or between two items, the ring's indices and who holds
a permit decide what the semaphores have to be. With ``k`` items in the ring, ``P`` producers
and ``C`` consumers asleep on ``mutex`` with a permit in hand::

    mutex = 1    full = k - C    empty = N - k - P

``k`` is ``in - out`` modulo N; where ``in == out`` it is 0 or N, and the permits that are left
have to tell which. Whoever runs stands nowhere, so nothing can be said until it stops.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from shmtui.diagnosis.history import untouched
from shmtui.i18n import _, ngettext
from shmtui.repair.positions import Place, Standing
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import (
    Certainty,
    Finding,
    LayoutSource,
    Origin,
    SemaphoreState,
    Snapshot,
)

COVERED: Final = frozenset(
    {
        "never-initialised",
        "process-private",
        "dead-holder",
        "lost-permit",
        "mutex-overflow",
        "ghost-waiter",
    }
)
"""The findings that a repair ends."""
SMALLEST: Final = 3
"""Slots below which a death leaves more than one reading of the ring."""
_DEATHS: Final = frozenset({"dead-holder", "lost-permit"})


@dataclass(frozen=True, slots=True)
class Change:
    """One semaphore as it is and as it has to be."""

    semaphore: SemaphoreRole
    before: SemaphoreState
    after: SemaphoreState

    @property
    def text(self) -> str:
        """What changes, in words.

        >>> Change(SemaphoreRole.MUTEX, SemaphoreState(0, 2, True), SemaphoreState(1, 2, True)).text
        'mutex: value 0 → 1'
        """
        parts = []
        if self.before.value != self.after.value:
            parts.append(f"{_('value')} {self.before.value} → {self.after.value}")
        if self.before.waiters != self.after.waiters:
            parts.append(f"{_('waiters')} {self.before.waiters} → {self.after.waiters}")
        if self.before.shared != self.after.shared:
            parts.append(_("private → shared between processes"))
        return f"{self.semaphore}: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a repair does, and what it rests on."""

    findings: tuple[Finding, ...]
    """What it ends."""
    changes: tuple[Change, ...]
    nudged: tuple[Standing, ...]
    """Asleep where nobody can wake them: stopped and continued until they are not."""
    rests_on: tuple[str, ...]
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing may be changed."""

    why: str
    settle: str
    """What would settle it."""
    passing: bool = False
    """Whether another look may find everybody where they can be told."""


def repairable(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those that a repair ends."""
    return tuple(f for f in findings if f.code in COVERED)


def plan(
    snapshot: Snapshot, findings: Sequence[Finding], standings: Sequence[Standing]
) -> Plan | Refusal | None:
    """What to do about ``findings``; None where there are none.

    ``snapshot`` and ``standings`` are of the moment at which it is to be done.
    """
    wanted = repairable(findings)
    if not wanted:
        return _nothing_for(findings)
    refusal = _unreadable(snapshot) or _unsettled(snapshot, standings)
    if refusal is not None:
        return refusal
    codes = {finding.code for finding in wanted}
    resident = _resident(snapshot, standings, codes)
    if isinstance(resident, Refusal):
        return resident
    held = _held(standings)
    values = {
        SemaphoreRole.MUTEX: 1,
        SemaphoreRole.EMPTY: snapshot.layout.slots - resident - held[Role.PRODUCER],
        SemaphoreRole.FULL: resident - held[Role.CONSUMER],
    }
    if min(values.values()) < 0:
        return Refusal(
            _("the indices say {resident} items, and more permits than that are in hand").format(
                resident=resident
            ),
            _("end all that map it and start anew"),
        )
    changes = tuple(_changes(snapshot, standings, values))
    nudged = tuple(s for s in standings if s.private)
    if not changes and not nudged:
        return Refusal(
            _("every word is as it has to be: what was found is passing"),
            _("look again in a moment"),
            passing=True,
        )
    return Plan(
        wanted,
        changes,
        nudged,
        tuple(_grounds(snapshot, standings, resident, held)),
        _certainty(standings, codes, snapshot),
    )


def _nothing_for(findings: Sequence[Finding]) -> Refusal | None:
    """What to say where no finding is one that words can mend."""
    if not findings:
        return None
    names = ", ".join(finding.code for finding in findings)
    return Refusal(
        _("no change of a semaphore mends {findings}").format(findings=names),
        findings[0].remedy,
    )


def _unreadable(snapshot: Snapshot) -> Refusal | None:
    """What cannot be read cannot be repaired."""
    slots, layout = snapshot.layout.slots, snapshot.layout
    if layout.source is LayoutSource.RAW or len(snapshot.semaphores) != len(SemaphoreRole):
        return Refusal(
            _("its layout is not known, or a semaphore is missing"),
            _("say the layout with --header, --slots or --layout"),
        )
    if layout.disputed:
        return Refusal("; ".join(layout.assumptions), _("say the layout with --map or --layout"))
    if layout.offsets.in_ is None:
        return Refusal(
            _("in and out are not in the segment, so that the items are not known"),
            _("say where they are with --map or --index-segment"),
        )
    indices = (
        ("in", snapshot.in_, snapshot.slot_in),
        ("out", snapshot.out, snapshot.slot_out),
    )
    for name, index, slot in indices:
        if slot is None:
            return Refusal(
                _("{name} is {index}, outside 0…{last}").format(
                    name=name, index=index, last=slots - 1
                ),
                _("check the layout; if it is right, the segment was overwritten: start anew"),
            )
    if snapshot.hidden:
        limits = "; ".join(snapshot.limits) or _("somebody who may take part cannot be read")
        return Refusal(limits, _("run shmtui as root"))
    return None


def _unsettled(snapshot: Snapshot, standings: Sequence[Standing]) -> Refusal | None:
    """Somebody may be in the middle of it, or nobody knows on which side somebody is."""
    running = [s for s in standings if s.place is Place.UNKNOWN]
    if running:
        return Refusal(
            _("{who} runs, and may be in the critical section").format(who=_names(running)),
            _("pause it or wait until it blocks"),
            passing=True,
        )
    mutex = snapshot.semaphores[SemaphoreRole.MUTEX]
    elsewhere = [s for s in standings if s.place is Place.ELSEWHERE]
    if elsewhere and not mutex.value and not untouched(snapshot):
        return Refusal(
            _("{who} sleeps in no semaphore and may hold mutex").format(who=_names(elsewhere)),
            _("wait until it blocks, or end it: then mutex has no holder"),
            passing=True,
        )
    sideless = [s for s in standings if _on_mutex(s) and side(s) is Role.UNKNOWN]
    if sideless:
        return Refusal(
            _("{who} waits for mutex, and whether it produces or consumes is not known").format(
                who=_names(sideless)
            ),
            _("end it: whoever maps it then is known by what it waits on"),
        )
    return None


def _on_mutex(s: Standing) -> bool:
    """Whether a thread of it sleeps on mutex with a permit in hand."""
    return any(role is SemaphoreRole.MUTEX for role, _private in s.asleep)


def side(s: Standing) -> Role:
    """On which side it works: as seen, else as its name says; unknown where it works on both."""
    on = {role for role, _private in s.asleep}
    if {SemaphoreRole.EMPTY, SemaphoreRole.FULL} <= on:
        return Role.UNKNOWN
    return s.process.role if s.process.role is not Role.UNKNOWN else named_side(s.process.name)


def named_side(name: str) -> Role:
    """The side that a command's name speaks of, in English or Portuguese.

    >>> named_side("./produtor 5"), named_side("consumer"), named_side("a.out")
    (<Role.PRODUCER: 'producer'>, <Role.CONSUMER: 'consumer'>, <Role.UNKNOWN: 'unknown'>)
    """
    word = PurePath(name.split(" ", 1)[0]).name.lower()
    makes, takes = "prod" in word or "writer" in word, "cons" in word or "reader" in word
    if makes == takes:
        return Role.UNKNOWN
    return Role.PRODUCER if makes else Role.CONSUMER


def _held(standings: Sequence[Standing]) -> dict[Role, int]:
    """Permits in hand, by the side of who holds them: each thread asleep on mutex has one."""
    held = dict.fromkeys(Role, 0)
    for s in standings:
        held[side(s)] += sum(role is SemaphoreRole.MUTEX for role, _private in s.asleep)
    return held


def _resident(snapshot: Snapshot, standings: Sequence[Standing], codes: set[str]) -> int | Refusal:
    """How many items the ring holds."""
    slots = snapshot.layout.slots
    assert snapshot.in_ is not None
    assert snapshot.out is not None
    between = (snapshot.in_ - snapshot.out) % slots
    told = snapshot.layout.libc is not Libc.MUSL or slots >= SMALLEST
    if untouched(snapshot) and told:
        return between
    if slots < SMALLEST and (codes & _DEATHS or not told):
        return Refusal(
            _("with {slots} slots a death leaves more than one reading of the ring").format(
                slots=slots
            ),
            _("end all that map it and start anew"),
        )
    low, high = _bounds(snapshot, standings)
    possible = [k for k in ({between} if between else {0, slots}) if low <= k <= high]
    if len(possible) == 1:
        return possible[0]
    counted = _counted(snapshot, standings)
    near = [k for k in possible if counted is not None and abs(k - counted) <= 1]
    if len(near) == 1:
        return near[0]
    if between:
        # Permits say something else than the indices: the slots are what the next one uses.
        return between
    return Refusal(
        _("in == out, and the permits do not tell whether the ring is empty or full"),
        _("end all that map it and start anew; or let one side run until it blocks"),
    )


def _counted(snapshot: Snapshot, standings: Sequence[Standing]) -> int | None:
    """Items in the ring by the workers' own counts; a dead one may have missed its last item."""
    if snapshot.totals is None or any(s.process.origin is not Origin.WORKER for s in standings):
        return None
    return snapshot.totals.produced - snapshot.totals.consumed


def _bounds(snapshot: Snapshot, standings: Sequence[Standing]) -> tuple[int, int]:
    """The fewest and the most items that the permits allow: each lost one may have been either."""
    empty = snapshot.semaphores[SemaphoreRole.EMPTY].value or 0
    full = snapshot.semaphores[SemaphoreRole.FULL].value or 0
    held = _held(standings)
    least = full + held[Role.CONSUMER]
    lost = snapshot.layout.slots - empty - held[Role.PRODUCER] - least
    return min(least, least + lost), max(least, least + lost)


def _changes(
    snapshot: Snapshot, standings: Sequence[Standing], values: dict[SemaphoreRole, int]
) -> Iterator[Change]:
    """Each semaphore that is not as it has to be."""
    for role, value in values.items():
        before = snapshot.semaphores[role]
        asleep = sum(at is role for s in standings for at, _private in s.asleep)
        after = SemaphoreState(value, asleep, True)
        if after != before:
            yield Change(role, before, after)


def _grounds(
    snapshot: Snapshot, standings: Sequence[Standing], resident: int, held: dict[Role, int]
) -> Iterator[str]:
    """What the plan rests on, a sentence each."""
    slots = snapshot.layout.slots
    yield _("in {in_}, out {out}: {resident} of {slots} slots hold an item").format(
        in_=snapshot.in_, out=snapshot.out, resident=resident, slots=slots
    )
    if untouched(snapshot):
        yield _("all three semaphores are zero: nobody has ever got past one of them")
    for count, text in (
        (
            held[Role.PRODUCER],
            ngettext(
                "{count} producer sleeps on mutex with a permit in hand",
                "{count} producers sleep on mutex with a permit in hand",
                held[Role.PRODUCER],
            ),
        ),
        (
            held[Role.CONSUMER],
            ngettext(
                "{count} consumer sleeps on mutex with a permit in hand",
                "{count} consumers sleep on mutex with a permit in hand",
                held[Role.CONSUMER],
            ),
        ),
    ):
        if count:
            yield text.format(count=count)
    if not standings:
        yield _("no live process maps it")
    guessed = [s for s in standings if held[side(s)] and s.process.role is Role.UNKNOWN]
    if guessed:
        yield _("producer or consumer by its name alone: {who}").format(who=_names(guessed))
    elsewhere = [s for s in standings if s.place is Place.ELSEWHERE]
    if elsewhere:
        yield _("asleep in a system call and not on a semaphore: {who}").format(
            who=_names(elsewhere)
        )


def _certainty(standings: Sequence[Standing], codes: set[str], snapshot: Snapshot) -> Certainty:
    """Certain where everybody's place is known and the permits agree with the indices."""
    if any(
        s.place is Place.ELSEWHERE or (_on_mutex(s) and s.process.role is Role.UNKNOWN)
        for s in standings
    ):
        return Certainty.LIKELY
    if snapshot.layout.assumed:
        return Certainty.LIKELY
    if untouched(snapshot):
        return Certainty.LIKELY if snapshot.layout.libc is Libc.MUSL else Certainty.CERTAIN
    if not codes & _DEATHS:
        return Certainty.CERTAIN
    low, high = _bounds(snapshot, standings)
    assert snapshot.in_ is not None
    assert snapshot.out is not None
    between = (snapshot.in_ - snapshot.out) % snapshot.layout.slots
    settled = not between or low <= between <= high
    return Certainty.CERTAIN if settled and high - low <= 1 else Certainty.LIKELY


def _names(standings: Sequence[Standing]) -> str:
    return ", ".join(f"{s.process.name} (PID {s.process.pid})" for s in standings)
