"""The markers of ``in`` and ``out`` under a row of slots. Pure."""

from functools import lru_cache
from itertools import product

from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Canvas, Line

IN_STYLE = "producer"
"""Producers write at ``in``, so it has their colour."""

OUT_STYLE = "consumer"


@lru_cache(maxsize=256)
def mark_line(in_x: int | None, out_x: int | None, width: int, glyphs: Glyphs) -> Line:
    """Arrows under the cells ``in_x`` and ``out_x``, each with its word where there is room.

    If there is room, each word is on the outer side of its arrow, so that markers of neighbouring
    slots, or of one slot, stay readable.

    >>> from shmtui.tui.glyphs import UNICODE
    >>> from shmtui.tui.spans import plain
    >>> plain(mark_line(12, 4, 18, UNICODE))
    'out ▲       ▲ in  '
    >>> plain(mark_line(6, 6, 14, UNICODE))
    '  out ▲ in    '
    >>> plain(mark_line(1, 3, 10, UNICODE))
    ' ▲ ▲ out  '
    >>> plain(mark_line(2, 2, 14, UNICODE)), plain(mark_line(11, 11, 14, UNICODE))
    ('  ▲ out in    ', '    out in ▲  ')
    """
    canvas = Canvas(width)
    marks = [
        (x, word, style)
        for x, word, style in ((out_x, "out", OUT_STYLE), (in_x, "in", IN_STYLE))
        if x is not None and 0 <= x < width
    ]
    marks.sort(key=lambda mark: mark[0])
    for (x, _word, style), (start, text) in zip(marks, _labels(marks, width), strict=True):
        canvas.put(start, text, style)
        canvas.put(x, glyphs.up, style)
    if len(marks) == 2 and marks[0][0] == marks[1][0]:
        canvas.put(marks[0][0], glyphs.up, "strong")
    return canvas.line()


def _labels(marks: list[tuple[int, str, str]], width: int) -> list[tuple[int, str]]:
    """Where each word goes: the first placing in which no two overlap and all fit."""
    options = []
    for index, (x, word, _style) in enumerate(marks):
        left, right, bare = (x - len(word) - 1, word), (x + 2, word), (x, "")
        options.append([left, right, bare] if index == 0 else [right, left, bare])
    if len(marks) == 2 and marks[0][0] == marks[1][0]:
        # At an edge both words share the side that has room.
        x, first = marks[0][:2]
        second = marks[1][1]
        options[0].append((x - len(f"{first} {second} "), first))
        options[1].append((x + len(f"  {first} "), second))
    for placing in sorted(
        product(*options), key=lambda placing: sum(not text for _x, text in placing)
    ):
        taken = [range(x, x + 1) for x in {mark[0] for mark in marks}]
        words = [range(start, start + len(text)) for start, text in placing if text]
        if _apart([*taken, *words], width):
            return list(placing)
    return [(mark[0], "") for mark in marks]


def _apart(spans: list[range], width: int) -> bool:
    """Whether all spans lie inside ``width`` and no two touch each other's cells."""
    seen: set[int] = set()
    for span in spans:
        cells = set(span)
        if cells & seen or not all(0 <= cell < width for cell in cells):
            return False
        seen |= cells
    return True
