"""A ring without a lock: healthy, full, empty, with a killed producer. It is never found sick."""

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from shmtui.diagnosis.rules.lock_free import writers
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.shm.item_counts import ExactCounts
from shmtui.shm.segment import segment_path
from shmtui.snapshot import Snapshot, Status
from tests.compiling import Compiler
from tests.layouts.lock_free_peers import Start, started
from tests.program import run_shmtui, stat_json
from tests.waiting import poll

WORD: Final = ("--map", "in=head,out=tail")
SAID: Final = LayoutOptions(mapping=(("in", "head"), ("out", "tail")))


@pytest.fixture
def start(gcc: Compiler, name: str) -> Iterator[Start]:
    """Starts processes of the ring on the segment; all are gone afterwards."""
    yield from started(gcc, name)


def check(name: str, *options: str, seconds: str = "2.5") -> tuple[int, str]:
    """The exit code and the text, on the user's word that it is a ring."""
    done = run_shmtui("check", name, "--for", seconds, *WORD, *options)
    return done.returncode, done.stdout


@pytest.mark.parametrize(("put", "get"), [("3000", "9000"), ("9000", "3000"), ("0", "2000")])
def test_one_that_moves_is_ok(start: Start, name: str, put: str, get: str) -> None:
    """Mostly full, mostly empty, and with a producer that spins: judged, and ok."""
    start("put", put, *(["spin"] if put == "0" else []))
    start("get", get)
    code, text = check(name)
    assert code == 0, text
    assert "items apart, of 8, in" in text
    assert "in (head) moved" in text
    assert "out (tail) moved" in text


@pytest.mark.parametrize("flags", [(), ("-DLAPS",)], ids=str)
def test_indices_below_n_do_not_tell_of_laps(
    start: Start, name: str, flags: tuple[str, ...]
) -> None:
    """Healthy, and with a producer that goes on over what nobody took: the same to see, and not ok. No
    bound is claimed of what was consumed that does not hold.
    """
    start("put", "3000", flags=("-g", "-DREDUCED", *flags))
    start("get", "60000" if flags else "3000", flags=("-g", "-DREDUCED", *flags))
    code, text = check(name)
    assert code == 2, text
    assert "in (head) and out (tail) stay below 8" in text
    assert "items apart" not in text
    assert "fit no ring" not in text
    found = stat_json(name, *WORD)["throughput"]
    if flags and found["consumed_per_s"] is not None:
        assert found["consumed_per_s"] < 1e6 / 60000


def test_counts_of_both_sides_tell_of_laps(start: Start, name: str) -> None:
    """Where breakpoints count both: more was put in than taken, and no slots are left for it."""
    start("put", "20000", flags=("-g", "-DREDUCED", "-DLAPS"))
    start("get", "60000", flags=("-g", "-DREDUCED", "-DLAPS"))
    with closing(Sampler(name, SAID)) as sampler:
        sampler.count_exactly(on=True)

        def told() -> bool:
            found = sampler.sample()
            assert found.exact is not None
            if found.exact.refused:
                pytest.skip(found.exact.refused)
            return any(
                "its producer goes on over what nobody took, or its" in e
                for e in found.health.undecided
            )

        poll(told, "it is told")


def test_counts_of_both_sides_show_that_none_is_passed(start: Start, name: str) -> None:
    """A healthy one is ok by them; and once its producer has ended, the rate falls with time, and is no mean
    of what was before.
    """
    producer = start("put", "20000", flags=("-g", "-DREDUCED"))
    start("get", "9000", flags=("-g", "-DREDUCED"))
    with closing(Sampler(name, SAID)) as sampler:
        sampler.count_exactly(on=True)

        def well() -> bool:
            found = sampler.sample()
            assert found.exact is not None
            if found.exact.refused:
                pytest.skip(found.exact.refused)
            counts[:] = [found.exact]
            known = found.exact.produced is not None and found.exact.consumed is not None
            return known and found.health.status is Status.OK and found.in_ == found.out

        counts: list[ExactCounts] = []
        poll(well, "it is ok")
        (before,) = counts
        producer.kill()
        poll(
            lambda: (rate := sampler.sample().throughput.produced_per_s) is not None and rate < 1.0,
            "the rate falls",
        )
        last = sampler.sample().exact
        assert last is not None
        assert (last.produced or 0) >= (before.produced or 0)
        # It is empty now, as it was then; what was in it as the counts began is consumed only. Its counts
        # are read beside its indices, so that an item may have come to be in one of them alone.
        first, then = ((each.consumed or 0) - (each.produced or 0) for each in (before, last))
        assert abs(first - then) <= 1


def test_equal_indices_mean_empty_or_full(start: Start, name: str) -> None:
    """Slots with flags, all full: both numbers are shown, and none of them as known."""
    start("put", "0", flags=("-g", "-DFLAGS"))
    poll(lambda: Path(segment_path(name)).read_bytes()[128 + 7 * 16 :][:1] == b"\x08", "it is full")
    found = stat_json(name, *WORD)
    assert found["occupancy"] is None
    assert {slot["full"] for slot in found["slots"]} == {None}
    assert "0 or 8 of 8 full" in run_shmtui("stat", name, *WORD).stdout
    code, text = check(name)
    assert code == 2, text
    assert "with 0 or 8 of 8 slots full: a ring without a lock" in text


@pytest.mark.parametrize("side", ["put", "get"])
@pytest.mark.parametrize("flags", [("-g",), ("-g", "-DREDUCED")], ids=str)
def test_one_that_stands_still_is_undecided(
    start: Start, name: str, side: str, flags: tuple[str, ...]
) -> None:
    """Full or empty with nobody on the other side: no deadlock, no finding, and not ok."""
    start(side, "0", flags=flags)
    # Of equal indices in a first lap nobody knows.
    full: int | None = None if side == "get" else 7 if "-DREDUCED" in flags else 8
    poll(lambda: stat_json(name, *WORD)["occupancy"] == full, "it stands still")
    code, text = check(name)
    assert code == 2, text
    assert (
        f"with {'0 or 8' if full is None else full} of 8 slots full: a ring without a lock" in text
    )
    assert "deadlock" not in text


def test_a_killed_producer_is_told_and_what_cannot_be_known(start: Start, name: str) -> None:
    """It was seen to die: that is said, and that its last item may be half done."""
    producer = start("put", "4000")
    start("get", "4000")
    with closing(Sampler(name, SAID)) as sampler:

        def sample() -> Snapshot:
            found = sampler.sample()
            assert not found.health.findings
            return found

        poll(lambda: sample().health.status is Status.OK, "it is healthy")
        producer.send_signal(signal.SIGKILL)
        said = "; what it had begun is not told by the indices"
        poll(lambda: any(said in each for each in sample().health.undecided), "it is told")
        (reason,) = sample().health.undecided
        assert f"(PID {producer.pid}): killed by SIGKILL" in reason
        assert "idle or stuck" in reason


def test_who_stores_each_index_is_seen(start: Start, name: str) -> None:
    """By who ran while it moved, and not before: the first look says unknown."""
    producer, consumer = start("put", "7000"), start("get", "9000")
    looker = start("look", "0")
    assert stat_json(name, *WORD)["stores"] == {"in": None, "out": None}
    with closing(Sampler(name, SAID)) as sampler:
        by_pid = poll(
            lambda: (
                (roles := {p.pid: str(p.role) for p in sampler.sample().processes})
                and "unknown" not in roles.values()
                and roles
            ),
            "the roles are seen",
        )
    assert by_pid == {
        producer.pid: "producer",
        consumer.pid: "consumer",
        looker.pid: "observer",
    }


def test_the_only_one_that_can_write_stores_both(start: Start, name: str) -> None:
    """While they move. A process that only reads stores nothing."""
    only = start("both", "4000")
    start("look", "0")
    with closing(Sampler(name, SAID)) as sampler:

        def stored() -> bool:
            found = sampler.sample()
            return [writers(found, each) for each in ("in", "out")] == [
                tuple(p for p in found.processes if p.pid == only.pid)
            ] * 2

        poll(stored, "both are told")


def test_one_that_waits_alone_stores_nothing(start: Start, name: str) -> None:
    """A consumer whose producer has not come: it can write to both indices, and writes neither."""
    start("get", "2000")
    with closing(Sampler(name, SAID)) as sampler:
        found = [sampler.sample() for _sample in range(8)][-1]
        assert [writers(found, each) for each in ("in", "out")] == [None, None]


def test_spinning_polling_and_asleep(start: Start, name: str) -> None:
    """A full ring: its producer spins, a second one polls, and a reader sleeps."""
    spins, polls, sleeps = start("put", "0", "spin"), start("put", "0"), start("look", "0")
    wanted = {spins.pid: "spinning", polls.pid: "polling", sleeps.pid: "asleep"}
    with closing(Sampler(name, SAID)) as sampler:
        poll(
            lambda: {p.pid: str(p.state) for p in sampler.sample().processes} == wanted,
            "each is told",
        )


def test_a_sleeper_on_an_index_is_no_other_struct(start: Start, name: str) -> None:
    """A futex on the head is how a program without a lock lets its consumer sleep: it is named, and a ring
    that stands still so is undecided as any other.
    """
    start("get", "0", flags=("-g", "-DFUTEX"))
    poll(
        lambda: [p["sleeps_on"] for p in stat_json(name, *WORD)["processes"]] == [["head"]],
        "it sleeps on the head",
    )
    code, text = check(name)
    assert code == 2, text
    assert "idle or stuck" in text


def test_rates_are_exact_where_the_indices_run_on(start: Start, name: str) -> None:
    """They count the items themselves."""
    start("put", "2000")
    start("get", "0")
    with closing(Sampler(name, SAID)) as sampler:
        poll(lambda: str(sampler.sample().throughput.method) == "index", "the rates are known")


def test_its_text_says_what_stands_for_a_lock(start: Start, name: str) -> None:
    """The names of the program, how they count, and that nothing is known of a lock."""
    start("put", "0")
    poll(lambda: stat_json(name, *WORD)["occupancy"] == 8, "it is full")
    text = run_shmtui("stat", name, *WORD).stdout
    assert "in (head) 8   out (tail) 0" in text
    assert "no lock     indices that run on · in (head) stored by:" in text
    assert "semaphores" not in text


def test_nothing_is_repaired(start: Start, name: str) -> None:
    """There is no lock to set: one line says so."""
    start("put", "0")
    poll(lambda: stat_json(name, *WORD)["occupancy"] == 8, "it is full")
    done = run_shmtui("repair", name, *WORD)
    assert done.returncode == 2
    assert "no lock and no semaphore of it is known" in done.stdout + done.stderr
