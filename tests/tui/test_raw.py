"""A segment that is no bounded buffer: its bytes, whatever its size, and what changes in it."""

import contextlib
import itertools
import os
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.session.opener import Attachment
from shmtui.tui.app import DashboardApp
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
from shmtui.tui.screens.text_screens import OffsetScreen
from shmtui.tui.spans import plain, width_of
from shmtui.tui.view_model import FRESH, ByteWindow, ChangeHighlight
from tests.tui.dashboards import (
    NEVER_HZ,
    draw,
    drawing,
    foreign_process,
    opener_of,
    panel_text,
    reports,
    ring_bytes,
    screen_text,
    shows,
    tells,
    ticked,
)
from tests.tui.records import raw_snapshot
from tests.waiting import until

SIZES = [(120, 38), (80, 24), (50, 20)]
COUNTING = bytes(range(256)) * 16


@contextlib.contextmanager
def raw(path: Path, data: bytes | bytearray | None = None) -> Iterator[DashboardApp]:
    """A dashboard on the bytes of a segment."""
    if data is not None:
        path.write_bytes(data)
    options = LayoutOptions(raw=True)
    with (
        contextlib.closing(Sampler("/" + path.name, options, folder=str(path.parent))) as sampler,
        contextlib.closing(opener_of(path.parent)) as opener,
    ):
        yield DashboardApp(Attachment(sampler), refresh_hz=NEVER_HZ, opener=opener)


def bytes_text(app: DashboardApp) -> str:
    """What the panel of bytes shows."""
    return panel_text(app, "bytes")


async def up(app: DashboardApp) -> None:
    """Draw frames until the first bytes are on the screen."""
    await ticked(app, lambda: app.dashboard.view.window and app.dashboard.view.window.data, "bytes")


@pytest.mark.parametrize("size", SIZES)
async def test_bytes_take_the_place_of_the_ring(name: str, size: tuple[int, int]) -> None:
    """And the processes stay."""
    path = Path("/dev/shm" + name)
    try:
        with raw(path, COUNTING) as app, foreign_process(name, "./who") as foreign:
            async with app.run_test(size=size) as pilot:
                await up(app)
                await ticked(app, lambda: str(foreign.pid) in screen_text(app), "who maps it")
                text = screen_text(app)
                assert "raw bytes" in text
                assert "0000  00 01 02 03" in text
                assert "./who" in text
                assert "Throughput" not in text
                assert app.focused is not None
                assert app.focused.id == "bytes"
                await pilot.press("1", "f")
                assert "00 01 02 03" in bytes_text(app)
                await pilot.press("escape", "tab", "tab", "tab", "2", "3")
                assert app.focused is not None
                assert app.focused.id == "bytes"
    finally:
        path.unlink()


async def test_ends_well_where_it_was_told_to_before_the_first_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that ends takes no panel of bytes any more."""
    monkeypatch.setattr("shmtui.session.terminal._noted", [signal.SIGTERM])
    with raw(tmp_path / "early", COUNTING) as app:
        async with app.run_test():
            pass
    assert app.return_code == 128 + signal.SIGTERM


async def test_only_what_is_in_view_is_read(tmp_path: Path) -> None:
    """A terabyte costs what a page does."""
    path = tmp_path / "endless"
    path.touch()
    os.truncate(path, 2**40)
    with path.open("r+b") as file:
        file.seek(2**40 - 16)
        file.write(b"\x0f" * 16)
    with raw(path) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            await up(app)
            for key in ("end", "pageup", "up", "home", "pagedown", "down", "end"):
                await pilot.press(key)
                assert app.dashboard.view.window is not None
                assert len(app.dashboard.view.window.data) <= 40 * 32
            await until(lambda: "fffffffff0  0f 0f" in bytes_text(app), "its end")


async def test_scrolling_by_row_page_and_byte(tmp_path: Path) -> None:
    """And it stops at both ends."""
    with raw(tmp_path / "x", COUNTING) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            await up(app)
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


async def test_g_goes_to_an_offset(tmp_path: Path) -> None:
    """In hexadecimal or decimal; one beyond the end is refused where it was typed."""
    with raw(tmp_path / "x", COUNTING) as app:
        async with app.run_test(size=(80, 24)) as pilot:
            await up(app)
            await pilot.press("g", *"0x123", "enter")
            assert "0123  23 24" in bytes_text(app).splitlines()[1]
            await pilot.press("g", *"99999", "enter")
            assert isinstance(app.screen, OffsetScreen)
            await shows(app, "beyond the end")
            await pilot.press("ctrl+u", *"16", "enter")
            assert "0010  10 11" in bytes_text(app).splitlines()[1]
            await pilot.press("g", *"nonsense", "enter", "escape")
            assert "0010  10 11" in bytes_text(app).splitlines()[1]


async def test_i_goes_through_the_types(tmp_path: Path) -> None:
    """And comes back to hexadecimal."""
    data = struct.pack("=iif", -7, 41, 1.5) + b"in\xc3\xadcio\0" + b"\0" * 100
    with raw(tmp_path / "x", data) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            await up(app)
            seen = []
            for byte_format in BYTE_FORMATS[1:]:
                await pilot.press("i")
                text = bytes_text(app)
                assert byte_format.name in text.splitlines()[0]
                seen.append(text)
            assert "-7          41" in seen[2]
            assert "1.5" in seen[8]
            assert "início" in seen[10]
            await pilot.press("i")
            assert "hex" in bytes_text(app).splitlines()[0]


async def test_a_changed_byte_is_highlighted(tmp_path: Path) -> None:
    """At once; how it fades is tested with its record."""
    path = tmp_path / "x"
    with raw(path, COUNTING) as app:
        async with app.run_test(size=(120, 38)):
            await up(app)
            with path.open("r+b") as file:
                file.seek(5)
                file.write(b"\xaa")
            app.tick()
            window = app.dashboard.view.window
            assert window is not None
            assert window.data[5] == 0xAA
            assert window.highlight[5] == FRESH
            assert sum(window.highlight) == FRESH


async def test_a_segment_that_shrinks_is_followed(tmp_path: Path) -> None:
    """What is cut off is not shown, and nothing breaks."""
    path = tmp_path / "x"
    with raw(path, COUNTING) as app:
        async with app.run_test(size=(80, 24)) as pilot:
            await up(app)
            await pilot.press("end")
            os.truncate(path, 100)
            app.tick()
            app.tick()
            assert "0060  60 61 62 63" in bytes_text(app)
            await reports(app, "was truncated from 4096 to 100 bytes")
            os.truncate(path, 0)
            app.tick()
            assert "the segment is empty" in bytes_text(app)


async def test_bytes_that_cannot_be_read_are_said() -> None:
    """A segment that was cut off between its size and its bytes."""
    app = drawing()
    async with app.run_test(size=(80, 24)) as pilot:
        draw(app, raw_snapshot(size=500))
        await pilot.pause()
        view = replace(app.dashboard.view, window=ByteWindow(0, b"", b""))
        app.main.show(view)
        assert "cannot be read" in bytes_text(app)


async def test_layouts_that_fit_are_a_hint_and_enter_offers_them(tmp_path: Path) -> None:
    """A guess is offered, never shown as a fact."""
    with raw(tmp_path / "x", ring_bytes(full=0, in_flight=1)) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            await up(app)
            options = opener_of(tmp_path)
            with pytest.raises(AmbiguousLayoutError) as fit, contextlib.closing(options):
                options.open("/x")
            commands = tuple(f"--layout {option}" for option in fit.value.options)
            layout = replace(app.dashboard.latest.layout, candidates=commands)
            draw(app, replace(app.dashboard.latest, layout=layout))
            assert "fit: enter chooses" in bytes_text(app)
            await pilot.press("enter")
            assert isinstance(app.screen, LayoutScreen)
            await pilot.press("enter")
            await reports(app, "attached to /x (layout as told)")
            await until(lambda: not app.query_one("#bytes").display, "a ring is shown")


async def test_frozen_bytes_can_be_scrolled(tmp_path: Path) -> None:
    """Freezing holds what is shown, not where one looks."""
    with raw(tmp_path / "x", COUNTING) as app:
        async with app.run_test(size=(80, 24)) as pilot:
            await up(app)
            await pilot.press("z", "pagedown")
            assert "10 11 12" not in bytes_text(app).splitlines()[1]
            assert "0000" not in bytes_text(app).splitlines()[1]


async def test_a_ring_has_no_bytes_to_go_to() -> None:
    """The keys of the bytes say so."""
    app = drawing()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("1", "g")
        await tells(app, "g works where bytes are shown")


WIDTHS, HEIGHTS = st.integers(1, 220), st.integers(1, 40)
GLYPHS = st.sampled_from([UNICODE, ASCII])


@given(st.binary(max_size=600), st.sampled_from(BYTE_FORMATS), WIDTHS, HEIGHTS, GLYPHS, st.data())
def test_any_bytes_fit_any_panel(
    data: bytes, byte_format: object, width: int, height: int, glyphs: Glyphs, draw: st.DataObject
) -> None:
    """In every type, and no byte acts on the terminal."""
    kind = next(f for f in BYTE_FORMATS if f is byte_format)
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
def test_values_are_as_wide_as_their_column(byte_format: object, width: int, size: int) -> None:
    """The longest of each type."""
    kind = next(f for f in BYTE_FORMATS if f is byte_format)
    if kind.code and kind.code not in "fd":
        for piece in (b"\0" * kind.size, b"\xff" * kind.size, b"\0" * (kind.size - 1) + b"\x80"):
            assert len(value_text(piece, kind)) <= kind.cell
    assert row_shape_for(width, gutter_for(size), kind).per_row >= 1


@given(st.binary(min_size=4, max_size=8))
def test_no_float_outgrows_its_column(piece: bytes) -> None:
    """NaN and infinities included."""
    by_name = {each.name: each for each in BYTE_FORMATS}
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


@given(st.integers(0, 220), st.integers(0, 70), st.integers(2, 40), st.integers(0, 40))
def test_raw_panels_fit_the_screen(width: int, height: int, rows: int, locks: int) -> None:
    """The bytes first, and no two in one place."""
    boxes = arrange(width, height, None, rows, raw=True, locks=locks)
    shown = [boxes[name] for name in RAW_PANELS if name in boxes]
    assert sum(box.height for box in shown) <= max(0, height)
    assert all(one.y + one.height == two.y for one, two in itertools.pairwise(shown))
