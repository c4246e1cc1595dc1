"""Dashboards for tests: over made-up snapshots, over real segments, over real workers.

No interval fires by itself: a test calls ``app.tick`` or :func:`ticked`.
"""

import contextlib
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.session.live_source import LiveSource
from shmtui.session.opener import Attachment, AttachOptions, SegmentOpener
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role
from shmtui.shm.segment import SHM_DIR
from shmtui.snapshot import Process, Snapshot
from shmtui.tui.app import DashboardApp
from shmtui.tui.widgets.panel import Panel
from shmtui.workers.supervisor import Supervisor
from tests.waiting import until

NEVER_HZ = 0.001


# What is on the screen.


def panel_text(app: DashboardApp, name: str) -> str:
    """What a panel of the main screen shows."""
    panel = app.main.query_one(f"#{name}", Panel)
    return "\n".join(panel.render_line(y).text for y in range(panel.size.height))


def screen_text(app: DashboardApp) -> str:
    """All that is on the screen."""
    return "\n".join(row.text for row in app.screen._compositor.render_strips())


async def shows(app: DashboardApp, text: str, *, but: str = "") -> str:
    """The screen, once it shows ``text`` and is another than ``but``."""

    def found() -> str:
        if app._exception is not None:
            raise app._exception
        screen = screen_text(app)
        return screen if text in screen and screen != but else ""

    return await until(found, f"{text!r} on the screen")


async def tells(app: DashboardApp, text: str) -> None:
    """Wait until the last message to the user says ``text``."""
    await until(lambda: text in app.last_message, f"{text!r} told to the user")


async def reports(app: DashboardApp, text: str) -> None:
    """Wait until an event says ``text``."""

    def found() -> bool:
        if app._exception is not None:
            raise app._exception
        return any(text in event.text for event in app.dashboard.view.events)

    await until(found, f"an event that says {text!r}")


async def ticked(app: DashboardApp, condition: Callable[[], object], what: str) -> None:
    """Draw frames until the condition holds."""

    def frame() -> bool:
        if app._exception is not None:
            raise app._exception
        app.tick()
        return bool(condition())

    await until(frame, what)


# Made-up snapshots.


def drawing(ascii_only: bool = False) -> DashboardApp:
    """A dashboard that watches nothing, for :func:`draw`."""
    return DashboardApp(None, refresh_hz=NEVER_HZ, ascii_only=ascii_only)


def draw(app: DashboardApp, snapshot: Snapshot) -> None:
    """Draw a snapshot as if it had been sampled."""
    app.dashboard.add_snapshot(snapshot)
    app.draw()


# Real segments and workers.


def ring_bytes(full: int = 3, slots: int = 5, *, in_flight: int = 0) -> bytearray:
    """A buffer in the layout of the exercise (glibc, 5 or 6 slots) with so many full slots."""
    data = bytearray(128)
    struct.pack_into(f"={slots}i", data, 0, *range(slots))
    struct.pack_into("=2i", data, 4 * slots, full % slots, 0)
    for offset, value in ((32, 1), (64, slots - full - in_flight), (96, full)):
        struct.pack_into("=3I", data, offset, value, 0, 0x80)
    return data


def opener_of(folder: Path, **layout: Any) -> SegmentOpener:
    """The way to the segments of a folder, by these options of the layout."""
    return SegmentOpener(AttachOptions(folder=str(folder), layout=LayoutOptions(**layout)))


def open_descriptors(path: Path) -> int:
    """How often this process has a file open."""
    opened = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
    return opened.count(str(path.resolve()))


@contextlib.contextmanager
def watching(name: str, folder: Path | None = None) -> Iterator[DashboardApp]:
    """A read-only dashboard on a segment, without a way to others."""
    where = SHM_DIR if folder is None else str(folder)
    with contextlib.closing(Sampler(name, folder=where)) as sampler:
        yield DashboardApp(Attachment(sampler), refresh_hz=NEVER_HZ)


@dataclass
class Run:
    """A buffer, its supervisor, and the dashboard on them."""

    app: DashboardApp
    supervisor: Supervisor
    buffer: OwnedBuffer

    def process(self, pid: int) -> Process | None:
        """A process as the last sample has it."""
        found = [p for p in self.app.dashboard.latest.processes if p.pid == pid]
        return found[0] if found else None

    async def until(
        self, pid: int, condition: Callable[[Process], object], what: str = "its state"
    ) -> None:
        """Draw frames until the condition holds of a process."""

        def holds() -> object:
            process = self.process(pid)
            return process is not None and condition(process)

        await ticked(self.app, holds, what)


@contextlib.contextmanager
def running(
    buffer: OwnedBuffer,
    workers: Sequence[Role] = (),
    *,
    rate: float = 1.0,
    ascii_only: bool = False,
) -> Iterator[Run]:
    """A dashboard on a run with these workers; they are ended afterwards."""
    supervisor = Supervisor(buffer, dict.fromkeys(Role, rate))
    source = LiveSource(Sampler(buffer.name, read_only=False), supervisor)
    try:
        for role in workers:
            supervisor.start(role)
        app = DashboardApp(Attachment(source), refresh_hz=NEVER_HZ, ascii_only=ascii_only)
        yield Run(app, supervisor, buffer)
    finally:
        source.close()
        supervisor.close()


_MAP = """
import mmap, os, sys
segment = os.open("/dev/shm" + sys.argv[1], os.O_RDWR)
view = mmap.mmap(segment, 0)
print("mapped", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def foreign_process(segment: str, name: str = "foreign") -> Iterator[subprocess.Popen[bytes]]:
    """A process that maps the segment and is called ``name``; it ends with the block."""
    with subprocess.Popen(
        [name, "-c", _MAP, segment],
        executable=sys.executable,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # It finds its library by its name otherwise.
        env=os.environ | {"PYTHONHOME": sys.base_prefix},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"mapped\n"
            yield process
        finally:
            process.kill()
