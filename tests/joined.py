"""A ring that a test takes part in: whole items by the whole protocol."""

import time
from collections.abc import Callable

from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.ring import Ring
from shmtui.shm.semaphore import Semaphore
from shmtui.shm.value import Number


class JoinedRing(Ring):
    """A ring with the protocol around its transfers."""

    def put(self, value: Number, timeout: float = 10.0) -> bool:
        """Produce one item; False if there is no slot within ``timeout`` seconds."""

        def store() -> Number:
            self.write(value)
            return value

        return self._transact(Role.PRODUCER, store, timeout) is not None

    def get(self, timeout: float = 10.0) -> Number | None:
        """Consume one item; None if there is none within ``timeout`` seconds."""
        return self._transact(Role.CONSUMER, self.read, timeout)

    def _transact(
        self, role: Role, transfer: Callable[[], Number], timeout: float
    ) -> Number | None:
        take, give = self.permits(role)
        mutex = self.semaphores[SemaphoreRole.MUTEX]
        deadline = time.monotonic_ns() + int(timeout * 1e9)
        if not wait(take, deadline):
            return None
        if not wait(mutex, deadline):
            take.post()
            return None
        try:
            value = transfer()
        except BaseException:
            mutex.post()
            take.post()
            raise
        mutex.post()
        give.post()
        return value


def wait(semaphore: Semaphore, deadline_ns: int) -> bool:
    """Take a permit, however many signals come; False at ``deadline_ns`` (CLOCK_MONOTONIC)."""
    while not semaphore.try_wait():
        if time.monotonic_ns() >= deadline_ns:
            return False
        if semaphore.wait_until(deadline_ns):
            return True
    return True
