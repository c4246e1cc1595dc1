"""``shmtui lab``: lists the lessons, and starts one with its text beside it.

A lesson's segment bears this process's PID, so that no two lessons meet and none takes a
name that somebody's program wants. Programs are compiled into a folder that goes with them.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shmtui.cli.run import run
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions
from shmtui.lessons import programs
from shmtui.lessons.lesson import Lesson
from shmtui.lessons.scenes import BY_NAME, LESSONS
from shmtui.procfs.maps import uses
from shmtui.session.opener import AttachOptions, SegmentOpener
from shmtui.session.run_options import RunOptions
from shmtui.session.terminal import ignore_signals, note_signals, require_terminal, run_dashboard
from shmtui.shm.faults import parse_fault
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.protocol import Role
from shmtui.shm.segment import SHM_DIR, create_segment, identity_at, segment_path, unlink_segment
from shmtui.workers.supervisor import Supervisor

PREFIX: Final = "shm_lab_"
FOLDER: Final = "shmtui-lab-"
COMPILERS: Final = ("cc", "gcc", "clang")
COMPILE_SECONDS: Final = 30


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
    sweep_lessons()
    segment = f"/{PREFIX}{os.getpid()}"
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
    """The course's two programs over a segment that is nothing but zeros, as they make it."""
    note_signals()
    layout = seed_layout(lesson.scene.slots, ITEM_TYPES["int32"], running_libc())
    options = AttachOptions(
        name=segment,
        layout=LayoutOptions(slots=lesson.scene.slots),
        write=True,
        ascii_only=ascii_only,
    )
    with contextlib.ExitStack() as cleaning:
        folder = cleaning.enter_context(
            tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-")
        )
        produce, consume = course_programs(segment, Path(folder))
        create_segment(segment, layout.size)
        cleaning.callback(unlink_segment, segment)
        opener = SegmentOpener(options)
        cleaning.callback(opener.close)
        opened = opener.open(segment)
        cleaning.callback(ignore_signals)
        steering = opened.steering
        assert isinstance(steering, Supervisor)

        def begin() -> None:
            steering.start_program(Role.PRODUCER, produce)
            steering.start_program(Role.CONSUMER, consume)

        steering.plan(begin)
        from shmtui.tui.app import DashboardApp

        app = DashboardApp(
            opened,
            ascii_only=ascii_only,
            opener=opener,
            lesson=lesson,
        )
        return run_dashboard(app)


def course_programs(segment: str, folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Commands of a producer and a consumer that never call sem_init.

    They are C programs, compiled here into ``folder``; where there is no compiler, or what
    it makes may not run, they are of the same layout and the same steps in Python.
    """
    sources = Path(programs.__file__).parent
    binaries = []
    for stem in ("produtor", "consumidor"):
        binary = folder / stem
        if not _compile(sources / f"{stem}.c", binary, segment):
            peer = (sys.executable, "-P", "-m", "shmtui.workers.sample_peer")
            return (*peer, Role.PRODUCER, segment), (*peer, Role.CONSUMER, segment)
        binaries.append((str(binary),))
    return binaries[0], binaries[1]


def _compile(source: Path, binary: Path, segment: str) -> bool:
    """Whether there is a program at ``binary`` now that can be started."""
    compiler = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    if compiler is None:
        return False
    command = [compiler, "-O1", f'-DSEGMENT="{segment}"', "-o", str(binary), str(source)]
    try:
        done = subprocess.run(
            [*command, "-lrt", "-pthread"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMPILE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and os.access(binary, os.X_OK)


def sweep_lessons() -> None:
    """Remove what lessons left that were killed: segments of zeros, and compiled programs.

    Nobody else would: a segment that no shmtui made is not its to sweep.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*-*"):
        pid = folder.name.removeprefix(FOLDER).partition("-")[0]
        ours = folder.lstat().st_uid == os.geteuid() and not folder.is_symlink()
        if pid.isdecimal() and ours and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
    for entry in os.listdir(SHM_DIR):
        found = re.fullmatch(PREFIX + r"(\d+)", entry)
        if found is None or Path(f"/proc/{found[1]}").exists():
            continue
        identity = identity_at(segment_path(f"/{entry}"))
        if identity is not None and not uses(identity):
            with contextlib.suppress(ShmtuiError):
                unlink_segment(f"/{entry}")
