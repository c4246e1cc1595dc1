"""Damaged recordings, each by its number, and all that a replay does with one.

``python -m tests.recording.mutants WHOLE FOLDER FIRST END`` tries those numbers on the recording WHOLE
in one process, which has little memory to grow by.
"""

import io
import json
import random
import resource
import signal
import sys
import tempfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Final

from msgspec.structs import replace

from shmtui.errors import ShmtuiError, ShortageError
from shmtui.recording.gzip_members import (
    HEADER_SIZE,
    LARGEST_MEMBER,
    TRAILER,
    Header,
    lines_of,
    unpack,
)
from shmtui.recording.past import Past
from shmtui.recording.player import Player
from shmtui.recording.reader import Recording
from shmtui.recording.schema import LONGEST_LINE
from shmtui.report.recording_csv import write_rows
from tests.mutants import bombs, damaged, members, rearranged, spoiled
from tests.waiting import PATIENCE

MORE_MEMORY: Final = 512 << 20
"""Bytes that reading a recording may take: a member of nothing but brackets takes most."""
_MOST_FRAMES: Final = 400
HEAVY: Final = 0.9503
"""Where the range of heavy mutants ends."""


def member(text: bytes, **facts: Any) -> bytes:
    """A member with a right checksum around any text."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(text) + deflate.flush()
    size = HEADER_SIZE + len(body) + TRAILER.size
    header = Header(size, text.count(b"\n"), 0, 0, 0, 0, 0, 1e9, 1e9, 10**12, 10**12)
    trailer = TRAILER.pack(zlib.crc32(text), len(text) & 0xFFFF_FFFF)
    return replace(header, **facts).pack() + body + trailer


def mutant(whole: bytes, number: int) -> bytes:
    """A recording that is damaged in one of the ways that there are."""
    chance = random.Random(number)
    way = chance.random()
    if way < 0.6:
        return damaged(whole, chance, HEADER_SIZE)
    if way < 0.75:
        return rearranged(members(whole), chance)
    parts = members(whole)
    at = chance.randrange(len(parts))
    if way < 0.95:
        parts[at] = _with_a_spoiled_line(parts[at], chance)
    elif way < HEAVY:
        return _heavy(parts[at]) * 6
    else:
        parts[at] = chance.choice(_bombs())
    return b"".join(parts)


@cache
def _heavy(part: bytes) -> bytes:
    """A member with one snapshot that is whole, and takes as much memory as a line can."""
    start, *_rest = lines_of(part[HEADER_SIZE:], ended=True)
    room = LONGEST_LINE - len(start) - 20
    return member(start[:-1] + b',"x":[0' + b",[]" * (room // 3) + b"]}\n")


def _with_a_spoiled_line(part: bytes, chance: random.Random) -> bytes:
    lines = lines_of(part[HEADER_SIZE:], ended=True)
    at = chance.randrange(len(lines))
    lines[at] = json.dumps(spoiled(json.loads(lines[at]), chance)).encode()
    header = unpack(part)
    assert header is not None
    facts = {name: getattr(header, name) for name in header.__struct_fields__[1:]}
    return member(b"".join(line + b"\n" for line in lines), **facts)


@cache
def _bombs() -> tuple[bytes, ...]:
    """Members that hold more than one can, and as much as one can."""
    texts = [text for size in (LARGEST_MEMBER - 3, 4 * LARGEST_MEMBER) for text in bombs(size)]
    ways: tuple[dict[str, int], ...] = ({"size": 0}, {"frames": 1})
    return tuple(member(text, **way) for text in texts for way in ways)


def used(path: Path) -> bool:
    """Read all of a recording as a replay does; False: it was refused, in one line."""
    try:
        recording = Recording(path)
    except ShmtuiError as error:
        one_line(error)
        return False
    try:
        player, past = Player(recording), Past(recording)
        moves: list[Callable[[], object]] = [
            lambda: [
                recording.frame(number) for number in range(min(len(recording), _MOST_FRAMES))
            ],
            lambda: player.go_to(recording.index.length / 2),
            lambda: [player.go_to_event(1) for _event in range(30)],
            lambda: player.go_to_finding(-1),
            lambda: player.go_to_frame(len(recording) - 1),
            lambda: list(past.rates(player.number, 60.0)),
            lambda: past.events(player.number),
            lambda: recording.number_at_time(1.7e9),
            lambda: recording.index.worst_in(200),
            lambda: player.advance(1.0),
            lambda: write_rows(recording, io.StringIO()),
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


def one_line(error: ShmtuiError) -> None:
    """What is refused is refused in a line; and it is not for want of memory."""
    assert not isinstance(error, ShortageError)
    assert len(str(error).splitlines()) == 1
    assert str(error).isprintable()


def try_mutants(whole: bytes, folder: Path, numbers: range) -> None:
    """Read mutants: some are still read, some are refused. AssertionError: one did harm."""
    outcomes = set()
    path = folder / "mutant.rec"
    for number in numbers:
        path.write_bytes(mutant(whole, number))
        signal.alarm(round(PATIENCE))
        try:
            outcomes.add(used(path))
        except Exception as error:
            raise AssertionError(f"mutant {number}") from error
        finally:
            signal.alarm(0)
    assert outcomes == {True, False}


def _hangs(_number: int, _frame: FrameType | None) -> None:
    raise AssertionError(f"no end after {PATIENCE:g} s")


def main() -> None:
    """Try them with a limit on memory."""
    whole, folder, first, end = sys.argv[1:]
    _bombs()
    signal.signal(signal.SIGALRM, _hangs)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with tempfile.TemporaryDirectory(dir=folder) as own:
        try_mutants(Path(whole).read_bytes(), Path(own), range(int(first), int(end)))


if __name__ == "__main__":
    main()
