"""The real program, run by a test: once to its end, or beside the test for as long as it looks."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

from shmtui.errors import ShmtuiError
from shmtui.procfs.identity import start_time
from shmtui.procfs.process import read_stat
from shmtui.shm.control_file import open_control, read_block
from shmtui.shm.control_format import Flags, RecordState, control_name
from shmtui.shm.control_records import WorkerRecord, parse_header, parse_records
from shmtui.shm.protocol import Step
from shmtui.shm.segment import segment_path
from tests.forked import SERVER
from tests.traces import PREFIX, SWEEPING
from tests.waiting import PATIENCE, end, poll, written

_OTHERS: Final = re.compile(rf"shmtui: swept /(?!{PREFIX})")


def run_shmtui(
    *arguments: str,
    timeout: float = PATIENCE,
    env: dict[str, str] | None = None,
    code: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``shmtui`` to its end, away from any terminal. ``code`` runs before it, in Python."""
    has_swept = SWEEPING.may_sweep(arguments)
    environment = os.environ | (env or {})
    if code is None and SERVER.serves(environment):
        done = SERVER.run(arguments, environment, timeout)
    else:
        done = _started_in_full(arguments, timeout, environment, code)
    has_swept()
    done.stderr = without_progress(done.stderr)
    return done


def _started_in_full(
    arguments: Sequence[str], timeout: float, env: dict[str, str], code: str | None
) -> subprocess.CompletedProcess[str]:
    """Python's start included."""
    command = [sys.executable, "-m", "shmtui", *arguments]
    if code is not None:
        start = f"{code}; from shmtui.__main__ import main; main()"
        command = [sys.executable, "-c", start, *arguments]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=env,
        check=False,
    )


def without_progress(text: str) -> str:
    """The lines but for those that say what is being waited for, as they do on a slow machine, and what
    dead runs of others have left, which a run sweeps.
    """
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not (line.endswith(" …\n") or _OTHERS.match(line)))


def stat_json(name: str, *arguments: str) -> dict[str, Any]:
    """``shmtui stat NAME --json``."""
    done = run_shmtui("stat", name, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def read_control(name: str) -> bytes:
    """The bytes of a segment's control block. ShmtuiError: there is none that may be used."""
    fd = open_control(control_name(name))
    try:
        return read_block(fd)
    finally:
        os.close(fd)


def flags_of(name: str) -> Flags:
    """The flags of a segment's control block."""
    return Flags(parse_header(read_control(name)).flags)


def worker_records(name: str) -> tuple[WorkerRecord, ...]:
    """The worker records of a buffer, empty while there is no control block to read."""
    try:
        raw = read_control(name)
        return tuple(parse_records(raw, parse_header(raw)))
    except ShmtuiError:
        return ()


def gone(name: str) -> bool:
    """Whether segment and control block have no name any more."""
    return not any(Path(segment_path(n)).exists() for n in (name, control_name(name)))


def items_of(name: str) -> int:
    """Items of all workers together."""
    return sum(record.items for record in worker_records(name))


def running(pids: Iterable[int]) -> list[int]:
    """Those that still run. A zombie does not: when it is reaped is its new parent's affair."""
    return [pid for pid in pids if start_time(pid) is not None]


def letter(pid: int) -> str:
    """Its state letter in /proc: S sleeps, T is stopped, Z has ended; empty once it is reaped."""
    found = read_stat(pid)
    return "" if found is None else found.state


def catches(pid: int, number: signal.Signals = signal.SIGTERM) -> bool:
    """Whether the process has a handler for the signal (proc_pid_status(5), SigCgt)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


class HeadlessRun:
    """``shmtui run NAME --headless`` beside the test; whatever happens, it is over afterwards."""

    def __init__(
        self, name: str, *arguments: str, workers: int = 2, command: Sequence[str] | None = None
    ) -> None:
        self._has_swept = SWEEPING.may_sweep(("run",))
        self.name = name
        self.workers = workers
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the run
        self._err = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the run
        self.process = subprocess.Popen(
            [
                *(command or (sys.executable, "-m", "shmtui")),
                *("run", name, "--headless", *arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            # A session of its own, as a terminal's: what becomes of orphans depends on it.
            start_new_session=True,
        )

    @classmethod
    @contextlib.contextmanager
    def begun(cls, name: str, *arguments: str) -> Iterator[Self]:
        """A run whose first line of ours has just run: Python itself leaves SIGTERM alone."""
        run = cls(name, *arguments)
        try:
            poll(lambda: run.process.poll() is not None or catches(run.process.pid), "it has begun")
            yield run
        finally:
            run.__exit__(None, None, None)

    def __enter__(self) -> Self:
        try:
            poll(self._started, "the run and its workers are up")
            self._has_swept()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _started(self) -> bool:
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.stderr}"
        records = self.live()
        return len(records) == self.workers and all(
            r.pid and not r.paused and r.step is not Step.STARTING for r in records
        )

    def __exit__(self, *_error: object) -> None:
        end(self.process, PATIENCE)
        self._out.close()
        self._err.close()

    def live(self) -> list[WorkerRecord]:
        """The records of the workers that have not ended."""
        return [r for r in worker_records(self.name) if r.state is RecordState.LIVE]

    @property
    def pids(self) -> list[int]:
        """The live workers."""
        return [record.pid for record in self.live()]

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = PATIENCE) -> int:
        """Send the signal and wait for the end; returns the exit code."""
        self.process.send_signal(number)
        return self.wait(timeout)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for the end; returns the exit code."""
        return self.process.wait(timeout)

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return written(self._out)

    @property
    def stderr(self) -> str:
        """What it has said on stderr so far."""
        return written(self._err)
