"""An audit while the workers live: they are brought to rest, counted, and let go."""

from typing import Final

from shmtui.diagnosis.audit import audit_of, balance_text
from shmtui.events import Severity
from shmtui.i18n import _
from shmtui.monitor.sampler import Sampler
from shmtui.snapshot import Origin, ProcessState, Snapshot
from shmtui.workers.supervisor import Supervisor

REST_NS: Final = 1_600_000_000
"""How long everything has to stand still: as long as a lost permit takes to be found."""
PATIENCE_NS: Final = 4_000_000_000
"""How long is waited for that."""

_BUSY: Final = {ProcessState.STARTING, ProcessState.RUNNING, ProcessState.PACING}
_AT_REST: Final = {ProcessState.PAUSED, ProcessState.ENDED}


class Auditor:
    """Driven by the samples that are taken anyway, and by their times; nothing here waits."""

    def __init__(self, sampler: Sampler, supervisor: Supervisor) -> None:
        self._sampler = sampler
        self._supervisor = supervisor
        self._held: tuple[int, ...] = ()
        self._running = False
        self._begun_ns = 0
        self._still: tuple[object, int] = (None, 0)

    def begin(self) -> None:
        """Have the workers come to rest. While one audit is on, another is the same one."""
        if not self._running:
            self._held = self._supervisor.hold_running()
            self._running, self._begun_ns = True, 0
            self._still = (None, 0)
            self._supervisor.emit(Severity.INFO, _("audit: the workers are brought to rest"))

    def look(self, snapshot: Snapshot, *, foreign: bool) -> None:
        """Take a sample in; the audit is made once nothing has moved for a second."""
        if not self._running:
            return
        now = snapshot.monotonic_ns
        self._begun_ns = self._begun_ns or now
        mark = (
            snapshot.in_, snapshot.out, snapshot.totals, tuple(snapshot.semaphores.items()),
            tuple((p.pid, p.state) for p in snapshot.processes),
        )  # fmt: skip
        busy = [p for p in snapshot.processes if p.origin is Origin.WORKER and p.state in _BUSY]
        if busy or mark != self._still[0]:
            self._still = (mark, now)
        if now - self._still[1] < REST_NS and now - self._begun_ns < PATIENCE_NS:
            return
        self._running = False
        in_hand = tuple(
            f"{p.name} ({p.step})"
            for p in snapshot.processes
            if p.origin is Origin.WORKER and p.state not in _AT_REST
        )
        audit = audit_of(
            snapshot, self._sampler.resident_sum, foreign=foreign, in_hand=in_hand,
            died_mid_transfer=self._supervisor.died_mid_transfer,
        )  # fmt: skip
        self._sampler.audit = audit
        severity = {True: Severity.GOOD, False: Severity.BAD, None: Severity.WARN}[audit.balanced]
        self._supervisor.emit(severity, _("audit: {verdict}").format(verdict=balance_text(audit)))
        self._supervisor.release_held(self._held)
