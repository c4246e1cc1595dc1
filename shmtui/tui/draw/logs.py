"""The output of the user's programs: tabs above, lines below. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from shmtui.sanitize import inert
from shmtui.tui.cell_text import cells, clip
from shmtui.tui.draw.keys import Button
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, clip_line, line

TAB_MOST = 24
"""Cells of a tab's name."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A program: its name, its PID, and whether it has ended."""

    name: str
    pid: int
    ended: bool


def tabs_line(
    tabs: Sequence[Tab], chosen: int, width: int, glyphs: Glyphs
) -> tuple[Line, tuple[Button, ...]]:
    """The tabs in one line, with their buttons; tabs that do not fit are scrolled away.

    A button's action is the number of its tab.
    """
    texts = [_tab_text(tab, glyphs) for tab in tabs]
    first = 0
    while first < chosen and sum(cells(t) + 1 for t in texts[first : chosen + 1]) > width - 2:
        first += 1
    spans = [Span("< " if first else "", "muted")]
    buttons = []
    x = cells(spans[0].text)
    for at in range(first, len(tabs)):
        text = clip(texts[at], max(0, width - x), glyphs.ellipsis)
        style = "title-focus" if at == chosen else "muted" if tabs[at].ended else "text"
        spans += [Span(text, style), Span(" ")]
        if text:
            buttons.append(Button(x, x + cells(text), str(at)))
        x += cells(text) + 1
    return clip_line(line(*spans), width, glyphs.ellipsis), tuple(buttons)


def _tab_text(tab: Tab, glyphs: Glyphs) -> str:
    mark = glyphs.no if tab.ended else glyphs.pip
    name = clip(inert(tab.name, glyphs.ascii_only), TAB_MOST, glyphs.ellipsis)
    return f" {mark} {name} "


def visible(lines: Sequence[str], first: int, count: int) -> list[str]:
    """``count`` lines from ``first`` on, reached from the nearer end, as a deque needs.

    >>> visible("abcdef", 1, 2), visible("abcdef", 4, 5), visible("", 0, 3)
    (['b', 'c'], ['e', 'f'], [])
    """
    total = len(lines)
    first = max(0, min(first, total))
    stop = min(total, first + max(0, count))
    if first < total - stop:
        return list(islice(lines, first, stop))
    from_end = list(islice(reversed(lines), total - stop, total - first))
    return from_end[::-1]


def log_line(text: str, width: int, glyphs: Glyphs) -> Line:
    """A line of output, with tabs as blanks and escape sequences as pictures."""
    shown = inert(text.expandtabs(8)[: 4 * max(1, width)], glyphs.ascii_only)
    return clip_line(line(shown), width, glyphs.ellipsis)
