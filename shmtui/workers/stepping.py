"""One item step by step: for a worker that is stepped, or that is ordered to make a fault.

The plain loop of :mod:`shmtui.workers.worker` knows none of this and stays fast; it comes here
when an order says so. What a worker holds is listed here, so that it can give it back whenever it
is asked to end.
"""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from shmtui.errors import ShmtuiError
from shmtui.shm.control_format import BLOCKED, HOLDS, STEPPING, Field
from shmtui.shm.faults import ONCE, Fault
from shmtui.shm.protocol import PROTOCOL_STEPS, SemaphoreRole, Step
from shmtui.shm.semaphore import Semaphore

if TYPE_CHECKING:
    from shmtui.workers.worker import Worker

NAP_NS: Final = 50_000_000
"""How long a wait sleeps before it reads whether it is to end."""
SHORT_TIMEOUT_NS: Final = 100_000_000
"""Timeout of each wait with the fault `short-timeout`."""
GRACE_NS: Final = 700_000_000
"""How long a worker that is to end, and holds something, still waits for a semaphore."""
PREEMPTED: Final = (0.003, 0.05)
"""Bounds, in seconds, of the longest pause between reading an index and storing it, with the fault
`no-mutex`. The lower one is a time slice of the scheduler: that long a program can be preempted.
Between the bounds it is the worker's period: two workers at the same rate keep their distance, and
with a shorter pause might never meet. At less than 20 items/s they still may not."""

_SWAPPED_STEPS: Final = (Step.WAIT_MUTEX, Step.WAIT_PERMIT, *PROTOCOL_STEPS[2:])


class SteppedItem:
    """One item's way through the protocol."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._words = worker.words
        self._held: list[Semaphore] = []
        self._fault = Fault.NONE

    def move(self, first: Step | None = None, held: tuple[Semaphore, ...] = ()) -> None:
        """Take all steps, or those from ``first`` on, with ``held`` taken already."""
        worker = self._worker
        self._held = list(held)
        self._fault = worker.fault
        order = PROTOCOL_STEPS
        if self._fault is Fault.SWAPPED_WAITS:
            order = _SWAPPED_STEPS
            self._report_fault()
        for step in order if first is None else order[order.index(first) :]:
            self._wait_for_step(step)
            if worker.ending and not self._held:
                return
            if not self._take(step):
                for semaphore in reversed(self._held):
                    semaphore.post()
                return

    def _wait_for_step(self, step: Step) -> None:
        """Stand before ``step`` until it is allowed; die there if that is the fault."""
        words, worker = self._words, self._worker
        holds = HOLDS if step is Step.WAIT_PERMIT and self._holds_mutex() else 0
        words[Field.STEP] = step | holds
        while (allowed := words[Field.STEPS]) and not worker.ending:
            if allowed > worker.steps_taken + 1:
                worker.steps_taken += 1
                break
            words[Field.STEP] = step | STEPPING | holds
            worker.wakeup.wait_until(time.monotonic_ns() + NAP_NS)
        if not allowed:
            worker.steps_taken = 0
        words[Field.STEP] = step | holds
        fault = worker.current_fault()
        if fault.dies_at is step:
            words[Field.FAULT_MADE] = worker.fault_word
            os.kill(os.getpid(), signal.SIGKILL)
        if step is Step.WAIT_PERMIT:
            self._fault = fault

    def _take(self, step: Step) -> bool:
        """Take a step; False: the worker is to end, and what is held has to be given back."""
        worker, fault = self._worker, self._fault
        mutex = worker.ring.semaphores[SemaphoreRole.MUTEX]
        permit, give = worker.ring.permits(worker.role)
        match step:
            case Step.WAIT_PERMIT:
                return self._wait(permit, step)
            case Step.WAIT_MUTEX:
                return fault is Fault.NO_MUTEX or self._wait(mutex, step)
            case Step.TRANSFER:
                return self._transfer()
            case Step.POST_MUTEX:
                if fault is not Fault.NO_MUTEX:
                    self._post(mutex, Fault.SKIP_POST_MUTEX, Fault.DOUBLE_POST_MUTEX)
            case Step.POST_PERMIT:
                self._post(give, Fault.SKIP_POST_PERMIT, Fault.DOUBLE_POST_PERMIT)
                self._held.clear()
            case _pace:
                worker.pace()
        return True

    def _wait(self, semaphore: Semaphore, step: Step) -> bool:
        """Wait for a permit or the mutex; False where the end, or an order, came first."""
        words, worker = self._words, self._worker
        if not semaphore.try_wait():
            words[Field.BLOCKED_SINCE_NS] = time.monotonic_ns()
            words[Field.STEP] = step | BLOCKED | (HOLDS if self._holds_mutex() else 0)
            give_up_ns = 0
            hasty = self._fault is Fault.SHORT_TIMEOUT
            nap_ns = SHORT_TIMEOUT_NS if hasty else NAP_NS
            while not semaphore.wait_until(time.monotonic_ns() + nap_ns):
                if hasty:
                    self._report_fault()
                if worker.ending:
                    # What it holds may be what others need before they can post.
                    grace = GRACE_NS if self._held else 0
                    give_up_ns = give_up_ns or time.monotonic_ns() + grace
                    if time.monotonic_ns() >= give_up_ns:
                        return False
                elif self._has_orders() and not self._held:
                    return False
        self._held.append(semaphore)
        return True

    def _holds_mutex(self) -> bool:
        return self._worker.ring.semaphores[SemaphoreRole.MUTEX] in self._held

    def _has_orders(self) -> bool:
        """Whether there are orders, for a worker that is not stepped."""
        words = self._words
        return words[Field.ORDER] != self._worker.order_taken and not words[Field.STEPS]

    def _transfer(self) -> bool:
        """Move the item, with the fault if it is one of the transfer."""
        worker = self._worker
        if self._fault is Fault.PRIVATE:
            for semaphore in worker.ring.semaphores.values():
                semaphore.make_private()
            self._report_fault()
        pause: Callable[[], None] | None = None
        if self._fault is Fault.NO_MUTEX:
            pause = partial(_preempted, worker.pacer.period_ns / 1e9)
            self._report_fault()
        try:
            worker.move_item(pause)
        except ShmtuiError:
            for semaphore in reversed(self._held):
                semaphore.post()
            raise
        if self._fault is Fault.SIT:
            self._report_fault()
            while worker.current_fault() is Fault.SIT and not worker.ending:
                worker.wakeup.wait_until(time.monotonic_ns() + NAP_NS)
        return True

    def _post(self, semaphore: Semaphore, skip: Fault, double: Fault) -> None:
        """Post, or not with the fault ``skip``, or twice with the fault ``double``."""
        if self._fault is not skip:
            semaphore.post()
        if self._fault is double:
            semaphore.post()
        if self._fault in {skip, double}:
            self._report_fault()
        if semaphore in self._held:
            self._held.remove(semaphore)

    def _report_fault(self) -> None:
        """Record that the fault was made; one that is made once is over."""
        self._words[Field.FAULT_MADE] = self._worker.fault_word
        if self._fault in ONCE:
            self._worker.fault = Fault.NONE


def _preempted(period: float) -> None:
    """Sleep for a random time. With a fixed one two workers could pause in turn, and lose nothing.

    ``period``: seconds from item to item, 0 while unthrottled.
    """
    shortest, longest = PREEMPTED
    time.sleep(os.urandom(1)[0] / 256 * min(max(shortest, period), longest))
