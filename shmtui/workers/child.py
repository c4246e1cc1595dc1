"""One child process: a worker of ours, or a program of the user's; how it starts and what it says."""

import contextlib
import os
import subprocess
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import shmtui
from shmtui import i18n as language
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.control_block import ControlRecord
from shmtui.shm.protocol import Role

WORKER_LINES: Final = 20
"""Lines of a worker's stderr that are kept; it has nothing to say unless it fails."""
PROGRAM_LINES: Final = 10_000
"""Lines of a program's output that are kept."""
_CHUNK: Final = 65536
_LONGEST: Final = 4096
"""Characters of a line; what comes without a line break is cut there."""


@dataclass(slots=True, eq=False)
class Child:
    """A running child and the end of its output that we hold."""

    process: subprocess.Popen[bytes]
    pidfd: int
    output: int
    """Descriptor of what it says; never blocks."""
    record: ControlRecord
    role: Role
    number: int
    start_rate: float
    program: tuple[str, ...] = ()
    """The command, for a program of the user's; empty for a worker."""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=WORKER_LINES))
    lines_read: int = 0
    """Lines it has said in all, those forgotten included."""
    term_sent_at: float | None = None
    """When it was, by the monotonic clock."""
    restart: bool = False
    """Start it again once it has ended."""
    _rest: str = ""

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    @property
    def name(self) -> str:
        """As the dashboard calls it."""
        return " ".join(self.program) if self.program else f"{self.role} {self.number}"

    def read_output(self) -> bool:
        """Take in what it said, so that it never blocks for a reader; False at the end."""
        try:
            said = os.read(self.output, _CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            said = b""  # EIO: nobody holds the other end of the pseudo-terminal any more.
        if not said:
            self._keep(self._rest)
            self._rest = ""
            return False
        *whole, rest = (self._rest + said.decode(errors="replace")).split("\n")
        for line in whole:
            self._keep(line.rstrip("\r"))
        self._rest = rest[-_LONGEST:]
        return True

    def _keep(self, line: str) -> None:
        if line:
            self.lines.append(line[:_LONGEST])
            self.lines_read += 1

    def close(self) -> None:
        """Give the descriptors back, once it has been reaped."""
        os.close(self.output)
        os.close(self.pidfd)


def spawn_worker(segment: str, record: ControlRecord) -> tuple[subprocess.Popen[bytes], int]:
    """Start a worker; returns it and the descriptor of its stderr. OSError: it cannot be started."""
    arguments = [segment, str(record.index), str(os.getpid())]
    process = _spawn("shmtui.workers", arguments, subprocess.DEVNULL, subprocess.PIPE)
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


def group_members(leader: int) -> tuple[int, ...]:
    """Who else is in the process group of a program: what a script of the user's started."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and int(entry) != leader:
            with contextlib.suppress(OSError):
                if os.getpgid(int(entry)) == leader:
                    found.append(int(entry))
    return tuple(found)


def kill_and_reap(process: subprocess.Popen[bytes]) -> None:
    """End a child that has just been started and cannot be looked after."""
    process.kill()
    process.wait()


def spawn_program(command: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], int]:
    """Start a program of the user's; returns it and the descriptor of all it prints.

    It prints to a pseudo-terminal, so that the C library sends each line at once and not
    a page at a time. OSError: it cannot be started.
    """
    import tty  # noqa: PLC0415 - only for programs of the user's

    ours, theirs = os.openpty()
    try:
        tty.setraw(theirs)
        process = _spawn(
            "shmtui.workers.exec_program", [str(os.getpid()), *command], theirs, theirs
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    os.set_blocking(ours, False)
    return process, ours


def _spawn(module: str, arguments: list[str], out: int, err: int) -> subprocess.Popen[bytes]:
    package = str(Path(shmtui.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    paths = [package, inherited] if inherited else [package]
    # -P keeps modules in the user's working directory from shadowing the library's.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        process_group=0,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(paths), language.VARIABLE: language.language_in_use()},
    )


def require_command(command: tuple[str, ...]) -> None:
    """Refuse a command that cannot start, before anything is made for it."""
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
