"""The actors that own what they watch: a run under chaos, deaths inside the lock, and a ring whose
every item this program puts and takes itself.
"""

import contextlib
import multiprocessing
import re
import signal
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from random import Random
from typing import Final

from shmtui.procfs.identity import own_identity
from shmtui.shm.control_format import RecordState
from shmtui.shm.layout import ITEM_TYPES, Layout, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role
from shmtui.shm.segment import map_segment, unlink_segment
from tests.chaos import Chaos
from tests.joined import JoinedRing
from tests.program import gone, run_shmtui, worker_records
from tests.soak.journal import Stage
from tests.soak.screens import LOOKING, end, quiet, quit_by_key, used
from tests.soak.verdicts import tell_recording
from tests.terminal import Terminal
from tests.test_chaos import at_rest, balance, leave
from tests.waiting import PATIENCE, poll

_FORK: Final = multiprocessing.get_context("fork")
COUNTED: Final = "counted"
"""The file that names the counted ring."""
_MANY_ORDERS: Final = 50
_WORD: Final = re.compile(r" ([lpi]  (?:post mutex|set empty and full|PID \d+ holds neither))")
_TYPED_S: Final = (0.05, 0.4)
"""Between two keys."""


def _must_balance(name: str, half_done: int) -> None:
    missing = balance(name)
    assert abs(missing) <= half_done, f"{missing} items missing, {half_done} half done"


@contextlib.contextmanager
def _removed(name: str) -> Iterator[None]:
    """The segment is gone after the block."""
    try:
        yield
    finally:
        done = run_shmtui("rm", name)
        assert done.returncode == 0 or "does not exist" in done.stderr, done
        poll(lambda: gone(name), "the names are gone")


def chaos(stage: Stage) -> None:
    """A run with workers added, paused, killed and stopped by keys and signals, as long as it goes."""
    name, path = stage.name("any"), stage.file(".rec")
    pace = ("--produce-rate", "100", "--consume-rate", "100", "--producers", "2")
    words = ("run", name, *pace, "--consumers", "2", "--keep", "--record", str(path))
    with _removed(name), Terminal(*words) as terminal:
        terminal.wait_for("consumer 2 ")
        pid = terminal.process.pid
        orders = Chaos(name, terminal, stage.random.randrange(1 << 30), faults=False, paced=True)
        with stage.living("run --record, under chaos", pid), contextlib.closing(orders):
            while stage.going:
                with stage.attempt("an order"):
                    orders.give()
                    stage.did(f"order: {orders.last[-1]}")
                orders.watch(stage.random.uniform(*_TYPED_S))
                if not orders.given.total() % _MANY_ORDERS:
                    quiet(terminal)
        at_rest(orders)
        assert leave(orders) == 0
        assert terminal.modes == terminal.modes_before
        quiet(terminal)
        _must_balance(name, orders.half_done)
        tell_recording(stage, path, name)


def deaths(stage: Stage) -> None:
    """Now and then: a worker is killed where it has the lock, the dashboard repairs it, items move on."""
    while stage.going:
        role = stage.random.choice((Role.PRODUCER, Role.CONSUMER))
        transfer = "write" if role is Role.PRODUCER else "read"
        step = stage.random.choice((transfer, "post-mutex"))
        with stage.attempt(f"a {role} that dies at {step}"):
            _death(stage, stage.name("any"), f"{role}1:die-at={step}")
            stage.did(f"killed inside the lock at {step}, and repaired")
        stage.rest(stage.random.uniform(20, 60))


def _death(stage: Stage, name: str, fault: str) -> None:
    pace = ("--produce-rate", "20", "--consume-rate", "20", "--producers", "2", "--consumers", "2")

    def read() -> None:
        while terminal.read():
            pass
        assert terminal.process.poll() is None, terminal.text

    def died() -> bool:
        read()
        killed = -signal.SIGKILL
        return any(r.exit_status == killed for r in worker_records(name))

    def moved() -> int:
        read()
        return sum(r.items for r in worker_records(name) if r.state is RecordState.LIVE)

    with _removed(name), Terminal("run", name, *pace, "--fault", fault, "--keep") as terminal:
        poll(died, "it dies")
        before = [-1]

        def stands() -> bool:
            # All others sleep soon: nobody counts any more.
            time.sleep(0.5)
            before[:] = [*before[-1:], moved()]
            return before[0] == before[-1]

        poll(stands, "nothing moves")
        terminal.wait_for("dead-holder")
        terminal.press("r")
        _consent(terminal)
        terminal.press("y")
        poll(lambda: moved() > before[-1] + 10, "items move again")
        quit_by_key(terminal)
        quiet(terminal)
        _must_balance(name, 1)


def _consent(terminal: Terminal) -> None:
    """Say to the plan what it asks for, which is true here: nobody else has the lock. It asks where the
    death was not seen, as of one that dies at once, and where a process cannot be read.
    """

    def asks_or_stands(text: str) -> bool:
        return "Carry it out" in text or _WORD.search(text) is not None

    said: list[str] = []
    text = terminal.wait_for(asks_or_stands, "the plan, or what it asks for")
    while "Carry it out" not in text:
        words = [word for word in _WORD.findall(text) if word not in said]
        assert words, text
        said.append(words[0])
        terminal.press(words[0][0])
        before = text
        text = terminal.wait_for(lambda now: now != before and asks_or_stands(now), "its answer")  # noqa: B023


def counted(stage: Stage) -> None:
    """A ring of which this program puts and takes every item, and a dashboard on it that records."""
    name, path = stage.name("ok"), stage.file(".rec")
    layout = seed_layout(5, ITEM_TYPES["int32"], running_libc(), ())
    buffer = OwnedBuffer.create(name, layout, own_identity(), 0o600)
    with contextlib.ExitStack() as stack:
        stack.callback(unlink_segment, name)
        stack.callback(buffer.remove)
        stop = _FORK.Event()
        counts = _FORK.Array("q", 2)
        sides = [
            _FORK.Process(target=side, args=(stage, name, layout, stop, counts))
            for side in (_put, _take)
        ]
        for each in sides:
            each.start()
            stack.callback(each.join)
            stack.callback(each.kill)
        with stage.healthy(name):
            (stage.folder / COUNTED).write_text(name)
            with Terminal("attach", name, "--record", str(path)) as terminal:
                terminal.wait_for("Processes")
                what = "attach --record, on the counted ring"
                with stage.living(what, terminal.process.pid):
                    used(stage, terminal, LOOKING)
                end(terminal)
        stop.set()
        for each in sides:
            each.join(PATIENCE)
            assert each.exitcode == 0, f"a side ended with {each.exitcode}"
        put, taken = counts[:]
        stage.did("items counted", taken)
        assert put == taken, f"{put} items put, {taken} taken"
    tell_recording(stage, path, name)


def _put(stage: Stage, name: str, layout: Layout, stop: Event, counts: list[int]) -> None:
    """Put 0, 1, 2, … in bursts and with pauses."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ring = JoinedRing.open(name, map_segment(name), layout)
    random, number = Random(stage.seed), 0
    while not stop.is_set():
        for _item in range(random.randrange(1, 40)):
            while not ring.put(number, 0.5):
                if stop.is_set():
                    return
            number += 1
            counts[0] = number
        stop.wait(random.choice((0.01, 0.05, 0.2, 2.0)))


def _take(stage: Stage, name: str, layout: Layout, stop: Event, counts: list[int]) -> None:
    """Take them, each once and in order."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ring = JoinedRing.open(name, map_segment(name), layout)
    random, expected = Random(-stage.seed), 0
    while True:
        item = ring.get(0.5)
        if item is None:
            if stop.is_set() and counts[0] == expected:
                return
            continue
        if item != expected:
            stage.wrong(f"the counted ring: item {item} came in the place of {expected}")
            expected = int(item)
        expected += 1
        counts[1] = expected
        time.sleep(random.choice((0.0, 0.0, 0.005, 0.02)))


def counted_name(stage: Stage) -> str:
    """The name of the counted ring, once it is there."""
    file: Path = stage.folder / COUNTED
    return poll(lambda: file.read_text() if file.exists() else "", "the counted ring is there")
