"""Tests that start ``shmtui run`` and tests that need its leftovers wait for each other, and both go on."""

import fcntl
import os
import tempfile
import threading
from pathlib import Path

import pytest

from tests.own_shm import VARIABLE
from tests.traces import Sweeping
from tests.waiting import PATIENCE, poll


def test_a_second_run_beside_one_that_waits_to_be_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run of a test has not swept yet, and another test waits for that at the gate."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def be_alone() -> None:
        with Sweeping().turn(alone=True):
            pass

    def waits_at_gate() -> bool:
        gate = tmp_path / f"shmtui-test-{os.getuid()}-gate"
        with gate.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    mine = Sweeping()
    other = threading.Thread(target=be_alone, daemon=True)
    again = threading.Thread(target=mine.may_sweep, args=[("run",)], daemon=True)
    with mine.turn(alone=False):
        mine.may_sweep(("run",))
        other.start()
        poll(waits_at_gate, "the other waits")
        again.start()
        again.join(PATIENCE)
        assert not again.is_alive()
        assert other.is_alive()
    other.join(PATIENCE)
    assert not other.is_alive()
