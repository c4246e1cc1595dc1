"""The frame around a panel: its title above, a footer below, a thumb on the right. Pure."""

from functools import lru_cache

from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, line, width_of


def style(focused: bool) -> str:
    """The style of the frame's lines."""
    return "frame-focus" if focused else "frame"


@lru_cache(maxsize=64)
def top(number: str, title: str, header: str, width: int, focused: bool, glyphs: Glyphs) -> Line:
    """The upper edge: the panel's key and title on the left, ``header`` on the right.

    >>> plain(top("1", "Ring", "", 16, False, UNICODE))
    '╭─ 1 Ring ─────╮'
    """
    label = line(
        (f" {number}" if number else "", "faint"),
        (f" {title} ", "title-focus" if focused else "title"),
    )
    label = glyphs.clip_line(label, width - 4)
    note = line((f" {header} ", "muted")) if header else ()
    gap = width - 4 - width_of(label) - width_of(note)
    if gap < 0:
        note, gap = (), width - 4 - width_of(label)
    return line(
        (glyphs.top_left + glyphs.horizontal, style(focused)),
        *label,
        (glyphs.horizontal * gap, style(focused)),
        *note,
        (glyphs.horizontal + glyphs.top_right, style(focused)),
    )


def bottom(footer: str, width: int, focused: bool, glyphs: Glyphs) -> Line:
    """The lower edge, with the footer near its right end.

    >>> plain(bottom("in 4", 12, False, UNICODE))
    '╰──── in 4 ╯'
    """
    text = glyphs.clip(footer, width - 6)
    note = line((f" {text} ", "muted")) if text else ()
    gap = glyphs.horizontal * (width - 2 - width_of(note))
    return line(
        (glyphs.bottom_left + gap, style(focused)), *note, (glyphs.bottom_right, style(focused))
    )


@lru_cache(maxsize=256)
def side(row: int, rows: int, first: int, total: int, focused: bool, glyphs: Glyphs) -> Span:
    """The right edge beside ``row``: a thumb where only ``rows`` of ``total`` are in view.

    >>> [side(row, 4, 4, 8, False, UNICODE).text for row in range(4)]
    ['│', '│', '┃', '┃']
    """
    if total > rows > 0:
        length = max(1, rows * rows // total)
        start = round((rows - length) * first / max(1, total - rows))
        if start <= row < start + length:
            return Span(glyphs.thumb, "title-focus" if focused else "muted")
    return Span(glyphs.vertical, style(focused))
