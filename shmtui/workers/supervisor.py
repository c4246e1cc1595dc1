"""The supervisor: starts workers, passes orders on, notices their ends, and ends them all.

Children are started from the main thread with exec, never fork: their death is
tied to the thread that spawned them, and a fork of a process with an event loop
shares its signal wake-up. Each gets a process group of its own in the same
session, so that Ctrl+C in the terminal reaches the app alone, and a stopped child
is woken by the kernel when the app is gone.
"""

import asyncio
import contextlib
import math
import os
import select
import signal
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from shmtui.errors import ShmtuiError
from shmtui.events import Event, Severity
from shmtui.i18n import _, ngettext
from shmtui.procfs.identity import describe_exit, start_time
from shmtui.shm.control_block import ControlRecord
from shmtui.shm.control_format import PAUSED, STEP_MASK, STEPPING, Field, RecordState
from shmtui.shm.faults import Fault, expected_outcome, fault_name, fault_of
from shmtui.shm.layout import SemaphoreKind
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role, Step, format_rate, step_name
from shmtui.workers.child import (
    PROGRAM_LINES,
    Child,
    group_members,
    kill_and_reap,
    require_command,
    spawn_program,
    spawn_worker,
)
from shmtui.workers.lifecycle import place_of_death

if TYPE_CHECKING:
    import subprocess

NEWS_SECONDS: Final = 5.0
"""How long a dead worker's record stays to be seen before it is retired."""
FIRST_FRAME_SECONDS: Final = 0.08
"""How long a dashboard takes from its first event to its first frame, about."""
END_SECONDS: Final = 1.8
LOOK_SECONDS: Final = 0.05
"""How long the last ones have between SIGTERM and SIGKILL."""
HISTORY: Final = 200


class Supervisor:
    """Runs the workers of one buffer. Not thread-safe: call it from the main thread."""

    def __init__(self, buffer: OwnedBuffer, rates: dict[Role, float]) -> None:
        self._control = buffer.control
        self._segment = buffer.name
        self._kind = buffer.layout.kind
        self._rates = rates
        self._children: dict[int, Child] = {}
        self._logs: dict[int, Child] = {}
        self._start_later: Callable[[], None] | None = None
        self._numbers = dict.fromkeys(Role, 0)
        self._died_mid_transfer: list[str] = []
        self._history: deque[Event] = deque(maxlen=HISTORY)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.on_event: Callable[[Event], None] | None = None

    def history(self) -> tuple[Event, ...]:
        """What has happened so far, the oldest first."""
        return tuple(self._history)

    @property
    def died_mid_transfer(self) -> tuple[str, ...]:
        """Workers that were killed in the middle of moving an item."""
        return tuple(self._died_mid_transfer)

    def emit(self, severity: Severity, text: str) -> None:
        """Put something into the history and tell whoever listens."""
        event = Event(time.time(), severity, text)
        self._history.append(event)
        if self.on_event is not None:
            self.on_event(event)

    def _emit_about(self, child: Child, severity: Severity, text: str, **fields: object) -> None:
        """Tell what ``text`` says of a child."""
        self.emit(severity, text.format(name=child.name, pid=child.pid, **fields))

    def owns(self, pid: int) -> bool:
        """Whether ``pid`` is a live worker of ours."""
        return pid in self._children

    @property
    def pids(self) -> tuple[int, ...]:
        """The live workers, in the order of their birth."""
        return tuple(self._children)

    # -- starting ---------------------------------------------------------------------------

    def add(self, role: Role) -> None:
        """Start one more worker; a failure is told as an event."""
        try:
            self.start(role)
        except ShmtuiError as error:
            self.emit(Severity.BAD, str(error))

    def start(self, role: Role, *, hold: bool = False) -> int:
        """Start a worker at its role's rate, held still if asked; returns its PID."""
        number = self._numbers[role] + 1
        rate = self._rates[role]
        record = self._control.claim_record(role, number, rate, hold=hold)
        child = self._adopt(
            lambda: spawn_worker(self._segment, record), record, role, number, rate, ()
        )
        text = _("{name} (PID {pid}) started at {rate}/s")
        if math.isinf(rate):
            text = _("{name} (PID {pid}) started unthrottled")
        self._emit_about(child, Severity.GOOD, text, rate=format_rate(rate))
        return child.pid

    def start_program(self, role: Role, command: tuple[str, ...]) -> int:
        """Start a program of the user's as a producer or consumer; returns its PID."""
        require_command(command)
        number = self._numbers[role] + 1
        record = self._control.claim_record(role, number, math.inf, hold=False)
        record.words[Field.PROGRAM] = 1
        child = self._adopt(lambda: spawn_program(command), record, role, number, math.inf, command)
        child.lines = deque(maxlen=PROGRAM_LINES)
        self._logs[child.pid] = child
        text = _("{name} (PID {pid}) started as a producer")
        if role is Role.CONSUMER:
            text = _("{name} (PID {pid}) started as a consumer")
        self._emit_about(child, Severity.GOOD, text)
        return child.pid

    def _adopt(
        self,
        spawn: Callable[[], tuple["subprocess.Popen[bytes]", int]],
        record: ControlRecord,
        role: Role,
        number: int,
        rate: float,
        program: tuple[str, ...],
    ) -> Child:
        try:
            process, output = spawn()
            try:
                pidfd = os.pidfd_open(process.pid)
            except OSError:
                kill_and_reap(process)
                os.close(output)
                raise
        except OSError as error:
            record.words[Field.STATE] = RecordState.FREE
            raise ShmtuiError(
                _(
                    "cannot start {program}: {why}; is a limit on processes or open files reached "
                    "(ulimit -u, ulimit -n)?"
                ).format(program=" ".join(program) or f"{role} {number}", why=error.strerror)
            ) from None
        self._numbers[role] = number
        record.words[Field.START_TIME] = start_time(process.pid) or 0
        record.words[Field.PID] = process.pid
        child = Child(process, pidfd, output, record, role, number, rate, program)
        self._children[process.pid] = child
        if self._loop is not None:
            self._watch_child(child)
        return child

    def ready(self) -> bool:
        """Whether every live worker has joined the buffer."""
        return all(
            child.program or child.record.words[Field.STEP] & STEP_MASK != Step.STARTING
            for child in self._children.values()
        )

    # -- orders -----------------------------------------------------------------------------

    def set_rate(self, pid: int, rate: float) -> None:
        """Items per second; infinite = unthrottled."""
        child = self._children.get(pid)
        if child is None or child.record.doubles[Field.TARGET_RATE] == rate:
            return
        if child.program:
            self._emit_about(
                child, Severity.WARN, _("{name} sets its own pace: it is no worker of ours")
            )
            return
        before = format_rate(child.record.doubles[Field.TARGET_RATE])
        self._order(child, rate=rate)
        text = _("{name}: {before} → {after} items/s")
        if math.isinf(rate):
            text = _("{name}: {before} items/s → unthrottled")
        self._emit_about(child, Severity.INFO, text, before=before, after=format_rate(rate))

    def reset_rate(self, pid: int) -> None:
        """Back to the rate that the worker started with."""
        child = self._children.get(pid)
        if child is not None:
            self.set_rate(pid, child.start_rate)

    def pause(self, pid: int) -> None:
        """Hold the worker between two items."""
        self._hold(pid, hold=True)

    def resume(self, pid: int) -> None:
        """Let a paused worker go on."""
        self._hold(pid, hold=False)

    def _hold(self, pid: int, *, hold: bool) -> None:
        child = self._children.get(pid)
        if child is None:
            return
        words = child.record.words
        if bool(words[Field.HOLD]) == hold and not words[Field.STEPS]:
            return
        self._order(child, hold=hold, steps=0)
        if child.program:
            self._signal(pid, signal.SIGSTOP if hold else signal.SIGCONT)
        if hold:
            self._emit_about(child, Severity.WARN, _("{name} paused"))
        else:
            self._emit_about(child, Severity.GOOD, _("{name} resumed"))

    def step(self, pid: int) -> None:
        """Stop the worker before its next step; let one that stands there do that step.

        A worker that is blocked in a step, or still in it, does no further one for that.
        """
        child = self._children.get(pid)
        if child is None:
            return
        if child.program:
            self._emit_about(
                child, Severity.WARN, _("{name} cannot be stepped: it is no worker of ours")
            )
            return
        words = child.record.words
        steps = words[Field.STEPS]
        step = words[Field.STEP]
        if steps and not step & STEPPING:
            return
        self._order(child, hold=False, steps=steps + 1)
        name = step_name(child.role, Step(step & STEP_MASK))
        if steps:
            self._emit_about(child, Severity.INFO, _("{name} does {step}"), step=name)
        else:
            self._emit_about(child, Severity.WARN, _("{name} stops before its next step"))

    def set_fault(self, pid: int, fault: Fault) -> None:
        """Have the worker make a mistake; NONE takes it off. Tells what ought to come of it."""
        child = self._children.get(pid)
        if child is None:
            return
        if child.program:
            self._emit_about(
                child, Severity.WARN, _("{name} makes its own mistakes: it is no worker of ours")
            )
            return
        if fault is Fault.PRIVATE and self._kind is SemaphoreKind.NAMED:
            text = _("{name}: named semaphores cannot be process-private")
            self._emit_about(child, Severity.WARN, text)
            return
        self._order(child, fault=fault)
        name = fault_name(fault, child.role)
        if fault is Fault.NONE:
            self._emit_about(child, Severity.GOOD, _("{name} keeps to the protocol again"))
            return
        told = expected_outcome(fault, child.role)
        text = _("{name}, {fault}: it {does}; to expect: {expect}")
        self._emit_about(child, Severity.WARN, text, fault=name, does=told.does, expect=told.expect)

    def hold_running(self) -> tuple[int, ...]:
        """Hold those that run by themselves, without a word; returns their PIDs."""
        running = [
            child
            for child in self._children.values()
            if not (
                child.program or child.record.words[Field.HOLD] or child.record.words[Field.STEPS]
            )
        ]
        for child in running:
            self._order(child, hold=True)
        return tuple(child.pid for child in running)

    def release_held(self, pids: tuple[int, ...]) -> None:
        """Let those go on again."""
        for pid in pids:
            child = self._children.get(pid)
            if child is not None:
                self._order(child, hold=False)

    def release_all(self, until_ns: int = 0) -> None:
        """Let all that were started on hold go at once.

        With ``until_ns`` (CLOCK_MONOTONIC), paced workers begin no item that is due then or
        later, so that a run of S seconds at rate R moves S x R items and not one more.
        """
        for child in self._children.values():
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
        """Write an order where the worker looks, and have it look: the wakeup ends its sleep
        between items, the signal a wait for a permit.
        """
        child.record.order(rate=rate, hold=hold, until_ns=until_ns, fault=fault, steps=steps)
        if not child.program:
            self._signal(child.pid, signal.SIGURG)

    def terminate(self, pid: int) -> None:
        """SIGTERM: the worker ends once it holds nothing."""
        child = self._children.get(pid)
        if child is not None:
            self._emit_about(child, Severity.INFO, _("{name} told to end"))
            self._end(child)

    def restart(self, pid: int) -> None:
        """End a program of the user's and start it again; one that has ended is just started."""
        program = self._logs.get(pid)
        if program is None:
            return
        if pid in self._children:
            program.restart = True
            self.terminate(pid)
        else:
            self._start_again(program)

    def logs(self) -> tuple[Child, ...]:
        """The programs of the user's, those that have ended included, with what they printed."""
        return tuple(self._logs.values())

    def kill(self, pid: int) -> None:
        """SIGKILL: the worker ends wherever it is."""
        self._signal(pid, signal.SIGKILL)

    def _end(self, child: Child) -> None:
        child.term_sent_at = time.monotonic()
        self._signal(child.pid, signal.SIGTERM)
        self._signal(child.pid, signal.SIGCONT)
        child.record.wakeup.post()

    def _signal(self, pid: int, number: signal.Signals) -> None:
        """Send it through the pidfd: a PID that has been used again is never hit.

        A program of the user's may be a script that started others: they get it too. Their
        group has its PID, which is nobody else's until it is reaped.
        """
        child = self._children.get(pid)
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if child.program:
                os.killpg(pid, number)
            else:
                signal.pidfd_send_signal(child.pidfd, number)

    def publish(
        self, now_ns: int, produced: float | None, consumed: float | None, rates: dict[int, float]
    ) -> None:
        """Write measured rates into the control block, for those who look only once."""
        nan = float("nan")
        self._control.publish(
            now_ns,
            nan if produced is None else produced,
            nan if consumed is None else consumed,
        )
        for pid, rate in rates.items():
            child = self._children.get(pid)
            if child is not None:
                child.record.doubles[Field.SHOWN_RATE] = rate

    # -- noticing ends ----------------------------------------------------------------------

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have ``loop`` tell at once when a child dies or says something on stderr."""
        self._loop = loop
        for child in tuple(self._children.values()):
            self._watch_child(child)
        if self._start_later is not None:
            loop.call_later(FIRST_FRAME_SECONDS, self._start_now)

    def start_later(self, start: Callable[[], None]) -> None:
        """Have ``start`` called a moment after the loop runs: on a small machine, starting the
        first workers beside the dashboard would make both late.
        """
        self._start_later = start

    def _start_now(self) -> None:
        start, self._start_later = self._start_later, None
        if start is None:
            return
        try:
            start()
        except ShmtuiError as error:
            self.emit(Severity.BAD, str(error))

    def _watch_child(self, child: Child) -> None:
        assert self._loop is not None
        self._loop.add_reader(child.pidfd, self._reap, child)
        self._loop.add_reader(child.output, self._read_output, child)

    def _read_output(self, child: Child) -> None:
        if not child.read_output() and self._loop is not None:
            self._loop.remove_reader(child.output)

    def _waits_for_others(self, child: Child) -> bool:
        """Whether what a script started still ends, which it is given the same time for."""
        told = child.term_sent_at
        if not child.program or told is None or not group_members(child.pid):
            return False
        if time.monotonic() - told > END_SECONDS:
            self._signal(child.pid, signal.SIGKILL)
            return False
        if self._loop is None:
            time.sleep(LOOK_SECONDS)
        else:
            self._loop.remove_reader(child.pidfd)
            self._loop.call_later(LOOK_SECONDS, self._reap, child)
        return True

    def _reap(self, child: Child) -> None:
        if child.pid not in self._children or self._waits_for_others(child):
            return
        status = child.process.wait()
        while select.select([child.output], [], [], 0)[0] and child.read_output():
            pass
        if self._loop is not None:
            self._loop.remove_reader(child.pidfd)
            self._loop.remove_reader(child.output)
        child.close()
        del self._children[child.pid]
        words = child.record.words
        child.record.raw.cast("q")[Field.EXIT_STATUS] = status
        words[Field.ENDED_NS] = time.monotonic_ns()
        words[Field.STATE] = RecordState.ENDED
        self._emit_end(child, status)
        if status < 0 and _was_moving(child):
            self._died_mid_transfer.append(child.name)
        if self._loop is None:
            return
        self._loop.call_later(NEWS_SECONDS, self._control.retire, child.record)
        if child.restart:
            self._start_again(child)

    def _start_again(self, ended: Child) -> None:
        """Start a program anew; its output takes the place of what the old one printed."""
        try:
            self.start_program(ended.role, ended.program)
        except ShmtuiError as error:
            self.emit(Severity.BAD, str(error))
        else:
            self._logs.pop(ended.pid, None)

    def _emit_end(self, child: Child, status: int) -> None:
        how = describe_exit(status)
        step = child.record.words[Field.STEP]
        if status < 0 and not child.program:
            place = _("while paused")
            if not step & PAUSED:
                place = place_of_death(child.role, Step(step & STEP_MASK))
            how = f"{how} {place}"
        text = "{name} (PID {pid}) {how}{said}"
        items = child.record.words[Field.ITEMS]
        if not child.program:
            text = ngettext(
                "{name} (PID {pid}) {how} after {items:,} item{said}",
                "{name} (PID {pid}) {how} after {items:,} items{said}",
                items,
            )
        said = f": {child.lines[-1]}" if child.lines and status > 0 else ""
        severity = Severity.INFO if status == 0 else Severity.BAD
        self._emit_about(child, severity, text, how=how, items=items, said=said)

    # -- ending -----------------------------------------------------------------------------

    def close(self) -> None:
        """End every worker: SIGTERM, and SIGKILL for whom two seconds were not enough.

        Blocks for that long at the most. Works without an event loop, so that it
        can clean up after one that broke.
        """
        self._loop = None
        for child in self._children.values():
            self._end(child)
        self._reap_until(time.monotonic() + END_SECONDS)
        for pid in self.pids:
            self.kill(pid)
        self._reap_until(time.monotonic() + END_SECONDS)

    def _reap_until(self, deadline: float) -> None:
        while self._children and (left := deadline - time.monotonic()) > 0:
            self._reap_ready(left)

    def _reap_ready(self, seconds: float) -> None:
        by_fd = {child.pidfd: child for child in self._children.values()}
        poller = select.poll()
        for fd in by_fd:
            poller.register(fd, select.POLLIN)
        for fd, _event in poller.poll(seconds * 1000):
            self._reap(by_fd[fd])

    def __repr__(self) -> str:
        return f"<Supervisor of {self._segment}: {len(self._children)} workers>"


def _was_moving(child: Child) -> bool:
    """Whether a worker was in the middle of moving an item, and not before it by order."""
    words = child.record.words
    if child.program or words[Field.STEP] & (STEP_MASK | STEPPING) != Step.TRANSFER:
        return False
    return fault_of(words[Field.FAULT_MADE]).dies_at is not Step.TRANSFER
