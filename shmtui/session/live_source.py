"""The source of a live run: its snapshots, and the rates that it publishes to other observers."""

import contextlib
import time
from typing import Final

from shmtui.monitor.sampler import Sampler
from shmtui.procfs.file_watch import CLOSED_WRITING, FileWatch
from shmtui.session.auditor import Auditor
from shmtui.session.fault_outcomes import FaultOutcomes
from shmtui.session.stepped_programs import SteppedPrograms
from shmtui.shm.segment import segment_path
from shmtui.snapshot import Origin, Snapshot
from shmtui.workers.supervisor import Supervisor

PUBLISH_NS: Final = 500_000_000
"""Nanoseconds between two publications of the measured rates."""
REAPED_NS: Final = 2_000_000_000
"""Within so many nanoseconds a worker that ended is reaped, on a busy machine too."""
REPAIR_SECONDS: Final = 15.0
"""How long after it has begun to write a repair may have the segment open."""


class LiveSource:
    """Samples a run, and publishes the rates that it measured in the control block."""

    def __init__(self, sampler: Sampler, supervisor: Supervisor) -> None:
        self.sampler = sampler
        self.supervisor = supervisor
        self._fault_outcomes = FaultOutcomes()
        self.stepped = SteppedPrograms(supervisor, sampler.name, sampler.layout)
        """The user's programs that are taken step by step."""
        self.auditor = Auditor(sampler, supervisor)
        """Compares what was produced with what was consumed, on request."""
        self._published_ns = 0
        self.foreign_seen = False
        """Whether a process took part whose items are not counted."""
        self.last: Snapshot | None = None
        self._writers: FileWatch | None = None
        self.guests: int | None = None
        """In how many samples it was seen that others had had the segment open for writing, were
        it for a moment; None where that cannot be told.
        """
        with contextlib.suppress(OSError):
            self._writers = FileWatch(segment_path(sampler.name), CLOSED_WRITING)
            self.guests = 0
        self._ended, self._reaped_ns, self._closed_ns = 0, 0, 0

    def close(self) -> None:
        """Close the descriptors; the workers go on."""
        self.sampler.close()
        if self._writers is not None:
            self._writers.close()

    def before_the_end(self) -> None:
        """Count the guests so far, before the workers are ended and close the segment as well."""
        self.supervisor.reap(0)
        self._notice_guests(time.monotonic_ns())
        if self._closed_ns:
            self._count_guest()

    def _notice_guests(self, now_ns: int) -> None:
        """A worker closes the segment as it ends, and is reaped a moment later: what was closed
        while none was reaped, for some time before and after, was closed by somebody else.
        """
        if self._writers is None or self.guests is None:
            return
        ended = self.supervisor.workers_ended
        reaped, self._ended = ended > self._ended, ended
        if reaped:
            self._reaped_ns, self._closed_ns = now_ns, 0
        if self._closed_ns and now_ns - self._closed_ns >= REAPED_NS:
            self._count_guest()
        if self._writers.happened() and now_ns - self._reaped_ns >= REAPED_NS:
            self._closed_ns = self._closed_ns or now_ns

    def _count_guest(self) -> None:
        assert self.guests is not None
        self._closed_ns = 0
        if not self._is_repaired():
            self.guests += 1
            self.supervisor.note_guests()

    def _is_repaired(self) -> bool:
        """Whether a repair of this user's has just written: that is no guest."""
        from shmtui.repair.record import latest  # noqa: PLC0415 - few runs have guests

        repaired = latest(self.sampler.identity, self.sampler.folder)
        return repaired is not None and time.time() - repaired.time < REPAIR_SECONDS

    def sample(self) -> Snapshot:
        """Sample once, and pass the snapshot to the auditor and the fault outcomes."""
        snapshot = self.sampler.sample()
        others = any(p.origin is not Origin.WORKER for p in snapshot.processes)
        if others and not self.foreign_seen and not self._is_repaired():
            self.foreign_seen = True
            self.supervisor.note_guests()
        self.last = snapshot
        self._notice_guests(snapshot.monotonic_ns)
        self.auditor.update(snapshot, foreign=self.foreign_seen, guests=self.guests)
        for severity, text in self._fault_outcomes.update(snapshot):
            self.supervisor.emit(severity, text)
        snapshot = self.stepped.shown_in(snapshot)
        if snapshot.monotonic_ns - self._published_ns >= PUBLISH_NS:
            self._published_ns = snapshot.monotonic_ns
            rates = snapshot.throughput
            self.supervisor.publish(
                snapshot.monotonic_ns,
                rates.produced_per_s,
                rates.consumed_per_s,
                {p.pid: p.rate for p in snapshot.processes if p.rate is not None},
            )
        return snapshot
