"""The layout is the one that a C compiler gives the struct."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.shm.layout import (
    ITEM_TYPES,
    MAX_SLOTS,
    SEM_SIZE,
    Layout,
    SemaphoreKind,
    seed_layout,
)
from shmtui.shm.layout_spec import (
    layout_option,
    layout_text,
    parse_layout,
    parse_layout_option,
)
from shmtui.shm.libc import Libc
from shmtui.shm.ring import semaphore_names
from tests.compiling import Compiler, output
from tests.conftest import index_offsets

C_NAMES = {
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int",
    "int64": "int64_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
    "float": "float",
    "double": "double",
}
SLOTS = (*range(1, 18), 31, 32, 33, 63, 64, 100, 255, 256, 1000, 1023, 1024, 4096, 1_000_003)


def _program() -> str:
    """One C program that prints every layout, with and without semaphores inside."""
    lines = [
        "#include <semaphore.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>",
        "int main(void) {",
    ]
    for item, c_name in C_NAMES.items():
        for slots in SLOTS:
            head = f"{c_name} data[{slots}]; int in, out;"
            lines += [
                f"{{ typedef struct {{ {head} sem_t mutex, empty, full; }} B;",
                f"typedef struct {{ {head} }} C;",
                f'printf("[\\"{item}\\",{slots}" ",%zu,%zu,%zu,%zu,%zu,%zu,%zu,%zu,%zu,%zu]\\n",',
                "offsetof(B,data),offsetof(B,in),offsetof(B,out),offsetof(B,mutex),",
                "offsetof(B,empty),offsetof(B,full),sizeof(B),",
                "offsetof(C,in),offsetof(C,out),sizeof(C)); }",
            ]
    return "\n".join([*lines, "return 0; }"])


def _compare(program: Path, libc: Libc) -> None:
    rows = [json.loads(line) for line in output(program).splitlines()]
    assert len(rows) == len(C_NAMES) * len(SLOTS)
    for item, slots, *offsets, size, named_in, named_out, named_size in rows:
        ours = seed_layout(slots, ITEM_TYPES[item], libc)
        fields = [ours.data, ours.in_, ours.out, ours.mutex, ours.empty, ours.full]
        assert (fields, ours.size) == (offsets, size), (item, slots)
        named = seed_layout(slots, ITEM_TYPES[item], libc, semaphore_names("/x"))
        found = (named.in_, named.out, named.size)
        assert found == (named_in, named_out, named_size), (item, slots)


def test_layout_is_what_gcc_lays_out(gcc: Compiler) -> None:
    """Offsets and size agree with gcc and glibc, for each item type and many lengths."""
    _compare(gcc.source("layouts", _program()), Libc.GLIBC)


def test_layout_is_what_musl_lays_out(tmp_path: Path) -> None:
    """The same with musl, whose sem_t is aligned to 4."""
    _compare(Compiler(tmp_path, "musl-gcc").source("layouts", _program()), Libc.MUSL)


any_layout = st.builds(
    lambda slots, item, libc, named: seed_layout(
        slots, ITEM_TYPES[item], libc, semaphore_names("/x") if named else ()
    ),
    st.integers(1, MAX_SLOTS),
    st.sampled_from(sorted(ITEM_TYPES)),
    st.sampled_from(Libc),
    st.booleans(),
)


@given(any_layout)
def test_fields_lie_inside_and_apart(layout: Layout) -> None:
    """No two fields share a byte, and none ends past the segment."""
    semaphores = [at for at in (layout.mutex, layout.empty, layout.full) if at is not None]
    assert len(semaphores) == (3 if layout.kind is SemaphoreKind.EMBEDDED else 0)
    spans = [(layout.data, layout.slots * layout.item.size)]
    spans += [(at, 4) for at in index_offsets(layout)]
    spans = sorted(spans + [(at, SEM_SIZE) for at in semaphores])
    ends = [start + length for start, length in spans]
    assert all(end <= start for end, (start, _) in zip(ends, spans[1:], strict=False))
    assert ends[-1] <= layout.size


@given(any_layout)
def test_layout_survives_its_text(layout: Layout) -> None:
    """A layout written out and read back is the same layout."""
    assert parse_layout(layout_text(layout)) == layout


@given(
    any_layout,
    st.sampled_from([(), ("in",), ("out",), ("in", "out")]),
    st.sampled_from(["", "/ptr", "/a.b-c"]),
    st.booleans(),
)
def test_layout_survives_its_option(
    layout: Layout, last: tuple[str, ...], segment: str, bare: bool
) -> None:
    """The value of --layout says everything but the length of the padding at the end."""
    layout = replace(layout, last=last, index_segment=segment)
    if bare:
        layout = replace(layout, in_=None, out=None, last=(), index_segment="")
    assert parse_layout(layout_text(layout)) == layout
    size = max(at + length for at, length in layout.spans)
    option = layout_option(layout)
    assert parse_layout_option(option, layout.libc) == replace(layout, size=size)


@pytest.mark.parametrize(
    "option",
    [
        "", "data", "data=0", "data=0:5", "data=0:5xint32,in=20", "data=0:5xint32,out=20",
        "data=0:5xint32,in=/a:0,out=/b:4", "data=0:5xint32,in=/a:0,out=4", "data=0:0xint32",
        "data=-8:5xint32,in=20,out=24", "data=0:5xint32,in=-4,out=24", "data=0:5xint32,in=a,out=b",
        "data=0:5xint32,in=20:int32:first,out=24", "data=0:5xint32,in=20:float,out=24",
        "data=0:5xint32,in=/../x:0,out=/../x:4", "data=0:5xint32,in=/:0,out=/:4",
        "data=0:5xint32,in=20,out=24,size=16", "data=0:5xint32,in=20,out=24,what=1",
        "data=0:99999999999xint32,in=0,out=4", "data=0:5xchar[0],in=20,out=24",
    ],
)  # fmt: skip
def test_what_is_no_layout_is_refused_in_a_line(option: str) -> None:
    """With an example of one, and in no words of Python's."""
    with pytest.raises(ShmtuiError) as refusal:
        parse_layout_option(option, Libc.GLIBC)
    assert "\n" not in str(refusal.value)
    assert "literal" not in str(refusal.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
_KEYS = ("slots", "item", "at", "size", "libc", "index", "names", "index_segment", "last")


@given(st.text() | _JSON.map(json.dumps))
def test_any_text_is_a_layout_or_a_value_error(text: str) -> None:
    """Reading a layout believes nothing: what is none is a ValueError and nothing else."""
    try:
        layout = parse_layout(text)
    except ValueError:
        return
    assert isinstance(layout, Layout)


@given(st.dictionaries(st.sampled_from(_KEYS), _JSON))
def test_a_damaged_layout_is_refused_or_sound(changes: dict[str, object]) -> None:
    """A layout with some of its fields replaced is refused, or every field still lies inside."""
    record = json.loads(layout_text(seed_layout(5, ITEM_TYPES["int32"], Libc.GLIBC)))
    try:
        layout = parse_layout(json.dumps(record | changes))
    except ValueError:
        return
    assert layout.data + layout.slots * layout.item.size <= layout.size
    assert max(index_offsets(layout)) + layout.index_size <= layout.size


@pytest.mark.parametrize("slots", [0, -1, MAX_SLOTS + 1])
def test_impossible_slots_are_refused(slots: int) -> None:
    """A ring has at least one slot, and no more than an int can index."""
    with pytest.raises(ShmtuiError, match=str(slots)):
        seed_layout(slots, ITEM_TYPES["int8"], Libc.GLIBC)


@pytest.mark.parametrize("item", sorted(ITEM_TYPES))
def test_counter_range_survives_storing(item: str) -> None:
    """The first and the last values of a count come back from a slot as they went in."""
    kind = ITEM_TYPES[item]
    bottom, top = kind.counter_range
    for value in (bottom, bottom + 1, 0, 1, top - 1, top):
        raw = memoryview(bytearray(kind.size))
        raw.cast(kind.code)[0] = value  # type: ignore[call-overload]
        assert kind.decode(bytes(raw)) == value
