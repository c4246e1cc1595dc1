"""Whatever lies under /dev/shm: it is looked at or refused, soon, in little memory, and left as it is."""

import contextlib
import os
import re
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.monitor.shared_object import Content
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from tests.hostile import segments
from tests.hostile.looking import HANGS_SECONDS, Tally, drawn, listed, look, peak_bytes, told
from tests.hostile.segments import GIANT, Hostile
from tests.program import run_shmtui
from tests.terminal import Terminal
from tests.traces import PREFIX, SHM
from tests.waiting import poll

BATCH: Final = 50
"""So many lie there at a time."""
GROWTH: Final = 200 << 20
"""Bytes that looking at thousands may add to what a test run takes."""
LITTLE: Final = 600 << 20
"""Bytes of addresses that a command may have."""
MORE: Final = 24 << 20
"""Bytes that a command may take more for a segment that claims to be large."""
NO_SEGMENTS: Final = {"link", "fifo", "folder", "socket", "device"}


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder under /dev/shm to look in, as --pid has one looked in."""
    folder = SHM / f"{PREFIX}home"
    folder.mkdir()
    yield folder
    for path in folder.iterdir():
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.rmdir()


def marks(path: Path) -> tuple[int, ...]:
    """What a write, a change of size, mode or name, or a page taken by reading would change."""
    status = path.lstat()
    return (
        status.st_ino, status.st_mode, status.st_nlink, status.st_size, status.st_blocks,
        status.st_mtime_ns, status.st_ctime_ns,
    )  # fmt: skip


def ways(hostile: Hostile) -> list[LayoutOptions]:
    """How it is looked at: as it is, as bytes, and as somebody might say that it is."""
    said = [LayoutOptions(layout=layout) for layout in hostile.options]
    if hostile.slots is not None:
        said.append(LayoutOptions(slots=hostile.slots))
    return [LayoutOptions(), LayoutOptions(raw=True), *said]


def survive(home: Path, seed: int, numbers: range) -> Tally:
    """Make the numbered ones, list them, look at each in every way."""
    random = Random(seed)
    tally = Tally()
    before = peak_bytes()
    for first in range(numbers.start, numbers.stop, BATCH):
        made = [
            segments.make(random, home, number)
            for number in range(first, min(first + BATCH, numbers.stop))
        ]
        state = {hostile.path: marks(hostile.path) for hostile in made}
        kinds = {entry.name.removeprefix("/"): entry.content for entry in listed(home)}
        for hostile in made:
            name = hostile.path.name.removeprefix("sem.")
            assert (kinds[name] is Content.NOT_A_FILE) == (hostile.kind in NO_SEGMENTS), hostile
            for options in ways(hostile):
                seen = look(f"/{hostile.path.name}", options, home, tally)
                assert seen is None or hostile.kind not in NO_SEGMENTS, hostile
        assert {hostile.path: marks(hostile.path) for hostile in made} == state
        for hostile in made:
            segments.remove(hostile)
    assert peak_bytes() - before < GROWTH
    return tally


def test_whatever_lies_there(home: Path) -> None:
    """20 of them in the ordinary run."""
    tally = survive(home, 1, range(20))
    assert tally.looks > 50
    assert 0 < tally.refused < tally.looks


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_of_them(home: Path, seed: int) -> None:
    """The same, 1 000 for each seed; noise and zeros of every size from 0 to 4096 are among them."""
    tally = survive(home, seed, range(1000 * seed, 1000 * (seed + 1)))
    print(f"{tally}, peak {peak_bytes() >> 20} MiB")  # noqa: T201 - the figures, with -rP


# -- while it is read -----------------------------------------------------------------------------


def mischief(random: Random, path: Path, stop: threading.Event) -> None:
    """Change size, bytes, mode and name of a segment for as long as somebody looks."""
    layout = seed_layout(5, ITEM_TYPES["int32"], running_libc())
    other = path.with_name(path.name + ".other")

    def rewrite() -> None:
        path.write_bytes(segments.fields(random, layout))

    def resize() -> None:
        with contextlib.suppress(FileNotFoundError):
            os.truncate(path, random.choice((0, 1, 20, 31, 64, 127, 128, 4097, 10**6, GIANT)))

    def replace() -> None:
        other.write_bytes(segments.fields(random, random.choice(segments.SEEDS)))
        other.rename(path)

    def trap() -> None:
        random.choice((segments.fifo, segments.link, segments.listener))(random, other)
        other.rename(path)

    def vanish() -> None:
        path.unlink(missing_ok=True)

    while not stop.is_set():
        random.choice((rewrite, rewrite, resize, resize, replace, replace, trap, vanish))()
        if not path.is_file() or path.is_symlink():
            path.unlink(missing_ok=True)
            rewrite()
        stop.wait(random.choice((0.0, 0.001, 0.02)))


def watch_in_spite_of(home: Path, seed: int, looks: int) -> int:
    """Look so often at a segment that never stays the same; how many snapshots there were."""
    path = home / "changing"
    path.write_bytes(bytes(128))
    random, stop = Random(seed), threading.Event()
    thread = threading.Thread(target=mischief, args=(random, path, stop))
    thread.start()
    seen = 0
    said = (LayoutOptions(slots=5), LayoutOptions(raw=True))
    try:
        for number in range(looks):
            with (
                contextlib.suppress(ShmtuiError),
                contextlib.closing(
                    Sampler("/changing", said[number % 2], folder=str(home))
                ) as sampler,
            ):
                sampler.slots_shown = 64
                for _look in range(20):
                    snapshot = sampler.sample()
                    told(snapshot)
                    drawn(snapshot, sampler)
                    sampler.sample_ring()
                    seen += 1
            listed(home)
    finally:
        stop.set()
        thread.join(HANGS_SECONDS)
    assert not thread.is_alive()
    return seen


def test_a_segment_that_changes_under_the_look(home: Path) -> None:
    """Cut off, grown, replaced by another, by a FIFO, by a link, gone: each look tells something."""
    assert watch_in_spite_of(home, 1, 5) > 10


@pytest.mark.slow
def test_a_segment_that_changes_for_minutes(home: Path) -> None:
    """The same for long."""
    assert watch_in_spite_of(home, 2, 1500) > 5000


# -- the real program -----------------------------------------------------------------------------


@pytest.fixture
def laid_out() -> Iterator[dict[str, Hostile]]:
    """One of each kind under /dev/shm itself, by kind."""
    random = Random(7)
    kinds = (
        segments.noise, segments.zeros, segments.buffer, segments.scattered, segments.sparse,
        segments.locked, segments.link, segments.fifo, segments.folder, segments.listener,
        segments.device,
    )  # fmt: skip
    made = [make(random, SHM / f"{PREFIX}{make.__name__}") for make in kinds]
    try:
        yield {hostile.kind: hostile for hostile in made}
    finally:
        for hostile in made:
            segments.remove(hostile)


def test_by_the_commands(laid_out: dict[str, Hostile]) -> None:
    """ls, stat and check end by themselves, in lines, with a code that means something."""
    state = {kind: marks(hostile.path) for kind, hostile in laid_out.items()}
    for form in ([], ["--json"]):
        done = run_shmtui("ls", *form)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count(PREFIX) >= len(laid_out)
    for kind, hostile in laid_out.items():
        done = run_shmtui("stat", hostile.path.name, timeout=HANGS_SECONDS)
        assert done.returncode in ({2} if kind in NO_SEGMENTS else {0, 2}), (kind, done)
        assert "Traceback" not in done.stderr
        assert bool(done.stdout) == (done.returncode == 0)
        assert len(done.stderr.splitlines()) == (done.returncode == 2)
    for kind in ("noise", "sparse", "link"):
        done = run_shmtui("check", laid_out[kind].path.name, "--slots", "1", "--for", "0.2")
        assert done.returncode in {0, 1, 2}
        assert "Traceback" not in done.stderr
    assert {kind: marks(hostile.path) for kind, hostile in laid_out.items()} == state


def memory_of(*arguments: str) -> int:
    """Bytes that a command took at the most. It may have fewer addresses than a vast segment."""
    with subprocess.Popen(
        [sys.executable, "-m", "shmtui", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LITTLE, LITTLE)),  # noqa: PLW1509
    ) as process:  # fmt: skip
        assert process.stderr is not None
        errors = process.stderr.read()
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in ({0, 1, 2} if arguments[0] == "check" else {0}), arguments
    assert process.returncode or not errors, arguments
    return int(usage.ru_maxrss) << 10


def memory_of_attach(*arguments: str) -> int:
    """Bytes that a dashboard has taken at the most after a second of frames."""
    with Terminal("attach", *arguments) as terminal:
        terminal.wait_for("q Quit")
        status = Path(f"/proc/{terminal.process.pid}/status")
        poll(lambda: terminal.read(0.2) or True, "a frame more")
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found is not None
        terminal.press("q")
        assert terminal.wait() == 0
        return int(found[1]) << 10


LAYOUTS: Final = {
    "as it is": (),
    "as bytes": ("--raw",),
    "of many slots": ("--layout", "data=128:2147483647xint32,in=20:int32,out=24,mutex=32,empty=64"),
    "of one vast item": ("--layout", "data=128:50xbyte[999999999],in=0:int32,out=4"),
    "from end to end": ("--layout", f"data=16:5xint32,in=0:int32,out=4,mutex=64,full={GIANT - 32}"),
}


def test_a_claimed_size_costs_nothing(name: str) -> None:
    """100 GB that are not there: each command takes as little memory as for a page."""
    path = SHM / name[1:]
    path.write_bytes(bytes(4096))
    small = {"stat": memory_of("stat", name, "--slots", "5"), "ls": memory_of("ls")}
    check = memory_of("check", name, "--slots", "5", "--for", "0.2")
    attach = memory_of_attach(name, "--slots", "5")
    os.truncate(path, GIANT)
    blocks = path.stat().st_blocks
    try:
        for layout in LAYOUTS.values():
            assert memory_of("stat", name, *layout) - small["stat"] < MORE, layout
        assert memory_of("ls") - small["ls"] < MORE
        assert memory_of("check", name, *LAYOUTS["of one vast item"], "--for", "0.2") - check < MORE
        assert memory_of_attach(name, *LAYOUTS["of many slots"]) - attach < MORE
        assert memory_of_attach(name, "--raw") - attach < MORE
        assert path.stat().st_blocks == blocks
    finally:
        path.unlink()
