"""Programs with a /dev/shm of their own, as in a container, seen from outside."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from shmtui.procfs.futex import sleeps_on_futex
from shmtui.procfs.identity import start_time
from shmtui.shm.segment import segment_path, unlink_segment
from tests.compiling import Compiler, require
from tests.conftest import MakeBuffer
from tests.peers import HERE, Peer, build
from tests.program import HeadlessRun, run_shmtui, stat_json
from tests.terminal import Terminal
from tests.waiting import PATIENCE, poll

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
    """The segments of that /dev/shm with their mappers, and none of ours. From outside they are
    listed by the option that leads there.
    """
    process = inside(str(build(gcc, "produtor", name)))
    there = Path(f"/proc/{process.pid}/root{segment_path(name)}")
    poll(lambda: there.exists() and there.stat().st_size, "its segment")
    done = run_shmtui("ls", "--json", "--pid", str(process.pid))
    assert done.returncode == 0, done.stderr
    (entry,) = map(json.loads, done.stdout.splitlines())
    assert entry["name"] == name
    assert [mapper["pid"] for mapper in entry["mappers"]] == [process.pid]
    outside = [row for row in run_shmtui("ls").stdout.splitlines() if f"{name} " in row]
    assert all(row.startswith(f"{name} --pid {process.pid} ") for row in outside)


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


def with_namespaces(*flags: str) -> tuple[str, ...]:
    """The words that start a command in namespaces of its own; skips where this user may not."""
    words = (require("unshare"), *flags, "--fork")
    if subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        pytest.skip(f"this user may not: {' '.join(words)}")
    return words


IN_PID_NAMESPACE: Final = ("--pid", "--mount-proc")


def inside_run(words: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    """``shmtui`` in those namespaces, to its end."""
    return subprocess.run(
        [*words, sys.executable, "-m", "shmtui", *arguments], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip


def test_from_inside_a_pid_namespace(make_buffer: MakeBuffer, gcc: Compiler) -> None:
    """Who maps it is outside and cannot be seen, and the kernel knows: nobody is called dead, no
    segment an orphan, and nothing is removed.
    """
    words, buffer = with_namespaces(*IN_PID_NAMESPACE), make_buffer()
    path = Path(segment_path(buffer.name))
    with Peer(gcc.program(HERE / "user.c"), "write", buffer.name) as peer:
        assert peer.line() == "ready"
        shown = json.loads(inside_run(words, "stat", buffer.name, "--json").stdout)
        assert shown["processes"] == []
        assert any("open for writing" in limit for limit in shown["limits"])
        assert not {"orphan", "dead-holder"} & {f["code"] for f in shown["health"]["findings"]}
        (entry,) = (
            e
            for e in map(json.loads, inside_run(words, "ls", "--json").stdout.splitlines())
            if e["name"] == buffer.name
        )
        assert entry["orphan"] is False
        removed = inside_run(words, "rm", buffer.name)
        assert (removed.returncode, path.exists()) == (2, True)
        assert "cannot be seen from here" in removed.stderr
    buffer.control.keep()
    shown = json.loads(inside_run(words, "stat", buffer.name, "--json").stdout)
    assert (shown["limits"], shown["assumptions"]) == ([], [])


@pytest.mark.alone
def test_a_run_elsewhere_is_not_swept(new_name: Callable[[], str]) -> None:
    """From another PID namespace its shmtui cannot be seen; from outside, one in another time
    namespace has another start time. Neither is taken for dead.
    """
    ours, theirs, later = new_name(), new_name(), new_name()
    elsewhere = with_namespaces("--time", "--boottime", "86400")
    words = with_namespaces(*IN_PID_NAMESPACE)
    with (
        HeadlessRun(ours) as run,
        HeadlessRun(theirs, command=(*elsewhere, sys.executable, "-m", "shmtui")) as shifted,
    ):
        done = inside_run(words, "run", later, "--headless", "--duration", "0.2")
        assert done.returncode == 0, done.stderr
        assert run_shmtui("run", later, "--headless", "--duration", "0.2").returncode == 0
        for name in (ours, theirs):
            assert Path(segment_path(name)).exists()
            assert {p["state"] for p in stat_json(name)["processes"]} <= {
                "running", "pacing", "blocked"
            }  # fmt: skip
            assert run_shmtui("rm", name).returncode == 2
        assert run.end() == 143
        for pid in shifted.pids:
            assert start_time(pid) is not None
        # unshare passes no signal on: its child gets it.
        for child in children(shifted.process.pid):
            os.kill(child, signal.SIGTERM)
        assert shifted.wait() == 143


def children(pid: int) -> list[int]:
    """The children of a process."""
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("how", ["none", "another"])
def test_without_a_proc_of_ones_own(name: str, how: str, make_buffer: MakeBuffer) -> None:
    """Not mounted, or another PID namespace's: one line, exit code 2, and nothing is touched."""
    kept = make_buffer().name
    if how == "none":
        words = (
            *with_namespaces("--mount"),
            "sh",
            "-c",
            'mount -t tmpfs none /proc && exec "$@"',
            "sh",
        )
    else:
        words = with_namespaces("--pid")
    for arguments in (
        ("ls",),
        ("stat", kept),
        ("check", kept, "--for", "0.2"),
        ("rm", kept),
        ("repair", kept, "--yes"),
        ("run", name, "--headless", "--duration", "0.1"),
    ):
        done = inside_run(words, *arguments)
        assert done.returncode == 2, (arguments, done.stdout, done.stderr)
        assert "mount -t proc proc /proc" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert Path(segment_path(kept)).exists()
    assert not Path(segment_path(name)).exists()


def test_without_system_calls(make_buffer: MakeBuffer, gcc: Compiler) -> None:
    """A kernel that has no /proc/PID/syscall, imitated by an empty folder over a thread's: what it
    waits on is unknown, and no waiter is called a ghost.
    """
    words, buffer = with_namespaces("--mount"), make_buffer()
    with Peer(gcc.program(HERE / "user.c"), "asleep", buffer.name) as peer:
        assert peer.line() == "ready"
        poll(lambda: sleeps_on_futex(peer.pid), "it waits")
        over = f'mount -t tmpfs none /proc/{peer.pid}/task/{peer.pid} && exec "$@"'
        done = inside_run(
            (*words, "sh", "-c", over, "sh"), "check", buffer.name, "--for", "1.5", "--json"
        )
        shown = json.loads(done.stdout)
        (process,) = (p for p in shown["processes"] if p["pid"] == peer.pid)
        assert process["blocked_on"] is None
        assert any("no /proc/PID/syscall" in limit for limit in shown["limits"])
        assert "ghost-waiter" not in {f["code"] for f in shown["health"]["findings"]}
