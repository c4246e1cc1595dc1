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


def wait(worker: "Worker", semaphore: Semaphore, step: Step) -> bool:
    """Sleep for a permit, or for the mutex while a permit is held; False where the end came first.

    A wait for a permit holds nothing, so an order ends it too, and the end does so at once.
    """
    for _spin in _SPINS:
        if semaphore.acquire(False):
            return True
    worker.stamp_last_item()
    worker.words[Field.BLOCKED_SINCE_NS] = time.monotonic_ns()
    worker.words[Field.STEP] = step | BLOCKED
    holds_permit = step is Step.WAIT_MUTEX
    check_ns, give_up_ns = FIRST_CHECK_NS, 0
    while True:
        now = time.monotonic_ns()
        if not holds_permit:
            if worker.ending or worker.words[Field.ORDER] != worker.order_taken:
                return False
        elif worker.ending:
            give_up_ns = give_up_ns or now + GRACE_NS
            check_ns = give_up_ns - now
            if check_ns <= 0:
                return False
        if semaphore.wait_until(now + check_ns):
            return True
        check_ns = min(check_ns * 10, LAST_CHECK_NS)
