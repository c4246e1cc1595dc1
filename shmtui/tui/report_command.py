"""The key of the incident report: writes its text and a capsule beside it, while the dashboard goes on."""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.events import Severity
from shmtui.i18n import _
from shmtui.monitor.sampler import Sampler
from shmtui.recording.recorder import new_path
from shmtui.recording.schema import Frame
from shmtui.report.incident_markdown import incident_lines
from shmtui.session import incident_report

if TYPE_CHECKING:
    from shmtui.tui.app import DashboardApp


async def write_report(app: "DashboardApp") -> None:
    """Report what is on the screen and was in the last half minute; an event says where it is."""
    dashboard = app.dashboard
    frames = dashboard.recent.frames()
    if dashboard.attachment is None or not frames or dashboard.reporting:
        return
    dashboard.reporting = True
    app.tell(_("writing an incident report"))
    try:
        sampler = dashboard.attachment.sampler
        text, capsule = await asyncio.to_thread(_write, sampler, frames)
    except (ShmtuiError, OSError) as error:
        said = _("no incident report: {why}").format(why=error)
        dashboard.report(Severity.BAD, said)
    else:
        said = _("incident report: {text}, with the capsule {capsule}")
        said = said.format(text=text.absolute(), capsule=capsule)
        dashboard.report(Severity.INFO, said)
    finally:
        dashboard.reporting = False
    app.tell(said)


def _write(watched: Sampler, frames: list[Frame]) -> tuple[Path, Path]:
    """Write both files by a sampler of its own; returns where. ShmtuiError: that cannot be."""
    first, last = frames[0].snapshot, frames[-1].snapshot
    now, name = time.time(), last.segment.name
    text, capsule = (new_path(name, now, ending) for ending in (".md", ".capsule"))
    options = replace(watched.options, progress=None)
    with contextlib.closing(Sampler(watched.name, options, folder=watched.folder)) as sampler:
        sampler.sample()
        seconds = (last.monotonic_ns - first.monotonic_ns) / 1e9
        found = incident_report.gather(sampler, last, seconds)
        found, stretches = incident_report.with_bytes(sampler, found)
        incident_report.write_capsule(capsule, frames, found, stretches)
    events = [event for frame in frames for event in frame.events][::-1]
    incident_report.write_text(text, incident_lines(last, found, events))
    return text, capsule
