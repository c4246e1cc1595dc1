"""Supervisors whose workers are gone when the test is over."""

from collections.abc import Iterator

import pytest

from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role
from shmtui.workers import children
from shmtui.workers.supervisor import Supervisor
from tests.workers.crew import MAX, Crew


@pytest.fixture
def crew(make_buffer: object) -> Iterator[Crew]:
    """Makes supervisors. The buffers, asked for first, are removed after the workers."""
    made: list[Supervisor] = []

    def make(
        buffer: OwnedBuffer, produce_rate: float = MAX, consume_rate: float = MAX
    ) -> Supervisor:
        rates = {Role.PRODUCER: produce_rate, Role.CONSUMER: consume_rate}
        made.append(Supervisor(buffer, rates))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children have a minute to end: a busy machine makes no child look like one that does not."""
    monkeypatch.setattr(children, "END_SECONDS", 60.0)
