"""Random structs with attributes, packing and bit-fields lie where the compilers put them."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from shmtui.layouts.debug_info import read_structs
from shmtui.layouts.struct_members import Member, Struct
from shmtui.shm.item_shape import Bits
from shmtui.shm.libc import Libc
from tests.compiling import Compiler, output
from tests.layouts.reading import read_file
from tests.layouts.structs import PREAMBLE, RandomStruct, program, random_struct

COMMANDS = {Libc.GLIBC: "gcc", Libc.MUSL: "musl-gcc"}


def flattened(members: tuple[Member, ...], prefix: str = "") -> Iterator[tuple[str, Member]]:
    for member in members:
        yield prefix + member.name, member
        yield from flattened(member.members, f"{prefix}{member.name}.")


def ones(member: Member) -> str:
    """The bytes that the program prints for a bit-field of all ones."""
    assert isinstance(member.shape, Bits)
    bits = member.shape
    word = ((1 << bits.width) - 1) << bits.shift
    raw = word.to_bytes(bits.size, "little")
    return "".join(f"{member.offset + i}:{byte:02x}," for i, byte in enumerate(raw) if byte)


def described(struct: Struct) -> dict[str, str]:
    found = {struct.names[0]: str(struct.size)}
    for name, member in flattened(struct.members):
        found[f"{struct.names[0]} {name}"] = (
            ones(member) if isinstance(member.shape, Bits) else str(member.offset)
        )
    return found


def as_printed(text: str) -> dict[str, str]:
    """What the program prints: sizes by struct, offsets or bytes by member."""
    printed: dict[str, str] = {}
    struct = ""
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        if line.startswith(" "):
            printed[f"{struct} {name}"] = value
        else:
            struct = name
            printed[name] = value
    return printed


def require_same(structs: tuple[Struct, ...], made: list[RandomStruct], text: str) -> None:
    """Everything that the program printed is what the structs say."""
    texts = {one.name: one.text for one in made}
    ours: dict[str, str] = {}
    for found in structs:
        if found.names[0] in texts:
            ours |= described(found)
    for key, value in as_printed(text).items():
        if ":" in value and ours.get(key, "").isdigit():
            continue  # A bit-field across nine bytes is shown as bytes.
        assert ours.get(key) == value, f"{key}:\n{texts[key.split()[0]]}"


def compare(folder: Path, libc: Libc, seed: int, count: int) -> None:
    """Structs of one seed, in one header and one program."""
    random = Random(seed)
    made = [random_struct(random, f"S{index}") for index in range(count)]
    header = folder / "case.h"
    header.write_text(PREAMBLE + "".join(one.text for one in made))
    compiler = Compiler(folder, COMMANDS[libc])
    text = output(compiler.source("case", program(made)))
    require_same(read_file(header, libc), made, text)


@pytest.mark.parametrize("libc", list(Libc))
def test_offsets_sizes_and_bits_are_the_compilers(tmp_path: Path, libc: Libc) -> None:
    """Packed, aligned, atomic, nested, anonymous, bit-fields, #pragma pack: all as compiled."""
    compare(tmp_path, libc, 1, 100)


@pytest.mark.parametrize("flag", ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"])
def test_every_version_of_dwarf_says_the_same(tmp_path: Path, flag: str) -> None:
    """From the program's own debug information."""
    random = Random(7)
    made = [random_struct(random, f"S{index}") for index in range(40)]
    (tmp_path / "case.h").write_text(PREAMBLE + "".join(one.text for one in made))
    compiler = Compiler(tmp_path)
    (tmp_path / "case.c").write_text(program(made))
    binary = compiler.program(tmp_path / "case.c", flag, "-gstrict-dwarf")
    require_same(read_structs(binary), made, output(binary))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 22))
def test_many_more_of_them(tmp_path: Path, seed: int) -> None:
    """The same, for thousands."""
    compare(tmp_path, Libc.GLIBC, seed, 300)
