"""An audit of a live run: the workers are paused, the items counted, the workers resumed."""

from typing import Final

from shmtui.diagnosis.audit import audit_of, balance_text
from shmtui.events import Severity
from shmtui.i18n import _
from shmtui.monitor.sampler import Sampler
from shmtui.snapshot import Origin, ProcessState, Snapshot
from shmtui.workers.supervisor import Supervisor

REST_NS: Final = 1_600_000_000
"""Nanoseconds without any change before the audit counts: as long as lost-permit takes."""
PATIENCE_NS: Final = 4_000_000_000
"""Nanoseconds after which the audit counts although something still moves."""

_BUSY: Final = {ProcessState.STARTING, ProcessState.RUNNING, ProcessState.PACING}
_AT_REST: Final = {ProcessState.PAUSED, ProcessState.ENDED}


class Auditor:
    """Carries out an audit over the snapshots it is given; never blocks, never samples by itself."""

    def __init__(self, sampler: Sampler, supervisor: Supervisor) -> None:
        self._sampler = sampler
        self._supervisor = supervisor
        self._held: tuple[int, ...] = ()
        self.running = False
        """Whether an audit is under way."""
        self._begun_ns = 0
        self._still: tuple[object, int] = (None, 0)

    def begin(self) -> None:
        """Pause the workers and start an audit; has no effect while one is under way."""
        if not self.running:
            self._held = self._supervisor.orders.hold_running()
            self.running, self._begun_ns = True, 0
            self._still = (None, 0)
            self._supervisor.emit(Severity.INFO, _("audit: the workers are being paused"))

    def update(self, snapshot: Snapshot, *, foreign: bool, guests: int | None) -> None:
        """Continue a started audit; it ends once nothing has moved for `REST_NS`."""
        if not self.running:
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
        self.running = False
        in_hand = tuple(
            f"{p.name} ({p.step})"
            for p in snapshot.processes
            if p.origin is Origin.WORKER and p.state not in _AT_REST
        )
        audit = audit_of(
            snapshot, self._sampler.resident_sum, foreign=foreign, guests=guests,
            in_hand=in_hand, died_mid_transfer=self._supervisor.died_mid_transfer,
        )  # fmt: skip
        self._sampler.audit = audit
        severity = {True: Severity.GOOD, False: Severity.BAD, None: Severity.WARN}[audit.balanced]
        self._supervisor.emit(severity, _("audit: {verdict}").format(verdict=balance_text(audit)))
        self._supervisor.orders.release_held(self._held)
