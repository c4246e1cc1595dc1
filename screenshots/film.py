"""A moving picture of a terminal: screens in turn, as one SVG that a browser plays.

Rows that several screens share are in it once. The screens lie side by side, and a CSS animation
moves the strip by whole screens; who asked for less motion sees the last one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from typing import Final

import pyte
from pyte.screens import Char

_WIDTH, _HEIGHT, _SIZE = 8.43, 16.3, 14
"""PIXELS of a cell, and of a letter."""
_BASE: Final = round(_HEIGHT / 2 - 1, 1)
"""The middle of a row's letters: what is below them shall not go under the next row."""
_MARGIN: Final = 12
_BACKGROUND, _FOREGROUND = "1d1f2e", "cdd6f4"
_NAMED: Final = {"default": "", "white": _FOREGROUND, "black": "000000"}
_FONT: Final = "'DejaVu Sans Mono','Cascadia Mono',Menlo,Consolas,'Liberation Mono',monospace"


@dataclass
class Film:
    """Screens and how long each is shown."""

    columns: int
    rows: int
    _frames: list[tuple[tuple[int, ...], float]] = field(default_factory=list)
    _drawn: dict[str, int] = field(default_factory=dict)
    """Each row's SVG and its number."""

    def add(self, screen: pyte.Screen, seconds: float) -> None:
        """Show the screen for so long; one like the last keeps that one longer."""
        rows = tuple(
            self._drawn.setdefault(_row(_cells(screen, y)), len(self._drawn))
            for y in range(self.rows)
        )
        if self._frames and self._frames[-1][0] == rows:
            seconds += self._frames.pop()[1]
        self._frames.append((rows, seconds))

    def svg(self) -> str:
        """The whole film."""
        width, height = self.columns * _WIDTH, self.rows * _HEIGHT
        whole_width, whole_height = round(width + 2 * _MARGIN), round(height + 2 * _MARGIN)
        total = sum(seconds for _rows, seconds in self._frames)
        steps, shown = [], 0.0
        for at, (_rows, seconds) in enumerate(self._frames):
            steps.append(f"{100 * shown / total:.3f}%{{transform:translateX({-at * width:.1f}px)}}")
            shown += seconds
        last = f"transform:translateX({-(len(self._frames) - 1) * width:.1f}px)"
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole_width}" height="{whole_height}" '
                f'viewBox="0 0 {whole_width} {whole_height}" font-family="{_FONT}" font-size="{_SIZE}">',
                "<style>text{white-space:pre;dominant-baseline:central}.b{font-weight:bold}"
                f"@keyframes f{{{''.join(steps)}}}"
                f"#f{{animation:f {total:.2f}s step-end infinite}}"
                f"@media(prefers-reduced-motion){{#f{{animation:none;{last}}}}}</style>",
                f'<rect width="100%" height="100%" rx="8" fill="#{_BACKGROUND}"/><defs>',
                *(f'<g id="r{number}">{row}</g>' for row, number in self._drawn.items()),
                f'</defs><svg x="{_MARGIN}" y="{_MARGIN}" width="{width:.1f}" height="{height:.1f}">',
                '<g id="f">',
                *self._strip(width),
                "</g></svg></svg>\n",
            )
        )

    def _strip(self, width: float) -> Iterator[str]:
        for at, (rows, _seconds) in enumerate(self._frames):
            placed = "".join(
                f'<use href="#r{n}" y="{y * _HEIGHT:.1f}"/>' for y, n in enumerate(rows)
            )
            yield f'<g transform="translate({at * width:.1f})">{placed}</g>'


def _cells(screen: pyte.Screen, y: int) -> list[Char]:
    return [screen.buffer[y][x] for x in range(screen.columns)]


def _row(cells: list[Char]) -> str:
    return "".join((*_backgrounds(cells), *_texts(cells)))


def _colours(cell: Char) -> tuple[str, str]:
    """Foreground and background; that of the picture is empty."""
    colours = _NAMED.get(cell.fg, cell.fg) or _FOREGROUND, _NAMED.get(cell.bg, cell.bg)
    return (colours[1] or _BACKGROUND, colours[0]) if cell.reverse else colours


def _backgrounds(cells: Iterable[Char]) -> Iterator[str]:
    x = 0
    for colour, group in groupby(cells, lambda cell: _colours(cell)[1]):
        count = len(list(group))
        if colour and colour != _BACKGROUND:
            yield (
                f'<rect x="{x * _WIDTH:.1f}" width="{count * _WIDTH:.1f}" height="{_HEIGHT}" '
                f'fill="#{colour}"/>'
            )
        x += count


def _texts(cells: Iterable[Char]) -> Iterator[str]:
    """Runs of one style; each as wide as its cells, whatever the font."""
    x = 0
    for (colour, bold), group in groupby(cells, lambda cell: (_colours(cell)[0], cell.bold)):
        text = "".join(cell.data for cell in group)
        start, shown = len(text) - len(text.lstrip()), text.strip()
        if shown:
            weight = ' class="b"' if bold else ""
            yield (
                f'<text x="{(x + start) * _WIDTH:.1f}" y="{_BASE}" fill="#{colour}"{weight} '
                f'textLength="{len(shown) * _WIDTH:.1f}">{escape(shown)}</text>'
            )
        x += len(text)
