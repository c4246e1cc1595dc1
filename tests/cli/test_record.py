"""Recording and replay by the real program, in a terminal and without one."""

import csv
import io
import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from shmtui.recording.past import Past
from shmtui.recording.reader import Recording
from shmtui.shm.segment import create_segment, segment_path, unlink_segment
from shmtui.snapshot import Health, Status
from tests.compiling import require
from tests.conftest import MakeBuffer
from tests.program import HeadlessRun, run_shmtui
from tests.recording.frames import STUCK, event, made, read, recorded, stuck
from tests.terminal import Terminal
from tests.tui.dashboards import ring_bytes
from tests.waiting import PATIENCE, poll

RECORD = (sys.executable, "-m", "shmtui", "record")


def count(path: Path) -> int:
    """How many snapshots a recording holds by now."""
    try:
        return len(read(path))
    except Exception:  # noqa: BLE001 - there is none yet, or it has no frame
        return 0


def test_a_run_is_recorded(name: str, tmp_path: Path) -> None:
    """Ctrl+C ends it; it says how many snapshots the file holds, which are those of the run."""
    path = tmp_path / "a.rec"
    with (
        HeadlessRun(name) as run,
        subprocess.Popen(
            [*RECORD, name, "-o", str(path), "--rate", "20"], stderr=subprocess.PIPE, text=True
        ) as recorder,
    ):
        poll(lambda: count(path) >= 3, "three snapshots")
        recorder.send_signal(signal.SIGINT)
        _out, said = recorder.communicate(timeout=PATIENCE)
        assert recorder.returncode == 128 + signal.SIGINT
        pids = set(run.pids)
    found = read(path)
    assert f"recorded: {len(found)} snapshots in {path}" in said
    assert {p.pid for p in found[-1].processes} == pids
    assert len(found[-1].slots) == found[-1].layout.slots
    assert not note_of(path)


def note_of(path: Path) -> str:
    """What is not read of a file."""
    recording = Recording(path)
    recording.close()
    return recording.note


def test_killed_it_can_be_read(make_buffer: MakeBuffer, tmp_path: Path) -> None:
    """After SIGKILL all is there; and it is said that the file was not ended."""
    path = tmp_path / "a.rec"
    command = [*RECORD, make_buffer().name, "-o", str(path), "--rate", "20"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as recorder:
        before = poll(lambda: count(path), "a snapshot")
        recorder.send_signal(signal.SIGKILL)
    assert count(path) >= before
    assert "not ended" in note_of(path)
    done = run_shmtui("replay", str(path), "--csv", "-")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == count(path) + 1
    assert "not ended" in done.stderr


def test_a_full_disk(make_buffer: MakeBuffer, tmp_path: Path) -> None:
    """Where no more can be written it ends, says so in a line, and what it wrote is read."""
    path = tmp_path / "a.rec"
    limited = (require("prlimit"), "--fsize=2500", sys.executable, "-B", *RECORD[1:])
    command = [*limited, make_buffer().name, "-o", str(path), "--rate", "60"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    wrong = [line for line in done.stderr.splitlines() if line.startswith("shmtui: cannot")]
    assert len(wrong) == 1
    assert "what it holds can be read" in wrong[0]
    assert "Traceback" not in done.stderr
    assert f"recorded: {count(path)} snapshot" in done.stderr
    assert count(path) > 0


def test_two_side_by_side(tmp_path: Path) -> None:
    """Two recordings in a terminal of the smallest usual size, without colours: marked, and moved as one."""
    one = recorded(tmp_path / "a.rec", [stuck(n) if n >= 120 else made(n) for n in range(200)])
    other = recorded(tmp_path / "b.rec", map(made, range(200)))
    environment = {"NO_COLOR": "1"}
    with Terminal("replay", str(one), str(other), columns=80, rows=24, env=environment) as terminal:
        terminal.wait_for("the same time of day")
        terminal.press("space", "n")
        terminal.wait_for(re.compile(r"≠ finding +stalled \(likely\) +none").search, "the mark")
        terminal.wait_for(lambda s: s.count("0:12.0") >= 3, "both are there")
        terminal.press("d")
        terminal.wait_for("critical: stalled")
        terminal.press("q")
        assert terminal.wait() == 0
    for wrong in (("--csv", "-"), ("--align", "never")):
        done = run_shmtui("replay", str(one), str(other), *wrong)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
    done = run_shmtui("replay", str(one), "--align", "wall")
    assert done.returncode == 2
    assert "--align is for two recordings" in done.stderr


def test_a_replaced_segment(name: str, tmp_path: Path) -> None:
    """A file that takes the name is recorded on, with the event that says so."""
    path, where = tmp_path / "a.rec", Path(segment_path(name))
    where.write_bytes(ring_bytes(3))
    command = [*RECORD, name, "--slots", "5", "-o", str(path), "--rate", "20"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as recorder:
        poll(lambda: count(path), "a snapshot")
        where.unlink()
        poll(lambda: read(path)[-1].segment.unlinked, "it is unlinked")
        create_segment(name, 128)
        poll(lambda: read(path)[-1].segment.inode != read(path)[0].segment.inode, "another inode")
        recorder.terminate()
    unlink_segment(name)
    recording = Recording(path)
    texts = [e.text for e in Past(recording).events(len(recording) - 1)]
    recording.close()
    assert any("another segment took the name" in text for text in texts)


def test_refusals(make_buffer: MakeBuffer, new_name: Callable[[], str], tmp_path: Path) -> None:
    """What cannot be is one line, and nothing is begun."""
    name, path = make_buffer().name, recorded(tmp_path / "a.rec", [made(0)])
    before = path.read_bytes()
    for arguments, said in (
        (("record", name, "-o", str(path), "--duration", "0.1"), "exists: give another name"),
        (("record", name, "-o", str(tmp_path / "no" / "a"), "--duration", "0.1"), "cannot write"),
        (("record", new_name(), "-o", str(tmp_path / "b.rec")), "does not exist"),
        (("record", name, "-o", str(tmp_path / "b.rec"), "--max-size", "1K"), "is not a size"),
        (("record", name, "-o", str(tmp_path / "b.rec"), "--max-age", "soon"), "is not a time"),
        (("run", new_name(), "--headless", "--duration", "0.1", "--record", str(path)), "exists"),
        (("replay", str(tmp_path / "none.rec")), "cannot read"),
        (("replay", "/dev/null"), "not a recording"),
        (("replay", str(tmp_path)), "Is a directory"),
        (("replay", str(path)), "--csv FILE"),
        (("replay", str(path), "--csv", str(path)), "exists"),
    ):
        done = run_shmtui(*arguments)
        assert done.returncode == 2, arguments
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert said in done.stderr
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.rec"]
    done = run_shmtui("record", name, "-o", str(path), "--duration", "0.1", "--force")
    assert done.returncode == 0
    assert path.read_bytes() != before


def test_a_table(tmp_path: Path) -> None:
    """The table has a line for each snapshot, under the names of the JSON form."""
    path = recorded(tmp_path / "a.rec", [made(0), stuck(1)])
    rows = list(csv.DictReader(io.StringIO(run_shmtui("replay", str(path), "--csv", "-").stdout)))
    assert [row["in"] for row in rows] == ["0", "1"]
    assert [row["findings"] for row in rows] == ["", "stalled"]
    assert rows[0]["mutex_value"] == "1"
    assert rows[0]["time"] == "2023-11-14T22:13:20.000000Z"
    done = run_shmtui("replay", str(path), "--csv", str(tmp_path / "a.csv"))
    assert "2 snapshots written" in done.stderr
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    "text",
    [
        "=1+2",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r\n=1",
        "/a;=1",
        '/a",=1',
        "\x1b]0;x\x07",
        "\u202ex",
    ],
)
def test_a_table_of_hostile_text(tmp_path: Path, text: str) -> None:
    """No spreadsheet takes a name for a formula, whatever it takes for the end of a cell, and no
    terminal for a command.
    """
    finding = replace(STUCK, code=text)
    hostile = made(0, health=Health(Status.CRITICAL, (finding,)))
    hostile = replace(hostile, segment=replace(hostile.segment, name=text))
    path = recorded(tmp_path / "a.rec", [hostile])
    table = run_shmtui("replay", str(path), "--csv", "-").stdout
    assert table.replace("\n", "").isprintable()
    assert table.count("\n") == 2
    assert table.isascii()
    for end in ",;\t":
        cells = next(itertools.islice(csv.reader(io.StringIO(table), delimiter=end), 1, None))
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_a_run_without_a_screen(name: str, tmp_path: Path) -> None:
    """It is recorded too, with what its supervisor reports."""
    path = tmp_path / "a.rec"
    done = run_shmtui("run", name, "--headless", "--duration", "0.5", "--record", str(path))
    assert done.returncode == 0
    found = read(path)
    assert f"recorded: {len(found)} snapshots" in done.stderr or len(found) == 1
    assert found[-1].totals is not None


def test_the_key_w(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """W records to the current folder, says where, and ends that; the title shows it meanwhile."""
    monkeypatch.chdir(tmp_path)
    with Terminal("run", name) as terminal:
        terminal.wait_for("producer 1 ")
        terminal.press("W")
        terminal.wait_for("● REC")
        (path,) = poll(lambda: list(tmp_path.glob("shmtui-*.rec")), "the file")
        poll(lambda: count(path) >= 3, "three snapshots")
        terminal.press("W")
        terminal.wait_for(lambda s: "REC" not in s.splitlines()[0], "it has ended")
        terminal.wait_for(re.compile(r"recorded: \d+ snapshots in shmtui-").search, "what it holds")
        assert not note_of(path)
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("end", ["q", signal.SIGTERM], ids=str)
def test_a_dashboard_from_its_start(name: str, tmp_path: Path, end: str | signal.Signals) -> None:
    """With --record all is written until the end, which says what the file holds."""
    path = tmp_path / "a.rec"
    with Terminal("run", name, "--record", str(path)) as terminal:
        terminal.wait_for("● REC")
        poll(lambda: count(path) >= 3, "three snapshots")
        if isinstance(end, str):
            terminal.press(end)
        else:
            terminal.signal(end)
        terminal.wait()
        assert f"recorded: {count(path)} snapshots" in terminal.text
    assert not note_of(path)


def test_a_dashboard_whose_disk_is_full(make_buffer: MakeBuffer, tmp_path: Path) -> None:
    """Where no more can be written that is an event, and the dashboard goes on."""
    path, name = tmp_path / "a.rec", make_buffer().name
    limited = (require("prlimit"), "--fsize=2500", sys.executable, "-m", "shmtui")
    with Terminal("attach", name, "--record", str(path), command=limited) as terminal:
        terminal.wait_for("cannot go on with the recording")
        terminal.wait_for(lambda s: "REC" not in s.splitlines()[0], "it records no longer")
        terminal.press("q")
        assert terminal.wait() == 0
    assert count(path) > 0


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
def test_a_replay_with_keys_alone(tmp_path: Path, columns: int, rows: int) -> None:
    """A recording is opened where nothing of it is left, and moved by keys."""
    frames = [stuck(n) if n >= 120 else made(n) for n in range(200)]
    path = recorded(tmp_path / "a.rec", frames, {30: [event(30)]})
    with Terminal("replay", str(path), columns=columns, rows=rows) as terminal:
        terminal.wait_for("/shm_buffer")
        terminal.press("space", "n")
        terminal.wait_for("critical: stalled")
        terminal.wait_for(lambda s: "0:12.0" in s.splitlines()[-2], "the position")
        terminal.press("left")
        terminal.wait_for(lambda s: "0:11.9" in s.splitlines()[-2], "a step back")
        terminal.press("K")
        terminal.wait_for("what a recording shows is over")
        terminal.press("g")
        terminal.wait_for("a time of day")
        terminal.press(*"50%", "enter")
        terminal.wait_for(lambda s: "0:09.9" in s.splitlines()[-2], "half of it")
        terminal.press("<", "space")
        terminal.wait_for(lambda s: "0:01" in s.splitlines()[-2], "it plays")
        terminal.press("?")
        terminal.wait_for("To where the next finding begins")
        terminal.press("q")
        terminal.wait_for(lambda s: "To where the next" not in s, "help is closed")
        terminal.press("q")
        assert terminal.wait() == 0
    assert os.listdir(tmp_path) == ["a.rec"]
