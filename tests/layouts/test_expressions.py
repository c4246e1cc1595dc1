"""Constant expressions have the value and the type that gcc gives them, in C and in #if."""

from pathlib import Path
from random import Random

import pytest

from shmtui.layouts.header import HeaderError, read_structs
from shmtui.shm.libc import Libc
from tests.compiling import require
from tests.layouts.oracle import Case, judged
from tests.layouts.reading import read

NUMBERS = (
    "0", "1", "2", "7", "31", "0x7fffffff", "2147483648", "4294967295u", "0xffffffff", "1u", "3l",
    "5ul", "9223372036854775807", "0x8000000000000000", "010", "0b101", "-1", "'a'", "'\\n'",
    "'\\x41'", "'\\0'", "1LL", "2ull",
)  # fmt: skip
C_ONLY = (
    "sizeof(int)", "sizeof(struct p)", "sizeof(char[3])", "_Alignof(double)", "BIG", "MINUS",
    "(char)300", "(unsigned char)-1", "(short)70000", "(_Bool)5", "sizeof(1u + 1l)", "sizeof('a')",
    "(long)-1", "(unsigned)-1", "sizeof (char)1", "__builtin_offsetof(struct p, b)", "(enum e)3",
)  # fmt: skip
BINARY = ("+", "-", "*", "/", "%", "<<", ">>", "<", ">", "<=", ">=", "==", "!=", "&", "|", "^",
          "&&", "||")  # fmt: skip
BEFORE = "struct p { char a; long b; };\nenum e { BIG = 4000000000, MINUS = -5 };\n"


def expression(random: Random, leaves: tuple[str, ...], depth: int) -> str:
    """A random expression, with few brackets so that precedence matters."""
    kind = random.random()
    if depth == 0 or kind < 0.2:
        return random.choice(leaves)
    if kind < 0.35:
        return f"{random.choice('-+~!')} {expression(random, leaves, 0)}"
    inner = [expression(random, leaves, depth - 1) for _ in range(3)]
    if kind < 0.45:
        return f"{inner[0]} ? {inner[1]} : {inner[2]}"
    if kind < 0.6:
        return f"({inner[0]})"
    return f"{inner[0]} {random.choice(BINARY)} {inner[1]}"


def in_c(text: str, name: str) -> str:
    """A struct whose size tells the value's low bits, its sign and its size."""
    return (
        f"struct {name} {{ char a[(({text}) & 1023) + 1]; char b[({text}) < 0 ? 2 : 1];"
        f" char c[sizeof({text})]; }};\n"
    )


def in_condition(text: str, name: str) -> str:
    """A struct whose size tells the truth and the sign."""
    return (
        f"struct {name} {{\n#if {text}\nchar a[2];\n#endif\n#if ({text}) < 0\nchar b[4];\n#endif\n"
        f"#if (({text}) & 64) == 0\nchar c[8];\n#endif\n}};\n"
    )


@pytest.mark.parametrize(("make", "leaves"), [(in_c, NUMBERS + C_ONLY), (in_condition, NUMBERS)])
@pytest.mark.parametrize("seed", [1, 2])
def test_value_sign_and_size_are_gccs(
    tmp_path: Path, seed: int, make: object, leaves: tuple[str, ...]
) -> None:
    """Where it is accepted: overflow, division by zero and wild shifts are refused."""
    require("gcc")
    assert callable(make)
    random = Random(seed)
    accepted = []
    for number in range(600):
        text = make(expression(random, leaves, 3), f"s{number}")
        try:
            read(tmp_path, BEFORE + text)
        except HeaderError:
            continue
        accepted.append(text)
    assert len(accepted) > 200
    header = tmp_path / "case.h"
    header.write_text(BEFORE + "".join(accepted))
    (verdict,) = judged([Case(header, read_structs(header, Libc.GLIBC))])
    assert verdict.compiles, verdict.wrong
    assert not verdict.wrong
