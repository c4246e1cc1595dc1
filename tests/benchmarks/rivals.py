"""``python -m tests.benchmarks.rivals KIND SLOTS PRODUCERS CONSUMERS SECONDS``: items a second.

Other ways that Python has to hand items from process to process, each written as one would
write it for speed alone: nothing is counted but by a local variable, and nothing can be
observed, paced, paused or ended but by a signal.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from types import FrameType
from typing import Any, Final

import posix_ipc

WARM_UP: Final = 0.2
"""Seconds between the start of the workers and that of the measurement."""
_FORK: Final = multiprocessing.get_context("fork")

Loop = Callable[["Stopwatch"], None]


class StopError(Exception):
    """It is time to stop; raised by a signal's handler, wherever the loop is."""


class Stopwatch:
    """How many items had been moved when a signal came."""

    items = 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    raise StopError


def queue_loops(queue: Any) -> tuple[Loop, Loop]:
    """``put`` and ``get``."""

    def produce(_watch: Stopwatch) -> None:
        put, item = queue.put, 0
        while True:
            put(item)
            item += 1

    def consume(watch: Stopwatch) -> None:
        get = queue.get
        while True:
            get()
            watch.items += 1

    return produce, consume


def ring_loops(
    slots: int, memory: memoryview, semaphores: tuple[Any, Any, Any]
) -> tuple[Loop, Loop]:
    """The protocol of the bounded buffer over ``memory``; mutex, empty and full."""
    data = memory[: 4 * slots].cast("i")
    in_ = memory[4 * slots : 4 * slots + 4].cast("i")
    out = memory[4 * slots + 4 : 4 * slots + 8].cast("i")
    mutex, empty, full = semaphores

    def produce(_watch: Stopwatch) -> None:
        wait_empty, wait_mutex = empty.acquire, mutex.acquire
        post_mutex, post_full = mutex.release, full.release
        item = 0
        while True:
            wait_empty()
            wait_mutex()
            at = in_[0]
            data[at] = item
            in_[0] = (at + 1) % slots
            post_mutex()
            post_full()
            item += 1

    def consume(watch: Stopwatch) -> None:
        wait_full, wait_mutex = full.acquire, mutex.acquire
        post_mutex, post_empty = mutex.release, empty.release
        items = 0
        try:
            while True:
                wait_full()
                wait_mutex()
                at = out[0]
                data[at]
                out[0] = (at + 1) % slots
                post_mutex()
                post_empty()
                items += 1
        finally:
            watch.items = items

    return produce, consume


@contextmanager
def shared_ring(slots: int) -> Iterator[memoryview]:
    """Memory for a ring."""
    memory = SharedMemory(create=True, size=4 * slots + 8)
    try:
        assert memory.buf is not None
        yield memory.buf
    finally:
        memory.unlink()


@contextmanager
def rival(kind: str, slots: int) -> Iterator[tuple[Loop, Loop]]:
    """Producer's and consumer's loop of a kind; ValueError for one that there is not."""
    if kind == "queue":
        yield queue_loops(_FORK.Queue(slots))
    elif kind == "simplequeue":
        yield queue_loops(_FORK.SimpleQueue())
    elif kind == "mp":
        values = (1, slots, 0)
        with shared_ring(slots) as memory:
            mutex, empty, full = (_FORK.Semaphore(value) for value in values)
            yield ring_loops(slots, memory, (mutex, empty, full))
    elif kind == "posix_ipc":
        with shared_ring(slots) as memory:
            made = [
                posix_ipc.Semaphore(None, posix_ipc.O_CREX, initial_value=value)
                for value in (1, slots, 0)
            ]
            try:
                yield ring_loops(slots, memory, (made[0], made[1], made[2]))
            finally:
                for semaphore in made:
                    semaphore.unlink()
    else:
        raise ValueError(f"no rival is called {kind}")


def work(loop: Loop, report: Connection) -> None:
    """Say that it begins, run a loop until a signal comes, and report items and seconds."""
    watch = Stopwatch()
    signal.signal(signal.SIGUSR1, _stop)
    report.send(None)
    started = time.monotonic()
    with contextlib.suppress(StopError):
        try:
            loop(watch)
        except posix_ipc.SignalError:
            time.sleep(1)  # The handler has its turn now.
    report.send((watch.items, time.monotonic() - started))
    os._exit(0)


def stop(process: BaseProcess, report: Connection) -> tuple[int, float]:
    """Have it report. Told again and again: a signal may come just before it falls asleep."""
    assert process.pid is not None
    while not report.poll(0.02):
        os.kill(process.pid, signal.SIGUSR1)
    items, seconds = report.recv()
    return items, seconds


def contest(kind: str, slots: int, producers: int, consumers: int, seconds: float) -> float:
    """Items a second that all consumers got."""
    with rival(kind, slots) as (produce, consume):
        processes, reports = [], []
        for loop in (*[consume] * consumers, *[produce] * producers):
            mine, theirs = _FORK.Pipe(duplex=False)
            processes.append(_FORK.Process(target=work, args=(loop, theirs), daemon=True))
            processes[-1].start()
            theirs.close()
            reports.append(mine)
        for report in reports:
            report.recv()
        time.sleep(WARM_UP + seconds)
        # All at once: one that ends in the middle of an item leaves the rest of it to the others.
        for process in processes[:consumers]:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGUSR1)
        counts = [stop(*each) for each in zip(processes[:consumers], reports, strict=False)]
        for process in processes:
            process.kill()
            process.join()
    return float(sum(items / elapsed for items, elapsed in counts))


if __name__ == "__main__":
    kind_, *numbers = sys.argv[1:]
    slots_, producers_, consumers_ = map(int, numbers[:3])
    print(contest(kind_, slots_, producers_, consumers_, float(numbers[3])))  # noqa: T201
    sys.stdout.flush()
    os._exit(0)
