"""A run without a screen moves items, says what it moved, and leaves nothing."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from shmtui.shm.protocol import Role
from shmtui.shm.segment import NAME_MAX, segment_path
from tests.program import HeadlessRun, gone, run_shmtui, running, stat_json, worker_records
from tests.report.contract import check
from tests.traces import SWEEPING
from tests.waiting import PATIENCE, poll

FULL_SPEED = ("--produce-rate", "max", "--consume-rate", "max")


def until_moved(name: str, items: int, *arguments: str, workers: int = 2) -> dict[str, Any]:
    """The last record of a run that is ended once its consumers have moved so many items."""
    with HeadlessRun(name, "--json", *arguments, workers=workers) as run:
        consumers = [r.index for r in run.live() if r.role is Role.CONSUMER]

        def moved() -> int:
            return sum(r.items for r in worker_records(name) if r.index in consumers)

        poll(lambda: moved() >= items, "the items are moved")
        assert run.end() == 143
        record: dict[str, Any] = json.loads(run.stdout)
    return record


def test_a_run_ends_with_one_object(name: str) -> None:
    """The last snapshot and the totals, on one line, and nothing else anywhere."""
    done = run_shmtui(
        "run", name, "--headless", "--duration", "0.6", "--json",
        "--produce-rate", "50", "--consume-rate", "50",
    )  # fmt: skip
    assert done.returncode == 0
    # What a dead run of this user has left beside the test is swept, and that is said.
    assert all("swept /" in line for line in done.stderr.splitlines()), done.stderr
    (text,) = done.stdout.splitlines()
    record = json.loads(text)
    check(record)
    totals = record["totals"]
    assert totals["balanced"] is True
    assert totals["produced"] - totals["consumed"] == totals["resident"] == record["occupancy"]
    assert totals["seconds"] >= 0.6
    assert 0 < totals["produced"] <= 50 * totals["seconds"] + 1
    assert {p["state"] for p in record["processes"]} == {"ended"}
    assert gone(name)


def test_a_run_ends_with_a_summary(name: str) -> None:
    """For a person: what was made, used, left, and whether it adds up."""
    done = run_shmtui("run", name, "--headless", "--duration", "0.3", *FULL_SPEED)
    assert done.returncode == 0
    for word in ("produced", "consumed", "resident", "balanced: produced - consumed = resident"):
        assert word in done.stdout
    assert all(line.startswith("shmtui: ") for line in done.stderr.splitlines())
    assert gone(name)


@pytest.mark.parametrize(("slots", "kind"), [(5, "named"), (64, "embedded"), (1024, "named")])
def test_nothing_is_lost_at_full_speed(name: str, slots: int, kind: str) -> None:
    """Four producers and three consumers as fast as they can: count and sum agree at the end."""
    totals = until_moved(
        name, 10 * slots, *FULL_SPEED, "--slots", str(slots),
        "--producers", "4", "--consumers", "3", "--semaphores", kind, workers=7,
    )["totals"]  # fmt: skip
    assert totals["balanced"] is True
    assert totals["produced"] - totals["consumed"] == totals["resident"]
    difference = totals["produced_sum"] - totals["consumed_sum"] - totals["resident_sum"]
    assert difference % 2**64 == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["embedded", "named"])
@pytest.mark.parametrize("slots", [5, 64, 1024])
def test_nothing_is_lost_in_half_a_minute(name: str, slots: int, kind: str) -> None:
    """The same for 30 seconds."""
    done = run_shmtui(
        "run", name, "--headless", "--duration", "30", "--json", *FULL_SPEED, "--slots", str(slots),
        "--producers", "4", "--consumers", "3", "--semaphores", kind,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["totals"]["balanced"] is True


@pytest.mark.parametrize("item", ["int8", "uint64", "float", "double"])
def test_every_item_type_balances(name: str, item: str) -> None:
    """Counters that wrap, and floats, add up as well."""
    record = until_moved(name, 600, *FULL_SPEED, "--item", item, "--slots", "300")
    assert record["totals"]["balanced"] is True
    assert record["layout"]["item_type"] == item


@pytest.mark.parametrize("kind", ["embedded", "named"])
def test_the_longest_name_works_throughout(name: str, kind: str) -> None:
    """255 bytes leave no room for an ending, and control block and semaphores still have names."""
    long = "/" + name[1:].ljust(NAME_MAX, "x")
    with HeadlessRun(long, "--semaphores", kind, "--json", *FULL_SPEED) as run:
        record = stat_json(long)
        assert record["segment"]["name"] == long
        assert record["layout"]["semaphores"] == kind
        assert run.end() == 143
        assert json.loads(run.stdout)["totals"]["balanced"] is True


def test_one_slot_is_a_ring(name: str) -> None:
    """The smallest ring works, full or empty all the time."""
    totals = until_moved(name, 10, *FULL_SPEED, "--slots", "1")["totals"]
    assert totals["balanced"] is True


@pytest.mark.parametrize(("producers", "consumers", "resident"), [(2, 0, 5), (0, 2, 0), (0, 0, 0)])
def test_one_side_alone(name: str, producers: int, consumers: int, resident: int) -> None:
    """A ring that only fills, only waits, or has nobody, is a run like any other."""
    done = run_shmtui(
        "run", name, "--headless", "--duration", "0.4", "--json", *FULL_SPEED,
        "--producers", str(producers), "--consumers", str(consumers),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    totals = json.loads(done.stdout)["totals"]
    assert (totals["resident"], totals["balanced"]) == (resident, True)


@pytest.mark.parametrize(
    ("number", "code", "kind"),
    [
        (signal.SIGTERM, 143, "embedded"),
        (signal.SIGINT, 130, "named"),
        (signal.SIGHUP, 129, "embedded"),
    ],
)
def test_a_signal_ends_it_clean(name: str, number: signal.Signals, code: int, kind: str) -> None:
    """The code says which signal, the summary is printed, and no worker and no name is left."""
    with HeadlessRun(name, "--semaphores", kind, "--json", *FULL_SPEED) as run:
        pids = run.pids
        assert run.end(number) == code
        assert not running(pids)
        assert json.loads(run.stdout)["totals"]["balanced"] is True
    assert gone(name)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_at_any_moment_leaves_nothing(name: str, number: signal.Signals) -> None:
    """From our first instruction to the last: whatever was made by then is undone."""
    for step in range(12):
        with HeadlessRun.begun(name, "--semaphores", "named", "--json") as run:
            time.sleep(0.02 * step)  # The moment is what this varies.
            assert run.end(number) == 128 + number, run.stderr
        assert gone(name)


def test_a_run_that_got_stuck_ends_with_1(name: str) -> None:
    """Nothing is lost, and a worker died with the lock: that is a finding, as for ``check``."""
    done = run_shmtui(
        "run", name, "--headless", "--duration", "4", "--json", "--produce-rate", "50",
        "--fault", "producer:die-at=write",
    )  # fmt: skip
    record = json.loads(done.stdout)
    found = [(each["code"], each["severity"]) for each in record["health"]["findings"]]
    assert ("dead-holder", "critical") in found
    assert done.returncode == 1


def test_keep_and_rm(name: str) -> None:
    """What is kept outlives the run and the next one, can be looked at, and goes with rm."""
    done = run_shmtui(
        "run", name, "--headless", "--duration", "0.2", "--keep", "--mode", "0640",
        "--semaphores", "named", "--producers", "2", "--consumers", "0",
    )  # fmt: skip
    assert done.returncode == 0
    assert f"kept {name}" in done.stderr.splitlines()[-1]
    record = stat_json(name)
    assert record["segment"]["mode"] == "0640"
    assert {p["state"] for p in record["processes"]} == {"ended"}
    other = run_shmtui("run", name + "2", "--headless", "--duration", "0.1")
    assert f"swept {name}" not in other.stderr
    assert not gone(name)
    done = run_shmtui("rm", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"removed {name}" in done.stdout
    assert gone(name)


def test_rm_refuses_what_is_in_use(name: str) -> None:
    """A segment that processes map is removed only by force, and then who maps it is said."""
    with HeadlessRun(name) as run:
        pids = run.pids
        done = run_shmtui("rm", name)
        assert done.returncode == 2
        assert "--force" in done.stderr
        assert str(pids[0]) in done.stderr
        assert not gone(name)
        done = run_shmtui("rm", name, "--force")
        assert done.returncode == 0
        assert str(pids[0]) in done.stdout
        assert gone(name)
        assert run.end() == 143
    assert gone(name)


def test_a_name_taken_meanwhile_is_not_unlinked(name: str) -> None:
    """At the end a run removes its own segment only, whoever has the name by then."""
    with HeadlessRun(name) as run:
        Path(segment_path(name)).unlink()
        Path(segment_path(name)).write_bytes(b"somebody else's")
        assert run.end() == 143
    assert Path(segment_path(name)).read_bytes() == b"somebody else's"
    Path(segment_path(name)).unlink()


def test_stat_streams(name: str) -> None:
    """With --interval and --count there is one record a look, at its time."""
    with HeadlessRun(name, "--produce-rate", "100", "--consume-rate", "100"):
        done = run_shmtui("stat", name, "--json", "--interval", "0.2", "--count", "3")
        records = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(records) == 3
        for record in records:
            check(record)
        assert sorted(r["time"] for r in records) == [r["time"] for r in records]
        workers = [p for p in records[-1]["processes"] if p["name"] == "producer 1"]
        assert workers[0]["target_rate"] == 100
        assert workers[0]["items"] > 0
        text = run_shmtui("stat", name).stdout
        assert re.search(r"producer 1\s+producer", text)


def test_output_that_nobody_takes_stops_nothing(name: str) -> None:
    """Where nothing can be printed, the workers end and the names go all the same."""
    SWEEPING.may_sweep(("run",))
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "shmtui", "run", name, "--headless", "--duration", "0.2"],
            stdin=subprocess.DEVNULL, stdout=full, stderr=full, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert gone(name)
