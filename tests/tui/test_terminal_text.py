"""What is written to the terminal: few bytes, and the screen that a whole redraw gives."""

import re

import pyte
from hypothesis import given
from hypothesis import strategies as st
from pyte.screens import Char
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from shmtui.tui.spans import Line, Span, cells, changed_cells
from shmtui.tui.terminal_text import between, written
from tests.terminal import Terminal

COLOURS = st.sampled_from([None, "red", "bright_blue", "#a0b0c0", "default"])
STYLES = st.builds(
    Style, color=COLOURS, bgcolor=COLOURS, bold=st.booleans(), reverse=st.booleans(),
    underline=st.booleans(), italic=st.sampled_from([None, True, False]),
)  # fmt: skip
TEXTS = st.text("ab │●日", min_size=1, max_size=6)
ROWS = st.lists(st.builds(Segment, TEXTS, st.one_of(st.none(), STYLES), st.none()), max_size=5)
SYSTEMS = st.sampled_from([ColorSystem.STANDARD, ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR])
WIDTH = 40


def screen_of(text: str) -> list[list[Char]]:
    """The cells of a terminal after this was written to it."""
    screen = pyte.Screen(WIDTH, 4)
    pyte.Stream(screen).feed(text)
    return [[screen.buffer[y][x] for x in range(WIDTH)] for y in range(4)]


@given(st.lists(ROWS, min_size=1, max_size=4), SYSTEMS)
def test_the_screen_is_that_of_whole_styles(rows: list[list[Segment]], system: ColorSystem) -> None:
    """In any colours; and the style is plain afterwards, as each row expects it."""
    parts = [(1, y, row) for y, row in enumerate(rows)]
    whole = "".join(
        f"\x1b[{y + 1};2H"
        + "".join(Strip.render_style(s.style or Style.null(), s.text, system) for s in row)
        for y, row in enumerate(rows)
    )
    mine = written(parts, system)
    assert screen_of(mine + "x") == screen_of(whole + "x")
    assert len(mine) <= len(whole) + 8 * len(rows)


@given(ROWS, st.integers(0, 40), st.integers(0, 40))
def test_a_part_of_a_row_is_what_textual_cuts(row: list[Segment], first: int, last: int) -> None:
    """Cell by cell, wide characters that are cut too."""
    strip = Strip(row)
    part = Strip(between(row, first, last))
    wanted = strip.crop(first, last) if first < last else Strip([])
    assert screen_of(written([(0, 0, part)], ColorSystem.TRUECOLOR)) == screen_of(
        written([(0, 0, wanted)], ColorSystem.TRUECOLOR)
    )


LINES = st.lists(st.builds(Span, TEXTS, st.sampled_from(["text", "bad", "muted"])), max_size=6)


def cells_of(line: Line) -> list[tuple[str, str]]:
    """A character and a style for each cell; the second cell of a wide one is empty."""
    found: list[tuple[str, str]] = []
    for text, style in line:
        for character in text:
            found += [(character, style), *[("", style)] * (cells(character) - 1)]
    return found


def fitted(line: list[Span]) -> Line:
    """A line of `WIDTH` cells."""
    gap = WIDTH - sum(cells(span.text) for span in line)
    return (*line, Span(" " * gap))


@given(LINES, LINES)
def test_the_runs_hold_all_that_changed(old: list[Span], new: list[Span]) -> None:
    """They lie apart, in order, inside the row."""
    before, after = fitted(old), fitted(new)
    shown, wanted = cells_of(before), cells_of(after)
    end = -1
    for start, count in changed_cells(before, after):
        assert count > 0
        assert end < start
        end = start + count
        shown[start:end] = wanted[start:end]
    assert end <= WIDTH
    assert shown == wanted


def seen(terminal: Terminal) -> list[list[Char]]:
    """The cells of a screen that stands still; of a blank only what is seen of it."""
    while terminal.read(0.3):
        pass
    screen = terminal.screen
    rows = [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]
    return [
        [c._replace(fg="", bold=False) if c.data == " " and not c.reverse else c for c in row]
        for row in rows
    ]


def test_a_mark_upon_a_cell_has_the_row_drawn() -> None:
    """It takes no cell of its own."""
    assert changed_cells((Span("ab"),), (Span("ab"), Span("\u0301", "bad"))) == [(0, 2)]


def test_a_frozen_screen_is_as_one_that_is_drawn_anew(name: str) -> None:
    """After many frames of changes, cell by cell and colour by colour."""
    rates = ("--produce-rate", "50", "--consume-rate", "50")
    with Terminal("run", name, "--producers", "3", "--consumers", "3", *rates) as terminal:
        terminal.wait_for("consumer 3")
        terminal.wait_for(lambda text: re.search(r"up 00:00:0[6-9]|up 00:(00:[1-5]|0[1-9])", text))
        terminal.press("z")
        terminal.wait_for("FROZEN")
        shown = seen(terminal)
        terminal.clear()
        terminal.press("ctrl+l")
        terminal.wait_for("FROZEN")
        assert seen(terminal) == shown
