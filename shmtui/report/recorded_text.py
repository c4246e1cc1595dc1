"""What a recording or a capsule is, in a line and as JSON. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from shmtui.i18n import _
from shmtui.recording.incident import ProcessFacts
from shmtui.report.snapshot_json import rfc3339, text
from shmtui.sanitize import inert
from shmtui.session.recorded_segment import RecordedSegment

Json = dict[str, Any]


def recorded_lines(look: RecordedSegment, lines: Iterable[str]) -> Iterator[str]:
    """What the file is, then its last snapshot. All of it may be hostile, even what would be shmtui's own
    words for a live segment.
    """
    return map(inert, (recorded_text(look), *lines))


def recorded_text(look: RecordedSegment) -> str:
    """That it is no live segment, and whose it was and when; and what was left out of it."""
    said = _("a recording of {host} that ends at {time}: not a live segment")
    if look.capsule:
        said = _("a capsule of {host} at {time}: not a live segment")
    host = inert(look.incident.host) or _("a host that is left out")
    line = said.format(host=host, time=rfc3339(look.snapshot.time, "seconds"))
    if look.incident.redacted:
        what = ", ".join(map(inert, look.incident.redacted))
        line += "; " + _("left out on request: {what}").format(what=what)
    return line


def recorded_json(look: RecordedSegment) -> Json:
    """The same for scripts, with what a capsule holds beside the snapshots; null is unknown."""
    its = look.incident
    found: Json = {
        "host": text(its.host) or None,
        "time": rfc3339(look.snapshot.time),
        "version": text(its.version) or None,
        "kernel": text(its.kernel) or None,
        "machine": text(its.machine) or None,
        "kind": "capsule" if look.capsule else "recording",
        "snapshots": look.frames,
        "seconds": its.seconds,
        "redacted": [text(each) for each in its.redacted],
        "plan": [text(each) for each in its.plan],
        "processes": [_process(each) for each in its.processes],
        "semaphores": {text(each.name): each.raw or None for each in its.semaphores},
        "size": its.size or None,
        "copied": its.copied,
    }
    return found


def _process(facts: ProcessFacts) -> Json:
    return {
        "pid": facts.pid,
        "command": text(facts.command) or None,
        "executable": text(facts.executable) or None,
        "maps": [text(each) for each in facts.maps],
        "threads": [
            {
                "tid": each.tid,
                "name": text(each.name) or None,
                "state": text(each.state) or None,
                "channel": text(each.channel) or None,
                "call": list(each.call) or None,
                "waits_on": text(each.waits_on) or None,
                "private": each.private,
                "timed": each.timed,
            }
            for each in facts.threads
        ],
    }


def as_recorded(record: Json, look: RecordedSegment) -> Json:
    """A snapshot's JSON, with the host and the version that saw it, and what it is from."""
    its = look.incident
    whose = {"host": text(its.host) or None, "version": text(its.version) or None}
    return record | whose | {"capsule": recorded_json(look)}
