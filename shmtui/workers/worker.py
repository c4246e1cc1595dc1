"""The loop that a worker runs: the protocol, one item at a time, with orders and telemetry.

What holds, and where it comes from:

* Between items a worker holds nothing. Only there does it pause or change its rate.
* A wait for a permit is given up for an order or for the end; nothing is held by then.
* A wait for the mutex holds a permit. At the end it is given up after
  ``GRACE_NS``, the permit is put back, and the worker goes.
* Deadlines are absolute, so a late item does not delay those after it. A worker
  that fell behind by more than ``BACKLOG_NS`` and a period was blocked, not late: it starts anew
  from now rather than make up for it in a burst.
"""

import math
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from shmtui.errors import ShmtuiError
from shmtui.shm.control_block import ControlRecord
from shmtui.shm.control_format import BLOCKED, MASK, PAUSED, Field
from shmtui.shm.faults import Fault, fault_of
from shmtui.shm.fence import fence
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, SemaphoreRole, Step
from shmtui.shm.ring import Ring, Value, checksum_of, counter_after
from shmtui.shm.semaphore import Semaphore, at_maximum
from shmtui.workers.stepping import SteppedItem

BACKLOG_NS: Final = 250_000_000
GRACE_NS: Final = 700_000_000
FIRST_LOOK_NS: Final = 100_000_000
LAST_LOOK_NS: Final = 5_000_000_000
"""How long a wait inside the protocol sleeps before it looks at its orders: short at first,
for a signal that slipped in between the look at the flag and the sleep, then longer and
longer, since each look costs the waiter its place in the queue."""
STORM_SECONDS: Final = (0.002, 0.002)
"""When the first signal of a storm comes, and how long after it the others."""
PLAIN: Final = frozenset({Fault.NONE, Fault.SIGNALS})
"""Faults with which every step of the protocol is taken as it should be."""
NAP_NS: Final = 400_000_000
"""How long a sleep on the wakeup lasts at the most: bounds the end after a signal that
slipped in between the look at the flag and the sleep."""

_LAST_ITEM = slice(8 * Field.LAST_ITEM, 8 * Field.LAST_ITEM + 8)
_NEVER: Final = -1
"""No order word has this value."""
_SPINS: Final = range(40)
"""How often a wait looks again before it sleeps: about as long as it takes to fall asleep and be
woken, in which a peer on another processor moves an item or two."""
_SELDOM: Final = 31
"""Of an unthrottled worker's items every 32nd is timed, and the last before it waits."""

# As plain numbers: in the loop a look-up in an enum would cost more than what it is for.
_WAIT_PERMIT, _WAIT_MUTEX, _TRANSFER, _POST_MUTEX, _POST_PERMIT, _PACE = map(int, PROTOCOL_STEPS)
_ORDER: Final = Field.ORDER
_STEPS: Final = Field.STEPS
_STEP: Final = Field.STEP
_ITEMS: Final = Field.ITEMS
_SUM: Final = Field.SUM
_HEARTBEAT_NS: Final = Field.HEARTBEAT_NS


class Worker:
    """One producer or consumer."""

    def __init__(self, record: ControlRecord, ring: Ring, role: Role) -> None:
        self.words = self._words = record.words
        self._doubles = record.doubles
        self.wakeup = self._wakeup = record.wakeup
        self.ring = self._ring = ring
        self.role = role
        self.fault = Fault.NONE
        """The fault to make; one that is made once is taken off again here."""
        self.taken = 0
        """Steps taken since it was first told to stop before each."""
        self.told = 0
        """The fault word that it has taken up."""
        self._careful = False
        self._item = ring.layout.item
        self._last: memoryview[Any] = record.raw[_LAST_ITEM].cast(self._item.code or "Q")  # type: ignore[call-overload]
        self._transfer: Callable[[], Value] = self._write if role is Role.PRODUCER else ring.read
        self._counter: Value = 0
        self._ending = False
        self._undisturbed = _NEVER
        """The order word for as long as items may simply flow."""
        self._timed = 0
        """How many items there were when the heartbeat was last that of the last item."""
        self._obeyed = 0
        self._period_ns = 0
        self._due_ns = 0

    GRACE_NS = GRACE_NS

    @property
    def ending(self) -> bool:
        """Whether it was told to end."""
        return self._ending

    @property
    def obeyed(self) -> int:
        """The newest orders that it has taken up."""
        return self._obeyed

    @property
    def period(self) -> float:
        """Seconds from item to item, 0 for as fast as it can."""
        return self._period_ns / 1e9

    def newest_fault(self) -> Fault:
        """The fault that it is told to make, by the newest orders."""
        told = self._words[Field.FAULT]
        if told != self.told:
            self.told, self.fault = told, fault_of(told)
            storm = self.fault is Fault.SIGNALS
            signal.setitimer(signal.ITIMER_REAL, *(STORM_SECONDS if storm else (0, 0)))
            if storm:
                self._words[Field.FAULT_MADE] = told
        return self.fault

    def end_soon(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask the loop to end once nothing is held; a signal handler."""
        self._ending = True
        self._undisturbed = _NEVER

    def run(self) -> None:
        """Move items until told to end."""
        words = self._words
        self._obey()
        self._due_ns = time.monotonic_ns()
        while not self._ending:
            if words[Field.ORDER] != self._obeyed:
                self._obey()
            elif self._careful:
                SteppedItem(self).move()
                self._look_at_care()
            else:
                try:
                    self._flow()
                except ValueError:
                    raise at_maximum() from None
        self._time_last_item()
        words[Field.STEP] = Step.ENDED

    def _flow(self) -> None:  # noqa: PLR0915 - a loop that calls nothing of ours is long
        """Move items by the plain protocol until there is an order or the end.

        Most of what a worker does in its life is in this loop, so it is written for speed:
        names are local, what is known here is not read back, and the time of an item that no
        pace depends on is taken now and then.
        """
        words, last, ring = self._words, self._last, self._ring
        data, index, last_slot = ring.data, ring.index(self.role), ring.layout.slots - 1
        take, give = ring.permits(self.role)
        mutex = ring.semaphores[SemaphoreRole.MUTEX]
        take_permit, give_permit = take.acquire, give.release
        lock, unlock = mutex.acquire, mutex.release
        producing, whole = self.role is Role.PRODUCER, not self._item.is_float
        bottom, top = self._item.counter_range
        clock, paced, value = time.monotonic_ns, self._period_ns, self._counter
        items, total = words[_ITEMS], words[_SUM]
        self._timed = items
        while words[_ORDER] == self._undisturbed:
            words[_STEP] = _WAIT_PERMIT
            if not take_permit(False) and not self._wait_for_permit(take):
                break
            words[_STEP] = _WAIT_MUTEX
            if not lock(False):
                if not self._wait_for_mutex(mutex):
                    take.post()
                    break
                if words[_STEPS]:
                    self._counter = value
                    SteppedItem(self).move(Step.TRANSFER, (take, mutex))
                    self._look_at_care()
                    return
            words[_STEP] = _TRANSFER
            at = index[0]
            after = at + 1
            if not 0 <= at < last_slot:
                try:
                    at, after = ring.step(self.role)
                except ShmtuiError:
                    mutex.post()
                    take.post()
                    raise
            if producing:
                data[at] = value
            else:
                value = data[at]
            index[0] = after
            # Counted while the mutex is held, so that count and ring move together.
            items += 1
            words[_ITEMS] = items
            total = (total + (value if whole else checksum_of(value))) & MASK  # type: ignore[operator]
            words[_SUM] = total
            last[0] = value
            if paced or not items & _SELDOM:
                words[_HEARTBEAT_NS] = clock()
            words[_STEP] = _POST_MUTEX
            unlock()
            words[_STEP] = _POST_PERMIT
            give_permit()
            if producing:
                value = value + 1 if value < top else bottom
            if paced:
                self._timed, self._counter = items, value
                words[_STEP] = _PACE
                self._pace()
                paced = self._period_ns
        self._counter = value

    def _look_at_care(self) -> None:
        """Whether the next item is one that is asked about before each step."""
        self._careful = bool(
            self.newest_fault() not in PLAIN or self._words[Field.STEPS] or self.taken
        )
        self._undisturbed = _NEVER if self._careful else self._obeyed
        if self._ending:
            self._undisturbed = _NEVER

    def move_item(self, pause: Callable[[], None] | None) -> None:
        """Move one item; ``pause`` comes between reading the index and storing it."""
        self._ring.pause = pause
        try:
            self._account(self._transfer())
        finally:
            self._ring.pause = None

    def pace(self) -> None:
        """Wait until the next item is due, unless it goes step by step."""
        self.words[Field.STEP] = Step.PACE
        if self._period_ns and not self.words[Field.STEPS]:
            self._pace()

    def _write(self) -> Value:
        value = self._counter
        self._ring.write(value)
        self._counter = counter_after(value, self._item)
        return value

    def _account(self, value: Value) -> None:
        """Count the item while the mutex is held, so that count and ring move together."""
        words = self._words
        words[Field.ITEMS] += 1
        words[Field.SUM] = (words[Field.SUM] + checksum_of(value)) & MASK
        self._last[0] = value
        words[Field.HEARTBEAT_NS] = time.monotonic_ns()
        self._timed = words[Field.ITEMS]

    def _time_last_item(self) -> None:
        """Note when the last item was, before anything that takes time: it was just now."""
        if self._words[Field.ITEMS] != self._timed:
            self._timed = self._words[Field.ITEMS]
            self._words[Field.HEARTBEAT_NS] = time.monotonic_ns()

    def _obey(self, *, pacing: bool = False) -> None:
        """Take up the newest orders; holds still here for as long as they say so.

        ``pacing``: the next item is not due yet, so a new rate moves its time.
        """
        words = self._words
        self._time_last_item()
        while True:
            self._obeyed = words[Field.ORDER]
            fence()
            while self._wakeup.try_wait():
                pass
            rate = self._doubles[Field.TARGET_RATE]
            self._set_rate(rate, pacing=pacing)
            words[Field.ORDER_TAKEN] = self._obeyed
            self._look_at_care()
            if not words[Field.HOLD] or self._ending:
                break
            self._hold()
            pacing = False
        words[Field.STEP] = Step.PACE

    def _set_rate(self, rate: float, *, pacing: bool) -> None:
        period = 0 if math.isinf(rate) else round(1e9 / rate)
        if self._period_ns and period:
            if pacing:
                # The item that is waited for was due one old period after the last one.
                self._due_ns += period - self._period_ns
        elif period:
            self._due_ns = time.monotonic_ns()
        self._period_ns = period

    def _hold(self) -> None:
        self._words[Field.STEP] = Step.PACE | PAUSED
        while not self._ending and self._words[Field.ORDER] == self._obeyed:
            self._wakeup.wait_until(time.monotonic_ns() + NAP_NS)
        self._due_ns = time.monotonic_ns()

    def _pace(self) -> None:
        """Sleep until the next item is due."""
        words = self._words
        self._due_ns += self._period_ns
        now = time.monotonic_ns()
        if now - self._due_ns > max(BACKLOG_NS, self._period_ns):
            self._due_ns = now
        until = words[Field.UNTIL_NS]
        if until and self._due_ns >= until:
            self._hold()
            return
        while now < self._due_ns and not self._ending:
            self._wakeup.wait_until(min(self._due_ns, now + NAP_NS))
            if words[Field.ORDER] != self._obeyed:
                self._obey(pacing=True)
                if not self._period_ns:
                    return
            now = time.monotonic_ns()

    def _wait_for_permit(self, semaphore: Semaphore) -> bool:
        """Sleep for a permit; False where an order or the end came first."""
        words = self._words
        for _ in _SPINS:
            if semaphore.acquire(False):
                return True
        self._time_last_item()
        words[Field.BLOCKED_SINCE_NS] = time.monotonic_ns()
        words[Field.STEP] = Step.WAIT_PERMIT | BLOCKED
        nap = FIRST_LOOK_NS
        while not self._ending and words[Field.ORDER] == self._obeyed:
            if semaphore.wait_until(time.monotonic_ns() + nap):
                return True
            nap = min(nap * 10, LAST_LOOK_NS)
        return False

    def _wait_for_mutex(self, semaphore: Semaphore) -> bool:
        """Sleep for the mutex with a permit in hand; False where the end came and it did not."""
        words = self._words
        for _ in _SPINS:
            if semaphore.acquire(False):
                return True
        self._time_last_item()
        words[Field.BLOCKED_SINCE_NS] = time.monotonic_ns()
        words[Field.STEP] = Step.WAIT_MUTEX | BLOCKED
        nap, give_up_ns = FIRST_LOOK_NS, 0
        while True:
            now = time.monotonic_ns()
            if self._ending:
                give_up_ns = give_up_ns or now + GRACE_NS
                nap = give_up_ns - now
                if nap <= 0:
                    return False
            if semaphore.wait_until(now + nap):
                return True
            nap = min(nap * 10, LAST_LOOK_NS)


def run_worker(record: ControlRecord, ring: Ring, role: Role) -> None:
    """Run a worker in this process until SIGTERM, SIGINT or SIGHUP.

    SIGURG says that there are orders: it ends a wait, and is ignored by a process that has
    not come this far.
    """
    worker = Worker(record, ring, role)
    for number in (signal.SIGURG, signal.SIGALRM):
        signal.signal(number, lambda _signal, _frame: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, worker.end_soon)
    worker.run()
