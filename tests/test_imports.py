"""Commands start fast: only a dashboard loads Textual, and a worker loads no command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shmtui.shm.control_format import control_name
from shmtui.shm.segment import segment_path
from tests.conftest import MakeBuffer
from tests.program import HeadlessRun
from tests.traces import SWEEPING

HEAVY = {"textual", "rich", "psutil", "elftools"}
"""Libraries that only a dashboard, or only a reader of debug information, needs."""
REPORT = """
import atexit, os, sys
fd = int(os.environ["REPORT_TO"])
atexit.register(lambda: os.write(fd, " ".join(n for n, m in sys.modules.items() if m).encode()))
from shmtui.__main__ import main
main()
"""


def loaded(*arguments: str) -> set[str]:
    """The top-level modules that a command has loaded when it ends."""
    SWEEPING.may_sweep(arguments)
    reader, writer = os.pipe()
    subprocess.run(
        [sys.executable, "-c", REPORT, *arguments],
        pass_fds=[writer], env=os.environ | {"REPORT_TO": str(writer)},
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    os.close(writer)
    with os.fdopen(reader) as file:
        modules = file.read().split()
    assert "shmtui" in modules
    return {module.partition(".")[0] for module in modules} | {
        module for module in modules if module.startswith("shmtui.") and module.count(".") == 1
    }


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), ("run", "--help"), ("rm", "shmtui-test-missing")],
    ids=" ".join,
)
def test_commands_without_a_screen_start_light(arguments: tuple[str, ...]) -> None:
    """They load neither the dashboard's libraries nor the reader of debug information."""
    assert not loaded(*arguments) & HEAVY


def test_a_list_loads_nothing_that_draws() -> None:
    """It may read the debug information of programs that map what others have made meanwhile."""
    assert not loaded("ls") & (HEAVY - {"elftools"})


def test_stat_starts_light(make_buffer: MakeBuffer) -> None:
    """The same holds where the control block or the options tell the layout."""
    buffer = make_buffer()
    assert not loaded("stat", buffer.name, "--json") & HEAVY
    assert not loaded("stat", buffer.name, "--slots", "5") & HEAVY


def test_stat_of_a_segment_reads_no_recording(make_buffer: MakeBuffer) -> None:
    """What reads recordings is loaded for the name of a file alone."""
    rooms = {"shmtui.recording", "shmtui.workers", "shmtui.repair", "shmtui.lessons", "shmtui.tui"}
    assert not loaded("stat", make_buffer().name, "--json") & rooms


def test_a_dashboard_loads_no_replay() -> None:
    """What reads recordings and what repairs is loaded when it is asked for: the first frame waits for
    neither.
    """
    code = "import sys, shmtui.session.opener, shmtui.tui.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    late = ("shmtui.session.replay_source", "shmtui.recording.reader", "shmtui.repair.plan")
    assert not set(late) & set(done.stdout.split())


def test_a_headless_run_starts_light(name: str) -> None:
    """A run without a screen loads nothing that draws."""
    assert not loaded("run", name, "--headless", "--duration", "0.1") & HEAVY


def test_a_worker_is_lighter_still() -> None:
    """A worker loads neither the command line nor what reads other processes."""
    code = (
        "import sys; sys.argv[1:] = ['x', '0', '0'];"
        "import shmtui.workers.worker, shmtui.shm.control_block, shmtui.shm.ring, shmtui.shm.segment;"
        "import importlib.util as u;"
        "spec = u.find_spec('shmtui.workers.__main__');"
        "module = u.module_from_spec(spec); spec.loader.exec_module(module);"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = {module.partition(".")[0] for module in done.stdout.split()}
    assert "shmtui" in modules
    assert not modules & (HEAVY | {"click", "asyncio", "subprocess"})
    rooms = {m.split(".")[1] for m in done.stdout.split() if m.startswith("shmtui.")}
    assert not rooms & {"cli", "tui", "monitor", "diagnosis", "layouts", "report"}


def test_a_worker_keeps_no_terminal_and_no_descriptors(name: str) -> None:
    """A worker cannot draw on the screen. It holds open its segment and the control block only."""
    with HeadlessRun(name) as run:
        for pid in run.pids:
            targets = {fd.name: str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
            assert targets["0"] == targets["1"] == "/dev/null"
            assert targets["2"].startswith("pipe:")
            others = {target for fd, target in targets.items() if int(fd) > 2}
            assert others == {segment_path(name), segment_path(control_name(name))}
            assert os.getpgid(pid) == pid
