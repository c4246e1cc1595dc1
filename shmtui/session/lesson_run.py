"""A lesson's run: its segment, its workers or programs, and the end of all of them.

A lesson runs on a segment of its own, with this process's PID in its name.
"""

import contextlib
from collections.abc import Callable
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions
from shmtui.lessons.course_programs import course_programs, step_programs
from shmtui.lessons.lesson import Lesson, Steps
from shmtui.lessons.workspace import (
    lesson_folder,
    lesson_segment,
    lesson_workspace,
    sweep_workspaces,
)
from shmtui.session.cleanup import sweep
from shmtui.session.opener import Attachment, AttachOptions, SegmentOpener, show_run
from shmtui.session.run import RunOptions, run
from shmtui.session.terminal import ignore_signals, note, note_signals, require_terminal
from shmtui.shm.faults import parse_fault
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.protocol import Role

SEARCH_SECONDS: Final = 10.0
"""For an order that shows the mistake, and again for a shorter one; a second is enough."""

Show = Callable[[Attachment, SegmentOpener | None], int]
"""Shows an attachment until the user ends it; returns the exit code."""


def start(lesson: Lesson, show: Show, *, held: bool = False) -> int:
    """Start a lesson and have it shown, with ``held`` its mistake step by step where it has that; returns
    the exit code. ShmtuiError: nothing was started.
    """
    require_terminal(_("read the lessons with shmtui lab"))
    sweep_workspaces()
    segment = lesson_segment()
    steps = lesson.held if held else lesson.scene.steps
    if steps is not None:
        return _start_steps(steps, segment, show)
    if lesson.scene.programs:
        return _start_programs(lesson, segment, show)
    scene = lesson.scene
    options = RunOptions(
        segment,
        slots=scene.slots,
        producers=scene.producers,
        consumers=scene.consumers,
        produce_rate=scene.produce_rate,
        consume_rate=scene.consume_rate,
        faults=tuple(parse_fault(fault) for fault in scene.faults),
    )
    return run(options, lambda _options, live: show_run(live, show))


def _start_steps(steps: Steps, segment: str, show: Show) -> int:
    """Programs that are held in the order of their steps that shows the mistake."""
    from shmtui.control.exploration import Workshop, explore, shorten  # noqa: PLC0415 - few lessons
    from shmtui.session.held_schedule import HeldSchedule  # noqa: PLC0415

    note(
        _(
            "looking for an order of the programs' steps that shows the mistake; that takes some seconds"
        )
    )
    with contextlib.ExitStack() as cleaning:
        folder = cleaning.enter_context(lesson_folder())
        workshop = Workshop(step_programs(steps, segment, folder), steps.items)
        try:
            result = explore(
                workshop, LayoutOptions(), name=segment, initialise=steps.initialised, fine=steps.fine,
                budget=SEARCH_SECONDS, progress=lambda _outcome: None, stopped=lambda: False,
                starts=steps.any_start,
            )  # fmt: skip
            shorten(
                workshop, result, calls_alone=not steps.fine, budget=SEARCH_SECONDS, stopped=lambda: False
            )  # fmt: skip
            if result.schedule is None:
                text = _(
                    "no order of the programs' steps shows this lesson's mistake on this machine"
                )
                raise ShmtuiError(text)
        except BaseException:
            workshop.close()
            raise
        source = HeldSchedule(workshop, result.schedule)
        cleaning.callback(source.close)
        note_signals()
        cleaning.callback(ignore_signals)
        return show(Attachment(source), None)


def _start_programs(lesson: Lesson, segment: str, show: Show) -> int:
    """The course's two programs over a segment of zeros, as the programs make it."""
    note_signals()
    for _leftover in sweep():
        pass  # A lesson that was killed leaves a control block beside its segment.
    layout = seed_layout(lesson.scene.slots, ITEM_TYPES["int32"], running_libc())
    layout_options = LayoutOptions(slots=lesson.scene.slots)
    options = AttachOptions(name=segment, layout=layout_options, write=True)
    with contextlib.ExitStack() as cleaning:
        folder = cleaning.enter_context(lesson_workspace(segment, layout.size))
        produce, consume = course_programs(segment, folder)
        opener = SegmentOpener(options)
        cleaning.callback(opener.close)
        attachment = opener.open(segment)
        cleaning.callback(ignore_signals)
        assert attachment.live is not None
        supervisor = attachment.live.supervisor

        def begin() -> None:
            supervisor.start_program(Role.PRODUCER, produce)
            supervisor.start_program(Role.CONSUMER, consume)

        supervisor.start_later(begin)
        return show(attachment, opener)
