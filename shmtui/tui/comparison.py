"""Two recordings at one instant, fact by fact: what is the same in both, and what differs. Pure.

A fact differs where its texts do: what is lit is what a reader sees to be another one. Where one of the
two has nothing of the instant, nothing is compared.
"""

from collections.abc import Callable, Iterator

import msgspec

from shmtui.i18n import _
from shmtui.report.buffer_text import waiting_words
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import Slot
from shmtui.snapshot import Finding, Process, Snapshot, word
from shmtui.tui.formatting import format_count, format_value, known_rate
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.view_model import Comparison, Side

Pair = tuple[str, str]


class Fact(msgspec.Struct, frozen=True):
    """A line of the comparison. Its texts are inert."""

    label: str
    texts: Pair
    compared: bool = True

    @property
    def differs(self) -> bool:
        """Whether it is another one in the two."""
        return self.compared and self.texts[0] != self.texts[1]


class SlotPair(msgspec.Struct, frozen=True):
    """One slot in both."""

    index: int
    texts: Pair
    full: tuple[bool | None, bool | None]
    compared: bool = True

    @property
    def differs(self) -> bool:
        """Whether it holds something else, or is full in one alone."""
        return self.compared and (self.texts[0] != self.texts[1] or self.full[0] != self.full[1])


def facts(comparison: Comparison, glyphs: Glyphs) -> tuple[list[Fact], list[Fact]]:
    """All but the slots, what matters most first: those above the slots, and those below them."""
    made = _Facts(comparison, glyphs)
    return [*made.of_ring()], [*made.of_processes()]


def slot_pairs(comparison: Comparison, glyphs: Glyphs) -> list[SlotPair]:
    """The slots that either has, by their number."""
    both = comparison.both_there
    first, second = (
        {slot.index: slot for slot in side.snapshot.slots} if side.there else {}
        for side in comparison.sides
    )

    def pair(index: int) -> SlotPair:
        one, other = first.get(index), second.get(index)
        texts = _value(one, glyphs), _value(other, glyphs)
        return SlotPair(index, texts, (_full(one), _full(other)), both)

    return [pair(index) for index in sorted(first.keys() | second.keys())]


def _value(slot: Slot | None, glyphs: Glyphs) -> str:
    return glyphs.dash if slot is None else format_value(slot.value, glyphs.ascii_only)


def _full(slot: Slot | None) -> bool | None:
    return None if slot is None else slot.full


class _Facts:
    """Makes the facts of a comparison."""

    def __init__(self, comparison: Comparison, glyphs: Glyphs) -> None:
        self._sides, self._glyphs = comparison.sides, glyphs
        self._compared = comparison.both_there

    def of_ring(self) -> Iterator[Fact]:
        """How it stands with the ring."""
        yield self._fact(_("status"), lambda s: word(s.health.status))
        yield from self._findings()
        yield from self._semaphores()
        yield self._fact(_("full slots"), self._occupancy)
        yield self._count("in", lambda s: s.in_)
        yield self._count("out", lambda s: s.out)

    def of_processes(self) -> Iterator[Fact]:
        """Rates, counts and processes, and what is recorded."""
        yield self._fact(_("produced/s"), self._rate("produced_per_s"))
        yield self._fact(_("consumed/s"), self._rate("consumed_per_s"))
        if any(s.counted for s in self._there()):
            yield self._count(
                _("produced"), lambda s: None if s.counted is None else s.counted.produced
            )
            yield self._count(
                _("consumed"), lambda s: None if s.counted is None else s.counted.consumed
            )
        yield self._fact(_("producers"), lambda s: _crew(s.producers))
        yield self._fact(_("consumers"), lambda s: _crew(s.consumers))
        yield self._fact(_("others"), lambda s: _crew(_others(s)))
        yield self._fact(_("segment"), lambda s: s.segment.name)
        yield self._fact(_("layout"), self._layout)
        yield Fact(_("last event"), self._texts(self._last_event), compared=False)

    def _there(self) -> list[Snapshot]:
        return [side.snapshot for side in self._sides if side.there]

    def _texts(self, text: Callable[[Side], str]) -> Pair:
        one, other = (
            self._glyphs.inert(text(side)) if side.there else self._glyphs.dash
            for side in self._sides
        )
        return one, other

    def _fact(self, label: str, text: Callable[[Snapshot], str]) -> Fact:
        texts = self._texts(lambda side: text(side.snapshot))
        return Fact(self._glyphs.inert(label), texts, self._compared)

    def _count(self, label: str, count: Callable[[Snapshot], int | None]) -> Fact:
        return self._fact(label, lambda s: format_count(count(s), self._glyphs))

    def _rate(self, name: str) -> Callable[[Snapshot], str]:
        return lambda s: known_rate(getattr(s.throughput, name), s.throughput.method, self._glyphs)

    def _findings(self) -> Iterator[Fact]:
        """A line for each that either has."""
        found: dict[tuple[str, str], None] = {}
        for snapshot in self._there():
            found.update(dict.fromkeys((f.code, f.subject) for f in snapshot.health.findings))
        for key in found or {("", ""): None}:
            yield self._fact(_("finding"), lambda s, key=key: _finding(s, key))  # type: ignore[misc]

    def _semaphores(self) -> Iterator[Fact]:
        there = self._there()
        for role in SemaphoreRole:
            if any(role in s.semaphores for s in there):
                yield self._fact(role.value, lambda s, role=role: self._semaphore(s, role))  # type: ignore[misc]
        names = dict.fromkeys(each.name for s in there for each in s.sync if each.role is None)
        for name in names:
            yield self._fact(name, lambda s, name=name: self._lock(s, name))  # type: ignore[misc]

    def _semaphore(self, snapshot: Snapshot, role: SemaphoreRole) -> str:
        state = snapshot.semaphores.get(role)
        if state is None:
            return self._glyphs.dash
        waiting = _("waiters unknown") if state.waiters is None else waiting_words(state.waiters)
        return f"{format_count(state.value, self._glyphs)}, {waiting}"

    def _lock(self, snapshot: Snapshot, name: str) -> str:
        each = next((each for each in snapshot.sync if each.name == name), None)
        if each is None:
            return self._glyphs.dash
        if each.owner is not None:
            return _("held by {tid}").format(tid=each.owner)
        return format_count(each.value, self._glyphs)

    def _occupancy(self, snapshot: Snapshot) -> str:
        if snapshot.occupancy is None:
            return _("unknown")
        slots = _("of {most}").format(most=format_count(snapshot.layout.slots, self._glyphs))
        return f"{format_count(snapshot.occupancy, self._glyphs)} {slots}"

    def _layout(self, snapshot: Snapshot) -> str:
        layout = snapshot.layout
        if not layout.slots:
            return _("shown as bytes")
        return f"{format_count(layout.slots, self._glyphs)} {self._glyphs.times} {layout.item_type}"

    def _last_event(self, side: Side) -> str:
        return side.events[0].text if side.events else self._glyphs.dash


def _finding(snapshot: Snapshot, key: tuple[str, str]) -> str:
    found: Finding | None = next(
        (f for f in snapshot.health.findings if (f.code, f.subject) == key), None
    )
    if found is None:
        return _("none")
    subject = f" {found.subject}" if found.subject else ""
    return f"{found.code}{subject} ({word(found.certainty)})"


def _others(snapshot: Snapshot) -> tuple[Process, ...]:
    return tuple(p for p in snapshot.processes if p.role not in {Role.PRODUCER, Role.CONSUMER})


def _crew(processes: tuple[Process, ...]) -> str:
    """How many live, and how many of them wait."""
    alive = [p for p in processes if p.alive]
    blocked = sum(bool(p.waits or p.sleeps_on) for p in alive)
    text = str(len(alive))
    return f"{text}, " + _("{count} blocked").format(count=blocked) if blocked else text
