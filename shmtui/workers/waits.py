"""A worker's waits inside the protocol: a few tries, then sleep, until an order or the end comes."""

import time
from typing import TYPE_CHECKING, Final

from shmtui.shm.control_format import BLOCKED, Field
from shmtui.shm.protocol import Step
from shmtui.shm.semaphore import Semaphore
from shmtui.workers.stepping import GRACE_NS

if TYPE_CHECKING:
    from shmtui.workers.worker import Worker

FIRST_CHECK_NS: Final = 100_000_000
LAST_CHECK_NS: Final = 5_000_000_000
"""How long a wait for a semaphore sleeps before it reads its orders again, at first and at last.

A signal that comes just before the sleep begins does not end it. The checks get rarer, since each
costs the waiter its place in the queue."""
_SPINS: Final = range(40)
"""Tries of a wait before it sleeps: about the time it takes to fall asleep and be woken, in which
a peer on another processor moves an item or two."""


class Waits:
    """The waits of one worker for a permit and for the mutex."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker

    def _take_at_once(self, semaphore: Semaphore, step: Step) -> bool:
        """Whether a permit came within a few tries; else the record says that ``step`` blocks."""
        for _spin in _SPINS:
            if semaphore.acquire(False):
                return True
        self._worker.stamp_last_item()
        self._worker.words[Field.BLOCKED_SINCE_NS] = time.monotonic_ns()
        self._worker.words[Field.STEP] = step | BLOCKED
        return False

    def for_permit(self, semaphore: Semaphore) -> bool:
        """Sleep for a permit; False where an order or the end came first."""
        if self._take_at_once(semaphore, Step.WAIT_PERMIT):
            return True
        check_ns = FIRST_CHECK_NS
        while (
            not self._worker.ending and self._worker.words[Field.ORDER] == self._worker.order_taken
        ):
            if semaphore.wait_until(time.monotonic_ns() + check_ns):
                return True
            check_ns = min(check_ns * 10, LAST_CHECK_NS)
        return False

    def for_mutex(self, semaphore: Semaphore) -> bool:
        """Sleep for the mutex while holding a permit; False where the end came and it did not."""
        if self._take_at_once(semaphore, Step.WAIT_MUTEX):
            return True
        check_ns, give_up_ns = FIRST_CHECK_NS, 0
        while True:
            now = time.monotonic_ns()
            if self._worker.ending:
                give_up_ns = give_up_ns or now + GRACE_NS
                check_ns = give_up_ns - now
                if check_ns <= 0:
                    return False
            if semaphore.wait_until(now + check_ns):
                return True
            check_ns = min(check_ns * 10, LAST_CHECK_NS)
