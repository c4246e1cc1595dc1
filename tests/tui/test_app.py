"""The dashboard as a person meets it: keys, mouse, sizes, and what it orders."""

import asyncio
import itertools
import math
import os
import random
import signal
from typing import Any

import pytest
from textual.command import CommandList, CommandPalette
from textual.geometry import Region

from shmtui.events import Event, Tone
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import Origin, ProcessState, SegmentInfo, Snapshot
from shmtui.tui.keys import KEYS
from shmtui.tui.panel_layout import PANELS
from shmtui.tui.screens.help import HelpScreen
from shmtui.tui.screens.kill_question import KillQuestion
from shmtui.tui.screens.text_panel import TextPanel
from shmtui.tui.widgets import KeyBar, Panel, ProcessesPanel
from tests.tui.bench import NOON, Bench, lay_out, process, snapshot
from tests.waiting import until

SIZES = [(50, 20), (80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", SIZES)
async def test_every_size_tells_flow_occupancy_and_rates(size: tuple[int, int]) -> None:
    """The least that a dashboard owes."""
    b = lay_out()
    async with b.app.run_test(size=size) as pilot:
        await pilot.pause()
        assert "flowing" in b.text("title")
        assert "3 of 5 full" in b.text("ring")
        assert "2.0 /s" in b.text("throughput")
        assert "producer 101" in b.text("processes")


@pytest.mark.parametrize("slots", [1, 1_000_000])
@pytest.mark.parametrize("size", [(200, 60), (50, 20), (20, 5), (5, 2), (1, 1), (72, 9)])
async def test_no_size_and_no_ring_breaks_it(size: tuple[int, int], slots: int) -> None:
    """Also while the terminal is being resized to something else and back."""
    b = lay_out(lambda shown: snapshot(slots, 0, 0, slots, shown))
    async with b.app.run_test(size=size) as pilot:
        for width, height in ((20, 5), (130, 45), size):
            await pilot.resize_terminal(width, height)
            b.app.tick()
            await pilot.pause()
        for name in PANELS:
            b.app.action_panel(name)
            b.app.action_maximise()
            await pilot.pause()


async def test_ring_asks_for_the_slots_it_shows() -> None:
    """Values for five boxes; none where glyphs stand for groups."""
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert b.source.slots_shown == 5
        b.app.tick()
        assert "41" in b.text("ring")
    many = lay_out(lambda shown: snapshot(1_000_000, 3, 0, 3, shown))
    async with many.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert many.source.slots_shown == 0


async def test_keys_order_what_they_say() -> None:
    """The producers are chosen from the start, so every key works at once."""
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p", "c", "plus", "minus", "right", "left", "m", "0", "space", "t")
        assert b.steering.orders == [
            ("add", Role.PRODUCER),
            ("add", Role.CONSUMER),
            ("set_rate", 101, 2.0),
            ("set_rate", 101, 0.5),
            ("set_rate", 101, 2.0),
            ("set_rate", 101, 0.5),
            ("set_rate", 101, math.inf),
            ("reset_rate", 101),
            ("pause", 101),
            ("terminate", 101),
        ]


async def test_an_order_is_looked_at_at_once() -> None:
    """Nobody waits for the interval to see what a key did."""
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        before = b.source.samples
        await pilot.press("p")
        assert b.source.samples == before + 1


async def test_a_group_row_stands_for_its_living_members() -> None:
    """Paused ones are left alone by a pause; when all are paused, all resume."""
    second = {"state": ProcessState.RUNNING}

    def make(_shown: int) -> Snapshot:
        return snapshot(
            processes=(
                process(1, Role.PRODUCER, state=ProcessState.PAUSED),
                process(2, Role.PRODUCER, state=second["state"]),
                process(3, Role.PRODUCER, state=ProcessState.ENDED, ending="exit code 1"),
            )
        )

    b = lay_out(make, ours=frozenset({1, 2, 3}))
    async with b.app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        assert b.steering.orders == [("pause", 2)]
        second["state"] = ProcessState.PAUSED
        b.app.tick()
        await pilot.press("space", "K")
        assert b.steering.orders[1:] == [("resume", 1), ("resume", 2), ("kill", 1), ("kill", 2)]


async def test_a_foreign_process_is_not_steered_and_says_so() -> None:
    """In a toast, as plain text."""
    foreign = process(9, Role.PRODUCER, name="[red]x[/red]", origin=Origin.FOREIGN)
    b = lay_out(lambda _shown: snapshot(processes=(foreign,)))
    async with b.app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("down", "plus", "space", "t")
        await pilot.pause()
        assert b.steering.orders == []
        toasts = list(b.app._notifications)
        assert len(toasts) == 3
        assert all("[red]x[/red] (9): not a worker of ours" in t.message for t in toasts)
        assert not any(t.markup for t in toasts)


async def test_a_program_of_ours_keeps_its_pace_but_can_be_ended() -> None:
    """It has no record to write a rate into."""
    program = process(9, Role.PRODUCER, origin=Origin.PROGRAM, target_rate=None)
    b = lay_out(lambda _shown: snapshot(processes=(program,)), ours=frozenset({9}))
    async with b.app.run_test(size=(120, 40)) as pilot:
        await pilot.press("down", "plus", "t", "K")
        assert b.steering.orders == [("terminate", 9), ("kill", 9)]


@pytest.mark.parametrize(("answer", "killed"), [("y", True), ("n", False), ("escape", False)])
async def test_a_foreign_kill_is_asked_about(answer: str, killed: bool) -> None:
    """Only a plain yes kills."""
    foreign = process(9, Role.CONSUMER, name="a\tb", origin=Origin.FOREIGN)
    b = lay_out(lambda _shown: snapshot(processes=(foreign,)))
    async with b.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end", "K")
        assert isinstance(b.app.screen, KillQuestion)
        await pilot.press(answer)
        assert b.steering.orders == ([("kill", 9)] if killed else [])


async def test_read_only_has_no_key_that_changes_anything() -> None:
    """Not as a key, not in the bar, not in the palette."""
    b = lay_out(read_only=True)
    async with b.app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p", "c", "plus", "minus", "m", "0", "space", "t", "K")
        assert b.steering.orders == []
        assert "read-only" in b.text("title")
        offered = [command.title for command in b.app.get_system_commands(b.app.screen)]
        for key in KEYS:
            if key.changes:
                assert f" {key.label} " not in b.text("keys")
                assert key.help not in offered


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (20, 6)])
async def test_the_palette_where_there_is_no_room_for_it(size: tuple[int, int]) -> None:
    """Its keys do nothing that could be seen, and end nothing."""
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p")
        await until(lambda: bool(b.app.screen.query(CommandList)), "the palette is open")
        await pilot.press("down", "down")
        await pilot.resize_terminal(*size)
        await pilot.pause()
        await pilot.press("pagedown", "pageup", "down", "home", "end", "escape")
        await until(lambda: len(b.app.screen_stack) == 1, "it is closed")


async def test_palette_offers_everything_that_a_key_does() -> None:
    """And runs the same action."""
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        commands = {c.title: c for c in b.app.get_system_commands(b.app.screen)}
        always = [key for key in KEYS if key.action != "command_palette" and not key.needs]
        assert {key.help for key in always} <= set(commands)
        callback: Any = commands["Add a producer"].callback
        await callback()
        assert b.steering.orders == [("add", Role.PRODUCER)]
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert isinstance(b.app.screen, CommandPalette)


async def test_freeze_holds_the_picture_and_says_so() -> None:
    """Sampling goes on, so that the graph has no gap when it thaws."""
    full = {"now": 3}
    b = lay_out(lambda shown: snapshot(5, (1 + full["now"]) % 5, 1, full["now"], shown))
    async with b.app.run_test(size=(120, 40)) as pilot:
        await pilot.press("z")
        assert "FROZEN" in b.text("title")
        full["now"] = 1
        samples = b.source.samples
        b.app.tick()
        assert b.source.samples > samples
        assert "3 of 5 full" in b.text("ring")
        await pilot.press("z")
        assert "1 of 5 full" in b.text("ring")
        assert "FROZEN" not in b.text("title")


async def test_each_panel_maximises_and_comes_back() -> None:
    """By key, by number, by a double click on its title; escape restores."""
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        for number, name in enumerate(PANELS, 1):
            await pilot.press(str(number), "f")
            await pilot.pause()
            assert [p for p in PANELS if b.app.query_one(f"#{p}").display] == [name]
            assert b.app.query_one(f"#{name}").size == (120, 38)
            await pilot.press("escape")
        assert all(b.app.query_one(f"#{p}").display for p in PANELS)
        await pilot.pause()
        await pilot.click("#throughput", offset=(5, 0), times=2)
        await pilot.pause()
        assert not b.app.query_one("#ring").display


async def test_tab_walks_the_panels() -> None:
    """Round and back."""
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        seen = []
        for _ in PANELS:
            await pilot.press("tab")
            assert b.app.focused is not None
            seen.append(b.app.focused.id)
        assert seen == ["events", "ring", "semaphores", "throughput", "processes"]
        await pilot.press("shift+tab")
        assert b.app.focused is not None
        assert b.app.focused.id == "throughput"


async def test_the_light_goes_where_the_focus_is() -> None:
    """At once, and in a frozen display too."""
    b = lay_out()

    def lit() -> list[str]:
        panels = b.app.query(Panel)
        return [
            p.id or "" for p in panels if any(r == "frame-focus" for _, r in (p._rows or [()])[0])
        ]

    async with b.app.run_test(size=(120, 40)) as pilot:
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
    b = lay_out()
    async with b.app.run_test(size=(50, 20)) as pilot:
        assert not b.app.query_one("#semaphores").display
        await pilot.press("2")
        await pilot.pause()
        assert "mutex" in b.text("semaphores")
        await pilot.press("escape")
        await pilot.pause()
        assert b.app.query_one("#ring").display


async def test_help_opens_and_closes() -> None:
    """What it says is tested with its text."""
    b = lay_out()
    async with b.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        assert isinstance(b.app.screen, HelpScreen)
        panel = b.app.screen.query_one(TextPanel)
        await pilot.press("pagedown", "down")
        assert panel.scroll_position()[0] > 1
        await pilot.press("escape")
        assert not isinstance(b.app.screen, HelpScreen)


async def test_a_panel_that_grows_is_painted_anew() -> None:
    """Rows that were painted for the old height leave no frame behind."""
    many = [process(1, Role.PRODUCER)]
    b = lay_out(lambda _shown: snapshot(processes=tuple(many)))
    async with b.app.run_test(size=(120, 38)) as pilot:
        await pilot.pause()
        many += [process(pid, Role.PRODUCER) for pid in range(2, 7)]
        b.app.tick()
        await pilot.pause()
        screen = [row.text for row in b.app.screen._compositor.render_strips()]
        assert sum("map it" in row or "maps it" in row for row in screen) == 1


async def test_rows_are_chosen_by_key_and_click() -> None:
    """The choice clings to the PID while others come and go."""
    pids = [1, 2, 3]
    b = lay_out(lambda _shown: snapshot(processes=tuple(process(p, Role.PRODUCER) for p in pids)))
    async with b.app.run_test(size=(120, 40)) as pilot:
        table = b.app.query_one(ProcessesPanel)

        def chosen() -> object:
            return table.chosen.key if table.chosen is not None else None

        assert chosen() == "producers"
        await pilot.press("down", "down")
        assert chosen() == 2
        pids.remove(1)
        b.app.tick()
        b.app.tick()
        assert chosen() == 2
        await pilot.click("#processes", offset=(12, 4))
        assert chosen() == 3
        await pilot.press("home")
        assert chosen() == "producers"
        await pilot.press("end")
        assert chosen() == "consumers"


async def test_a_long_table_scrolls_with_its_cursor() -> None:
    """Sixty-four workers on a small screen."""
    many = tuple(process(pid, Role.PRODUCER) for pid in range(1000, 1064))
    b = lay_out(lambda _shown: snapshot(processes=many))
    async with b.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end", "up")
        assert "producer 1063" in b.text("processes")
        assert "┃" in b.text("processes")
        await pilot.press("home")
        assert "producer 1063" not in b.text("processes")


async def test_the_key_bar_is_made_of_buttons() -> None:
    """A click presses the key."""
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        await pilot.click(KeyBar, offset=(b.text("keys").index("Consumer"), 0))
        await pilot.pause()
        assert b.steering.orders == [("add", Role.CONSUMER)]


async def test_events_arrive_newest_first_and_inert() -> None:
    """What happened before comes last; escape sequences come as pictures."""
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        assert "created" in b.text("events")
        assert b.steering.on_event is not None
        b.steering.on_event(Event(NOON + 1, Tone.BAD, "[b]worker" + chr(27) + "[31m died\nbadly"))
        b.app.tick()
        await pilot.pause()
        rows = b.text("events").splitlines()
        assert "[b]worker␛[31m died␊badly" in rows[1]
        assert "created" in rows[2]
    assert b.steering.on_event is None


async def test_hostile_names_stay_inert_everywhere() -> None:
    """On every panel."""
    evil = "[bold]" + "".join(map(chr, (27, 7, 0x202E, 0xD800))) + "]0;own日"
    p = process(
        5, Role.PRODUCER, name=evil, state=ProcessState.BLOCKED, blocked_on=SemaphoreRole.EMPTY
    )
    segment = SegmentInfo("/" + evil, 128, 27, 0o600, "me")
    b = lay_out(lambda shown: snapshot(segment=segment, processes=(p,), shown=shown))
    async with b.app.run_test(size=(200, 60)) as pilot:
        await pilot.pause()
        for name in ("title", *PANELS):
            text = b.text(name)
            assert not {ord(char) for char in text} & {27, 7, 0x202E, 0xD800}
        assert "[bold]" in b.text("processes")


@pytest.mark.parametrize("size", [(120, 40), (50, 20)])
async def test_ascii_means_ascii(size: tuple[int, int]) -> None:
    """Every cell of the screen."""
    b = lay_out(ascii_only=True)
    async with b.app.run_test(size=size) as pilot:
        await pilot.pause()
        assert all(row.text.isascii() for row in b.app.screen._compositor.render_strips())


async def test_a_locale_without_utf8_means_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to ask for it."""
    monkeypatch.setattr("locale.getencoding", lambda: "ANSI_X3.4-1968")
    b = lay_out()
    async with b.app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert b.text("ring").isascii()


def _colours(b: Bench) -> set[str]:
    """The colours that reach the terminal."""
    styles = [s.style for row in b.app.screen._compositor.render_strips() for s in row if s.style]
    colours = [colour for style in styles for colour in (style.color, style.bgcolor) if colour]
    return {colour.name for colour in colours if not colour.is_default}


async def test_no_color_sends_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes only: not even the greys that Textual makes of other themes."""
    monkeypatch.setenv("NO_COLOR", "1")
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert _colours(b) == set()


async def test_sixteen_colours_are_the_terminals_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no more, none of ours is rounded to something unreadable."""
    monkeypatch.delenv("COLORTERM")
    monkeypatch.setenv("TERM", "xterm")
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert b.app.theme == "ansi-dark"
        assert not [name for name in _colours(b) if name.startswith("#")]


@pytest.mark.parametrize("seed", range(4))
async def test_painted_in_parts_is_painted_whole(seed: int) -> None:
    """Whatever came about, in whatever order: what is on the screen, colours included, is what a
    screen painted from nothing has.
    """
    chance = random.Random(seed)
    times = itertools.count(10**12, 150_000_000)

    def make(shown: int) -> Snapshot:
        full = chance.randint(0, 5)
        pids = range(1, chance.randint(2, 12))
        crew = tuple(
            process(p, chance.choice(list(Role)), items=chance.randint(0, 10**6)) for p in pids
        )
        return snapshot(
            in_=chance.randint(0, 4), occupancy=full, shown=shown, processes=crew,
            monotonic_ns=next(times),
        )  # fmt: skip

    b = lay_out(make)
    b.app._slow_every = 1

    keys = ["down", "end", "tab", "2", "f", "escape", "question_mark", "escape"]
    themes = ["shmtui-light", "shmtui-dark", "ansi-dark", "nord"]
    async with b.app.run_test(size=(120, 40)) as pilot:
        for _ in range(30):
            match chance.randrange(5):
                case 0:
                    await pilot.press(chance.choice(keys))
                case 1:
                    await pilot.resize_terminal(*chance.choice(SIZES))
                case 2:
                    b.app.theme = chance.choice(themes)
                case _:
                    b.app.tick()
            await pilot.pause()
            # As the interval does; a key's own drawing may still be on its way.
            b.app._show()
            b.app._show()
            await pilot.pause()
            painted = [list(row) for row in b.app.screen._compositor.render_strips()]
            for panel in b.app.screen_stack[0].query(Panel):
                panel.notify_style_update()
                panel._rows.clear()
            whole = [list(row) for row in b.app.screen._compositor.render_strips()]
            assert painted == whole


async def test_who_waits_to_be_painted_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that comes before Textual's own painting takes along what waits for that."""
    full = [2]
    b = lay_out(lambda shown: snapshot(occupancy=full[0], shown=shown))
    async with b.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        events = b.app.query_one("#events", Panel)
        ground = b.app.screen
        painted: list[Region] = []
        shown = ground._compositor.render_partial_update

        def render() -> object:
            painted.extend(ground._compositor._dirty_regions)
            return shown()

        monkeypatch.setattr(ground._compositor, "render_partial_update", render)
        events._set_dirty()
        ground._dirty_widgets.add(events)
        full[0] = 3
        b.app.tick()
        assert events.region in painted
        ring = b.app.query_one("#ring", Panel).region
        assert any(ring.contains_region(region) for region in painted)


async def test_nothing_new_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of an unchanged buffer refreshes no widget."""
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        for _ in range(10):
            b.app.tick()
        await pilot.pause()
        painted: list[str] = []
        for name in ("title", "keys", *PANELS):
            panel = b.app.query_one(f"#{name}")
            for way in ("refresh", "_set_dirty"):
                monkeypatch.setattr(panel, way, lambda *_, name=name, **__: painted.append(name))
        b.app.tick()
        b.app.tick()
        monkeypatch.undo()
        assert painted == []


@pytest.mark.parametrize(("key", "code"), [("q", 0), ("ctrl+c", 130)])
async def test_quitting_has_the_code_a_shell_expects(key: str, code: int) -> None:
    """0 when asked politely, 130 as an interrupt."""
    b = lay_out()
    async with b.app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
    assert b.app.return_code == code
    assert b.app.return_value == code


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGQUIT, 131)],
)
async def test_signals_end_it_cleanly(number: signal.Signals, code: int) -> None:
    """With the code that says which."""
    b = lay_out()
    async with b.app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            while b.app.return_code is None:
                await asyncio.sleep(0)
    assert b.app.return_code == code


async def test_a_vanished_terminal_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of spinning on end of file."""
    b = lay_out()
    async with b.app.run_test(size=(80, 24)):
        monkeypatch.setattr("shmtui.tui.tty.hung_up", lambda: True)
        b.app.tick()
    assert b.app.return_code == 129


@pytest.mark.parametrize("theme", ["shmtui-light", "nord", "ansi-dark", "textual-light"])
async def test_any_theme_will_do(theme: str) -> None:
    """Colours come from the theme's own variables."""
    b = lay_out()
    async with b.app.run_test(size=(120, 40)) as pilot:
        b.app.theme = theme
        await pilot.pause()
        b.app.tick()
        assert "3 of 5 full" in b.text("ring")
