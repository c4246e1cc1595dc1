"""A segment that is no bounded buffer: its bytes, whatever its size, and what changes in it."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.shm.protocol import Role
from shmtui.snapshot import LayoutInfo, LayoutSource, Offsets, Origin
from shmtui.tui.app import DashboardApp
from shmtui.tui.byte_window import FRESH, ByteWindow, ChangeHighlight
from shmtui.tui.draw.bytes import (
    BYTE_FORMATS,
    gutter_for,
    last_first,
    parse_offset,
    raw_lines,
    row_shape_for,
    value_text,
)
from shmtui.tui.glyphs import ASCII, UNICODE, Glyphs
from shmtui.tui.panel_layout import RAW_PANELS, arrange
from shmtui.tui.screens.layouts import LayoutScreen
from shmtui.tui.screens.offset import OffsetScreen
from shmtui.tui.spans import plain, width_of
from shmtui.tui.widgets import Panel
from tests.tui.bench import process
from tests.tui.ends import FIVE, BytesSource, FakeOpener, entry, screen_text, shows

SIZES = [(120, 38), (80, 24), (50, 20)]
COUNTING = bytes(range(256)) * 16


class Endless(BytesSource):
    """A segment of a terabyte, whose bytes tell where they lie."""

    def __init__(self) -> None:
        super().__init__(b"", size=2**40)

    def read(self, offset: int, length: int) -> bytes:
        """The upper digits of the offset, again and again."""
        self.reads.append((offset, length))
        return bytes([offset >> 36]) * length


def dashboard(source: BytesSource, **more: object) -> DashboardApp:
    """A dashboard whose interval never fires by itself."""
    return DashboardApp(source, None, refresh_hz=0.001, **more)  # type: ignore[arg-type]


def bytes_text(app: DashboardApp) -> str:
    """What the bytes' panel shows."""
    panel = app.screen_stack[0].query_one("#bytes", Panel)
    return "\n".join(panel.render_line(y).text for y in range(panel.size.height))


@pytest.mark.parametrize("size", SIZES)
async def test_bytes_take_the_place_of_the_ring(size: tuple[int, int]) -> None:
    """And the processes stay."""
    source = BytesSource(
        COUNTING,
        processes=(process(9, Role.UNKNOWN, name="./who", origin=Origin.FOREIGN),),
    )
    app = dashboard(source)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.tick()
        text = screen_text(app)
        assert "raw bytes" in text
        assert "000000  00 01 02 03" in text or "0000  00 01 02 03" in text
        assert "./who" in text
        assert "Throughput" not in text
        assert app.focused is not None
        assert app.focused.id == "bytes"
        await pilot.press("1", "f")
        assert "00 01 02 03" in bytes_text(app)
        await pilot.press("escape", "tab", "tab", "tab", "2", "3")
        assert app.focused is not None
        assert app.focused.id == "bytes"


async def test_only_what_is_in_view_is_read() -> None:
    """A terabyte costs what a page does."""
    source = Endless()
    app = dashboard(source)
    async with app.run_test(size=(120, 38)) as pilot:
        await pilot.press("end", "pageup", "up", "home", "pagedown", "down")
        app.tick()
        assert source.reads
        assert all(length <= 40 * 32 for _, length in source.reads)
        await pilot.press("end")
        assert "fffffffff0  0f 0f" in bytes_text(app)


async def test_scrolling_by_row_page_and_byte() -> None:
    """And it stops at both ends."""
    app = dashboard(BytesSource(COUNTING))
    async with app.run_test(size=(120, 38)) as pilot:
        await pilot.press("down")
        assert "0010  10 11 12" in bytes_text(app).splitlines()[1]
        await pilot.press("right")
        assert "0011  11 12 13" in bytes_text(app).splitlines()[1]
        await pilot.press("left", "up", "up", "pageup")
        assert "0000  00 01" in bytes_text(app).splitlines()[1]
        await pilot.press("end", "pagedown")
        assert "0ff0  f0 f1" in bytes_text(app).splitlines()[-2]
        await pilot.press("home")
        assert "0000  00 01" in bytes_text(app).splitlines()[1]


async def test_g_goes_to_an_offset() -> None:
    """In hexadecimal or decimal; one beyond the end is refused where it was typed."""
    app = dashboard(BytesSource(COUNTING))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("g", *"0x123", "enter")
        assert "0123  23 24" in bytes_text(app).splitlines()[1]
        await pilot.press("g", *"99999", "enter")
        assert isinstance(app.screen, OffsetScreen)
        assert "the segment ends before" in screen_text(app)
        await pilot.press("ctrl+u", *"16", "enter")
        assert "0010  10 11" in bytes_text(app).splitlines()[1]
        await pilot.press("g", *"nonsense", "enter", "escape")
        assert "0010  10 11" in bytes_text(app).splitlines()[1]


async def test_i_goes_through_the_types() -> None:
    """And comes back to hexadecimal."""
    data = struct.pack("=iif", -7, 41, 1.5) + b"in\xc3\xadcio\0" + b"\0" * 100
    app = dashboard(BytesSource(data))
    async with app.run_test(size=(120, 38)) as pilot:
        seen = []
        for reading in BYTE_FORMATS[1:]:
            await pilot.press("i")
            text = bytes_text(app)
            assert reading.name in text.splitlines()[0]
            seen.append(text)
        assert "-7          41" in seen[2]
        assert "1.5" in seen[8]
        assert "início" in seen[10]
        await pilot.press("i")
        assert "hex" in bytes_text(app).splitlines()[0]


async def test_a_changed_byte_is_hot_and_cools() -> None:
    """It is fresh at once, and plain again after two seconds."""
    source = BytesSource(COUNTING)
    app = dashboard(source)
    async with app.run_test(size=(120, 38)) as pilot:
        await pilot.pause()
        app.tick()
        source.data[5] = 0xAA
        source.now_ns += 10**8
        app.tick()
        assert app._view.window is not None
        assert app._view.window.highlight[5] == FRESH
        assert sum(app._view.window.highlight) == FRESH
        source.now_ns += 3 * 10**9
        app.tick()
        assert sum(app._view.window.highlight) == 0


async def test_a_segment_that_shrinks_is_followed() -> None:
    """What is cut off is not shown, and nothing breaks."""
    source = BytesSource(COUNTING)
    app = dashboard(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end")
        del source.data[100:]
        app.tick()
        app.tick()
        assert "0060  60 61 62 63" in bytes_text(app)
        assert "was truncated from 4096 to 100 bytes" in screen_text(app)
        source.data.clear()
        app.tick()
        assert "the segment is empty" in bytes_text(app)
        source.size = 500
        app.tick()
        assert "cannot be read" in bytes_text(app)


async def test_layouts_that_fit_are_a_hint_and_enter_offers_them() -> None:
    """A guess is offered, never shown as a fact."""
    layout = LayoutInfo(LayoutSource.RAW, 0, "", 0, Offsets(0, 0, 0), "", (f"--layout {FIVE}",))
    opener = FakeOpener((entry("/x"),))
    app = dashboard(BytesSource(bytes(128), layout=layout), opener=opener)
    async with app.run_test(size=(120, 38)) as pilot:
        await pilot.pause()
        assert "1 layout fits: enter chooses" in bytes_text(app)
        await pilot.press("enter")
        assert isinstance(app.screen, LayoutScreen)
        await pilot.press("enter")
        text = await shows(app, "attached to /x")
        assert opener.opened == [("/x", FIVE)]
        assert "3 of 5 full" in text
        assert not app.query_one("#bytes").display


async def test_frozen_bytes_can_be_scrolled() -> None:
    """Freezing holds what is shown, not where one looks."""
    app = dashboard(BytesSource(COUNTING))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("z", "pagedown")
        assert "10 11 12" not in bytes_text(app).splitlines()[1]
        assert "0000" not in bytes_text(app).splitlines()[1]


WIDTHS, HEIGHTS = st.integers(1, 220), st.integers(1, 40)
GLYPHS = st.sampled_from([UNICODE, ASCII])


@given(st.binary(max_size=600), st.sampled_from(BYTE_FORMATS), WIDTHS, HEIGHTS, GLYPHS, st.data())
def test_any_bytes_fit_any_panel(
    data: bytes, reading: object, width: int, height: int, glyphs: Glyphs, draw: st.DataObject
) -> None:
    """In every type, and no byte acts on the terminal."""
    kind = next(r for r in BYTE_FORMATS if r is reading)
    highlight = bytes(draw.draw(st.integers(0, FRESH)) for _ in range(3)) + bytes(
        max(0, len(data) - 3)
    )
    window = ByteWindow(0, data, highlight[: len(data)])
    rows = raw_lines(window, 0, len(data), kind, width, height, glyphs)
    assert len(rows) <= height
    for drawn in rows:
        assert width_of(drawn) <= width
        assert plain(drawn).isprintable()
        assert not glyphs.ascii_only or plain(drawn).isascii()


@given(st.sampled_from(BYTE_FORMATS), st.integers(20, 220), st.integers(1, 2**40))
def test_values_are_as_wide_as_their_column(reading: object, width: int, size: int) -> None:
    """The longest of each type."""
    kind = next(r for r in BYTE_FORMATS if r is reading)
    if kind.code and kind.code not in "fd":
        for piece in (b"\0" * kind.size, b"\xff" * kind.size, b"\0" * (kind.size - 1) + b"\x80"):
            assert len(value_text(piece, kind)) <= kind.cell
    assert row_shape_for(width, gutter_for(size), kind).per_row >= 1


@given(st.binary(min_size=4, max_size=8))
def test_no_float_outgrows_its_column(piece: bytes) -> None:
    """NaN and infinities included."""
    by_name = {reading.name: reading for reading in BYTE_FORMATS}
    assert len(value_text(piece[:4], by_name["float"])) <= by_name["float"].cell
    assert len(value_text(piece.ljust(8), by_name["double"])) <= by_name["double"].cell


@given(st.integers(1, 10**6), st.sampled_from([1, 8, 16, 32]), st.integers(1, 60), st.data())
def test_the_end_is_in_view_at_the_end(
    size: int, per_row: int, rows: int, draw: st.DataObject
) -> None:
    """The last byte is in the last row, and no row is wasted."""
    phase = draw.draw(st.integers(0, min(per_row, size) - 1))
    first = last_first(size, per_row, rows, phase)
    assert first % per_row == phase % per_row
    assert first + rows * per_row >= size
    assert first == phase or first + (rows - 1) * per_row < size


@pytest.mark.parametrize("text", ["", "x", "-1", "0x", "1e3", "100", "0x64", "½"])
def test_no_offset_is_refused_with_a_reason(text: str) -> None:
    """What is no number, and what lies outside."""
    with pytest.raises(ValueError, match=r"offset|segment"):
        parse_offset(text, 100)


def test_heat_belongs_to_the_byte_and_not_to_the_row() -> None:
    """Scrolling alone heats nothing."""
    highlight = ChangeHighlight()
    highlight.update(0, b"abcdef", 0)
    assert highlight.update(2, b"cdefgh", 1).highlight == bytes(6)
    assert highlight.update(2, b"cXefgh", 2).highlight == bytes((0, FRESH, 0, 0, 0, 0))
    assert highlight.update(0, b"abcXef", 3).highlight == bytes((0, 0, 0, FRESH, 0, 0))


@given(st.integers(0, 220), st.integers(0, 70), st.integers(2, 40))
def test_raw_panels_fit_the_screen(width: int, height: int, rows: int) -> None:
    """The bytes first, and no two in one place."""
    boxes = arrange(width, height, None, rows, raw=True)
    shown = [boxes[name] for name in RAW_PANELS if name in boxes]
    assert sum(box.height for box in shown) <= max(0, height)
    assert all(one.y + one.height == two.y for one, two in itertools.pairwise(shown))
