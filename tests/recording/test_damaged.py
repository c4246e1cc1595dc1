"""A file that was damaged, or made to do harm, is read or refused in a line: never a crash, never more
memory or time than a recording takes.
"""

import json
import random
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.events import Event, Severity
from shmtui.recording.codec import UnknownFormError
from shmtui.recording.gzip_members import LARGEST_MEMBER
from shmtui.recording.schema import Frame, frame_of, line_of, parse_line
from shmtui.recording.writer import RecordingWriter
from shmtui.snapshot import Snapshot
from tests.mutants import spoiled
from tests.program import run_shmtui
from tests.recording.frames import ANY_SNAPSHOT, event, made, recorded, stuck
from tests.recording.mutants import member, used

FRAMES: Final = 130
SHORT, LONG, PART = 200, 10_000, 1000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of three members."""
    path = tmp_path_factory.mktemp("whole") / "a.rec"
    snapshots = [stuck(n) if n % 40 > 30 else made(n) for n in range(FRAMES)]
    return recorded(path, snapshots, {n: [event(n)] for n in range(0, FRAMES, 9)})


def try_mutants(whole: Path, numbers: range) -> None:
    """Read mutants in a process of its own, which has little memory to grow by."""
    command = [sys.executable, "-m", "tests.recording.mutants", str(whole), str(whole.parent)]
    bounds = (str(numbers.start), str(numbers.stop))
    done = subprocess.run([*command, *bounds], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_mutants(whole: Path) -> None:
    """The short form of the ten thousand."""
    try_mutants(whole, range(SHORT))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, LONG, PART))
def test_ten_thousand_mutants(whole: Path, first: int) -> None:
    """None of them crashes, hangs or takes memory without bound."""
    try_mutants(whole, range(first, first + PART))


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("fill", [b"\n", b" ", b"[", b'{"recording":1}\n'])
def test_a_bomb(tmp_path: Path, fill: bytes, ended: bool) -> None:
    """What inflates to more than a member can hold is not inflated."""
    path = tmp_path / "a.rec"
    facts = {} if ended else {"size": 0}
    path.write_bytes(member(fill * (4 * LARGEST_MEMBER // len(fill)), frames=50, **facts))
    tracemalloc.start()
    assert not used(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * LARGEST_MEMBER


def test_many_empty_members(tmp_path: Path) -> None:
    """Headers alone make no recording."""
    path = tmp_path / "a.rec"
    path.write_bytes(member(b"") * 10_000)
    assert not used(path)


@pytest.mark.parametrize(
    "line",
    [b"", b"null", b"7", b"[]", b'"x"', b"{}", b'{"recording":1}', b'{"recording":null}', b"[" * 100_000,
     b'{"recording":1,"time":1e999}', b'{"recording":' + b"9" * 5000 + b"}", b"\xff\xfe", b'{"a":NaN}',
     b'{"recording":-4}', b'{"recording":true}'],
)  # fmt: skip
def test_hostile_lines(tmp_path: Path, line: bytes) -> None:
    """A right checksum around a wrong line is refused as well, by the command in one line."""
    path = tmp_path / "a.rec"
    path.write_bytes(member(line + b"\n"))
    assert not used(path)
    done = run_shmtui("replay", str(path), "--csv", "-")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("shmtui: ")


def test_spoiled_fields() -> None:
    """Any field may hold anything: a line is a frame, or is refused."""
    line = json.loads(line_of(with_events(stuck(3))))
    kept = 0
    for seed in range(1000):
        raw = json.dumps(spoiled(line, random.Random(seed))).encode()
        try:
            frame = frame_of(parse_line(raw))
        except (UnknownFormError, ShmtuiError):
            continue
        kept += 1
        assert isinstance(frame.snapshot, Snapshot)
    assert 0 < kept < 1000


def with_events(snapshot: Snapshot) -> Frame:
    """A frame of it, with events."""
    return Frame(snapshot, (Event(1.0, Severity.BAD, "x"),), ("stalled",))


@given(st.lists(ANY_SNAPSHOT, min_size=1, max_size=3))
def test_any_snapshots_are_written_or_refused(snapshots: list[Snapshot]) -> None:
    """A writer takes whatever a sampler could make; times that no clock has are refused when read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.rec"
        writer = RecordingWriter(path)
        for number, each in enumerate(snapshots):
            writer.add(replace(each, time=1e9 + number, monotonic_ns=10**9 + number))
        writer.close()
        used(path)
