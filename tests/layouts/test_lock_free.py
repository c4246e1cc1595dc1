"""Rings without a lock: what proposes one, what shows one, and what is none."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from shmtui.layouts.lock_free import FlowEvidence
from shmtui.layouts.options import LayoutOptions
from shmtui.layouts.ring_values import Reading
from shmtui.monitor.sampler import Sampler
from shmtui.shm.layout import ITEM_TYPES, Layout
from shmtui.shm.libc import Libc
from shmtui.shm.segment_info import LayoutSource
from tests.compiling import Compiler
from tests.layouts.lock_free_peers import SOURCE, Start, started
from tests.program import run_shmtui, stat_json
from tests.waiting import poll

PUT: Final = ("put", "4000")
GET: Final = ("get", "4000")


@pytest.fixture
def start(gcc: Compiler, name: str) -> Iterator[Start]:
    """Starts processes of the ring on the segment; all are gone afterwards."""
    yield from started(gcc, name)


def layout_of(name: str, *options: str) -> dict[str, Any]:
    """The layout that a look tells."""
    found: dict[str, Any] = stat_json(name, *options)["layout"]
    return found


@pytest.mark.parametrize(
    "flags",
    [
        ("-g",),
        ("-g", "-DREDUCED"),
        ("-g", "-DMARKS"),
        ("-g", "-DOTHER_NAMES"),
        ("-g", "-DREDUCED", "-DOTHER_NAMES"),
    ],
    ids=str,
)
def test_debug_information_and_movement_tell_it(
    start: Start, name: str, flags: tuple[str, ...]
) -> None:
    """A pair at work is a ring of its slots, likely: the names of a struct are no proof."""
    start(*PUT, flags=flags)
    start(*GET, flags=flags)
    found = poll(lambda: (now := layout_of(name))["lock_free"] and now, "it is a ring")
    names = ("write_idx", "read_idx") if "-DOTHER_NAMES" in flags else ("head", "tail")
    assert (found["slots"], found["item_type"]) == (8, "Order")
    assert found["index_names"] == dict(zip(("in", "out"), names, strict=True))
    assert found["assumed"]


@pytest.mark.parametrize("shape", ["-DSTACK", "-DPOOL"])
def test_a_stack_and_a_list_are_no_ring(start: Start, name: str, shape: str) -> None:
    """Members called head and tail, and slots that change beside the head, as a ring's do: but it goes back,
    or past slots that nobody wrote. No rate is told of it.
    """
    start("both", "3000", flags=("-g", shape))
    for _look in range(3):
        found = stat_json(name)
        layout = found["layout"]
        assert layout["source"] == "raw" or any("may be a ring" in a for a in layout["assumptions"])
        assert found["throughput"]["produced_per_s"] is None
        assert found["occupancy"] is None
        assert {p["role"] for p in found["processes"]} == {"unknown"}
    assert check(name)[0] == 2


def test_nobody_has_a_role_while_the_direction_is_open(start: Start, name: str) -> None:
    """A consumer that marks what it took: which index is the producer's is not known, nor who that is."""
    flags = ("-g", "-DMARKS", "-DREDUCED")
    start(*PUT, flags=flags)
    start(*GET, flags=flags)
    with closing(Sampler(name)) as sampler:
        found = [sampler.sample() for _sample in range(20)][-1]
    assert found.layout.by_convention
    assert {str(p.role) for p in found.processes} == {"unknown"}
    assert found.throughput.produced_per_s is None
    assert found.occupancy is None


def test_at_rest_it_may_be_one(start: Start, name: str) -> None:
    """Nothing moves: the names propose it, nothing is built on it, and the user's word settles it."""
    start("put", "0")
    poll(lambda: stat_json(name)["in"] == 8, "it is full")
    code, text = check(name)
    assert code == 2
    assert "it may be a ring without a lock" in text
    code, text = check(name, "--map", "in=head,out=tail")
    assert "may be a ring" not in text
    assert code == 2
    assert "with 8 of 8 slots full: a ring without a lock" in text


def check(name: str, *options: str) -> tuple[int, str]:
    """The exit code and the text."""
    done = run_shmtui("check", name, "--for", "2", *options)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "flags",
    [
        ("-g", "-DCOUNTERS"),
        ("-DCOUNTERS",),
        ("-g", "-DOTHER_ARRAY"),
        ("-g", "-DCOUNTERS", "-DREDUCED"),
    ],
    ids=str,
)
def test_counters_are_no_ring(start: Start, name: str, flags: tuple[str, ...]) -> None:
    """Two statistics that move beside a table, or a pair whose array is no slots by its name: bytes,
    no layout to pick, and no finding.
    """
    start("both", "2000", flags=flags)
    for _look in range(3):
        found = stat_json(name)
        assert found["layout"]["source"] == "raw"
        assert found["health"]["findings"] == []
        if "-DCOUNTERS" in flags:
            assert found["layout"]["candidates"] == []


@pytest.mark.parametrize("reduced", [False, True])
def test_bytes_alone_propose_it_where_it_moves(start: Start, name: str, reduced: bool) -> None:
    """No debug information and no header: proposed, with the option that picks it, and not taken."""
    flags = ("-DREDUCED",) if reduced else ("-DPLAIN",)
    start(*PUT, flags=flags)
    start(*GET, flags=flags)
    wanted = "data=128:8xbyte[16],in=0:uint32,out=64"

    def proposed() -> bool:
        found = layout_of(name)
        assert found["source"] == "raw"
        return f"--layout {wanted}" in found["candidates"]

    poll(proposed, "it is proposed")
    found = layout_of(name, "--layout", wanted)
    assert (found["lock_free"], found["slots"]) == (True, 8)


def test_nothing_is_proposed_at_rest(start: Start, name: str) -> None:
    """The same segment, full: no ring without a lock."""
    start("put", "0", flags=("-DPLAIN",))
    done = run_shmtui("stat", name, "--json")
    assert "data=128:8x" not in done.stdout + done.stderr


def test_a_header_is_the_users_word(start: Start, name: str) -> None:
    """Nothing is assumed of a struct that the user names, whether it moves or not."""
    start("put", "0", flags=("-DPLAIN",))
    found = layout_of(name, "--header", f"{SOURCE}:Queue")
    assert found["lock_free"]
    assert found["assumptions"] == []


def test_a_cpp_program_with_std_atomic(name: str, tmp_path: Path) -> None:
    """std::atomic in the place of _Atomic, and a class in the place of a struct."""
    cpp = Compiler(tmp_path, "g++")
    source = tmp_path / "spsc.cpp"
    source.write_text(CPP)
    program = cpp.program(source, "-g", "-std=c++17")
    source.unlink()
    with subprocess.Popen([program, name], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            found = poll(lambda: (now := layout_of(name))["lock_free"] and now, "it is a ring")
            assert found["slots"] == 16
            assert found["index_names"] == {"in": "writeIndex_", "out": "readIndex_"}
        finally:
            process.kill()
            Path("/dev/shm" + name).unlink()


CPP: Final = r"""
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
template <class T, int Size> class Spsc {
    alignas(64) std::atomic<std::size_t> readIndex_;
    alignas(64) std::atomic<std::size_t> writeIndex_;
    alignas(64) T records_[Size], buffer_[Size];
  public:
    void put(T value) { buffer_[writeIndex_ % Size] = value; ++writeIndex_; }
    void get() { ++readIndex_; }
};
int main(int, char **argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    using Ring = Spsc<double, 16>;
    if (ftruncate(fd, sizeof(Ring))) return 1;
    auto *ring = static_cast<Ring *>(mmap(nullptr, sizeof(Ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    std::puts("ready");
    std::fflush(stdout);
    for (double n = 1;; n++) {
        ring->put(n * 1.5);
        usleep(4000);
        ring->get();
    }
}
"""


def ring(slots: int = 8) -> Layout:
    """``slots`` ints at 16, in at 0, out at 8."""
    return Layout(
        slots, ITEM_TYPES["int32"], 16, 0, 8, None, None, None, 16 + 4 * slots, Libc.GLIBC, "I",
        lock_free=True,
    )  # fmt: skip


def reading(in_: int, out: int, *items: int, slots: int = 8) -> Reading:
    """The bytes of such a ring."""
    words = [in_, 0, out, 0, *items, *[0] * (slots - len(items))]
    return Reading.whole(b"".join(word.to_bytes(4, "little") for word in words))


def test_slots_that_change_where_in_passes_show_it() -> None:
    """Ten bits of them, and none where others change."""
    evidence, other = FlowEvidence(ring()), FlowEvidence(ring())
    items = [0] * 8
    for at in range(10):
        evidence.add(reading(at, at // 2, *items))
        other.add(reading(at, at // 2, *items[::-1]))
        assert not evidence.written or at >= 5
        items[at % 8] = at + 1
    assert evidence.shown
    assert evidence.written
    assert other.contradicted


def top_of_a_stack(slots: int, chance: Random) -> Iterator[tuple[int, int, list[int]]]:
    """A stack with a second index behind its top, after each push and pop."""
    top, half, items = 0, 0, [0] * slots
    for number in count(1):
        if top == 0 or (top < slots and chance.random() < 0.5):
            items[top] = number
            top += 1
        else:
            top -= 1
            half = top // 2
        yield top, half, items


def indices_of_a_ring(slots: int, chance: Random) -> Iterator[tuple[int, int, list[int]]]:
    """A ring's counters, after each item put or taken."""
    in_, out, items = 0, 0, [0] * slots
    for number in count(1):
        if in_ == out or (in_ < out + slots and chance.random() < 0.5):
            items[in_ % slots] = number
            in_ += 1
        else:
            out += 1
        yield in_, out, items


def reduced_ring(slots: int, chance: Random) -> Iterator[tuple[int, int, list[int]]]:
    """A ring whose indices stay below N, and whose items are of four values."""
    in_, out, items = 0, 0, [0] * slots
    while True:
        if in_ == out or ((in_ + 1) % slots != out and chance.random() < 0.5):
            items[in_] = chance.randrange(4)
            in_ = (in_ + 1) % slots
        else:
            out = (out + 1) % slots
        yield in_, out, items


def seen_to_work(steps: Iterator[tuple[int, int, list[int]]], slots: int, between: int) -> bool:
    """Whether it is once taken for a ring in so many steps, one of them read each time."""
    evidence, shown = FlowEvidence(ring(slots=slots)), False
    for in_, out, items in islice(steps, None, 600, between):
        evidence.add(reading(in_, out, *items, slots=slots))
        shown = shown or evidence.shown
    return shown


@pytest.mark.parametrize("between", [1, 3])
def test_items_that_repeat_do_not_hide_a_ring(between: int) -> None:
    """A quarter of the slots that ``in`` passes keep their value, so that it is seldom seen to start again with all of
    them changed.
    """
    shown = sum(seen_to_work(reduced_ring(8, Random(seed)), 8, between) for seed in range(30))
    assert shown >= 27


@pytest.mark.parametrize("slots", [8, 64])
@pytest.mark.parametrize("between", [1, 3, 10])
def test_however_seldom_it_is_looked_at_a_stack_is_no_ring(slots: int, between: int) -> None:
    """On a busy machine much happens between two readings: where a stack grew in all of the first few, its slots
    changed as a ring's do.
    """
    for steps, is_ring in ((top_of_a_stack, False), (indices_of_a_ring, True)):
        for seed in range(30):
            shown = seen_to_work(steps(slots, Random(seed)), slots, between)
            assert shown == is_ring, (seed, steps)


def test_a_list_that_only_grows_does_not_show_it() -> None:
    """Its slots change where ``in`` passes, and nothing is ever taken."""
    evidence = FlowEvidence(ring())
    items = [0] * 8
    for at in range(8):
        evidence.add(reading(at, 0, *items))
        items[at] = 7
    assert not evidence.shown
    assert not evidence.contradicted


@pytest.mark.parametrize("clears", [False, True])
def test_the_direction_is_open_where_a_consumer_clears_what_it_took(clears: bool) -> None:
    """Slots that change beside an index say that its side stores only where the other one stores none."""
    evidence = FlowEvidence(ring())
    items = [0] * 8
    for at in range(16):
        slot = at % 8
        items[slot] = at + 1
        evidence.add(reading((slot + 1) % 8, slot, *items))
        if clears:
            items[slot] = 0
        evidence.add(reading((slot + 1) % 8, (slot + 1) % 8, *items))
    assert evidence.shown
    assert evidence.directed is not clears


def test_counters_that_run_on_in_step_show_it_where_items_are_alike() -> None:
    """Laps of the ring, never more than N apart; further apart they contradict."""
    evidence, other = FlowEvidence(ring()), FlowEvidence(ring())
    for out in range(0, 400, 50):
        evidence.add(reading(out + 3, out))
        other.add(reading(out * 3 + 30, out))
    assert evidence.shown
    assert other.contradicted


def test_its_programs_go_by_their_user_s_word_in_python_too(start: Start, name: str) -> None:
    """The sampler takes what the command takes: no semaphore is asked for."""
    start("put", "0")
    options = LayoutOptions(mapping=(("in", "head"), ("out", "tail")))
    with closing(Sampler(name, options)) as sampler:
        found = sampler.sample()
    assert found.layout.source is LayoutSource.DEBUG_INFO
    assert (found.layout.lock_free, found.semaphores) == (True, {})
