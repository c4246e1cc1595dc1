"""Programs to measure: in a pseudo-terminal that counts and forgets what they draw, or plain."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from shmtui.shm.segment import segment_path
from tests.waiting import end

SHMTUI: Final = (sys.executable, "-m", "shmtui")
GLANCES: Final = Path(__file__).parent.parent.parent / ".venv-glances"
"""A virtual environment of its own: it is nothing that the project needs."""
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PATIENCE: Final = 30.0
TEN_WORKERS: Final = (
    "--producers", "5", "--consumers", "5", "--produce-rate", "50", "--consume-rate", "50",
)  # fmt: skip
"""Options of ``run``: as many items go in as come out."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a program took over a while."""

    cpu: float
    """Of one core, in per cent."""
    bytes_per_s: float
    """Written to its terminal."""


class Screen:
    """A program in a pseudo-terminal; a thread takes in what it writes."""

    def __init__(
        self, command: Sequence[str], *, env: dict[str, str] | None = None, answer: bytes = b""
    ) -> None:
        """``answer`` is what is looked for in the output, for :meth:`first`."""
        self._answer = answer
        self._head = b""
        self._answered = threading.Event()
        self.answered_at = 0.0
        self.bytes = 0
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (40, 120))
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            list(command),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - before any thread
            env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | (env or {}),
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 65536):
                self.bytes += len(data)
                if self._answer and not self._answered.is_set():
                    self._head += data
                    if self._answer in self._head:
                        self.answered_at = time.monotonic()
                        self._answered.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        end(self.process, 5)
        self._reader.join(1)
        os.close(self._master)

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def first(self) -> float | None:
        """Seconds from the start to what was looked for; None if it never came."""
        if not self._answered.wait(_PATIENCE):
            return None
        return self.answered_at - self.started

    def cost(self, seconds: float) -> Cost | None:
        """What it takes over a while from now on; None where it has ended."""
        at, cpu, written = time.monotonic(), cpu_seconds(self.process.pid), self.bytes
        time.sleep(seconds)
        if self.process.poll() is not None:
            return None
        elapsed = time.monotonic() - at
        used = cpu_seconds(self.process.pid) - cpu
        return Cost(100 * used / elapsed, (self.bytes - written) / elapsed)


def own_memory(pid: int) -> int:
    """Bytes of memory that are a process's own: what it shares with others is not counted."""
    return _memory(pid, "Private_Dirty:")


def resident_memory(pid: int) -> int:
    """Bytes of memory that a process has in use, what it shares with others included."""
    return _memory(pid, "Rss:")


def _memory(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors, its threads that have ended included.

    schedstat counts nanoseconds, but only of threads that live; stat counts all, in hundredths.
    """
    living = 0.0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            living += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0]) / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    counted = (int(fields[11]) + int(fields[12])) / _TICKS
    return living if counted - living < 2 / _TICKS else counted


def spent(
    command: Sequence[str], folder: Path | None = None, env: dict[str, str] | None = None
) -> tuple[float, float]:
    """Run a command to its end, in a folder; returns seconds by the clock and seconds of processor.

    CalledProcessError: it failed.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=os.environ | (env or {}),
    )
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return elapsed, usage.ru_utime + usage.ru_stime


@contextmanager
def crew(name: str, *options: str) -> Iterator[int]:
    """Workers over a buffer, with nobody looking; gives their supervisor's PID."""
    process = subprocess.Popen(
        [*SHMTUI, "run", name, "--headless", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 4 * _PATIENCE
        while not Path(segment_path(name)).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def background(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that nobody reads; SIGINT ends it as Ctrl+C would, so that it lets go."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()


@contextmanager
def compiled(source: Path, *flags: str) -> Iterator[Path]:
    """A C program, compiled for as long as it is needed. CalledProcessError: it cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / source.stem
        command = ["gcc", "-O2", *flags, "-o", str(program), str(source), "-lrt", "-pthread"]
        subprocess.run(command, check=True)
        yield program


def find(tool: str) -> str | None:
    """Where a tool is; None where it is not installed."""
    path = shutil.which(tool)
    if path is None and tool == "glances":
        return shutil.which(GLANCES / "bin" / tool)
    return path


def install_glances() -> None:
    """Have glances, from PyPI, unless it is there or cannot be had."""
    if find("glances") is not None:
        return
    pip = [str(GLANCES / "bin" / "pip"), "install", "-q", "glances"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        subprocess.run([sys.executable, "-m", "venv", str(GLANCES)], check=True)
        subprocess.run(pip, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
