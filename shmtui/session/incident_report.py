"""An incident report: watches a segment, gathers what a ticket needs, writes the file. Read only."""

import os
import stat
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from shmtui import __version__
from shmtui.errors import ShmtuiError, shortage
from shmtui.i18n import _
from shmtui.monitor.event_log import EventLog
from shmtui.monitor.related_segments import RelatedSegments
from shmtui.monitor.sampler import Sampler
from shmtui.recording.capsule import Stretch, capsule_lines
from shmtui.recording.incident import Incident
from shmtui.recording.recent import RecentFrames
from shmtui.recording.recorder import RECORDED_SLOTS
from shmtui.recording.redaction import redacted
from shmtui.recording.schema import Frame
from shmtui.recording.writer import RecordingWriter
from shmtui.repair.executor import Repairer
from shmtui.repair.plan import proposal_lines
from shmtui.session.incident_facts import MOST_PROCESSES, named_semaphores, process_facts
from shmtui.session.segment_copy import copy_segment
from shmtui.snapshot import Snapshot

_SAMPLE_SECONDS: Final = 0.1
_BETWEEN: Final = 3
"""How often a ring is read between two samples."""
_SAMPLES_PER_SECOND: Final = 3
_LEAST_SAMPLES: Final = 12
"""So many at the most are taken however long each takes: a finding rests on several that agree."""


def watch(sampler: Sampler, seconds: float) -> list[Frame]:
    """Watch for ``seconds``; the frames of the last half minute."""
    sampler.slots_shown = RECORDED_SLOTS
    log, recent, taken = EventLog(), RecentFrames(), 0
    end, least = time.monotonic() + seconds, min(1 + seconds * _SAMPLES_PER_SECOND, _LEAST_SAMPLES)
    while taken < least or time.monotonic() < end:
        snapshot = sampler.sample()
        log.add_snapshot(snapshot, workers_too=True)
        recent.add(snapshot, log.take_new())
        taken += 1
        for _pause in range(_BETWEEN):
            time.sleep(_SAMPLE_SECONDS / _BETWEEN)
            sampler.sample_ring()
    return recent.frames()


def gather(sampler: Sampler, snapshot: Snapshot, seconds: float) -> Incident:
    """What the snapshots do not say of the incident. It takes seconds where there are findings: the plan
    of a repair is made from a watch of its own, as ``repair`` makes it.
    """
    system = os.uname()
    alive = sum(process.alive for process in snapshot.processes)
    # First what passes: where each thread waits.
    return Incident(
        processes=process_facts(sampler, snapshot),
        more_processes=max(0, alive - MOST_PROCESSES),
        semaphores=named_semaphores(sampler, snapshot),
        related=_related(sampler, snapshot),
        host=system.nodename,
        version=__version__,
        kernel=f"{system.sysname} {system.release}",
        machine=system.machine,
        time=snapshot.time,
        seconds=round(seconds, 2),
        plan=_plan(sampler, snapshot),
    )


def _related(sampler: Sampler, snapshot: Snapshot) -> tuple[Snapshot, ...]:
    with RelatedSegments(snapshot, sampler.folder) as related:
        related.sample()
        time.sleep(_SAMPLE_SECONDS)
        return related.sample()


def _plan(sampler: Sampler, snapshot: Snapshot) -> tuple[str, ...]:
    if not snapshot.health.findings:
        return tuple(proposal_lines(None))
    options = replace(sampler.options, progress=None)
    try:
        return tuple(proposal_lines(Repairer(sampler.name, options, sampler.folder).propose()))
    except ShmtuiError as error:
        return (str(error),)


def with_bytes(sampler: Sampler, incident: Incident) -> tuple[Incident, tuple[Stretch, ...]]:
    """The bytes of the segment, and the incident with how much of it these are."""
    size = sampler.sample(judge=False).segment.size
    stretches, copied = copy_segment(sampler, size)
    kept = sum(len(raw) for _offset, raw in stretches)
    return replace(incident, size=size, copied=copied, kept=kept), stretches


def write_capsule(
    path: Path,
    frames: Sequence[Frame],
    incident: Incident,
    stretches: Iterable[Stretch] = (),
    *,
    redact: bool = False,
    force: bool = False,
) -> None:
    """Write a capsule, readable by its owner alone. ``redact``: see `shmtui.recording.redaction`; no bytes
    are written then. RecordingError: it cannot be written, or the file exists. What is not whole is
    removed.
    """
    if redact:
        frames, incident = redacted(frames, incident)
        stretches = ()
    writer = RecordingWriter(path, force=force, host=incident.host)
    try:
        for frame in frames:
            writer.add(frame.snapshot, frame.events)
        writer.add_capsule(capsule_lines(incident, stretches))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        writer.close()


def write_text(path: Path, lines: Iterable[str], *, force: bool = False) -> None:
    """Write a report, readable by its owner alone. ShmtuiError: it cannot be written, or the file exists."""
    require_no_file(path, force=force)
    text = "\n".join(lines) + "\n"
    beside = path.with_name(f".{path.name}.{os.getpid()}.new") if force else path
    try:
        if force:
            beside.unlink(missing_ok=True)  # That of one that was killed.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(beside, flags, 0o600)
        try:
            with open(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            if force:
                beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        wrong = _("cannot write {path}: {why}")
        why = shortage(error) or error.strerror
        raise ShmtuiError(wrong.format(path=path, why=why)) from None


def require_no_file(path: Path, *, force: bool) -> None:
    """ShmtuiError: the file exists, and ``force`` was not given or it is no plain one."""
    try:
        plain = stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return  # It is not there; or it cannot be written, which the writing will say.
    if force and plain:
        return
    wrong = _("{path} exists: give another name, or remove it (--force replaces it)")
    if not plain:
        wrong = _("{path} is not a regular file, so it is not replaced: give another name")
    raise ShmtuiError(wrong.format(path=path))
