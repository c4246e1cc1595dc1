"""Random structs as C writes them, and a program that says how a compiler laid them out."""

from dataclasses import dataclass, field
from random import Random

_SCALARS = (
    "char", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned", "long",
    "unsigned long", "long long", "float", "double", "long double", "_Bool", "int8_t", "uint16_t",
    "int32_t", "uint64_t", "size_t", "enum Colour", "enum Sign", "enum Tiny", "void *", "sem_t",
    "pthread_mutex_t", "pthread_cond_t", "_Atomic int", "_Atomic(long)", "volatile int",
    "const char *", "__int128", "struct timespec", "item_t", "wide_t", "line_t", "low_t",
    "_Atomic(struct Eight)", "_Atomic struct Three", "struct Eight", "struct Packed", "Over",
)  # fmt: skip
_BITS = (
    ("char", 8), ("short", 16), ("int", 32), ("unsigned", 32), ("long", 64), ("_Bool", 1),
    ("unsigned char", 8), ("unsigned short", 16), ("unsigned long", 64), ("enum Colour", 32),
    ("int8_t", 8), ("uint32_t", 32), ("long long", 64),
)  # fmt: skip

PREAMBLE = """\
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
enum Colour { RED, GREEN = 7, BLUE };
enum Sign { MINUS = -3, PLUS };
enum __attribute__((packed)) Tiny { SMALL, BIGGER = 200 };
typedef int item_t;
typedef int wide_t __attribute__((aligned(16)));
typedef long low_t __attribute__((aligned(2)));
typedef char line_t[7];
struct Eight { int a, b; };
struct Three { char a, b, c; };
struct __attribute__((packed)) Packed { char a; long b; short c; };
typedef struct { char a; } Over __attribute__((aligned(32)));
"""


@dataclass(slots=True)
class RandomStruct:
    """One struct: its text, and the names to ask the compiler for."""

    name: str
    text: str
    members: list[str] = field(default_factory=list)
    """Those that ``offsetof`` takes, dotted where they are nested."""
    bits: list[str] = field(default_factory=list)


def random_struct(random: Random, name: str) -> RandomStruct:
    """A struct of up to ten members with whatever changes a layout."""
    made = RandomStruct(name, "")
    body = _body(random, made, "", 0)
    before, after = "", ""
    if random.random() < 0.25:
        before = random.choice(["#pragma pack(1)\n", "#pragma pack(push, 2)\n", "#pragma pack(push,4)\n",
                                "#pragma pack(8)\n"])  # fmt: skip
        after = "#pragma pack(pop)\n" if "push" in before else "#pragma pack()\n"
    head, tail = _attribute(random), _attribute(random)
    if "aligned" in head and "aligned" in tail:
        tail = ""
    made.text = f"{before}struct {head} {name} {{\n{body}}} {tail};\n{after}"
    return made


def _attribute(random: Random) -> str:
    if random.random() < 0.8:
        return ""
    return random.choice(
        ["__attribute__((packed))", "__attribute__((__packed__, aligned(4)))",
         "__attribute__((aligned(64)))", "__attribute__((aligned))", "__attribute__((unused))"]
    )  # fmt: skip


def _member_attribute(random: Random) -> str:
    if random.random() < 0.85:
        return ""
    return random.choice(
        [" __attribute__((packed))", " __attribute__((aligned(16)))", " __attribute__((aligned(2)))",
         " __attribute__((packed, aligned(2)))", " __attribute__((aligned(1)))"]
    )  # fmt: skip


def _body(random: Random, made: RandomStruct, prefix: str, depth: int) -> str:
    lines = []
    for index in range(random.randint(1, 8)):
        name = f"m{depth}_{index}_{random.randrange(10**6)}"
        kind = random.random()
        if kind < 0.3:
            lines.append(_bit_field(random, made, prefix, name))
        elif kind < 0.42 and depth < 2:
            word = random.choice(["struct", "union"])
            named = random.random() < 0.5
            inner = _body(random, made, f"{prefix}{name}." if named else prefix, depth + 1)
            lines.append(f"{word} {_attribute(random)} {{\n{inner}}} {name if named else ''};")
            if named:
                made.members.append(prefix + name)
        else:
            suffix = random.choice(["", "", "", "[3]", "[2][3]", "[sizeof(int) * 2 - 1]", "[0]"])
            scalar = random.choice(_SCALARS)
            if suffix and scalar in {"wide_t", "Over"}:
                suffix = ""
            alignas = (random.random() < 0.05 and "_Alignas(32) ") or ""
            attribute = "" if alignas else _member_attribute(random)
            lines.append(f"{alignas}{scalar} {name}{suffix}{attribute};")
            made.members.append(prefix + name)
    return "".join(f"  {line}\n" for line in lines)


def _bit_field(random: Random, made: RandomStruct, prefix: str, name: str) -> str:
    ctype, most = random.choice(_BITS)
    if random.random() < 0.12:
        return f"{ctype} : {random.choice([0, random.randint(1, most)])};"
    made.bits.append(prefix + name)
    width = random.choice([random.randint(1, most), most])
    return f"{ctype} {name} : {width}{_member_attribute(random)};"


def program(structs: list[RandomStruct]) -> str:
    """Prints ``struct size`` and then ``member offset`` or ``member bytes-set-by-all-ones``."""
    lines = ['#include "case.h"', "#include <stdio.h>", "#include <string.h>", "int main(void) {"]
    for made in structs:
        lines.append(f"{{ static struct {made.name} s; unsigned char *p = (void *)&s; (void)p;")
        lines.append(f'printf("{made.name} %zu\\n", sizeof s);')
        lines += [
            f'printf(" {member} %zu\\n", offsetof(struct {made.name}, {member}));'
            for member in made.members
        ]
        for member in made.bits:
            lines.append(
                f'memset(&s, 0, sizeof s); s.{member} = -1; printf(" {member} ");'
                'for (size_t i = 0; i < sizeof s; i++) if (p[i]) printf("%zu:%02x,", i, p[i]);'
                'puts("");'
            )
        lines.append("}")
    return "\n".join([*lines, "return 0; }", ""])
