"""A row of a panel as data: spans of text, each with the name of its style. Pure.

The drawing modules return lines of spans. A panel looks the styles up in the style sheet. So each
text can be tested as a value, and no drawing function knows a colour. Widths are in terminal cells.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

STYLES = (
    "text", "strong", "muted", "faint", "producer", "producer-strong", "producer-dim",
    "consumer", "consumer-strong", "consumer-dim", "good", "good-strong", "warn", "warn-strong",
    "bad", "accent", "fresh", "recent", "fading", "title", "title-focus", "frame", "frame-focus",
    "brand", "key", "banner",
)  # fmt: skip
"""What a span can be. Each is the component class ``style--ROLE`` in app.tcss."""

OWN_BACKGROUND = frozenset({"brand", "banner", "fresh"})
"""Styles that have a background of their own."""

_SHOWS_BLANKS = OWN_BACKGROUND | {"title-focus"}
"""Styles whose background or attributes differ, so that their blanks are seen."""


def cells(text: str) -> int:
    """Cells that the text takes.

    >>> cells("abc"), cells("日本")
    (3, 4)
    """
    # Most text is ASCII, and needs no table of widths.
    return len(text) if text.isascii() else cell_len(text)


def clip(text: str, width: int, ellipsis: str = "…") -> str:
    """``text`` in at most ``width`` cells, its end replaced by the ellipsis where it was cut.

    >>> clip("producer", 6), clip("producer", 8), clip("x", 0), clip("日本語", 4)
    ('produ…', 'producer', '', '日…')
    """
    if width <= 0:
        return ""
    if cells(text) <= width:
        return text
    mark = ellipsis if cells(ellipsis) < width else ellipsis[:width]
    room = width - cells(mark)
    head = chop_cells(text, room)[0] if room > 0 else ""
    # A wide character where one cell is left comes back whole: leave it out instead.
    while cells(head) > room:
        head = head[:-1]
    return head + mark


def fit(text: str, width: int, align: str = "<", ellipsis: str = "…") -> str:
    """``text`` in exactly ``width`` cells: cut or padded, on the side that ``align`` names.

    >>> fit("ab", 4), fit("ab", 4, ">"), fit("ab", 5, "^"), fit("日本語", 4)
    ('ab  ', '  ab', ' ab  ', '日… ')
    """
    text = clip(text, width, ellipsis)
    gap = max(0, width - cells(text))
    before = {"<": 0, "^": gap // 2, ">": gap}[align]
    return " " * before + text + " " * (gap - before)


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` cells; a word that is longer is cut.

    >>> wrap("mutex is held by PID 412", 10)
    ['mutex is', 'held by', 'PID 412']
    >>> wrap("", 10), wrap("abcdefgh", 3), wrap("日本語", 4)
    ([''], ['abc', 'def', 'gh'], ['日本', '語'])
    """
    width = max(2, width)
    lines: list[str] = []
    current = ""
    for word in text.split(" "):
        joined = f"{current} {word}" if current else word
        if cells(joined) <= width:
            current = joined
            continue
        if current:
            lines.append(current)
        *whole, current = chop_cells(word, width) or [""]
        lines += whole
    return [*lines, current] if current or not lines else lines


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


def wrapped(text: str, width: int, style: str = "text") -> list[Line]:
    """The text in lines of at most ``width`` cells, all in one style."""
    return [line((part, style)) for part in wrap(text, width)]


def plain(spans: Iterable[Span]) -> str:
    """The text alone."""
    return "".join(span.text for span in spans)


def plain_text(lines: Iterable[Line]) -> str:
    """Lines as text, without styles."""
    return "\n".join("".join(span.text for span in row).rstrip() for row in lines)


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
    for span, more in zip(spans, [*[" "] * (len(spans) - 1), ""], strict=True):
        # The blank stands for the spans that follow: a span that just fits is cut for them.
        text = clip(span.text + more, room, ellipsis)
        if text != span.text + more:
            out.append(Span(text, span.style))
            break
        out.append(span)
        room -= cells(span.text)
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


def joined(spans: Iterable[Span]) -> Line:
    """The same cells, with neighbours of one style in one span.

    >>> joined(line("a", "b", ("c", "bad")))
    (Span(text='ab', style='text'), Span(text='c', style='bad'))
    """
    return line(*((plain(run), style) for style, run in groupby(spans, lambda span: span.style)))


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


NEAR = 8
"""Cells between two changes that are written again with them: to leave them out costs as many bytes."""


def changed_cells(old: Line, new: Line) -> list[tuple[int, int]]:
    """Where a row differs from the one before, which takes as many cells: the first cell of each run, and how
    many.

    >>> changed_cells(line("items ", ("14", "strong"), " of 20"), line("items ", ("15", "strong"), " of 20"))
    [(7, 1)]
    >>> changed_cells(line("ab"), line("ab")), changed_cells(line("abcd"), line("abc", ("d", "bad")))
    ([], [(0, 4)])
    """
    head, most = 0, min(len(old), len(new))
    while head < most and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < most - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    at = width_of(new[:head])
    was, now = old[head : len(old) - tail], new[head : len(new) - tail]
    widths = [cells(text) for text, _style in now]
    if not all(widths):
        return [(0, width_of(new))]  # A mark upon the cell before.
    if [cells(text) for text, _style in was] != widths:
        return [(at, max(width_of(was), width_of(now)))]
    runs: list[tuple[int, int]] = []
    for before, after, width in zip(was, now, widths, strict=True):
        if before != after:
            skipped, count = _changed_part(before, after, width)
            start = at + skipped
            if runs and start - sum(runs[-1]) < NEAR:
                start = runs.pop()[0]
            runs.append((start, at + skipped + count - start))
        at += width
    return runs


def _changed_part(old: Span, new: Span, width: int) -> tuple[int, int]:
    """The first cell that differs, and how many: of ASCII text each character takes one."""
    if old.style != new.style or not (old.text.isascii() and new.text.isascii()):
        return 0, width
    differ = [at for at, (a, b) in enumerate(zip(old.text, new.text, strict=True)) if a != b]
    return differ[0], differ[-1] - differ[0] + 1
