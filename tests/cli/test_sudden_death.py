"""After SIGKILL of the program its workers follow it, and the next run sweeps what it left."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shmtui.session.cleanup import UNREADY_SECONDS, sweep
from shmtui.shm.control_block import ControlBlock
from shmtui.shm.control_format import MAGIC, control_name
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.segment import map_segment, segment_path
from tests.conftest import MakeBuffer
from tests.program import HeadlessRun, letter, run_shmtui, running, worker_records
from tests.waiting import poll

pytestmark = pytest.mark.alone

ONE_RUN = ("run", "--headless", "--duration", "0.1")


def pause(run: HeadlessRun) -> None:
    """Hold every worker by order, as the space key does."""
    control = ControlBlock.open(control_name(run.name))
    for record in run.live():
        control.record(record.index).order(hold=True)
    poll(lambda: all(r.paused for r in run.live()), "all are paused")


def block(run: HeadlessRun) -> None:
    """Wait until the producer is blocked by a full ring."""
    poll(lambda: any(r.blocked for r in run.live()), "one is blocked")


def stop(run: HeadlessRun) -> None:
    """Stop every worker by a signal."""
    for pid in run.pids:
        os.kill(pid, signal.SIGSTOP)
        poll(lambda pid=pid: letter(pid) == "T", "it has stopped")  # type: ignore[misc]


def leave(_run: HeadlessRun) -> None:
    """Let them work."""


@pytest.mark.parametrize(
    ("being", "kind"),
    [(leave, "embedded"), (leave, "named"), (pause, "named"), (block, "embedded"), (stop, "named")],
)
def test_workers_follow_and_the_rest_is_swept(
    name: str, new_name: Callable[[], str], being: Callable[[HeadlessRun], None], kind: str
) -> None:
    """Working, paused, blocked or stopped: no worker is left; the next start removes the names and
    says so in a line.
    """
    rates = ("--produce-rate", "max", "--consume-rate", "0.01" if being is block else "max")
    with HeadlessRun(name, "--semaphores", kind, *rates) as run:
        pids = run.pids
        being(run)
        assert run.end(signal.SIGKILL) == -signal.SIGKILL
    poll(lambda: not running(pids), "workers are gone")
    assert Path(segment_path(name)).exists()
    done = run_shmtui(*ONE_RUN, new_name())
    assert done.returncode == 0
    (line,) = (text for text in done.stderr.splitlines() if f"swept {name}," in text)
    assert f"swept {name}, left behind by PID {run.process.pid}" in line
    assert not [entry for entry in os.listdir("/dev/shm") if name[1:] in entry]


@pytest.mark.parametrize("trap", ["", 'trap "" TERM; '])
@pytest.mark.parametrize("waits", [True, False])
def test_what_a_script_started_follows_too(
    name: str, tmp_path: Path, trap: str, waits: bool
) -> None:
    """The user's program is a script: what it started ends, even where it ignores SIGTERM, and
    even where the script itself has ended before.
    """
    script, said = tmp_path / "start.sh", tmp_path / "pid"
    script.write_text(
        f"#!/bin/sh\nsh -c '{trap}echo $$ > {said}; while :; do sleep 0.05; done' &\n"
        + ("wait\n" if waits else "")
    )
    script.chmod(0o755)
    programs = ("--producer", str(script), "--consumers", "1", "--consume-rate", "5")
    with HeadlessRun.begun(name, *programs) as run:
        poll(lambda: said.exists() and said.read_text().strip(), "its child runs")
        child = int(said.read_text())
        assert run.end(signal.SIGKILL) == -signal.SIGKILL
    poll(lambda: not running([child]), "what the script started is gone")
    # The consumer, which is ours, ends beside it.
    poll(lambda: run_shmtui("rm", name).returncode == 0, "nobody uses it any more")


def test_the_same_name_can_be_used_again(name: str) -> None:
    """A leftover does not stop a run of its own name."""
    with HeadlessRun(name) as run:
        run.end(signal.SIGKILL)
    done = run_shmtui(*ONE_RUN, name)
    assert done.returncode == 0, done.stderr


def test_rm_takes_a_leftover(name: str) -> None:
    """What a dead run left can be removed by name as well."""
    with HeadlessRun(name, "--semaphores", "named") as run:
        pids = run.pids
        run.end(signal.SIGKILL)
    poll(lambda: not running(pids), "workers are gone")
    assert run_shmtui("rm", name).returncode == 0
    assert not [entry for entry in os.listdir("/dev/shm") if name[1:] in entry]


def test_a_live_run_is_nobodys_litter(name: str, new_name: Callable[[], str]) -> None:
    """The sweep takes nothing from a run that lives, nor from one that somebody still maps."""
    with HeadlessRun(name) as run:
        assert f"swept {name}" not in run_shmtui(*ONE_RUN, new_name()).stderr
        assert len(worker_records(name)) == 2
        mapping = map_segment(name)
        run.end(signal.SIGKILL)
        assert f"swept {name}" not in run_shmtui(*ONE_RUN, new_name()).stderr
        assert Path(segment_path(name)).exists()
        mapping.close()
    assert f"swept {name}" in run_shmtui(*ONE_RUN, new_name()).stderr


def test_a_half_made_buffer_is_swept(name: str) -> None:
    """A block that names a dead creator goes, whether or not the segment was made by then."""
    path = orphaned(name)
    assert name in {leftover.name for leftover in sweep()}
    assert not path.exists()


def orphaned(name: str) -> Path:
    """A control block of a dead creator that nobody maps: written as a file."""
    layout = seed_layout(5, ITEM_TYPES["int32"], running_libc())
    block = ControlBlock.create(name, layout, (2**22 - 1, 1), 0)
    path = Path(segment_path(control_name(name)))
    raw = path.read_bytes()
    path.unlink()
    del block
    path.write_bytes(raw)
    path.chmod(0o600)
    return path


def test_a_block_never_finished_is_swept_in_time(name: str) -> None:
    """One without a version belongs to somebody who is busy with it, or to nobody after a while."""
    path = Path(segment_path(control_name(name)))
    path.write_bytes(MAGIC + bytes(4088))
    path.chmod(0o600)
    list(sweep())
    assert path.exists()
    old = time.time() - 2 * UNREADY_SECONDS
    os.utime(path, (old, old))
    list(sweep())
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"notes", bytes(4096), b"x" * 5000])
def test_a_strangers_file_is_not_swept(name: str, content: bytes) -> None:
    """A file that only happens to end like a control block stays where it is."""
    path = Path(segment_path(control_name(name)))
    path.write_bytes(content)
    old = time.time() - 2 * UNREADY_SECONDS
    os.utime(path, (old, old))
    list(sweep())
    survived = path.exists()
    path.unlink(missing_ok=True)
    assert survived or content == bytes(4096)


def test_a_block_of_another_name_is_not_obeyed(make_buffer: MakeBuffer, name: str) -> None:
    """A dead block copied beside another segment's name removes nothing of it."""
    path = orphaned(name)
    victim: OwnedBuffer = make_buffer()
    target = Path(segment_path(control_name(victim.name)))
    target.write_bytes(path.read_bytes())
    path.unlink()
    list(sweep())
    assert Path(segment_path(victim.name)).exists()
    target.unlink()
