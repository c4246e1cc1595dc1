"""What the dashboard is handed: something to look through and, unless read-only, something to steer."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from shmtui.events import Event, Severity
from shmtui.shm.faults import Fault
from shmtui.shm.protocol import Role
from shmtui.snapshot import Snapshot

if TYPE_CHECKING:
    from shmtui.monitor.discovery import Entry
    from shmtui.repair.plan import Plan, Refusal


class Source(Protocol):
    """Where snapshots come from."""

    slots_shown: int
    """How many slots' values the next samples shall carry; the ring panel asks for what fits."""

    def sample(self) -> Snapshot:
        """Look once. Cheap enough for the frame callback; never blocks."""

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the segment, for the raw view; fewer where it ends before."""

    def close(self) -> None:
        """Give all descriptors back; the source is of no use afterwards."""


class Log(Protocol):
    """What a program of the user's printed. Lines are hostile text."""

    @property
    def name(self) -> str:
        """Its command."""

    @property
    def pid(self) -> int:
        """Its process."""

    @property
    def lines(self) -> Sequence[str]:
        """The last lines, the oldest first, as they came."""

    @property
    def lines_read(self) -> int:
        """Lines it has printed in all, those no longer kept included."""


class Opener(Protocol):
    """The way to other segments: what there is, and attaching to it."""

    def entries(self) -> "tuple[Entry, ...]":
        """Everything under /dev/shm; takes up to a second on a busy machine."""

    def open(self, name: str, layout: str | None = None) -> "Opened":
        """Attach to a segment, by a layout as ``--layout`` writes it where one was chosen.

        AmbiguousLayoutError: several layouts fit; its ``options`` are to choose from.
        ShmtuiError: it cannot be attached to; the text says why.
        """

    def open_raw(self, name: str) -> "Opened":
        """Attach to a segment and show its bytes."""


class Repairer(Protocol):
    """Makes and carries out a repair of one segment. Both calls may take seconds."""

    def propose(self) -> "Plan | Refusal | None":
        """What would be done, or why nothing may be; None: nothing is wrong. Touches nothing."""

    def carry_out(self, agreed: "Plan") -> "Report | Refusal":
        """Do it, if it is still what is needed. ShmtuiError, OSError: it cannot be done."""


class Auditor(Protocol):
    """Compares what went in with what came out; the snapshots carry what it found."""

    def begin(self) -> None:
        """Bring the workers to rest; the audit comes within seconds, and they go on."""


class Report(Protocol):
    """What a repair did."""

    @property
    def text(self) -> str:
        """Before, after, and whether it moves: one line."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The same in lines, with who was stopped and what is left to do."""


class Opened(Protocol):
    """What attaching gave."""

    @property
    def make_repairer(self) -> "Callable[[], Repairer] | None":
        """Makes what repairs it, unless it is only looked at."""

    @property
    def auditor(self) -> "Auditor | None":
        """What audits it, where there are workers to count."""

    @property
    def source(self) -> Source:
        """Its snapshots."""

    @property
    def steering(self) -> "Steering | None":
        """Its workers, unless it is only looked at."""


class Steering(Protocol):
    """Orders to the workers, by PID. An order for a PID that is not a live worker is ignored."""

    on_event: Callable[[Event], None] | None
    """Called from the event loop with each thing that happens."""

    def watch(self, loop: AbstractEventLoop) -> None:
        """Have ``loop`` notice at once when a child dies; called when the dashboard opens."""

    def history(self) -> tuple[Event, ...]:
        """What happened before the dashboard opened."""

    def emit(self, severity: Severity, text: str) -> None:
        """Put something into the history, and tell whoever listens."""

    def add(self, role: Role) -> None:
        """Start one more worker."""

    def set_rate(self, pid: int, rate: float) -> None:
        """Items per second; infinite = unthrottled."""

    def reset_rate(self, pid: int) -> None:
        """Back to the rate that the worker started with."""

    def pause(self, pid: int) -> None:
        """Hold the worker at its next pause point."""

    def resume(self, pid: int) -> None:
        """Let a paused or stepped worker go on."""

    def step(self, pid: int) -> None:
        """Stop the worker before its next step, or have it do the step that it stands before."""

    def set_fault(self, pid: int, fault: Fault) -> None:
        """Have the worker make a mistake; NONE takes it off."""

    def terminate(self, pid: int) -> None:
        """SIGTERM: the worker ends after its critical section."""

    def kill(self, pid: int) -> None:
        """SIGKILL: the worker ends wherever it is."""

    def restart(self, pid: int) -> None:
        """End a program of the user's and start it again; a worker is left alone."""

    def logs(self) -> Sequence[Log]:
        """What each program of the user's printed, those that have ended included."""

    def owns(self, pid: int) -> bool:
        """Whether ``pid`` is a live worker of ours."""
