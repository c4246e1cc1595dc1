"""The frame around a panel: its title above, a footer below, a thumb on the right. Pure."""

from functools import lru_cache

from shmtui.tui.cell_text import clip
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, clip_line, line, width_of


@lru_cache(maxsize=64)
def top(number: str, title: str, header: str, width: int, focused: bool, glyphs: Glyphs) -> Line:
    """The upper edge: the panel's key and title on the left, ``header`` on the right.

    >>> from shmtui.tui.glyphs import UNICODE
    >>> from shmtui.tui.spans import plain
    >>> plain(top("1", "Ring", "", 16, False, UNICODE))
    '╭─ 1 Ring ─────╮'
    """
    frame = "frame-focus" if focused else "frame"
    if width < 2:
        return line((glyphs.horizontal * width, frame))
    start, end = glyphs.corners[0], glyphs.corners[1]
    label = line(
        (f" {number}" if number else "", "faint"),
        (f" {title} ", "title-focus" if focused else "title"),
    )
    label = clip_line(label, max(0, width - 4), glyphs.ellipsis)
    note = line((f" {header} ", "muted")) if header else ()
    gap = width - 4 - width_of(label) - width_of(note)
    if gap < 0:
        note, gap = (), max(0, width - 4 - width_of(label))
    if width < 4:
        return line((start + glyphs.horizontal * (width - 2) + end, frame))
    return line(
        (start + glyphs.horizontal, frame),
        *label,
        (glyphs.horizontal * gap, frame),
        *note,
        (glyphs.horizontal + end, frame),
    )


def bottom(footer: str, width: int, focused: bool, glyphs: Glyphs) -> Line:
    """The lower edge, with the footer near its right end.

    >>> from shmtui.tui.glyphs import UNICODE
    >>> from shmtui.tui.spans import plain
    >>> plain(bottom("in 4", 12, False, UNICODE))
    '╰──── in 4 ╯'
    """
    frame = "frame-focus" if focused else "frame"
    if width < 2:
        return line((glyphs.horizontal * width, frame))
    start, end = glyphs.corners[2], glyphs.corners[3]
    text = clip(footer, max(0, width - 6), glyphs.ellipsis)
    note = line((f" {text} ", "muted")) if text else ()
    gap = width - 2 - width_of(note)
    return line((start + glyphs.horizontal * gap, frame), *note, (end, frame))


@lru_cache(maxsize=256)
def side(row: int, rows: int, first: int, total: int, focused: bool, glyphs: Glyphs) -> Span:
    """The right edge beside ``row``: a thumb where only ``rows`` of ``total`` are in view.

    >>> from shmtui.tui.glyphs import UNICODE
    >>> [side(row, 4, 4, 8, False, UNICODE).text for row in range(4)]
    ['│', '│', '┃', '┃']
    """
    frame = "frame-focus" if focused else "frame"
    if total <= rows or rows <= 0:
        return Span(glyphs.vertical, frame)
    length = max(1, rows * rows // total)
    travel = rows - length
    start = round(travel * first / max(1, total - rows))
    if start <= row < start + length:
        return Span("#" if glyphs.ascii_only else "┃", "title-focus" if focused else "muted")
    return Span(glyphs.vertical, frame)
