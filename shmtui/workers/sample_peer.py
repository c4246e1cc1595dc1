"""A program like the exercise's two, for machines without a C compiler.

``python -m shmtui.workers.sample_peer producer|consumer SEGMENT`` maps a segment in the layout of
the exercise and starts with its first wait. It initialises nothing and has no control record.
"""

import sys
import time

from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.ring import Ring
from shmtui.shm.segment import map_segment
from shmtui.shm.semaphore import Semaphore

SLOTS = 5
PACE_SECONDS = {Role.PRODUCER: 1.0, Role.CONSUMER: 2.0}
"""Sleep after each item, as in the exercise."""


def main(role: Role, segment: str) -> None:
    """Produce or consume until a signal ends it."""
    layout = seed_layout(SLOTS, ITEM_TYPES["int32"], running_libc())
    ring = Ring.open(segment, map_segment(segment), layout)
    take, give = ring.permits(role)
    mutex = ring.semaphores[SemaphoreRole.MUTEX]
    item = 0
    while True:
        _wait(take)
        _wait(mutex)
        if role is Role.PRODUCER:
            ring.write(item)
            print(f"Produzindo: {item}", flush=True)  # noqa: T201 - as the course's program does
            item += 1
        else:
            print(f"Consumindo: {ring.read()}", flush=True)  # noqa: T201
        mutex.post()
        give.post()
        time.sleep(PACE_SECONDS[role])


def _wait(semaphore: Semaphore) -> None:
    """Take a permit, however many signals come."""
    while not semaphore.wait():
        pass


if __name__ == "__main__":
    main(Role(sys.argv[1]), sys.argv[2])
