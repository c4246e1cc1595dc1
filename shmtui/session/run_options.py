"""What ``run`` was asked for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shmtui.shm.faults import FaultOrder
from shmtui.shm.layout import SemaphoreKind

if TYPE_CHECKING:
    from shmtui.lessons.lesson import Lesson


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What ``run`` was asked for."""

    name: str
    slots: int = 5
    item: str = "int32"
    producers: int = 1
    consumers: int = 1
    produce_rate: float = 1.0
    consume_rate: float = 0.5
    semaphores: SemaphoreKind = SemaphoreKind.EMBEDDED
    mode: int = 0o600
    headless: bool = False
    duration: float | None = None
    keep: bool = False
    producer_commands: tuple[tuple[str, ...], ...] = ()
    consumer_commands: tuple[tuple[str, ...], ...] = ()
    faults: tuple[FaultOrder, ...] = ()
    """Mistakes that the first workers are told to make."""
    json: bool = False
    refresh_hz: float = 10.0
    ascii_only: bool = False
    lesson: "Lesson | None" = None
    """What is told beside the panels."""
