"""Which struct is the buffer, and its layout."""

from pathlib import Path

import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts.member_roles import assign_roles
from shmtui.layouts.struct_choice import choose_struct
from shmtui.layouts.struct_layout import buffer_layout
from shmtui.layouts.struct_members import Struct
from shmtui.shm.layout import ITEM_TYPES, Layout, SemaphoreKind, seed_layout
from shmtui.shm.layout_spec import layout_text, parse_layout
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from tests.layouts.corpus import SHAPES
from tests.layouts.reading import one, read

SEMAPHORES = "sem_t mutex, empty, full;"
NAMES = tuple((role, f"/{role}") for role in SemaphoreRole)


def laid_out(struct: Struct, libc: Libc = Libc.GLIBC) -> Layout:
    return buffer_layout(struct, assign_roles(struct, {}), libc)


@pytest.mark.parametrize("libc", list(Libc))
def test_the_seeds_header_gives_the_seeds_layout(tmp_path: Path, libc: Libc) -> None:
    """For both C libraries, to the byte."""
    struct = one(tmp_path, SHAPES["seed"], libc)
    assert laid_out(struct, libc) == seed_layout(5, ITEM_TYPES["int32"], libc)


@pytest.mark.parametrize(
    ("ctype", "name", "size"),
    [
        ("int data[4];", "int32", 4),
        ("item_t data[4];", "int32", 4),
        ("unsigned char data[4];", "uint8", 1),
        ("char data[4];", "int8", 1),
        ("size_t data[4];", "uint64", 8),
        ("double data[4];", "double", 8),
        ("_Bool data[4];", "_Bool", 1),
        ("char data[4][32];", "char[32]", 32),
        ("line_t data[4];", "char[32]", 32),
        ("Item data[4];", "Item", 8),
        ("struct part data[4];", "struct part", 1),
        ("Item *data[4];", "Item *", 8),
        ("int data[4][3];", "int[3]", 12),
        ("long double data[4];", "long double", 16),
    ],
)
def test_items_are_named_and_sized(tmp_path: Path, ctype: str, name: str, size: int) -> None:
    """A plain number is the item type of that size; anything else keeps its C name."""
    before = """typedef int item_t; typedef char line_t[32]; struct part { char c; };
    typedef struct { int a; char b; } Item;\n"""
    layout = laid_out(one(tmp_path, f"{before} struct b {{ {ctype} int in, out; {SEMAPHORES} }};"))
    assert (layout.slots, layout.item.name, layout.item.size) == (4, name, size)
    assert parse_layout(layout_text(layout)) == layout


@pytest.mark.parametrize(
    ("ctype", "code"),
    [("unsigned char", "B"), ("short", "h"), ("unsigned", "I"), ("size_t", "Q"), ("long", "q"),
     ("_Atomic unsigned short", "H"), ("volatile int", "i")],
)  # fmt: skip
def test_indices_have_their_own_size_and_sign(tmp_path: Path, ctype: str, code: str) -> None:
    """Both are of one type, whichever."""
    layout = laid_out(one(tmp_path, f"struct b {{ {ctype} in, out; int data[4]; }};"))
    assert layout.index_code == code
    with pytest.raises(ShmtuiError, match="in and out have to be of one type"):
        laid_out(one(tmp_path, f"struct b {{ {ctype} in; signed char out; int data[4]; }};"))


def test_semaphores_beside_the_segment_have_no_offset(tmp_path: Path) -> None:
    """Absent, named, or a lock that is no semaphore."""
    struct = one(tmp_path, "struct b { int data[4], in, out; };")
    layout = buffer_layout(struct, assign_roles(struct, {}), Libc.GLIBC, NAMES)
    assert layout.kind is SemaphoreKind.NAMED
    assert layout.complete
    assert not laid_out(struct).complete
    assert laid_out(one(tmp_path, "struct b { int data[4], in, out; pthread_mutex_t m; };"
                        .replace(" m;", " mutex;"))).mutex is None  # fmt: skip
    whole = one(tmp_path, f"struct b {{ int data[4], in, out; {SEMAPHORES} }};")
    partly = buffer_layout(whole, assign_roles(whole, {}), Libc.GLIBC, NAMES[:1])
    assert partly.mutex is None
    assert partly.empty is not None


def test_members_that_overlap_are_refused(tmp_path: Path) -> None:
    """In a union nothing can be told apart."""
    struct = one(tmp_path, "struct b { union { int data[4]; int in; }; int out; };")
    with pytest.raises(ShmtuiError, match="overlap"):
        laid_out(struct)


TWO = "struct log { char text[9]; };\n" + "typedef struct { int data[4], in, out; } Small;\n"
THREE = f"{TWO}typedef struct {{ int data[8], in, out; {SEMAPHORES} }} Large;\n"


def test_the_struct_is_chosen_by_name(tmp_path: Path) -> None:
    """By tag, with or without the keyword, or by typedef."""
    structs = read(tmp_path, THREE)
    for name in ("log", "struct log", "Small", "Large"):
        assert choose_struct(structs, name, 0, {}).names == (name.removeprefix("struct "),)
    with pytest.raises(ShmtuiError, match=r"no struct Big: it has log \(9 bytes\), Small \(24"):
        choose_struct(structs, "Big", 0, {})


def test_the_only_one_with_the_roles_is_chosen(tmp_path: Path) -> None:
    """Whatever the others' sizes are; of several, the one that the segment's size fits."""
    assert choose_struct(read(tmp_path, TWO), None, 9, {}).names == ("Small",)
    structs = read(tmp_path, THREE)
    assert choose_struct(structs, None, 136, {}).names == ("Large",)
    assert choose_struct(structs, None, 24, {}).names == ("Small",)
    assert choose_struct(structs, None, 100, {}).names == ("Small",)
    with pytest.raises(
        ShmtuiError, match=r"Small \(24 bytes\), Large .*--header .*buffer\.h:Small"
    ):
        choose_struct(structs, None, 4096, {})


def test_a_struct_that_holds_the_other_goes_first(tmp_path: Path) -> None:
    """The ring inside the buffer has the roles too, and is not the segment."""
    text = f"typedef struct {{ int data[4], in, out; }} Ring; struct b {{ Ring r; {SEMAPHORES} }};"
    assert choose_struct(read(tmp_path, text), None, 4096, {}).names == ("b",)


def test_without_any_candidate_it_says_what_there_is(tmp_path: Path) -> None:
    """One struct alone is taken, so that its own members are what is spoken of."""
    text = "struct a { int x; }; struct b { int y; };"
    with pytest.raises(ShmtuiError, match=r"a \(4 bytes\), b \(4 bytes\)"):
        choose_struct(read(tmp_path, text), None, 100, {})
    assert choose_struct(read(tmp_path, "struct a { int x; };"), None, 9, {}).names == ("a",)
    with pytest.raises(ShmtuiError, match="declares no struct"):
        choose_struct((), None, 9, {})
    given = {"data": "d", "in": "x", "out": "y"}
    text = "struct a { int x; }; struct b { int x, y, d[2]; };"
    assert choose_struct(read(tmp_path, text), None, 100, given).names == ("b",)
