"""What is written is read again: whole, after any end, from any place, and by other programs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from shmtui.recording.gzip_members import MEMBER_FRAMES
from shmtui.recording.past import Past
from shmtui.recording.reader import Recording
from shmtui.recording.recorder import Recorder
from shmtui.recording.schema import RecordingError, parse_line
from shmtui.recording.writer import RecordingWriter, older_path
from shmtui.session.replay_source import ReplaySource
from shmtui.shm.segment_info import Slot
from shmtui.snapshot import Snapshot
from tests.compiling import require
from tests.recording.frames import TICK, event, made, read, recorded, stuck
from tests.tui.records import NOON
from tests.waiting import poll

SOME: Final = 3 * MEMBER_FRAMES + 7


def every(count: int = SOME) -> list[Snapshot]:
    """So many snapshots."""
    return [made(number) for number in range(count)]


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every snapshot comes back whole, in any order, with its events and the findings that began."""
    snapshots = [*every(60), stuck(60), stuck(61), made(62), stuck(63)]
    path = recorded(tmp_path / "a.rec", snapshots, {5: (event(1), event(2)), 60: (event(3),)})
    recording = Recording(path)
    assert not recording.note
    assert len(recording) == len(snapshots)
    for number in (63, 0, 61, 49, 50, *range(len(snapshots))):
        assert recording.frame(number).snapshot == snapshots[number]
    assert recording.frame(5).events == (event(1), event(2))
    begun = [n for n in range(len(snapshots)) if recording.frame(n).begun]
    assert begun == [60, 63]
    assert recording.frame(63).begun == ("stalled",)
    assert path.stat().st_mode & 0o777 == 0o600
    recording.close()


def test_other_programs_read_it(tmp_path: Path) -> None:
    """It inflates by zcat to lines of JSON, while it is written too: a snapshot in each."""
    path = tmp_path / "a.rec"
    writer = RecordingWriter(path)
    for number in range(SOME):
        writer.add(made(number), [event(number)])
    for code in (1, 0):
        done = subprocess.run(
            [require("zcat")], input=path.read_bytes(), capture_output=True, check=False
        )
        # zcat reads what there is, and complains of a member without its end.
        assert (done.returncode != 0) is bool(code)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["monotonic_ns"] for line in lines] == [s.monotonic_ns for s in every()]
        assert {line["recording"] for line in lines} == {1}
        assert lines[3]["events"][0]["text"] == "event 3"
        assert lines[0]["slots"]["value"] == [40, 41, 42, 43, 44]
        assert lines[0]["host"]
        writer.close()


def test_hops(tmp_path: Path) -> None:
    """A time, an event or a finding anywhere is found, and few members are read for it."""
    snapshots = every(40 * MEMBER_FRAMES)
    snapshots[1234] = stuck(1234)
    path = recorded(tmp_path / "a.rec", snapshots, {7: [event(7)], 1900: [event(1900)]})
    recording = Recording(path)
    assert recording.index.length == pytest.approx(TICK * (len(snapshots) - 1))
    for seconds, number in ((0.0, 0), (-5.0, 0), (100.04, 1000), (1e9, len(snapshots) - 1)):
        assert recording.number_at(seconds) == number
    assert recording.digest(1000).seconds == pytest.approx(100.0)
    assert [recording.event_from(0, 1), recording.event_from(7, 1)] == [7, 1900]
    assert [recording.event_from(1900, 1), recording.event_from(1900, -1)] == [None, 7]
    assert [recording.finding_from(0, 1), recording.finding_from(1234, 1)] == [1234, None]
    assert recording.finding_from(1999, -1) == 1234
    past = Past(recording)
    assert past.events(1950) == (event(1900), event(7))
    assert past.events(1899) == (event(7),)
    rates = [*past.rates(1003, 1.5)]
    assert [each.number for each in rates] == list(range(rates[0].number, 1004))
    assert 987 <= rates[0].number <= 989
    assert [each.seconds for each in rates] == sorted(each.seconds for each in rates)
    assert all(each.seconds == pytest.approx(TICK * each.number, abs=TICK) for each in rates)
    marks = recording.index.worst_in(100)
    assert [at for at, worst in enumerate(marks) if worst] == [61]
    assert len(recording._digests) < 12
    recording.close()


def test_a_jump_parses_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a jump parses does not grow with the recording: the lines of one member, of the minute before
    those that the graph needs, and of older ones those with events.
    """
    parsed: list[int] = []

    def counted(line: bytes) -> dict[str, Any]:
        parsed.append(1)
        return parse_line(line)

    monkeypatch.setattr("shmtui.recording.reader.parse_line", counted)
    per_jump = []
    for members in (20, 80):
        count = members * MEMBER_FRAMES
        events = {number: [event(number)] for number in range(0, count, 40)}
        path = recorded(tmp_path / f"{members}.rec", every(count), events)
        source = ReplaySource(path)
        parsed.clear()
        source.move(lambda player: player.go_to(TICK * (count - 5)))  # noqa: B023 - used at once
        per_jump.append(len(parsed))
        source.close()
    assert per_jump[0] == per_jump[1] < 300


def test_two_files_are_one(tmp_path: Path) -> None:
    """Recordings that are written one behind the other are one, whatever the clocks were."""
    later = [made(number + 1000) for number in range(60)]
    before = [replace(made(number), monotonic_ns=number) for number in range(60)]
    parts = [recorded(tmp_path / "a", every(60)), recorded(tmp_path / "b", later),
             recorded(tmp_path / "c", before)]  # fmt: skip
    whole = tmp_path / "whole"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert read(whole) == [*every(60), *later, *before]
    recording = Recording(whole)
    times = [recording.digest(number).seconds for number in range(len(recording))]
    assert times == sorted(times)
    assert times[60] == pytest.approx(100.0)
    recording.close()


def test_a_clock_set_back(tmp_path: Path) -> None:
    """Wall time may go back while it is recorded: order and distances are those of the monotonic clock."""
    snapshots = [made(n, wall=NOON + n - (3600 if n >= 30 else 0)) for n in range(70)]
    path = recorded(tmp_path / "a.rec", snapshots)
    assert read(path) == snapshots
    recording = Recording(path)
    assert recording.number_at(3.05) == 30
    assert recording.index.length == pytest.approx(6.9)
    recording.close()


def test_cut_at_any_byte(tmp_path: Path) -> None:
    """Of a file that ends in the middle all whole snapshots are read, and it is said."""
    path = recorded(tmp_path / "a.rec", every(MEMBER_FRAMES + 3))
    whole = path.read_bytes()
    recording = Recording(path)
    second = recording.index.offsets[1]
    recording.close()
    torn = tmp_path / "torn.rec"
    seen = []
    for end in range(second, len(whole)):
        torn.write_bytes(whole[:end])
        recording = Recording(torn)
        seen.append(len(recording))
        assert bool(recording.note) is (end > second)
        assert recording.frame(len(recording) - 1).snapshot == made(len(recording) - 1)
        recording.close()
    assert seen == sorted(seen)
    assert set(seen) == set(range(MEMBER_FRAMES, MEMBER_FRAMES + 4))


WRITE: Final = """
import itertools, sys
from pathlib import Path
from shmtui.recording.writer import RecordingWriter
from tests.recording.frames import made
writer = RecordingWriter(Path(sys.argv[1]))
for number in itertools.count():
    writer.add(made(number))
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [0, 1, MEMBER_FRAMES - 2, MEMBER_FRAMES - 1, MEMBER_FRAMES, 133])
def test_a_killed_recorder_loses_nothing(tmp_path: Path, after: int) -> None:
    """After SIGKILL at any moment every snapshot that was written is there."""
    path = tmp_path / "a.rec"
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        last = -1
        while last < after:
            last = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split()
    last = max([last, *map(int, rest[:-1])])
    found = read(path)
    assert len(found) > last
    assert found == every(len(found))


def test_rotation_by_size(tmp_path: Path) -> None:
    """A file that is large enough becomes the older one, and nothing between the two is lost."""
    path = tmp_path / "a.rec"
    writer = RecordingWriter(path, max_size=1 << 16)
    number = 0
    while not older_path(path).exists():
        writer.add(values(number))
        number += 1
    writer.add(values(number))
    writer.close()
    assert [*read(older_path(path)), *read(path)] == [values(n) for n in range(number + 1)]
    assert (1 << 16) <= older_path(path).stat().st_size < 2 << 16
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.rec", "a.rec.1"]


def values(number: int) -> Snapshot:
    """One that deflates badly."""
    return replace(made(number), slots=tuple(Slot(0, hash((number, n)), True) for n in range(64)))


def test_rotation_by_age(tmp_path: Path) -> None:
    """So does one that is old enough; the one before gives way."""
    path = tmp_path / "a.rec"
    writer = RecordingWriter(path, max_age=2.0)
    for number in range(70):
        writer.add(made(number))
    writer.close()
    assert read(older_path(path)) == every(70)[40:60]
    assert read(path) == every(70)[60:]


def test_what_exists_is_kept(tmp_path: Path) -> None:
    """A file is replaced only on demand, and only by its like; a pipe or a folder never."""
    path = recorded(tmp_path / "a.rec", every(3))
    before = path.read_bytes()
    with pytest.raises(RecordingError, match="--force"):
        RecordingWriter(path)
    assert path.read_bytes() == before
    RecordingWriter(path, force=True).close()
    assert not path.read_bytes()
    older_path(path).write_text("letter")
    with pytest.raises(RecordingError, match="not a recording"):
        RecordingWriter(path, force=True, max_age=1.0)
    assert older_path(path).read_text() == "letter"
    os.mkfifo(tmp_path / "pipe")
    for wrong in (tmp_path / "pipe", tmp_path, Path("/dev/null"), tmp_path / "none" / "a.rec"):
        with pytest.raises(RecordingError):
            RecordingWriter(wrong, force=True)


FILL: Final = """
import sys
from pathlib import Path
from shmtui.errors import ShmtuiError
from shmtui.recording.writer import RecordingWriter
from tests.recording.test_recordings import values
writer = RecordingWriter(Path(sys.argv[1]))
try:
    for number in range(10_000):
        writer.add(values(number))
except ShmtuiError as error:
    print(error, file=sys.stderr)
writer.close()
print(number)
"""


@pytest.mark.parametrize("limit", [20_000, 50_001, 100_003, 200_000])
def test_a_limit_on_files(tmp_path: Path, limit: int) -> None:
    """Where no more can be written one line says so, and what was written is read."""
    path = tmp_path / "a.rec"
    # -B: bytecode cut off by the limit would stay, and break the next import.
    command = [require("prlimit"), f"--fsize={limit}", sys.executable, "-B", "-c", FILL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot go on with the recording" in done.stderr
    assert "can be read" in done.stderr
    assert read(path) == [values(number) for number in range(int(done.stdout))]


FULL: Final = 'mount -t tmpfs -o size=96k none "$1" && shift && exec "$@"'


def test_a_full_disk(tmp_path: Path) -> None:
    """The same holds where the disk is full."""
    script = FILL + "sys.stdout.write(str(len(read(Path(sys.argv[1])))))"
    script = "from tests.recording.frames import read" + script
    inside = (sys.executable, "-B", "-c", script, str(tmp_path / "disk" / "a.rec"))
    (tmp_path / "disk").mkdir()
    words = [require("unshare"), "--user", "--map-root-user", "--mount", "sh", "-c", FULL, "sh"]
    done = subprocess.run([*words, str(tmp_path / "disk"), *inside], capture_output=True, text=True,
                          check=False)  # fmt: skip
    if done.returncode and "cannot go on" not in done.stderr:
        pytest.skip(f"no mount of its own: {done.stderr.strip()[:80]}")
    assert "no space is left" in done.stderr
    written, found = done.stdout.split()
    assert written == found != "0"


def test_a_thread_writes(tmp_path: Path) -> None:
    """What a dashboard hands over is in the file; nobody waits for the disk before the end."""
    recorder = Recorder(RecordingWriter(tmp_path / "a.rec"))
    for number in range(70):
        recorder.add(made(number), [event(number)])
    recorder.close()
    assert not recorder.wrong
    assert read(recorder.path) == every(70)
    assert str(recorder) == f"70 snapshots in {recorder.path}"


def test_a_thread_that_cannot_write(tmp_path: Path) -> None:
    """It says why, and takes what comes after without a word."""
    huge = replace(made(1), slots=(Slot(0, "x" * (9 << 20), full=True),))
    recorder = Recorder(RecordingWriter(tmp_path / "a.rec"))
    recorder.add(made(0), ())
    recorder.add(huge, ())
    poll(lambda: recorder.wrong, "it has given up")
    recorder.add(made(2), ())
    recorder.close()
    assert "a recording holds 8388608 of each" in recorder.wrong
    assert read(recorder.path) == [made(0)]


@pytest.mark.parametrize("text", ["", "a letter\n", "\x1f\x8b\x08\x00rest", "{}\n" * 1000])
def test_what_is_no_recording(tmp_path: Path, text: str) -> None:
    """Another file is refused."""
    path = tmp_path / "a.rec"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RecordingError, match="not a recording"):
        Recording(path)


def test_a_newer_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of a later version is refused, with the way out."""
    monkeypatch.setattr("shmtui.recording.schema.SCHEMA", 2)
    path = recorded(tmp_path / "a.rec", every(3))
    monkeypatch.undo()
    with pytest.raises(RecordingError, match="a newer shmtui"):
        Recording(path)


def test_an_older_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of an earlier version goes through the step that makes today's form of it."""
    path = recorded(tmp_path / "a.rec", every(3))
    upgrade: Callable[[dict[str, object]], dict[str, object]] = lambda line: line | {"out": 4}  # noqa: E731
    monkeypatch.setattr("shmtui.recording.schema.SCHEMA", 2)
    monkeypatch.setattr("shmtui.recording.schema.UPGRADES", {1: upgrade})
    assert read(path) == [replace(snapshot, out=4) for snapshot in every(3)]


FIRST: Final = Path(__file__).with_name("schema1.rec")
"""Recorded by the first version that could, of a run of two workers."""


def test_the_first_schema_is_read() -> None:
    """Recordings are read for ever."""
    snapshots = read(FIRST)
    assert len(snapshots) == 20
    assert {p.role.value for p in snapshots[-1].processes} == {"producer", "consumer"}
    assert snapshots[-1].totals is not None
