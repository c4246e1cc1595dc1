"""Items decode to what the C program stored, and a counter stored by us is what C reads."""

import math
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shmtui.layouts.member_roles import assign_roles
from shmtui.layouts.struct_layout import buffer_layout
from shmtui.shm.item_shape import (
    Array,
    Bits,
    Part,
    Record,
    Scalar,
    Shape,
    Text,
    decode,
    encode,
)
from shmtui.shm.libc import Libc
from shmtui.shm.value import Fields, value_json, value_text
from tests.compiling import Compiler, output
from tests.layouts.reading import read_file
from tests.waiting import PATIENCE

HEADER = """\
#include <stdbool.h>
#include <stdint.h>
enum colour { RED = -2, GREEN, BLUE = 70000 };
typedef struct __attribute__((packed)) { char c; int64_t serial; } Stamp;
typedef struct {
    int32_t id; char name[12]; double price; float rate; bool on, off; enum colour colour;
    unsigned low : 3; int negative : 5; unsigned long wide : 33; _Bool bit : 1;
    int16_t xy[2]; char lines[2][6]; Stamp stamp; void *where; uint8_t raw[3];
    union { int32_t i; unsigned char b[4]; } either; struct { uint16_t anonymous; };
    long double big;
} Item;
typedef struct { Item data[3]; int in, out; } Buffer;
"""
PROGRAM = """\
#include <stdio.h>
#include <string.h>
#include "case.h"
int main(void) {
    static Buffer b;
    Item *p = &b.data[1];
    p->id = -7; strcpy(p->name, "maçã [b]\\x1b"); p->price = -2.5; p->rate = 0.1f; p->on = true;
    p->colour = RED; p->low = 5; p->negative = -3; p->wide = 0x1ffffffffUL; p->bit = 1;
    p->xy[0] = -1; p->xy[1] = 300; memcpy(p->lines[0], "sixsix", 6); strcpy(p->lines[1], "ab");
    p->stamp.c = 'x'; p->stamp.serial = INT64_MIN; p->where = (void *)0xdeadbeef;
    p->raw[0] = 255; p->either.i = -2; p->anonymous = 65535;
    fwrite(&b, sizeof b, 1, stdout);
    return 0;
}
"""


def raw_output(program: Path, *arguments: str) -> bytes:
    import subprocess

    return subprocess.run(
        [str(program), *arguments], capture_output=True, timeout=PATIENCE, check=True
    ).stdout


def test_a_c_programs_item_is_read_as_it_was_stored(tmp_path: Path, gcc: Compiler) -> None:
    """Strings, nested structs, floats, truth values, bit-fields, negative numbers, unions."""
    (tmp_path / "case.h").write_text(HEADER)
    raw = raw_output(gcc.source("case", PROGRAM))
    struct = read_file(tmp_path / "case.h", Libc.GLIBC)[-1]
    layout = buffer_layout(struct, assign_roles(struct, {}), Libc.GLIBC)
    assert len(raw) == layout.size
    item = layout.item.decode(raw, layout.data + layout.item.size)
    assert isinstance(item, Fields)
    values = dict(item)
    assert math.isclose(values.pop("rate"), 0.1, rel_tol=1e-6)
    assert values == {
        "id": -7, "name": "maçã [b]\x1b", "price": -2.5, "on": True, "off": False, "colour": -2,
        "low": 5, "negative": -3, "wide": 0x1FFFFFFFF, "bit": 1, "xy": (-1, 300),
        "lines": ("sixsix", "ab"), "stamp": (("c", 120), ("serial", -(2**63))),
        "where": "0xdeadbeef", "raw": (255, 0, 0),
        "either": (("i", -2), ("b", (254, 255, 255, 255))), "anonymous": 65535,
        "big": (0,) * 16,
    }  # fmt: skip
    assert '"maçã [b]\x1b"' in value_text(item)


def test_a_counter_stored_by_us_is_read_by_c(tmp_path: Path, gcc: Compiler) -> None:
    """In the first member that takes one: here the text, as digits."""
    (tmp_path / "case.h").write_text("typedef struct { void *p; char n[8]; double d; } Item;\n")
    program = gcc.source(
        "case",
        '#include <stdio.h>\n#include "case.h"\nint main(int c, char **v) { Item i = {0};'
        'FILE *f = fopen(v[1], "rb"); fread(&i, sizeof i, 1, f); printf("%p %s %g", i.p, i.n, i.d);'
        "return 0; }",
    )
    (struct,) = read_file(tmp_path / "case.h", Libc.GLIBC)
    record = Record(
        tuple(Part(member.name, member.offset, member.shape) for member in struct.members),
        struct.size,
    )
    raw = bytearray(struct.size)
    assert encode(record, 12345, raw, 0)
    (tmp_path / "raw").write_bytes(raw)
    assert output(program, str(tmp_path / "raw")) == "(nil) 12345 0"


SHAPES: st.SearchStrategy[Shape] = st.recursive(
    st.sampled_from([Scalar(code, size) for code, size in
                     zip("bBhHiIqQfd?", (1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 1), strict=True)])
    | st.integers(1, 40).map(Text)
    | st.builds(lambda shift, width: Bits(Scalar("i", 4), shift, width), st.integers(0, 15), st.integers(1, 16)),
    lambda inner: st.builds(Array, inner, st.integers(0, 100))
    | st.lists(inner, max_size=4).map(
        lambda shapes: Record(tuple(Part(f"m{i}", 0, shape) for i, shape in enumerate(shapes)),
                              max((shape.size for shape in shapes), default=0))
    ),
    max_leaves=12,
)  # fmt: skip


@given(SHAPES, st.randoms(use_true_random=False))
def test_any_bytes_decode_and_print(shape: Shape, random: object) -> None:
    """Bytes that nobody meant for the shape still give a value, as text and as JSON."""
    from random import Random

    assert isinstance(random, Random)
    value = decode(shape, random.randbytes(shape.size), 0)
    value_text(value)
    import json

    json.dumps(value_json(value), allow_nan=False).encode("utf-8")


@given(SHAPES, st.integers(0, 2**31 - 1))
def test_a_stored_counter_stays_inside(shape: Shape, counter: int) -> None:
    """Storing changes no byte beyond the item; where nothing is stored, none at all."""
    raw = bytearray(b"\xaa" * (shape.size + 16))
    stored = encode(shape, counter, raw, 8)
    assert raw[:8] == raw[-8:] == b"\xaa" * 8
    assert len(raw) == shape.size + 16
    if not stored:
        assert raw == b"\xaa" * (shape.size + 16)


def test_arrays_of_arrays_are_cut_in_all(tmp_path: Path) -> None:
    """A value never holds more elements than can be shown, however deep."""
    shape: Shape = Scalar("b", 1)
    for _ in range(3):
        shape = Array(shape, 64)
    value = decode(shape, bytes(64**3), 0)
    assert value == (((0,) * 64,),)
