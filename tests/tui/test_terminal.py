"""Seeing that a terminal is gone, or does not keep up."""

import os
import pty
import queue
from types import SimpleNamespace

import pytest

from shmtui.tui import tty as terminal


def test_a_closed_terminal_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without reading from it; while it lives it counts as alive, and a closed file as none."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "rb", buffering=0) as stdin:
        monkeypatch.setattr("sys.__stdin__", stdin)
        assert not terminal.hung_up()
        os.close(master)
        assert terminal.hung_up()
    assert not terminal.hung_up()


def test_a_stalled_terminal_is_noticed() -> None:
    """Before its queue is full and the event loop waits for it."""
    frames: queue.Queue[str] = queue.Queue(30)
    driver = SimpleNamespace(_writer_thread=SimpleNamespace(_queue=frames))
    assert not terminal.behind(driver)
    for _ in range(20):
        frames.put("frame")
    assert terminal.behind(driver)
    assert not terminal.behind(None)


def test_leaving_waits_for_no_stalled_terminal() -> None:
    """What nobody will see is thrown away, and there is room for the goodbye."""
    frames: queue.Queue[str] = queue.Queue(30)
    driver = SimpleNamespace(_writer_thread=SimpleNamespace(_queue=frames))
    frames.put("frame")
    terminal.let_go(driver)
    assert frames.qsize() == 1
    for _ in range(29):
        frames.put("frame")
    terminal.let_go(driver)
    assert frames.empty()
    assert frames.maxsize == 0
    terminal.let_go(None)
