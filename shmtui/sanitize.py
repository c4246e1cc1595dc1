"""Making text from elsewhere safe to print: it may hold escape sequences. Pure.

Names of processes and segments, strings in a segment and the output of a dying child
come from other programs. They may hold escape sequences, line breaks, bidirectional
controls or undecodable bytes. :func:`inert` is the one way from such text to a terminal.
"""

import os
import shlex
import unicodedata
from functools import lru_cache
from typing import Final

REPLACEMENT: Final = "\ufffd"
"""Stands for a character that cannot be shown."""
LONGEST: Final = 4096
"""Characters that are kept of one text. A hostile name may have megabytes."""

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that draw nothing, reorder their neighbours, or cannot be encoded."""
_MAX_MARKS: Final = 2
"""Combining marks in a row that are kept. More would draw over other rows."""
_IN_ASCII: Final = {
    "×": "x",
    "…": "...",
    "→": "->",
    "·": "|",
    "—": "-",
    "≥": ">=",
    "≤": "<=",
    "≈": "~",
}
"""The characters beyond ASCII that shmtui's own sentences use."""


@lru_cache(maxsize=512)
def inert(text: str, ascii_only: bool = False) -> str:
    r"""``text`` without a character that a terminal or a reader could be misled by.

    Control characters become their pictures (``^[`` in ASCII). Characters that are invisible
    or reorder their neighbours become U+FFFD (``?`` in ASCII). Text beyond `LONGEST`
    characters is cut, and an ellipsis says so.

    >>> inert("a\x1b[31mb\n")
    'a␛[31mb␊'
    >>> inert("\x1b]0;x\x07", ascii_only=True)
    '^[]0;x^G'
    >>> inert("abc\u202edef\udc80"), inert("naïve", ascii_only=True)
    ('abc�def�', 'na?ve')
    >>> len(inert("x" * 10**6)), inert("x" * 10**6)[-2:]
    (4097, 'x…')
    """
    if text.isascii() and text.isprintable() and len(text) <= LONGEST:
        return text
    out: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text[:LONGEST]):
        marks = marks + 1 if unicodedata.combining(char) else 0
        out.append(_inert_character(char, ascii_only, marks > _MAX_MARKS))
    if len(text) > LONGEST:
        out.append("..." if ascii_only else "…")
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
    hidden = category in _HIDDEN or 0xFE00 <= code <= 0xFE0F or surplus_mark
    if hidden or (category in {"Mn", "Me"} and not unicodedata.combining(char)):
        return REPLACEMENT
    return char


def shell_word(name: str) -> str:
    r"""A name as one word that a shell (bash, zsh, ksh) takes, with no character that is not shown:
    bytes that are not are written as ``\xNN``.

    >>> shell_word("/jobs"), shell_word("/a b"), shell_word("/a\x1b'\udcff")
    ('/jobs', "'/a b'", "$'/a\\x1b\\'\\xff'")
    >>> shell_word("/e" + chr(0x301))
    "$'/e\\xcc\\x81'"
    """
    if name.isprintable() and inert(name) == name:
        return shlex.quote(name)
    out = ""
    for char in name:
        plain = char.isprintable() and inert(char) == char and not unicodedata.combining(char)
        if plain:
            out += f"\\{char}" if char in "\\'" else char
        else:
            out += "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))
    return f"$'{out}'"
