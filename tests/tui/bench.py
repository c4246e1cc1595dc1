"""In-memory ends for the dashboard: snapshots made to order, orders written down."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shmtui.events import Event, Severity
from shmtui.shm.faults import Fault
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import (
    Health,
    LayoutInfo,
    LayoutSource,
    Method,
    Offsets,
    Origin,
    Process,
    ProcessState,
    SegmentInfo,
    SemaphoreState,
    Slot,
    Snapshot,
    Throughput,
    Totals,
)
from shmtui.tui.app import DashboardApp
from shmtui.tui.ports import Log
from shmtui.tui.widgets import Panel

NOON = 1_700_000_000.0


def process(pid: int, role: Role, **changes: Any) -> Process:
    """A running worker, but for ``changes``."""
    facts: dict[str, Any] = {
        "name": f"{role.value} {pid}",
        "state": ProcessState.RUNNING,
        "origin": Origin.WORKER,
        "target_rate": 1.0,
        "rate": 1.0,
        "items": 10,
        "cpu": 2.0,
    }
    return Process(pid=pid, role=role, **{**facts, **changes})


def snapshot(
    slots: int = 5,
    in_: int | None = 4,
    out: int | None = 1,
    occupancy: int | None = 3,
    shown: int = 0,
    **changes: Any,
) -> Snapshot:
    """A buffer at peace, but for ``changes``."""
    full = occupancy or 0
    semaphores = {
        SemaphoreRole.MUTEX: SemaphoreState(1, 0, True),
        SemaphoreRole.EMPTY: SemaphoreState(slots - full, 0, True),
        SemaphoreRole.FULL: SemaphoreState(full, 0, True),
    }
    values = tuple(
        Slot(
            index,
            40 + index,
            None if occupancy is None or out is None else (index - out) % slots < occupancy,
        )
        for index in range(min(shown, slots))
    )
    facts: dict[str, Any] = {
        "time": NOON,
        "monotonic_ns": 10**12,
        "segment": SegmentInfo("/shm_buffer", 128, 27, 0o600, "me", read_only=False),
        "layout": LayoutInfo(
            LayoutSource.CONTROL, slots, "int32", 4, Offsets(0, 4 * slots, 4 * slots + 4)
        ),
        "in_flight": 0,
        "slots": values,
        "semaphores": semaphores,
        "throughput": Throughput(2.0, 1.0, Method.COUNTERS),
        "processes": (process(101, Role.PRODUCER), process(202, Role.CONSUMER)),
        "totals": Totals(20, 17, 0, 0),
        "health": Health(),
        "uptime": 221.0,
    }
    return Snapshot(in_=in_, out=out, occupancy=occupancy, **{**facts, **changes})


class FakeSource:
    """Hands out whatever ``make`` makes of the number of slots asked for."""

    def __init__(self, make: Callable[[int], Snapshot]) -> None:
        self.slots_shown = 0
        self.make = make
        self.samples = 0

    def sample(self) -> Snapshot:
        """One more sample."""
        self.samples += 1
        return self.make(self.slots_shown)

    def read(self, offset: int, length: int) -> bytes:
        """Nothing but zeros."""
        del offset
        return bytes(length)

    def close(self) -> None:
        """Nothing to give back."""


@dataclass
class FakeSteering:
    """Writes every order down."""

    ours: set[int] = field(default_factory=lambda: {101, 202})
    orders: list[tuple[object, ...]] = field(default_factory=list)
    watched: bool = False
    on_event: Callable[[Event], None] | None = None

    def watch(self, loop: AbstractEventLoop) -> None:
        """Noted."""
        self.watched = loop.is_running()

    def history(self) -> tuple[Event, ...]:
        """One event from before."""
        return (Event(NOON, Severity.GOOD, "created"),)

    def emit(self, severity: Severity, text: str) -> None:
        """Noted."""
        self.orders.append(("emit", severity, text))

    def add(self, role: Role) -> None:
        """Noted."""
        self.orders.append(("add", role))

    def set_rate(self, pid: int, rate: float) -> None:
        """Noted."""
        self.orders.append(("set_rate", pid, rate))

    def reset_rate(self, pid: int) -> None:
        """Noted."""
        self.orders.append(("reset_rate", pid))

    def pause(self, pid: int) -> None:
        """Noted."""
        self.orders.append(("pause", pid))

    def resume(self, pid: int) -> None:
        """Noted."""
        self.orders.append(("resume", pid))

    def step(self, pid: int) -> None:
        """Noted."""
        self.orders.append(("step", pid))

    def set_fault(self, pid: int, fault: Fault) -> None:
        """Noted."""
        self.orders.append(("set_fault", pid, fault))

    def terminate(self, pid: int) -> None:
        """Noted."""
        self.orders.append(("terminate", pid))

    def kill(self, pid: int) -> None:
        """Noted."""
        self.orders.append(("kill", pid))

    def restart(self, pid: int) -> None:
        """Noted."""
        self.orders.append(("restart", pid))

    def logs(self) -> Sequence[Log]:
        """None of these workers prints anything."""
        return ()

    def owns(self, pid: int) -> bool:
        """Whether it is one of ours."""
        return pid in self.ours


@dataclass
class Bench:
    """A dashboard whose interval never fires by itself: tests step it with ``app.tick``."""

    app: DashboardApp
    source: FakeSource
    steering: FakeSteering

    def text(self, name: str) -> str:
        """What a panel shows."""
        panel = self.app.screen_stack[0].query_one(f"#{name}", Panel)
        return "\n".join(panel.render_line(y).text for y in range(panel.size.height))


def lay_out(
    make: Callable[[int], Snapshot] | None = None,
    *,
    read_only: bool = False,
    ascii_only: bool = False,
    ours: frozenset[int] = frozenset({101, 202}),
) -> Bench:
    """A dashboard over the snapshots that ``make`` makes."""
    source = FakeSource(make or (lambda shown: snapshot(shown=shown)))
    steering = FakeSteering(set(ours))
    ends = None if read_only else steering
    app = DashboardApp(source, ends, refresh_hz=0.001, ascii_only=ascii_only)
    return Bench(app, source, steering)
