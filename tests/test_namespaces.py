"""Programs with a /dev/shm of their own, as in a container, seen from outside."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shmtui.shm.segment import segment_path, unlink_segment
from tests.compiling import Compiler, require
from tests.peers import build
from tests.program import run_shmtui, stat_json
from tests.terminal import Terminal
from tests.waiting import poll

pytestmark = pytest.mark.rights

Inside = Callable[..., subprocess.Popen[bytes]]
OWN_SHM = "mount -t tmpfs tmpfs /dev/shm && "


@pytest.fixture
def inside() -> Iterator[Inside]:
    """Starts programs in a mount namespace of their own; ``own_shm``: with an empty /dev/shm."""
    unshare = require("unshare")
    require("mount")
    tried = subprocess.run(
        [unshare, "--mount", "sh", "-c", OWN_SHM + "true"], check=False, capture_output=True
    )
    if tried.returncode:
        pytest.skip("this user may make no mount namespace")
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str, own_shm: bool = True) -> subprocess.Popen[bytes]:
        script = f'{OWN_SHM if own_shm else ""}exec "$@"'
        started.append(
            subprocess.Popen(
                [unshare, "--mount", "sh", "-c", script, "sh", *command], stdout=subprocess.DEVNULL
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_by_the_pid_of_one_inside(inside: Inside, gcc: Compiler, name: str) -> None:
    """Its segment, itself and what it waits on; without ``--pid`` there is no such segment."""
    process = inside(str(build(gcc, "produtor", name)))
    there = Path(f"/proc/{process.pid}/root{segment_path(name)}")
    poll(lambda: there.exists() and there.stat().st_size, "its segment")
    assert not Path(segment_path(name)).exists()
    refused = run_shmtui("stat", name, "--slots", "5")
    assert refused.returncode == 2
    options = ("--pid", str(process.pid), "--slots", "5")

    def hangs() -> bool:
        shown = stat_json(name, *options)["processes"]
        return [(p["pid"], p["blocked_on"], p["wakeable"]) for p in shown] == [
            (process.pid, "empty", False)
        ]

    poll(hangs, "it is seen as it hangs")
    checked = run_shmtui("check", name, *options, "--for", "0.6")
    assert (checked.returncode, "never-initialised" in checked.stdout) == (1, True)
    with Terminal("attach", name, *options) as terminal:
        terminal.wait_for("empty ✗ can't wake")
        terminal.press("o")
        terminal.wait_for("type to filter")
        terminal.wait_for(f"{process.pid} ")
        terminal.press("escape")
        terminal.wait_for(lambda text: "type to filter" not in text, "the list is gone")
        terminal.press("q")
        assert terminal.wait() == 0


def test_ls_of_what_one_inside_sees(inside: Inside, gcc: Compiler, name: str) -> None:
    """The segments of that /dev/shm with their mappers, and none of ours."""
    process = inside(str(build(gcc, "produtor", name)))
    there = Path(f"/proc/{process.pid}/root{segment_path(name)}")
    poll(lambda: there.exists() and there.stat().st_size, "its segment")
    done = run_shmtui("ls", "--json", "--pid", str(process.pid))
    assert done.returncode == 0, done.stderr
    (entry,) = map(json.loads, done.stdout.splitlines())
    assert entry["name"] == name
    assert [mapper["pid"] for mapper in entry["mappers"]] == [process.pid]
    assert name not in run_shmtui("ls").stdout


def test_named_semaphores_of_one_inside(inside: Inside, gcc: Compiler, name: str) -> None:
    """They lie in that /dev/shm too, and are found there."""
    peers = Path(__file__).parent / "peers"
    shutil.copy(peers / "fila.h", gcc.directory)
    process = inside(str(gcc.program(peers / "fila.c")), name)
    there = Path(f"/proc/{process.pid}/root{segment_path(name)}")
    poll(lambda: there.exists() and there.stat().st_size, "its segment")
    options = ("--pid", str(process.pid), "--header", str(peers / "fila.h"))

    def full() -> bool:
        record = stat_json(name, *options)
        blocked = [(p["pid"], p["blocked_on"]) for p in record["processes"]]
        values = [state["value"] for state in record["semaphores"].values()]
        return record["occupancy"] == 9 and (values, blocked) == (
            [1, 0, 9],
            [(process.pid, "empty")],
        )

    poll(full, "a full ring, and its producer blocked on it")


def test_a_mapper_in_another_namespace(inside: Inside, gcc: Compiler, name: str) -> None:
    """Whoever maps the same file takes part, whatever else it sees."""
    process = inside(str(build(gcc, "produtor", name)), own_shm=False)
    path = Path(segment_path(name))
    try:
        poll(lambda: path.exists() and path.stat().st_size, "its segment")
        assert (
            Path(f"/proc/{process.pid}/ns/mnt").readlink() != Path("/proc/self/ns/mnt").readlink()
        )

        def hangs() -> bool:
            shown = stat_json(name, "--slots", "5")["processes"]
            return [(p["pid"], p["blocked_on"]) for p in shown] == [(process.pid, "empty")]

        poll(hangs, "it is seen as it hangs")
    finally:
        unlink_segment(name)
