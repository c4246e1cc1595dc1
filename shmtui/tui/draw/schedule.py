"""A schedule: the list of its steps, and each program where it is held. Pure."""

from collections.abc import Sequence
from textwrap import dedent
from typing import Final

import msgspec

from shmtui.i18n import _
from shmtui.session.held_schedule import Held, HeldStep
from shmtui.session.held_task import HeldTask
from shmtui.shm.protocol import Role
from shmtui.snapshot import ProcessState
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, line, wrap

_STYLES: Final = {Role.PRODUCER: "producer", Role.CONSUMER: "consumer"}
_COLUMN: Final = 34
"""The fewest cells of a program beside another."""
_HEADS: Final = 2
"""Lines above a program's source: its name, and what it does next."""


class StepRows(msgspec.Struct, frozen=True):
    """The lines in view, of ``total``."""

    lines: list[Line]
    cursor: int | None
    first: int
    total: int


def step_rows(held: Held, width: int, height: int, glyphs: Glyphs) -> StepRows:
    """The steps with what they print, the finding below its own, and the last one taken in view."""
    rows: list[Line] = []
    chosen = 0
    digits = len(str(len(held.steps)))
    words = min(34, max(12, width - digits - 26))
    for number, step in enumerate(held.steps, 1):
        if number == held.at:
            chosen = len(rows)
        rows.append(_step_line(number, step, held, digits, words, glyphs))
        style = "muted" if number <= held.at else "faint"
        indent = " " * (digits + 7)
        rows += [
            line((f"{indent}{glyphs.inert(text)}", style)) for text in step.output.splitlines()
        ]
        if number == held.fault:
            claim = f"{glyphs.no} {held.finding.kind}: {glyphs.inert(held.finding.claim)}"
            style = "bad" if held.at >= number else "faint"
            rows += [line((part, style)) for part in wrap(claim, width)]
    after = sum(1 for _row in wrap(held.finding.claim, width)) + 1 if held.at == held.fault else 1
    first = max(0, min(chosen - (height - 1) // 2, len(rows) - height))
    first = min(chosen, max(first, min(chosen + after + 1 - height, len(rows) - height)))
    shown = [glyphs.clip_line(row, width) for row in rows[first : first + height]]
    cursor = chosen - first if held.at else None
    return StepRows(shown, cursor, first, len(rows))


def _step_line(
    number: int, step: HeldStep, held: Held, digits: int, words: int, glyphs: Glyphs
) -> Line:
    taken = number <= held.at
    mark = "*" if step.departs else " "
    text = "strong" if number == held.at else "text" if taken else "faint"
    return line(
        (f"{mark}{number:>{digits}} ", "accent" if step.departs else "muted"),
        (glyphs.fit(step.task, 4) + " ", _STYLES.get(step.role, "text") if taken else "faint"),
        (glyphs.fit(glyphs.inert(step.words), words) + "  ", text),
        (glyphs.inert(step.line), "muted" if taken else "faint"),
    )


def position_text(held: Held) -> str:
    """Where it is: ``step 12 of 41``."""
    return _("step {at} of {all}").format(at=held.at, all=len(held.steps))


def program_lines(
    tasks: Sequence[HeldTask], taken: Sequence[str], mover: str, width: int, height: int, glyphs: Glyphs
) -> list[Line]:  # fmt: skip
    """The programs beside each other; of more than have room, those that have not ended, and took the last of the
    steps ``taken``. ``mover`` took the last one of all.
    """
    count = max(1, min(len(tasks), (width + 3) // (_COLUMN + 3)))
    shown = _latest(tasks, taken, count)
    if not shown:
        return []
    each = (width - 3 * (len(shown) - 1)) // len(shown)
    columns = [_program(task, mover, each, height, glyphs) for task in shown]
    gap = Span(f" {glyphs.vertical} ", "frame")
    rows: list[Line] = []
    for at in range(height):
        parts = [glyphs.fit_line(column[at], each) for column in columns]
        rows.append(tuple(s for n, part in enumerate(parts) for s in ((gap,) if n else ()) + part))
    return rows


def _latest(tasks: Sequence[HeldTask], taken: Sequence[str], count: int) -> Sequence[HeldTask]:
    last = {name: number for number, name in enumerate(taken)}
    ranked = sorted(tasks, key=lambda t: (not t.ended, last.get(t.name, -1)), reverse=True)[:count]
    return [task for task in tasks if task in ranked]


def _program(task: HeldTask, mover: str, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """One program in exactly ``height`` lines: its name, what is next, its source, what it wrote."""
    role = _STYLES.get(task.role, "text")
    name = f"{task.name} {glyphs.inert(task.command.rpartition('/')[2])}"
    moved = glyphs.folded if task.name == mover else " "
    pid = "" if task.ended else f" PID {task.pid}"
    room = max(0, width - 2 - len(pid))
    head = line((f"{moved} ", "accent"), (glyphs.fit(name, room), f"{role}-strong"), (pid, "muted"))
    written = task.output[-max(1, (height - _HEADS) // 3) :] if height > _HEADS + 1 else ()
    code = _source(task, width, max(0, height - _HEADS - len(written)), glyphs)
    output = [line(("> ", "muted"), (glyphs.inert(text.expandtabs(8)), "text")) for text in written]
    rows = [head, _next_line(task, glyphs), *code, *output]
    return [*rows[:height], *[()] * (height - len(rows))]


def _next_line(task: HeldTask, glyphs: Glyphs) -> Line:
    words = glyphs.inert(task.next)
    if task.ended:
        return line((f"{glyphs.states[ProcessState.ENDED]} {words}", "muted"))
    if task.runs:
        return line((f"{glyphs.states[ProcessState.RUNNING]} {words}", "good"))
    if task.waits:
        blocked = glyphs.states[ProcessState.BLOCKED]
        return line((f"{blocked} {_('waits: {step}').format(step=words)}", "bad"))
    if task.parked:
        return line((f"{glyphs.paused} {_('has made its items')}", "muted"))
    return line((f"{glyphs.dot} {_('next: {step}').format(step=words)}", "text"))


def _source(task: HeldTask, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The lines around the one that it stands at; exactly ``height``."""
    if height < 1:
        return []
    if not task.source or not 0 < task.line <= len(task.source):
        text = _("its source is not known: build it with -g")
        if task.path:
            text = _("{file}:{line} is not there").format(file=task.path, line=task.line)
        known = [line((glyphs.inert(text), "faint"))] if task.line >= 0 else []
        return [*known, *[()] * (height - len(known))]
    note = [line((_("the source is newer than the program"), "warn"))] if task.newer else []
    note = note if height > 3 else []
    room = height - len(note)
    first = max(1, min(task.line - room // 2, len(task.source) - room + 1))
    digits = len(str(min(len(task.source), first + room)))
    rows: list[Line] = [*note]
    shown = [text[: 8 * width].expandtabs(4) for text in task.source[first - 1 : first - 1 + room]]
    for number, text in enumerate(dedent("\n".join(shown)).split("\n"), first):
        here, code = number == task.line, glyphs.inert(text)
        rows.append(
            line(
                (f"{glyphs.cursor if here else ' '}", "accent"),
                (f"{number:>{digits}} ", "accent" if here else "faint"),
                (code, "strong" if here else "muted"),
            )
        )
    return [*[glyphs.clip_line(row, width) for row in rows], *[()] * (height - len(rows))]
