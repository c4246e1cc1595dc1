"""The screen at every size: what it shows, where the focus is, how it is painted, how it ends."""

import asyncio
import itertools
import os
import random
import signal

import pytest
from textual.command import CommandList
from textual.geometry import Region

from shmtui.events import Severity
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import SegmentInfo
from shmtui.snapshot import ProcessState, Snapshot
from shmtui.tui.app import DashboardApp
from shmtui.tui.panel_layout import PANELS
from shmtui.tui.screens.text_screens import HelpScreen
from shmtui.tui.widgets.moving_panels import TextPanel
from shmtui.tui.widgets.panel import Panel
from shmtui.tui.widgets.processes import ProcessesPanel
from tests.conftest import MakeBuffer
from tests.tui.dashboards import draw, drawing, panel_text, running, screen_text, watching
from tests.tui.records import process, snapshot
from tests.waiting import until

SIZES = [(50, 20), (80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", SIZES)
async def test_every_size_shows_activity_occupancy_and_rates(size: tuple[int, int]) -> None:
    """The least that a dashboard has to show."""
    app = drawing()
    async with app.run_test(size=size) as pilot:
        draw(app, snapshot())
        await pilot.pause()
        assert "flowing" in panel_text(app, "title")
        assert "nothing has happened yet" in panel_text(app, "events")
        assert "3 of 5 full" in panel_text(app, "ring")
        assert "2.0 /s" in panel_text(app, "throughput")
        assert "producer 101" in panel_text(app, "processes")


@pytest.mark.parametrize("slots", [1, 1_000_000])
@pytest.mark.parametrize("size", [(200, 60), (50, 20), (20, 5), (5, 2), (1, 1), (72, 9)])
async def test_no_size_and_no_ring_breaks_it(size: tuple[int, int], slots: int) -> None:
    """Also while the terminal is being resized to something else and back."""
    app = drawing()
    async with app.run_test(size=size) as pilot:
        for width, height in ((20, 5), (130, 45), size):
            await pilot.resize_terminal(width, height)
            draw(app, snapshot(slots, 0, 0, slots))
            await pilot.pause()
        for name in PANELS:
            app.main.go_to_panel(name)
            app.main.toggle_maximised()
            await pilot.pause()


async def test_samples_carry_the_values_that_the_ring_shows(make_buffer: MakeBuffer) -> None:
    """Values for five boxes; none where glyphs stand for groups of slots."""
    for slots, values in ((5, 5), (1_000_000, 0)):
        with watching(make_buffer(slots).name) as app:
            async with app.run_test(size=(120, 40)) as pilot:
                await pilot.pause()
                app.tick()
                app.tick()
                assert len(app.dashboard.latest.slots) == values


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (20, 6)])
async def test_the_palette_where_there_is_no_room_for_it(size: tuple[int, int]) -> None:
    """Its keys do nothing that could be seen, and end nothing."""
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p")
        await until(lambda: bool(app.screen.query(CommandList)), "the palette is open")
        await pilot.press("down", "down")
        await pilot.resize_terminal(*size)
        await pilot.pause()
        await pilot.press("pagedown", "pageup", "down", "home", "end", "escape")
        await until(lambda: len(app.screen_stack) == 1, "it is closed")


async def test_a_frozen_display_stays_and_says_so() -> None:
    """Samples go on, so that the graph has no gap afterwards."""
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot(occupancy=3))
        await pilot.press("z")
        assert "FROZEN" in panel_text(app, "title")
        version = app.dashboard.view.history.version
        draw(app, snapshot(occupancy=1, in_=2, monotonic_ns=10**12 + 10**9))
        assert app.dashboard.view.history.version > version
        assert "3 of 5 full" in panel_text(app, "ring")
        await pilot.press("z")
        draw(app, snapshot(occupancy=1, in_=2, monotonic_ns=10**12 + 2 * 10**9))
        assert "1 of 5 full" in panel_text(app, "ring")
        assert "FROZEN" not in panel_text(app, "title")


async def test_each_panel_maximises_and_comes_back() -> None:
    """By key, by number, by a double click on its title; escape restores."""
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot())
        for number, name in enumerate(PANELS, 1):
            await pilot.press(str(number), "f")
            await pilot.pause()
            assert [p for p in PANELS if app.query_one(f"#{p}").display] == [name]
            assert app.query_one(f"#{name}").size == (120, 38)
            await pilot.press("escape")
        assert all(app.query_one(f"#{p}").display for p in PANELS)
        await pilot.pause()
        await pilot.click("#throughput", offset=(5, 0), times=2)
        await pilot.pause()
        assert not app.query_one("#ring").display


async def test_tab_walks_the_panels() -> None:
    """Round and back."""
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        seen = []
        for _panel in PANELS:
            await pilot.press("tab")
            assert app.focused is not None
            seen.append(app.focused.id)
        assert seen == ["events", "ring", "semaphores", "throughput", "processes"]
        await pilot.press("shift+tab")
        assert app.focused is not None
        assert app.focused.id == "throughput"


async def test_the_frame_of_the_focused_panel_is_lit() -> None:
    """At once, and in a frozen display too."""
    app = drawing()

    def lit() -> list[str]:
        panels = app.query(Panel)
        return [
            p.id or "" for p in panels if any(s == "frame-focus" for _, s in (p._rows or [()])[0])
        ]

    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot())
        await pilot.press("z")
        assert lit() == ["processes"]
        await pilot.press("tab")
        await pilot.pause()
        assert lit() == ["events"]
        await pilot.press("2")
        await pilot.pause()
        assert lit() == ["semaphores"]


async def test_a_panel_without_room_is_still_reachable() -> None:
    """At 50×20 the semaphores come up maximised."""
    app = drawing()
    async with app.run_test(size=(50, 20)) as pilot:
        draw(app, snapshot())
        assert not app.query_one("#semaphores").display
        await pilot.press("2")
        await pilot.pause()
        assert "mutex" in panel_text(app, "semaphores")
        await pilot.press("escape")
        await pilot.pause()
        assert app.query_one("#ring").display


async def test_help_opens_scrolls_and_closes() -> None:
    """What it says is tested with its text."""
    app = drawing()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        panel = app.screen.query_one(TextPanel)
        await pilot.press("pagedown", "down")
        assert panel.first > 1
        await pilot.press("escape")
        assert not isinstance(app.screen, HelpScreen)


async def test_a_panel_that_grows_is_painted_anew() -> None:
    """Rows that were painted for the old height leave no frame behind."""
    app = drawing()
    async with app.run_test(size=(120, 38)) as pilot:
        draw(app, snapshot(processes=(process(1, Role.PRODUCER),)))
        await pilot.pause()
        draw(app, snapshot(processes=tuple(process(pid, Role.PRODUCER) for pid in range(1, 7))))
        await pilot.pause()
        screen = screen_text(app).splitlines()
        assert sum("map it" in row or "maps it" in row for row in screen) == 1


async def test_a_panel_that_has_become_lower_is_closed_at_once() -> None:
    """It may be painted for its new size before it hears of that: no row of the old one is its last."""
    app = drawing()
    async with app.run_test(size=(80, 24)) as pilot:
        draw(app, snapshot())
        await pilot.pause()
        panel = app.main.ring
        top, *rows = panel._rows
        panel._rows = [top, top, *rows]
        panel._strips.clear()
        *_others, last = panel.render_lines(Region(0, 0, *panel.size))
        assert last.text.startswith("╰")


async def test_rows_are_chosen_by_key_and_click() -> None:
    """The cursor follows its PID while others come and go."""
    app = drawing()

    def show(*pids: int) -> None:
        draw(app, snapshot(processes=tuple(process(p, Role.PRODUCER) for p in pids)))

    async with app.run_test(size=(120, 40)) as pilot:
        table = app.query_one(ProcessesPanel)

        def chosen() -> object:
            return table.chosen.key if table.chosen is not None else None

        show(1, 2, 3)
        assert chosen() == "producers"
        await pilot.press("down", "down")
        assert chosen() == 2
        show(2, 3)
        show(2, 3)
        assert chosen() == 2
        await pilot.click("#processes", offset=(12, 4))
        assert chosen() == 3
        await pilot.press("home")
        assert chosen() == "producers"
        await pilot.press("end")
        assert chosen() == "consumers"


async def test_a_long_table_scrolls_with_its_cursor() -> None:
    """Sixty-four workers on a small screen."""
    app = drawing()
    async with app.run_test(size=(80, 24)) as pilot:
        many = tuple(process(pid, Role.PRODUCER) for pid in range(1000, 1064))
        draw(app, snapshot(processes=many))
        await pilot.press("end", "up")
        assert "producer 1063" in panel_text(app, "processes")
        assert "┃" in panel_text(app, "processes")
        await pilot.press("home")
        assert "producer 1063" not in panel_text(app, "processes")


async def test_events_come_newest_first_and_inert(make_buffer: MakeBuffer) -> None:
    """What happened before the dashboard opened comes last; escape sequences are pictures."""
    with running(make_buffer()) as run:
        run.supervisor.emit(Severity.GOOD, "created")
        async with run.app.run_test(size=(120, 40)):
            assert "created" in panel_text(run.app, "events")
            run.supervisor.emit(Severity.BAD, "[b]worker" + chr(27) + "[31m died\nbadly")
            run.app.tick()
            rows = panel_text(run.app, "events").splitlines()
            (last,) = (n for n, row in enumerate(rows) if "[b]worker␛[31m died␊badly" in row)
            assert "created" in rows[last + 1]
        assert run.supervisor.on_event is None


async def test_hostile_names_stay_inert_everywhere() -> None:
    """On every panel."""
    evil = "[bold]" + "".join(map(chr, (27, 7, 0x202E, 0xD800))) + "]0;own日"
    p = process(
        5, Role.PRODUCER, name=evil, state=ProcessState.BLOCKED, blocked_on=SemaphoreRole.EMPTY
    )
    segment = SegmentInfo("/" + evil, 128, 27, 0o600, "me")
    app = drawing()
    async with app.run_test(size=(200, 60)) as pilot:
        draw(app, snapshot(segment=segment, processes=(p,)))
        await pilot.pause()
        for name in ("title", *PANELS):
            text = panel_text(app, name)
            assert not {ord(char) for char in text} & {27, 7, 0x202E, 0xD800}
        assert "[bold]" in panel_text(app, "processes")


@pytest.mark.parametrize("size", [(120, 40), (50, 20)])
async def test_ascii_means_ascii(size: tuple[int, int]) -> None:
    """Every cell of the screen."""
    app = drawing(ascii_only=True)
    async with app.run_test(size=size) as pilot:
        draw(app, snapshot())
        await pilot.pause()
        assert screen_text(app).isascii()


async def test_a_locale_without_utf8_means_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to ask for it."""
    monkeypatch.setattr("locale.getencoding", lambda: "ANSI_X3.4-1968")
    app = drawing()
    async with app.run_test(size=(80, 24)) as pilot:
        draw(app, snapshot())
        await pilot.pause()
        assert panel_text(app, "ring").isascii()


def _colours(app: DashboardApp) -> set[str]:
    """The colours that reach the terminal."""
    styles = [s.style for row in app.screen._compositor.render_strips() for s in row if s.style]
    colours = [colour for style in styles for colour in (style.color, style.bgcolor) if colour]
    return {colour.name for colour in colours if not colour.is_default}


async def test_no_color_sends_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes only: not even the greys that Textual makes of other themes."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot())
        await pilot.pause()
        assert _colours(app) == set()


async def test_sixteen_colours_are_the_terminals_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no more, none of ours is rounded to something unreadable."""
    monkeypatch.delenv("COLORTERM")
    monkeypatch.setenv("TERM", "xterm")
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot())
        await pilot.pause()
        assert app.theme == "ansi-dark"
        assert not [name for name in _colours(app) if name.startswith("#")]


@pytest.mark.parametrize("seed", range(4))
async def test_painted_in_parts_is_painted_whole(seed: int) -> None:
    """Whatever happened in whatever order: the screen, colours included, is the same as one that
    is painted from nothing.
    """
    chance = random.Random(seed)
    times = itertools.count(10**12, 150_000_000)

    def make() -> Snapshot:
        full = chance.randint(0, 5)
        pids = range(1, chance.randint(2, 12))
        crew = tuple(
            process(p, chance.choice(list(Role)), items=chance.randint(0, 10**6)) for p in pids
        )
        return snapshot(
            in_=chance.randint(0, 4), occupancy=full, processes=crew, monotonic_ns=next(times)
        )

    app = drawing()
    keys = ["down", "end", "tab", "2", "f", "escape", "question_mark", "escape"]
    themes = ["shmtui-light", "shmtui-dark", "ansi-dark", "nord"]
    async with app.run_test(size=(120, 40)) as pilot:
        for _step in range(30):
            match chance.randrange(5):
                case 0:
                    await pilot.press(chance.choice(keys))
                case 1:
                    await pilot.resize_terminal(*chance.choice(SIZES))
                case 2:
                    app.theme = chance.choice(themes)
                case _:
                    draw(app, make())
            await pilot.pause()
            # What a key draws may still be on its way.
            for _frame in range(2):
                app.main.show(app.dashboard.view)
            await pilot.pause()
            painted = [list(row) for row in app.screen._compositor.render_strips()]
            for panel in app.main.query(Panel):
                panel.notify_style_update()
                panel._rows.clear()
            whole = [list(row) for row in app.screen._compositor.render_strips()]
            assert painted == whole


async def test_nothing_new_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of an unchanged buffer refreshes no widget."""
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        for _frame in range(10):
            draw(app, snapshot())
        await pilot.pause()
        painted: list[str] = []
        for name in ("title", "keys", *PANELS):
            panel = app.query_one(f"#{name}")
            for way in ("refresh", "_set_dirty"):
                monkeypatch.setattr(panel, way, lambda *_, name=name, **__: painted.append(name))
        draw(app, snapshot())
        draw(app, snapshot())
        monkeypatch.undo()
        assert painted == []


async def test_what_waits_to_be_painted_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that comes before Textual's own painting paints also what waits for that."""
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot(occupancy=2))
        await pilot.pause()
        events = app.query_one("#events", Panel)
        compositor = app.main._compositor
        painted: list[Region] = []
        render_update = compositor.render_partial_update

        def render() -> object:
            painted.extend(compositor._dirty_regions)
            return render_update()

        monkeypatch.setattr(compositor, "render_partial_update", render)
        events._set_dirty()
        app.main._dirty_widgets.add(events)
        draw(app, snapshot(occupancy=3))
        assert events.region in painted
        ring = app.query_one("#ring", Panel).region
        assert any(ring.contains_region(region) for region in painted)


@pytest.mark.parametrize(("key", "code"), [("q", 0), ("ctrl+c", 130)])
async def test_quitting_has_the_code_a_shell_expects(key: str, code: int) -> None:
    """0 when asked politely, 130 as an interrupt."""
    app = drawing()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
    assert app.return_code == code
    assert app.return_value == code


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGQUIT, 131)],
)
async def test_signals_end_it_cleanly(number: signal.Signals, code: int) -> None:
    """With the code that says which; the handlers from before are back."""
    before = signal.getsignal(number)
    app = drawing()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(30):
            while app.return_code is None:
                await asyncio.sleep(0)
    assert app.return_code == code
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("theme", ["shmtui-light", "nord", "ansi-dark", "textual-light"])
async def test_any_theme_will_do(theme: str) -> None:
    """Colours come from the theme's own variables."""
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot())
        app.theme = theme
        await pilot.pause()
        draw(app, snapshot())
        assert "3 of 5 full" in panel_text(app, "ring")
