"""Which member is what: told by type and name in two languages, or given, or asked for."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shmtui.errors import ShmtuiError
from shmtui.layouts.member_roles import Roles, assign_roles
from shmtui.layouts.struct_members import Member, Struct
from shmtui.layouts.vocabulary import COUNT, ROLES, fitness, roles_by_name
from shmtui.shm.item_shape import Array, Scalar
from shmtui.shm.protocol import SemaphoreRole
from tests.layouts.reading import one

INT = Scalar("i", 4)
BYTES = Array(Scalar("B", 1), 32)


def chosen(roles: Roles) -> tuple[str | None, ...]:
    found = (roles.data, roles.in_, roles.out, roles.mutex, roles.empty, roles.full)
    return tuple(member.name if member else None for member in found)


def buffer(data: str, in_: str, out: str, *semaphores: str) -> str:
    """A header with such members, in an order that tells nothing."""
    named = "".join(f" sem_t {name};" for name in reversed(semaphores))
    return f"typedef struct {{{named} int {out}; int {in_}; long {data}[7]; }} Buffer;"


NAMES = [
    ("buffer", "in", "out", "mutex", "empty", "full"),
    ("data", "head", "tail", "lock", "free", "used"),
    ("items", "write_idx", "read_idx", "mtx", "empty_slots", "full_slots"),
    ("queue", "rear", "front", "sem_mutex", "sem_empty", "sem_full"),
    ("buf", "writePos", "readPos", "bufLock", "slots", "items"),
    ("dados", "entrada", "saida", "exclusao", "vazio", "cheio"),
    ("fila", "inicio", "fim", "trava", "vazios", "cheios"),
    ("itens", "escrita", "leitura", "mutex", "livres", "ocupados"),
    ("vetor", "idx_in", "idx_out", "exclusao_mutua", "espacos", "itens"),
    ("elementos", "posicaoEscrita", "posicaoLeitura", "semMutex", "semVazio", "semCheio"),
    ("messages", "put_ptr", "get_ptr", "MUTEX", "EMPTY", "FULL"),
    ("slots", "w", "r", "guard", "spaces", "filled"),
    ("mensagens", "prox_entrada", "prox_saida", "mutex_sem", "vagas", "prontos"),
    ("Buffer", "nextIn", "nextOut", "Mutex", "Empty", "Full"),
    ("array", "prod_idx", "cons_idx", "mutex", "emptyCount", "fullCount"),
    ("shared_buffer", "in_", "out_", "the_mutex", "count_empty", "count_full"),
    ("m_data", "in", "out", "mutex", "empty", "full"),
    ("samples", "write_pos", "read_pos", "access_lock", "space_available", "items_available"),
    ("values", "put_idx", "get_idx", "lock", "not_full", "not_empty"),
    ("dados", "entrada", "saida", "trava", "naoCheio", "naoVazio"),
    ("dados", "insere", "retira", "trava", "vagas", "itens"),
    ("jobs", "back", "front", "lock", "room", "ready"),
    ("orders", "last", "first", "lock", "free", "used"),
    ("itens", "ini", "fim", "mutex1", "vaga", "ocupados"),
]


@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_usual_names_are_told(tmp_path: Path, names: tuple[str, ...]) -> None:
    """English and Portuguese, snake and camel, with the usual additions."""
    struct = one(tmp_path, buffer(*names))
    assert chosen(assign_roles(struct, {})) == names


@pytest.mark.parametrize(
    ("free", "items"),
    [
        ("/a_not_full", "/a_not_empty"), ("/a.naoCheio", "/a.naoVazio"), ("/notfull", "/notempty"),
        ("/a_not_full_slots", "/a_nonempty_items"), ("/a_NOT_FULL", "/a_ready_items"),
        ("/notification_empty", "/notification_full"), ("/node_free", "/node_used"),
    ],
)  # fmt: skip
def test_a_named_semaphore_that_denies_a_word(free: str, items: str) -> None:
    """Who waits until the ring is not full takes a free slot."""
    for names in ([free, items, "/a_mutex"], ["/a_mutex", items, free]):
        told = dict(roles_by_name(names))
        assert told == {
            SemaphoreRole.MUTEX: "/a_mutex", SemaphoreRole.EMPTY: free, SemaphoreRole.FULL: items,
        }  # fmt: skip


@pytest.mark.parametrize("name", ["count", "cont", "cont_itens", "qtd", "numItens"])
def test_a_count_is_told(name: str) -> None:
    """As courses abbreviate it."""
    assert fitness(name, COUNT)
    assert not any(fitness(name, role) for role in ("in", "out", "mutex"))


def test_a_lone_array_of_another_name_is_the_data(tmp_path: Path) -> None:
    """There is no other; but an array of char may be anything."""
    assert assign_roles(one(tmp_path, buffer("zeugs", "in", "out")), {}).data.name == "zeugs"
    with pytest.raises(ShmtuiError, match=r"no member that is data by its name: say --map data="):
        assign_roles(one(tmp_path, "struct b { char title[8]; int in, out; };"), {})


def test_types_tell_apart_what_names_do_not(tmp_path: Path) -> None:
    """An array is items and not the semaphore's namesake; empty is a sem_t, not the flag."""
    text = """struct b { int items[4]; sem_t full; int in, out; int empty; sem_t slots, mutex; };"""
    assert chosen(assign_roles(one(tmp_path, text), {})) == (
        "items", "in", "out", "mutex", "slots", "full",
    )  # fmt: skip


def test_counters_and_flags_are_no_indices(tmp_path: Path) -> None:
    """in_use, items_in and read_count say something else than in and read."""
    text = "struct b { int in_use, total_in, write, read_count, read; char data[9]; };"
    assert chosen(assign_roles(one(tmp_path, text), {}))[:3] == ("data", "write", "read")


@pytest.mark.parametrize("inner", ["v", "value", "pos", "m_next"])
def test_a_struct_of_one_value_has_the_name_of_its_member(tmp_path: Path, inner: str) -> None:
    """Indices on cache lines of their own; a member whose own name tells another thing is that."""
    text = (
        f"struct Line {{ unsigned {inner}; char pad[60]; }}; struct Lock {{ sem_t s; }};\n"
        "struct Total { long total; } ; typedef struct { int data[4]; struct Total in; struct Line write, read; "
        "struct Lock mutex, vazio, cheio; } Buffer;"
    )
    assert chosen(assign_roles(one(tmp_path, text), {})) == (
        "data", f"write.{inner}", f"read.{inner}", "mutex.s", "vazio.s", "cheio.s",
    )  # fmt: skip


def test_a_name_that_says_it_goes_before_a_convention(tmp_path: Path) -> None:
    """Where in stands beside head, head is something else; and a convention is told as one."""
    both = one(tmp_path, "struct b { int head, tail, in, out; int data[4]; };")
    assert not assign_roles(both, {}).by_convention
    assert chosen(assign_roles(both, {}))[1:3] == ("in", "out")
    roles = assign_roles(one(tmp_path, "struct b { int head, tail; int data[4]; };"), {})
    assert roles.by_convention
    assert roles.directions == (("in=head", "out=tail"), ("in=tail", "out=head"))


def test_members_of_an_inner_struct_are_named_as_map_takes_them(tmp_path: Path) -> None:
    """What is printed of both directions can be given back."""
    inner = "typedef struct { int cells[8]; int head, tail; sem_t lock, empty, full; } Ring;"
    whole = f"{inner} typedef struct {{ char magic[8]; Ring r; char log[99]; }} Segment;"
    struct = one(tmp_path, whole)
    shown, other = assign_roles(struct, {}).directions
    assert shown == ("in=r.head", "out=r.tail")
    turned = assign_roles(struct, dict(word.split("=") for word in other))
    assert turned.directions == (other, shown)


def test_inner_structs_members_have_dotted_names(tmp_path: Path) -> None:
    """Their offsets are those of the whole; anonymous ones have the plain name."""
    text = """struct ring { long data[5]; int in, out; };
    struct shared { int magic; struct ring ring; struct { sem_t mutex, empty, full; }; };"""
    struct = one(tmp_path, text)
    roles = assign_roles(struct, {})
    assert roles.in_ is not None
    assert roles.out is not None
    assert (roles.data.offset, roles.in_.offset, roles.out.offset) == (8, 48, 52)
    assert roles.mutex is not None
    assert roles.mutex.offset == 56
    other = assign_roles(struct, {"data": "ring.data", "in": "ring.out", "out": "ring.in"})
    assert other.in_ is not None
    assert other.in_.offset == 52


def test_semaphores_of_an_array_are_named_by_number(tmp_path: Path) -> None:
    """An array tells no roles; its elements can be given."""
    struct = one(tmp_path, "struct b { int data[3], in, out; sem_t sems[3]; };")
    with pytest.raises(
        ShmtuiError, match=r"--map mutex=…,empty=…,full=… with sems\[0\], sems\[1\]"
    ):
        assign_roles(struct, {})
    roles = assign_roles(struct, {"mutex": "sems[2]", "empty": "sems[0]", "full": "sems[1]"})
    assert roles.mutex is not None
    assert roles.mutex.offset == 24 + 64


def test_a_pthread_mutex_may_be_the_lock(tmp_path: Path) -> None:
    """And is known as one, so that nobody takes it for a semaphore."""
    struct = one(tmp_path, "struct b { int data[3], in, out; pthread_mutex_t lock; };")
    assert assign_roles(struct, {}).pthread_mutex
    assert not assign_roles(one(tmp_path, buffer(*NAMES[0])), {}).pthread_mutex


def test_a_semaphore_of_ones_own_kind_is_none(tmp_path: Path) -> None:
    """A struct that is only called like one is no sem_t."""
    struct = one(
        tmp_path,
        "typedef struct { int v; } semaphore_t; struct b { semaphore_t mutex; int data[3], in, out; };",
    )
    assert assign_roles(struct, {}).mutex is None


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("int in, input, out; int data[3];", {"in": "nope"},
         "--map in=nope: b (FILE:7) has no member nope: it has in, input, out, data"),
        ("int in, out; int data[3];", {"head": "in"},
         "--map head=in: there is no role head: use data, in, out, mutex, empty, full, count"),
        ("int in, out; float x; int data[3];", {"in": "x"},
         "--map in=x: x is float, and in has to be an integer: b (FILE:7) has in, out"),
        ("int in, out; int data[3];", {"mutex": "in"},
         "--map mutex=in: in is int, and mutex has to be a sem_t or a pthread_mutex_t: b (FILE:7) has "
         "none"),
        ("int in, out; int data[3], items[3];", {},
         "b (FILE:7) has 2 members that may be data: say --map data=data or --map data=items"),
        ("int a, out; int data[3];", {},
         "b (FILE:7) has no member that is in by its name: say --map in=… with one of a"),
        ("int in, out; int *data;", {},
         "b (FILE:7) has no member that is data by its name: it needs an array; where the slots lie behind it, say how "
         "many and what they are: --layout data=16:COUNTxTYPE,in=0:int32,out=4:int32"),
        ("int in, out, data[3]; sem_t one, mutex;", {},
         "b (FILE:7) has semaphores whose roles are not told by their names: say --map "
         "empty=…,full=… with one, or - for none"),
        ("int in, out, data[3]; sem_t avail, slots, mutex;", {},
         "b (FILE:7) has a semaphore whose role is not told by its name: say --map full=avail, or --map "
         "full=- if it is another's"),
        ("int in, out, data[3];", {"in": "in", "out": "in"},
         "in of b (FILE:7) may be in and out: say which member is what, as --map in=…,out=…"),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_refused_with_its_way_out(
    tmp_path: Path, text: str, given: dict[str, str], expected: str
) -> None:
    """The members that there are, and the option that settles it."""
    struct = one(tmp_path, f"struct b {{ {text} }};")
    with pytest.raises(ShmtuiError) as caught:
        assign_roles(struct, given)
    assert str(caught.value).replace(str(tmp_path / "buffer.h"), "FILE") == expected


def test_a_semaphore_can_be_left_out(tmp_path: Path) -> None:
    """Some structs hold others than the three."""
    struct = one(tmp_path, "struct b { int in, out, data[3]; sem_t done; };")
    roles = assign_roles(struct, {"mutex": "-", "empty": "-", "full": "-"})
    assert chosen(roles)[3:] == (None, None, None)


def member(name: str, role: str, at: int) -> Member:
    """A member whose type suits the role."""
    if role == "data":
        return one_array(name, at)
    if role in {"in", "out"}:
        return Member(name, at, INT, "int", integer=True)
    return Member(name, at, BYTES, "sem_t", system="sem_t")


def one_array(name: str, at: int) -> Member:
    from shmtui.layouts.struct_members import Element

    return Member(name, at, Array(INT, 4), "int[4]", length=4, element=Element("int", INT))


@given(st.permutations(ROLES), st.sampled_from(NAMES), st.integers(0, 3))
@settings(max_examples=200)
def test_order_and_case_tell_nothing(order: list[str], names: tuple[str, ...], case: int) -> None:
    """Any order of the members, and any way of writing them, gives the same roles."""
    styled = [(str, str.upper, str.lower, str.title)[case](name) for name in names]
    by_role = dict(zip(ROLES, styled, strict=True))
    if len(set(styled)) < len(styled) or not all(fitness(by_role[r], r) for r in ROLES):
        return
    members = tuple(member(by_role[role], role, 64 * at) for at, role in enumerate(order))
    roles = assign_roles(Struct(("B",), members, 384, "b.h:1"), {})
    assert chosen(roles) == tuple(styled)


@given(st.text(max_size=40), st.sampled_from(ROLES))
def test_any_name_has_a_fitness(name: str, role: str) -> None:
    """Hostile names are no exception."""
    assert fitness(name, role) in {0, 1, 2, 3}


def test_indices_that_are_elements_of_an_array(tmp_path: Path) -> None:
    """Only the user can say which element is which: the message names them."""
    text = "typedef struct { sem_t s[3]; int idx[2]; char rows[6][20]; } Buffer;"
    struct = one(tmp_path, text)
    semaphores = {"mutex": "s[0]", "empty": "s[1]", "full": "s[2]"}
    with pytest.raises(ShmtuiError, match=r"--map in=… with one of idx\[0\], idx\[1\]"):
        assign_roles(struct, {"data": "rows"})
    roles = assign_roles(struct, {"data": "rows", "in": "idx[0]", "out": "idx[1]", **semaphores})
    assert roles.in_ is not None
    assert roles.out is not None
    assert (roles.in_.offset, roles.out.offset) == (96, 100)
    for wrong in ("idx[2]", "rows[0]", "s[0]"):
        with pytest.raises(ShmtuiError, match="--map out="):
            assign_roles(struct, {"data": "rows", "in": "idx[0]", "out": wrong, **semaphores})


def test_indices_that_are_bit_fields(tmp_path: Path) -> None:
    """They are called what they are, with the option that shows the rest."""
    text = (
        "typedef struct { union { struct { unsigned in:16, out:16; }; unsigned both; };"
        " sem_t mutex, empty, full; int data[4]; } Buffer;"
    )
    struct = one(tmp_path, text)
    with pytest.raises(ShmtuiError, match=r"in of Buffer .* is a bit-field.*--map in=-,out=-"):
        assign_roles(struct, {})
    with pytest.raises(ShmtuiError, match="in is a bit-field of unsigned int"):
        assign_roles(struct, {"in": "in"})
    assert assign_roles(struct, {"in": "-", "out": "-"}).data.name == "data"
