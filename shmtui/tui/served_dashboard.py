"""The dashboard without a terminal: one screen for all who look at it in a browser.

It runs headless, in a size of its own. What it has painted goes to a function as rows of styled text, at
most `MOST_HZ` times a second; keys and clicks come as text. Whoever sends them can only navigate:
there is no opener of files, nothing is writable, and what ends shmtui or writes is off (`Key.stays_here`).
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from rich.cells import cell_len
from rich.color import blend_rgb
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.events import Key, MouseDown, MouseUp
from textual.keys import KEY_NAME_REPLACEMENTS
from textual.strip import Strip

from shmtui.session.broadcast import Piece, Row, Rows
from shmtui.tui.app import DashboardApp
from shmtui.tui.textual_private import painted_rows

MOST_HZ: Final = 25.0
"""Pictures a second, at the most: what is painted in between goes out with the next."""
KEYS: Final = {
    "ArrowUp": "up", "ArrowDown": "down", "ArrowLeft": "left", "ArrowRight": "right",
    "PageUp": "pageup", "PageDown": "pagedown", "Home": "home", "End": "end",
    "Enter": "enter", "Escape": "escape", "Tab": "tab", "Shift+Tab": "shift+tab",
    "Backspace": "backspace", "Delete": "delete", "Control+p": "ctrl+p", "F1": "f1", "F2": "f2",
}  # fmt: skip
"""The keys that are taken besides characters: as browsers name them, and as Textual does."""
_CLICK: Final = re.compile(r"click ([0-9]{1,3}) ([0-9]{1,3})")


class ServedDashboard(DashboardApp):
    """A read-only dashboard whose rows go to ``show`` as they are painted."""

    def __init__(self, *arguments: Any, show: Callable[[Rows], None], **named: Any) -> None:
        super().__init__(*arguments, served=True, **named)
        self._send = show
        self._due = False
        self._painted: list[Strip] = []
        self._rows: list[Row] = []
        self.viewers: Callable[[], int] | None = None
        """How many look at it now; None: that is not known."""

    def nobody_there(self, _now: float) -> bool:
        return self.viewers is not None and not self.viewers()

    def post_display_hook(self) -> None:
        """Have the picture sent soon: a frame may be painted in several steps."""
        if not self._due:
            self._due = True
            self.set_timer(1 / MOST_HZ, self._show_rows)

    def _show_rows(self) -> None:
        self._due = False
        if not self.screen_stack:
            return  # It ends.
        painted = painted_rows(self)
        before = dict(enumerate(self._painted))
        theme = self.ansi_theme
        self._rows = [
            self._rows[y] if before.get(y) == strip else tuple(pieces(strip, theme))
            for y, strip in enumerate(painted)
        ]
        self._painted = painted
        self._send(self._rows)

    def press(self, text: str) -> None:
        """Take a key, as browsers name it, or ``click X Y``. What is neither does nothing."""
        click = _CLICK.fullmatch(text)
        if click is not None:
            x, y = int(click[1]), int(click[2])
            if x < self.size.width and y < self.size.height:
                for event in (MouseDown, MouseUp):
                    self.post_message(event(None, x, y, 0, 0, 1, False, False, False))
        elif (key := key_event(text)) is not None:
            self.post_message(key)


def key_event(name: str) -> Key | None:
    """A key by the name that browsers have for it; None: it is not taken.

    >>> key_event("ArrowUp"), key_event("+"), key_event("Control+c")
    (Key(key='up', character=None, name='up', is_printable=False), \
Key(key='plus', character='+', name='plus', is_printable=True), None)
    """
    if name in KEYS:
        return Key(KEYS[name], None)
    if len(name) != 1 or not name.isprintable():
        return None
    if name.isalnum():
        return Key(name, name)
    spelt = re.sub("[ -]", "_", unicodedata.name(name, "").lower())
    return Key(KEY_NAME_REPLACEMENTS.get(spelt, spelt), name) if spelt else None


def pieces(strip: Strip, theme: TerminalTheme) -> Iterator[Piece]:
    """A row as pieces of one style each: characters of one cell each, or one that takes two or has others
    upon it that take none. So a page can put each where it belongs, whatever its fonts have.
    """
    cells: list[tuple[str, str, int]] = []
    for segment in strip:
        css = style_of(segment.style or Style.null(), theme)
        for character in "" if segment.control else segment.text:
            width = cell_len(character)
            if width:
                cells.append((css, character, width))
            elif cells:
                before = cells.pop()
                cells.append((before[0], before[1] + character, before[2]))
    for (css, odd), group in groupby(
        cells, lambda cell: (cell[0], len(cell[1]) != 1 or cell[2] != 1)
    ):
        if odd:
            yield from group
        else:
            yield css, "".join(text for _css, text, _width in group), 0


@lru_cache(4096)
def style_of(style: Style, theme: TerminalTheme) -> str:
    """A style as declarations of CSS, of colours that are all said.

    >>> from rich.terminal_theme import MONOKAI
    >>> style_of(Style.parse("bold red reverse"), MONOKAI)
    'color:#0c0c0c;background:#f4005f;font-weight:bold'
    """
    front, back = theme.foreground_color, theme.background_color
    if style.color is not None:
        front = style.color.get_truecolor(theme)
    if style.bgcolor is not None:
        back = style.bgcolor.get_truecolor(theme, foreground=False)
    if style.reverse:
        front, back = back, front
    if style.dim:
        front = blend_rgb(front, back, 0.5)
    css = f"color:{front.hex};background:{back.hex}"
    if style.bold:
        css += ";font-weight:bold"
    if style.italic:
        css += ";font-style:italic"
    lines = ("underline" * bool(style.underline), "line-through" * bool(style.strike))
    return f"{css};text-decoration:{' '.join(filter(None, lines))}" if any(lines) else css
