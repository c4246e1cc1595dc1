"""Damaged files: a clear refusal or what is left of them, soon, and never another error."""

import subprocess
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shmtui.errors import ShmtuiError
from shmtui.layouts import debug_info, dwarf_entries
from shmtui.layouts.debug_info import read_structs, ring_structs
from shmtui.procfs.elf import word_size
from tests.compiling import require
from tests.layouts.test_debug_info import CPP, SOURCE

FLAGS = {
    "object": ("prog.c", ("-c",)),
    "program": ("prog.c", ("-gdwarf-4",)),
    "types": ("prog.c", ("-c", "-fdebug-types-section")),
    "compressed": ("prog.c", ("-gz=zlib",)),
    "C++": ("prog.cpp", ("-c", "-gdwarf-5")),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files as the compiler makes them."""
    require("g++")
    folder = tmp_path_factory.mktemp("originals")
    (folder / "prog.c").write_text(SOURCE)
    (folder / "prog.cpp").write_text(CPP)
    found = {}
    for kind, (name, flags) in FLAGS.items():
        compiler = "gcc" if name.endswith(".c") else "g++"
        subprocess.run([compiler, "-g", *flags, name, "-o", "made"], cwd=folder, check=True)
        found[kind] = (folder / "made").read_bytes()
    return found


def require_quiet(path: Path, raw: bytes) -> None:
    """Every way to read the file ends in a result or in one line."""
    path.write_bytes(raw)
    for read in (read_structs, ring_structs):
        try:
            read(path)
        except ShmtuiError as error:
            assert str(error).isprintable()  # noqa: PT017 - an answer is as good
    assert word_size(path) in {None, 4, 8}


@pytest.fixture
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many entries as the files here have, ten times over: work that never ends is seen."""
    monkeypatch.setattr(debug_info, "Budget", lambda: dwarf_entries.Budget(200_000))


@pytest.mark.usefixtures("small_budget")
@pytest.mark.parametrize("kind", FLAGS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 40))
def test_changed_bytes_are_survived(
    tmp_path: Path, originals: dict[str, bytes], kind: str, seed: int, count: int
) -> None:
    """Anywhere, and of any value; those of the debug sections above all."""
    random, raw = Random(seed), bytearray(originals[kind])
    for _index in range(count):
        at = random.randrange(len(raw))
        raw[at] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)])
    require_quiet(tmp_path / "made", bytes(raw))


@pytest.mark.usefixtures("small_budget")
@pytest.mark.parametrize("kind", FLAGS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(share=st.floats(0, 1))
def test_a_file_that_ends_too_soon_is_survived(
    tmp_path: Path, originals: dict[str, bytes], kind: str, share: float
) -> None:
    """Wherever it ends."""
    raw = originals[kind]
    require_quiet(tmp_path / "made", raw[: int(share * len(raw))])


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300))
def test_bytes_that_only_start_as_a_program_are_survived(tmp_path: Path, raw: bytes) -> None:
    """In either word size."""
    for start in (b"\x7fELF\1\1\1", b"\x7fELF\2\1\1", b"\x7fELF\2\2\1", b"\x7fELF\3", b"\x7fELF"):
        require_quiet(tmp_path / "made", start + raw)


def test_more_than_is_read_is_refused(
    tmp_path: Path, originals: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the way out."""
    monkeypatch.setattr(debug_info, "Budget", lambda: dwarf_entries.Budget(10))
    (tmp_path / "made").write_bytes(originals["program"])
    with pytest.raises(ShmtuiError, match=r"more debug information than is read.*--layout"):
        read_structs(tmp_path / "made")
