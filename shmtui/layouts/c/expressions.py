"""Integer constant expressions, with C's types: of ``#if``, of array sizes, of enums. Pure.

Signed overflow, a division by zero and a shift past the width are refused where they
would be evaluated: a compiler only warns of some of these, and no buffer needs them.
"""

import re
from typing import Final, NamedTuple

from shmtui.i18n import _
from shmtui.layouts.c.tokens import (
    CHAR,
    ID,
    NUMBER,
    PRAGMA,
    PUNCT,
    HeaderError,
    Token,
    refusal,
    shown,
)

MAX_DEPTH: Final = 48
"""Brackets inside brackets; far above what people write, far below Python's stack."""


class Int(NamedTuple):
    """A value with its C type's width and sign."""

    value: int
    bits: int = 32
    signed: bool = True


def fits(value: int, bits: int, signed: bool) -> bool:
    """Whether the type holds the value.

    >>> fits(255, 8, False), fits(255, 8, True)
    (True, False)
    """
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    return low <= value < high


def wrapped(value: int, bits: int, signed: bool) -> int:
    """The value as a conversion to the type leaves it.

    >>> wrapped(-1, 32, False), wrapped(255, 8, True)
    (4294967295, -1)
    """
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


_LEVELS: Final = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="),
    ("<<", ">>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
_PRECEDENCE: Final = {operator: level for level, row in enumerate(_LEVELS) for operator in row}
_COMPARISONS: Final = {"==", "!=", "<", ">", "<=", ">="}
_INTEGER: Final = re.compile(r"(0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9]\d*)([uUlL]*)")
_SUFFIXES: Final = {"", "u", "l", "ul", "lu", "ll", "ull", "llu"}
_ESCAPE: Final = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]+)|([abefnrtv'\"?\\]))|([\x20-\x7e])")
_ESCAPES: Final = {
    "a": 7, "b": 8, "e": 27, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11,
    "'": 39, '"': 34, "?": 63, "\\": 92,
}  # fmt: skip


class Cursor:
    """A place in a list of tokens."""

    def __init__(self, tokens: list[Token], end: Token) -> None:
        self.tokens = tokens
        self.at = 0
        self.end = end
        """Stands for the end of the text, for its file and line."""
        self.depth = 0

    def peek(self, ahead: int = 0) -> Token:
        """The next token, or the one ``ahead`` of it, without taking it."""
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else self.end

    def take(self) -> Token:
        """The next token."""
        token = self.peek()
        self.at += 1
        return token

    def accept(self, text: str) -> bool:
        """Take the next token if it is that punctuator or keyword."""
        token = self.peek()
        if token.text == text and token.kind in {PUNCT, ID}:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> Token:
        """Take that punctuator; anything else is refused."""
        token = self.peek()
        if token.text != text or token.kind not in {PUNCT, ID}:
            raise self.unexpected(token, f"'{text}'")
        self.at += 1
        return token

    def unexpected(self, token: Token, wanted: str) -> HeaderError:
        """The error that refuses a token where something else has to stand."""
        if token is self.end:
            return refusal(token, _("{wanted} is missing at the end").format(wanted=wanted))
        if token.kind == PRAGMA:
            return refusal(token, _("{wanted} is missing before #pragma").format(wanted=wanted))
        return refusal(
            token, _("{wanted} is missing before {token}").format(wanted=wanted, token=shown(token))
        )

    def deeper(self, token: Token) -> None:
        """Count a level of nesting; the caller takes it off again."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise refusal(token, _("is nested too deep"))


class Expressions(Cursor):
    """The expression grammar; what stands for a value in C alone is its subclass's."""

    wide = False
    """``#if``: every value is 64 bits wide."""

    def conditional(self, live: bool = True) -> Int:
        """A constant expression; ``live`` False: parsed, and its errors of value ignored."""
        self.deeper(self.peek())
        condition = self._binary(0, live)
        if self.accept("?"):
            chosen = condition.value != 0
            first = self.conditional(live and chosen)
            self.expect(":")
            second = self.conditional(live and not chosen)
            bits, signed = _common(first, second)
            condition = Int(
                wrapped((first if chosen else second).value, bits, signed), bits, signed
            )
        self.depth -= 1
        return condition

    def _binary(self, level: int, live: bool) -> Int:
        left = self.unary(live)
        while True:
            token = self.peek()
            own = _PRECEDENCE.get(token.text, -1) if token.kind == PUNCT else -1
            if own < level:
                return left
            self.take()
            if token.text in {"&&", "||"}:
                needed = (left.value != 0) == (token.text == "&&")
                right = self._binary(own + 1, live and needed)
                truth = right.value != 0 if needed else token.text == "||"
                left = self._sized(Int(int(truth)))
            else:
                left = self._applied(token, left, self._binary(own + 1, live), live)

    def _applied(self, token: Token, left: Int, right: Int, live: bool) -> Int:
        operator = token.text
        if operator in {"<<", ">>"}:
            return _shifted(token, _promoted(left), right, live)
        bits, signed = _common(left, right)
        a, b = wrapped(left.value, bits, signed), wrapped(right.value, bits, signed)
        if operator in _COMPARISONS:
            truth = {
                "==": a == b, "!=": a != b, "<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b,
            }[operator]  # fmt: skip
            return self._sized(Int(int(truth)))
        if operator in {"/", "%"}:
            if b == 0:
                if live:
                    raise refusal(token, _("division by zero"))
                return Int(0, bits, signed)
            quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
            value = quotient if operator == "/" else a - b * quotient
        else:
            value = {"+": a + b, "-": a - b, "*": a * b, "&": a & b, "|": a | b, "^": a ^ b}[
                operator
            ]
        return _checked(token, value, bits, signed, live)

    def _sized(self, value: Int) -> Int:
        return Int(value.value, 64, value.signed) if self.wide else value

    def unary(self, live: bool) -> Int:
        """A unary expression."""
        token = self.take()
        if token.kind == NUMBER:
            return _number(token, self.wide)
        if token.kind == CHAR:
            return self._sized(_character(token))
        if token.kind == ID:
            return self.named(token, live)
        self.deeper(token)
        value = self._prefixed(token, live)
        self.depth -= 1
        return value

    def _prefixed(self, token: Token, live: bool) -> Int:
        if token.kind == PUNCT and token.text in {"-", "+", "~"}:
            operand = _promoted(self.unary(live))
            value = {"-": -operand.value, "+": operand.value, "~": ~operand.value}[token.text]
            return _checked(token, value, operand.bits, operand.signed, live)
        if token.kind == PUNCT and token.text == "!":
            return self._sized(Int(int(self.unary(live).value == 0)))
        if token.kind == PUNCT and token.text == "(":
            return self.bracketed(live)
        if token is self.end:
            raise refusal(token, _("an expression is missing at the end"))
        raise refusal(
            token,
            _("{token} is not understood in a constant expression").format(token=shown(token)),
        )

    def bracketed(self, live: bool) -> Int:
        """What stands after an opening bracket, with its closing one."""
        value = self.conditional(live)
        self.expect(")")
        return value

    def named(self, _token: Token, _live: bool) -> Int:
        """The value of a name: in ``#if`` all that are left are 0."""
        return Int(0, 64)


class Condition(Expressions):
    """The expression of an ``#if``."""

    wide = True


def _promoted(value: Int) -> Int:
    return Int(value.value) if value.bits < 32 else value


def _common(left: Int, right: Int) -> tuple[int, bool]:
    """The usual arithmetic conversions."""
    left, right = _promoted(left), _promoted(right)
    if left.bits == right.bits:
        return left.bits, left.signed and right.signed
    wider = left if left.bits > right.bits else right
    return wider.bits, wider.signed


def _checked(token: Token, value: int, bits: int, signed: bool, live: bool) -> Int:
    if live and signed and not fits(value, bits, signed):
        raise refusal(token, _("{token} overflows").format(token=shown(token)))
    return Int(wrapped(value, bits, signed), bits, signed)


def _shifted(token: Token, left: Int, right: Int, live: bool) -> Int:
    by = right.value
    if not 0 <= by < left.bits:
        if live:
            raise refusal(token, _("a shift by less than 0 or past the width of its type"))
        return left
    half = 1 << (left.bits - 1)
    value = left.value << by if token.text == "<<" else left.value >> by
    sign = left.value == 1 and by == left.bits - 1  # 1 << 31, which gcc lets pass.
    if live and left.signed and token.text == "<<" and not (sign or 0 <= value < half):
        raise refusal(token, _("'<<' overflows"))
    return Int(wrapped(value, left.bits, left.signed), left.bits, left.signed)


def _number(token: Token, wide: bool) -> Int:
    match = _INTEGER.fullmatch(token.text) if len(token.text) <= 80 else None
    suffix = match[2].lower() if match else ""
    if match is None or suffix not in _SUFFIXES or "lL" in match[2] or "Ll" in match[2]:
        raise refusal(token, _("{token} is not an integer constant").format(token=shown(token)))
    digits = match[1]
    octal = digits[0] == "0" and digits.isdigit()
    value = int(digits, 8) if octal else int(digits, 0)
    decimal = digits[0] != "0"
    widths = (64,) if wide or "l" in suffix else (32, 64)
    for bits in widths:
        if "u" not in suffix and fits(value, bits, True):
            return Int(value, bits)
        if ("u" in suffix or not decimal) and fits(value, bits, False):
            return Int(value, bits, False)
    raise refusal(token, _("{token} is too large").format(token=shown(token)))


def _character(token: Token) -> Int:
    if token.text[0] != "'":
        raise refusal(
            token,
            _("{token}: only plain character constants are understood").format(token=shown(token)),
        )
    body, at, codes = token.text[1:-1], 0, []
    while at < len(body):
        match = _ESCAPE.match(body, at)
        if match is None:
            raise refusal(
                token, _("{token} is not a character constant of ASCII").format(token=shown(token))
            )
        octal, hexadecimal, letter, plain = match.groups()
        codes.append(
            int(octal, 8) if octal
            else int(hexadecimal, 16) if hexadecimal
            else _ESCAPES[letter] if letter
            else ord(plain)
        )  # fmt: skip
        at = match.end()
    if len(codes) != 1 or codes[0] > 0xFF:
        raise refusal(token, _("{token} is not one character").format(token=shown(token)))
    return Int(wrapped(codes[0], 8, True))
