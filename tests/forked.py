"""``shmtui`` run to its end, without Python's start: a server that has imported it forks.

What runs is the program's own entry in a process of its own. Importing takes ten times as long as
most commands do, and is the same for all of them. Commands whose start matters are started in full.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import shmtui
from shmtui.__main__ import main as run_program

_READ_AT_START: Final = (
    "PYTHON",
    "LD_",
    "GLIBC_",
    "MALLOC_",
    "LC_",
    "LANG",
    "TZ",
    "TERM",
    "HOME",
    "PATH",
)
"""How the names of the variables begin that something reads while the program starts, or may."""
_OF_A_TEST: Final = ("SHMTUI_", "XDG_", "PYTEST_")


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if k.startswith(_READ_AT_START)}


_AT_START: Final = {k: v for k, v in os.environ.items() if not k.startswith(_OF_A_TEST)}
_REQUEST: Final = 1 << 20
_NUMBER: Final = 4


class Server:
    """The server of this process, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None

    def serves(self, environment: dict[str, str]) -> bool:
        """Whether it was started as a command of this environment is: Python and the dynamic
        linker read theirs then.
        """
        return _read_at_start(environment) == _read_at_start(_AT_START)

    def _started(self) -> socket.socket:
        if self._control is None:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.forked", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env=_AT_START,
                )
            atexit.register(_end, self._control, process)
        return self._control

    def run(
        self, arguments: Sequence[str], environment: dict[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run ``shmtui`` to its end, away from any terminal. TimeoutExpired: it was killed."""
        ours, theirs = socket.socketpair()
        with (
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
            ours,
        ):
            with theirs, self._lock:
                socket.send_fds(
                    self._started(),
                    [json.dumps([arguments, environment, os.getcwd()]).encode()],  # noqa: PTH109
                    [out.fileno(), err.fileno(), theirs.fileno()],
                )
            pid = _receive(ours)
            ours.settimeout(timeout)
            try:
                status = _receive(ours)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(arguments), timeout) from None
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(
                ["shmtui", *arguments],
                os.waitstatus_to_exitcode(status),
                out.read(),
                err.read(),
            )


SERVER: Final = Server()


def _end(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    control.close()
    process.wait()


def _receive(reply: socket.socket) -> int:
    """A number that the server sends. TimeoutError: it sends none in time."""
    raw = reply.recv(_NUMBER)
    assert raw, "the server of shmtui's commands is gone"
    return int.from_bytes(raw, sys.byteorder)


# -- the server's side ----------------------------------------------------------------------------


def import_all() -> None:
    """Load every module of the program but for the dashboard's."""
    for found in pkgutil.walk_packages(shmtui.__path__, "shmtui."):
        if not found.name.startswith("shmtui.tui") and not found.name.endswith("__main__"):
            with contextlib.suppress(SystemExit):
                importlib.import_module(found.name)


def serve(control: socket.socket) -> None:
    """Fork for each request, until the test run has ended."""
    import_all()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        request, fds, _flags, _address = socket.recv_fds(control, _REQUEST, 3)
        if not request:
            return
        if not os.fork():
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _attend(json.loads(request), *fds)
        for fd in fds:
            os.close(fd)


def _attend(request: list[Any], out: int, err: int, answer: int) -> NoReturn:
    """Run a command in a child; say which process it is, and how it ends."""
    pid = os.fork()
    if not pid:
        _run(request, out, err, answer)
    with contextlib.suppress(BrokenPipeError):  # Nobody waits for it any more.
        os.write(answer, pid.to_bytes(_NUMBER, sys.byteorder))
        os.write(answer, os.waitpid(pid, 0)[1].to_bytes(_NUMBER, sys.byteorder))
    os._exit(0)


def _run(request: list[Any], out: int, err: int, answer: int) -> NoReturn:
    """Be ``shmtui``. It ends without Python's own end, which takes longer than most commands."""
    arguments, environment, folder = request
    os.dup2(out, 1)
    os.dup2(err, 2)
    for fd in (out, err, answer):
        os.close(fd)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["shmtui", *arguments]
    code = 1
    try:
        run_program()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
