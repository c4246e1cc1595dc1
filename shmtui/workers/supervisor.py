"""The supervisor: starts workers and programs of the user's, ends them, and says what happens.

Children are started by exec from the main thread, never by fork alone: the kernel ends them with
the thread that started them, and a fork of a process with an event loop shares its signal wake-up.
Each has a process group of its own in the same session. So Ctrl+C in the terminal reaches the
dashboard alone, and the kernel continues a stopped child when the dashboard is gone.
"""

import asyncio
import contextlib
import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.events import Event, Severity
from shmtui.i18n import _
from shmtui.shm.control_block import ControlRecord
from shmtui.shm.control_format import STEP_MASK, Field, Flags, Header
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role, Step, format_rate
from shmtui.workers.child import Child, require_command, spawn_program, spawn_worker, start_child
from shmtui.workers.children import Children
from shmtui.workers.exit_text import died_mid_transfer, exit_text
from shmtui.workers.orders import Orders

RETIRE_SECONDS: Final = 5.0
"""Time for which the record of a worker that has ended is kept at the least, for others to see."""
FIRST_FRAME_SECONDS: Final = 0.08
"""About the time between the dashboard's first event and its first frame."""
HISTORY: Final = 200
"""Events that are kept."""


class Supervisor:
    """Runs the workers of one buffer. Not thread-safe: to be called from the main thread."""

    def __init__(self, buffer: OwnedBuffer, rates: dict[Role, float]) -> None:
        self._buffer, self._control = buffer, buffer.control
        self._segment = buffer.name
        self._rates = rates
        self._children = Children(self._ended)
        self.orders = Orders(self._children, buffer.layout.kind, self.emit)
        """Orders to the live children."""
        self._programs: dict[int, Child] = {}
        self._numbers = dict.fromkeys(Role, 0)
        self._died_mid_transfer: list[str] = []
        self.workers_ended = 0
        """How many workers have been reaped, programs of the user's not among them."""
        self._history: deque[Event] = deque(maxlen=HISTORY)
        self._start_later: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.step_program: Callable[[Child], None] | None = None
        """Takes a program of the user's step by step; None: nothing here can. ShmtuiError: it cannot be."""
        self.on_event: Callable[[Event], None] | None = None
        """Called with each event."""

    def history(self) -> tuple[Event, ...]:
        """The last events, the oldest first."""
        return tuple(self._history)

    def emit(self, severity: Severity, text: str) -> None:
        """Add an event to the history, and hand it to ``on_event``."""
        event = Event(time.time(), severity, text)
        self._history.append(event)
        if self.on_event is not None:
            self.on_event(event)

    def _emit_about(self, child: Child, severity: Severity, text: str, **fields: object) -> None:
        """Emit ``text`` with the child's name and PID filled in."""
        self.emit(severity, text.format(name=child.name, pid=child.pid, **fields))

    @property
    def died_mid_transfer(self) -> tuple[str, ...]:
        """Names of the workers that were killed while they moved an item."""
        return tuple(self._died_mid_transfer)

    def owns(self, pid: int) -> bool:
        """Whether ``pid`` is a live child of this supervisor."""
        return pid in self._children.by_pid

    @property
    def pids(self) -> tuple[int, ...]:
        """PIDs of the live children, in the order in which they were started."""
        return tuple(self._children.by_pid)

    @property
    def let_go(self) -> Callable[[Child, signal.Signals], None] | None:
        """Called before a program of the user's gets a signal: it is stepped no longer then."""
        return self._children.before_signal

    @let_go.setter
    def let_go(self, let_go: Callable[[Child, signal.Signals], None] | None) -> None:
        self._children.before_signal = let_go

    def ready(self) -> bool:
        """Whether every live worker has joined the buffer."""
        return all(
            child.program or child.record.words[Field.STEP] & STEP_MASK != Step.STARTING
            for child in self._children
        )

    # -- starting ---------------------------------------------------------------------------

    def add(self, role: Role) -> None:
        """Start one more worker; a failure becomes an event."""
        with self._failure_reported():
            self.start(role)

    @contextlib.contextmanager
    def _failure_reported(self) -> Iterator[None]:
        try:
            yield
        except ShmtuiError as error:
            self.emit(Severity.BAD, str(error))

    def start(self, role: Role, *, hold: bool = False) -> int:
        """Start a worker at its role's rate, held still with ``hold``; returns its PID.

        ShmtuiError: it cannot be started.
        """
        number, rate = self._numbers[role] + 1, self._rates[role]
        record = self._control.claim_record(role, number, rate, hold=hold)
        child = start_child(lambda: spawn_worker(self._segment, record), record, role, number, rate)
        self._take_in(child)
        text = _("{name} (PID {pid}) started at {rate}/s")
        if math.isinf(rate):
            text = _("{name} (PID {pid}) started unthrottled")
        self._emit_about(child, Severity.GOOD, text, rate=format_rate(rate))
        return child.pid

    def start_program(self, role: Role, command: tuple[str, ...]) -> int:
        """Start a program of the user's as a producer or consumer; returns its PID.

        ShmtuiError: it cannot be started.
        """
        require_command(command)
        number = self._numbers[role] + 1
        record = self._control.claim_record(role, number, math.inf, hold=False)
        record.words[Field.PROGRAM] = 1
        pipe = self._children.start_guard()
        child = start_child(
            lambda: spawn_program(command, pipe), record, role, number, math.inf, command
        )
        self._take_in(child)
        self._programs[child.pid] = child
        text = _("{name} (PID {pid}) started as a producer")
        if role is Role.CONSUMER:
            text = _("{name} (PID {pid}) started as a consumer")
        self._emit_about(child, Severity.GOOD, text)
        return child.pid

    def _take_in(self, child: Child) -> None:
        self._numbers[child.role] = child.number
        self._children.add(child)

    def start_later(self, start: Callable[[], None]) -> None:
        """Have ``start`` called a moment after the event loop runs, once the first frame is drawn.

        On a small machine, starting workers beside the dashboard would make both late.
        """
        self._start_later = start

    def _start_now(self) -> None:
        start, self._start_later = self._start_later, None
        with self._failure_reported():
            if start is not None:
                start()

    # -- ending -----------------------------------------------------------------------------

    def terminate(self, pid: int) -> None:
        """SIGTERM: a worker ends once it holds nothing."""
        child = self._children.by_pid.get(pid)
        if child is not None:
            self._emit_about(child, Severity.INFO, _("{name} told to end"))
            self._children.end(child)

    def kill(self, pid: int) -> None:
        """SIGKILL: the child ends wherever it is."""
        child = self._children.by_pid.get(pid)
        if child is not None:
            self._children.signal(child, signal.SIGKILL)

    def send(self, pid: int, number: signal.Signals) -> None:
        """Any signal. SIGTERM and SIGKILL end the child as `terminate` and `kill` do."""
        child = self._children.by_pid.get(pid)
        if child is None:
            return
        if number is signal.SIGTERM:
            self.terminate(pid)
            return
        self._emit_about(child, Severity.INFO, _("{name}: {signal} sent"), signal=number.name)
        self._children.signal(child, number)

    def step(self, pid: int) -> str | None:
        """Stop a worker or program before its next step; if it is held there, let it do that step. Returns
        why a program cannot be stepped.
        """
        child = self._children.by_pid.get(pid)
        if child is None or not child.program:
            self.orders.step(pid)
        elif self.step_program is not None:
            if child.record.words[Field.HOLD]:
                self.orders.resume(pid)
            try:
                self.step_program(child)
            except ShmtuiError as error:
                return str(error)
            child.record.order(steps=1)
        return None

    def restart(self, pid: int) -> None:
        """End a program of the user's and start it again; one that has ended is just started."""
        program = self._programs.get(pid)
        if program is None:
            return
        if pid in self._children.by_pid:
            program.restart = True
            self.terminate(pid)
        else:
            self._start_again(program)

    def logs(self) -> tuple[Child, ...]:
        """The programs of the user's with what they printed, those that have ended included."""
        return tuple(self._programs.values())

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have ``loop`` notice at once when a child ends or prints something."""
        self._loop = loop
        self._children.watch(loop)
        if self._start_later is not None:
            loop.call_later(FIRST_FRAME_SECONDS, self._start_now)

    def reap(self, seconds: float) -> None:
        """Without an event loop: wait up to ``seconds`` for a child that ends, and reap it."""
        self._children.reap(seconds)

    def close(self) -> None:
        """End every child, by SIGKILL where SIGTERM is not enough; blocks for 4 s at the most."""
        self._loop = None
        self._children.close()

    def _ended(self, child: Child, status: int) -> None:
        """Record and report the end of a child that has been reaped."""
        self.workers_ended += not child.program
        child.record.set_ended(status, time.monotonic_ns())
        self.emit(Severity.INFO if status == 0 else Severity.BAD, exit_text(child, status))
        if died_mid_transfer(child, status):
            self._died_mid_transfer.append(child.name)
        if self._loop is not None:
            held = self._buffer.held_at() if status else b""
            self._loop.call_later(RETIRE_SECONDS, self._retire, self._loop, child.record, held)
            if child.restart:
                self._start_again(child)

    def _retire(self, loop: asyncio.AbstractEventLoop, record: ControlRecord, held: bytes) -> None:
        """Free the record of a worker that has ended. ``held``: where it died with mutex taken, the indices then. As
        long as that is so, and only workers take part, the record tells who has mutex.
        """
        others = self._programs or self._control.words[Header.FLAGS] & Flags.GUESTS
        if held and not others and self._buffer.held_at() == held:
            loop.call_later(RETIRE_SECONDS, self._retire, loop, record, held)
        else:
            self._control.retire(record)

    def _start_again(self, ended: Child) -> None:
        """Start a program anew; its output takes the place of the old one's."""
        with self._failure_reported():
            self.start_program(ended.role, ended.program)
            self._programs.pop(ended.pid, None)

    # -- measured rates ---------------------------------------------------------------------

    def publish(
        self, now_ns: int, produced: float | None, consumed: float | None, rates: dict[int, float]
    ) -> None:
        """Write measured rates into the control block, for those who read it only once.

        Items per second, in all and by PID; None is stored as NaN. ``now_ns``: CLOCK_MONOTONIC.
        """
        self._control.publish(
            now_ns,
            math.nan if produced is None else produced,
            math.nan if consumed is None else consumed,
        )
        for pid, rate in rates.items():
            child = self._children.by_pid.get(pid)
            if child is not None:
                child.record.doubles[Field.SHOWN_RATE] = rate

    def note_guests(self) -> None:
        """Write into the control block that programs of others took part."""
        self._control.note_guests()
