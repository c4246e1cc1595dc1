"""An incident report as Markdown, to be pasted into a ticket. Pure.

What comes from elsewhere stands in code spans and fenced blocks, where it is neither markup nor a link nor
a mention of anybody.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from shmtui.diagnosis.wait_graph import wait_graph
from shmtui.events import Event
from shmtui.i18n import _, ngettext
from shmtui.recording.incident import Incident, ProcessFacts, ThreadFacts
from shmtui.report.buffer_text import buffer_lines
from shmtui.report.graph_text import graph_lines
from shmtui.report.snapshot_json import rfc3339
from shmtui.report.snapshot_text import finding_lines, heading, process_lines, sight_lines
from shmtui.sanitize import inert
from shmtui.snapshot import Snapshot, word

EVENTS: Final = 30
"""How many of the last events are in it."""


def incident_lines(
    snapshot: Snapshot, incident: Incident, events: Sequence[Event], origin: str = ""
) -> Iterator[str]:
    """The report in lines. ``events``: the newest first. ``origin``: the line of a capsule that it is made
    of; empty for a segment that is there.
    """
    health = snapshot.health
    yield "# " + _("Incident report: {name}").format(name=code(snapshot.segment.name))
    yield ""
    if origin:
        yield f"- {code(origin)}"
    for label, text in _facts(snapshot, incident):
        yield f"- {label}: {code(text)}"
    if incident.redacted and not origin:
        text = _("left out on request: {what}")
        yield "- " + text.format(what=code(", ".join(incident.redacted)))
    yield from _section(_("Segment and layout"), _layout(snapshot))
    named = (f"  {each.name}  {each.raw}" for each in incident.semaphores if each.raw)
    yield from _section(_("Ring, locks and semaphores"), (*buffer_lines(snapshot), *named))
    found = [line for finding in health.findings for line in finding_lines(finding)]
    found += ["  " + _("undecided: {reason}").format(reason=each) for each in health.undecided]
    if not health.findings:
        found += [f"  · {fact}" for fact in health.judged]
    yield from _section(_("Findings"), [*found, *sight_lines(snapshot)])
    yield from _section(_("What shmtui repair would do (nothing was changed)"), incident.plan)
    yield from _section(_("Processes"), _processes(snapshot, incident))
    graph = wait_graph((snapshot, *incident.related), incident.process_of)
    yield from _section(_("Who waits for what"), graph_lines(graph))
    shown = [_event(event) for event in events[:EVENTS]][::-1]
    yield from _section(_("Last events"), shown)


def _facts(snapshot: Snapshot, incident: Incident) -> Iterator[tuple[str, str]]:
    watched = _("{time}, watched for {seconds:.3g} s")
    yield (
        _("time"),
        watched.format(time=rfc3339(snapshot.time, "seconds"), seconds=incident.seconds),
    )
    yield _("host"), incident.host or (_("left out") if incident.redacted else _("unknown"))
    yield _("kernel"), " ".join((incident.kernel, incident.machine)).strip() or _("unknown")
    yield "shmtui", incident.version or _("unknown")
    codes = ", ".join(dict.fromkeys(f.code for f in snapshot.health.findings))
    status = word(snapshot.health.status)
    yield _("health"), f"{status}: {codes}" if codes else status


def _layout(snapshot: Snapshot) -> Iterator[str]:
    layout = snapshot.layout
    yield heading(snapshot)
    if layout.has_ring:
        places = layout.offsets
        known = {
            "data": places.data, "in": places.in_, "out": places.out, "mutex": places.mutex,
            "empty": places.empty, "full": places.full,
        }  # fmt: skip
        yield "  " + _("bytes: {places}").format(
            places=", ".join(f"{name} {at}" for name, at in known.items() if at is not None)
        )
    for assumption in layout.assumptions:
        yield f"  {assumption}"
    for candidate in layout.candidates[:8]:
        yield f"  {candidate}"


def _processes(snapshot: Snapshot, incident: Incident) -> Iterator[str]:
    yield from process_lines(snapshot)
    for facts in incident.processes:
        yield ""
        yield from _process(facts)
    if incident.more_processes:
        text = ngettext("{count} process more", "{count} processes more", incident.more_processes)
        yield text.format(count=incident.more_processes)


def _process(facts: ProcessFacts) -> Iterator[str]:
    yield f"PID {facts.pid}  {facts.command}".rstrip()
    if facts.executable:
        yield f"  {_('program')}  {facts.executable}"
    for thread in facts.threads:
        yield "  " + thread_text(thread, hidden=facts.calls_hidden)
    if facts.more_threads:
        text = ngettext("{count} thread more", "{count} threads more", facts.more_threads)
        yield "  " + text.format(count=facts.more_threads)
    for line in facts.maps:
        yield f"  {line}"


def thread_text(thread: ThreadFacts, *, hidden: bool) -> str:
    """A thread and where it waits; ``hidden``: its system call may not be known."""
    parts = [f"TID {thread.tid}", thread.name, thread.state, thread.channel]
    if thread.call:
        number, *arguments = thread.call
        given = ", ".join(f"{each:#x}" for each in arguments)
        parts.append(
            _("in system call {number}({arguments})").format(number=number, arguments=given)
        )
    elif hidden:
        parts.append(_("its system call is hidden from this user"))
    if thread.waits_on:
        parts.append(_("waits on {what}").format(what=thread.waits_on))
    if thread.private:
        parts.append(_("PROCESS-PRIVATE"))
    if thread.timed:
        parts.append(_("with a timeout"))
    return "  ".join(filter(None, parts))


def _event(event: Event) -> str:
    return f"{rfc3339(event.time, 'milliseconds')}  {event.severity:<4}  {event.text}"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    """A heading and a fenced block; nothing where there are no lines."""
    text = [inert(line).rstrip() for line in lines]
    if not text:
        return
    fence = "`" * max(3, 1 + _longest_ticks("\n".join(text)))
    yield from ("", f"## {title}", "", f"{fence}text", *text, fence)


def code(text: str) -> str:
    r"""A code span that holds any text as it is.

    >>> code("/jobs"), code("a`b"), code("")
    ('`/jobs`', '``a`b``', '` `')
    """
    text = inert(text) or " "
    ticks = "`" * (1 + _longest_ticks(text))
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{edge}{text}{edge}{ticks}"


def _longest_ticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
