"""C++ headers: each struct's size and offsets are what g++ says, and wrappers are seen through."""

import itertools
import re
from pathlib import Path

import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts.struct_members import Member, Struct
from shmtui.shm.libc import Libc
from tests.compiling import require
from tests.layouts.oracle import Case, judged_as_cpp
from tests.layouts.reading import read_file

RING = "int data[5]; int in, out; sem_t mutex, empty, full;"
FORMS = {
    "atomic": "#include <atomic>\nstruct Buffer { int data[5]; std::atomic<int> in, out; "
    "sem_t mutex, empty, full; };",
    "class": f"class Buffer {{ public: {RING} }};",
    "private members": f"class Buffer {{ {RING} }};",
    "const": f"const int N = 5;\nstruct Buffer {{ {RING.replace('[5]', '[N]')} }};",
    "constexpr": f"constexpr int N() {{ return 5; }}\nstruct Buffer {{ {RING.replace('5', 'N()')} }};",
    "default values": "struct Buffer { int data[5] = {}; int in = 0, out{0}; "
    "sem_t mutex, empty, full; };",
    "extern C": f'extern "C" {{\nstruct Buffer {{ {RING} }};\n}}',
    "namespace": f"namespace ipc {{ inline namespace v1 {{ struct Buffer {{ {RING} }}; }} }}",
    "alignas": f"struct alignas(64) Buffer {{ {RING} }};",
    "using namespace": f"using namespace std;\nstruct Buffer {{ {RING} }};",
    "typedef": f"typedef struct {{ {RING} }} Buffer;",
    "functions": f"struct Buffer {{ Buffer(); ~Buffer(); void put(int); static int made; "
    f"static constexpr int N = 5; using value_type = int; {RING} }};",
    "base class": "struct Indices { int in, out; };\n"
    "struct Buffer : Indices { int data[5]; sem_t mutex, empty, full; };",
    "std::array": f"#include <array>\nstruct Buffer {{ {RING.replace('int data[5]', 'std::array<int, 5> data')} }};",
}


def read(folder: Path, text: str, name: str = "case.hpp", *names: str) -> tuple[Struct, ...]:
    """The structs of a C++ header, which g++ confirms."""
    require("g++")
    header = folder / name
    header.write_text(f"#include <semaphore.h>\n{text}\n")
    structs = read_file(header, Libc.GLIBC, names=names)
    verdict = judged_as_cpp(Case(header, structs))
    assert verdict.compiles, verdict.wrong
    assert not verdict.wrong
    return structs


def by_name(struct: Struct) -> dict[str, Member]:
    return {member.name: member for member in struct.members}


@pytest.mark.parametrize(
    ("name", "form"), [*itertools.product(["case.hpp", "case.h"], FORMS), ("case.cpp", "atomic")]
)
def test_every_form_of_the_buffer_is_read(tmp_path: Path, form: str, name: str) -> None:
    """By a header that only C++ takes, under a name of either language."""
    struct = read(tmp_path, FORMS[form], name)[-1]
    assert "Buffer" in struct.names
    members = by_name(struct)
    assert set(members) == {"data", "in", "out", "mutex", "empty", "full"}
    assert members["data"].type_name == "int[5]"
    assert members["data"].length == 5
    assert members["in"].integer
    assert members["out"].integer
    assert {m.system for m in members.values() if m.system} == {"sem_t"}


def test_names_are_qualified(tmp_path: Path) -> None:
    """Short names first, and the qualified one last."""
    structs = read(
        tmp_path, "namespace a::b { struct Item { int x; }; struct R { Item data[2]; struct In { char c; } in; }; }"
    )  # fmt: skip
    assert [struct.names for struct in structs] == [
        ("Item", "a::b::Item"), ("In", "a::b::R::In"), ("R", "a::b::R"),
    ] or [struct.names for struct in structs] == [
        ("Item", "a::b::Item"), ("R", "a::b::R"), ("In", "a::b::R::In"),
    ]  # fmt: skip
    ring = next(struct for struct in structs if "R" in struct.names)
    assert by_name(ring)["data"].type_name == "a::b::Item[2]"


TEMPLATE = """\
#include <atomic>
#include <cstdint>
namespace ipc {
template <class T, int N> class Ring {
  std::atomic<uint32_t> in{0}, out{0};
  T data[N];
  sem_t mutex, empty, full;
};
using Longs = Ring<long, 3>;
}
typedef ipc::Ring<int, 8> Ints;
"""


def test_a_template_is_made_where_it_is_named(tmp_path: Path) -> None:
    """By a typedef, by an alias in a namespace, or as the user writes it."""
    structs = read(tmp_path, TEMPLATE, "case.hpp", "ipc::Longs", "ipc::Ring<char,2>")
    found = {name: struct for struct in structs for name in struct.names}
    lengths = {
        name: by_name(found[name])["data"].type_name
        for name in ("Ints", "ipc::Longs", "ipc::Ring<char,2>")
    }
    assert lengths == {"Ints": "int[8]", "ipc::Longs": "long[3]", "ipc::Ring<char,2>": "char[2]"}
    assert by_name(found["Ints"])["in"].type_name == "unsigned int"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ipc::Ring", "template arguments"),
        ("ipc::Ring<Tick,2>", "'Tick' was not declared"),
        ("Ring<int,2>", "did you mean 'ipc::Ring'?"),
        ("ipc::Ring<int>", "wrong number of template arguments"),
    ],
)
def test_a_template_that_the_compiler_refuses_is_said_in_its_words(
    tmp_path: Path, name: str, reason: str
) -> None:
    with pytest.raises(ShmtuiError, match=f"no type {name}: .*{re.escape(reason)}") as refused:
        read(tmp_path, TEMPLATE, "case.hpp", name)
    assert "unit.cpp" not in str(refused.value)


def test_a_name_that_is_not_there_leaves_those_that_are(tmp_path: Path) -> None:
    """Who chooses among them names them."""
    structs = read(tmp_path, TEMPLATE, "case.hpp", "Nope")
    assert any("Ints" in struct.names for struct in structs)


def test_wrappers_stand_for_what_they_wrap(tmp_path: Path) -> None:
    """The standard library's locks and atomics; classes of the user's own are structs."""
    text = """\
#include <atomic>
#include <condition_variable>
#include <mutex>
struct Sem { sem_t s; };
struct Buffer { std::mutex m; std::condition_variable c; std::atomic<unsigned char> n;
  std::atomic<bool> closed; std::atomic<long> *where; Sem own; int tail[]; };
"""
    members = by_name(read(tmp_path, text)[-1])
    assert (members["m"].system, members["c"].system) == ("pthread_mutex_t", "pthread_cond_t")
    assert (members["n"].integer, members["closed"].integer) == (True, False)
    assert members["own"].system == ""
    assert [member.system for member in members["own"].members] == ["sem_t"]


LOOKALIKE = """\
namespace boost { namespace interprocess {
namespace ipcdetail { class posix_semaphore { sem_t m_sem; }; class posix_mutex { pthread_mutex_t m_mut; }; }
class interprocess_semaphore { public: static int made; ipcdetail::posix_semaphore m_sem; };
class interprocess_mutex { ipcdetail::posix_mutex m_mutex; };
} }
"""
BOOST = """\
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/interprocess_semaphore.hpp>
"""


@pytest.mark.parametrize("real", [False, True])
def test_boosts_semaphore_is_a_semaphore(tmp_path: Path, real: bool) -> None:
    """As Debian's package has it, and as a look-alike of it."""
    if real and not Path("/usr/include/boost/interprocess").is_dir():
        pytest.skip("libboost-dev is not installed, and this reads its headers")
    text = BOOST if real else LOOKALIKE
    text += """
struct Buffer { int data[4]; int in, out; boost::interprocess::interprocess_semaphore empty, full;
  boost::interprocess::interprocess_mutex mutex; Buffer(); };
"""
    header = tmp_path / "case.hpp"
    header.write_text(f"#include <pthread.h>\n#include <semaphore.h>\n{text}")
    require("g++")
    struct = read_file(header, Libc.GLIBC)[-1]
    members = by_name(struct)
    kinds = {name: members[name].system for name in ("empty", "full", "mutex")}
    assert kinds == {"empty": "sem_t", "full": "sem_t", "mutex": "pthread_mutex_t"}
    assert members["empty"].type_name == "sem_t"


def test_classes_with_virtual_functions_and_bases_are_read(tmp_path: Path) -> None:
    """Though their functions stand in another file."""
    text = """\
struct A { virtual void f(); int a; };
struct B { short b; };
class C : public A, private B { public: int c : 3; enum class E : short { x = -1 } e; int C::*p; void (C::*q)(); };
struct Empty {}; struct D : Empty { int d; union { long l; double x; }; };
"""
    header = tmp_path / "case.hpp"
    header.write_text(text)
    require("g++")
    found = {struct.names[-1]: struct for struct in read_file(header, Libc.GLIBC)}
    assert [m.name for m in found["C"].members] == ["a", "b", "c", "e", "p", "q"]
    assert not judged_as_cpp(Case(header, tuple(found.values()))).wrong
