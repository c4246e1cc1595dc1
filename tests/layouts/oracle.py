"""What gcc says of the structs that we read: equal, different, or no C at all."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from shmtui.layouts.struct_members import Member, Struct
from shmtui.shm.item_shape import Bits
from tests.waiting import PATIENCE

_PROGRAMS_INCLUDE = """\
#include <limits.h>
#include <pthread.h>
#include <stdalign.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A header that was accepted, and what it was taken for."""

    header: Path
    structs: tuple[Struct, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What gcc says; ``compiles`` False: it takes the header for no C."""

    case: Case
    compiles: bool
    wrong: str
    """The first assertion that does not hold, or the first error."""


def members_of(members: Sequence[Member], prefix: str = "") -> Iterator[tuple[str, Member]]:
    """Members with their dotted names, inner ones too; bit-fields have no offset in C."""
    for member in members:
        if not isinstance(member.shape, Bits):
            yield prefix + member.name, member
        yield from members_of(member.members, f"{prefix}{member.name}.")


def checking_program(case: Case, before: str) -> str:
    """A program that compiles if every size and offset is as we say."""
    lines = [before, f'#include "{case.header.name}"', "#include <stddef.h>", "#pragma pack()"]
    for struct in case.structs:
        name = struct.c_name
        lines.append(f'_Static_assert(sizeof({name}) == {struct.size}, "differs: {name}");')
        for path, member in members_of(struct.members):
            offset = f"__builtin_offsetof({name}, {path})"
            lines.append(f'_Static_assert({offset} == {member.offset}, "differs: {name}.{path}");')
            if member.length is None and not member.members:
                size = f"sizeof((({name} *)0)->{path})"
                lines.append(f'_Static_assert({size} == {member.shape.size}, "differs: {path}");')
    return "\n".join([*lines, ""])


def judged(cases: Sequence[Case], compiler: str = "gcc") -> list[Verdict]:
    """What gcc says of each; a header may rely on what its program includes before it."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda case: _judge(case, compiler), cases))


_ELSEWHERE = re.compile(rb"^[ \t]*#[ \t]*include[ \t]*<.*$", re.MULTILINE)
"""System headers: where one is missing, its include is left out; we look for none."""
_FUNCTION = re.compile(
    rb"^(extern|static|void|FILE|int count|int values|_Atomic.int. .atoms|enum first choose).*$",
    re.MULTILINE,
)
"""Functions and variables of the corpus: we pass over them, so gcc shall not mind them."""
_PARAMETERS = re.compile(rb"(\(\*\w+(?:\[\w*\])?\)) *\(([^()\n]|\([^()\n]*\))*\)")


def _judge(case: Case, compiler: str) -> Verdict:
    first = ""
    raw = case.header.read_bytes()
    for before, drop in (("", False), (_PROGRAMS_INCLUDE, False), (_PROGRAMS_INCLUDE, True)):
        if drop:
            bare = _PARAMETERS.sub(rb"\1()", _FUNCTION.sub(b"", _ELSEWHERE.sub(b"", raw)))
            case.header.write_bytes(bare)
        text = _errors(case, compiler, before)
        case.header.write_bytes(raw)
        errors = [line for line in text.splitlines() if "error: " in line]
        if all("differs: " in line for line in errors):
            return Verdict(case, True, text[:2000])
        first = text[:2000]
    return Verdict(case, False, first)


def _errors(case: Case, compiler: str, before: str) -> str:
    """What the compiler says against our sizes and offsets; empty: nothing."""
    done = subprocess.run(
        [compiler, "-fsyntax-only", "-w", "-xc", "-"],
        input=checking_program(case, before).encode("utf-8", "surrogateescape"),
        capture_output=True,
        cwd=case.header.parent,
        env={**os.environ, "LC_ALL": "C"},
        timeout=PATIENCE,
        check=False,
    )
    text = done.stderr.decode("utf-8", "replace")
    return "" if done.returncode == 0 else text or "error: it died"


def judged_as_cpp(case: Case) -> Verdict:
    """What g++ says, with private members as its own."""
    text = checking_program(case, "").replace("_Static_assert", "static_assert")
    done = subprocess.run(
        ["g++", "-fsyntax-only", "-w", "-fno-access-control", "-xc++", "-"],
        input=text.encode("utf-8", "surrogateescape"),
        capture_output=True,
        cwd=case.header.parent,
        env={**os.environ, "LC_ALL": "C"},
        timeout=PATIENCE,
        check=False,
    )
    said = done.stderr.decode("utf-8", "replace")
    errors = [line for line in said.splitlines() if "error: " in line]
    return Verdict(case, all("differs: " in line for line in errors), said[:2000])
