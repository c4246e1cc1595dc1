"""What every test gets: a clean machine afterwards, names of its own, a C compiler."""

import gc
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from shmtui.procfs.identity import own_identity
from shmtui.shm.layout import ITEM_TYPES, Layout, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.ring import semaphore_names
from shmtui.shm.segment import map_segment, unlink_segment
from tests.compiling import KEPT, Compiler
from tests.joined import JoinedRing
from tests.traces import MARK, PREFIX, SWEEPING, nothing_left

_numbers = itertools.count(1)

# Under nohup, or as a shell's background job, signals come here ignored, and children inherit
# that; what is proved about signals is proved of programs that get them.
for _ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_ignored) is signal.SIG_IGN:
        signal.signal(_ignored, signal.SIG_DFL)

# Whatever language its developer reads, what a test expects is English.
os.environ["SHMTUI_LANG"] = "en"

# No deadline: how fast this machine is proves nothing. The autouse fixture is made once a test.
# The same examples in every run: what one run proved, the next one proves too.
settings.register_profile(
    "shmtui",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("shmtui")


LONG_WAITS: Final = (
    "repair/test_once",
    "repair/test_consent",
    "repair/test_dead",
    "zoo/",
    "test_chaos",
    "test_soak",
)
"""Files whose tests wait long: a worker that came to them last would go on alone."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits long is spread over the first half of each worker's share, beside what computes.

    pytest-xdist deals out shares in order. All of one file that a share has stays together.
    """
    shares = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        (long if any(part in item.nodeid for part in LONG_WAITS) else others).append(item)
    size = -(-len(others) // shares)
    items[:] = [
        item
        for share in range(shares)
        for item in _spread(
            _files(long[share::shares]),
            _files(others[share * size : (share + 1) * size]),
            share / shares,
        )
    ]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was collected stays to the end: a full collection of garbage need not pass over it each time."""
    gc.collect()
    gc.freeze()


def _files(items: list[pytest.Item]) -> list[list[pytest.Item]]:
    """The tests of each file."""
    return [list(group) for _, group in itertools.groupby(items, lambda item: item.path)]


def _spread(
    long: list[list[pytest.Item]], others: list[list[pytest.Item]], phase: float
) -> Iterator[pytest.Item]:
    """``others`` in order, with ``long`` at equal distances in their first half."""
    distance = len(others) / 2 / max(len(long), 1)
    due = [distance * (number + phase) for number in range(len(long))]
    waiting = iter(long)
    for number, file in enumerate(others):
        while due and due[0] <= number:
            due.pop(0)
            yield from next(waiting)
        yield from file
    for file in waiting:
        yield from file


@pytest.fixture(autouse=True, scope="session")
def kept_programs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All processes of a run keep what they have compiled in one folder, which goes with the run's."""
    own = tmp_path_factory.getbasetemp()
    os.environ[KEPT] = str(
        (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "compiled"
    )


@pytest.fixture(autouse=True)
def mark(
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Every test leaves /dev/shm and the process table as it found them."""
    value = f"{os.getpid()}-{next(_numbers)}"
    monkeypatch.setenv(MARK, value)
    # What repairs and choices keep is neither their developer's nor that of another test.
    homes = tmp_path_factory.getbasetemp() / f"homes-{value}"
    monkeypatch.setenv("XDG_STATE_HOME", str(homes / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(homes / "config"))
    # pytest-xdist sets them for its own lines; a program would take them for its terminal's size.
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)
    alone = request.node.get_closest_marker("alone") is not None
    with SWEEPING.turn(alone=alone), nothing_left(value):
        yield value


def index_offsets(layout: Layout) -> tuple[int, int]:
    """Where ``in`` and ``out`` lie, in a layout that has them."""
    assert layout.in_ is not None
    assert layout.out is not None
    return layout.in_, layout.out


@pytest.fixture
def new_name(mark: str) -> Callable[[], str]:
    """Makes names that no other segment has."""
    return lambda: f"/{PREFIX}{next(_numbers)}"


@pytest.fixture
def name(new_name: Callable[[], str]) -> str:
    """A name that no other segment has."""
    return new_name()


@pytest.fixture
def gcc(tmp_path: Path) -> Compiler:
    """gcc, or a skipped test."""
    return Compiler(tmp_path)


MakeBuffer = Callable[..., OwnedBuffer]


@pytest.fixture
def make_buffer(new_name: Callable[[], str]) -> Iterator[MakeBuffer]:
    """Makes buffers with their control blocks; they are gone afterwards."""
    made: list[OwnedBuffer] = []

    def make(slots: int = 5, item: str = "int32", *, named: bool = False) -> OwnedBuffer:
        name = new_name()
        names = semaphore_names(name) if named else ()
        layout = seed_layout(slots, ITEM_TYPES[item], running_libc(), names)
        made.append(OwnedBuffer.create(name, layout, own_identity(), 0o600))
        return made[-1]

    yield make
    for buffer in made:
        buffer.remove()
        unlink_segment(buffer.name)


def join(buffer: OwnedBuffer) -> JoinedRing:
    """Take part in a buffer from this process."""
    return JoinedRing.open(buffer.name, map_segment(buffer.name), buffer.layout)
