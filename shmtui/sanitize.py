"""Making hostile text harmless: names and bytes from elsewhere may hold escape sequences. Pure."""

import unicodedata

_SHOWN_AS = "\N{REPLACEMENT CHARACTER}"
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Control, format (bidi, zero-width), surrogate, private, unassigned, line and paragraph breaks."""


def inert(text: str) -> str:
    r"""``text`` with every character that a terminal might act on replaced.

    >>> inert("a\x1b[31mb\nc")
    'a�[31mb�c'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_SHOWN_AS if unicodedata.category(c) in _UNSAFE else c for c in text)
