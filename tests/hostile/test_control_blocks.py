"""A control block is somebody's word: it is believed where only this user or root could write it,
and even then nothing is done to what it names.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from shmtui.errors import MissingSegmentError
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.identity import own_identity
from shmtui.session.cleanup import remove, sweep
from shmtui.shm.control_format import Field, control_name
from shmtui.shm.layout import Layout
from shmtui.shm.layout_spec import layout_text
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment import FileIdentity, segment_path
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import ProcessState
from tests.conftest import MakeBuffer
from tests.hostile import blocks
from tests.hostile.looking import Tally, listed, look
from tests.hostile.test_segments import marks
from tests.program import run_shmtui
from tests.traces import PREFIX, SHM, SWEEPING


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder under /dev/shm to look in."""
    folder = SHM / f"{PREFIX}blocks"
    folder.mkdir()
    yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def beside(home: Path, name: str, layout: Layout) -> FileIdentity:
    """A segment in ``home``; its identity."""
    path = home / name
    path.write_bytes(bytes(layout.size))
    return FileIdentity.of(path.stat())


def put(home: Path, name: str, raw: bytes) -> Path:
    """A control block in ``home``, as a file that would be believed.

    By its descriptor: programs of other tests sweep what a dead run left, and may take its name at
    any moment.
    """
    path = home / (name + ".shmtui")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(raw)
    return path


def survive(home: Path, seed: int, count: int) -> tuple[Tally, int]:
    """Look so often at a segment beside another control block; how often that was believed."""
    random, tally, believed = Random(seed), Tally(), 0
    for number in range(count):
        layout = random.choice(blocks.LAYOUTS)
        identity = beside(home, "buffer", layout)
        path = put(home, "buffer", blocks.other_block(random, "/buffer", identity, layout))
        state = marks(path)
        for options in (LayoutOptions(), LayoutOptions(slots=5)):
            snapshot = look("/buffer", options, home, tally)
            believed += snapshot is not None and snapshot.layout.source is LayoutSource.CONTROL
        if number % 10 == 0:
            listed(home)
        assert marks(path) == state
        path.unlink()
        (home / "buffer").unlink()
    return tally, believed


def test_whatever_stands_in_it(home: Path) -> None:
    """20 of them in the ordinary run: some are sound enough to be believed, none does harm."""
    tally, believed = survive(home, 1, 20)
    assert tally.looks == 40
    assert 3 < believed < 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_of_them(home: Path, seed: int) -> None:
    """The same, 1 000 for each seed."""
    tally, believed = survive(home, seed, 1000)
    print(f"{tally}, believed {believed}")  # noqa: T201 - the figures, with -rP


@pytest.mark.rights
@pytest.mark.parametrize("spoil", blocks.FILES, ids=lambda spoil: spoil.__name__)
def test_what_others_could_have_written_is_not_believed(
    home: Path, spoil: Callable[[Path], None]
) -> None:
    """Sound in every byte, and yet anybody's word: the layout is not taken from it, and why is said."""
    layout = blocks.LAYOUTS[0]
    raw = blocks.block("/buffer", beside(home, "buffer", layout), layout_text(layout))
    with_it = put(home, "buffer", raw)
    seen = look("/buffer", LayoutOptions(), home, Tally())
    assert seen is not None
    assert seen.layout.source is LayoutSource.CONTROL
    assert seen.limits == ()
    if spoil is blocks.somebody_elses and os.geteuid():
        pytest.skip("only root can give a file away")
    spoil(with_it)
    seen = look("/buffer", LayoutOptions(slots=5), home, Tally())
    assert seen is not None
    assert (seen.layout.source, seen.totals, seen.uptime) == (LayoutSource.OPTIONS, None, None)
    (limit,) = seen.limits
    assert limit.startswith("its control block /buffer.shmtui is not used: ")


@pytest.mark.parametrize(
    ("version", "says"),
    [(1, "it has version 1, and this shmtui reads 2"), (0, "its creator has not finished")],
)
def test_why_it_is_not_used_is_said(name: str, version: int, says: str) -> None:
    """One of another shmtui's, or one that is not finished: ls and stat say so in a line."""
    layout = blocks.LAYOUTS[0]
    path, control = Path(segment_path(name)), Path(segment_path(control_name(name)))
    path.write_bytes(bytes(layout.size))
    identity = FileIdentity.of(path.stat())
    control.write_bytes(blocks.block(name, identity, layout_text(layout), version=version))
    control.chmod(0o600)
    try:
        shown = run_shmtui("stat", name, "--slots", "5")
        assert (shown.returncode, shown.stderr) == (0, "")
        assert says in next(line for line in shown.stdout.splitlines() if "not used" in line)
        assert says in run_shmtui("ls").stdout
    finally:
        path.unlink()
        control.unlink()


# -- nothing is done to what it names -------------------------------------------------------------


@pytest.fixture
def strangers(make_buffer: MakeBuffer) -> Iterator[dict[Path, tuple[int, ...]]]:
    """Somebody else's segments and semaphores, and how each looks."""
    named, embedded = make_buffer(named=True), make_buffer()
    other = SHM / f"sem.{PREFIX}strangers"
    other.write_bytes(bytes(32))
    paths = [other, *(SHM / f"sem.{name[1:]}" for _role, name in named.layout.names)]
    paths += [SHM / buffer.name[1:] for buffer in (named, embedded)]
    yield {path: marks(path) for path in paths}
    other.unlink()


def blocks_that_name(strangers: dict[Path, tuple[int, ...]], name: str) -> Iterator[bytes]:
    """Dead blocks beside ``name`` that claim each of the strangers' for themselves."""
    semaphores = [path.name.removeprefix("sem.") for path in strangers if "sem." in path.name]
    layout = blocks.LAYOUTS[3]
    nothing = FileIdentity(0, 0)
    for path in strangers:
        identity = FileIdentity.of(path.stat())
        yield blocks.block(name, identity, layout_text(layout))
        yield blocks.block("/" + path.name.removeprefix("sem."), identity, layout_text(layout))
    for semaphore in semaphores:
        for said in (f"/{semaphore}", semaphore, f"/../shm/sem.{semaphore}", f"/./{semaphore}"):
            text = layout_text(layout)
            for role in SemaphoreRole:
                text = text.replace(f"/nobodys-{role}", said)
            yield blocks.block(name, nothing, text)


def test_nothing_that_it_names_is_unlinked(
    strangers: dict[Path, tuple[int, ...]], new_name: Callable[[], str]
) -> None:
    """Neither swept, as a dead run's block is, nor removed by name and by force."""
    SWEEPING.may_sweep(("run",))
    number = 0
    for raw in blocks_that_name(strangers, name := new_name()):
        control = put(SHM, name[1:], raw)
        list(sweep())
        assert {path: marks(path) for path in strangers} == strangers
        put(SHM, name[1:], raw)
        with contextlib.suppress(MissingSegmentError):
            remove(name, force=True)
        assert {path: marks(path) for path in strangers} == strangers
        control.unlink(missing_ok=True)
        number += 1
    assert number > 20


def test_a_run_removes_what_it_made_whatever_its_block_says_by_then(
    make_buffer: MakeBuffer, strangers: dict[Path, tuple[int, ...]]
) -> None:
    """Written over while it runs, the block changes nothing of how the run cleans up."""
    own: OwnedBuffer = make_buffer(named=True)
    made = [SHM / own.name[1:], SHM / control_name(own.name)[1:]]
    made += [SHM / f"sem.{name[1:]}" for _role, name in own.layout.names]
    own.control.memory[:4096] = next(blocks_that_name(strangers, own.name))[:4096]
    own.remove()
    assert not [path for path in made if path.exists()]
    assert {path: marks(path) for path in strangers} == strangers


def test_a_record_of_another_process_is_no_worker(make_buffer: MakeBuffer) -> None:
    """A PID that is somebody else's by now ended as far as the buffer goes: it gets no signal."""
    buffer = make_buffer()
    pid, start = own_identity()
    for number, started in ((1, start), (2, start + 1)):
        record = buffer.control.claim_record(Role.PRODUCER, number, 1.0, hold=False)
        record.words[Field.START_TIME] = started
        record.words[Field.PID] = pid
    sampler = Sampler(buffer.name)
    try:
        states = {p.name: p.state for p in sampler.sample().processes if p.origin == "worker"}
    finally:
        sampler.close()
    assert states["producer 1"] is not ProcessState.ENDED
    assert states["producer 2"] is ProcessState.ENDED


def test_a_block_that_stops_making_sense(make_buffer: MakeBuffer) -> None:
    """Overwritten, cut off or locked for ever while it is read: the look goes on without it."""
    buffer = make_buffer()
    path = SHM / control_name(buffer.name)[1:]
    sound = path.read_bytes()
    sampler = Sampler(buffer.name)
    try:
        assert sampler.sample().totals is not None
        for raw in (bytes(len(sound)), sound[:104] + b"\1" + sound[105:]):
            path.write_bytes(raw)
            snapshot = sampler.sample()
            assert (snapshot.totals, snapshot.layout.slots) == (None, 5)
            assert "is not used" in snapshot.limits[0]
            path.write_bytes(sound)
            snapshot = sampler.sample()
            assert snapshot.totals is not None
            assert snapshot.limits == ()
    finally:
        sampler.close()
