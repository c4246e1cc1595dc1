"""What students write that is no textbook's: each mistake is found, and what is right is passed in every order."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from shmtui.control.program import HeldProgram
from shmtui.control.robust_list import head_of
from tests.control.test_explore import Explore, built, explored, kinds
from tests.program import run_shmtui

__all__ = ["built", "explored"]


def check(record: dict[str, object], found: str) -> None:
    """So much is found, or every state was seen and nothing is wrong."""
    if found:
        assert found in kinds(record), record
    else:
        covered = record["covered"]
        assert isinstance(covered, list)
        assert any(part["complete"] for part in covered), record


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ""),
        ("return", ""),
        ("leaves", ""),
        ("exit", ""),
        ("crash", "crash"),
        ("meet", ""),
        ("meet more", "deadlock"),
        ("processes", ""),
        ("processes private", "process-private"),
    ],
)
@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_threads_end_and_meet(
    built: Callable[..., str],
    explored: Explore,
    tmp_path: Path,
    words: str,
    found: str,
    compiler: str,
) -> None:
    """A process may end before its threads do, or its first thread before it; and all wait at a barrier."""
    program = built("gather", compiler)
    schedule = str(tmp_path / "found.shmsched")
    record = explored("--producer", f"{program} {words}", "--schedule", schedule, code=int(bool(found)))  # fmt: skip
    check(record, found)
    assert kinds(record) <= {found}
    if found:
        done = run_shmtui("replay", "--headless", schedule)
        assert done.stdout.startswith("20 of 20 "), done.stderr


def test_main_returns_before_its_threads_run(built: Callable[..., str], explored: Explore) -> None:
    """That is one of the orders, and not the only one."""
    record = explored("--producer", f"{built('gather')} return", "--fine", code=0)
    (part,) = record["covered"]
    assert part["orders"] > 1


@pytest.mark.parametrize("mistake", ["", "too-far"])
def test_an_item_over_the_indices(
    built: Callable[..., str], explored: Explore, mistake: str
) -> None:
    """The slot behind the last one is where the index itself lies."""
    program = built("behind")
    record = explored(
        "--producer", f"{program} p {mistake}", "--consumer", f"{program} c {mistake}",
        "--items", "2", code=int(bool(mistake)),
    )  # fmt: skip
    check(record, "bad-index" if mistake else "")


@pytest.mark.parametrize(
    ("way", "found"),
    [
        ("", ""),
        ("apart", "private-mapping"),
        ("renamed", ""),
        ("renamed private", "process-private"),
    ],
)
def test_names_and_mappings(
    built: Callable[..., str], explored: Explore, way: str, found: str
) -> None:
    """A segment may be renamed once it is ready; one that is mapped with MAP_PRIVATE is nobody else's."""
    program = built("naming")
    record = explored(
        "--producer", f"{program} p {way}", "--consumer", f"{program} c {way}",
        "--items", "2", code=int(bool(found)),
    )  # fmt: skip
    check(record, found)


def test_a_semaphore_that_is_unlinked_at_once(built: Callable[..., str], explored: Explore) -> None:
    """It has its name all the same, so that executions are alike."""
    record = explored("--producer", f"{built('naming')} both unlinked", code=0)
    check(record, "")


def test_what_is_polled_between_sleeps(built: Callable[..., str], explored: Explore) -> None:
    """Who sleeps until a file is there does not keep others from going on."""
    program = built("naming")
    record = explored("--producer", f"{program} p polls", "--consumer", f"{program} c polls",
                      "--items", "2", code=0)  # fmt: skip
    check(record, "")
    assert all("given up" not in note for note in record["notes"]), record


@pytest.mark.parametrize(
    ("words", "found", "whole"),
    [("", "", True), ("more", "deadlock", False), ("more gives-up", "", False)],
)
def test_waits_for_a_condition_that_have_a_time(
    built: Callable[..., str], explored: Explore, words: str, found: str, *, whole: bool
) -> None:
    """One that begins anew each time waits like any other; one that gives up some time is not followed to its end, and
    that is no order that was seen.
    """
    record = explored("--producer", f"{built('timed')} {words}", "--items", "4",
                      code=int(bool(found)))  # fmt: skip
    if found:
        assert found in kinds(record), record
    else:
        assert any(part["complete"] for part in record["covered"]) == whole, record


def test_who_kills_another(built: Callable[..., str]) -> None:
    """Is told in a line: what is left of the programs proves nothing."""
    done = run_shmtui("explore", "--producer", f"{built('gather')} processes kills")
    assert (done.returncode, done.stdout) == (2, "")
    assert "killed by another" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("way", ["", "array", "argument"])
@pytest.mark.parametrize(
    ("mistake", "found"), [("", ""), ("no-mutex", "race"), ("room", "item-overwritten")]
)
def test_threads_over_allocated_memory(
    built: Callable[..., str], explored: Explore, way: str, mistake: str, found: str
) -> None:
    """What main allocates before it starts threads is theirs in common, whoever points to it."""
    program = built("heap", "gcc", "-DSLOTS=2")
    record = explored(
        "--producer", f"{program} {way} {mistake}", "--items", "3", code=int(bool(found))
    )
    check(record, found)
    assert "2 × 4-byte items in " in str(record["layout"])


def test_allocated_memory_has_the_names_of_the_program(
    built: Callable[..., str], explored: Explore
) -> None:
    """A byte of it is told by the variable that points to it."""
    program = built("heap", "gcc", "-DSLOTS=2")
    record = explored("--producer", f"{program} no-mutex", "--items", "3", code=1)
    assert "ring->in" in str(record)


def test_allocated_memory_of_musl(built: Callable[..., str], explored: Explore) -> None:
    """It may lie among the library's variables, which the kernel writes to: it is not followed, and nothing is said of it."""
    record = explored("--producer", f"{built('heap', 'musl-gcc')}", "--items", "3", code=0)
    assert not record["layout"]


def test_an_item_over_the_index_of_the_others(built: Callable[..., str], explored: Explore) -> None:
    """The ring is known by what was there before, and by who moved each index first."""
    program = built("spoilt")
    record = explored(
        "--producer", f"{program} p", "--consumer", f"{program} c", "--items", "7", code=1
    )
    assert "in at 148, out at 144" in str(record["layout"])


def test_an_index_that_is_no_address(built: Callable[..., str], explored: Explore) -> None:
    """The kernel tells no address of such a fault, which is not that of a null pointer."""
    program = built("spoilt")
    record = explored("--producer", f"{program} p wild", "--consumer", f"{program} c", code=1)
    assert "no memory can have such an address" in str(record["findings"])


def test_programs_that_make_no_calls_have_a_ring(
    built: Callable[..., str], explored: Explore
) -> None:
    """They end in one go where loads and stores are no steps."""
    program = built("looking")
    record = explored(
        "--producer", f"{program} p", "--consumer", f"{program} c", "--items", "1", "--budget", "2"
    )
    assert "5 × 4-byte items" in str(record["layout"])


def test_items_that_are_read_from_a_file(
    built: Callable[..., str], explored: Explore, tmp_path: Path
) -> None:
    """Each execution reads it from where the program stood before it met others."""
    program, file = built("reading"), tmp_path / "items"
    file.write_text("1 2 3")
    record = explored("--producer", f"{program} {file}", "--consumer", program, "--items", "4", "--fine", code=0)  # fmt: skip
    check(record, "")
    assert sum(part["orders"] for part in record["covered"]) > 1


def test_items_that_are_left_in_some_orders(
    built: Callable[..., str], explored: Explore, tmp_path: Path
) -> None:
    """The consumer ends as the producer has, whatever lies in the ring: that is told, and no fault if it is a mark."""
    program, file = built("reading"), tmp_path / "items"
    file.write_text("1 2 3")
    for word, left in (("early", True), ("", False)):
        record = explored("--producer", f"{program} {file} {word}", "--consumer", program, "--items", "5", "--fine", code=0)  # fmt: skip
        assert any("items are left in the ring" in note for note in record["notes"]) is left


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("alarm caught", "alarm"),
        ("timer caught", "setitimer"),
        ("alarm", ""),
        ("lock", "fcntl"),
        ("", ""),
    ],
)
def test_what_is_no_step_is_told(
    built: Callable[..., str], explored: Explore, words: str, told: str
) -> None:
    """An alarm that a handler waits for may ring at any step; one that nobody waits for ends what hangs."""
    record = explored("--producer", f"{built('odd')} {words}", code=0)
    notes = " ".join(note for note in record["notes"] if "these are not steps" in note)
    asked = [call for call in ("alarm", "setitimer", "fcntl") if call in notes]
    assert asked == [told] * bool(told), record


def test_copies_let_robust_mutexes_go(
    built: Callable[..., str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed copy's are set free by the kernel: it knows the list of the thread's, as it does of a forked one's."""
    monkeypatch.setenv("EXPLORED", f"/{name}")
    held = HeldProgram([built("reading")], "P1")
    copy = held.copy()
    try:
        assert head_of(copy) == head_of(held.pid) != 0
    finally:
        os.kill(copy, signal.SIGKILL)
        os.waitpid(copy, 0)
        held.close()


def test_a_program_has_the_usual_signals(
    built: Callable[..., str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Python ignores for itself, it does not find ignored."""
    monkeypatch.setenv("EXPLORED", f"/{name}")
    held = HeldProgram([built("reading")], "P1")
    try:
        status = Path(f"/proc/{held.pid}/status").read_text()
    finally:
        held.close()
    assert status.partition("SigIgn:")[2].split()[0] == "0" * 16


@pytest.mark.parametrize("words", ["", "move-first"])
@pytest.mark.parametrize("flags", [(), ("-DROWS",)])
def test_a_function_for_strings_looks_behind_its_string(
    built: Callable[..., str], explored: Explore, words: str, flags: tuple[str, ...]
) -> None:
    """That it loads the next slot while a producer stores there is no race, and takes no item; the ring is found all the
    same by what the programs do.
    """
    program = built("strings", "gcc", *flags)
    record = explored("--producer", f"{program} p {words}", "--consumer", f"{program} c {words}",
                      "--items", "2", "--fine", code=0)  # fmt: skip
    check(record, "")
    assert "4 × " in record["layout"]


def test_a_side_with_more_programs_has_items_left(
    built: Callable[..., str], explored: Explore
) -> None:
    """Its children may wait for ever once the other side has taken all that it takes, and their parent for them."""
    program = built("strings")
    producer = f"{program} p children"
    record = explored("--producer", producer, "--producer", producer, "--consumer", f"{program} c",
                      "--items", "3", "--budget", "3", code=None)  # fmt: skip
    assert kinds(record) == set()


@pytest.mark.parametrize(("words", "found"), [("few", set()), ("few undo", {"item-lost"})])
def test_permits_that_the_kernel_takes_back(
    built: Callable[..., str], explored: Explore, words: str, found: set[str]
) -> None:
    """SEM_UNDO undoes the posts of a producer that has ended: items are left that nobody is let to."""
    program = built("sysv")
    record = explored("--producer", f"{program} p {words}", "--consumer", f"{program} c {words}",
                      code=int(bool(found)))  # fmt: skip
    assert kinds(record) == found


def test_a_ring_in_memory_without_a_name(built: Callable[..., str], explored: Explore) -> None:
    """Its struct has fewer bytes than the page that it lies in, and holds no semaphore."""
    record = explored("--producer", built("parent"), "--items", "2", code=0)
    check(record, "")
    assert record["layout"].startswith("/zero: 4 × 4-byte items"), record["layout"]
