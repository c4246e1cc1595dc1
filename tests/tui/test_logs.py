"""What the user's own programs print: tabs, following, ten thousand lines, hostile ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.tui.app import DashboardApp
from shmtui.tui.draw.logs import Tab, log_line, tabs_line, visible
from shmtui.tui.glyphs import ASCII, UNICODE, Glyphs
from shmtui.tui.screens.logs import LogPanel, LogScreen
from shmtui.tui.spans import plain, width_of
from tests.tui.bench import FakeSource, snapshot
from tests.tui.ends import FakeLog, ProgramSteering, screen_text

SIZES = [(120, 38), (80, 24), (50, 20)]


def with_programs(*logs: FakeLog, ours: frozenset[int] = frozenset({7, 8})) -> DashboardApp:
    """A run of these programs."""
    source = FakeSource(lambda shown: snapshot(shown=shown))
    return DashboardApp(source, ProgramSteering(set(ours), programs=[*logs]), refresh_hz=0.001)


def numbered(pid: int, count: int, name: str = "./produtor") -> FakeLog:
    """A program that printed its line numbers."""
    log = FakeLog(name, pid)
    log.say(*(f"line {n}" for n in range(count)))
    return log


@pytest.mark.parametrize("size", SIZES)
async def test_the_newest_lines_are_shown_and_followed(size: tuple[int, int]) -> None:
    """Until one scrolls up; then the view stays where the eye is."""
    log = numbered(7, 500)
    app = with_programs(log)
    async with app.run_test(size=size) as pilot:
        await pilot.press("l")
        assert isinstance(app.screen, LogScreen)
        assert "line 499" in screen_text(app)
        log.say("line 500")
        app.tick()
        await pilot.pause()
        assert "line 500" in screen_text(app)
        await pilot.press("pageup", "up")
        before = [row for row in screen_text(app).splitlines() if "line " in row]
        log.say("line 501", "line 502")
        app.tick()
        await pilot.pause()
        assert [row for row in screen_text(app).splitlines() if "line " in row] == before
        await pilot.press("end")
        assert "line 502" in screen_text(app)
        await pilot.press("home")
        assert "line 0 " in screen_text(app)
        await pilot.press("escape")
        assert not isinstance(app.screen, LogScreen)


async def test_what_is_forgotten_moves_the_view_on() -> None:
    """Ten thousand lines are kept; whoever looks at the oldest sees the oldest that is left."""
    log = numbered(7, 10_000)
    app = with_programs(log)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("l", "home")
        assert "line 0 " in screen_text(app)
        log.say(*(f"line {n}" for n in range(10_000, 10_050)))
        app.tick()
        await pilot.pause()
        assert "line 50 " in screen_text(app)


async def test_a_frame_looks_at_no_more_lines_than_it_shows() -> None:
    """However many are kept."""
    log = numbered(7, 10_000)
    app = with_programs(log)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("l")
        panel = app.screen.query_one(LogPanel)
        assert len(panel.lines(*panel.inner_size)) <= panel.inner_size[1]
        lines = log.lines
        assert visible(lines, 9_990, 10) == [f"line {n}" for n in range(9_990, 10_000)]
        assert visible(lines, 10, 3) == ["line 10", "line 11", "line 12"]


async def test_each_program_has_a_tab_and_the_ended_are_marked() -> None:
    """Turned by arrows, tab and the mouse."""
    one, two = numbered(7, 3, "./produtor"), numbered(99, 3, "seq 3")
    two.say("from the second")
    app = with_programs(one, two)
    async with app.run_test(size=(120, 38)) as pilot:
        await pilot.press("l")
        text = screen_text(app)
        assert "● ./produtor" in text
        assert "✗ seq 3" in text
        await pilot.press("right")
        assert "from the second" in screen_text(app)
        assert "PID 99 has ended" in screen_text(app)
        await pilot.press("tab")
        assert "from the second" not in screen_text(app)
        panel = app.screen.query_one(LogPanel)
        row = panel.render_line(1).text
        await pilot.click(panel, offset=(row.index("seq 3"), 1))
        assert "from the second" in screen_text(app)


async def test_R_restarts_the_program_on_show() -> None:  # noqa: N802 - the key
    """And the tab goes over to what took its place."""
    steering = ProgramSteering({7}, programs=[numbered(7, 3)])
    source = FakeSource(lambda shown: snapshot(shown=shown))
    app = DashboardApp(source, steering, refresh_hz=0.001)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("l", "R")
        assert steering.orders == [("restart", 7)]
        steering.programs[:] = [FakeLog("./produtor", 8)]
        app.tick()
        await pilot.pause()
        assert "it has printed nothing yet" in screen_text(app)
        steering.programs.clear()
        app.tick()
        await pilot.pause()
        assert "no program of yours" in screen_text(app)


async def test_without_programs_there_is_no_key() -> None:
    """It comes with the first one."""
    steering = ProgramSteering({7})
    app = DashboardApp(FakeSource(lambda _s: snapshot()), steering, refresh_hz=0.001)
    async with app.run_test(size=(120, 38)) as pilot:
        assert " Logs " not in screen_text(app)
        await pilot.press("l")
        assert len(app.screen_stack) == 1
        steering.programs.append(numbered(7, 1))
        app.tick()
        await pilot.pause()
        assert " Logs " in screen_text(app)


async def test_hostile_lines_are_pictures() -> None:
    """Escape sequences, markup, undecodable bytes."""
    log = FakeLog("[red]\x1b[2J", 7)
    log.say("\x1b[31mred\x1b]0;title\x07 [bold]x[/bold]\t\u202e\udcff|")
    app = with_programs(log)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("l")
        text = screen_text(app)
        assert "␛[31mred␛]0;title␇ [bold]x[/bold]" in text
        assert not {ord(c) for c in text} & {27, 7, 9, 0x202E, 0xDCFF}


@given(
    st.lists(st.tuples(st.text(st.characters(), max_size=40), st.booleans()), max_size=12),
    st.integers(1, 150),
    st.sampled_from([UNICODE, ASCII]),
    st.data(),
)
def test_tabs_fit_and_the_chosen_one_is_in_view(
    programs: list[tuple[str, bool]], width: int, glyphs: Glyphs, draw: st.DataObject
) -> None:
    """Whatever the programs are called."""
    tabs = [Tab(name, pid, ended) for pid, (name, ended) in enumerate(programs)]
    chosen = draw.draw(st.integers(0, max(0, len(tabs) - 1)))
    drawn, buttons = tabs_line(tabs, chosen, width, glyphs)
    assert width_of(drawn) <= width
    assert not glyphs.ascii_only or plain(drawn).isascii()
    assert not tabs or width < 4 or str(chosen) in [t.action for t in buttons]


@given(
    st.text(st.characters(), max_size=300), st.integers(1, 120), st.sampled_from([UNICODE, ASCII])
)
def test_a_line_fits(text: str, width: int, glyphs: Glyphs) -> None:
    """And acts on nothing."""
    drawn = log_line(text, width, glyphs)
    assert width_of(drawn) <= width
    assert not any(ord(c) < 32 for c in plain(drawn))
