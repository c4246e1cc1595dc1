"""A program that takes part for a moment only is noticed: its items are not called lost."""

import subprocess
import sys
from pathlib import Path

from msgspec.structs import replace

from shmtui.errors import ExitCode
from shmtui.procfs.file_watch import CLOSED_WRITING, OPENED, FileWatch
from shmtui.report.snapshot_text import totals_lines
from shmtui.session.headless import judged
from shmtui.shm.control_format import Flags
from shmtui.shm.item_counts import Audit, Totals
from shmtui.shm.segment import map_segment, segment_path
from tests.conftest import MakeBuffer
from tests.program import HeadlessRun, flags_of, items_of, run_shmtui
from tests.waiting import poll

GUEST = """
import sys
from shmtui.shm.control_file import read_header
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.ring import Ring
from shmtui.shm.segment import map_segment
name = sys.argv[1]
mapping = map_segment(name)
semaphores = Ring.open(name, mapping, read_header(name).layout).semaphores
while not semaphores[SemaphoreRole.FULL].try_wait(): pass
while not semaphores[SemaphoreRole.MUTEX].try_wait(): pass
words = memoryview(mapping).cast("i")
words[6] = (words[6] + 1) % 5
semaphores[SemaphoreRole.MUTEX].post()
semaphores[SemaphoreRole.EMPTY].post()
import os; os._exit(0)
"""


def test_an_item_that_a_guest_took_is_not_lost(name: str) -> None:
    """The balance says that it is unknown; there is no finding."""
    with HeadlessRun(name, "--produce-rate", "20", "--consume-rate", "20") as run:
        subprocess.run([sys.executable, "-c", GUEST, name], check=True)
        poll(lambda: flags_of(name) & Flags.GUESTS, "it is noted")
        assert run.end() == 143
        out = run.stdout
    assert "items-lost" not in out
    assert "balance unknown" in out


def test_a_balance_that_a_guest_may_have_changed_is_not_judged() -> None:
    """No item is called lost then; where nobody came, or it could not be watched who did, it is."""
    short = Audit(Totals(9, 4, 36, 6), 5, 4, 22, guests=0)
    assert short.balanced is False
    assert judged(short, stuck=False) is ExitCode.FINDINGS
    assert judged(replace(short, guests=None), stuck=False) is ExitCode.FINDINGS
    assert judged(replace(short, guests=2), stuck=False) is ExitCode.CANNOT
    assert judged(replace(short, guests=2), stuck=True) is ExitCode.FINDINGS
    assert judged(replace(short, foreign=True), stuck=False) is ExitCode.OK


def test_what_workers_moved_is_not_said_of_the_ring() -> None:
    """Where others took part, a count says whose it is."""
    alone = Audit(Totals(0, 0, 0, 0), 5, 0, 0, guests=0, seconds=6.0)
    assert "workers" not in "".join(totals_lines(alone))
    for side in list(totals_lines(replace(alone, foreign=True)))[:2]:
        assert side.endswith("by workers alone")


def test_a_guest_is_noted_in_the_control_block_and_a_repair_is_none(name: str) -> None:
    """Who has been there may still hold what it took: no finding rests on workers alone then."""
    with HeadlessRun(name, "--producers", "2", "--fault", "producer1:die-at=write") as run:
        poll(lambda: "dead-holder" in run_shmtui("check", name).stdout, "it is dead")
        repaired = run_shmtui("repair", name, "--yes")
        assert "repaired dead-holder" in repaired.stdout, repaired.stdout
        moved = items_of(name)
        poll(lambda: items_of(name) > moved + 3, "samples were taken since")
        assert not flags_of(name) & Flags.GUESTS
        run.end()


def test_a_writer_is_seen_once_it_is_gone(make_buffer: MakeBuffer) -> None:
    """While it maps the segment there is no event yet; a reader causes none."""
    buffer = make_buffer(5)
    watch = FileWatch(segment_path(buffer.name), CLOSED_WRITING)
    mapping = map_segment(buffer.name)
    with open(segment_path(buffer.name), "rb") as reader:
        reader.read(1)
    assert not watch.happened()
    mapping.close()
    assert watch.happened()
    assert not watch.happened()
    watch.close()


def test_all_files_of_a_process_are_watched_by_one_instance(make_buffer: MakeBuffer) -> None:
    """A user may have 128 of them. Each watch is told of its file and its kind of event alone."""
    paths = [segment_path(make_buffer(5).name) for _segment in range(3)]
    before = instances()
    opened = [FileWatch(path, OPENED) for path in paths]
    closed = FileWatch(paths[0], CLOSED_WRITING)
    assert instances() <= before + 1
    with open(paths[0], "r+b"):
        assert [watch.happened() for watch in opened] == [True, False, False]
        assert not closed.happened()
    assert closed.happened()
    opened[0].close()
    with open(paths[0], "r+b"), open(paths[2], "rb"):
        pass
    assert [watch.happened() for watch in opened[1:]] == [False, True]
    assert closed.happened()
    for watch in (*opened, closed):
        watch.close()
    assert instances() == before


def instances() -> int:
    """How many inotify instances this process has."""
    links = [
        str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()
    ]
    return links.count("anon_inode:inotify")
