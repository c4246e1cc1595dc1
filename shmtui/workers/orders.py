"""Orders to the children of a supervisor: rate, pause, single steps, faults.

An order goes into the worker's record in the control block; then the worker is woken to read it.
"""

import math
import signal
from collections.abc import Callable

from shmtui.events import Severity
from shmtui.i18n import _
from shmtui.shm.control_format import STEP_MASK, STEPPING, Field
from shmtui.shm.faults import Fault, expected_outcome, fault_name
from shmtui.shm.layout import SemaphoreKind
from shmtui.shm.protocol import Step, format_rate, step_name
from shmtui.workers.child import Child
from shmtui.workers.children import Children


class Orders:
    """Orders by PID. One for a PID that is no live child does nothing: a key can come too late."""

    def __init__(
        self, children: Children, kind: SemaphoreKind, emit: Callable[[Severity, str], None]
    ) -> None:
        self._children = children
        self._kind = kind
        self._emit = emit

    def _emit_about(self, child: Child, severity: Severity, text: str, **fields: object) -> None:
        """Emit ``text`` with the child's name filled in."""
        self._emit(severity, text.format(name=child.name, **fields))

    def _worker(self, pid: int, refusal: str) -> Child | None:
        """The worker with that PID. None, and ``refusal`` is reported, for a program of the user's."""
        child = self._children.by_pid.get(pid)
        if child is None or not child.program:
            return child
        self._emit_about(child, Severity.WARN, refusal)
        return None

    def set_rate(self, pid: int, rate: float) -> None:
        """Change a worker's rate, in items per second; infinite is unthrottled."""
        child = self._worker(pid, _("{name} sets its own rate: it is not a worker of shmtui"))
        if child is None or child.record.doubles[Field.TARGET_RATE] == rate:
            return
        before = format_rate(child.record.doubles[Field.TARGET_RATE])
        self._order(child, rate=rate)
        text = _("{name}: {before} → {after} items/s")
        if math.isinf(rate):
            text = _("{name}: {before} items/s → unthrottled")
        self._emit_about(child, Severity.INFO, text, before=before, after=format_rate(rate))

    def reset_rate(self, pid: int) -> None:
        child = self._children.by_pid.get(pid)
        if child is not None:
            self.set_rate(pid, child.start_rate)

    def pause(self, pid: int) -> None:
        """Hold a worker between two items; stop a program, with what it started."""
        self._hold(pid, hold=True)

    def resume(self, pid: int) -> None:
        self._hold(pid, hold=False)

    def _hold(self, pid: int, *, hold: bool) -> None:
        child = self._children.by_pid.get(pid)
        if child is None:
            return
        words = child.record.words
        if bool(words[Field.HOLD]) == hold and not words[Field.STEPS]:
            return
        self._order(child, hold=hold, steps=0)
        if child.program:
            self._children.signal(child, signal.SIGSTOP if hold else signal.SIGCONT)
        if hold:
            self._emit_about(child, Severity.WARN, _("{name} paused"))
        else:
            self._emit_about(child, Severity.GOOD, _("{name} resumed"))

    def step(self, pid: int) -> None:
        """Stop a worker before its next step; if it stands before one, let it do that step.

        A worker that is blocked in a step, or still in it, is allowed no further step by this.
        """
        child = self._worker(pid, _("{name} cannot be stepped: it is not a worker of shmtui"))
        if child is None:
            return
        steps, step = child.record.words[Field.STEPS], child.record.words[Field.STEP]
        if steps and not step & STEPPING:
            return
        self._order(child, hold=False, steps=steps + 1)
        name = step_name(child.role, Step(step & STEP_MASK))
        if steps:
            self._emit_about(child, Severity.INFO, _("{name} does {step}"), step=name)
        else:
            self._emit_about(child, Severity.WARN, _("{name} stops before its next step"))

    def set_fault(self, pid: int, fault: Fault) -> None:
        """Order a fault of a worker, and say what to expect of it; NONE takes the fault back."""
        child = self._worker(
            pid, _("{name} takes no orders for faults: it is not a worker of shmtui")
        )
        if child is None:
            return
        if fault is Fault.PRIVATE and self._kind is SemaphoreKind.NAMED:
            text = _("{name}: named semaphores cannot be process-private")
            self._emit_about(child, Severity.WARN, text)
            return
        self._order(child, fault=fault)
        if fault is Fault.NONE:
            self._emit_about(child, Severity.GOOD, _("{name} keeps to the protocol again"))
            return
        name, outcome = fault_name(fault, child.role), expected_outcome(fault, child.role)
        text = _("{name}, {fault}: it {does}; to expect: {expect}")
        self._emit_about(
            child, Severity.WARN, text, fault=name, does=outcome.action, expect=outcome.effect
        )

    def hold_running(self) -> tuple[int, ...]:
        """Hold the workers that run by themselves, with no event; returns their PIDs."""
        running = [
            child
            for child in self._children
            if not (
                child.program or child.record.words[Field.HOLD] or child.record.words[Field.STEPS]
            )
        ]
        for child in running:
            self._order(child, hold=True)
        return tuple(child.pid for child in running)

    def release_held(self, pids: tuple[int, ...]) -> None:
        """Let the workers that :meth:`hold_running` held run again."""
        for pid in pids:
            child = self._children.by_pid.get(pid)
            if child is not None:
                self._order(child, hold=False)

    def release_all(self, until_ns: int = 0) -> None:
        """Let all workers that were started on hold run at the same time.

        With ``until_ns`` (CLOCK_MONOTONIC) paced workers begin no item that is due then or later:
        a run of S seconds at rate R moves S x R items and not one more.
        """
        for child in self._children:
            self._order(child, hold=False, until_ns=until_ns)

    def _order(
        self,
        child: Child,
        *,
        rate: float | None = None,
        hold: bool | None = None,
        until_ns: int | None = None,
        fault: Fault | None = None,
        steps: int | None = None,
    ) -> None:
        """Write an order and have the worker read it: the wakeup semaphore ends its sleep between
        items, SIGURG its wait for a permit.
        """
        child.record.order(rate=rate, hold=hold, until_ns=until_ns, fault=fault, steps=steps)
        if not child.program:
            self._children.signal(child, signal.SIGURG)
