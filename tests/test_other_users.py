"""A user who is not root: all there is on the own programs, and what is lacking beside others'."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import shmtui
from shmtui.procfs.futex import sleeps_on_futex
from shmtui.shm.segment import segment_path, unlink_segment
from tests.compiling import Compiler, require
from tests.peers import build
from tests.terminal import Terminal
from tests.waiting import PATIENCE, poll

pytestmark = pytest.mark.rights

NOBODY: Final = 65534
REPOSITORY: Final = Path(shmtui.__file__).parents[1]
SLOTS: Final = ("--slots", "5")


class Somebody:
    """Runs programs as a user who may do little."""

    def __init__(self, user: int = NOBODY) -> None:
        if os.geteuid():
            pytest.skip("only root can become somebody else")
        self._as = (require("setpriv"), f"--reuid={user}", f"--regid={user}", "--clear-groups")
        self.env = {"PYTHONPATH": str(REPOSITORY), "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"}

    def command(self, *command: str) -> tuple[str, ...]:
        """The command as that user."""
        return (*self._as, *command)

    def shmtui(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The program as that user."""
        return subprocess.run(
            self.command(sys.executable, "-m", "shmtui", *arguments),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
            cwd="/", env=os.environ | self.env,
        )  # fmt: skip

    def stat(self, name: str) -> dict[str, Any]:
        """What that user sees of a segment."""
        done = self.shmtui("stat", name, *SLOTS, "--json")
        assert done.returncode == 0, done.stderr
        record: dict[str, Any] = json.loads(done.stdout)
        return record


@pytest.fixture
def somebody() -> Iterator[Somebody]:
    """Nobody, if this Python and this program are readable to all; with a state folder of its own."""
    user = Somebody()
    tried = user.shmtui("--version")
    if tried.returncode:
        pytest.skip(f"another user cannot run this Python: {tried.stderr.strip()[-200:]}")
    with tempfile.TemporaryDirectory(prefix="shmtui-test-") as folder:
        os.chown(folder, NOBODY, NOBODY)
        user.env["XDG_STATE_HOME"] = folder
        yield user


@pytest.fixture
def starting(somebody: Somebody) -> Somebody:
    """Nobody, if that user's processes may start this Python as well: a repair starts a guard."""
    tried = somebody.command("/bin/sh", "-c", 'test -x "$0"', sys.executable)
    if subprocess.run(tried, env=os.environ | somebody.env, check=False).returncode:
        pytest.skip("another user's processes cannot start this Python")
    return somebody


@contextlib.contextmanager
def running(program: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A copy of a program that everybody may run, as ``command`` starts it."""
    with tempfile.TemporaryDirectory(prefix="shmtui-test-") as folder:
        Path(folder).chmod(0o755)
        copy = shutil.copy(program, folder)
        with subprocess.Popen([*command, copy], stdout=subprocess.DEVNULL) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def produtor(gcc: Compiler, name: str) -> Iterator[Path]:
    """The course's producer, which hangs on its zeroed semaphores."""
    yield build(gcc, "produtor", name)
    unlink_segment(name)


def test_on_ones_own_programs(somebody: Somebody, produtor: Path, name: str) -> None:
    """Who maps it, who waits on what and whether it can wake: in lines and on the screen."""
    with running(produtor, *somebody.command()) as process:
        poll(lambda: Path(segment_path(name)).exists(), "its segment")

        def hangs() -> bool:
            shown = [p for p in somebody.stat(name)["processes"] if p["pid"] == process.pid]
            return [(p["blocked_on"], p["wakeable"]) for p in shown] == [("empty", False)]

        poll(hangs, "it is seen as it hangs")
        checked = somebody.shmtui("check", name, *SLOTS, "--for", "0.6")
        assert (checked.returncode, "never-initialised" in checked.stdout) == (1, True)
        attach = somebody.command(sys.executable, "-m", "shmtui", "attach")
        with Terminal(name, *SLOTS, command=attach, env=somebody.env) as terminal:
            terminal.wait_for("empty ✗ can't wake")
            terminal.press("o")
            terminal.wait_for("type to filter")
            terminal.wait_for(name)
            terminal.press("escape")
            terminal.wait_for(lambda text: "type to filter" not in text, "the list is gone")
            terminal.press("q")
            assert terminal.wait() == 0


def test_beside_the_programs_of_others(somebody: Somebody, produtor: Path, name: str) -> None:
    """What may not be read is listed and marked; what may is shown with what it lacks."""
    path = Path(segment_path(name))
    with running(produtor) as process:
        poll(lambda: path.exists() and path.stat().st_size, "its segment")
        path.chmod(0o600)
        refused = somebody.shmtui("stat", name, *SLOTS)
        assert refused.returncode == 2
        assert refused.stderr.splitlines() == [
            f"shmtui: this user may not read {path} (mode 0600, owner root): run shmtui as root"
        ]
        entries = map(json.loads, somebody.shmtui("ls", "--json").stdout.strip().split("\n"))
        (entry,) = (entry for entry in entries if entry["name"] == name)
        assert (entry["readable"], entry["orphan"], entry["mappers"]) == (False, None, [])
        inside = somebody.shmtui("ls", "--pid", str(process.pid))
        assert inside.returncode == 2
        assert inside.stderr.splitlines() == [
            f"shmtui: this user may not look into the /dev/shm of PID {process.pid}: "
            "run shmtui as root"
        ]
        path.chmod(0o644)
        record = somebody.stat(name)
        assert process.pid not in {p["pid"] for p in record["processes"]}
        assert any("run shmtui as" in limit and "root" in limit for limit in record["limits"])
        assert "never-initialised" in {f["code"] for f in record["health"]["findings"]}
        attach = somebody.command(sys.executable, "-m", "shmtui", "attach")
        with Terminal(name, *SLOTS, command=attach, env=somebody.env) as terminal:
            terminal.wait_for("as root")
            terminal.press("q")
            assert terminal.wait() == 0


def test_a_repair_of_ones_own_programs(starting: Somebody, produtor: Path, name: str) -> None:
    """Root's processes cannot be read: the plan names that, and is carried out."""
    path = Path(segment_path(name))
    with running(produtor, *starting.command()) as process:
        poll(lambda: path.exists() and path.stat().st_size, "its segment")
        poll(lambda: sleeps_on_futex(process.pid), "it hangs")
        done = starting.shmtui("repair", name, *SLOTS, "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "assumed: root's processes" in done.stdout
        assert "What it rests on (likely)" in done.stdout
        assert "items move again" in done.stdout
        poll(lambda: path.read_bytes()[:4] != path.read_bytes()[4:8], "it produces")


@pytest.mark.parametrize("owner", [0, NOBODY])
def test_a_repair_beside_a_program_of_another_user(
    somebody: Somebody, produtor: Path, name: str, owner: int
) -> None:
    """It may be written by all, and another user's program waits in it: refused with the command
    that shows it. No byte has changed.
    """
    path = Path(segment_path(name))
    others = () if owner == 0 else Somebody(NOBODY - 1).command()
    with running(produtor, *(somebody.command() if owner else ())) as first:
        poll(lambda: path.exists() and path.stat().st_size, "its segment")
        path.chmod(0o666)
        with running(produtor, *others) as second:
            poll(lambda: sleeps_on_futex(first.pid) and sleeps_on_futex(second.pid), "both hang")
            before = path.read_bytes()
            done = somebody.shmtui("repair", name, *SLOTS, "--yes")
            assert done.returncode == 2, done.stdout + done.stderr
            assert f"to settle it: sudo shmtui repair {name}" in done.stdout
            assert path.read_bytes() == before
