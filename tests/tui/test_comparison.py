"""Two recordings side by side: the same instant of both, moved together, with what differs marked."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from shmtui.recording.schema import RecordingError
from shmtui.session.opener import Attachment
from shmtui.session.replay_source import PairSource
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_info import SemaphoreState
from shmtui.snapshot import Health, Snapshot, Status
from shmtui.tui.app import DashboardApp
from shmtui.tui.comparison import facts, slot_pairs
from shmtui.tui.draw.comparison import comparison_lines, summary
from shmtui.tui.draw.time_bar import pair_bars
from shmtui.tui.glyphs import ASCII, UNICODE, Glyphs
from shmtui.tui.replay_view import comparison_of
from shmtui.tui.spans import plain, width_of
from shmtui.tui.view_model import Comparison
from tests.recording.frames import STUCK, TICK, event, made, recorded, stuck
from tests.tui.dashboards import NEVER_HZ, panel_text, screen_text, tells
from tests.tui.test_replay import Hand, hostile_recording, replaying

FRAMES: Final = 200
LATER: Final = 5.0
"""Seconds of wall time by which the second begins after the first."""


def other(number: int) -> Snapshot:
    """A frame of the second: from 80 on another value is in a slot, and one semaphore is down."""
    found = replace(made(number), time=made(number).time + LATER)
    if number < 80:
        return found
    slots = tuple(replace(s, value=99) if s.index == 2 else s for s in found.slots)
    down = {**found.semaphores, SemaphoreRole.MUTEX: SemaphoreState(0, 2, shared=True)}
    return replace(found, slots=slots, semaphores=down)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two recordings of 20 s, the second begun 5 s after the first; a finding in the first from 120 on."""
    first = [stuck(n) if 120 <= n < 150 else made(n) for n in range(FRAMES)]
    one = recorded(tmp_path / "a.rec", first, {n: [event(n)] for n in (30, 170)})
    return one, recorded(tmp_path / "b.rec", map(other, range(FRAMES)), {60: [event(60)]})


@contextmanager
def source(pair: tuple[Path, Path], by_wall: bool | None = None) -> Iterator[PairSource]:
    """Both, paused; no time passes."""
    with closing(PairSource(*pair, by_wall=by_wall, clock=Hand())) as found:
        found.player.toggle()
        yield found


def numbers(found: PairSource) -> tuple[int, int]:
    """The frames that are shown."""
    return found.sides[0].number, found.sides[1].number


def compared(found: PairSource) -> Comparison:
    """What is drawn of both."""
    comparison = comparison_of(found)
    assert comparison is not None
    return comparison


def test_the_same_wall_time(pair: tuple[Path, Path]) -> None:
    """Where they overlap the same time of day is shown of both; before and after, what there is."""
    with source(pair) as found:
        assert found.player.by_wall
        assert numbers(found) == (50, 0)
        found.move(lambda player: player.go_to(12.0))
        assert numbers(found) == (120, 70)
        assert {side.snapshot.time for side in compared(found).sides} == {made(120).time}
        found.move(lambda player: player.go_to_start())
        assert [side.there for side in compared(found).sides] == [True, False]
        found.move(lambda player: player.go_to_end())
        assert [side.there for side in compared(found).sides] == [False, True]
        assert numbers(found)[1] == FRAMES - 1


def test_the_same_time_since_the_start(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Where they do not overlap, or on demand."""
    with source(pair, by_wall=False) as found:
        found.move(lambda player: player.go_to(12.0))
        assert numbers(found) == (120, 120)
        assert found.align_otherwise()
        assert numbers(found) == (120, 70)
        assert found.align_otherwise()
        assert numbers(found) == (120, 120)
    late = [replace(made(n), time=made(n).time + 3600) for n in range(50)]
    apart = pair[0], recorded(tmp_path / "c.rec", late)
    with source(apart) as found:
        assert not found.player.by_wall
        assert not found.align_otherwise()
        found.move(lambda player: player.go_to_end())
        assert numbers(found) == (FRAMES - 1, 49)
    with pytest.raises(RecordingError, match="no time in common"):
        PairSource(*apart, by_wall=True)


def test_keys_move_both(pair: tuple[Path, Path]) -> None:
    """A step goes to the next frame of either, a search to what is nearest in either."""
    with source(pair) as found:
        player = found.player
        for move, at in (
            (player.go_to_start, (0, 0)),
            (lambda: player.step(1), (1, 0)),
            (lambda: player.step(-1), (0, 0)),
            (lambda: player.step(-1), (0, 0)),
            (lambda: player.go_to_event(1), (30, 0)),
            (lambda: player.go_to_event(1), (110, 60)),
            (lambda: player.go_to_finding(1), (120, 70)),
            (lambda: player.go_to_event(1), (170, 120)),
            (lambda: player.go_to_event(1), (170, 120)),
            (lambda: player.go_to_event(-1), (110, 60)),
            (lambda: player.move(10.0), (199, 160)),
            (lambda: player.step(1), (199, 161)),
        ):
            move()
            assert (player.sides[0].number, player.sides[1].number) == at


def test_frames_between_each_other(tmp_path: Path) -> None:
    """Of two rates, a step goes through the frames of both in their order."""
    slow = [replace(made(n), time=made(n * 3).time + 0.05) for n in range(10)]
    slow = [replace(s, monotonic_ns=10**12 + 3 * 10**8 * n) for n, s in enumerate(slow)]
    paths = recorded(tmp_path / "a", map(made, range(30))), recorded(tmp_path / "b", slow)
    with source(paths) as found:
        seen = []
        found.player.go_to_start()
        for _step in range(7):
            found.player.step(1)
            seen.append((found.player.sides[0].number, found.player.sides[1].number))
        assert seen == [(0, 0), (1, 0), (2, 0), (3, 0), (3, 1), (4, 1), (5, 1)]
        for at in reversed(seen[:-1]):
            found.player.step(-1)
            assert (found.player.sides[0].number, found.player.sides[1].number) == at


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=repr)
@pytest.mark.parametrize("width", [1, 20, 46, 76, 116, 250])
def test_what_differs_is_marked(pair: tuple[Path, Path], width: int, glyphs: Glyphs) -> None:
    """By a mark, not by colour alone, at any width; what is the same is not."""
    with source(pair) as found:
        found.move(lambda player: player.go_to(14.1))
        comparison = compared(found)
        told = [*facts(comparison, glyphs)[0], *facts(comparison, glyphs)[1]]
        differing = {fact.label for fact in told if fact.differs}
        assert differing == {"status", "finding", "mutex"}
        assert [p.index for p in slot_pairs(comparison, glyphs) if p.differs] == [2]
        heads, rows = comparison_lines(comparison, width, glyphs)
        assert all(width_of(row) <= max(width, 24) for row in (*heads, *rows))
        if width >= 46:
            marked = [plain(row) for row in rows if plain(row).startswith(glyphs.differs)]
            assert [row for row in marked if "mutex" in row]
            assert [row for row in marked if f"{glyphs.differs}99" in row.replace(" ", "")]
            assert not [row for row in marked if "empty" in row]
        found.move(lambda player: player.go_to(LATER))
        assert summary(compared(found), glyphs) == "nothing differs"
        found.move(lambda player: player.go_to_start())
        assert "nothing to compare" in summary(compared(found), glyphs)


@pytest.mark.parametrize("width", [1, 9, 20, 50, 80, 120, 300])
def test_the_bars_share_a_time_line(pair: tuple[Path, Path], width: int) -> None:
    """Each is blank where its recording has nothing, and the position is the same in both."""
    with source(pair) as found:
        found.move(lambda player: player.go_to(12.5))
        bars = pair_bars(compared(found), width, UNICODE)
        assert all(width_of(bar.line) == width for bar in bars)
        if width >= 80:
            first, second = (plain(bar.line)[bar.start : bar.start + bar.cells] for bar in bars)
            assert first.index("┃") == second.index("┃")
            assert first.index("┃") / bars[0].cells == pytest.approx(12.5 / 24.9, abs=0.03)
            assert first.rstrip() != first
            assert second.lstrip() != second


async def test_on_the_screen(pair: tuple[Path, Path]) -> None:
    """Both, then each alone with its panels, by a key; a click goes there in both."""
    with source(pair) as found:
        app = DashboardApp(Attachment(found), refresh_hz=NEVER_HZ)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("n")
            screen = screen_text(app)
            assert "the same time of day" in screen
            assert "≠ finding" in screen
            assert "stalled (likely)" in screen
            await pilot.press("a")
            assert "as long after each start" in screen_text(app)
            assert numbers(found) == (120, 120)
            await pilot.press("d")
            assert "stalled" in panel_text(app, "events")
            await pilot.press("d")
            assert "stalled" not in panel_text(app, "events")
            assert "99" in panel_text(app, "ring")
            await pilot.press("d")
            assert "≠ finding" in screen_text(app)
            await pilot.press("g", *"5s", "enter")
            await pilot.pause()
            assert numbers(found) == (50, 50)
            await pilot.click("#time", offset=(60, 1))
            await pilot.pause()
            assert numbers(found)[0] == numbers(found)[1] > 60
            await pilot.press("full_stop", "full_stop", "full_stop")
            await tells(app, "no event after this")


async def test_one_recording_has_no_other(pair: tuple[Path, Path]) -> None:
    """The keys of two say what they need."""
    with replaying(pair[0]) as (app, _source):
        async with app.run_test(size=(80, 24)):
            assert await app.run_action("replay('show_next')")
            await tells(app, "two recordings are replayed")


async def test_damage_in_one(pair: tuple[Path, Path]) -> None:
    """Both stay where they were, and it is said which file is damaged."""
    with source(pair) as found:
        at = found.recordings[1].index.offsets[2] + 150
    data = bytearray(pair[1].read_bytes())
    data[at] ^= 0xFF
    pair[1].write_bytes(data)
    with source(pair) as found:
        before = numbers(found)
        found.move(lambda player: player.go_to(LATER + TICK * 120))
        assert "b.rec is damaged" in found.wrong
        assert numbers(found) == before
        assert (found.player.sides[0].number, found.player.sides[1].number) == before


def test_any_field_is_compared(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    """A recording of anybody's beside another one: drawn at any width, or refused in a line."""
    hostile = hostile_recording(tmp_path / "h.rec")
    with source((hostile, pair[0]), by_wall=False) as found:
        player = found.player
        for number in range(len(found.recordings[0])):
            player.sides[0].go_to_frame(number)
            found.move(lambda _player: None)
            for width, glyphs in ((76, UNICODE), (40, ASCII)):
                comparison = compared(found)
                heads, rows = comparison_lines(comparison, width, glyphs)
                assert all(width_of(row) <= width for row in (*heads, *rows))
                assert all(plain(row).isprintable() for row in (*heads, *rows))
                for bar in pair_bars(comparison, width, glyphs):
                    assert width_of(bar.line) == width


def test_hostile_text(tmp_path: Path) -> None:
    """Names and findings of a recording are inert, and no wider than their columns."""
    nasty = "\x1b[31m\u202e" + "日本" * 50
    finding = replace(STUCK, code=nasty, subject=nasty)
    frame = replace(made(0), health=Health(Status.CRITICAL, (finding,)))
    frame = replace(frame, segment=replace(frame.segment, name=nasty))
    paths = recorded(tmp_path / "a\x1b]0;x", [frame]), recorded(tmp_path / "b", [made(0)])
    for glyphs in (UNICODE, ASCII):
        with source(paths) as found:
            heads, rows = comparison_lines(compared(found), 76, glyphs)
            assert all(width_of(row) <= 76 for row in (*heads, *rows))
            assert all(plain(row).isprintable() for row in (*heads, *rows))
