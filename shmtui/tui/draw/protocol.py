"""The protocol as a line of steps, with the places where stepped workers stand. Pure."""

from collections.abc import Sequence

from shmtui.shm.protocol import PROTOCOL_STEPS, Role, step_name
from shmtui.snapshot import Process, ProcessState, word
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, clip_line, width_of

_ROLES = (Role.PRODUCER, Role.CONSUMER)


def protocol_lines(processes: Sequence[Process], width: int, glyphs: Glyphs) -> list[Line]:
    """A line for each role that has a stepped worker; none where nobody is stepped.

    Before a step stand the numbers of those who wait to be let on there.
    """
    lines = []
    for role in _ROLES:
        standing = [
            p for p in processes if p.role is role and p.state is ProcessState.STEPPING and p.step
        ]
        if standing:
            whole = _whole(role, standing, glyphs)
            lines.append(whole if width_of(whole) <= width else _short(standing, width, glyphs))
    return lines


def _whole(role: Role, standing: Sequence[Process], glyphs: Glyphs) -> Line:
    spans = [Span(f"  {word(role)}", f"{role}-strong")]
    for step in PROTOCOL_STEPS:
        name = step_name(role, step)
        there = [p.name.rpartition(" ")[2] for p in standing if p.step == name]
        spans.append(Span("  "))
        if there:
            spans.append(Span(f"{','.join(there)}{glyphs.states[ProcessState.STEPPING]}", "accent"))
        spans.append(Span(name, "strong" if there else "muted"))
    return tuple(spans)


def _short(standing: Sequence[Process], width: int, glyphs: Glyphs) -> Line:
    """Those who stand, and before what: for narrow tables."""
    mark = glyphs.states[ProcessState.STEPPING]
    spans = [Span("  ")]
    for process in standing:
        number = process.name.rpartition(" ")[2]
        spans += [
            Span(f"{word(process.role)} {number}", f"{process.role}-strong"),
            Span(f" {mark}", "accent"),
            Span(f"{process.step}  ", "strong"),
        ]
    return clip_line(tuple(spans), width, glyphs.ellipsis)
