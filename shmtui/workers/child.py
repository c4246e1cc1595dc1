"""One child process: a worker of ours or a program of the user's. How it starts, what it prints."""

import codecs
import contextlib
import os
import subprocess
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.procfs.identity import start_time
from shmtui.procfs.interpreter import module_command, module_environment
from shmtui.shm.control_block import ControlRecord
from shmtui.shm.protocol import Role

WORKER_LINES: Final = 20
"""Lines of a worker's stderr that are kept; it prints nothing unless it fails."""
PROGRAM_LINES: Final = 10_000
"""Lines of a program's output that are kept."""
LONGEST: Final = 4096
"""Characters kept of a line; the rest of a longer one is dropped."""
_CHUNK: Final = 65536
_LAST_CHUNKS: Final = 16
"""Reads after a child's end: what a pipe or a pseudo-terminal holds is fewer. A process that the
child has left behind may print for ever."""

Spawned = tuple["subprocess.Popen[bytes]", int]
"""A process that has been started, and the descriptor that its output comes from."""


class OutputLines:
    """The lines that a child has printed: the last of them are kept, all of them are counted.

    Cuts bytes into lines, as they come. Empty lines are left out. The text stays hostile.
    """

    def __init__(self, kept: int) -> None:
        self.lines: deque[str] = deque(maxlen=kept)
        """The last lines, the oldest first."""
        self.count = 0
        """Lines in all, those no longer kept included."""
        self._unfinished = ""
        # Keeps the first bytes of a character until its last ones are read.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, data: bytes) -> None:
        """Take in what was read next; no bytes at all are the end of the output."""
        text = self._unfinished + self._decoder.decode(data, final=not data)
        *whole, rest = text.split("\n")
        for line in whole:
            self._keep(line.removesuffix("\r"))
        self._unfinished = rest[:LONGEST]
        if not data:
            self._keep(self._unfinished)
            self._unfinished = ""

    def _keep(self, line: str) -> None:
        if line:
            self.lines.append(line[:LONGEST])
            self.count += 1


class Child(msgspec.Struct, eq=False):
    """A running child and the last lines of its output."""

    process: subprocess.Popen[bytes]
    pidfd: int
    output: int
    """Descriptor that its output comes from; a read of it never blocks."""
    record: ControlRecord
    role: Role
    number: int
    start_rate: float
    program: tuple[str, ...] = ()
    """The command, for a program of the user's; empty for a worker."""
    printed: OutputLines = msgspec.field(default_factory=lambda: OutputLines(WORKER_LINES))
    term_sent_at: float | None = None
    """Monotonic seconds at which SIGTERM was sent; None before."""
    leader_ended: bool = False
    """The program itself has ended, and processes that it started have not."""
    restart: bool = False
    """Start it again once it has ended."""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def name(self) -> str:
        """Its name in the dashboard: the command, or ``producer 1``."""
        return " ".join(self.program) if self.program else f"{self.role} {self.number}"

    def read_output(self) -> bool:
        """Take in some of its output, so that it never blocks for a reader; False at the end."""
        data = self._read()
        if data is not None:
            self.printed.feed(data)
        return data != b""

    def read_rest(self) -> None:
        """Take in what it printed last, once it has ended."""
        for _chunk in range(_LAST_CHUNKS):
            data = self._read()
            if not data:
                break
            self.printed.feed(data)
        self.printed.feed(b"")

    def _read(self) -> bytes | None:
        """Some of its output; None: there is none now; no bytes: there never will be more."""
        try:
            return os.read(self.output, _CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return b""  # EIO: no process has the other end of the pseudo-terminal open.

    def close(self) -> None:
        """Give the descriptors back, once it has been reaped."""
        os.close(self.output)
        os.close(self.pidfd)


def start_child(
    spawn: Callable[[], Spawned],
    record: ControlRecord,
    role: Role,
    number: int,
    rate: float,
    program: tuple[str, ...] = (),
) -> Child:
    """Start a child by ``spawn`` and write its PID into its record.

    ShmtuiError: it cannot be started; its record is free again.
    """
    try:
        process, output = spawn()
        try:
            pidfd = os.pidfd_open(process.pid)
        except OSError:
            kill_and_reap(process)
            os.close(output)
            raise
    except OSError as error:
        record.free()
        wrong = _(
            "cannot start {program}: {why}; is a limit on processes or open files reached "
            "(ulimit -u, ulimit -n)?"
        )
        raise ShmtuiError(
            wrong.format(program=" ".join(program) or f"{role} {number}", why=error.strerror)
        ) from None
    record.set_process(process.pid, start_time(process.pid) or 0)
    printed = OutputLines(PROGRAM_LINES if program else WORKER_LINES)
    return Child(process, pidfd, output, record, role, number, rate, program, printed)


def spawn_worker(segment: str, record: ControlRecord) -> Spawned:
    """Start a worker; its output is its stderr. OSError: it cannot be started."""
    process = subprocess.Popen(
        module_command("shmtui.workers", segment, str(record.index), str(os.getpid())),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        process_group=0,
        env=module_environment(),
    )
    assert process.stderr is not None
    try:
        output = os.dup(process.stderr.fileno())
    except OSError:
        kill_and_reap(process)
        raise
    finally:
        process.stderr.close()
    os.set_blocking(output, False)
    return process, output


def spawn_program(command: tuple[str, ...], pipe: int | None) -> Spawned:
    """Start a program of the user's; its output is what it prints on stdout and stderr.

    It prints to a pseudo-terminal, so that the C library sends each line at once and not a page
    at a time. It names its process group in ``pipe`` before. OSError: it cannot be started.
    """
    import tty  # noqa: PLC0415 - only for programs of the user's

    ours, theirs = os.openpty()
    try:
        tty.setraw(theirs)
        process = subprocess.Popen(
            module_command(
                "shmtui.workers.exec_program",
                str(os.getpid()),
                "-" if pipe is None else str(pipe),
                *command,
            ),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            process_group=0,
            pass_fds=() if pipe is None else (pipe,),
            env=module_environment(),
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    os.set_blocking(ours, False)
    return process, ours


def kill_and_reap(process: subprocess.Popen[bytes]) -> None:
    """End a child that has just been started, where it cannot be watched."""
    process.kill()
    process.wait()


def group_members(leader: int) -> tuple[int, ...]:
    """The other processes in the process group of ``leader``: what the user's script started."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and int(entry) != leader:
            with contextlib.suppress(OSError):
                if os.getpgid(int(entry)) == leader:
                    found.append(int(entry))
    return tuple(found)


def require_command(command: tuple[str, ...]) -> None:
    """ShmtuiError: the command cannot start. Asked before anything is made for it."""
    import shutil  # noqa: PLC0415 - only for programs of the user's

    program = command[0] if command else ""
    if shutil.which(program) is not None:
        return
    path = Path(program)
    why = (
        _("it is a directory")
        if path.is_dir()
        else _("it may not be executed: chmod +x it")
        if path.exists()
        else _("there is no such file")
        if "/" in program
        else _("it is in no folder of PATH: write ./NAME for one here")
    )
    raise ShmtuiError(_("cannot start {program!r}: {why}").format(program=program, why=why))
