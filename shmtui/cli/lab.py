"""``shmtui lab``: lists the lessons, and starts one with its text beside it.

A lesson runs on a segment of its own, with this process's PID in its name.
"""

import contextlib
from collections.abc import Iterator

from shmtui.cli.run import run
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions
from shmtui.lessons.course_programs import course_programs
from shmtui.lessons.lesson import Lesson
from shmtui.lessons.scenes import BY_NAME, LESSONS
from shmtui.lessons.workspace import lesson_segment, lesson_workspace, sweep_workspaces
from shmtui.session.cleanup import sweep
from shmtui.session.opener import AttachOptions, SegmentOpener
from shmtui.session.run_options import RunOptions
from shmtui.session.terminal import ignore_signals, note_signals, require_terminal, run_dashboard
from shmtui.shm.faults import parse_fault
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.protocol import Role
from shmtui.workers.supervisor import Supervisor


def listing() -> Iterator[str]:
    """The lessons, a line each."""
    width = max(len(lesson.name) for lesson in LESSONS)
    for lesson in LESSONS:
        yield f"{lesson.name:<{width}}  {_(lesson.title)}"
    yield ""
    yield _("shmtui lab NAME starts one; its text tells what to press")


def start(name: str, *, ascii_only: bool) -> int:
    """Start a lesson; returns the exit code. ShmtuiError: nothing was started."""
    lesson = BY_NAME[name]
    require_terminal(_("read the lessons with shmtui lab"))
    sweep_workspaces()
    segment = lesson_segment()
    if lesson.scene.programs:
        return _start_programs(lesson, segment, ascii_only=ascii_only)
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
    return run(options)


def _start_programs(lesson: Lesson, segment: str, *, ascii_only: bool) -> int:
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
        opened = opener.open(segment)
        cleaning.callback(ignore_signals)
        steering = opened.steering
        assert isinstance(steering, Supervisor)

        def begin() -> None:
            steering.start_program(Role.PRODUCER, produce)
            steering.start_program(Role.CONSUMER, consume)

        steering.start_later(begin)
        from shmtui.tui.app import DashboardApp

        app = DashboardApp(
            opened.source,
            steering,
            ascii_only=ascii_only,
            make_repairer=opened.make_repairer,
            auditor=opened.auditor,
            opener=opener,
            lesson=lesson,
        )
        return run_dashboard(app)
