"""A capsule is a recording with more behind it: read whole, refused in a line, never more than it may be."""

import random
import re
import tempfile
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.diagnosis.wait_graph import wait_graph
from shmtui.errors import ShmtuiError
from shmtui.recording.capsule import MOST_BYTES, SegmentBytes, Stretch, capsule_lines, read_capsule
from shmtui.recording.codec import UnknownFormError
from shmtui.recording.gzip_members import LARGEST_MEMBER
from shmtui.recording.incident import Incident, NamedSemaphore, ProcessFacts, ThreadFacts
from shmtui.recording.reader import Recording
from shmtui.recording.recent import RECENT_SECONDS, RecentFrames
from shmtui.recording.redaction import redacted
from shmtui.recording.schema import Frame
from shmtui.recording.writer import RecordingWriter
from shmtui.report.graph_text import graph_lines
from shmtui.report.incident_markdown import incident_lines
from shmtui.report.recorded_text import as_recorded, recorded_json, recorded_lines, recorded_text
from shmtui.report.snapshot_json import line, snapshot_json
from shmtui.report.snapshot_text import check_lines, snapshot_lines
from shmtui.sanitize import inert
from shmtui.session.incident_report import write_capsule
from shmtui.session.recorded_segment import recorded_segment
from shmtui.shm.protocol import Role
from shmtui.shm.segment_info import Slot
from shmtui.snapshot import Origin, Snapshot
from tests.mutants import damaged
from tests.program import run_shmtui
from tests.recording.frames import ANY_SNAPSHOT, anything, event, made, stuck
from tests.recording.mutants import member, one_line
from tests.tui.records import NOON, process

SHORT: Final = 120
SOME: Final = 5 << 20
"""Bytes of more than one member."""
INCIDENT: Final = Incident(
    host="rosebud",
    version="9",
    kernel="Linux 7",
    machine="x86_64",
    time=NOON,
    seconds=3.0,
    plan=("nothing to repair: no findings",),
    processes=(
        ProcessFacts(
            101, "./produtor --fast", "/home/ana/produtor",
            (ThreadFacts(101, "produtor", "S", "futex_do_wait", (202, 4096, 0x189), "empty"),),
            maps=("7f00-7f01 rw-s 00000000 00:1b 42 /dev/shm/shm_buffer",),
        ),
    ),
    semaphores=(NamedSemaphore("/gate", "01" * 32),),
    related=(stuck(7),),
)  # fmt: skip
STRETCHES: Final = ((0, b"\1\2\3"), (4096, b"x" * 4096), (1 << 30, b"end"))
SIZE: Final = 1 << 40


def whole_incident(**changes: Any) -> Incident:
    """The incident of a segment whose bytes are all there."""
    return replace(INCIDENT, size=SIZE, copied=SIZE, **changes)


def capsule(
    path: Path,
    incident: Incident,
    stretches: tuple[Stretch, ...] = STRETCHES,
    frames: int = 60,
) -> Path:
    """Write a capsule."""
    writer = RecordingWriter(path, force=True)
    for number in range(frames):
        writer.add(stuck(number) if number > 50 else made(number), [event(number)])
    writer.add_capsule(capsule_lines(incident, stretches))
    writer.close()
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a capsule."""
    return capsule(tmp_path_factory.mktemp("whole") / "a", whole_incident()).read_bytes()


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The incident and every byte come back; holes are zeros, and a tebibyte of them takes no room."""
    path = capsule(tmp_path / "a.capsule", whole_incident())
    assert path.stat().st_size < 20_000
    with closing(Recording(path)) as recording:
        assert not recording.note
        assert len(recording) == 60
        assert recording.frame(59).snapshot == stuck(59)
        found = read_capsule(recording)
    assert found is not None
    incident, its = found
    assert incident == whole_incident()
    assert its.read(0, 6) == b"\1\2\3\0\0\0"
    assert its.read(4094, 4) == b"\0\0xx"
    assert its.read((1 << 30) - 1, 5) == b"\0end\0"
    assert its.read(SIZE - 2, 100) == b"\0\0"
    assert incident.process_of(101) == 101


def test_without_its_last_members_it_is_a_recording(whole: bytes, tmp_path: Path) -> None:
    """The snapshots come first, as any recording has them: a reader that knows no capsules reads them."""
    path = tmp_path / "a.rec"
    path.write_bytes(whole)
    with closing(Recording(path)) as recording:
        assert len(recording.capsule_members) == 1
        path.write_bytes(whole[: recording.capsule_members[0][0]])
    with closing(Recording(path)) as recording:
        assert (len(recording), recording.note) == (60, "")
        assert read_capsule(recording) is None


def test_several_members_and_several_capsules(whole: bytes, tmp_path: Path) -> None:
    """Much is spread over members, of which none that is missing counts as zeros; of capsules written one
    behind the other the last one counts.
    """
    raw = random.Random(1).randbytes(SOME)
    many = tuple((at, raw[at : at + 65536]) for at in range(0, SOME, 65536))
    incident = replace(INCIDENT, size=SIZE, copied=SOME, kept=SOME)
    path = capsule(tmp_path / "a", incident, many, 2)
    path.write_bytes(whole + path.read_bytes())
    with closing(Recording(path)) as recording:
        assert len(recording) == 62
        assert len(recording.capsule_members) > 1
        found = read_capsule(recording)
    assert found is not None
    assert found[1].read(0, SOME) == raw
    assert found[1].read(SOME, 1) == b""
    path.write_bytes(path.read_bytes()[:-9])
    with closing(Recording(path)) as recording:
        assert recording.note
        found = read_capsule(recording)
    assert found is not None
    there = found[1].read(0, SOME)
    assert 0 < len(there) == found[0].copied < SOME
    assert there == raw[: len(there)]


def used(path: Path) -> bool:
    """Read all of a capsule as the commands do; False: it was refused, in one line."""
    try:
        look = recorded_segment(path)
    except ShmtuiError as error:
        one_line(error)
        return False
    text = [recorded_text(look), *incident_lines(look.snapshot, look.incident, look.events)]
    assert [row for row in text if inert(row) != row and len(row) < 4000] == []
    line(recorded_json(look))
    return True


def test_mutants(whole: bytes, tmp_path: Path) -> None:
    """Whatever happened to its bytes, it is read or refused."""
    path, outcomes = tmp_path / "a", set()
    behind = whole.index(b"SC") - 12
    for seed in range(SHORT):
        # Half of them in the members behind the snapshots alone.
        part = whole[:behind] if seed % 2 else b""
        path.write_bytes(part + damaged(whole[len(part) :], random.Random(seed)))
        outcomes.add(used(path))
    assert outcomes == {True, False}


START: Final = b'{"capsule":1,"size":100,"copied":100}\n'


@pytest.mark.parametrize(
    "lines",
    [
        b"", b"{}\n", b"null\n", b"[" * 100_000 + b"\n", b'{"capsule":true}\n', b'{"capsule":0}\n',
        b'{"capsule":1,"time":1e999}\n', b'{"capsule":1,"copied":5}\n', b'{"capsule":1,"size":-1}\n',
        b'{"capsule":2}\n', b'{"capsule":1,"processes":[{"pid":1,"threads":[7]}]}\n',
        START + b'{"capsule":1,"offset":99,"bytes":"0000"}\n',
        START + b'{"capsule":1,"offset":-1,"bytes":"00"}\n',
        START + b'{"capsule":1,"offset":9,"bytes":"00"}\n{"capsule":1,"offset":3,"bytes":"00"}\n',
        START + b'{"capsule":1,"offset":9,"bytes":"0"}\n',
        START + b'{"capsule":1,"offset":9,"bytes":7}\n',
        START + START,
        START + b" " * (9 << 20) + b"{}\n",
    ],
)  # fmt: skip
def test_hostile_lines(tmp_path: Path, lines: bytes) -> None:
    """A right checksum around wrong lines is refused as well, in one line."""
    path = capsule(tmp_path / "a", INCIDENT, (), 1)
    with closing(Recording(path)) as recording:
        ((at, _size),) = recording.capsule_members
    path.write_bytes(path.read_bytes()[:at] + member(lines, capsule=True, begun=1, frames=0))
    assert not used(path)
    if not lines:
        done = run_shmtui("check", str(path))
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


def test_a_bomb(tmp_path: Path) -> None:
    """What inflates to more than a member, or to more bytes than a capsule, holds is not taken in."""
    path = capsule(tmp_path / "a", INCIDENT, (), 1)
    with closing(Recording(path)) as recording:
        ((at, _size),) = recording.capsule_members
    start = path.read_bytes()[:at] + member(
        b'{"capsule":1,"size":%d,"copied":%d}\n' % (SIZE, SIZE), capsule=True, begun=1, frames=0
    )
    zeros = b"00" * 65536
    full = b"".join(
        b'{"capsule":1,"offset":%d,"bytes":"%s"}\n' % (n << 16, zeros) for n in range(100)
    )
    tracemalloc.start()
    for behind in (
        member(b" " * (4 * LARGEST_MEMBER), capsule=True, frames=0),
        member(full, capsule=True, frames=0) * 60,
        member(b"", capsule=True, frames=0) * 5000,
    ):
        path.write_bytes(start + behind)
        used(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * MOST_BYTES


@settings(max_examples=20)
@given(anything(Incident))
def test_any_incident(incident: Incident) -> None:
    """Whatever /proc says is written and read again, and is no markup in the report."""
    lines = list(capsule_lines(incident, ()))
    assert len(lines) == 1
    fence, outside = "", 0
    for row in incident_lines(made(1), incident, ()):
        assert inert(row) == row or len(row) > 4000
        if fence:
            assert row == fence or not row.strip().startswith(fence)
            fence = "" if row == fence else fence
        elif row.startswith("```"):
            fence = row.removesuffix("text")
        elif row:
            assert row[0] in "#-"
            outside += 1
    assert not fence
    assert outside > 5


@settings(max_examples=15, phases=[Phase.generate])
@given(ANY_SNAPSHOT, anything(Incident))
def test_any_snapshot_is_told(snapshot: Snapshot, incident: Incident) -> None:
    """Whatever a file says was there, stat, check and report tell it: no field makes them fail."""
    frame = Frame(replace(snapshot, time=NOON, monotonic_ns=10**9), (event(1),))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.capsule"
        for frames, its in (([frame], incident), redacted([frame], incident)):
            write_capsule(path, frames, replace(its, size=0, copied=0), force=True)
            try:
                look = recorded_segment(path)
            except ShmtuiError as error:
                one_line(error)  # A time that no calendar has.
                continue
            told = look.snapshot
            line(as_recorded(snapshot_json(told), look))
            graph = wait_graph((told, *its.related), its.process_of)
            said = (*snapshot_lines(told), *check_lines(told, 1.0))
            text = (
                *recorded_lines(look, said),
                *graph_lines(graph),
                *incident_lines(told, look.incident, look.events),
            )
            assert [row for row in text if inert(row) != row and len(row) < 4000] == []


def test_bytes_have_to_lie_in_the_segment() -> None:
    """Neither behind its end nor over each other."""
    for wrong in (((90, b"x" * 20),), ((5, b"xx"), (6, b"y")), ((0, b""),)):
        with pytest.raises(UnknownFormError):
            SegmentBytes(Incident(size=100, copied=100), wrong)


def test_redaction() -> None:
    """Command lines, users, the host and values are in no field and no sentence; what was found stays."""
    text = "./produtor --fast of ana on rosebud has /home/ana/produtor open"
    text += "; consumidor (PID 7) left; producer 1 (PID 8) joined, not (consumidor (PID 7))"
    snapshot = named(stuck(1))
    frame = Frame(snapshot, (replace(event(1), text=text),))
    frames, incident = redacted([frame], whole_incident())
    said = repr((frames, incident))
    for word in (
        "produtor",
        "ana",
        "rosebud",
        "home",
        "--fast",
        "424242",
        "01" * 32,
        "consumidor",
        "velho",
    ):
        assert not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said), word
    assert frames[0].snapshot.health == snapshot.health
    assert [slot.full for slot in frames[0].snapshot.slots] == [s.full for s in snapshot.slots]
    assert len(incident.redacted) == 4
    assert (
        frames[0]
        .events[0]
        .text.endswith("process (PID 7) left; producer 1 (PID 8) joined, not (process (PID 7))")
    )
    assert incident.processes[0].threads[0].waits_on == "empty"


def named(snapshot: Snapshot) -> Snapshot:
    """The snapshot with a process, an owner and a value that can be known again."""
    who = process(
        101, Role.PRODUCER, name="./produtor --fast", origin=Origin.FOREIGN, user="ana",
        last_item=424242,
    )  # fmt: skip
    owned = replace(snapshot.segment, owner="ana")
    slots = (Slot(0, 424242, full=True),)
    older = ("velho consumidor (PID 9)",)
    return replace(snapshot, segment=owned, processes=(who,), slots=slots, older_users=older)


def test_the_last_half_minute() -> None:
    """It keeps no more than that, no more than memory has room for, and all events meanwhile."""
    recent = RecentFrames()
    for number in range(1000):
        recent.add(made(number), [event(number)])
    frames = recent.frames()
    assert frames[-1].snapshot == made(999)
    assert len(frames) == pytest.approx(10 * RECENT_SECONDS, abs=1)
    recent.clear()
    fast = [made(0, monotonic_ns=10**12 + number * 10**6) for number in range(1000)]
    for number, each in enumerate(fast):
        recent.add(each, [event(number)])
    frames = recent.frames()
    assert len(frames) < 15
    assert sum(len(frame.events) for frame in frames) > 900
    recent.clear()
    crowd = made(0).processes * 5000
    for number in range(200):
        recent.add(made(number, processes=crowd))
    assert sum(len(frame.snapshot.processes) for frame in recent.frames()) < 50_000


def test_any_stretches() -> None:
    """Any reading of any bytes is what the segment had."""

    @given(st.binary(min_size=1, max_size=300), st.integers(0, 300), st.integers(0, 400))
    def reads(raw: bytes, offset: int, length: int) -> None:
        parts = [(at, raw[at : at + 7]) for at in range(0, len(raw), 7) if any(raw[at : at + 7])]
        its = SegmentBytes(Incident(size=len(raw), copied=len(raw)), parts)
        assert its.read(offset, length) == raw[offset : offset + length]

    reads()
