"""Items of a C program's ring, counted by hardware breakpoints: to the item, or not at all."""

import errno
import json
import os
import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shmtui.layouts.options import LayoutOptions
from shmtui.monitor import breakpoint_costs
from shmtui.monitor.sampler import Sampler
from shmtui.monitor.store_counts import IndexCount, LapCount, StorePattern, StoreReading
from shmtui.procfs.store_counter import hit_seconds, why_refused
from shmtui.session.opener import Attachment
from shmtui.shm.item_counts import ExactCounts, Method
from shmtui.shm.protocol import Role
from shmtui.shm.segment import segment_path, unlink_segment
from shmtui.snapshot import Process
from shmtui.tui.app import DashboardApp
from tests.compiling import Compiler
from tests.program import run_shmtui
from tests.tui.dashboards import NEVER_HZ, reports, ticked
from tests.waiting import poll

PEER = Path(__file__).parent.parent / "peers" / "stores.c"
STORES = {"once": ("-DINDEX=1",), "twice": ("-DINDEX=2",), "again-at-zero": ("-DINDEX=0",),
          "blanking": ("-DINDEX=1", "-DBLANK")}  # fmt: skip


class Watched:
    """The program, and a sampler that counts its items exactly."""

    def __init__(self, binary: Path, name: str, slots: int, options: LayoutOptions) -> None:
        self.process = subprocess.Popen(
            [str(binary), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        poll(lambda: Path(f"/dev/shm{name}").exists(), "the program has begun")
        self.made = self.order("p", 0)
        self.slots = slots
        self.sampler = Sampler(name, options)
        self.sampler.sample()
        self.sampler.count_exactly(on=True)

    def order(self, what: str, items: int) -> int:
        """Have the program make items; how many it has made then."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what} {items}\n")
        self.process.stdin.flush()
        self.made = int(self.process.stdout.readline())
        return self.made

    def exact(self) -> ExactCounts:
        """The counts as of now."""
        exact = self.sampler.sample().exact
        assert exact is not None
        return exact

    def until_counted(self) -> ExactCounts:
        """Make items until they are counted over laps; the counts, at rest."""
        some = random.Random(5)

        def counted() -> ExactCounts | None:
            self.order("p", some.randrange(1, self.slots))
            exact = self.exact()
            assert not exact.refused, exact.refused
            produced = exact.produced or 0
            return exact if produced > 4 * self.slots and self._knows_laps else None

        poll(counted, "the stores of a lap are known")
        return self.at_rest()

    @property
    def _knows_laps(self) -> bool:
        counter = self.sampler._exact
        return counter is not None and counter._items.by_lap is not None

    def at_rest(self) -> ExactCounts:
        """The counts once all is consumed: what was in the ring as they began, too."""

        def emptied() -> ExactCounts | None:
            snapshot = self.sampler.sample()
            exact = snapshot.exact
            return (
                exact if exact and exact.produced is not None and snapshot.occupancy == 0 else None
            )

        return poll(emptied, "the consumer has taken all")

    def by_side(self) -> dict[Role, Process]:
        """A process of each side."""
        return {p.role: p for p in self.sampler.sample().processes}

    def end(self) -> None:
        """End both."""
        self.sampler.close()
        self.process.kill()
        self.process.communicate()
        unlink_segment(self.sampler.name)


Start = Callable[..., Watched]


@pytest.fixture
def start(gcc: Compiler, new_name: Callable[[], str]) -> Iterator[Start]:
    """Starts the program, where this machine lets its stores be counted."""
    try:
        hit_seconds()
    except OSError as error:
        pytest.skip(why_refused(error))
    running: list[Watched] = []

    def begin(slots: int = 5, *flags: str) -> Watched:
        binary = gcc.program(PEER, f"-DN={slots}", *(flags or STORES["once"]))
        told = LayoutOptions() if "-g" in flags else LayoutOptions(slots=slots)
        running.append(Watched(binary, new_name(), slots, told))
        return running[-1]

    yield begin
    for each in running:
        each.end()


@pytest.mark.parametrize("stores", STORES)
@pytest.mark.parametrize("slots", [5, 64])
def test_every_item_counts(start: Start, slots: int, stores: str) -> None:
    """However many stores an item takes, and whatever its value."""
    watched = start(slots, *STORES[stores])
    before, made = watched.until_counted(), watched.made
    for items in (1, slots - 1, slots, 3 * slots + 2, 1):
        watched.order("p", items)
        now = watched.at_rest()
        assert now.since == before.since
        assert (now.produced or 0) - (before.produced or 0) == watched.made - made
    assert now.watched[0] == "slot 0"
    assert now.hit_seconds > 0


def test_who_stores_what(start: Start) -> None:
    """Both sides are known by what they store into, and how many items each has moved."""
    watched = start()
    counted = watched.until_counted()
    sides = watched.by_side()
    assert sides[Role.PRODUCER].pid == watched.process.pid
    assert sides[Role.PRODUCER].stores == ("in",)
    assert sides[Role.CONSUMER].stores == ("out",)
    if "in" in counted.watched:
        assert sides[Role.PRODUCER].items == counted.produced
        assert sides[Role.CONSUMER].items == counted.consumed


def test_who_stores_both_is_on_no_side(start: Start) -> None:
    """Whatever it was seen to store first."""
    watched = start()
    watched.until_counted()
    pid = watched.process.pid
    assert watched.by_side()[Role.PRODUCER].pid == pid
    watched.order("o", 0)
    poll(lambda: watched.by_side().get(Role.UNKNOWN), "its role is open again")
    its = watched.by_side()[Role.UNKNOWN]
    assert (its.pid, its.stores) == (pid, ("in", "out"))


def test_a_thread_that_comes_later_counts(start: Start) -> None:
    """From its first store on."""
    watched = start()
    before, made = watched.until_counted(), watched.made
    watched.order("t", 23)
    now = watched.at_rest()
    assert now.since == before.since
    assert (now.produced or 0) - (before.produced or 0) == watched.made - made == 23


def test_a_thread_that_is_the_first_to_store_is_seen(start: Start) -> None:
    """It came after the breakpoints: they are set in it, too, and it is not said that nothing moves."""
    watched = start()
    watched.exact()
    watched.order("w", 0)
    poll(lambda: watched.exact().watched, "it is watched")


def test_a_child_that_comes_later_counts(start: Start) -> None:
    """From its first store on, and once it is seen it has its own role; its items count once."""
    watched = start()
    before, made = watched.until_counted(), watched.made
    watched.order("f", 23)
    assert (watched.at_rest().produced or 0) - (before.produced or 0) == 23
    poll(lambda: len(watched.sampler.sample(thorough=True).processes) == 3, "the child is seen")
    watched.exact()
    watched.order("p", 8)
    now = watched.at_rest()
    assert now.since == before.since
    assert (now.produced or 0) - (before.produced or 0) == watched.made - made


@pytest.mark.parametrize("slots", [5, 64])
def test_a_free_running_ring_is_counted_or_declined(start: Start, slots: int) -> None:
    """Where it is counted, what the program has made lies at most a lap off."""
    watched = start(slots)
    before, made = watched.until_counted(), watched.made
    watched.order("r", 0)

    def counted() -> bool:
        earliest = watched.order("p", 0)
        exact = watched.exact()
        latest = watched.order("p", 0)
        if exact.refused:
            assert "% of a processor" in exact.refused
            return True
        items = (exact.produced or 0) - (before.produced or 0) + made
        assert items <= latest + slots
        return earliest > made + 10 * slots and items >= earliest - slots

    poll(counted, "a reading of this moment, or a refusal")


def test_it_gives_up_what_costs_too_much(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, and everything is closed."""
    monkeypatch.setattr(breakpoint_costs, "LIMIT", 1e-9)
    watched = start()
    watched.order("r", 0)
    refused = poll(lambda: watched.exact().refused, "it has given up")
    assert "it would cost" in refused
    assert "hits a second" in refused
    assert watched.sampler.sample().throughput.method is not Method.BREAKPOINTS
    watched.sampler.count_exactly(on=False)
    assert watched.sampler.sample().exact is None
    watched.sampler.close()
    assert not _perf_events()


def test_nothing_is_left_open(start: Start) -> None:
    """All breakpoints are closed as it is turned off, however often that is. What stays watches who forks."""
    watched = start()
    left = []
    for _time in range(3):
        watched.sampler.count_exactly(on=True)
        watched.until_counted()
        counting = _perf_events()
        watched.sampler.count_exactly(on=False)
        left.append(_perf_events())
        assert left[-1] < counting
    assert left[1] == left[2]
    watched.sampler.close()
    assert not _perf_events()


def _perf_events() -> int:
    """How many this process has open: breakpoints, and those that watch who forks."""
    links = (os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
    return sum("perf_event" in link for link in links)


async def test_e_turns_it_on_and_off(start: Start) -> None:
    """An event says what is watched and what that costs."""
    watched = start()
    watched.sampler.count_exactly(on=False)
    app = DashboardApp(Attachment(watched.sampler), refresh_hz=NEVER_HZ)
    async with app.run_test() as pilot:
        await pilot.press("e")
        watched.order("p", 3)
        await ticked(
            app,
            lambda: (app.dashboard.latest.exact or ExactCounts()).watched,
            "something has moved",
        )
        await reports(app, "exact counts, by hardware breakpoints on slot 0")
        counting = _perf_events()
        await pilot.press("e")
        await reports(app, "exact counts are off")
        assert app.dashboard.latest.exact is None
        assert _perf_events() < counting


def test_stat_tells_counts_and_cost(start: Start) -> None:
    """As text and as JSON; a ring at rest has nothing to count."""
    watched = start()
    watched.sampler.count_exactly(on=False)
    name = watched.sampler.name
    record = json.loads(run_shmtui("stat", name, "--slots", "5", "--exact", "--json").stdout)
    assert record["exact"]["refused"] == ""
    assert record["exact"]["produced"] is None
    assert json.loads(run_shmtui("stat", name, "--slots", "5", "--json").stdout)["exact"] is None
    text = run_shmtui("stat", name, "--slots", "5", "--exact").stdout
    assert "nothing counted yet" in text


def test_a_refusal_says_why() -> None:
    """And what would change it."""
    assert "debugger" in why_refused(OSError(errno.ENOSPC, "", "7"))
    assert "no hardware breakpoints" in why_refused(OSError(errno.ENODEV, ""))
    assert "root" in why_refused(OSError(errno.EACCES, "", "7"))
    assert "Linux 5.13" in why_refused(OSError(errno.EINVAL, "", "7"))


def _ring(slots: int, by_producer: int, by_consumer: int, behind: int) -> Iterator[StoreReading]:
    """A ring at rest after each item, the consumer some items behind."""
    produced = consumed = 0
    hits = dict.fromkeys(range(slots), 0)
    while True:
        yield StoreReading(
            produced % slots, consumed % slots, produced - consumed, True,
            hits[0], hits[slots // 2], produced,
        )  # fmt: skip
        hits[produced % slots] += by_producer
        produced += 1
        if produced - consumed > behind:
            hits[consumed % slots] += by_consumer
            consumed += 1


@pytest.mark.parametrize("stores", [(1, 0), (2, 0), (1, 1), (3, 2)])
@pytest.mark.parametrize("slots", [2, 3, 5, 64])
def test_laps_by_arithmetic(slots: int, stores: tuple[int, int]) -> None:
    """The stores of a lap are found, and the items from then on."""
    ring = _ring(slots, *stores, behind=slots // 2)
    laps = LapCount(slots, next(ring))
    for items in range(1, 40 * slots):
        reading = next(ring)
        laps.add(reading)
        assert laps.items(reading) in {items, None}
    assert laps.stores == sum(stores)
    assert laps.items(reading) == items


def test_the_first_lap_counts() -> None:
    """Before ``in`` has gone back to 0 it is open how that is stored, and the items are not."""
    count = IndexCount(1024, StoreReading(0, 0, 0, True, index=0))
    for items in range(1, 100):
        reading = StoreReading(items, 0, 0, True, index=items)
        count.add(reading)
    assert count.step is None
    assert count.items(reading) == items


def test_slots_that_the_kernel_writes_tell_nothing() -> None:
    """``read`` into a slot is no store that a breakpoint sees: no count, and not a wrong one."""
    ring = _ring(5, 0, 0, behind=2)
    laps = LapCount(5, next(ring))
    for _item in range(200):
        reading = next(ring)
        laps.add(reading)
        assert laps.items(reading) is None
    assert laps.readings > 100


@pytest.mark.parametrize("step", StorePattern)
def test_items_by_the_stores_into_an_index(step: StorePattern) -> None:
    """As many as an item takes; a reading between two stores of one item says nothing."""
    slots, hits, start = 5, 0, StoreReading(2, 0, 0, True, index=0)
    count = IndexCount(slots, start)
    for items in range(1, 60):
        at = (2 + items) % slots
        hits += 1 + (not at) if step is StorePattern.AGAIN_AT_ZERO else step
        reading = StoreReading(at, 0, 0, True, index=hits)
        count.add(reading)
    assert count.step is step
    assert count.items(reading) == items


@pytest.mark.parametrize("names", [("fim", "inicio"), ("inicio", "fim")])
def test_who_fills_the_slots_settles_the_direction(start: Start, names: tuple[str, str]) -> None:
    """Names that programs use both ways tell no side, and at rest no value does: the stores do."""
    in_, out = names
    run = start(5, "-g", "-DINDEX=1", f"-Din={in_}", f"-Dout={out}")

    def is_empty() -> bool:
        indices = struct.unpack_from("ii", Path(segment_path(run.sampler.name)).read_bytes(), 5 * 4)
        return bool(indices[0] == indices[1])

    def settled() -> bool:
        run.order("p", 3)
        poll(is_empty, "the consumer has taken all")  # What is half taken would tell by its values.
        snapshot = run.sampler.sample()
        return not snapshot.layout.by_convention and bool(snapshot.producers and snapshot.consumers)

    poll(settled, "both sides are told")
    snapshot = run.sampler.sample()
    assert snapshot.layout.index_names == (in_, out)
    assert "fills them" in snapshot.layout.assumptions[-1]
    assert [p.pid for p in snapshot.producers] == [run.process.pid]
