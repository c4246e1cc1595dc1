"""A process in full, as lines."""

import shlex
import time
from collections.abc import Callable, Iterable, Iterator

from shmtui.i18n import _
from shmtui.procfs.process_details import ProcessDetails, process_details
from shmtui.recording.incident import Incident, ProcessFacts
from shmtui.report.incident_markdown import thread_text
from shmtui.snapshot import Process, word
from shmtui.tui.draw.process_columns import waited_for
from shmtui.tui.formatting import format_bytes, format_date, format_uptime
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, line, wrap, wrapped

LABEL = 12
"""Cells of the column of labels."""


def details_now(process: Process, glyphs: Glyphs) -> Callable[[int], list[Line]]:
    """A process as /proc has it at this moment, in lines for a width."""
    seen, now = process_details(process.pid), time.time()
    return lambda width: portrait_text(process, seen, now, width, glyphs)


def details_then(
    process: Process, glyphs: Glyphs, incident: Incident | None = None
) -> Callable[[int], list[Line]]:
    """A process as a recording has it, in lines for a width: nothing is read of those that run now.
    ``incident``: what a capsule has of it beside that, as of its end.
    """
    kept = () if incident is None else incident.processes
    seen = next((each for each in kept if each.pid == process.pid), None)

    def text(width: int) -> list[Line]:
        facts = list(_part(process, glyphs))
        if process.user is not None:
            facts.append((_("user"), process.user))
        if process.since is not None:
            facts.append((_("started"), format_date(process.since)))
        if seen is not None and seen.command:
            facts.append((_("command"), seen.command))
        if seen is not None and seen.executable:
            facts.append((_("program"), seen.executable))
        rows = [*_heading(process, glyphs), *_facts(facts, width, glyphs)]
        return rows if seen is None else [*rows, *_threads_then(seen, width, glyphs)]

    return text


def _threads_then(seen: ProcessFacts, width: int, glyphs: Glyphs) -> Iterator[Line]:
    yield ()
    yield line((_("Threads at the end of the capsule"), "title"))
    for thread in seen.threads:
        text = thread_text(thread, hidden=seen.calls_hidden)
        yield from wrapped(glyphs.inert(text), width)


def _heading(process: Process, glyphs: Glyphs) -> list[Line]:
    return [line((glyphs.inert(process.name), "strong"), (f"  PID {process.pid}", "muted")), ()]


def _facts(facts: Iterable[tuple[str, str]], width: int, glyphs: Glyphs) -> list[Line]:
    """Labels and values, in lines of ``width`` cells."""
    return [
        line((f"{'' if at else label:<{LABEL}}", "muted"), text)
        for label, value in facts
        for at, text in enumerate(wrap(glyphs.inert(value), width - LABEL))
    ]


def portrait_text(
    process: Process, seen: ProcessDetails | None, now: float, width: int, glyphs: Glyphs
) -> list[Line]:
    """A process as in the table and what /proc adds, in lines of ``width`` cells.

    ``now`` is in seconds since the epoch.
    """
    facts = [*_part(process, glyphs), *(_system(seen, now) if seen is not None else ())]
    rows = [*_heading(process, glyphs), *_facts(facts, width, glyphs)]
    if seen is None:
        return [*rows, (), line((_("It has ended: /proc has no entry for it any more."), "warn"))]
    if seen.threads:
        rows += [(), line((_("Threads"), "title"))]
    for t in seen.threads:
        where = _("hidden") if t.wchan is None else t.wchan or _("running, or not known")
        text = f"{t.tid:>8}  {t.name:<16} {t.cpu_seconds:8.2f} s  {where}"
        rows.append(line(glyphs.inert(text)))
    if seen.hidden:
        text = _("hidden from this user: {what}; root may read it")
        text = glyphs.inert(text.format(what=", ".join(seen.hidden)))
        rows += [(), *wrapped(text, width, "warn")]
    return rows


def _part(process: Process, glyphs: Glyphs) -> Iterator[tuple[str, str]]:
    yield _("role"), word(process.role)
    state = word(process.state)
    if process.blocked_on is not None or process.sleeps_on or process.one_of:
        waited = waited_for(process, glyphs)
        text = _("{state} on {semaphore} for {time}") if waited else _("{state} on {semaphore}")
        state = text.format(
            state=state,
            semaphore=process.blocked_word or ", ".join(process.sleeps_on),
            time=waited,
        )
    yield _("state"), state
    if process.wakeable is not None:
        yes = _("yes: by a sem_post of any process")
        no = _("no: it sleeps on a process-private futex, which no other process can wake")
        yield _("wakeable"), yes if process.wakeable else no
    if process.step is not None:
        yield _("step"), process.step
    if process.items is not None:
        yield _("items"), f"{process.items:,}"
    if process.stores:
        yield _("stores into"), ", ".join(process.stores)
    if process.libc is not None:
        yield _("libc"), process.libc
    if process.ending is not None:
        yield _("ended"), process.ending


def _system(seen: ProcessDetails, now: float) -> Iterator[tuple[str, str]]:
    if seen.command:
        yield _("command"), shlex.join(seen.command)
    if seen.executable is not None:
        yield _("program"), seen.executable
    if seen.folder is not None:
        yield _("folder"), seen.folder
    if seen.user is not None:
        yield _("user"), seen.user
    if seen.parent_pid is not None:
        yield _("parent"), f"{seen.parent or '?'} (PID {seen.parent_pid})"
    if seen.started is not None:
        date, ago = format_date(seen.started), format_uptime(now - seen.started)
        yield _("started"), _("{date}, {time} ago").format(date=date, time=ago)
    if seen.user_seconds is not None and seen.system_seconds is not None:
        text = _("{own:.2f} s of its own, {kernel:.2f} s in the kernel")
        yield _("CPU time"), text.format(own=seen.user_seconds, kernel=seen.system_seconds)
    if seen.resident is not None:
        yield _("memory"), _("{bytes} resident").format(bytes=format_bytes(seen.resident))
    if seen.nice:
        yield _("nice"), str(seen.nice)
