"""Macros: their definitions, and the expansion of a text by them. Pure.

The algorithm is Prosser's, the one the standard was written from: a token remembers the
macros that it came from and is not expanded by them again. Steps are counted, so that a
macro bomb is refused instead of filling the memory.
"""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from shmtui.i18n import _
from shmtui.layouts.c.tokens import ID, NUMBER, PUNCT, STRING, Token, refusal, shown, tokenize

MAX_STEPS: Final = 200_000
"""Tokens read, copied or expanded for one header: half a second's work and 100 MB at most."""
_TEXT_STEP: Final = 16
"""Characters of ``#`` and ``##`` that count as a token: these make long ones out of few."""
_MAX_DEPTH: Final = 64
"""Macros inside macros, and calls inside the arguments of calls."""
_VARIADIC: Final = "__VA_ARGS__"


@dataclass(frozen=True, slots=True)
class Macro:
    """A ``#define``; ``parameters`` None: it is called without brackets."""

    name: str
    body: tuple[Token, ...]
    parameters: tuple[str, ...] | None = None
    variadic: bool = False
    """The last parameter takes all the arguments that are left."""


def define(words: list[Token], where: Token) -> Macro:
    """The macro of a ``#define`` from its words; HeaderError where it is no macro."""
    if not words or words[0].kind != ID or words[0].text in {"defined", _VARIADIC}:
        raise refusal(words[0] if words else where, _("#define needs a name"))
    name, at = words[0].text, 1
    parameters: list[str] | None = None
    variadic = False
    if len(words) > 1 and words[1].text == "(" and not words[1].spaced:
        parameters, variadic, at = _parameters(words)
    body = words[at:]
    if body and "##" in {body[0].text, body[-1].text}:
        raise refusal(words[0], _("## stands at the end of a macro"))
    for token, after in zip_longest(body, body[1:]):
        if token.text == "#" and token.kind == PUNCT and parameters is not None:
            if after is None or after.text not in parameters:
                raise refusal(token, _("# needs a parameter of the macro after it"))
        elif token.text == "__VA_OPT__" or (token.text == _VARIADIC and not variadic):
            raise refusal(token, _("{text} is not understood here").format(text=token.text))
    return Macro(name, tuple(body), None if parameters is None else tuple(parameters), variadic)


def _parameters(words: list[Token]) -> tuple[list[str], bool, int]:
    names: list[str] = []
    at = 2
    if len(words) > 2 and words[2].text == ")":
        return names, False, 3
    while at + 1 < len(words):
        token, after = words[at], words[at + 1]
        if token.text == "..." and after.text == ")":
            return [*names, _VARIADIC], True, at + 2
        if token.kind != ID or token.text in {*names, _VARIADIC}:
            break
        names.append(token.text)
        if after.text == ")":
            return names, False, at + 2
        if after.text == "..." and at + 2 < len(words) and words[at + 2].text == ")":
            return names, True, at + 3
        if after.text != ",":
            break
        at += 2
    raise refusal(words[0], _("the parameters of this macro are not understood"))


class Expander:
    """The macros defined so far, and their use."""

    def __init__(self) -> None:
        self.table: dict[str, Macro] = {}
        self.builtin = frozenset({"__LINE__", "__FILE__", "__COUNTER__", "__DATE__", "__TIME__"})
        self._steps = 0
        self._depth = 0
        self._count = 0

    def spend(self, token: Token, steps: int) -> None:
        """Count work done; HeaderError once it is too much."""
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise refusal(token, _("the header expands to too much text"))

    def expand(self, tokens: list[Token], directive: Token | None = None) -> list[Token]:
        """``tokens`` with all macros replaced. ``directive`` is what cuts the text short: a
        call may not reach across it.
        """
        out: list[Token] = []
        todo = tokens[::-1]
        while todo:
            token = todo.pop()
            if token.kind != ID:
                out.append(token)
                continue
            macro = self.table.get(token.text)
            if macro is None or token.text in token.hidden:
                out.append(self._builtin(token) if token.text in self.builtin else token)
            elif macro.parameters is None:
                self._replace(token, macro, [], token.hidden, todo)
            elif todo and todo[-1].text == "(" and todo[-1].kind == PUNCT:
                arguments, close = self._arguments(token, macro, todo)
                self._replace(token, macro, arguments, token.hidden & close.hidden, todo)
            else:
                if not todo and directive is not None:
                    raise refusal(
                        token, _("the call of {text} is cut by a directive").format(text=token.text)
                    )
                out.append(token)
        return out

    def _builtin(self, token: Token) -> Token:
        if token.text in {"__LINE__", "__COUNTER__"}:
            value = token.line
            if token.text == "__COUNTER__":
                value, self._count = self._count, self._count + 1
            return Token(NUMBER, str(value), token.file, token.line, token.spaced)
        return Token(STRING, '"?"', token.file, token.line, token.spaced)

    def _arguments(
        self, token: Token, macro: Macro, todo: list[Token]
    ) -> tuple[list[list[Token]], Token]:
        assert macro.parameters is not None
        todo.pop()
        wanted = len(macro.parameters)
        found: list[list[Token]] = [[]]
        level = 0
        while todo:
            part = todo.pop()
            self.spend(token, 1)
            if part.kind == PUNCT:
                if part.text == ")" and level == 0:
                    return self._counted(token, macro, found), part
                level += {"(": 1, ")": -1}.get(part.text, 0)
                rest = macro.variadic and len(found) == wanted
                if part.text == "," and level == 0 and not rest:
                    found.append([])
                    continue
            found[-1].append(part)
        raise refusal(token, _("the call of {text} has no closing bracket").format(text=token.text))

    def _counted(self, token: Token, macro: Macro, found: list[list[Token]]) -> list[list[Token]]:
        assert macro.parameters is not None
        wanted = len(macro.parameters)
        if wanted == 0 and found == [[]]:
            return []
        if macro.variadic and len(found) == wanted - 1:
            found.append([])
        if len(found) != wanted:
            raise refusal(
                token,
                _("{text} takes {wanted} arguments, not {found}").format(
                    text=token.text, wanted=wanted, found=len(found)
                ),
            )
        return found

    def _replace(
        self,
        token: Token,
        macro: Macro,
        arguments: list[list[Token]],
        hidden: frozenset[str],
        todo: list[Token],
    ) -> None:
        """Put the macro's body, its parameters filled in, in front of what is left to do."""
        hidden |= {macro.name}
        if len(hidden) > _MAX_DEPTH:
            raise refusal(token, _("macros are nested too deep"))
        body = self._filled(token, macro, arguments)
        self.spend(token, len(body) + 1)
        if body:
            body[0].spaced = token.spaced
        for part in reversed(body):
            part.hidden = part.hidden | hidden
            todo.append(part)

    def _filled(self, token: Token, macro: Macro, arguments: list[list[Token]]) -> list[Token]:
        values = dict(zip(macro.parameters or (), arguments, strict=True))
        expanded: dict[str, list[Token]] = {}
        body, out, at = macro.body, list[Token](), 0
        pasting = False
        while at < len(body):
            part = body[at]
            at += 1
            if part.text == "##" and part.kind == PUNCT:
                pasting = True
                continue
            if part.text == "#" and part.kind == PUNCT and macro.parameters is not None:
                argument = values[body[at].text]
                self.spend(token, sum(len(v.text) for v in argument) // _TEXT_STEP)
                new = [_string(argument, token, part.spaced)]
                at += 1
            elif part.text not in values:
                new = [_copy(part, token)]
            elif pasting or (at < len(body) and body[at].text == "##"):
                new = [_moved(v) for v in values[part.text]]
                comma = out[-1:] and out[-1].text == ","
                if (
                    pasting
                    and comma
                    and macro.variadic
                    and part.text == (macro.parameters or ())[-1]
                ):
                    if not new:
                        out.pop()
                    pasting = False
            else:
                new = [_moved(v) for v in self._value(token, part.text, values, expanded)]
                if new:
                    new[0].spaced = part.spaced
            self.spend(token, len(new))
            after_paste = at < len(body) and body[at].text == "##"
            if not new and after_paste and not pasting:
                new = [_placemarker(token)]
            if pasting:
                self.spend(token, len(out[-1].text) // _TEXT_STEP if out else 0)
                new = _pasted(out.pop() if out else _placemarker(token), new, token)
                pasting = False
                if not new and after_paste:
                    new = [_placemarker(token)]
            out += new
        return [part for part in out if part.text]

    def _value(
        self,
        token: Token,
        name: str,
        values: dict[str, list[Token]],
        expanded: dict[str, list[Token]],
    ) -> list[Token]:
        """An argument, itself expanded, once for all its uses."""
        if name not in expanded:
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                raise refusal(token, _("macro calls are nested too deep"))
            self.spend(token, len(values[name]))
            expanded[name] = self.expand(values[name])
            self._depth -= 1
        return expanded[name]


def _copy(part: Token, token: Token) -> Token:
    return Token(part.kind, part.text, token.file, token.line, part.spaced)


def _moved(part: Token) -> Token:
    return Token(part.kind, part.text, part.file, part.line, part.spaced, part.hidden)


def _placemarker(token: Token) -> Token:
    """Stands for an empty argument beside ``##``."""
    return Token(PUNCT, "", token.file, token.line)


def _string(argument: list[Token], token: Token, spaced: bool) -> Token:
    text = ""
    for index, part in enumerate(argument):
        text += " " if part.spaced and index else ""
        quoted = part.kind in {"string", "char"}
        text += part.text.replace("\\", "\\\\").replace('"', '\\"') if quoted else part.text
    return Token(STRING, f'"{text}"', token.file, token.line, spaced)


def _pasted(left: Token, right: list[Token], token: Token) -> list[Token]:
    """``left ## right``: the first token of ``right`` grows onto ``left``."""
    if not right:
        return [left] if left.text else []
    text = left.text + right[0].text
    lines = tokenize(text, token.file)
    if len(lines[0]) != 1 or lines[0][0].text != text:
        raise refusal(
            token,
            _("{left} ## {right} does not give a token").format(
                left=shown(left), right=shown(right[0])
            ),
        )
    one = lines[0][0]
    hidden = left.hidden & right[0].hidden if left.text else right[0].hidden
    return [Token(one.kind, text, token.file, token.line, left.spaced, hidden), *right[1:]]
