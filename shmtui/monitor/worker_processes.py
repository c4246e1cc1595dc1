"""Workers as a snapshot shows them: by their records, and the kernel's word on what these leave open."""

from collections.abc import Iterable

import msgspec

from shmtui.monitor.counted_rates import RateWindow
from shmtui.monitor.process_states import role_names, worker_state
from shmtui.monitor.tracked_process import TrackedProcess
from shmtui.procfs.identity import alive, describe_exit
from shmtui.procfs.process import ProcessStat
from shmtui.shm.control_format import RecordState
from shmtui.shm.control_records import WorkerRecord
from shmtui.shm.layout import Layout
from shmtui.shm.libc import running_libc
from shmtui.shm.protocol import step_name, waited_semaphore
from shmtui.shm.value import Value
from shmtui.snapshot import Access, Origin, Process, ProcessState


class _Worker(msgspec.Struct):
    """What is kept of a worker between two reads."""

    window: RateWindow
    record: WorkerRecord | None = None
    seen: ProcessStat | None = None
    process: Process | None = None
    """As it was made of these two; None while it is blocked, since time goes on, or has ended."""


class WorkerProcesses:
    """Makes the processes of workers' records, and remembers the counts that their rates need."""

    def __init__(self, layout: Layout | None) -> None:
        self._layout = layout
        self._names = role_names(layout)
        self._workers: dict[int, _Worker] = {}
        self._libc = running_libc()

    def keep(self, workers: Iterable[int]) -> None:
        """Forget all but these PIDs."""
        for pid in self._workers.keys() - set(workers):
            del self._workers[pid]

    def process(
        self, record: WorkerRecord, tracked: TrackedProcess | None, fresh: str | None, now_ns: int
    ) -> Process:
        """The worker of a record. ``fresh``: its state letter, where it was just read."""
        worker = self._workers.get(record.pid)
        if worker is None:
            worker = self._workers[record.pid] = _Worker(RateWindow(now_ns))
        window = worker.window
        window.add(record.items, record.heartbeat_ns)
        rate = _worker_rate(record, window, now_ns)
        seen, made = None if tracked is None else tracked.last, worker.process
        if (
            made is not None
            and worker.record is record
            and worker.seen is seen
            and rate == made.rate
        ):
            return made
        made = self._made(record, tracked, fresh, now_ns, rate)
        worker.record, worker.seen = record, seen
        going = made.state not in {ProcessState.BLOCKED, ProcessState.ENDED}
        worker.process = made if going else None
        return made

    def _made(
        self,
        record: WorkerRecord,
        tracked: TrackedProcess | None,
        fresh: str | None,
        now_ns: int,
        rate: float | None,
    ) -> Process:
        seen = None if tracked is None else tracked.last
        letter = fresh or ("?" if seen is None else seen.state)
        state = worker_state(record, letter)
        started = None if tracked is None else tracked.start_time
        if state is not ProcessState.ENDED and not alive_worker(record, letter, started):
            state = ProcessState.ENDED
        ended, blocked = state is ProcessState.ENDED, state is ProcessState.BLOCKED
        waited = waited_semaphore(record.role, record.step)
        exited = record.state is RecordState.ENDED
        return Process(
            pid=record.pid,
            name=record.name,
            role=record.role,
            state=state,
            origin=Origin.WORKER,
            step=step_name(record.role, record.step),
            blocked_on=waited if blocked else None,
            blocked_name=self._names.get(waited, "") if blocked and waited is not None else "",
            blocked_for=max(now_ns - record.blocked_since_ns, 0) // 1000 / 1e6 if blocked else None,
            waits=(waited,) if blocked and waited is not None else (),
            wakeable=True if blocked else None,
            libc=self._libc,
            target_rate=record.target_rate,
            rate=0.0 if ended else rate,
            items=record.items,
            last_item=self._value(record.last_item) if record.items else None,
            cpu=None if ended or tracked is None else tracked.cpu,
            user=None if tracked is None else tracked.user,
            threads=None if seen is None else seen.live_threads,
            access=Access.WRITE,
            letter="" if letter == "?" else letter,
            since=None if tracked is None else tracked.since,
            start_time=record.start_time,
            holds_mutex=record.holds_mutex,
            fault=record.fault,
            faulted=record.faulted,
            ending=describe_exit(record.exit_status) if exited else None,
        )

    def _value(self, raw: bytes) -> Value:
        """A scalar item as itself; of a compound one the record holds no copy."""
        item = None if self._layout is None else self._layout.item
        return item.decode(raw) if item is not None and item.shape is None else None


def _worker_rate(record: WorkerRecord, window: RateWindow, now_ns: int) -> float | None:
    """As measured here, and before that can be, as the supervisor measured it (NaN: not yet)."""
    own = window.rate(now_ns)
    if own is None and record.shown_rate == record.shown_rate:
        return record.shown_rate
    return own


def alive_worker(record: WorkerRecord, letter: str, started: int | None) -> bool:
    """Whether the process of a record still runs. Its state letter and start time in /proc, where
    they are known, answer without reading /proc again: its PID may be another process's by now.
    """
    if letter in "?ZX":
        return alive(record.pid, record.start_time)
    return started == record.start_time
