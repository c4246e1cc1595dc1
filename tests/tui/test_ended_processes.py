"""Ended processes stay in the table until they are dismissed; what a finding rests on stays anyway."""

import pytest

from shmtui.shm.protocol import Role
from shmtui.snapshot import Certainty, Finding, Health, Process, ProcessState, Status
from shmtui.tui.ended_processes import KEPT, EndedProcesses, rested_on
from tests.tui.dashboards import draw, drawing, panel_text, tells
from tests.tui.records import process, snapshot


def ended(pid: int, role: Role = Role.PRODUCER) -> Process:
    """One that has ended."""
    return process(pid, role, state=ProcessState.ENDED, ending="killed by SIGKILL", start_time=pid)


def finding(evidence: str, subject: str = "") -> Finding:
    """A finding with this evidence."""
    return Finding("dead-holder", Status.CRITICAL, "c", (evidence,), Certainty.LIKELY, "r", subject)


ALIVE = process(202, Role.CONSUMER)


def test_what_samples_forget_stays_until_it_is_dismissed() -> None:
    """And comes back for no later sample."""
    kept, dead = EndedProcesses(), ended(101)
    kept.update(snapshot(processes=(dead, ALIVE)))
    later = snapshot(processes=(ALIVE,))
    kept.update(later)
    assert kept.listed(later) == (ALIVE, dead)
    kept.dismiss([dead])
    for sample in (snapshot(processes=(dead, ALIVE)), later):
        kept.update(sample)
        assert kept.listed(sample) == (ALIVE,)


def test_a_dismissed_one_is_shown_while_a_finding_rests_on_it() -> None:
    """The evidence names it, whatever was dismissed before."""
    kept, dead = EndedProcesses(), ended(101)
    plain = snapshot(processes=(dead, ALIVE))
    kept.update(plain)
    kept.dismiss([dead])
    assert kept.listed(plain) == (ALIVE,)
    found = Health(Status.CRITICAL, (finding("ended a moment ago: p (PID 101)"),))
    assert kept.listed(snapshot(processes=(dead, ALIVE), health=found)) == (dead, ALIVE)


def test_a_pid_that_another_process_has_now_is_that_process() -> None:
    """No PID stands in the table twice."""
    kept = EndedProcesses()
    kept.update(snapshot(processes=(ended(101), ALIVE)))
    new = process(101, Role.CONSUMER, start_time=7)
    later = snapshot(processes=(new, ALIVE))
    kept.update(later)
    assert kept.listed(later) == (new, ALIVE)


def test_only_so_many_stay() -> None:
    """The oldest go first: a program that forks for days costs no memory."""
    kept = EndedProcesses()
    for pid in range(1, KEPT + 50):
        kept.update(snapshot(processes=(ended(pid),)))
    last = snapshot(processes=())
    kept.update(last)
    assert [p.pid for p in kept.listed(last)] == list(range(50, KEPT + 50))


@pytest.mark.parametrize(
    ("text", "pids"),
    [("a (PID 7), b (PID 70)", {7, 70}), ("mutex 0, 12 looks", set()), ("uid 7", set())],
)
def test_findings_name_processes_by_pid(text: str, pids: set[int]) -> None:
    """No other number is one."""
    assert rested_on([finding(text)]) == pids
    assert rested_on([finding("", text)]) == pids


async def test_a_key_dismisses_a_row_or_a_group() -> None:
    """It says why where nothing goes; the footer says how many there are."""
    app = drawing()
    health = Health(Status.CRITICAL, (finding("killed: p (PID 103)"),))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        draw(app, snapshot(processes=(ended(101), ended(103), ended(104), ALIVE), health=health))
        draw(app, snapshot(processes=(ended(103), ALIVE), health=health))
        shown = panel_text(app, "processes")
        assert all(f"producer {pid}" in shown for pid in (101, 103, 104))
        assert "3 ended: d" in shown
        await pilot.press("down", "down", "d")
        shown = panel_text(app, "processes")
        assert "producer 101" not in shown
        assert "2 ended: d" in shown
        await pilot.press("home", "d")
        shown = panel_text(app, "processes")
        assert "producer 103" in shown
        assert "producer 104" not in shown
        await pilot.press("d")
        await tells(app, "a finding rests on it")
        await pilot.press("end", "d")
        await tells(app, "consumer 202 (202): nothing there has ended")
