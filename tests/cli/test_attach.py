"""``attach``: nothing is written without ``--write``; with it, workers join and leave no trace."""

import os
from pathlib import Path

from shmtui.shm.control_format import control_name
from shmtui.shm.segment import identity_at, segment_path
from tests.conftest import MakeBuffer
from tests.program import run_shmtui, stat_json
from tests.terminal import Terminal


def test_workers_join_a_buffer_that_was_kept(name: str) -> None:
    """Workers of ours take part in a segment that another run left, and only they go again."""
    run_shmtui("run", name, "--headless", "--duration", "0.2", "--keep", "--produce-rate", "5")
    before = stat_json(name)["segment"]["inode"]
    with Terminal("attach", name, "--write", "--produce-rate", "50") as terminal:
        terminal.wait_for("Processes")
        terminal.press("p", "c")
        terminal.wait_for("producer 1 (PID")
        terminal.wait_for("consumer 1 (PID")
        terminal.wait_for(lambda text: "producers (1)" in text and "consumers (1)" in text)
        terminal.wait_for("exact")
        terminal.press("q")
        assert terminal.wait() == 0
    assert identity_at(segment_path(control_name(name))) is None
    assert stat_json(name, "--slots", "5")["segment"]["inode"] == before
    assert run_shmtui("rm", name).returncode == 0


def _files_of(name: str) -> list[str]:
    return sorted(entry for entry in os.listdir("/dev/shm") if name[1:] in entry)


def test_read_only_changes_not_a_byte(make_buffer: MakeBuffer) -> None:
    """Without ``--write`` the keys that change anything do nothing, and nothing is made."""
    buffer = make_buffer(5)
    path = Path(segment_path(buffer.name))
    bytes_before = path.read_bytes()
    files_before = _files_of(buffer.name)
    with Terminal("attach", buffer.name) as terminal:
        terminal.wait_for("read-only")
        terminal.press("p", "c", "+", "m", "space", "t", "K")
        terminal.press("z")
        text = terminal.wait_for("frozen" if "frozen" in terminal.text else "Freeze")
        assert "Producer" not in text.splitlines()[-1]
        assert _files_of(buffer.name) == files_before
        terminal.press("z", "q")
        assert terminal.wait() == 0
    assert path.read_bytes() == bytes_before


def test_no_worker_joins_without_the_semaphores(make_buffer: MakeBuffer) -> None:
    """A ring whose lock is not told is opened, and what is missing is named."""
    buffer = make_buffer(5)
    layout = "data=0:5xint32,in=20:int32,out=24,empty=64,full=96"
    with Terminal("attach", buffer.name, "--layout", layout, "--write") as terminal:
        terminal.wait_for("no worker can join here: it takes three semaphores")
        terminal.press("p")
        terminal.wait_for("p: no worker can join here")
        terminal.press("q")
        assert terminal.wait() == 0
    record = stat_json(buffer.name, "--layout", layout)
    assert record["semaphores"].keys() == {"empty", "full"}


def test_nothing_to_attach_to(name: str) -> None:
    """A name that nothing has is one line, and the line knows of ``--wait``."""
    with Terminal("attach", name) as terminal:
        assert terminal.wait() == 2
        assert "--wait" in terminal.text.replace("\n", "")
        assert "Traceback" not in terminal.text


def test_waiting_for_a_segment(name: str) -> None:
    """``--wait`` says what it waits for, and goes on once it is there."""
    with Terminal("attach", name, "--wait", "--slots", "5") as terminal:
        terminal.wait_for("waiting for")
        path = Path(segment_path(name))
        path.write_bytes(bytes(128))
        terminal.wait_for("Ring")
        terminal.press("q")
        assert terminal.wait() == 0
        path.unlink()
