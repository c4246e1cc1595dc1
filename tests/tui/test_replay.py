"""A replay is the dashboard on a recording: the same panels, moved through time."""

import json
import random
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.recording.codec import UnknownFormError
from shmtui.recording.playback import SPEEDS
from shmtui.recording.player import Player
from shmtui.recording.positions import position_of
from shmtui.recording.reader import Recording
from shmtui.recording.schema import frame_of, line_of, parse_line
from shmtui.session.opener import Attachment
from shmtui.session.replay_source import ReplaySource
from shmtui.shm.protocol import Role
from shmtui.snapshot import Snapshot
from shmtui.tui.app import DashboardApp
from shmtui.tui.draw.time_bar import time_bar
from shmtui.tui.glyphs import ASCII, UNICODE
from shmtui.tui.keys import KEYS
from shmtui.tui.spans import plain, width_of
from shmtui.tui.view_model import Replay
from tests.mutants import spoiled
from tests.recording.frames import event, made, recorded, stuck
from tests.recording.mutants import member
from tests.recording.test_damaged import with_events
from tests.tui.dashboards import NEVER_HZ, panel_text, screen_text, shows, tells
from tests.tui.records import NOON, process
from tests.waiting import until

FRAMES: Final = 200


class Hand:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def some() -> list[Snapshot]:
    """Frames with a finding from 120 to 150, whose producer is another one from 100 on."""
    frames = [stuck(n) if 120 <= n < 150 else made(n) for n in range(FRAMES)]
    later = (process(303, Role.PRODUCER, user="ana"),)
    return [replace(f, processes=later) if n >= 100 else f for n, f in enumerate(frames)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A recording of 20 s."""
    return recorded(tmp_path / "a.rec", some(), {n: [event(n)] for n in (30, 60, 170)})


@contextmanager
def replaying(file: Path, clock: Hand | None = None) -> Iterator[tuple[DashboardApp, ReplaySource]]:
    """The dashboard on a recording; no time passes but by the clock."""
    with closing(ReplaySource(file, clock or Hand())) as source:
        yield DashboardApp(Attachment(source), refresh_hz=NEVER_HZ), source


def test_a_player_keeps_time(file: Path) -> None:
    """It goes on by the time that passes, times the speed; it stops at the end, and begins anew."""
    with closing(Recording(file)) as recording:
        player = Player(recording)
        player.advance(100.0)
        assert player.number == 0
        player.advance(101.05)
        assert player.number == 10
        player.change_speed(3)
        assert player.speed == 10.0
        player.advance(101.55)
        assert player.number == 60
        player.toggle()
        player.advance(150.0)
        assert player.number == 60
        player.toggle()
        player.advance(160.0)
        assert (player.number, player.playing) == (FRAMES - 1, False)
        player.toggle()
        assert (player.number, player.playing) == (0, True)
        for _press in range(20):
            player.change_speed(-1)
        assert player.speed == SPEEDS[0] == 0.1
        for _press in range(20):
            player.change_speed(1)
        assert player.speed == SPEEDS[-1] == 100.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("5", 5.0), ("10s", 10.0), ("0.1m", 6.0), ("50%", 9.95), ("100%", 19.9)],
)
def test_positions(file: Path, text: str, seconds: float) -> None:
    """A time from the start, or a part."""
    with closing(Recording(file)) as recording:
        assert position_of(text, recording, NOON) == pytest.approx(seconds)


def test_a_time_of_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time of day is found on the day of the frame on the screen first, over a clock set back too."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    day = 86400.0
    midnight = NOON - NOON % day
    frames = [
        made(n, wall=midnight + 3600 + (n if n < 100 else n - 50) + day * (n // 150))
        for n in range(FRAMES)
    ]
    with closing(Recording(recorded(tmp_path / "b.rec", frames))) as recording:
        assert position_of("1:00:20", recording, midnight + 3600) == pytest.approx(2.0)
        assert position_of("01:02:00", recording, midnight + day) == pytest.approx(17.0)
        assert position_of("23:00", recording, midnight) == pytest.approx(15.0)
    with (
        closing(Recording(recorded(tmp_path / "c.rec", frames[:50]))) as recording,
        pytest.raises(ValueError, match="the recording is from 01:00:00 to 01:00:49"),
    ):
        position_of("23:00", recording, midnight)
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("text", ["", "x", "1:2", "-5", "200%", "99h", "1:00:00:00", "9" * 30])
def test_what_is_no_position(file: Path, text: str) -> None:
    """It says what can be written."""
    with closing(Recording(file)) as recording, pytest.raises(ValueError, match=r"\w"):
        position_of(text, recording, NOON)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=repr)
@pytest.mark.parametrize("width", [1, 9, 20, 50, 80, 120, 300])
def test_the_time_bar(file: Path, width: int, glyphs: object) -> None:
    """It is as wide as the screen, and marks findings where they are."""
    assert glyphs in (UNICODE, ASCII)
    table = UNICODE if glyphs is UNICODE else ASCII
    with closing(Recording(file)) as recording:
        replay = Replay(recording.index, 50, 5.0, False, 1.0)
        bar = time_bar(replay, NOON, width, table)
        assert width_of(bar.line) == width
        if width >= 80:
            cells = plain(bar.line)[bar.start : bar.start + bar.cells]
            assert cells[int(5.0 / 19.9 * bar.cells)] == table.thumb
            marks = [at / bar.cells for at, cell in enumerate(cells) if cell == table.no[0]]
            assert 0.58 <= min(marks) <= max(marks) <= 0.76
            assert "5.0" in plain(bar.line)


async def test_the_panels_show_the_frame(file: Path) -> None:
    """Each panel shows what was then: processes, findings, events up to there, the rates before."""
    clock = Hand()
    with replaying(file, clock) as (app, source):
        async with app.run_test(size=(120, 40)) as pilot:
            assert "producer 101" in panel_text(app, "processes")
            clock.now += 13.0
            app.refresh_now()
            assert source.player.number == 130
            assert "producer 303" in panel_text(app, "processes")
            assert "stalled" in panel_text(app, "events")
            assert "event 60" in panel_text(app, "events")
            assert "event 170" not in panel_text(app, "events")
            assert app.dashboard.view.history.peak() == (2.0, 1.0)
            assert "131 of 200" in panel_text(app, "time")
            await pilot.press("space", "left", "left")
            assert source.player.number == 128
            assert "‖" in panel_text(app, "time")
            clock.now += 60.0
            app.tick()
            assert source.player.number == 128


async def test_what_is_shown_is_of_the_frame_alone(file: Path) -> None:
    """However a frame is come to, its screen is the same: by playing, by steps or by jumps."""
    screens = []
    for keys in (["n"], ["greater_than_sign", "N"], ["space", *["right"] * 120]):
        with replaying(file) as (app, _source):
            async with app.run_test(size=(120, 40)) as pilot:
                await pilot.press(*keys)
                await pilot.pause()
                screens.append(screen_text(app))
    assert "stalled" in screens[0]
    assert screens[0] == screens[1] == screens[2]


async def test_keys(file: Path) -> None:
    """Events, findings, ends and times are a key away; where there is none that is said."""
    with replaying(file) as (app, source):
        async with app.run_test(size=(120, 40)) as pilot:
            for key, number in (
                ("full_stop", 30), ("full_stop", 60), ("comma", 30), ("n", 120), ("full_stop", 170),
                ("right_square_bracket", FRAMES - 1), ("left_square_bracket", 99), ("less_than_sign", 0),
                ("right", 1), ("greater_than_sign", FRAMES - 1), ("N", 120),
            ):  # fmt: skip
                await pilot.press(key)
                assert source.player.number == number, key
            await pilot.press("N")
            await tells(app, "no finding begins before this")
            await pilot.press("plus", "plus")
            assert source.player.speed == 5.0
            await pilot.press("minus", "0")
            assert source.player.speed == 1.0
            await pilot.press("g", *"5s", "enter")
            await pilot.pause()
            assert source.player.number == 50
            await pilot.press("g", *"9h", "enter")
            await shows(app, "the recording is 19.9 s long")
            await pilot.press("escape")


async def test_a_click_in_the_bar(file: Path) -> None:
    """It goes there."""
    with replaying(file) as (app, source):
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.click("#time", offset=(75, 0))
            await pilot.pause()
            assert 60 < source.player.number < 170


@pytest.mark.parametrize(
    "key", [k for k in KEYS if k.needs == "live" or k.changes], ids=lambda k: k.action
)
async def test_keys_that_are_off(file: Path, key: object) -> None:
    """A key that changes something, or reads what is there now, says why it is off."""
    from shmtui.tui.key import Key
    from shmtui.tui.key_availability import why_off

    assert isinstance(key, Key)
    with replaying(file) as (app, _source):
        async with app.run_test(size=(120, 40)):
            reason = why_off(key.action, app.dashboard.view)
            assert reason is not None
            assert "is over" in reason
            assert await app.run_action(key.action)
            await tells(app, reason)


async def test_what_is_told_leaves_the_time_bar_in_view(file: Path) -> None:
    """It is told where one looks for another place in time."""
    with replaying(file) as (app, _source):
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await pilot.press("greater_than_sign", "n")
            (toast,) = await until(lambda: list(app.query("Toast")), "what is told on the screen")
            await pilot.pause()
            assert 0 < toast.region.bottom <= app.screen.query_one("TimeBar").region.y


async def test_a_process_is_not_read_from_proc(file: Path) -> None:
    """A process in full is the one of the recording, whoever has its PID today."""
    import os

    frames = [
        replace(made(0), processes=(process(os.getpid(), Role.PRODUCER, name="old", user="ana"),))
    ]
    path = recorded(file.with_name("p.rec"), frames)
    with replaying(path) as (app, _source):
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("4", "down", "enter")
            screen = await shows(app, "ana")
            assert "old" in screen
            assert not re.search(r"python|pytest", screen)


async def test_damage_is_said(file: Path) -> None:
    """A place that cannot be read is said, and the frame before stays."""
    with closing(Recording(file)) as recording:
        at = recording.index.offsets[2] + 150
    data = bytearray(file.read_bytes())
    data[at] ^= 0xFF
    file.write_bytes(data)
    with replaying(file) as (app, source):
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("n")
            await shows(app, "is damaged in the")
            assert source.player.number == 0
            await pilot.press("right")
            assert source.player.number == 1
            assert "2 of 200" in panel_text(app, "time")


def hostile_recording(path: Path) -> Path:
    """One whose frames hold anything that a frame may hold."""
    line = json.loads(line_of(with_events(stuck(3))))
    lines = []
    for seed in range(400):
        raw = json.dumps(spoiled(line, random.Random(seed))).encode()
        try:
            frame_of(parse_line(raw))
        except (UnknownFormError, ShmtuiError):
            continue
        lines.append(raw + b"\n")
    path.write_bytes(b"".join(map(member, lines)))
    assert len(lines) > 10
    return path


async def test_any_field_is_drawn(tmp_path: Path) -> None:
    """A recording of anybody's may hold anything: it is refused, or drawn."""
    with replaying(hostile_recording(tmp_path / "a.rec")) as (app, source):
        async with app.run_test(size=(120, 40)) as pilot:
            for number in range(len(source.recording)):
                source.move(lambda player, number=number: player.go_to_frame(number))  # type: ignore[misc]
                app.refresh_now()
                if app._exception is not None:
                    raise app._exception
            await pilot.pause()
