"""A process in full, as lines. Pure."""

import shlex
from collections.abc import Iterator

from shmtui.i18n import _
from shmtui.procfs.process_details import ProcessDetails
from shmtui.sanitize import inert
from shmtui.snapshot import Process, word
from shmtui.tui.cell_text import wrap
from shmtui.tui.formatting import format_bytes, format_date, format_uptime, format_wait
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, line

LABEL = 12
"""Cells of the column of labels."""


def portrait_text(
    process: Process, seen: ProcessDetails | None, now: float, width: int, glyphs: Glyphs
) -> list[Line]:
    """A process as in the table and what /proc adds, in lines of ``width`` cells.

    ``now`` is in seconds since the epoch.
    """
    ascii_only = glyphs.ascii_only
    rows: list[Line] = [
        line((inert(process.name, ascii_only), "strong"), (f"  PID {process.pid}", "muted")),
        (),
    ]
    for label, value in (*_part(process), *_system(seen, now)):
        for at, text in enumerate(wrap(inert(value, ascii_only), width - LABEL)):
            rows.append(line((f"{label if at == 0 else '':<{LABEL}}", "muted"), text))
    if seen is None:
        rows += [(), line((_("It has ended: /proc has no entry for it any more."), "warn"))]
        return rows
    if seen.threads:
        rows += [(), line((_("Threads"), "title"))]
        rows += [
            line(_thread(t.tid, t.name, t.wchan, t.cpu_seconds, ascii_only)) for t in seen.threads
        ]
    if seen.hidden:
        text = _("hidden from this user: {what}; root may read it").format(
            what=", ".join(seen.hidden)
        )
        rows += [(), *(line((piece, "warn")) for piece in wrap(inert(text, ascii_only), width))]
    return rows


def _part(process: Process) -> Iterator[tuple[str, str]]:
    """Its role and state in the buffer."""
    yield _("role"), word(process.role)
    state = word(process.state)
    if process.blocked_on is not None:
        state = _("{state} on {semaphore} for {time}").format(
            state=state, semaphore=process.blocked_on, time=format_wait(process.blocked_for)
        )
    yield _("state"), state
    if process.wakeable is not None:
        yield (
            _("wakeable"),
            _("yes: by a sem_post of any process")
            if process.wakeable
            else _("no: it sleeps on a process-private futex, which no other process can wake"),
        )
    if process.step is not None:
        yield _("step"), process.step
    if process.items is not None:
        yield _("items"), f"{process.items:,}"
    if process.libc is not None:
        yield _("libc"), process.libc
    if process.ending is not None:
        yield _("ended"), process.ending


def _system(seen: ProcessDetails | None, now: float) -> Iterator[tuple[str, str]]:
    """What /proc says of it."""
    if seen is None:
        return
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
        lasted = format_uptime(max(now - seen.started, 0))
        yield (
            _("started"),
            _("{date}, {time} ago").format(date=format_date(seen.started), time=lasted),
        )
    if seen.user_seconds is not None and seen.system_seconds is not None:
        yield (
            _("CPU time"),
            _("{own:.2f} s of its own, {kernel:.2f} s in the kernel").format(
                own=seen.user_seconds, kernel=seen.system_seconds
            ),
        )
    if seen.resident is not None:
        yield _("memory"), _("{bytes} resident").format(bytes=format_bytes(seen.resident))
    if seen.nice:
        yield _("nice"), str(seen.nice)


def _thread(tid: int, name: str, wchan: str | None, cpu: float, ascii_only: bool) -> str:
    """One thread in a line."""
    where = _("hidden") if wchan is None else wchan or _("running, or not known")
    return inert(f"{tid:>8}  {name:<16} {cpu:8.2f} s  {where}", ascii_only)
