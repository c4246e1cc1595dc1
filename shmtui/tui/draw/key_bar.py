"""The key bar: one line of keys, and what a click on it presses. Pure."""

from dataclasses import dataclass

from shmtui.i18n import _
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.keys import Key, available, shown_key
from shmtui.tui.spans import Line, Span, fit_line


@dataclass(frozen=True, slots=True)
class Button:
    """Cells ``start`` to ``stop`` press the key with this action."""

    start: int
    stop: int
    action: str


def chosen_keys(
    width: int, read_only: bool, glyphs: Glyphs, missing: frozenset[str] = frozenset()
) -> tuple[Key, ...]:
    """The keys that fit, in the order of the table; those of the highest rank go first."""
    keys = [key for key in available(read_only, missing) if key.label]
    while keys and sum(_cells(key, glyphs) for key in keys) > width:
        worst = max(key.rank for key in keys)
        keys.remove(next(key for key in reversed(keys) if key.rank == worst))
    return tuple(keys)


def key_bar(
    width: int, read_only: bool, glyphs: Glyphs, missing: frozenset[str] = frozenset()
) -> tuple[Line, tuple[Button, ...]]:
    """The line, ``width`` cells wide, and its buttons."""
    spans: list[Span] = []
    buttons: list[Button] = []
    x = 0
    for key in chosen_keys(width, read_only, glyphs, missing):
        cells = _cells(key, glyphs)
        spans += [Span(f" {shown_key(key, glyphs)}", "key"), Span(f" {_(key.label)} ", "text")]
        buttons.append(Button(x, x + cells, key.action))
        x += cells
    return fit_line(tuple(spans), max(0, width), glyphs.ellipsis), tuple(buttons)


def _cells(key: Key, glyphs: Glyphs) -> int:
    return len(shown_key(key, glyphs)) + len(_(key.label)) + 3
