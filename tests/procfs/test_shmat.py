"""A System V segment that nobody has attached is read by attaching it, on the user's word alone."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import pytest

from shmtui.errors import ShmtuiError
from shmtui.procfs.process_memory import SystemVMemory
from shmtui.procfs.sysvipc import SysvSegment, by_number, sysv_segments
from shmtui.shm.system_v import SystemVKind, remove_system_v
from tests.compiling import Compiler
from tests.program import run_shmtui, stat_json

SOURCE: Final = Path(__file__).with_name("left_segment.c")
WORDS: Final = ("--shmat", "--slots", "5")
Leave = Callable[..., tuple[int, "subprocess.Popen[str]"]]


@pytest.fixture
def leave(gcc: Compiler) -> Iterator[Leave]:
    """Makes a segment; it is gone afterwards, and who has it attached."""
    program = str(gcc.program(SOURCE))
    made: list[tuple[int, subprocess.Popen[str]]] = []

    def left(*words: str) -> tuple[int, "subprocess.Popen[str]"]:
        process = subprocess.Popen(
            [program, *(words or ("600",))], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        made.append((int(process.stdout.readline()), process))
        if len(words) < 2:
            process.wait()
        return made[-1]

    yield left
    for number, process in made:
        process.kill()
        process.communicate()
        with suppress(OSError):
            remove_system_v(SystemVKind.SEGMENT, number)


def row(number: int) -> SysvSegment:
    """As the kernel lists it."""
    found = by_number(sysv_segments(), number)
    assert found is not None
    return found


def test_it_is_refused_in_one_line_that_names_the_way(leave: Leave) -> None:
    """Without the option nothing is attached."""
    number, _process = leave()
    before = row(number)
    for command in ("stat", "check"):
        done = run_shmtui(command, f"sysv:{number}")
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "say --shmat" in done.stderr
    assert row(number) == before


def test_it_is_read_and_detached_and_no_page_is_made(leave: Leave) -> None:
    """What it changes is said first, and is all that changes: who attached it last, and when."""
    number, _process = leave()
    before = row(number)
    done = run_shmtui("stat", f"sysv:{number}", *WORDS)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"attaching sysv:{number} read-only")
    assert "2 of 5 full" in done.stdout
    assert "[7] [8]" in done.stdout
    after = row(number)
    assert (after.attached, after.resident) == (0, before.resident)
    assert after.last != before.last


def test_it_is_said_once_where_several_layouts_fit() -> None:
    """It is attached again then, to be shown as bytes: zeros tell no layout."""
    made = subprocess.run(["ipcmk", "-M", "8192"], capture_output=True, text=True, check=True)
    number = int(made.stdout.split()[-1])
    try:
        done = run_shmtui("stat", f"sysv:{number}", "--shmat")
        assert done.returncode == 0, done.stderr
        assert "layout      not sure" in done.stdout
        assert done.stderr.count("attaching") == 1
        assert row(number).attached == 0
    finally:
        remove_system_v(SystemVKind.SEGMENT, number)


def test_its_own_process_is_none_of_its_users(leave: Leave) -> None:
    """Nobody maps it: the attachment for the reading is a limit of the look, not a process."""
    number, _process = leave()
    found = stat_json(f"sysv:{number}", *WORDS)
    assert found["processes"] == []
    assert any("has it attached read-only" in limit for limit in found["limits"])
    assert [each["code"] for each in found["health"]["findings"]] == ["orphan"]


def test_holes_read_as_zeros_and_what_lies_behind_is_there(leave: Leave) -> None:
    """Page by page, also across their edges."""
    number, _process = leave()
    told: list[str] = []
    with closing(SystemVMemory(number, told.append)) as memory:
        assert row(number).attached == 1
        raw = memory.read(0, 5 * 4096)
        assert len(raw) == 5 * 4096
        assert raw[3 * 4096 + 5] == 9
        assert raw[:4] == (7).to_bytes(4, "little")
        assert not any(raw[4096 : 3 * 4096])
        assert memory.read(3 * 4096 - 2, 9) == raw[3 * 4096 - 2 : 3 * 4096 + 7]
        assert memory.read(5 * 4096 - 3, 99) == bytes(3)
    assert row(number).attached == 0
    assert len(told) == 1
    memory.close()


def test_it_is_not_attached_where_somebody_has_it(leave: Leave) -> None:
    """The option allows it where there is no other way; here there is."""
    number, process = leave("600", "stay")
    before = row(number)
    with closing(SystemVMemory(number, lambda _text: pytest.fail("attached"))) as memory:
        assert memory.read(0, 4) == (7).to_bytes(4, "little")
    assert row(number) == before
    process.kill()


def test_a_segment_that_goes_meanwhile_is_told_apart(leave: Leave) -> None:
    """Removed while it is attached: it stays readable, and counts as unlinked once it is gone."""
    number, _process = leave()
    with closing(SystemVMemory(number, lambda _text: None)) as memory:
        remove_system_v(SystemVKind.SEGMENT, number)
        assert memory.read(0, 4) == (7).to_bytes(4, "little")
    with pytest.raises(ShmtuiError, match="no System V segment"):
        SystemVMemory(number, lambda _text: None)
