"""Real workers over a real buffer, supervised from a test."""

from collections.abc import Callable
from typing import Final

from shmtui.shm.control_block import ControlRecord
from shmtui.shm.control_format import Field
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import UNTHROTTLED, Role, SemaphoreRole
from shmtui.workers.supervisor import Supervisor
from tests.conftest import join
from tests.program import worker_records
from tests.waiting import poll

Crew = Callable[..., Supervisor]
MAX: Final = UNTHROTTLED


def record_of(buffer: OwnedBuffer, pid: int) -> ControlRecord:
    """The mapped record of a live worker."""
    for record in worker_records(buffer.name):
        if record.pid == pid:
            return buffer.control.record(record.index)
    raise AssertionError(f"no record of PID {pid}")


def items(buffer: OwnedBuffer, pid: int) -> int:
    """How many items a worker has moved."""
    return int(record_of(buffer, pid).words[Field.ITEMS])


def wait_items(buffer: OwnedBuffer, pid: int, count: int) -> None:
    """Until the worker has moved that many items."""
    poll(lambda: items(buffer, pid) >= count, f"{count} items by PID {pid}")


def wait_obeyed(buffer: OwnedBuffer, pid: int) -> None:
    """Until the worker has taken up its newest order, which it does between two items."""
    words = record_of(buffer, pid).words
    poll(lambda: words[Field.ORDER_TAKEN] == words[Field.ORDER], "the order is obeyed")


def blocked(buffer: OwnedBuffer, pid: int) -> bool:
    """Whether the worker says that it sleeps in a wait."""
    return any(r.pid == pid and r.blocked for r in worker_records(buffer.name))


def moved(buffer: OwnedBuffer, role: Role) -> int:
    """How many items all workers of a role have moved."""
    return sum(r.items for r in worker_records(buffer.name) if r.role is role)


def values(buffer: OwnedBuffer) -> tuple[int, int, int]:
    """The semaphores: mutex, empty, full."""
    ring = join(buffer)
    mutex, empty, full = (ring.semaphores[role].words().value for role in SemaphoreRole)
    return mutex, empty, full


def wait_ready(supervisor: Supervisor) -> None:
    """Until all workers have joined: on a busy machine the start of many Pythons takes minutes."""
    poll(supervisor.ready, "all have joined", 240)


def end_all(supervisor: Supervisor) -> None:
    """Until every child has been reaped."""

    def ended() -> bool:
        supervisor.reap(1)
        return not supervisor.pids

    poll(ended, "all have ended", 120)


def still_works(buffer: OwnedBuffer) -> None:
    """A stranger can put an item in and take one out, so no permit and no lock is missing."""
    ring = join(buffer)
    mutex, empty, full = values(buffer)
    assert mutex == 1
    assert empty + full == buffer.layout.slots
    if full:
        assert ring.get() is not None
        assert ring.put(1)
    else:
        assert ring.put(1)
        assert ring.get() is not None
