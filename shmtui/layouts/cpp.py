"""Preprocessing a user's C header: includes, macros, conditions.

System headers are not read; :mod:`shmtui.layouts.c.system` says what they define. A quoted
include must lie in the header's own folder or in one given for it, links followed.

Every step is counted, so that no macro and no chain of includes takes long or much
memory. That, exact lines for errors, and gcc's answers to ``#if`` are why this is not
left to a general preprocessor written in Python.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shmtui.i18n import _
from shmtui.layouts.c.expressions import Condition
from shmtui.layouts.c.files import MAX_BYTES, Folders, read_text
from shmtui.layouts.c.macros import Expander, define
from shmtui.layouts.c.system import PREDEFINED, loose_macros, macros_of
from shmtui.layouts.c.tokens import (
    ID,
    NUMBER,
    OTHER,
    PRAGMA,
    STRING,
    HeaderError,
    Token,
    refusal,
    refusal_at,
    shown,
    tokenize,
)
from shmtui.shm.libc import Libc

__all__ = ["HeaderError", "preprocess"]

_MAX_INCLUDES: Final = 32

_CONDITIONS: Final = frozenset({"if", "ifdef", "ifndef", "elif", "else", "endif"})
_IGNORED: Final = frozenset({"warning", "ident", "sccs"})
_STRANGE_PRAGMAS: Final = frozenset(
    {"push_macro", "pop_macro", "scalar_storage_order", "ms_struct", "poison", "target",
     "push_options", "pop_options", "dependency", "options"}
)  # fmt: skip
_QUERIES: Final = frozenset(
    {"__has_include", "__has_include_next", "__has_attribute", "__has_builtin",
     "__has_c_attribute", "__has_cpp_attribute"}
)  # fmt: skip


def preprocess(path: Path, include: Sequence[Path], libc: Libc) -> list[Token]:
    """The header as the parser shall see it, with ``#pragma pack`` left in place.

    HeaderError: with file, line and reason.
    """
    reader = _Preprocessor(Folders(path.parent, include), libc)
    reader.read(path, str(path), 0)
    return reader.out


@dataclass(slots=True)
class _Group:
    """An open ``#if``."""

    token: Token
    reading: bool
    """Whether the lines of its present part are read."""
    done: bool
    """Whether a part was read, or none may be."""
    last: bool = False
    """After its ``#else``."""


@dataclass(slots=True)
class _File:
    """A file being read."""

    path: Path
    name: str
    """As errors call it."""
    depth: int
    groups: list[_Group] = field(default_factory=list)
    text: list[Token] = field(default_factory=list)
    """Lines since the last directive."""

    @property
    def reading(self) -> bool:
        return not self.groups or self.groups[-1].reading


class _Preprocessor:
    def __init__(self, folders: Folders, libc: Libc) -> None:
        self.folders = folders
        self.libc = libc
        self.out: list[Token] = []
        self.once: set[Path] = set()
        self.bytes = 0
        self.macros = Expander()
        self.loose: set[str] = set()
        for line in loose_macros(libc).values():
            self.loose.add(self._define_text(line))
        for line in PREDEFINED.splitlines():
            self._define_text(line)

    def _define_text(self, line: str) -> str:
        tokens = tokenize(line, "<system>")[0]
        macro = define(tokens, tokens[0])
        self.macros.table[macro.name] = macro
        return macro.name

    # -- files --------------------------------------------------------------------------------

    def read(self, path: Path, name: str, depth: int) -> None:
        """Read a file's lines into ``out``."""
        resolved = Path(os.path.realpath(path))
        if resolved in self.once:
            return
        text = read_text(path, name)
        self.bytes += len(text)
        if self.bytes > MAX_BYTES:
            raise refusal_at(
                name,
                1,
                _("with this the header has over {most:,} bytes: too many").format(most=MAX_BYTES),
            )
        file = _File(path, name, depth)
        for line in tokenize(text, name):
            if not line:
                continue
            self.macros.spend(line[0], len(line))
            if line[0].text == "#" and line[0].kind != OTHER:
                self._directive(file, line[0], line[1:])
            elif file.reading:
                self._require_closed_quotes(line)
                file.text += line
        self._flush(file, None)
        if file.groups:
            raise refusal(file.groups[-1].token, _("this condition has no #endif"))

    def _require_closed_quotes(self, line: list[Token]) -> None:
        for token in line:
            if token.kind == OTHER and token.text[0] in {'"', "'"}:
                raise refusal(token, _("a {text} is not closed").format(text=token.text[0]))

    def _flush(self, file: _File, directive: Token | None) -> None:
        if file.text:
            self.out += self._without_pragma_operators(self.macros.expand(file.text, directive))
            file.text = []

    def _without_pragma_operators(self, tokens: list[Token]) -> list[Token]:
        if not any(token.text == "_Pragma" and token.kind == ID for token in tokens):
            return tokens
        out: list[Token] = []
        at = 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token.text != "_Pragma" or token.kind != ID:
                out.append(token)
                continue
            form = tokens[at : at + 3]
            if [t.text if t.kind != STRING else "" for t in form] != ["(", "", ")"]:
                raise refusal(token, _("_Pragma needs a string in brackets"))
            at += 3
            content = form[1].text[form[1].text.index('"') + 1 : -1]
            content = content.replace('\\"', '"').replace("\\\\", "\\")
            words = tokenize(content, token.file)[0]
            for word in words:
                word.file, word.line = token.file, token.line
            out += self._pragma(words, token)
        return out

    # -- directives -----------------------------------------------------------------------------

    def _directive(self, file: _File, sharp: Token, words: list[Token]) -> None:
        if not words:
            return
        name = words[0].text
        if name in _CONDITIONS:
            self._flush(file, sharp)
            self._condition(file, words[0], words[1:])
            return
        if not file.reading:
            return
        self._flush(file, sharp)
        self._order(file, words[0], words[1:])

    def _order(self, file: _File, name: Token, rest: list[Token]) -> None:
        match name.text:
            case "define":
                macro = define(rest, name)
                self.macros.table[macro.name] = macro
                self.loose.discard(macro.name)
            case "undef":
                macro_name = self._only_name(name, rest)
                self.macros.table.pop(macro_name, None)
                self.loose.discard(macro_name)
            case "include":
                self._include(file, name, rest)
            case "pragma":
                if rest and rest[0].text == "once":
                    self.once.add(Path(os.path.realpath(file.path)))
                else:
                    self.out += self._pragma(rest, name)
            case "error":
                reason = " ".join(token.text for token in rest)
                raise refusal(name, _("#error {reason}").format(reason=reason[:200]).strip())
            case "line":
                if not rest or rest[0].kind != NUMBER:
                    raise refusal(name, _("#line is not understood"))
            case text if text in _IGNORED:
                pass
            case _:
                raise refusal(name, _("#{text} is not understood").format(text=name.text))

    def _pragma(self, words: list[Token], where: Token) -> list[Token]:
        if not words:
            return []
        if words[0].text == "GCC" or words[0].text == "STDC":
            words = words[1:] or words
        if words[0].text in _STRANGE_PRAGMAS:
            raise refusal(where, _("#pragma {text} is not understood").format(text=words[0].text))
        if words[0].text != "pack":
            return []
        arguments = " ".join(token.text for token in self.macros.expand(words[1:]))
        return [Token(PRAGMA, arguments, where.file, where.line)]

    def _only_name(self, name: Token, rest: list[Token]) -> str:
        if len(rest) != 1 or rest[0].kind != ID:
            raise refusal(name, _("#{text} needs one name").format(text=name.text))
        return rest[0].text

    def _condition(self, file: _File, name: Token, rest: list[Token]) -> None:
        outer, groups = file.reading, file.groups
        match name.text:
            case "if" | "ifdef" | "ifndef":
                if len(groups) >= 200:
                    raise refusal(name, _("conditions are nested too deep"))
                true = outer and self._holds(name, rest)
                groups.append(_Group(name, true, true or not outer))
                return
            case "endif":
                if not groups:
                    raise refusal(name, _("#endif without #if"))
                groups.pop()
                return
        if not groups or groups[-1].last:
            raise refusal(name, _("#{text} without #if").format(text=name.text))
        group = groups[-1]
        if name.text == "else":
            group.last, group.reading = True, not group.done
        else:
            group.reading = not group.done and self._holds(name, rest)
        group.done = group.done or group.reading

    def _holds(self, name: Token, rest: list[Token]) -> bool:
        if name.text in {"ifdef", "ifndef"}:
            self._only_name(name, rest)
            return self._defined(rest[0]) == (name.text == "ifdef")
        if not rest:
            raise refusal(name, _("#{text} without an expression").format(text=name.text))
        tokens = self.macros.expand(self._with_defined(rest))
        for token in tokens:
            if token.kind == ID and (token.text == "defined" or token.text in _QUERIES):
                raise refusal(name, _("{text} is not understood here").format(text=token.text))
        condition = Condition(tokens, Token("end", "", name.file, name.line))
        value = condition.conditional().value
        if condition.peek() is not condition.end:
            raise refusal(
                name,
                _("{token} is not understood in this condition").format(
                    token=shown(condition.peek())
                ),
            )
        return value != 0

    def _defined(self, token: Token) -> bool:
        if token.text in self.loose or token.text in _QUERIES:
            raise refusal(
                token,
                _(
                    "whether {text} is defined depends on what the program includes before: include what "
                    "defines it in the header"
                ).format(text=token.text),
            )
        return token.text in self.macros.table or token.text in self.macros.builtin

    def _with_defined(self, tokens: list[Token]) -> list[Token]:
        """``defined X`` and ``defined(X)`` as 1 or 0; loose macros stay unknown here too."""
        out: list[Token] = []
        at = 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token.text != "defined" or token.kind != ID:
                if token.kind == ID and token.text in self.loose:
                    self._defined(token)
                out.append(token)
                continue
            bracket = at < len(tokens) and tokens[at].text == "("
            name = tokens[at + bracket] if at + bracket < len(tokens) else token
            at += 1 + 2 * bracket
            closed = not bracket or (at <= len(tokens) and tokens[at - 1].text == ")")
            if name is token or name.kind != ID or not closed:
                raise refusal(token, _("defined needs a name"))
            out.append(Token(NUMBER, str(int(self._defined(name))), token.file, token.line))
        return out

    # -- includes -------------------------------------------------------------------------------

    def _include(self, file: _File, name: Token, rest: list[Token]) -> None:
        if rest and rest[0].kind == ID:
            rest = self.macros.expand(rest)
        if len(rest) >= 3 and rest[0].text == "<" and rest[-1].text == ">":
            self._system_include("".join(token.text for token in rest[1:-1]), name, file.depth)
            return
        if len(rest) != 1 or rest[0].kind != STRING or rest[0].text[0] != '"':
            raise refusal(name, _("this #include is not understood"))
        wanted = rest[0].text[1:-1]
        found = self.folders.quoted(wanted, file.path.parent, name)
        self._nest(found, str(Path(file.name).parent / wanted), file.depth, name)

    def _nest(self, path: Path, name: str, depth: int, at: Token) -> None:
        if depth >= _MAX_INCLUDES:
            raise refusal(
                at,
                _("more than {most} includes inside each other").format(most=_MAX_INCLUDES),
            )
        self.read(path, name, depth + 1)

    def _system_include(self, wanted: str, at: Token, depth: int) -> None:
        path = self.folders.angled(wanted)
        if path is not None:
            self._nest(path, str(path), depth, at)
            return
        for line in macros_of(wanted, self.libc):
            macro = re.split(r"[ (]", line, maxsplit=1)[0]
            if macro in self.loose or macro not in self.macros.table:
                self._define_text(line)
                self.loose.discard(macro)
