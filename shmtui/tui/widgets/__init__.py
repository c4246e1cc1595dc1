"""The panels: each draws a view in one line-API widget, and knows nothing else."""

from shmtui.tui.widgets.events import EventsPanel
from shmtui.tui.widgets.key_bar import KeyBar
from shmtui.tui.widgets.palette import RoleStyles
from shmtui.tui.widgets.panel import Panel
from shmtui.tui.widgets.processes import ProcessesPanel
from shmtui.tui.widgets.repaint import Ground
from shmtui.tui.widgets.ring import RingPanel
from shmtui.tui.widgets.semaphores import SemaphoresPanel
from shmtui.tui.widgets.throughput import ThroughputPanel
from shmtui.tui.widgets.title_bar import TitleBar

__all__ = [
    "EventsPanel",
    "Ground",
    "KeyBar",
    "Panel",
    "ProcessesPanel",
    "RingPanel",
    "RoleStyles",
    "SemaphoresPanel",
    "ThroughputPanel",
    "TitleBar",
]
