"""Styled rows as text for a terminal, in few bytes: of a style only what differs from the one before. Pure."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from shmtui.tui.spans import cells

_ATTRIBUTES: Final = (
    ("bold", "1"), ("dim", "2"), ("italic", "3"), ("underline", "4"), ("blink", "5"),
    ("blink2", "6"), ("reverse", "7"), ("conceal", "8"), ("strike", "9"), ("underline2", "21"),
    ("frame", "51"), ("encircle", "52"), ("overline", "53"),
)  # fmt: skip
"""Of a style, and their numbers in SGR (ECMA-48, 8.3.117)."""


class Codes(NamedTuple):
    """The SGR codes of a style; by default those that SGR 0 sets."""

    attributes: str = ""
    colour: str = "39"
    ground: str = "49"


PLAIN: Final = Codes()


def written(parts: Iterable[tuple[int, int, Iterable[Segment]]], system: ColorSystem | None) -> str:
    r"""What writes the parts of rows, each at its column and row, counted from 0. Afterwards the terminal's
    style is plain, as before. Without colours (``system`` is None) it has no styles either, as Rich has it.

    >>> red = Style(color="red")
    >>> written([(2, 0, [Segment("a", red), Segment("b", red)])], ColorSystem.STANDARD)
    '\x1b[1;3H\x1b[31mab\x1b[0m'
    """
    out: list[str] = []
    now = PLAIN
    for x, y, segments in parts:
        out.append(f"\x1b[{y + 1};{x + 1}H")
        for text, style, _control in segments:
            wanted = PLAIN if style is None or system is None else codes_of(style, system)
            if wanted != now:
                out.append(_change(now, wanted))
                now = wanted
            out.append(text)
    if now != PLAIN:
        out.append("\x1b[0m")
    return "".join(out)


def between(segments: Iterable[Segment], first: int, last: int) -> Iterator[Segment]:
    """What of a row lies from one cell on and before another; of a wide character that is cut, a blank.

    As Strip.crop of Textual, which keeps each text that it ever cut: of figures that change, all.

    >>> list(between([Segment("abc"), Segment("def")], 2, 5))
    [Segment('c'), Segment('de')]
    """
    at = 0
    for segment in segments:
        text, style, _control = segment
        start, at = at, at + cells(text)
        if start >= first and at <= last:
            yield segment
        elif start < last and at > first:
            low, high = max(first - start, 0), min(last, at) - start
            yield Segment(text[low:high] if text.isascii() else _part(text, low, high), style)


def _part(text: str, low: int, high: int) -> str:
    """The cells of a text from ``low`` up to ``high``.

    >>> accent = chr(0x301)
    >>> _part("日本", 0, 2), _part("日本", 1, 3), len(_part(f"e{accent}a", 0, 1))
    ('日', '  ', 2)
    """
    by_cell: list[str] = []
    for character in text:
        width = cells(character)
        if width:
            by_cell += [character, ""][:width]
        elif by_cell:
            by_cell[-1 if by_cell[-1] else -2] += character
    part = by_cell[low:high]
    if part and not part[0]:
        part[0] = " "
    if part and high < len(by_cell) and not by_cell[high]:
        part[-1] = " "
    return "".join(part)


@lru_cache(1024)
def codes_of(style: Style, system: ColorSystem) -> Codes:
    """The codes of a style in a terminal of these colours."""
    attributes = ";".join(code for name, code in _ATTRIBUTES if getattr(style, name))
    colour, ground = style.color, style.bgcolor
    return Codes(
        attributes,
        "39" if colour is None else ";".join(colour.downgrade(system).get_ansi_codes()),
        "49" if ground is None else ";".join(ground.downgrade(system).get_ansi_codes(False)),
    )


@lru_cache(1024)
def _change(old: Codes, new: Codes) -> str:
    r"""The escape sequence that changes one style into another.

    >>> _change(PLAIN, Codes("1", "31")), _change(Codes("1", "31"), Codes("1", "32"))
    ('\x1b[0;1;31m', '\x1b[32m')
    """
    if old.attributes == new.attributes:
        codes = [code for code, before in zip(new, old, strict=True) if code != before]
    else:
        # What an attribute sets only a reset takes back in every terminal.
        plain = zip(new, PLAIN, strict=True)
        codes = ["0", *(code for code, usual in plain if code != usual)]
    return f"\x1b[{';'.join(codes)}m"
