"""The loop that a worker runs: the protocol, one item at a time, with orders and telemetry.

* Between two items a worker holds nothing. Only there does it pause or change its rate.
* A wait for a permit is given up for an order or for the end; nothing is held by then.
* A wait for the mutex holds a permit. At the end the wait is given up after a while, the permit
  is posted back, and the worker ends.
* When the next item is due is decided in :mod:`shmtui.workers.pacing`.
"""

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.shm.control_block import ControlRecord
from shmtui.shm.control_format import PAUSED, Field
from shmtui.shm.faults import Fault, fault_of
from shmtui.shm.memory_fence import fence
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, SemaphoreRole, Step
from shmtui.shm.ring import Ring, counter_after
from shmtui.shm.semaphore import at_maximum
from shmtui.shm.value import Number
from shmtui.workers.pacing import Pacer
from shmtui.workers.stepping import SteppedItem
from shmtui.workers.waits import wait

NAP_NS: Final = 400_000_000
"""How long a sleep between items lasts at the most: a signal that comes just before the sleep begins
does not end it."""
STORM_SECONDS: Final = (0.002, 0.002)
"""Time to the first signal of the fault `signals`, and from each to the next."""
PLAIN: Final = frozenset({Fault.NONE, Fault.SIGNALS})
"""Faults with which every step of the protocol is taken as it should be."""

# Plain numbers: in the loop the look-up of an enum's member would cost more than the store.
_WAIT_PERMIT, _WAIT_MUTEX, _TRANSFER, _POST_MUTEX, _POST_PERMIT, _PACE = map(int, PROTOCOL_STEPS)
_ORDER: Final = Field.ORDER
_STEPS: Final = Field.STEPS
_STEP: Final = Field.STEP
_ITEMS: Final = Field.ITEMS
_HEARTBEAT_NS: Final = Field.HEARTBEAT_NS


class Worker:
    """One producer or consumer."""

    def __init__(self, record: ControlRecord, ring: Ring, role: Role) -> None:
        self.words = record.words
        self.wakeup = record.wakeup
        self.ring = ring
        self.role = role
        self.pacer = Pacer()
        self.fault = Fault.NONE
        """The fault to make; one that is made once is NONE again afterwards."""
        self.fault_word = 0
        """The fault word that was taken up last."""
        self.steps_taken = 0
        """Steps taken since the worker was ordered to stop before each."""
        self.order_taken = 0
        """The sequence of the orders that were taken up last."""
        self.ending = False
        """Whether it was asked to end."""
        self._rates = record.doubles
        self._stepped = False
        self._item = ring.layout.item
        self._log = record.log
        self._transfer: Callable[[], Number] = self._write if role is Role.PRODUCER else ring.read
        self._counter: Number = 0
        self._plain = False
        """Whether the plain loop goes on. A signal ends it: to look here costs less than to read the
        order word."""
        self._stamped = 0
        """Number of the item whose time the heartbeat is."""

    def request_end(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Have the loop end once nothing is held; a signal handler."""
        self.ending = True
        self._plain = False

    def notice_orders(self, _signal: int, _frame: FrameType | None) -> None:
        """Have the plain loop end, so that new orders are taken up; a signal handler."""
        self._plain = False

    def run(self) -> None:
        """Move items until asked to end."""
        words = self.words
        self._take_orders()
        self.pacer.restart(time.monotonic_ns())
        while not self.ending:
            if words[Field.ORDER] != self.order_taken:
                self._take_orders()
                continue
            self._choose_path()
            if self._stepped:
                SteppedItem(self).move()
                continue
            try:
                self._run_plain()
            except ValueError:
                raise at_maximum() from None
        self.stamp_last_item()
        words[Field.STEP] = Step.ENDED

    def _run_plain(self) -> None:  # noqa: PLR0912, PLR0915 - calls would cost more than they say
        """Move items by the plain protocol until there is an order or the end.

        A worker spends its life in this loop, so it is written for speed: names are local, what
        is known is not read back, and what can be done for many items is done once a batch.
        """
        words, log, ring = self.words, self._log, self.ring
        data, index, last_slot = ring.data, ring.index(self.role), ring.layout.slots - 1
        take, give = ring.permits(self.role)
        mutex = ring.semaphores[SemaphoreRole.MUTEX]
        take_permit, give_permit = take.acquire, give.release
        lock, unlock = mutex.acquire, mutex.release
        producing, bottom, top = self.role is Role.PRODUCER, *self._item.counter_range
        clock, paced, value = time.monotonic_ns, self.pacer.period_ns, self._counter
        values, low = log.values, log.half - 1
        entry = 2 * low + 1  # The bits of an item's number that tell its entry.
        while words[_ORDER] == self.order_taken:
            number = words[_ITEMS] + 1
            log.begin(number)
            for items in range(number, (number | low) + 1):
                if not self._plain:
                    self._counter = value
                    return
                words[_STEP] = _WAIT_PERMIT
                if not take_permit(False) and not wait(self, take, Step.WAIT_PERMIT):
                    break
                words[_STEP] = _WAIT_MUTEX
                if not lock(False):
                    if not wait(self, mutex, Step.WAIT_MUTEX):
                        take.post()
                        break
                    if words[_STEPS]:
                        self._counter = value
                        SteppedItem(self).move(Step.TRANSFER, (take, mutex))
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
                # Counted under the mutex: for the next holder, count and ring agree.
                values[items & entry] = value
                words[_ITEMS] = items
                words[_STEP] = _POST_MUTEX
                unlock()
                words[_STEP] = _POST_PERMIT
                give_permit()
                if producing:
                    value = value + 1 if value < top else bottom
                if paced:
                    words[_HEARTBEAT_NS] = clock()
                    self._stamped, self._counter = items, value
                    words[_STEP] = _PACE
                    self._pace()
                    paced = self.pacer.period_ns
            self.stamp_last_item()
        self._counter = value

    # -- single items, for the stepped path ---------------------------------------------------

    def move_item(self, pause: Callable[[], None] | None) -> None:
        """Move one item; ``pause`` is called between reading the index and storing it."""
        self.ring.pause = pause
        try:
            value = self._transfer()
        finally:
            self.ring.pause = None
        number = self.words[Field.ITEMS] + 1
        self._log.begin(number)
        self._log.values[number % (2 * self._log.half)] = value
        self.words[Field.ITEMS] = number
        self.stamp_last_item()

    def _write(self) -> Number:
        value = self._counter
        self.ring.write(value)
        self._counter = counter_after(value, self._item)
        return value

    def pace(self) -> None:
        """Wait until the next item is due, unless the worker goes step by step."""
        self.words[Field.STEP] = Step.PACE
        if self.pacer.period_ns and not self.words[Field.STEPS]:
            self._pace()

    def stamp_last_item(self) -> None:
        """Store the time of the last item, which was just now, before anything that takes time."""
        if self.words[Field.ITEMS] != self._stamped:
            self._stamped = self.words[Field.ITEMS]
            self.words[Field.HEARTBEAT_NS] = time.monotonic_ns()

    # -- orders -------------------------------------------------------------------------------

    def current_fault(self) -> Fault:
        """The fault to make, by the newest orders."""
        word = self.words[Field.FAULT]
        if word != self.fault_word:
            self.fault_word, self.fault = word, fault_of(word)
            storm = self.fault is Fault.SIGNALS
            signal.setitimer(signal.ITIMER_REAL, *(STORM_SECONDS if storm else (0, 0)))
            if storm:
                self.words[Field.FAULT_MADE] = word
        return self.fault

    def _choose_path(self) -> None:
        """Choose between the plain loop and single steps for the next item."""
        self._stepped = bool(
            self.current_fault() not in PLAIN or self.words[Field.STEPS] or self.steps_taken
        )
        self._plain = True
        # A signal that came before the line above is seen here, one that comes after it ends the loop.
        if self._stepped or self.ending or self.words[Field.ORDER] != self.order_taken:
            self._plain = False

    def _take_orders(self, *, waiting: bool = False) -> None:
        """Take up the newest orders, and hold still here for as long as they say so.

        ``waiting``: the next item is not due yet, so a new rate moves its deadline.
        """
        words = self.words
        self.stamp_last_item()
        while True:
            self.order_taken = words[Field.ORDER]
            fence()
            while self.wakeup.try_wait():
                pass
            rate = self._rates[Field.TARGET_RATE]
            self.pacer.set_rate(rate, time.monotonic_ns(), waiting=waiting)
            words[Field.ORDER_TAKEN] = self.order_taken
            self._choose_path()
            if not words[Field.HOLD] or self.ending:
                break
            self._hold()
            waiting = False
        words[Field.STEP] = Step.PACE

    # -- waiting ------------------------------------------------------------------------------

    def _hold(self) -> None:
        """Hold still until there is another order, or the end."""
        self.words[Field.STEP] = Step.PACE | PAUSED
        while not self.ending and self.words[Field.ORDER] == self.order_taken:
            self.wakeup.wait_until(time.monotonic_ns() + NAP_NS)
        self._plain = False  # The wakeup may come before the signal.
        self.pacer.restart(time.monotonic_ns())

    def _pace(self) -> None:
        """Sleep until the next item is due."""
        words, pacer = self.words, self.pacer
        now = time.monotonic_ns()
        pacer.advance(now)
        until = words[Field.UNTIL_NS]
        if until and pacer.due_ns >= until:
            self._hold()
            return
        while now < pacer.due_ns and not self.ending:
            self.wakeup.wait_until(min(pacer.due_ns, now + NAP_NS))
            if words[Field.ORDER] != self.order_taken:
                self._take_orders(waiting=True)
                if not pacer.period_ns:
                    return
            now = time.monotonic_ns()


def run_worker(record: ControlRecord, ring: Ring, role: Role) -> None:
    """Run a worker in this process until SIGTERM, SIGINT or SIGHUP.

    SIGURG says that there are orders: it ends a wait. Its default action is to be ignored, so it
    does no harm to a worker that has not come this far.
    """
    worker = Worker(record, ring, role)
    signal.signal(signal.SIGURG, worker.notice_orders)
    signal.signal(signal.SIGALRM, lambda _signal, _frame: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, worker.request_end)
    worker.run()
