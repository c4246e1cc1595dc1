"""The source of a live run: its snapshots, and the rates that it publishes to other observers."""

from typing import Final

from shmtui.monitor.sampler import Sampler
from shmtui.session.auditor import Auditor
from shmtui.session.fault_outcomes import FaultOutcomes
from shmtui.snapshot import Origin, Snapshot
from shmtui.workers.supervisor import Supervisor

PUBLISH_NS: Final = 500_000_000
"""Nanoseconds between two publications of the measured rates."""


class LiveSource:
    """Samples a run, and publishes the rates that it measured in the control block."""

    def __init__(self, sampler: Sampler, supervisor: Supervisor) -> None:
        self._sampler = sampler
        self._supervisor = supervisor
        self._fault_outcomes = FaultOutcomes()
        self.auditor = Auditor(sampler, supervisor)
        """Compares what was produced with what was consumed, on request."""
        self._published_ns = 0
        self.foreign_seen = False
        """Whether a process took part whose items are not counted."""
        self.last: Snapshot | None = None

    @property
    def name(self) -> str:
        """The segment's name."""
        return self._sampler.name

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the segment."""
        return self._sampler.read(offset, length)

    def close(self) -> None:
        """Close the descriptors; the workers go on."""
        self._sampler.close()

    @property
    def slots_shown(self) -> int:
        """How many slots' values a snapshot holds."""
        return self._sampler.slots_shown

    @slots_shown.setter
    def slots_shown(self, count: int) -> None:
        self._sampler.slots_shown = count

    def sample(self) -> Snapshot:
        """Sample once, and pass the snapshot to the auditor and the fault outcomes."""
        snapshot = self._sampler.sample()
        if any(p.origin is not Origin.WORKER for p in snapshot.processes):
            self.foreign_seen = True
        self.last = snapshot
        self.auditor.update(snapshot, foreign=self.foreign_seen)
        for severity, text in self._fault_outcomes.update(snapshot):
            self._supervisor.emit(severity, text)
        if snapshot.monotonic_ns - self._published_ns >= PUBLISH_NS:
            self._published_ns = snapshot.monotonic_ns
            rates = snapshot.throughput
            self._supervisor.publish(
                snapshot.monotonic_ns,
                rates.produced_per_s,
                rates.consumed_per_s,
                {p.pid: p.rate for p in snapshot.processes if p.rate is not None},
            )
        return snapshot
