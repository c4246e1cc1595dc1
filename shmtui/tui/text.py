"""Text from elsewhere, made harmless, and cut to a number of terminal cells. Pure.

Names of processes and segments, and whatever a dying child wrote to its
stderr, are hostile until proven otherwise: they may hold escape sequences,
newlines, bidirectional controls or undecodable bytes. ``inert`` is the one gate;
nothing from outside reaches a cell without it. Nothing here parses markup, and
no widget of ours hands text to anything which does.
"""

import unicodedata
from functools import lru_cache

from rich.cells import cell_len, chop_cells

REPLACEMENT = "\ufffd"
"""Stands for a character that has no business in a cell."""

_HIDDEN = frozenset({"Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that draw nothing, reorder what stands beside them, or cannot be encoded."""

_MAX_MARKS = 2
"""Combining marks let through in a row; more only serve to draw over other rows."""

_IN_ASCII = {"×": "x", "…": "...", "→": "->", "·": "|", "—": "-", "≥": ">=", "≤": "<="}
"""What our own sentences use beyond ASCII, spelt in it."""

_LONGEST = 512
"""Characters looked at; no panel is wider, and a hostile name may be megabytes."""


@lru_cache(maxsize=2048)
def inert(text: str, ascii_only: bool = False) -> str:
    r"""Text in which every character draws itself and nothing else.

    Control characters become their pictures (``^[`` in ASCII), whatever is
    invisible or reorders its neighbours becomes U+FFFD (``?`` in ASCII).

    >>> inert("a\x1b[31mb\n")
    'a␛[31mb␊'
    >>> inert("\x1b]0;x\x07", ascii_only=True)
    '^[]0;x^G'
    >>> inert("abc\u202edef\udc80"), inert("naïve", ascii_only=True)
    ('abc�def�', 'na?ve')
    """
    if text.isascii() and text.isprintable() and len(text) <= _LONGEST:
        return text
    out: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text[:_LONGEST]):
        marks = marks + 1 if unicodedata.combining(char) else 0
        out.append(_inert_character(char, ascii_only, marks > _MAX_MARKS))
    return "".join(out)


def _inert_character(char: str, ascii_only: bool, surplus_mark: bool) -> str:
    code = ord(char)
    if code < 0x20 or code == 0x7F:
        if ascii_only:
            return "^" + chr(code ^ 0x40)
        return "␡" if code == 0x7F else chr(0x2400 + code)
    if code < 0x7F:
        return char
    if ascii_only:
        return _IN_ASCII.get(char, "?")
    category = unicodedata.category(char)
    hidden = category in _HIDDEN or category == "Cc" or 0xFE00 <= code <= 0xFE0F or surplus_mark
    if hidden or (category in {"Mn", "Me"} and not unicodedata.combining(char)):
        return REPLACEMENT
    return char


def cells(text: str) -> int:
    """Cells that the text takes; what is plain ASCII, as most is, needs no table.

    >>> cells("abc"), cells("日本")
    (3, 4)
    """
    return len(text) if text.isascii() else cell_len(text)


def clip(text: str, width: int, ellipsis: str = "…") -> str:
    """``text`` in at most ``width`` cells, its end replaced by the ellipsis where it was cut.

    >>> clip("producer", 6), clip("producer", 8), clip("x", 0)
    ('produ…', 'producer', '')
    >>> clip("日本語", 4)
    '日…'
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

    >>> fit("ab", 4), fit("ab", 4, ">"), fit("ab", 5, "^")
    ('ab  ', '  ab', ' ab  ')
    >>> fit("日本語", 4)
    '日… '
    """
    if width <= 0:
        return ""
    text = clip(text, width, ellipsis)
    gap = width - cells(text)
    if align == ">":
        return " " * gap + text
    if align == "^":
        return " " * (gap // 2) + text + " " * (gap - gap // 2)
    return text + " " * gap
