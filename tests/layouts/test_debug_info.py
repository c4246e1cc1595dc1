"""Programs' own debug information: every way in which compilers and packagers leave it."""

import gc
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts.debug_files import DebugRoots
from shmtui.layouts.debug_info import read_structs, ring_structs
from shmtui.layouts.struct_members import Struct
from shmtui.procfs.elf import debug_size, section_sizes, word_size
from tests.compiling import require

SOURCE = """\
#include <pthread.h>
#include <semaphore.h>
typedef struct { int id; char name[12]; unsigned low : 3, high : 9; } Item;
typedef struct ring { Item data[5]; int in, out; sem_t mutex, empty, full; } Ring;
struct plain { long a, b; };
struct outer { char magic[8]; Ring rings[2]; };
Ring ring; struct plain plain; struct outer outer;
int main(void) { return ring.in + (int)plain.a + outer.rings[0].in; }
"""
CPP = """\
#include <atomic>
#include <semaphore.h>
namespace ipc {
template <class T, int N> struct Ring { std::atomic<unsigned> in, out; T data[N]; sem_t mutex, empty, full; };
}
ipc::Ring<int, 8> ring;
int main() { return ring.data[0]; }
"""


def run(folder: Path, *command: str) -> None:
    """A tool of the compiler's, in the test's folder."""
    done = subprocess.run(
        [require(command[0]), *command[1:]], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode and "unrecognized" in done.stderr:
        pytest.skip(f"{command[0]} has not these options: {command[1:]}")
    assert done.returncode == 0, done.stderr


def build(folder: Path, *flags: str, source: str = SOURCE, name: str = "prog.c") -> Path:
    """The program, compiled with these flags."""
    (folder / name).write_text(source)
    compiler = "gcc" if name.endswith(".c") else "g++"
    run(folder, compiler, "-g", *flags, name, "-o", "prog")
    return folder / "prog"


def empty_roots(folder: Path) -> DebugRoots:
    """Places for separate debug files that hold none yet."""
    return DebugRoots(folder / "system", folder / "cache")


def require_all_four(structs: tuple[Struct, ...]) -> None:
    """The structs of SOURCE, as gcc lays them out for x86-64 and aarch64."""
    found = {struct.names[0]: struct for struct in structs}
    assert {name: struct.size for name, struct in found.items()} == {
        "Item": 20, "ring": 208, "plain": 16, "outer": 424,
    }  # fmt: skip
    ring = found["ring"]
    assert [(m.name, m.offset, m.type_name) for m in ring.members] == [
        ("data", 0, "Item[5]"), ("in", 100, "int"), ("out", 104, "int"), ("mutex", 112, "sem_t"),
        ("empty", 144, "sem_t"), ("full", 176, "sem_t"),
    ]  # fmt: skip
    assert [m.name for m in found["outer"].members] == ["magic", "rings"]


@pytest.mark.parametrize(
    "flags",
    [
        "-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5", "-gdwarf-5 -gdwarf64", "-O2",
        "-fdebug-types-section", "-fdebug-types-section -gdwarf-4", "-gsplit-dwarf",
        "-gsplit-dwarf -gdwarf-4", "-gsplit-dwarf -fdebug-types-section", "-gz=zlib", "-flto -O1",
        "-gz=zlib-gnu", "-static", "-gstrict-dwarf", "-gno-column-info", "-fmerge-debug-strings",
        "-fno-merge-debug-strings", "-gsplit-dwarf -fdebug-types-section -gdwarf-4",
    ],
)  # fmt: skip
def test_every_kind_of_debug_information_is_read(tmp_path: Path, flags: str) -> None:
    """In the versions and forms that gcc writes."""
    if "-flto" in flags and sys.maxsize < 2**32:
        pytest.skip("64-bit sizes")
    binary = build(tmp_path, *flags.split())
    require_all_four(read_structs(binary, roots=empty_roots(tmp_path)))
    rings, _sizes = ring_structs(binary, roots=empty_roots(tmp_path))
    assert {ring.names[0] for ring in rings} == {"ring", "outer"}
    (ring,) = (ring for ring in rings if ring.names == ("ring", "Ring"))
    assert ring.place.endswith("prog.c:4")


@pytest.mark.parametrize(
    "flags", ["-c", "-c -gdwarf-4", "-c -fdebug-types-section", "-shared -fPIC"]
)
def test_object_files_and_libraries_are_read(tmp_path: Path, flags: str) -> None:
    """An object file's sections are relocated first."""
    require_all_four(read_structs(build(tmp_path, *flags.split())))


@pytest.mark.parametrize("flags", ["", "-gsplit-dwarf", "-fdebug-types-section", "-gz=zlib", "-O2"])
def test_a_cpp_programs_template_is_read(tmp_path: Path, flags: str) -> None:
    """With its arguments in its name, its atomics as integers."""
    binary = build(tmp_path, *flags.split(), source=CPP, name="prog.cpp")
    ((ring,), _sizes) = ring_structs(binary)
    assert ring.names == ("Ring<int, 8>", "ipc::Ring<int, 8>")
    assert [(m.name, m.offset, m.type_name, m.integer) for m in ring.members[:3]] == [
        ("in", 0, "unsigned int", True), ("out", 4, "unsigned int", True), ("data", 8, "int[8]", False),
    ]  # fmt: skip


def test_structs_are_chosen_by_name_and_by_size(tmp_path: Path) -> None:
    """Beside those that hold a semaphore."""
    binary = build(tmp_path)
    assert [s.names[0] for s in read_structs(binary, names=["struct plain", "Item"])] == [
        "Item", "plain",
    ]  # fmt: skip
    assert {s.names[0] for s in ring_structs(binary, size=16)[0]} == {"plain", "ring", "outer"}


RUST = """\
#![allow(dead_code, non_camel_case_types)]
use std::sync::atomic::{AtomicU32, Ordering};
pub mod libc { #[repr(C)] #[repr(align(8))] pub struct sem_t { pub size: [u8; 32] } }
#[repr(C)] pub struct Item { id: i32, name: [u8; 8] }
#[repr(C)] pub struct Ring { r#in: AtomicU32, out: u32, data: [Item; 4], mutex: libc::sem_t }
fn main() {
    let ring = Ring { r#in: AtomicU32::new(1), out: 2, data: [const { Item { id: 0, name: [0; 8] } }; 4],
        mutex: libc::sem_t { size: [0; 32] } };
    std::process::exit((ring.r#in.load(Ordering::Relaxed) + ring.out) as i32 - 3);
}
"""


def rustc() -> str:
    """The Rust compiler's path; skips the test where there is none."""
    found = shutil.which("rustc") or shutil.which(str(Path("~/.cargo/bin/rustc").expanduser()))
    if found is None:
        pytest.skip("rustc is not installed, and this reads what it makes")
    return found


def test_a_rust_program_is_read(tmp_path: Path) -> None:
    """Its atomics are integers; its modules qualify names."""
    (tmp_path / "prog.rs").write_text(RUST)
    done = subprocess.run(
        [rustc(), "-g", "prog.rs"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (ring,) = read_structs(tmp_path / "prog", names=["Ring"])
    assert ring.names == ("Ring", "prog::Ring")
    assert [(m.name, m.offset, m.type_name, m.integer) for m in ring.members[:3]] == [
        ("in", 0, "u32", True), ("out", 4, "u32", True), ("data", 8, "prog::Item[4]", False),
    ]  # fmt: skip
    assert ring.size == 88


# -- separate files -------------------------------------------------------------------------------


def stripped(folder: Path, *flags: str) -> tuple[Path, Path]:
    """The program without debug information, and the file that has it."""
    binary = build(folder, *flags)
    run(folder, "objcopy", "--only-keep-debug", "prog", "prog.debug")
    run(folder, "strip", "--strip-all", "prog")
    return binary, folder / "prog.debug"


def identity(binary: Path) -> str:
    done = subprocess.run(
        ["readelf", "-n", str(binary)], capture_output=True, text=True, check=True
    )
    return done.stdout.partition("Build ID: ")[2].split()[0]


@pytest.mark.parametrize("place", ["system", "cache"])
def test_a_separate_file_is_found_by_build_id(tmp_path: Path, place: str) -> None:
    """Below /usr/lib/debug, or in debuginfod's cache; one of another program is not taken."""
    binary, debug = stripped(tmp_path, "-Wl,--build-id")
    roots, number = empty_roots(tmp_path), identity(binary)
    target = {
        "system": roots.system / ".build-id" / number[:2] / f"{number[2:]}.debug",
        "cache": roots.cache / number / "debuginfo",
    }[place]
    target.parent.mkdir(parents=True)
    debug.rename(target)
    require_all_four(read_structs(binary, roots=roots))
    other = tmp_path / "other"
    other.mkdir()
    changed = SOURCE.replace("[5]", "[6]")
    build(other, "-Wl,--build-id", source=changed).rename(target)
    with pytest.raises(ShmtuiError, match="has no debug information"):
        read_structs(binary, roots=roots)


def test_the_caches_place_is_debuginfods(monkeypatch: pytest.MonkeyPatch) -> None:
    """As debuginfod_find_debuginfo(3) has it."""
    monkeypatch.setenv("DEBUGINFOD_CACHE_PATH", "/somewhere")
    assert DebugRoots().cache == Path("/somewhere")
    monkeypatch.delenv("DEBUGINFOD_CACHE_PATH")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    assert DebugRoots().cache == Path("/home/me/.cache/debuginfod_client")


@pytest.mark.parametrize("place", ["beside", ".debug", "system"])
def test_a_separate_file_is_found_by_its_link(tmp_path: Path, place: str) -> None:
    """Beside the program, in ``.debug``, or below /usr/lib/debug; a changed one is not taken."""
    binary, debug = stripped(tmp_path, "-Wl,--build-id=none")
    run(tmp_path, "objcopy", "--add-gnu-debuglink=prog.debug", "prog")
    roots = empty_roots(tmp_path)
    folder = {
        "beside": tmp_path,
        ".debug": tmp_path / ".debug",
        "system": roots.system / str(tmp_path.resolve()).lstrip("/"),
    }[place]
    folder.mkdir(parents=True, exist_ok=True)
    moved = debug.rename(folder / debug.name)
    require_all_four(read_structs(binary, roots=roots))
    moved.write_bytes(moved.read_bytes() + b"x")
    with pytest.raises(ShmtuiError, match="has no debug information"):
        read_structs(binary, roots=roots)


def test_what_dwz_moved_out_is_read(tmp_path: Path) -> None:
    """Types that two programs share lie in a third file."""
    require("dwz")
    sources = {}
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        sources[name] = build(
            folder, "-O1", source="#include <stdio.h>\n#include <stdlib.h>\n" + SOURCE
        )
    run(tmp_path, "dwz", "-m", "common", "-M", "../common", "one/prog", "two/prog")
    for binary in sources.values():
        structs = read_structs(binary, roots=empty_roots(tmp_path))
        found = {struct.names[0]: struct.size for struct in structs}
        assert found == {"Item": 20, "ring": 208, "plain": 16, "outer": 424}
        assert {s.names[0] for s in ring_structs(binary)[0]} == {"ring", "outer"}


def test_a_dwo_that_is_missing_leaves_nothing_to_read(tmp_path: Path) -> None:
    """The program's file holds no types then."""
    binary = build(tmp_path, "-gsplit-dwarf")
    for dwo in tmp_path.glob("*.dwo"):
        dwo.unlink()
    assert read_structs(binary) == ()


# -- other files ----------------------------------------------------------------------------------


def test_what_is_no_program_is_refused(tmp_path: Path) -> None:
    """In one line, with the reason."""
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    assert word_size(text) is None
    with pytest.raises(ShmtuiError, match="is not a program, library or object file"):
        read_structs(text)
    with pytest.raises(ShmtuiError, match="cannot be read: No such file"):
        read_structs(tmp_path / "absent")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ShmtuiError, match="cannot be read"):
        read_structs(tmp_path / "fifo")
    with pytest.raises(ShmtuiError, match="has no debug information: compile it with -g"):
        read_structs(build(tmp_path, "-g0"), roots=empty_roots(tmp_path))


def test_a_32_bit_programs_structs_are_its_own(tmp_path: Path) -> None:
    """Pointers and longs of 4 bytes."""
    source = tmp_path / "small.c"
    source.write_text("struct ring { char *p; long n; long long wide; } ring;\n")
    done = subprocess.run(
        [require("gcc"), "-m32", "-g", "-c", str(source), "-o", str(tmp_path / "small.o")],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("this gcc does not compile for 32 bits")
    (ring,) = read_structs(tmp_path / "small.o")
    assert (ring.word_size, ring.size, word_size(tmp_path / "small.o")) == (4, 16, 4)
    assert [member.shape.size for member in ring.members] == [4, 4, 8]


OTHER = """\
#include <map>
#include <string>
struct other { std::map<int, std::string> m; int n; };
other it;
int use() { return (int)it.m.size(); }
"""


def test_of_a_large_program_few_units_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that mention a sync type, or a name that is asked for."""
    from shmtui.layouts import debug_info
    from shmtui.layouts.dwarf_entries import MAX_ENTRIES, Budget

    budgets: list[Budget] = []

    def counted() -> Budget:
        budgets.append(Budget())
        return budgets[-1]

    (tmp_path / "other.cpp").write_text(OTHER)
    binary = build(tmp_path, "other.cpp", source=CPP, name="prog.cpp")
    monkeypatch.setattr(debug_info, "Budget", counted)
    assert {s.names[-1] for s in read_structs(binary)} == {"ipc::Ring<int, 8>", "other"}
    monkeypatch.setattr(debug_info, "WHOLE_BYTES", 1000)
    assert debug_size(section_sizes(str(binary))) > debug_info.WHOLE_BYTES
    for found in (ring_structs(binary)[0], read_structs(binary)):
        assert [struct.names[-1] for struct in found] == ["ipc::Ring<int, 8>"]
    assert [struct.names for struct in read_structs(binary, names=["other"])] == [("other",)]
    whole, few = (budgets[0].left, budgets[1].left)
    assert MAX_ENTRIES - few < 0.7 * (MAX_ENTRIES - whole)


def test_what_takes_long_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and naming the file."""
    from shmtui.layouts import debug_info

    binary = build(tmp_path)
    lines: list[str] = []
    ring_structs(binary, progress=lines.append)
    assert len(lines) <= 1
    monkeypatch.setattr(debug_info, "_TOLD_AFTER", -1.0)
    lines.clear()
    ring_structs(binary, progress=lines.append)
    assert len(lines) == 1
    assert str(binary) in lines[0]


def test_elftools_is_loaded_by_who_needs_it() -> None:
    """Starting the program takes no time for it."""
    code = "import sys, shmtui.layouts.debug_info, shmtui.layouts.compiler; sys.exit('elftools' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_very_large_struct_hides_no_other(tmp_path: Path) -> None:
    """It is left out, for more members than are shown."""
    members = "".join(f"int m{index};" for index in range(5000))
    binary = build(tmp_path, source=f"struct big {{ {members} }} big;\n" + SOURCE)
    require_all_four(read_structs(binary))


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A section that says it is of terabytes takes none of them."""
    binary = build(tmp_path, "-gz=zlib")
    raw = bytearray(binary.read_bytes())
    for at in range(0, len(raw) - 24, 8):
        if raw[at : at + 8] == b"\1\0\0\0\0\0\0\0" and bytes(raw[at + 24 : at + 26]) in {
            b"x\x9c",
            b"x\x5e",
        }:
            raw[at + 8 : at + 16] = (1 << 44).to_bytes(8, "little")
    binary.write_bytes(raw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ShmtuiError):
        read_structs(binary)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_nothing_waits_for_the_collector(tmp_path: Path) -> None:
    """It counts objects, and not the megabytes of the sections that they hold."""
    path = build(tmp_path)
    assert ring_structs(path)
    gc.collect()
    gc.disable()
    try:
        assert ring_structs(path)
        assert gc.collect() < 10
    finally:
        gc.enable()
