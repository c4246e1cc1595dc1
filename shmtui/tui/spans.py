"""A row of a panel as data: spans of text, each with the name of its style. Pure.

The drawing modules return lines of spans. A panel looks the styles up in the style sheet. So each
text can be tested as a value, and no drawing function knows a colour.
"""

from collections.abc import Iterable
from typing import NamedTuple

from shmtui.tui.cell_text import cells, clip

STYLES = (
    "text",
    "strong",
    "muted",
    "faint",
    "producer",
    "producer-strong",
    "producer-dim",
    "consumer",
    "consumer-strong",
    "consumer-dim",
    "good",
    "good-strong",
    "warn",
    "warn-strong",
    "bad",
    "accent",
    "fresh",
    "recent",
    "fading",
    "title",
    "title-focus",
    "frame",
    "frame-focus",
    "brand",
    "key",
    "banner",
)
"""What a span can be. Each is the component class ``style--ROLE`` in app.tcss."""


class Span(NamedTuple):
    """Text in one style. The text has been made inert."""

    text: str
    style: str = "text"


Line = tuple[Span, ...]


def line(*spans: Span | tuple[str, str] | str) -> Line:
    """A line of these spans; empty ones are left out.

    >>> line("a", ("b", "muted"), "")
    (Span(text='a', style='text'), Span(text='b', style='muted'))
    """
    made = [
        s if isinstance(s, Span) else Span(s) if isinstance(s, str) else Span(*s) for s in spans
    ]
    return tuple([span for span in made if span.text])


def plain(spans: Iterable[Span]) -> str:
    """The text alone."""
    return "".join(span.text for span in spans)


def width_of(spans: Iterable[Span]) -> int:
    """Cells that the line takes."""
    return sum([cells(text) for text, _style in spans])


def clip_line(spans: Line, width: int, ellipsis: str = "…") -> Line:
    """The line in at most ``width`` cells.

    >>> plain(clip_line(line("abc", ("def", "muted")), 5))
    'abcd…'
    """
    if width_of(spans) <= width:
        return spans
    out: list[Span] = []
    room = width
    for index, span in enumerate(spans):
        taken = cells(span.text)
        last = index == len(spans) - 1
        if taken < room or (taken == room and last):
            out.append(span)
            room -= taken
            continue
        more = "" if last else " "
        out.append(Span(clip(span.text + more, room, ellipsis), span.style))
        break
    return line(*out)


def fit_line(spans: Line, width: int, ellipsis: str = "…") -> Line:
    """The line in exactly ``width`` cells, padded with blanks.

    >>> plain(fit_line(line("ab"), 4)), plain(fit_line(line("abcdef"), 4))
    ('ab  ', 'abc…')
    """
    gap = width - width_of(spans)
    if gap < 0:
        spans = clip_line(spans, width, ellipsis)
        gap = width - width_of(spans)
    return (*spans, Span(" " * gap)) if gap > 0 else spans


def spread(left: Line, right: Line, width: int, ellipsis: str = "…") -> Line:
    """``left`` and ``right`` at the two ends of a line; ``left`` gives way.

    >>> plain(spread(line("left"), line("right"), 11))
    'left  right'
    """
    right = clip_line(right, width, ellipsis)
    room = width - width_of(right)
    return (*fit_line(left, room, ellipsis), *right)


OWN_BACKGROUND = frozenset({"brand", "banner", "fresh"})
"""Styles that have a background of their own."""

_SHOWS_BLANKS = OWN_BACKGROUND | {"title-focus"}
"""Styles whose background or attributes differ, so that their blanks are seen."""


def join_blanks(spans: Iterable[Span]) -> list[Span]:
    """The same cells in fewer spans: a blank looks the same in nearly every style.

    Each span costs the terminal an escape sequence of some forty bytes.

    >>> join_blanks(line(("a", "good"), "  ", ("b", "good"), ("c", "bad")))
    [Span(text='a  b', style='good'), Span(text='c', style='bad')]
    """
    out: list[Span] = []
    for span in spans:
        if out:
            text, style = out[-1]
            plain_both = style not in _SHOWS_BLANKS and span.style not in _SHOWS_BLANKS
            if span.style == style or (plain_both and span.text.isspace()):
                out[-1] = Span(text + span.text, style)
                continue
        out.append(span)
    return out


class Canvas:
    """One row of cells to write on; later text replaces earlier text.

    Each character has to be one cell wide.
    """

    def __init__(self, width: int, fill: str = " ", style: str = "text") -> None:
        self._cells = [(fill, style)] * width

    def put(self, x: int, text: str, style: str = "text") -> None:
        """Write ``text`` from cell ``x`` on; what falls outside is lost."""
        for at, char in enumerate(text, x):
            if 0 <= at < len(self._cells):
                self._cells[at] = (char, style)

    def line(self) -> Line:
        """The row as spans, neighbours of one style joined."""
        out: list[Span] = []
        start = 0
        cells = self._cells
        for end in range(1, len(cells) + 1):
            if end == len(cells) or cells[end][1] != cells[start][1]:
                out.append(
                    Span("".join(char for char, _style in cells[start:end]), cells[start][1])
                )
                start = end
        return tuple(out)
