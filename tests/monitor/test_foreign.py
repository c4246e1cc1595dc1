"""Somebody else's ring, by its header, by an option, or by inference: as it is, or refused."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions
from shmtui.monitor.discovery import survey
from shmtui.monitor.sampler import Sampler
from shmtui.monitor.shared_object import Content
from shmtui.shm.item_counts import Method
from shmtui.shm.segment import create_segment, segment_path, unlink_segment
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import ProcessState
from tests.compiling import Compiler
from tests.monitor.named_objects import named_objects
from tests.program import run_shmtui
from tests.waiting import poll

PEERS = Path(__file__).parent.parent / "peers"
SPEC = "data=64:7xbyte[32],in=288:int64,out=296,mutex=304,empty=32,full=0"


class Ring:
    """The ring program, running."""

    def __init__(self, binary: Path, name: str, log: Path, pace: int) -> None:
        self.name = name
        self.log = log
        self.process = subprocess.Popen(
            [str(binary), name, str(pace), str(log)], start_new_session=True
        )
        poll(lambda: log.exists() and log.stat().st_size, "the program has produced")

    def logged(self) -> list[str]:
        """What it says that it produced, a line an item."""
        return [line for line in self.log.read_text().split("\n") if line]

    def stop(self) -> None:
        """Hold it still, wherever it is, so that nothing moves under the test."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def end(self) -> None:
        """Kill both of its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def ring(gcc: Compiler, name: str, tmp_path: Path) -> Iterator[Ring]:
    """A producer of 500 items/s and a slower consumer."""
    running = Ring(gcc.program(PEERS / "ring.c"), name, tmp_path / "log", 2000)
    yield running
    running.end()
    unlink_segment(name)


def test_by_its_header(ring: Ring) -> None:
    """Values, text and numbers are those that the program logged, in its own struct's names."""
    sampler = Sampler(ring.name, LayoutOptions(header=PEERS / "ring.h", struct="ring"))
    sampler.slots_shown = 7
    poll(lambda: len(ring.logged()) > 7, "the ring has gone round once")
    ring.stop()
    snapshot = sampler.sample()
    sampler.close()
    assert snapshot.layout.source is LayoutSource.HEADER
    offsets = snapshot.layout.offsets
    assert (offsets.data, offsets.in_, offsets.out) == (64, 288, 296)
    assert (offsets.mutex, offsets.empty, offsets.full) == (304, 32, 0)
    logged = ring.logged()
    shown = {
        "{} {} {:.2f}".format(*(value for _, value in slot.value))
        for slot in snapshot.slots
        if isinstance(slot.value, tuple)
    }
    assert snapshot.in_ is not None
    # The one at ``in`` may have been half written when the program was stopped.
    assert len(shown & set(logged[-7:])) >= 6


def test_who_waits_on_what(ring: Ring) -> None:
    """The producer is seen blocked on the free slots, by the address of its futex."""
    sampler = Sampler(ring.name, LayoutOptions(layout=SPEC))

    def blocked() -> bool:
        return any(
            p.pid == ring.process.pid
            and p.blocked_on == "empty"
            and p.wakeable
            and p.role == "producer"
            and p.state is ProcessState.BLOCKED
            for p in sampler.sample().processes
        )

    poll(blocked, "the producer blocks on a full ring")
    assert len(sampler.sample().processes) == 2
    sampler.close()


def test_a_waiter_is_blocked_though_no_layout_is_known(ring: Ring) -> None:
    """Where no word is known for a semaphore, who sleeps on one of the segment is still blocked."""
    sampler = Sampler(ring.name, LayoutOptions(raw=True))

    def blocked() -> bool:
        found = {p.pid: p for p in sampler.sample().processes}
        return found[ring.process.pid].state is ProcessState.BLOCKED

    poll(blocked, "the producer blocks on a full ring")
    sampler.close()


def test_inference_never_lies(ring: Ring) -> None:
    """Without a word from the user the layout is right, or refused with it among the candidates."""
    refusal: AmbiguousLayoutError | None = None
    sampler: Sampler | None = None
    try:
        sampler = Sampler(ring.name)
    except AmbiguousLayoutError as error:
        refusal = error
    if sampler is None:
        assert refusal is not None
        assert SPEC in refusal.options
        assert "--layout" in str(refusal)
        assert "\n" not in str(refusal)
        return
    layout = sampler.layout
    sampler.close()
    assert layout is not None
    assert (layout.slots, layout.item.size, layout.data) == (7, 32, 64)
    assert (layout.in_, layout.out, layout.mutex) == (288, 296, 304)
    assert (layout.empty, layout.full) == (32, 0)


def test_a_header_of_another_size_is_refused(ring: Ring, tmp_path: Path) -> None:
    """A header that needs more than the segment has is not the one that it was built with."""
    header = tmp_path / "big.h"
    header.write_text(
        "#include <semaphore.h>\n"
        "typedef struct { int data[999]; int in, out; sem_t mutex, empty, full; } Big;\n"
    )
    with pytest.raises(ShmtuiError, match="is this the header it was built with"):
        Sampler(ring.name, LayoutOptions(header=header))


def test_flow_is_proved_or_bounded(ring: Ring) -> None:
    """What is shown as a plain number is the rate between two of the looks, as the program logged it."""
    sampler = Sampler(ring.name, LayoutOptions(header=PEERS / "ring.h"))
    looks: list[tuple[int, int, int]] = []
    """When, and how many items were logged before and after."""

    def measured() -> float | None:
        before = len(ring.logged())
        sampler.sample_ring()
        snapshot = sampler.sample()
        looks.append((snapshot.monotonic_ns, before, len(ring.logged())))
        rates = snapshot.throughput
        return rates.produced_per_s if rates.method is Method.SEQUENCE else None

    shown = poll(measured, "consecutive ids prove the rate")
    sampler.close()
    assert any(
        0.9 * (fewest - most_before) <= shown * (end - start) / 1e9 <= 1.1 * (most - before)
        for (start, before, most_before), (end, fewest, most) in itertools.combinations(looks, 2)
    )


def test_ls_names_the_mappers(ring: Ring) -> None:
    """``ls`` shows the segment as a buffer, with both of its processes, and orphaned after them."""
    (entry,) = (e for e in named_objects() if e.name == ring.name)
    assert entry.content is Content.BUFFER
    assert ring.process.pid in [pid for pid, _ in entry.mappers]
    assert len(entry.mappers) == 2
    assert entry.orphan is False
    os.killpg(ring.process.pid, signal.SIGKILL)
    ring.process.wait()
    poll(lambda: all(e.orphan for e in named_objects() if e.name == ring.name), "an orphan")


@pytest.mark.parametrize("replaced", [False, True])
def test_ls_shows_a_segment_without_a_name(ring: Ring, replaced: bool) -> None:
    """Who waits in the old segment is found beside the one that has its name now."""
    old = Path(segment_path(ring.name)).stat().st_ino
    unlink_segment(ring.name)
    if replaced:
        create_segment(ring.name, 4096)
    (found,) = (e for e in survey().objects if e.unlinked and e.name == ring.name)
    assert found.inode == old
    assert found.replaced is replaced
    assert found.size_mapped or found.size == 336
    assert ring.process.pid in [pid for pid, _ in found.mappers]
    shown = run_shmtui("ls").stdout
    assert any(ring.name in row and "unlinked" in row for row in shown.splitlines())
    rows = [json.loads(row) for row in run_shmtui("ls", "--json").stdout.splitlines()]
    (row,) = (row for row in rows if row["unlinked"] and row["name"] == ring.name)
    assert row["target"] == f"pid:{min(pid for pid, _name in found.mappers)}:{old}"
    assert row["replaced"] is replaced
    if replaced:
        unlink_segment(ring.name)


def test_ls_knows_the_exercise_by_its_name(tmp_path: Path) -> None:
    """Its semaphores may never have been initialised, so only name and size tell it."""
    for name, size in (("shm_buffer", 128), ("other", 128)):
        (tmp_path / name).write_bytes(bytes(size))
    found = {entry.name: entry for entry in named_objects(str(tmp_path))}
    assert found["/shm_buffer"].content is Content.BUFFER
    assert "5 × int32" in found["/shm_buffer"].looks
    assert found["/other"].content is Content.UNKNOWN


def test_ls_as_json(ring: Ring) -> None:
    """One object a line, with everything that the table shows."""
    lines = run_shmtui("ls", "--json").stdout.splitlines()
    (entry,) = (e for e in map(json.loads, lines) if e["name"] == ring.name)
    assert entry["size"] == 336
    assert entry["mode"] == "0600"
    assert {m["name"] for m in entry["mappers"]} == {"ring"}


def test_what_becomes_of_the_name(ring: Ring) -> None:
    """Unlinked is told; a segment that takes the name is followed."""
    sampler = Sampler(ring.name, LayoutOptions(layout=SPEC))
    inode = sampler.sample().segment.inode
    unlink_segment(ring.name)
    assert sampler.sample().segment.unlinked
    Path(segment_path(ring.name)).write_bytes(bytes(336))
    snapshot = sampler.sample()
    sampler.close()
    assert snapshot.segment.inode != inode
    assert not snapshot.segment.unlinked
