"""Watching a segment for a repair: its findings over seconds, and where its processes stand."""

import signal
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from shmtui.diagnosis.at_rest import LONGER_S
from shmtui.diagnosis.history import lacks_permits
from shmtui.diagnosis.wording import names
from shmtui.i18n import _
from shmtui.monitor.process_states import named_files
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.clock import Clock
from shmtui.procfs.stop_effects import calls_that_end, catches
from shmtui.repair.plan import Plan, slots_digest
from shmtui.repair.protocol_positions import ProtocolPosition, locate, participants
from shmtui.repair.record import RepairRecord
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import Finding, Process, Snapshot

WATCH_SECONDS: Final = 1.5
"""How long a buffer is watched for findings: most need 0.9 s in which nothing moves."""
PATIENT_SECONDS: Final = 6.0
"""How long where nothing was found by then: few samples of a busy buffer tell anything. And how
long nothing may move before a mutex is unlocked for its dead owner.
"""
PATIENT_SAMPLES: Final = 30
"""How many samples are taken by then at least, however long a busy machine takes for them."""
LEAST_SAMPLES: Final = 4
"""However long one takes: a finding rests on several that agree."""
SAMPLE_SECONDS: Final = 0.1


class Observation:
    """A sampler with a clock, and the questions that a repair asks of it."""

    def __init__(self, sampler: Sampler, folder: str, clock: Clock) -> None:
        self.sampler = sampler
        self._folder = folder
        self._clock = clock
        self._looks: set[tuple[object, ...]] = set()

    def positions(self, snapshot: Snapshot) -> tuple[ProtocolPosition, ...]:
        """Where each process of the snapshot that takes part stands now."""
        layout = self.sampler.layout
        if layout is None:
            return ()
        named = named_files(layout, self._folder)
        processes = participants(snapshot.processes)
        return tuple(locate(p, self.sampler.identity, layout, named) for p in processes)

    def findings(self, seconds: float = WATCH_SECONDS) -> tuple[Finding, ...]:
        """The findings after ``seconds``; where there are none, the first within some more. Where none are found by
        then, nothing moves and a permit is missing, as long as a check that settles it.
        """
        found = self.watch(seconds)
        if not found:
            found = self.watch(PATIENT_SECONDS - seconds, bool, PATIENT_SAMPLES)
        if not found and self.still and lacks_permits(self._look()):
            found = self.watch(LONGER_S - PATIENT_SECONDS, bool)
        return found

    @property
    def still(self) -> bool:
        """Whether no index and not the value of mutex differed in all the looks so far."""
        return len(self._looks) == 1

    def still_found(self, codes: set[str]) -> bool:
        """Whether all of these are found again, within the time that a patient watch takes."""

        def all_there(findings: tuple[Finding, ...]) -> bool:
            return codes <= {finding.code for finding in findings}

        return all_there(self.watch(PATIENT_SECONDS, all_there, PATIENT_SAMPLES))

    def watch(
        self,
        seconds: float,
        enough: Callable[[tuple[Finding, ...]], bool] = lambda _findings: False,
        samples: int = LEAST_SAMPLES,
    ) -> tuple[Finding, ...]:
        """The findings after ``seconds`` and at least ``samples`` samples; or as soon as they are
        ``enough``.
        """
        findings: tuple[Finding, ...] = ()
        for snapshot in self._samples(seconds, samples):
            findings = snapshot.health.findings
            if enough(findings):
                break
        return findings

    def stands_still(self) -> bool:
        """Whether no index moves and mutex is not posted while it is watched patiently. Permits may
        be taken meanwhile, and waiters come: by newcomers, who stop before the lock.
        """
        looks = map(_lock_and_indices, self._samples(PATIENT_SECONDS, LEAST_SAMPLES))
        first = next(looks)
        return all(look == first for look in looks)

    def _samples(self, seconds: float, least: int) -> Iterator[Snapshot]:
        """Snapshots for ``seconds``, and ``least`` of them however long one takes."""
        end, taken = self._clock.monotonic() + seconds, 1
        yield self._look()
        while self._clock.monotonic() < end or taken < least:
            self._clock.sleep(SAMPLE_SECONDS)
            taken += 1
            yield self._look()

    def _look(self) -> Snapshot:
        snapshot = self.sampler.sample()
        self._looks.add(_lock_and_indices(snapshot))
        return snapshot


def indices(snapshot: Snapshot) -> tuple[int | None, int | None]:
    """``in`` and ``out``."""
    return snapshot.in_, snapshot.out


def moved_since(then: Plan | RepairRecord, now: Snapshot) -> bool:
    """Whether an item has moved since: the indices or what lies in the slots is no longer what it was."""
    return (indices(now), slots_digest(now)) != (then.indices, then.slots)


def _lock_and_indices(snapshot: Snapshot) -> tuple[object, ...]:
    mutex = snapshot.semaphores.get(SemaphoreRole.MUTEX)
    return (*indices(snapshot), None if mutex is None else mutex.value)


def words(snapshot: Snapshot) -> tuple[object, ...]:
    """Indices and every word of the semaphores: the same where no process got on."""
    return (*indices(snapshot), snapshot.semaphores)


def disturbed_by_a_stop(processes: Iterable[Process]) -> Iterator[str]:
    """Who notices a stop, and how: a sentence each."""
    for process in processes:
        who = names([process])
        if catches(process.pid, signal.SIGCONT):
            yield _("{who} catches SIGCONT: its handler runs, and a wait may end early").format(
                who=who
            )
        for call in calls_that_end(process.pid):
            yield _("{who} sleeps in {call}, which returns EINTR").format(who=who, call=call)
