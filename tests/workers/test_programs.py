"""Programs of the user's that are scripts: what they started is paused and ended with them."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from shmtui.procfs.identity import start_time
from shmtui.procfs.interpreter import module_command, module_environment
from shmtui.shm.protocol import Role
from shmtui.workers import children as children_module
from shmtui.workers.child import group_members, spawn_program
from shmtui.workers.supervisor import Supervisor
from tests.conftest import MakeBuffer
from tests.program import letter
from tests.waiting import poll, until
from tests.workers.crew import Crew, end_all

SCRIPT: Final = """\
#!/bin/sh
sh -c '{trap} echo child $$; while :; do sleep 0.02; done' &
echo script $$
wait
"""
TIDY: Final = 'trap "sleep 0.2; echo tidied up; exit 0" TERM;'
STUBBORN: Final = 'trap "" TERM;'


def script(folder: Path, trap: str) -> tuple[str, ...]:
    """A script that starts a child and waits for it."""
    path = folder / "both.sh"
    path.write_text(SCRIPT.replace("{trap}", trap))
    path.chmod(0o755)
    return (str(path),)


def said(supervisor: Supervisor, pid: int) -> list[str]:
    """What the program of that PID, and those that it started, have printed."""
    return [line for child in supervisor.logs() if child.pid == pid for line in child.printed.lines]


def child_of(supervisor: Supervisor, pid: int) -> int | None:
    """The PID that the script's child has said."""
    words = [line.split() for line in said(supervisor, pid)]
    return next((int(word) for kind, word in words if kind == "child"), None)


async def started(supervisor: Supervisor, command: tuple[str, ...]) -> tuple[int, int]:
    """The script's PID and its child's, once that has set its trap."""
    supervisor.watch(asyncio.get_running_loop())
    pid = supervisor.start_program(Role.PRODUCER, command)
    await until(lambda: child_of(supervisor, pid) is not None, "its child runs")
    child = child_of(supervisor, pid)
    assert child is not None
    assert child in group_members(pid)
    return pid, child


async def test_what_a_script_started_ends_with_it_in_its_own_time(
    make_buffer: MakeBuffer, crew: Crew, tmp_path: Path, patient: None
) -> None:
    """The child gets the signal too, and is not killed while it tidies up."""
    supervisor = crew(make_buffer(2))
    pid, child = await started(supervisor, script(tmp_path, TIDY))
    supervisor.terminate(pid)
    await until(lambda: not supervisor.owns(pid), "the script is gone")
    assert start_time(child) is None
    assert "tidied up" in said(supervisor, pid)


async def test_a_script_that_left_a_child_behind_still_runs(
    make_buffer: MakeBuffer, crew: Crew, tmp_path: Path, patient: None
) -> None:
    """Its end is told once all that it started has ended; and ends with it at the latest."""
    supervisor = crew(make_buffer(2))
    path = tmp_path / "leave.sh"
    path.write_text("#!/bin/sh\nsh -c 'echo child $$; while :; do sleep 0.02; done' &\n")
    path.chmod(0o755)
    supervisor.watch(asyncio.get_running_loop())
    pid = supervisor.start_program(Role.PRODUCER, (str(path),))
    await until(lambda: child_of(supervisor, pid) is not None, "its child runs")
    child = child_of(supervisor, pid)
    assert child is not None
    await until(lambda: letter(pid) == "Z", "the script itself has ended")
    assert supervisor.owns(pid)
    supervisor.terminate(pid)
    await until(lambda: not supervisor.owns(pid), "all of it has ended")
    assert start_time(child) is None


async def test_what_will_not_end_is_killed(
    make_buffer: MakeBuffer, crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that ignores the signal does not outlive its script."""
    monkeypatch.setattr(children_module, "END_SECONDS", 0.3)
    supervisor = crew(make_buffer(2))
    pid, child = await started(supervisor, script(tmp_path, STUBBORN))
    supervisor.terminate(pid)
    await until(lambda: not supervisor.owns(pid), "the script is gone")
    poll(lambda: start_time(child) is None, "so is its child")


@pytest.mark.parametrize("trap", ["", TIDY, STUBBORN], ids=["plain", "tidy", "stubborn"])
async def test_nothing_is_left_when_all_end(
    make_buffer: MakeBuffer, crew: Crew, tmp_path: Path, trap: str
) -> None:
    """Leaving ends the scripts with all that they started, without the loop."""
    supervisor = crew(make_buffer(2))
    pid, child = await started(supervisor, script(tmp_path, trap))
    supervisor.close()
    assert not supervisor.owns(pid)
    poll(lambda: start_time(child) is None, "its child is gone")


async def test_a_pause_is_for_all_of_them(
    make_buffer: MakeBuffer, crew: Crew, tmp_path: Path
) -> None:
    """A paused script's child stands still too, and goes on with it."""
    supervisor = crew(make_buffer(2))
    pid, child = await started(supervisor, script(tmp_path, TIDY))

    def states() -> set[str]:
        stats = [Path(f"/proc/{one}/stat").read_text() for one in (pid, child)]
        return {stat.rpartition(") ")[2][0] for stat in stats}

    supervisor.orders.pause(pid)
    # A shell whose new child was stopped before its exec waits for that in vfork(2): D.
    await until(lambda: "T" in states() <= {"T", "D"}, "both are stopped")
    supervisor.orders.resume(pid)
    await until(lambda: "T" not in states(), "both go on")
    assert os.getpgid(child) == pid


@pytest.mark.parametrize("own", ["/own/modules:/more", None])
def test_a_program_has_the_users_environment(
    make_buffer: MakeBuffer, crew: Crew, monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    """PYTHONPATH is as the user had it: the way to shmtui is for its own modules alone."""
    if own is None:
        monkeypatch.delenv("PYTHONPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONPATH", own)
    supervisor = crew(make_buffer())
    pid = supervisor.start_program(Role.PRODUCER, ("sh", "-c", "echo ${PYTHONPATH-none}"))
    end_all(supervisor)
    assert said(supervisor, pid) == [own or "none"]


def test_a_program_has_the_usual_signals(make_buffer: MakeBuffer, crew: Crew) -> None:
    """What Python ignores for itself, a program of the user's does not find ignored."""
    supervisor = crew(make_buffer())
    pid = supervisor.start_program(Role.PRODUCER, ("grep", "SigIgn", "/proc/self/status"))
    end_all(supervisor)
    assert [line.split() for line in said(supervisor, pid)] == [["SigIgn:", "0" * 16]]


def test_a_supervisor_may_die_before_it_knows_what_it_has_started(tmp_path: Path) -> None:
    """The program has named its group before it starts, and nobody else needs to."""
    command = module_command("shmtui.workers.group_helper", site=False)
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=module_environment()) as helper:
        assert helper.stdin is not None
        process, output = spawn_program(script(tmp_path, STUBBORN), helper.stdin.fileno())
        poll(lambda: group_members(process.pid), "its child runs")
        helper.stdin.close()  # As the kernel does when the supervisor dies.
        poll(lambda: not group_members(process.pid), "its child is gone")
    process.wait()
    os.close(output)
