"""A file that was damaged, or made to do harm, is read or refused in a line: never a crash, never more
memory or time than a recording takes.
"""

import json
import random
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.errors import ShmtuiError
from shmtui.events import Event, Severity
from shmtui.recording.codec import UnknownFormError
from shmtui.recording.member import HEADER_SIZE, LARGEST_MEMBER, TRAILER, Header
from shmtui.recording.player import Player
from shmtui.recording.reader import Recording
from shmtui.recording.schema import Frame, frame_of, line_of, parse_line
from shmtui.recording.writer import RecordingWriter
from shmtui.snapshot import Snapshot
from tests.program import run_shmtui
from tests.recording.frames import ANY_SNAPSHOT, event, made, recorded, stuck

FRAMES: Final = 130
SHORT, LONG = 150, 10_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a recording of three members."""
    path = tmp_path_factory.mktemp("whole") / "a.rec"
    snapshots = [stuck(n) if n % 40 > 30 else made(n) for n in range(FRAMES)]
    recorded(path, snapshots, {n: [event(n)] for n in range(0, FRAMES, 9)})
    return path.read_bytes()


def mutated(raw: bytes, chance: random.Random) -> bytes:
    """One or a few of: bits turned, bytes set, a part taken out, doubled or moved, an end cut off."""
    data = bytearray(raw)
    for _change in range(chance.choice((1, 1, 1, 2, 5))):
        if not data:
            break
        at, length = chance.randrange(len(data)), chance.randrange(1, 300)
        match chance.randrange(7):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                data[at : at + 8] = chance.randbytes(8)
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length]
            case 5:
                del data[at:]
            case 6:
                # In a header, where the sizes, counts and times are.
                start = data.find(b"\x1f\x8b\x08\x04", at)
                if start >= 0 and start + HEADER_SIZE <= len(data):
                    data[start + chance.randrange(HEADER_SIZE)] = chance.randrange(256)
    return bytes(data)


def one_line(error: ShmtuiError) -> None:
    """What is refused is refused in a line."""
    assert len(str(error).splitlines()) == 1


def used(path: Path) -> bool:
    """Read all of a recording as a replay does; False: it was refused."""
    try:
        recording = Recording(path)
    except ShmtuiError as error:
        one_line(error)
        return False
    try:
        player = Player(recording)
        moves: list[Callable[[], object]] = [
            lambda: [recording.frame(number) for number in range(min(len(recording), 400))],
            lambda: player.go_to(recording.index.length / 2),
            lambda: [player.go_to_event(1) for _event in range(30)],
            lambda: player.go_to_finding(-1),
            lambda: player.go_to_frame(len(recording) - 1),
            lambda: list(recording.before(player.number, 60.0)),
            lambda: recording.events_until(player.number),
            lambda: recording.number_at_time(1.7e9),
            lambda: recording.index.worst_in(200),
            lambda: player.advance(1.0),
        ]
        for move in moves:
            try:
                move()
            except ShmtuiError as error:
                one_line(error)
        assert 0 <= player.number < len(recording)
    finally:
        recording.close()
    return True


def try_mutants(raw: bytes, path: Path, seeds: range) -> None:
    """Read mutants; some are still read, some are refused."""
    outcomes = set()
    for seed in seeds:
        path.write_bytes(mutated(raw, random.Random(seed)))
        try:
            outcomes.add(used(path))
        except Exception as error:
            raise AssertionError(f"mutant {seed}") from error
    assert outcomes == {True, False}


def test_mutants(whole: bytes, tmp_path: Path) -> None:
    """The short form of the ten thousand."""
    try_mutants(whole, tmp_path / "a.rec", range(SHORT))


@pytest.mark.slow
def test_ten_thousand_mutants(whole: bytes, tmp_path: Path) -> None:
    """None of them crashes, hangs or takes memory without bound."""
    try_mutants(whole, tmp_path / "a.rec", range(LONG))


def member(text: bytes, **facts: Any) -> bytes:
    """A member with a right checksum around any text."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(text) + deflate.flush()
    size = HEADER_SIZE + len(body) + TRAILER.size
    header = Header(size, text.count(b"\n"), 0, 0, 0, 0, 0, 1e9, 1e9, 10**12, 10**12)
    trailer = TRAILER.pack(zlib.crc32(text), len(text) & 0xFFFF_FFFF)
    return replace(header, **facts).pack() + body + trailer


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


LEAVES: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    2**63,
    10**30,
    1e308,
    -1.0,
    "inf",
    "nan",
    "",
    "\x1b]0;x\x07",
    [],
    {},
    [[]],
    "x" * 3000,
)


def spoiled(record: Any, chance: random.Random) -> Any:
    """The JSON with one leaf or branch replaced."""
    if isinstance(record, dict) and record and chance.random() < 0.9:
        key = chance.choice(sorted(record))
        return record | {key: spoiled(record[key], chance)}
    if isinstance(record, list) and record and chance.random() < 0.9:
        at = chance.randrange(len(record))
        return [*record[:at], spoiled(record[at], chance), *record[at + 1 :]]
    return chance.choice(LEAVES)


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
