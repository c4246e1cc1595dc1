"""One item by one, asked before each step: for a worker that is stepped, or told to make a fault.

The plain loop knows nothing of this and stays fast; it comes here when an order says so. What
a worker holds here is in `held`, so that it can give it back whenever it is told to end.
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
from shmtui.shm.protocol import SemaphoreRole, Step
from shmtui.shm.semaphore import Semaphore

if TYPE_CHECKING:
    from shmtui.workers.worker import Worker

NAP_NS: Final = 50_000_000
"""How long a wait sleeps before it looks whether it is to end."""
SHORT_TIMEOUT_NS: Final = 100_000_000
"""How long one waits who goes to the end of the queue again and again."""
PREEMPTED: Final = (0.003, 0.05)
"""Bounds, in seconds, of the longest pause between reading an index and storing it where mutex is
left out. The first is a scheduler's time slice, which is what a program without a lock has to fear.
Between the two it is the period of the pace: two who are paced alike keep their distance, and with
a shorter pause might never meet. At less than 20 items/s they still may not."""

_ORDER: Final = (
    Step.WAIT_PERMIT,
    Step.WAIT_MUTEX,
    Step.TRANSFER,
    Step.POST_MUTEX,
    Step.POST_PERMIT,
    Step.PACE,
)
_SWAPPED: Final = (Step.WAIT_MUTEX, Step.WAIT_PERMIT, *_ORDER[2:])


class SteppedItem:
    """One pass through the protocol."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._words = worker.words
        self._held: list[Semaphore] = []
        self._fault = Fault.NONE

    def move(self, first: Step | None = None, held: tuple[Semaphore, ...] = ()) -> None:
        """Take all steps, or those from ``first`` on with what is ``held`` by then."""
        worker = self._worker
        self._held = list(held)
        self._fault = worker.fault
        order = _ORDER
        if self._fault is Fault.SWAPPED_WAITS:
            order = _SWAPPED
            self._made()
        for step in order if first is None else order[order.index(first) :]:
            self._gate(step)
            if worker.ending and not self._held:
                return
            if not self._take(step):
                for semaphore in reversed(self._held):
                    semaphore.post()
                return

    def _gate(self, step: Step) -> None:
        """Stand before ``step`` until it is allowed; die here if that is the fault."""
        words, worker = self._words, self._worker
        holds = HOLDS if step is Step.WAIT_PERMIT and self._holds_mutex() else 0
        words[Field.STEP] = step | holds
        while (allowed := words[Field.STEPS]) and not worker.ending:
            if allowed > worker.taken + 1:
                worker.taken += 1
                break
            words[Field.STEP] = step | STEPPING | holds
            worker.wakeup.wait_until(time.monotonic_ns() + NAP_NS)
        if not allowed:
            worker.taken = 0
        words[Field.STEP] = step | holds
        fault = worker.newest_fault()
        if fault.dies_at is step:
            words[Field.FAULT_MADE] = worker.told
            os.kill(os.getpid(), signal.SIGKILL)
        if step is Step.WAIT_PERMIT:
            self._fault = fault

    def _take(self, step: Step) -> bool:
        """Do a step; False: it is to end, and what is held has to go back."""
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
            case _:
                worker.pace()
        return True

    def _wait(self, semaphore: Semaphore, step: Step) -> bool:
        """Take a permit, however long it takes; False where the end came first."""
        words, worker = self._words, self._worker
        if not semaphore.try_wait():
            words[Field.BLOCKED_SINCE_NS] = time.monotonic_ns()
            words[Field.STEP] = step | BLOCKED | (HOLDS if self._holds_mutex() else 0)
            give_up_ns = 0
            hasty = self._fault is Fault.SHORT_TIMEOUT
            nap_ns = SHORT_TIMEOUT_NS if hasty else NAP_NS
            while not semaphore.wait_until(time.monotonic_ns() + nap_ns):
                if hasty:
                    self._made()
                if worker.ending:
                    # Whoever holds something lets others finish first, for a moment.
                    grace = worker.GRACE_NS if self._held else 0
                    give_up_ns = give_up_ns or time.monotonic_ns() + grace
                    if time.monotonic_ns() >= give_up_ns:
                        return False
                elif self._to_obey() and not self._held:
                    return False
        self._held.append(semaphore)
        return True

    def _holds_mutex(self) -> bool:
        return self._worker.ring.semaphores[SemaphoreRole.MUTEX] in self._held

    def _to_obey(self) -> bool:
        """Whether there are orders for a worker that runs by itself."""
        words = self._words
        return words[Field.ORDER] != self._worker.obeyed and not words[Field.STEPS]

    def _transfer(self) -> bool:
        """Move the item, as the fault has it."""
        worker = self._worker
        if self._fault is Fault.PRIVATE:
            for semaphore in worker.ring.semaphores.values():
                semaphore.make_private()
            self._made()
        pause: Callable[[], None] | None = None
        if self._fault is Fault.NO_MUTEX:
            pause = partial(_preempted, worker.period)
            self._made()
        try:
            worker.move_item(pause)
        except ShmtuiError:
            for semaphore in reversed(self._held):
                semaphore.post()
            raise
        if self._fault is Fault.SIT:
            self._made()
            while worker.newest_fault() is Fault.SIT and not worker.ending:
                worker.wakeup.wait_until(time.monotonic_ns() + NAP_NS)
        return True

    def _post(self, semaphore: Semaphore, skip: Fault, double: Fault) -> None:
        if self._fault is not skip:
            semaphore.post()
        if self._fault is double:
            semaphore.post()
        if self._fault in {skip, double}:
            self._made()
        if semaphore in self._held:
            self._held.remove(semaphore)

    def _made(self) -> None:
        """Tell that the fault was made; one that is made once is over."""
        self._words[Field.FAULT_MADE] = self._worker.told
        if self._fault in ONCE:
            self._worker.fault = Fault.NONE


def _preempted(period: float) -> None:
    """Pause for a time left to chance: where two do so in step, what one loses the other makes up for.

    ``period``: seconds from item to item, 0 for as fast as it can.
    """
    shortest, longest = PREEMPTED
    time.sleep(os.urandom(1)[0] / 256 * min(max(shortest, period), longest))
