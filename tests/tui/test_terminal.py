"""Seeing that a terminal is gone, or does not keep up."""

import asyncio
import contextlib
import os
import pty
import queue
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from shmtui.procfs.process import threads_of
from shmtui.tui import tty
from shmtui.tui.textual_private import OneReader
from tests.terminal import Terminal
from tests.tui.dashboards import drawing
from tests.waiting import poll


def test_a_closed_terminal_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without reading from it; while it lives it counts as alive, and a closed file as none."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "rb", buffering=0) as stdin:
        monkeypatch.setattr("sys.__stdin__", stdin)
        assert not tty.hung_up()
        os.close(master)
        assert tty.hung_up()
    assert not tty.hung_up()


async def test_a_closed_terminal_ends_the_dashboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of reading end of file for ever."""
    master, slave = pty.openpty()
    app = drawing()
    with os.fdopen(slave, "rb", buffering=0) as stdin:
        monkeypatch.setattr("sys.__stdin__", stdin)
        async with app.run_test(size=(80, 24)):
            app.tick()
            assert app.return_code is None
            os.close(master)
            app.tick()
    assert app.return_code == 129


def test_a_stalled_terminal_is_noticed() -> None:
    """Before its queue is full and the event loop waits for it."""
    frames: tty.Frames = queue.Queue(30)
    assert not tty.behind(frames)
    for _frame in range(20):
        frames.put("frame")
    assert tty.behind(frames)
    assert not tty.behind(None)


def test_leaving_waits_for_no_stalled_terminal() -> None:
    """Frames that nobody will see are thrown away, and there is room for the last bytes."""
    frames: tty.Frames = queue.Queue(30)
    frames.put("frame")
    tty.drop_frames(frames)
    assert frames.qsize() == 1
    for _frame in range(29):
        frames.put("frame")
    tty.drop_frames(frames)
    assert frames.empty()
    tty.drop_frames(None)


def test_a_full_terminal_is_left_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few frames wait, and it has no room for another byte; what it has not shown is thrown away."""
    master, slave = os.openpty()
    frames: tty.Frames = queue.Queue()
    for _frame in range(3):
        frames.put("frame")
    with os.fdopen(slave, "wb", buffering=0) as terminal:
        monkeypatch.setattr("sys.__stderr__", terminal)
        tty.drop_frames(frames)
        assert frames.qsize() == 3
        os.set_blocking(terminal.fileno(), False)

        def left() -> bool:
            # The kernel passes on what was written a little later, and then there is room again.
            with contextlib.suppress(BlockingIOError):
                while terminal.write(b"x" * 4096):
                    pass
            tty.drop_frames(frames)
            return frames.empty()

        poll(left, "nothing more fits in, and the frames are dropped")
    os.close(master)


def test_after_fg_every_row_is_drawn_again(name: str) -> None:
    """The shell has written over the screen meanwhile, and most panels have nothing new to draw.
    The terminal has its own title while it is the shell's. Ctrl+L draws all rows too.
    """
    panels = ("1 Ring", "2 Semaphores", "3 Throughput", "4 Processes", "5 Events", "q Quit")
    with Terminal("run", name, "--producers", "0", "--consumers", "0") as terminal:
        for panel in panels:
            terminal.wait_for(panel)
        title = f"\x1b]2;shmtui {name}\x07".encode()
        assert terminal.raw.count(title) == 1
        assert terminal.raw.index(b"\x1b[22;2t") < terminal.raw.index(title)
        terminal.press("ctrl+z")
        terminal.wait_until_stopped()
        while terminal.read(0.1):
            pass
        terminal.clear()
        terminal.signal(signal.SIGCONT)
        for panel in panels:
            terminal.wait_for(panel)
        assert terminal.raw.count(title) == 2
        assert terminal.raw.count(b"\x1b[23;2t") == 1
        terminal.clear()
        terminal.press("ctrl+l")
        for panel in panels:
            terminal.wait_for(panel)
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.raw.count(b"\x1b[23;2t") == 2


@pytest.mark.parametrize("stop", [(), (signal.SIGSTOP,)])
def test_one_thread_reads_the_keys_after_sigcont(
    name: str, stop: tuple[signal.Signals, ...]
) -> None:
    """Where it was not suspended too: a second reader would take keys, or wait for one at the end."""
    with Terminal("run", name, "--producers", "0", "--consumers", "0") as terminal:
        terminal.wait_for("q Quit")
        pid = terminal.process.pid
        before = len(threads_of(pid))
        for each in stop:
            terminal.signal(each)
            terminal.wait_until_stopped()
        terminal.clear()
        terminal.signal(signal.SIGCONT)
        terminal.wait_for("q Quit")
        poll(lambda: len(threads_of(pid)) <= before, "no more threads than before", 20)
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("running", [True, False])
def test_a_sigcont_while_it_ends_starts_no_reader(running: bool) -> None:
    """As a hang-up sends one: nothing would stop that reader, and the program would never end."""
    begun: list[bool] = []
    app = SimpleNamespace(is_running=running)
    driver = object.__new__(OneReader)
    vars(driver).update(
        _app=app,
        _auto_restart=True,
        _key_thread=None,
        resume_application_mode=lambda: begun.append(True),
    )
    driver._continue()
    assert bool(begun) is running


def test_a_signal_after_its_end_disturbs_no_clean_up() -> None:
    """A hang-up's SIGCONT may come once the event loop is closed: what its handler raised then ended the
    clean-up, and the segment stayed.
    """
    driver = object.__new__(OneReader)
    loop = asyncio.new_event_loop()
    loop.close()
    vars(driver).update(_loop=loop)
    driver._sigcont_application()
    driver._sigtstp_application()


def test_a_detached_tmux_shows_by_its_socket(tmp_path: Path) -> None:
    """Its owner may execute it while somebody is attached. One that is gone hides nothing."""
    socket = tmp_path / "default"
    socket.touch(0o700)
    found = tty.Multiplexer(str(socket))
    assert not found.detached()
    socket.chmod(0o660)
    assert found.detached()
    socket.unlink()
    assert not found.detached()


def test_a_terminal_that_tmux_does_not_show_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been started from one, and have its environment."""
    monkeypatch.delenv("TMUX", raising=False)
    assert tty.multiplexer() is None
    for server in ("", "x", str(os.getpid()), str(2**22 + 1)):
        monkeypatch.setenv("TMUX", f"/tmp/tmux/default,{server},0")
        assert tty.multiplexer() is None


@pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux")
def test_tmux_says_that_nobody_is_attached(tmp_path: Path) -> None:
    """As the program asks it, from inside."""
    said = tmp_path / "said"
    code = (
        "from pathlib import Path; from shmtui.tui import tty; found = tty.multiplexer(); "
        f"Path({str(said)!r}).write_text(str(found is not None and found.detached()))"
    )
    environ = {k: v for k, v in os.environ.items() if k != "TMUX"} | {"TMUX_TMPDIR": str(tmp_path)}
    command = shlex.join([sys.executable, "-c", code])
    try:
        subprocess.run(["tmux", "new-session", "-d", command], env=environ, check=True)
        poll(lambda: said.exists() and said.read_text(), "an answer")
        assert said.read_text() == "True"
    finally:
        subprocess.run(["tmux", "kill-server"], env=environ, check=False, stderr=subprocess.DEVNULL)


def test_keys_are_read_one_at_a_time_and_an_escape_alone(name: str) -> None:
    """The thread that reads them sleeps in between; a key that is the start of others is one too."""
    with Terminal("run", name, "--producers", "0", "--consumers", "0") as terminal:
        terminal.wait_for("q Quit")
        for _again in range(2):
            terminal.press("?")
            terminal.wait_for("esc closes")
            terminal.press("escape")
            terminal.wait_for(lambda text: "esc closes" not in text, "the help is closed")
        terminal.press("\xff", "q")
        assert terminal.wait() == 0
