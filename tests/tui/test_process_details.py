"""A process in full: what /proc says of a real one, and how it is drawn."""

import os
import subprocess
import sys
import time
from pathlib import Path

from msgspec.structs import replace

from shmtui.procfs.process_details import ProcessDetails, process_details
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import ProcessState
from shmtui.tui.draw.process_details import LABEL, portrait_text
from shmtui.tui.glyphs import ASCII, UNICODE
from shmtui.tui.spans import plain, width_of
from tests.tui.records import NOON, process
from tests.waiting import poll


def test_a_real_process(tmp_path: Path) -> None:
    """Command, program, folder, parent, start and threads are those of the process."""
    begun = time.time()
    with subprocess.Popen(
        [sys.executable, "-c", "input()", "two words"], stdin=subprocess.PIPE, cwd=tmp_path
    ) as child:
        try:

            def up() -> ProcessDetails | None:
                seen = process_details(child.pid)
                grown = seen is not None and (seen.resident or 0) > 1_000_000
                return seen if grown and "python" in str(seen and seen.executable) else None

            seen = poll(up, "it runs, and has grown to what a Python needs")
            assert seen.command == (sys.executable, "-c", "input()", "two words")
            assert seen.folder == str(tmp_path)
            assert seen.parent_pid == os.getpid()
            assert seen.started is not None
            assert abs(seen.started - begun) < 60
            assert [t.tid for t in seen.threads] == [child.pid]
            assert seen.hidden == ()
        finally:
            child.kill()
    assert process_details(child.pid) is None


def test_what_is_drawn() -> None:
    """Part in the buffer, then the system's view; markup and escapes stay text; it fits."""
    seen = process_details(os.getpid())
    assert seen is not None
    hostile = replace(seen, command=("[red]x\x1b[31m", "b c"), folder=None, hidden=("cwd",))
    blocked = process(
        7, Role.PRODUCER, state=ProcessState.BLOCKED, blocked_on=SemaphoreRole.EMPTY,
        blocked_for=90.0, wakeable=False,
    )  # fmt: skip
    for glyphs, width in ((UNICODE, 100), (ASCII, 44)):
        lines = portrait_text(blocked, hostile, NOON, width, glyphs)
        text = "\n".join(plain(row) for row in lines)
        assert "\x1b" not in text
        assert "[red]x" in text
        assert "blocked on empty for" in text
        assert "which no other process can wake" in " ".join(text.split())
        assert "hidden from this user: cwd" in " ".join(text.split())
        assert all(width_of(row) <= width for row in lines if "s  " not in plain(row))
    fresh = replace(blocked, blocked_for=0.1)
    assert "blocked on empty" in {
        plain(row)[LABEL:] for row in portrait_text(fresh, None, NOON, 80, UNICODE)
    }
    gone = portrait_text(blocked, None, NOON, 80, UNICODE)
    assert "It has ended" in plain(gone[-1])
