"""The items of a ring, followed by who stores and loads its slots and moves its indices. Pure.

An item is put by a store to its slot, and taken by who loads the slot and moves ``out`` on from it,
in either order. What a program prints counts for nothing.
"""

from enum import StrEnum

import msgspec

from shmtui.control.operation import Kind, Operation, Place


class Ring(msgspec.Struct, frozen=True):
    """Where the parts of a ring lie in its segment; None: it has none there."""

    segment: str
    data: int
    slots: int
    item_size: int
    in_: int | None
    out: int | None
    mutex: int | None
    empty: int | None
    full: int | None
    bounded: bool = False
    """Whether it has semaphores for room and for items elsewhere: named ones, or in a System V set."""
    count: int | None = None
    """Its own count of full slots."""
    members: tuple[tuple[int, int, str], ...] = ()
    """Begin, bytes and name of each lock and semaphore, as the program calls it."""
    index_size: int = 4
    """Bytes of an index."""

    def slot(self, offset: int) -> int | None:
        """The number of the slot that a byte belongs to."""
        number = (offset - self.data) // self.item_size
        return number if 0 <= number < self.slots else None

    def slot_behind(self, operation: Operation) -> int | None:
        """The number that a slot would have where an operation on a whole one lies behind the last."""
        place = operation.place
        if place is None or place.segment != self.segment:
            return None
        number, rest = divmod(place.offset - self.data, self.item_size)
        whole = not rest and operation.width == self.item_size
        return number if whole and number >= self.slots else None

    @property
    def indices(self) -> tuple[Place, ...]:
        return tuple(Place(self.segment, at) for at in (self.in_, self.out) if at is not None)

    @property
    def watched(self) -> tuple[Place, ...]:
        """What two tasks must not store at once: the indices, and the count."""
        more = () if self.count is None else (Place(self.segment, self.count),)
        return (*self.indices, *more)

    @property
    def index_word(self) -> int:
        """Bytes of an index that tell what it is."""
        return min(self.index_size, 4)

    @property
    def keeps_items(self) -> bool:
        """Whether it has semaphores by which a producer waits for room: no item is to be overwritten."""
        return self.bounded or (self.empty is not None and self.full is not None)


def low_word(value: int | None) -> int | None:
    """The index that a wider access begins with."""
    return None if value is None else value & 0xFFFFFFFF


class Fault(StrEnum):
    """What happened to an item."""

    OVERWRITTEN = "item-overwritten"
    TAKEN_TWICE = "item-taken-twice"
    NOT_PUT = "empty-slot-taken"
    LOST = "item-lost"
    OUT_OF_RANGE = "bad-index"


class ItemFault(msgspec.Struct, frozen=True):
    """An item, the step that put or first took it, and the step that did wrong."""

    kind: Fault
    slot: int
    first: int | None
    step: int


class _Put(msgspec.Struct):
    task: str
    step: int
    posts: int
    started: bool
    read: bool = False
    taken: int | None = None


class _Hand(msgspec.Struct):
    """What a task holds: how far it is with an item."""

    posts: int = 0
    started: bool = False
    out: int | None = None
    loaded: dict[int, tuple[int, "_Put | None"]] = msgspec.field(default_factory=dict)
    moved: int | None = None
    behind: dict[Kind, int] = msgspec.field(default_factory=dict)
    """The steps that loaded and stored the place behind the last slot since it last moved an index."""


class Items:
    """The items of one execution."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.faults: list[ItemFault] = []
        self.taken: list[tuple[int, int]] = []
        """The steps that put and took each item that was taken, in the order of the taking."""
        self._bytes: dict[int, _Put] = {}
        self._hands: dict[str, _Hand] = {}
        self._of_slots: set[tuple[str, int]] = set()
        self._of_indices: set[tuple[str, int]] = set()
        """The instructions that have used slots, and indices that named one."""

    def synchronised(self, task: str, *, gives: bool) -> None:
        """A task has waited or posted."""
        hand = self._hands.setdefault(task, _Hand())
        hand.started = True
        hand.posts += gives

    def access(self, task: str, operation: Operation, before: int | None, after: int | None,
               step: int, *, puts: bool = True, beyond: bool = False) -> None:  # fmt: skip
        """A task has loaded or stored, as step number ``step``; ``puts``: what it stores in a slot is an item,
        and not a consumer's mark that it has taken one; ``beyond``: it may have loaded more than it looks at.
        """
        place, ring = operation.place, self.ring
        if place is None or place.segment != ring.segment:
            return
        self._note_site(task, operation, before)
        hand = self._hands.setdefault(task, _Hand())
        self._behind(hand, operation, place.offset, (before, after), step)
        if place.offset == ring.out and not beyond:
            if operation.kind is not Kind.STORE:
                hand.out = before
            if operation.kind is not Kind.LOAD and before is not None and after is not None:
                self._move(hand, after)
            return
        for slot in self._slots(operation):
            if operation.kind is not Kind.STORE:
                self._load(task, hand, slot, step, beyond=beyond)
        if operation.kind is not Kind.LOAD and puts:
            self._store(task, hand, operation, step)
        elif operation.kind is not Kind.LOAD:
            self._clear(task, operation)

    def _note_site(self, task: str, operation: Operation, before: int | None) -> None:
        site = task.partition(".")[0], operation.site
        if self._slots(operation):
            self._of_slots.add(site)
        elif operation.place in self.ring.indices and low_word(before) != self.ring.slots:
            self._of_indices.add(site)

    def is_of_slots(self, task: str, site: int) -> bool:
        """Whether an instruction uses slots, and is not a way to the indices, too, as that of a common function."""
        found = task.partition(".")[0], site
        return found in self._of_slots and found not in self._of_indices

    def _behind(
        self,
        hand: _Hand,
        operation: Operation,
        at: int,
        values: tuple[int | None, int | None],
        step: int,
    ) -> None:
        """An index that goes from the number of slots to 0 has named the slot behind the last, where whatever lies there
        was used for one.
        """
        ring, kind = self.ring, operation.kind
        end = ring.data + ring.slots * ring.item_size
        if at in {ring.in_, ring.out} and kind is not Kind.LOAD:
            used = hand.behind.get(Kind.STORE if at == ring.in_ else Kind.LOAD)
            if values == (ring.slots, 0) and used is not None:
                self.faults.append(ItemFault(Fault.OUT_OF_RANGE, ring.slots, None, used))
            hand.behind.clear()
        elif at == end and operation.width == ring.item_size:
            hand.behind[kind] = step

    def _slots(self, operation: Operation) -> list[int]:
        assert operation.place is not None
        first = operation.place.offset
        found = {self.ring.slot(at) for at in range(first, first + max(operation.width, 1))}
        return sorted(slot for slot in found if slot is not None)

    def _load(self, task: str, hand: _Hand, slot: int, step: int, *, beyond: bool) -> None:
        begin = self.ring.data + slot * self.ring.item_size
        puts = [p for at in range(begin, begin + self.ring.item_size) if (p := self._bytes.get(at))]
        for put in puts:
            put.read = put.read or put.task != task
        if beyond and slot != self._named(hand):
            return
        if hand.moved == slot:
            hand.moved = None
            hand.out = None if beyond else hand.out  # What it loads besides is not its next item.
            self._take(slot, step, puts[0] if puts else None)
        elif slot not in hand.loaded:
            hand.loaded[slot] = (step, puts[0] if puts else None)

    def _named(self, hand: _Hand) -> int | None:
        """The slot that ``out`` named last, and which a task has not taken yet."""
        if hand.moved is not None or hand.out is None:
            return hand.moved
        return hand.out % self.ring.slots

    def _store(self, task: str, hand: _Hand, operation: Operation, step: int) -> None:
        assert operation.place is not None
        put: _Put | None = None
        for at in range(operation.place.offset, operation.place.offset + max(operation.width, 1)):
            slot = self.ring.slot(at)
            if slot is None:
                continue
            old = self._bytes.get(at)
            same = old is not None and old.task == task and old.posts == hand.posts
            if old is not None and old.taken is not None and not self.ring.keeps_items:
                same = False  # Who posts nothing begins its next item so.
            if old is not None and same:
                old.read = False
                continue
            if old is not None and old.started and not old.read and self.ring.keeps_items:
                old.read = True
                self.faults.append(ItemFault(Fault.OVERWRITTEN, slot, old.step, step))
            put = put or _Put(task, step, hand.posts, hand.started)
            self._bytes[at] = put

    def _clear(self, task: str, operation: Operation) -> None:
        """A consumer stores in slots: there is no item of anybody's any more, if it has loaded what was there."""
        assert operation.place is not None
        for at in range(operation.place.offset, operation.place.offset + max(operation.width, 1)):
            put = self._bytes.get(at)
            if put is not None and (put.read or put.task == task):
                del self._bytes[at]

    def _move(self, hand: _Hand, after: int) -> None:
        old, slots = hand.out, self.ring.slots
        hand.out = after
        if old is not None and after in {(old + 1) % slots, old + 1}:
            slot = old % slots
            if slot in hand.loaded:
                self._take(slot, *hand.loaded[slot])
            else:
                hand.moved = slot
        hand.loaded.clear()

    def _take(self, slot: int, step: int, put: _Put | None) -> None:
        if put is None:
            self.faults.append(ItemFault(Fault.NOT_PUT, slot, None, step))
        elif put.taken is not None and put.taken != step:
            self.faults.append(ItemFault(Fault.TAKEN_TWICE, slot, put.taken, step))
        else:
            put.taken = step
            self.taken.append((put.step, step))

    def unread(self) -> dict[int, tuple[str, int]]:
        """Of the slots whose item nobody else has loaded: who put it, and in which step."""
        found: dict[int, tuple[str, int]] = {}
        for at, put in self._bytes.items():
            slot = self.ring.slot(at)
            if slot is not None and put.started and not put.read:
                found[slot] = (put.task, put.step)
        return found

    def state(self) -> int:
        """What a later fault depends on."""
        puts = frozenset(
            (at, put.task, put.started, put.read, put.taken is not None,
             put.posts == self._hands[put.task].posts)
            for at, put in self._bytes.items()
        )  # fmt: skip
        hands = frozenset(
            (
                task,
                hand.started,
                hand.out,
                frozenset(hand.loaded),
                hand.moved,
                frozenset(hand.behind),
            )
            for task, hand in self._hands.items()
        )
        return hash((puts, hands, len(self.faults)))
