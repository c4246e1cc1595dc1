"""Attaching from the dashboard: the list of segments, the layouts to choose from, going over."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.layouts.describe import option_words
from shmtui.monitor.discovery import Kind
from shmtui.sanitize import inert
from shmtui.tui.app import DashboardApp
from shmtui.tui.draw.picker import (
    columns_for,
    entry_detail,
    entry_line,
    filter_line,
    header_line,
    name_width,
)
from shmtui.tui.glyphs import ASCII, UNICODE, Glyphs
from shmtui.tui.screens.layouts import LayoutScreen
from shmtui.tui.screens.picker import PickerPanel, PickerScreen
from shmtui.tui.spans import plain, width_of
from shmtui.tui.text import cells, wrap
from tests.tui.bench import FakeSource, FakeSteering, snapshot
from tests.tui.ends import FIVE, SIX, BytesSource, FakeOpener, entry, screen_text, shows
from tests.waiting import until

EVIL = "[bold]\x1b[31m\n\u202e\udcff" + "x" * 250
SIZES = [(120, 38), (80, 24), (50, 20)]
THERE = (
    entry("/jobs", Kind.BUFFER, looks="bounded buffer of 64 × int32"),
    entry("/shm_buffer", mappers=(), orphan=True),
    entry("/secret", owner="root", readable=False, looks="unknown, not readable by this user"),
    entry("/jobs.shmtui", Kind.CONTROL),
    entry("/app_mutex", Kind.SEMAPHORE, looks="named semaphore, value 1"),
)


def picker(opener: FakeOpener, ascii_only: bool = False) -> DashboardApp:
    """A dashboard with nothing open yet."""
    return DashboardApp(None, None, refresh_hz=0.001, ascii_only=ascii_only, opener=opener)


@pytest.mark.parametrize("size", SIZES)
async def test_without_a_segment_it_opens_with_the_list(size: tuple[int, int]) -> None:
    """What one can attach to stands first; the rest says why not."""
    app = picker(FakeOpener(THERE))
    async with app.run_test(size=size) as pilot:
        text = await shows(app, "/app_mutex")
        assert isinstance(app.screen, PickerScreen)
        assert text.index("/jobs") < text.index("/shm_buffer") < text.index("/secret")
        assert "orphan" in text
        assert "nothing open" in text
        await pilot.press("end", "enter")
        assert "cannot attach" in await shows(app, "cannot attach")
    assert app.return_code in {None, 0}


async def test_leaving_the_list_with_nothing_open_ends_it_well() -> None:
    """There is nothing else to show."""
    app = picker(FakeOpener(THERE))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "/jobs")
        await pilot.press("escape")
        await until(lambda: app.return_code is not None, "the end")
    assert app.return_code == 0


async def test_the_list_is_made_off_the_screen() -> None:
    """Discovery takes up to a second, and the interval goes on meanwhile."""
    opener = FakeOpener(THERE)
    app = picker(opener)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "/jobs")
        opener.there = (entry("/other"),)
        await pilot.press("ctrl+r")
        assert "/jobs" not in await shows(app, "/other")
        assert opener.looked == 2
        assert app._thread_id not in opener.threads


async def test_typing_filters_and_escape_takes_it_back() -> None:
    """By name, owner, kind and the names of the mappers; every word counts."""
    app = picker(FakeOpener(THERE))
    async with app.run_test(size=(120, 38)) as pilot:
        await shows(app, "/app_mutex")
        await pilot.press(*"produtor jobs")
        text = screen_text(app)
        assert "2 of 5" in text
        assert "/shm_buffer" not in text
        await pilot.press("ctrl+u", *"zzz")
        assert "nothing matches" in screen_text(app)
        await pilot.press("backspace", "backspace", "backspace", *"root")
        assert "1 of 5" in screen_text(app)
        await pilot.press("escape")
        assert isinstance(app.screen, PickerScreen)
        assert "type to filter" in screen_text(app)


async def test_enter_attaches_and_the_events_say_so() -> None:
    """Read-only, with the source that the layout is known from."""
    opener = FakeOpener(THERE)
    app = picker(opener)
    async with app.run_test(size=(120, 38)) as pilot:
        await shows(app, "/jobs")
        await pilot.press(*"jobs", "enter")
        text = await shows(app, "attached to /jobs (layout from its control block)")
        assert opener.opened == [("/jobs", None)]
        assert "read-only" in text
        assert "3 of 5 full" in text


async def test_enter_before_the_list_is_there_is_kept() -> None:
    """Who knows the name types it and goes on: no key is lost to a look that takes a second."""
    held = threading.Event()
    opener = FakeOpener(THERE, held=held)
    app = picker(opener)
    async with app.run_test(size=(120, 38)) as pilot:
        try:
            await shows(app, "looking")
            await pilot.press(*"jobs", "enter")
            assert not opener.opened
        finally:
            held.set()
        await shows(app, "attached to /jobs")
        assert opener.opened == [("/jobs", None)]


async def test_the_mouse_chooses_and_attaches() -> None:
    """One click chooses a row, the next takes it."""
    opener = FakeOpener(THERE)
    app = picker(opener)
    async with app.run_test(size=(120, 38)) as pilot:
        await shows(app, "/jobs")
        panel = app.screen.query_one(PickerPanel)
        await pilot.click(panel, offset=(8, 4))
        assert panel.chosen is not None
        assert panel.chosen.name == "/shm_buffer"
        await pilot.click(panel, offset=(8, 4))
        await shows(app, "attached to /shm_buffer")


async def test_a_refusal_is_a_line_and_no_crash() -> None:
    """With its escape sequences as pictures."""
    opener = FakeOpener(THERE)
    app = picker(opener)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "/jobs")
        opener.there = ()
        await pilot.press("enter")
        assert "␛[31m" in await shows(app, "vanished")
        assert isinstance(app.screen, PickerScreen)


async def test_layouts_that_fit_are_a_list_in_words() -> None:
    """Each with the option that picks it, and bytes for who knows none of them."""
    opener = FakeOpener(THERE, {"/shm_buffer": (FIVE, SIX)})
    app = picker(opener)
    async with app.run_test(size=(120, 38)) as pilot:
        await shows(app, "/jobs")
        await pilot.press(*"buffer", "end", "enter")
        text = await shows(app, "show as bytes (raw)")
        assert option_words(FIVE) in text
        assert option_words(SIX) in text
        await pilot.press("down")
        assert "data=0:6xint32" in screen_text(app)
        await pilot.press("enter")
        await shows(app, "attached to /shm_buffer")
        assert opener.opened == [("/shm_buffer", SIX)]


@pytest.mark.parametrize("size", SIZES)
async def test_a_choice_at_the_start_is_the_list_of_layouts(size: tuple[int, int]) -> None:
    """Raw is the last row; leaving it with nothing open ends the dashboard."""
    opener = FakeOpener(THERE)
    choice = ("/shm_buffer", (FIVE, SIX))
    app = DashboardApp(None, None, refresh_hz=0.001, opener=opener, choice=choice)
    async with app.run_test(size=size) as pilot:
        await shows(app, "2 layouts fit")
        assert isinstance(app.screen, LayoutScreen)
        await pilot.press("end", "enter")
        await shows(app, "shown as bytes")
        assert opener.opened == [("/shm_buffer", "raw")]
    left = DashboardApp(None, None, refresh_hz=0.001, opener=opener, choice=choice)
    async with left.run_test(size=size) as pilot:
        await shows(left, "2 layouts fit")
        await pilot.press("escape")
        await until(lambda: left.return_code is not None, "the end")
    assert left.return_code == 0


async def test_layouts_are_filtered_by_their_words() -> None:
    """A bare segment may have a hundred."""
    app = DashboardApp(
        None, None, refresh_hz=0.001, opener=FakeOpener(THERE), choice=("/x", (FIVE, SIX))
    )
    async with app.run_test(size=(120, 38)) as pilot:
        await shows(app, "2 layouts fit")
        await pilot.press(*"at 28")
        text = screen_text(app)
        assert option_words(SIX) in text
        assert option_words(FIVE) not in text


async def test_going_over_closes_what_was_only_looked_at() -> None:
    """The graph starts anew, the events stay; a run that is steered goes on."""
    opener = FakeOpener(THERE)
    looked_at = BytesSource(bytes(64))
    app = DashboardApp(looked_at, None, refresh_hz=0.001, opener=opener)
    async with app.run_test(size=(120, 38)) as pilot:
        await pilot.press("o")
        await shows(app, "/jobs")
        await pilot.press("enter")
        await shows(app, "attached to /jobs")
        assert looked_at.closed
    steering = FakeSteering()
    home = BytesSource(bytes(64))
    app = DashboardApp(home, steering, refresh_hz=0.001, opener=opener)
    async with app.run_test(size=(120, 38)) as pilot:
        await pilot.press("o")
        await shows(app, "/jobs")
        await pilot.press("enter")
        await shows(app, "attached to /jobs")
        await pilot.press("p")
        assert not home.closed
        seen = home.samples
        app.tick()
        assert home.samples == seen + 1
        assert steering.orders == []
        assert steering.on_event is not None


async def test_without_a_way_to_segments_there_is_no_key_for_it() -> None:
    """Not in the bar, not in the palette, and pressing it does nothing."""
    app = DashboardApp(FakeSource(lambda _s: snapshot()), None, refresh_hz=0.001)
    async with app.run_test(size=(120, 38)) as pilot:
        await pilot.press("o", "l", "i", "g")
        assert len(app.screen_stack) == 1
        assert "Open" not in screen_text(app)
        offered = {command.title for command in app.get_system_commands(app.screen)}
        assert "Attach to another segment, from a list" not in offered


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ascii_only", [False, True])
async def test_hostile_names_stay_inert(size: tuple[int, int], ascii_only: bool) -> None:
    """In the list and below it."""
    bad = entry("/" + EVIL, owner=EVIL, looks=EVIL, mappers=((1, EVIL), (2, EVIL), (3, EVIL)))
    app = picker(FakeOpener((bad,)), ascii_only)
    async with app.run_test(size=size):
        text = await shows(app, "[bold]")
        codes = {ord(char) for char in text} - {10}
        assert not any(c < 32 or c == 0x202E or 0xD800 <= c < 0xE000 for c in codes)
        assert not ascii_only or text.isascii()


async def test_an_empty_dev_shm_says_what_to_do() -> None:
    """Instead of an empty list."""
    app = picker(FakeOpener(()))
    async with app.run_test(size=(80, 24)):
        text = await shows(app, "There is nothing in /dev/shm")
        assert "shmtui run" in text


NAMES = st.text(st.characters(), max_size=60)


@given(NAMES, NAMES, st.integers(1, 200), st.sampled_from([UNICODE, ASCII]), st.sampled_from(Kind))
def test_every_row_fits(name: str, owner: str, width: int, glyphs: Glyphs, kind: Kind) -> None:
    """Whatever things are called."""
    e = entry(name, kind, owner=owner, looks=name, mappers=((7, owner),))
    longest = name_width([e], glyphs)
    rows = [entry_line(e, width, glyphs, longest), header_line(width, glyphs, longest)]
    rows += [*entry_detail(e, width, 3, glyphs), filter_line(name, 3, 5, width, glyphs)]
    for drawn in rows:
        assert width_of(drawn) <= max(2, width)
        assert not glyphs.ascii_only or plain(drawn).isascii()
    assert sum(c.width for c in columns_for(width, longest)) <= max(2, width)


@pytest.mark.parametrize("width", [48, 78, 118])
def test_names_that_are_alike_at_the_start_are_told_apart(width: int) -> None:
    """Another column goes before the end of a name does."""
    alike = [entry(f"/acme-queue-10234-{at}-buffer") for at in (1, 2)]
    longest = name_width(alike, UNICODE)
    for e in alike:
        assert e.name in plain(entry_line(e, width, UNICODE, longest))


@given(NAMES, st.integers(2, 80))
def test_wrapped_text_keeps_every_word(text: str, width: int) -> None:
    """No line is too wide, and nothing is lost but blanks."""
    safe = inert(text)
    lines = wrap(safe, width)
    assert all(cells(part) <= width for part in lines)
    assert "".join("".join(lines).split()) == "".join(safe.split())


def test_a_candidate_reads_as_a_sentence() -> None:
    """As the list shows it."""
    text = "7 × 4-byte items at 0, in at 28, out at 32, mutex 40, empty 72, full 104"
    assert option_words("data=0:7xint32,in=28:int32,out=32,mutex=40,empty=72,full=104") == text
    assert option_words("nonsense") == "nonsense"
