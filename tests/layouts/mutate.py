"""Headers changed at random, as a typing error or malice changes them."""

import re
from random import Random

_TOKEN = re.compile(r"\w+|##|\s+|[^\w\s]")
_WORDS = (
    "int char short long unsigned signed struct union enum typedef const volatile _Atomic sem_t "
    "sizeof ( ) [ ] { } ; , * : . ... = + - / % << >> < > == != && || ? ! ~ & | ^ # ## \\ \" ' "
    "0 1 2 3 5 64 255 4096 0x7fffffff 2147483648 18446744073709551615 -1 1u 08 0b2 1.5 1e9 'a' "
    "'ab' \"x\" #define #undef #if #ifdef #ifndef #else #elif #endif #include #pragma #error "
    "__attribute__((packed)) __attribute__((aligned(8))) __attribute__((aligned(3))) _Alignas(16) "
    "N BUFFER_SIZE in out data Buffer __LINE__ __COUNTER__ defined void float double _Bool "
    "long\tdouble /* */ // \n static extern inline"
)
_POOL = tuple(_WORDS.split(" "))


def mutated(random: Random, text: str) -> str:
    """``text`` after one to three changes."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        text = random.choice(_CHANGES)(random, text)
    return text


def _tokens(random: Random, text: str) -> tuple[list[str], int]:
    parts = _TOKEN.findall(text) or [""]
    solid = [index for index, part in enumerate(parts) if not part.isspace()] or [0]
    return parts, random.choice(solid)


def _delete_token(random: Random, text: str) -> str:
    parts, at = _tokens(random, text)
    del parts[at]
    return "".join(parts)


def _double_token(random: Random, text: str) -> str:
    parts, at = _tokens(random, text)
    parts.insert(at, parts[at] + random.choice(("", " ")))
    return "".join(parts)


def _replace_token(random: Random, text: str) -> str:
    parts, at = _tokens(random, text)
    parts[at] = random.choice(_POOL)
    return "".join(parts)


def _insert_token(random: Random, text: str) -> str:
    parts, at = _tokens(random, text)
    parts.insert(at, f" {random.choice(_POOL)} ")
    return "".join(parts)


def _swap_tokens(random: Random, text: str) -> str:
    parts, at = _tokens(random, text)
    _, other = _tokens(random, text)
    parts[at], parts[other] = parts[other], parts[at]
    return "".join(parts)


def _change_number(random: Random, text: str) -> str:
    numbers = list(re.finditer(r"\b\d+\b", text))
    if not numbers:
        return text
    match = random.choice(numbers)
    value = random.choice(("0", "1", "7", "13", "100", "-3", "1000000", "(2+1)", "sizeof(int)"))
    return text[: match.start()] + value + text[match.end() :]


def _delete_line(random: Random, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    del lines[random.randrange(len(lines))]
    return "".join(lines)


def _double_line(random: Random, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    lines.insert(random.randrange(len(lines)), random.choice(lines))
    return "".join(lines)


def _change_character(random: Random, text: str) -> str:
    at = random.randrange(len(text) + 1)
    return (
        text[:at]
        + chr(random.choice((random.randrange(32, 127), random.randrange(256))))
        + (text[at + random.randrange(2) :])
    )


def _cut(random: Random, text: str) -> str:
    return text[: random.randrange(len(text) + 1)]


_CHANGES = (
    _delete_token, _double_token, _replace_token, _insert_token, _swap_tokens, _change_number,
    _delete_line, _double_line, _change_character, _cut, _replace_token, _change_number,
)  # fmt: skip
