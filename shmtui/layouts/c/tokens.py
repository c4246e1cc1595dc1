"""C source as tokens, each knowing its file and line. Pure.

Owns the lexical rules (continued lines, comments, pp-numbers, digraphs) and the one
form in which a header is refused: ``file:line: reason``.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _


class HeaderError(ShmtuiError):
    """A header cannot be understood; the text is one line and starts with ``file:line:``."""


ID: Final = "id"
NUMBER: Final = "number"
STRING: Final = "string"
CHAR: Final = "char"
PUNCT: Final = "punct"
PRAGMA: Final = "pragma"
"""``#pragma pack`` with its arguments as text, left in place for the parser."""
OTHER: Final = "other"
"""What C has no use for; an error only where it is not skipped."""

_NOTHING_HIDDEN: Final[frozenset[str]] = frozenset()


@dataclass(slots=True)
class Token:
    """A token where the user wrote it; one that a macro gave stands where the macro was used."""

    kind: str
    text: str
    file: str
    line: int
    spaced: bool = False
    """Whether white space stands before it."""
    hidden: frozenset[str] = _NOTHING_HIDDEN
    """Macros that it came from and that it may not call again."""


def refusal(token: Token, reason: str) -> HeaderError:
    """The error that refuses the header at ``token``."""
    return refusal_at(token.file, token.line, reason)


def refusal_at(file: str, line: int, reason: str) -> HeaderError:
    """The error that refuses the header at a line: one line of text, whatever the names in it."""
    return HeaderError(_inert(f"{file}:{max(line, 1)}: {reason}"))


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


def _inert(text: str) -> str:
    """Control characters and lone surrogates out of a header or its name, made visible."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def shown(token: Token) -> str:
    """A token for an error text, cut where it is long."""
    return f"'{token.text}'" if len(token.text) <= 40 else f"'{token.text[:37]}...'"


_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\f\v]++|//[^\n]*+|/\*.*?\*/)
      | (?P<newline>\n)
      | (?P<open>/\*)
      | (?P<raw>(?:u8|[uUL])?R")
      | (?P<string>(?:u8|[uUL])?"(?:[^"\\\n]|\\[^\n])*+")
      | (?P<char>(?:u8|[uUL])?'(?:[^'\\\n]|\\[^\n])++')
      | (?P<id>[^\W\d][\w$]*+|\$[\w$]*+)
      | (?P<number>\.?\d(?:[eEpP][+-]|[\w.$])*+)
      | (?P<punct>%:%:|<<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||<:|:>|<%|%>|%:|\#\#
          |[-+*/%&|^]=|[][(){}.&*+~!/%<>^|?:;=,#-])
      | (?P<other>["'][^\n]*+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
"""A quote that is not closed takes the rest of its line with it, as gcc has it. Possessive
repeats keep the time and the memory of a match in proportion to its length."""
_DIGRAPHS: Final = {"<:": "[", ":>": "]", "<%": "{", "%>": "}", "%:": "#", "%:%:": "##"}
_SPLICE: Final = re.compile(r"\\[ \t\f\v]*\n")


def tokenize(text: str, file: str) -> list[list[Token]]:
    """The tokens of each logical line; HeaderError where the text cannot be C at all."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not text.endswith("\n"):
        text += "\n"
    spliced, joints = _splice(text)
    lines: list[list[Token]] = [[]]
    line, counted, spaced = 1, 0, False
    for match in _TOKEN.finditer(spliced):
        kind = match.lastgroup or OTHER
        found = match[0]
        line += spliced.count("\n", counted, match.start())
        counted = match.start()
        here = line + bisect_right(joints, match.start())
        if kind == "space":
            spaced = True
        elif kind == "newline":
            lines.append([])
            spaced = False
        elif kind == "open":
            raise refusal_at(file, here, _("a comment is not closed"))
        elif kind == "raw":
            raise refusal_at(file, here, _("raw strings are not understood"))
        else:
            if kind == ID and not found.isascii() and not found.replace("$", "_").isidentifier():
                kind = OTHER
            lines[-1].append(Token(kind, _DIGRAPHS.get(found, found), file, here, spaced))
            spaced = False
    return lines


def _splice(text: str) -> tuple[str, list[int]]:
    """``text`` with its continued lines joined, and where in the result each joint is."""
    parts: list[str] = []
    joints: list[int] = []
    at = length = 0
    for match in _SPLICE.finditer(text):
        parts.append(text[at : match.start()])
        length += match.start() - at
        joints.append(length)
        at = match.end()
    parts.append(text[at:])
    return "".join(parts), joints
