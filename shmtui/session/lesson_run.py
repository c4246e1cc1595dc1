"""A lesson's run: its segment, its workers or programs, and the end of all of them.

A lesson runs on a segment of its own, with this process's PID in its name.
"""

import contextlib
from collections.abc import Callable

from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions
from shmtui.lessons.course_programs import course_programs
from shmtui.lessons.lesson import Lesson
from shmtui.lessons.workspace import lesson_segment, lesson_workspace, sweep_workspaces
from shmtui.session.cleanup import sweep
from shmtui.session.opener import Attachment, AttachOptions, SegmentOpener
from shmtui.session.run import Run, RunOptions, run
from shmtui.session.terminal import ignore_signals, note_signals, require_terminal
from shmtui.shm.faults import parse_fault
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.protocol import Role

Show = Callable[[Attachment, SegmentOpener], int]
"""Shows an attachment until the user ends it; returns the exit code."""


def start(lesson: Lesson, show: Show, *, ascii_only: bool) -> int:
    """Start a lesson and have it shown; returns the exit code. ShmtuiError: nothing was started."""
    require_terminal(_("read the lessons with shmtui lab"))
    sweep_workspaces()
    segment = lesson_segment()
    if lesson.scene.programs:
        return _start_programs(lesson, segment, show, ascii_only=ascii_only)
    scene = lesson.scene
    options = RunOptions(
        segment,
        slots=scene.slots,
        producers=scene.producers,
        consumers=scene.consumers,
        produce_rate=scene.produce_rate,
        consume_rate=scene.consume_rate,
        faults=tuple(parse_fault(fault) for fault in scene.faults),
        ascii_only=ascii_only,
        lesson=lesson,
    )

    def show_run(started: Run) -> int:
        with contextlib.closing(SegmentOpener(home=started.attachment)) as opener:
            return show(started.attachment, opener)

    return run(options, show_run)


def _start_programs(lesson: Lesson, segment: str, show: Show, *, ascii_only: bool) -> int:
    """The course's two programs over a segment of zeros, as the programs make it."""
    note_signals()
    for _leftover in sweep():
        pass  # A lesson that was killed leaves a control block beside its segment.
    layout = seed_layout(lesson.scene.slots, ITEM_TYPES["int32"], running_libc())
    options = AttachOptions(
        name=segment,
        layout=LayoutOptions(slots=lesson.scene.slots),
        write=True,
        ascii_only=ascii_only,
    )
    with contextlib.ExitStack() as cleaning:
        folder = cleaning.enter_context(lesson_workspace(segment, layout.size))
        produce, consume = course_programs(segment, folder)
        opener = SegmentOpener(options)
        cleaning.callback(opener.close)
        attachment = opener.open(segment)
        cleaning.callback(ignore_signals)
        supervisor = attachment.steering
        assert supervisor is not None

        def begin() -> None:
            supervisor.start_program(Role.PRODUCER, produce)
            supervisor.start_program(Role.CONSUMER, consume)

        supervisor.start_later(begin)
        return show(attachment, opener)
