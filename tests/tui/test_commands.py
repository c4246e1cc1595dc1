"""The keys that change something, on real workers: each does what it says, or says why not."""

import math
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.command import CommandPalette

from shmtui.procfs.identity import start_time
from shmtui.shm.faults import Fault
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import Process, ProcessState
from shmtui.tui.keys import KEYS
from shmtui.tui.process_rows import Group, Row, narrowed
from shmtui.tui.screens.signals import SignalScreen
from shmtui.tui.screens.text_screens import DetailScreen, KillQuestion
from shmtui.tui.widgets.display_panels import KeyBar
from shmtui.tui.worker_commands import signal_foreign
from tests.compiling import Compiler
from tests.conftest import MakeBuffer
from tests.peers import build
from tests.recording.frames import made
from tests.tui.dashboards import (
    Run,
    foreign_process,
    panel_text,
    reports,
    running,
    screen_text,
    shows,
    tells,
    ticked,
    watching,
)
from tests.tui.records import process
from tests.waiting import poll

PRODUCER, CONSUMER = Role.PRODUCER, Role.CONSUMER
WORKING = {ProcessState.RUNNING, ProcessState.PACING, ProcessState.ASLEEP, ProcessState.BLOCKED}


def working(process: Process) -> bool:
    """Whether a worker has joined, and is not held."""
    return process.state in WORKING


def paused(process: Process) -> bool:
    """Whether a worker is held between two items."""
    return process.state is ProcessState.PAUSED


def seen(_process: Process) -> bool:
    """It is in the sample."""
    return True


def chosen(run: Run) -> int | str | None:
    """The key of the chosen row."""
    row: Row | None = run.app.main.table.chosen
    return row.key if row is not None else None


def rate(run: Run, pid: int) -> float | None:
    """The rate that a worker is told to keep, as the last sample has it."""
    found = run.process(pid)
    return found.target_rate if found is not None else None


async def test_the_keys_of_the_pace_change_it_at_once(make_buffer: MakeBuffer) -> None:
    """The producers are chosen from the start, and nobody waits for the interval to see it."""
    with running(make_buffer(), [PRODUCER, CONSUMER]) as run:
        producer, consumer = run.supervisor.pids
        async with run.app.run_test(size=(120, 40)) as pilot:
            seen = []
            for key in ("plus", "minus", "minus", "right", "left", "m", "0"):
                await pilot.press(key)
                seen.append(rate(run, producer))
            assert seen == [2.0, 1.0, 0.5, 1.0, 0.5, math.inf, 1.0]
            assert rate(run, consumer) == 1.0


async def test_workers_are_added_paused_and_ended(make_buffer: MakeBuffer) -> None:
    """By keys, by a button of the bar, and by the palette."""
    with running(make_buffer()) as run:
        async with run.app.run_test(size=(120, 40)) as pilot:
            await pilot.press("p")
            await pilot.click(KeyBar, offset=(panel_text(run.app, "keys").index("Consumer"), 0))
            await pilot.pause()
            commands = {c.title: c for c in run.app.get_system_commands(run.app.screen)}
            add: Any = commands["Add a producer"].callback
            await add()
            first, consumer, second = run.supervisor.pids
            assert run.process(second) is not None
            await run.until(first, working)
            await pilot.press("space")
            await run.until(first, paused)
            await run.until(second, paused)
            assert not paused(run.process(consumer) or process(0, CONSUMER))
            await pilot.press("t")
            await ticked(run.app, lambda: run.supervisor.pids == (consumer,), "both have ended")


async def test_e_says_that_workers_count_their_items(make_buffer: MakeBuffer) -> None:
    """Nothing is watched where everything is counted."""
    with running(make_buffer(), [PRODUCER]) as run:
        async with run.app.run_test() as pilot:
            await pilot.press("e")
            await tells(run.app, "its workers count their items")
            await reports(run.app, "no exact counts: its workers count their items")


async def test_a_group_row_stands_for_its_living_members(make_buffer: MakeBuffer) -> None:
    """A pause leaves the paused alone; where all are paused, all go on. A kill kills all."""
    with running(make_buffer(), [PRODUCER, PRODUCER, PRODUCER, CONSUMER]) as run:
        one, two, dead, consumer = run.supervisor.pids
        async with run.app.run_test(size=(120, 40)) as pilot:
            for pid in (one, two, dead):
                await run.until(pid, working)
            run.supervisor.kill(dead)
            await run.until(dead, lambda p: p.state is ProcessState.ENDED)
            await pilot.press("down", "space")
            assert chosen(run) == one
            await run.until(one, paused)
            assert not paused(run.process(two) or process(0, PRODUCER))
            await pilot.press("home", "space")
            await run.until(two, paused)
            assert paused(run.process(one) or process(0, PRODUCER))
            await pilot.press("space")
            await run.until(one, working)
            await run.until(two, working)
            await pilot.press("K")
            await ticked(run.app, lambda: run.supervisor.pids == (consumer,), "both are dead")
            assert "killed by SIGKILL" in panel_text(run.app, "processes")


async def test_s_steps_the_chosen_one_and_space_lets_it_go(make_buffer: MakeBuffer) -> None:
    """A step at a time; and where it is blocked in its step, that is said."""
    with running(make_buffer(1), [PRODUCER], rate=math.inf) as run:
        (pid,) = run.supervisor.pids
        async with run.app.run_test(size=(120, 40), notifications=True) as pilot:
            await run.until(pid, lambda p: p.state is ProcessState.BLOCKED)
            await pilot.press("down", "s")
            await tells(run.app, "blocked in this step")
            await pilot.press("space")
        run.buffer.control.keep()
    with running(make_buffer(), [PRODUCER, CONSUMER]) as run:
        (pid, _consumer) = run.supervisor.pids
        async with run.app.run_test(size=(120, 40)) as pilot:
            await run.until(pid, working)
            await pilot.press("down", "s")
            await run.until(pid, lambda p: p.state is ProcessState.STEPPING)
            found = run.process(pid)
            assert found is not None
            before = found.step
            assert f"▶{before}" in panel_text(run.app, "processes")
            await pilot.press("s")
            await run.until(
                pid, lambda p: p.state is ProcessState.STEPPING and p.step != before, "a step on"
            )
            await pilot.press("space")
            await run.until(pid, working)


async def test_x_has_the_chosen_ones_make_a_mistake(make_buffer: MakeBuffer) -> None:
    """Escape leaves it; one that is on can be taken off again, and that comes first."""
    with running(make_buffer(), [PRODUCER, CONSUMER]) as run:
        pid, consumer = run.supervisor.pids

        def fault(of: int) -> Fault | None:
            found = run.process(of)
            return found.fault if found is not None else None

        async with run.app.run_test(size=(80, 24)) as pilot:
            await pilot.press("x")
            assert "To expect:" in screen_text(run.app)
            await pilot.press("escape")
            assert fault(pid) is Fault.NONE
            await pilot.press("x", "down", "enter")
            assert (fault(pid), fault(consumer)) == (Fault.SWAPPED_WAITS, Fault.NONE)
            await pilot.press("x", "enter")
            assert fault(pid) is Fault.NONE


async def test_v_audits_the_run(make_buffer: MakeBuffer) -> None:
    """Its outcome opens by itself, once, and the workers go on."""
    with running(make_buffer(), [PRODUCER, CONSUMER], rate=100.0) as run:
        pid, _consumer = run.supervisor.pids
        async with run.app.run_test(size=(120, 40)) as pilot:
            await run.until(pid, lambda p: (p.items or 0) > 0, "it has produced")
            await pilot.press("v")
            await ticked(run.app, lambda: isinstance(run.app.screen, DetailScreen), "the audit")
            await shows(run.app, "balanced: produced - consumed = resident")
            await pilot.press("escape")
            run.app.tick()
            assert len(run.app.screen_stack) == 1
            await run.until(pid, working)


async def next_is(run: Run, words: str) -> None:
    """Until the panel of programs says so."""
    await ticked(run.app, lambda: words in panel_text(run.app, "programs"), words)


async def test_s_steps_a_program_of_the_users(make_buffer: MakeBuffer, gcc: Compiler) -> None:
    """It is held where it stands in its source; each press takes one call, and ring and locks show what
    that did; space has it run on.
    """
    buffer = make_buffer()
    build(gcc, "produtor", buffer.name)
    produce = gcc.program(gcc.directory / "produtor.c", "-g", "-O0")
    with running(buffer) as run:
        pid = run.supervisor.start_program(PRODUCER, (str(produce),))
        async with run.app.run_test(size=(80, 24), notifications=True) as pilot:
            await run.until(pid, lambda p: p.state is ProcessState.ASLEEP, "it has begun")
            await pilot.press("down", "s")
            await run.until(pid, lambda p: p.state is ProcessState.STEPPING, "it is held")
            await pilot.press("left")
            await tells(run.app, "no way back in a program that lives")
            assert "sem_wait(empty)" in panel_text(run.app, "programs")
            assert "17     sem_wait(&buffer->empty);" in panel_text(run.app, "programs")
            free = run.app.dashboard.latest.semaphores[SemaphoreRole.EMPTY].value
            assert free is not None
            for line, step in ((18, "wait(mutex)"), (24, "post(mutex)"), (25, "post(full)")):
                await pilot.press("s")
                await next_is(run, f"next: sem_{step}")
                assert re.search(rf"▌ *{line} ", panel_text(run.app, "programs"))
            semaphores = run.app.dashboard.latest.semaphores
            assert semaphores[SemaphoreRole.EMPTY].value == free - 1
            assert semaphores[SemaphoreRole.MUTEX].value == 1
            await reports(run.app, "sem_wait(mutex), produtor.c:18")
            await pilot.press("space")
            await run.until(pid, working, "it runs on")
            await reports(run.app, "resumed")
            assert "items/s" in screen_text(run.app)
            await pilot.press("s")
            await run.until(pid, lambda p: p.state is ProcessState.STEPPING, "it is held again")
            await pilot.press("t")
            await ticked(
                run.app, lambda: not run.supervisor.pids, "it has ended, though it was held"
            )


async def test_a_program_of_the_users_can_be_ended_and_paces_itself(
    make_buffer: MakeBuffer,
) -> None:
    """It takes no pace and no mistake from shmtui, and each key says so."""
    buffer = make_buffer()
    peer = (sys.executable, "-P", "-m", "shmtui.workers.sample_peer", "producer", buffer.name)
    with running(buffer) as run:
        pid = run.supervisor.start_program(PRODUCER, peer)
        async with run.app.run_test(size=(200, 60), notifications=True) as pilot:
            await run.until(pid, seen)
            await pilot.press("down", "plus")
            await tells(run.app, "its own pace")
            await pilot.press("x")
            await tells(run.app, "told to make a mistake")
            await pilot.press("K")
            await ticked(run.app, lambda: not run.supervisor.pids, "it is dead")


async def test_a_foreign_process_takes_no_commands_and_that_is_said(
    make_buffer: MakeBuffer,
) -> None:
    """As plain text, once while it is on show."""
    buffer = make_buffer()
    with running(buffer) as run, foreign_process(buffer.name, "[red]x[/red]") as foreign:
        async with run.app.run_test(size=(120, 40), notifications=True) as pilot:
            await run.until(foreign.pid, seen)
            await pilot.press("end", "plus", "space", "t")
            await tells(run.app, "[red]x[/red] -c")
            assert f"({foreign.pid}): shmtui did not start it" in run.app.last_message
            assert foreign.poll() is None


@pytest.mark.parametrize(("answer", "killed"), [("y", True), ("n", False), ("escape", False)])
async def test_K_kills_a_foreign_process_after_a_question(  # noqa: N802 - the key
    make_buffer: MakeBuffer, answer: str, killed: bool
) -> None:
    """Only a plain yes kills, and then it does."""
    buffer = make_buffer()
    with running(buffer) as run, foreign_process(buffer.name, "a\tb") as foreign:
        async with run.app.run_test(size=(80, 24)) as pilot:
            await run.until(foreign.pid, seen)
            await pilot.press("end", "K")
            assert isinstance(run.app.screen, KillQuestion)
            await shows(run.app, "Kill a␉b -c")
            await pilot.press(answer)
            if killed:
                assert foreign.wait(30) == -signal.SIGKILL
            else:
                assert foreign.poll() is None
            assert len(run.app.screen_stack) == 1


async def test_all_workers_are_paused_stepped_and_resumed_at_once(make_buffer: MakeBuffer) -> None:
    """By one key each, whichever row is chosen, and whatever the filter leaves in view."""
    with running(make_buffer(), [PRODUCER, PRODUCER, CONSUMER]) as run:
        async with run.app.run_test(size=(120, 40), notifications=True) as pilot:
            for pid in run.supervisor.pids:
                await run.until(pid, working)
            await pilot.press("slash", *"consumer", "enter", "P")
            for pid in run.supervisor.pids:
                await run.until(pid, paused)
            await pilot.press("S")
            for pid in run.supervisor.pids:
                await run.until(pid, lambda p: p.state is ProcessState.STEPPING)
            await pilot.press("P")
            for pid in run.supervisor.pids:
                await run.until(pid, working)


async def test_f9_sends_a_worker_the_signal_that_is_chosen(make_buffer: MakeBuffer) -> None:
    """The question names it and says what that does; a group is too many."""
    with running(make_buffer(), [PRODUCER, PRODUCER]) as run:
        pid, other = run.supervisor.pids
        async with run.app.run_test(size=(80, 24), notifications=True) as pilot:
            await run.until(pid, working)
            await run.until(other, working)
            await pilot.press("f9")
            await tells(run.app, "a signal goes to one")
            await pilot.press("down", "f9")
            await shows(run.app, "SIGKILL")
            await pilot.press("down", "down", "down", "enter")
            await shows(run.app, "Send SIGSTOP to producer 1")
            assert "until SIGCONT" in screen_text(run.app)
            await pilot.press("n")
            assert isinstance(run.app.screen, SignalScreen)
            await pilot.press("enter", "y")
            await run.until(pid, lambda p: p.state is ProcessState.STOPPED)
            await reports(run.app, "SIGSTOP sent")
            assert len(run.app.screen_stack) == 1
            await pilot.press("f9", "down", "down", "down", "down", "enter", "y")
            await run.until(pid, working)
            await pilot.press("f9", "enter", "y")
            await reports(run.app, "told to end")
            await ticked(run.app, lambda: run.supervisor.pids == (other,), "it ended")


async def test_f9_says_what_a_foreign_process_does_with_a_signal(make_buffer: MakeBuffer) -> None:
    """By its own handlers; and it gets the one that is chosen, if it still is that process."""
    buffer = make_buffer()
    with running(buffer) as run, foreign_process(buffer.name) as foreign:
        async with run.app.run_test(size=(100, 30), notifications=True) as pilot:
            await run.until(foreign.pid, seen)
            await pilot.press("end", "f9")
            await shows(run.app, "SIGUSR1")
            rows = screen_text(run.app).splitlines()
            # Python has a handler of SIGINT, and none of SIGUSR1.
            assert "handler of its own" in next(row for row in rows if "SIGINT " in row)
            assert "wherever it is" in next(row for row in rows if "SIGUSR1 " in row)
            await pilot.press("down", "down", "down", "down", "down", "enter")
            await shows(run.app, "Send SIGUSR1 to ")
            assert str(foreign.pid) in screen_text(run.app)
            await pilot.press("y")
            assert foreign.wait(30) == -signal.SIGUSR1


def test_a_kill_hits_the_process_that_was_shown_and_no_other(make_buffer: MakeBuffer) -> None:
    """Not one that has its PID now, not one that has ended, and not shmtui."""
    buffer = make_buffer()
    with running(buffer) as run, foreign_process(buffer.name) as foreign:

        def found() -> Process | None:
            run.app.dashboard.sample()
            return next(
                (p for p in run.app.dashboard.latest.processes if p.pid == foreign.pid), None
            )

        shown = poll(found, "it is seen")
        earlier = process(foreign.pid, Role.UNKNOWN, since=(shown.since or 0) - 60)
        assert "another process has this PID now" in (signal_foreign(earlier, signal.SIGKILL) or "")
        unknown = process(foreign.pid, Role.UNKNOWN, since=None)
        assert "cannot be read" in (signal_foreign(unknown, signal.SIGKILL) or "")
        assert start_time(foreign.pid) is not None
        assert signal_foreign(shown, signal.SIGKILL) is None
        assert foreign.wait(30) == -signal.SIGKILL
        assert "ended already" in (signal_foreign(shown, signal.SIGKILL) or "")


def test_shmtui_does_not_kill_itself() -> None:
    """Where it maps the segment, it may be a row of the table."""
    assert "this is shmtui itself" in (
        signal_foreign(process(os.getpid(), Role.UNKNOWN), signal.SIGKILL) or ""
    )


async def test_read_only_changes_nothing_and_says_why(make_buffer: MakeBuffer) -> None:
    """No key, no button and no line of the palette changes anything; a key says why."""
    buffer = make_buffer()
    with running(buffer, [PRODUCER, CONSUMER]) as run, watching(buffer.name) as app:
        pids = run.supervisor.pids
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await ticked(app, lambda: len(app.dashboard.latest.processes) == 2, "both workers")
            for key in KEYS:
                if key.changes:
                    await pilot.press(key.keys.partition(",")[0])
                    await tells(app, f"{key.shown} changes something, and this dashboard is")
            assert len(app.screen_stack) == 1
            assert "read-only" in panel_text(app, "title")
            offered = [command.title for command in app.get_system_commands(app.screen)]
            for key in KEYS:
                if key.changes:
                    assert not key.label or f" {key.label} " not in panel_text(app, "keys")
                    assert key.help not in offered
            app.tick()
            now = [p for p in app.dashboard.latest.processes if p.pid in pids]
            assert [p.target_rate for p in now] == [1.0, 1.0]
            assert {p.fault for p in now} == {Fault.NONE}
        assert run.supervisor.pids == pids


async def test_the_palette_offers_what_the_keys_do(make_buffer: MakeBuffer) -> None:
    """All that do something here."""
    with running(make_buffer()) as run:
        async with run.app.run_test(size=(120, 40)) as pilot:
            commands = {c.title for c in run.app.get_system_commands(run.app.screen)}
            always = [key for key in KEYS if key.action != "command_palette" and not key.needs]
            assert {key.help for key in always} <= commands
            await pilot.press("ctrl+p")
            await pilot.pause()
            assert isinstance(run.app.screen, CommandPalette)


async def test_rows_are_filtered_and_sorted(make_buffer: MakeBuffer) -> None:
    """As they are typed; a group then stands for the rows in view, so no hidden worker is ended."""
    with running(make_buffer(), [PRODUCER, PRODUCER, CONSUMER]) as run:
        first, second, consumer = run.supervisor.pids
        async with run.app.run_test(size=(120, 40)) as pilot:
            for pid in run.supervisor.pids:
                await run.until(pid, working)
            await pilot.press("slash", *str(second), "enter")
            shown = panel_text(run.app, "processes")
            assert "producer 2" in shown
            assert "producer 1" not in shown
            assert f"only: {second}" in shown
            await pilot.press("t")
            await ticked(run.app, lambda: run.supervisor.pids == (first, consumer), "one ended")
            await pilot.press("slash", "escape", "G")
            assert chosen(run) == consumer
            await pilot.press("k", "k", "j", "g")
            assert chosen(run) == "producers"
            await pilot.press("f6", "f6")
            assert "sorted: PID" in panel_text(run.app, "processes")
            await pilot.press("5", "slash", *"producer 2 started", "enter")
            events = panel_text(run.app, "events")
            assert f"producer 2 (PID {second}) started" in events
            assert "consumer" not in events


async def test_a_title_sorts_and_sorts_the_other_way_round(make_buffer: MakeBuffer) -> None:
    """By a click on it, and by a key; the frame says so."""
    with running(make_buffer(), [PRODUCER, PRODUCER, PRODUCER]) as run:
        pids = list(run.supervisor.pids)

        def order() -> list[int]:
            text = panel_text(run.app, "processes")
            return sorted(pids, key=lambda pid: text.index(str(pid)))

        async with run.app.run_test(size=(120, 40)) as pilot:
            for pid in pids:
                await run.until(pid, working)
            _above, title, *_rows = panel_text(run.app, "processes").splitlines()
            place = title.index("PID")
            await pilot.click("#processes", offset=(place, 1))
            assert "sorted: PID" in panel_text(run.app, "processes")
            assert order() == pids
            await pilot.click("#processes", offset=(place, 1))
            assert "sorted: PID · reversed" in panel_text(run.app, "processes")
            assert order() == pids[::-1]
            await pilot.press("R")
            assert "reversed" not in panel_text(run.app, "processes")
            assert order() == pids
            await pilot.press("R", "f6")
            assert "sorted: state" in panel_text(run.app, "processes")
            assert "reversed" not in panel_text(run.app, "processes")


async def test_orders_are_those_of_the_columns_on_show(make_buffer: MakeBuffer) -> None:
    """On a narrow screen a key goes to none that is not seen."""
    with running(make_buffer(), [PRODUCER]) as run:
        async with run.app.run_test(size=(60, 30)) as pilot:
            await run.until(run.supervisor.pids[0], working)
            assert "PID" not in panel_text(run.app, "processes")
            await pilot.press("f6", "f6")
            assert "sorted: state" in panel_text(run.app, "processes")


def test_what_is_not_known_is_last_in_both_directions() -> None:
    """As a rate is of a process that has not moved yet."""
    rates = (2.0, None, 3.0, 1.0)
    some = tuple(replace(process(100 + at, Role.PRODUCER), rate=r) for at, r in enumerate(rates))
    seen = replace(made(0), processes=some)
    for backwards, expected in {False: [3.0, 2.0, 1.0, None], True: [1.0, 2.0, 3.0, None]}.items():
        found = narrowed(seen, "", "rate/s", backwards=backwards).processes
        assert [each.rate for each in found] == expected


async def test_y_copies_the_chosen_row(
    make_buffer: MakeBuffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As text that does nothing in a terminal; the file is for this user alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    copied = tmp_path / "shmtui/copied.txt"
    buffer = make_buffer()
    with running(buffer) as run, foreign_process(buffer.name, "\x1b]2;x\x07") as foreign:
        async with run.app.run_test(size=(80, 24), notifications=True) as pilot:
            await run.until(foreign.pid, seen)
            await pilot.press("end", "y")
            await tells(run.app, str(copied))
            assert run.app.clipboard + "\n" == copied.read_text()
            assert str(foreign.pid) in run.app.clipboard
            assert run.app.clipboard.replace("\n", "").isprintable()
            assert copied.stat().st_mode & 0o777 == 0o600
            copied.unlink()
            copied.mkdir()
            await pilot.press("y")
            await tells(run.app, "no file: Is a directory")


async def test_a_screenshot_goes_to_the_current_folder(
    make_buffer: MakeBuffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is said where, or why not: one that is there is not written over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _form, *_when: "screen.svg")
    with running(make_buffer()) as run:
        async with run.app.run_test(size=(80, 24), notifications=True):
            commands = {c.title: c for c in run.app.get_system_commands(run.app.screen)}
            commands["Screenshot"].callback()
            await tells(run.app, f"the screen is in {tmp_path}/screen.svg")
            assert (tmp_path / "screen.svg").read_text().startswith("<svg")
            commands["Screenshot"].callback()
            await tells(run.app, "screen.svg: File exists")


async def test_what_happens_to_a_worker_is_an_event(make_buffer: MakeBuffer) -> None:
    """Newest first; what happened before the dashboard opened comes last."""
    with running(make_buffer(), [PRODUCER]) as run:
        (pid,) = run.supervisor.pids
        async with run.app.run_test(size=(120, 40)):
            await run.until(pid, working)
            run.supervisor.kill(pid)
            await ticked(
                run.app, lambda: "SIGKILL" in panel_text(run.app, "events"), "its end is an event"
            )
            assert f"producer 1 (PID {pid}) started" in run.app.dashboard.view.events[-1].text
        assert run.supervisor.on_event is None


def test_groups_have_members(make_buffer: MakeBuffer) -> None:
    """A row is a heading or a process."""
    with running(make_buffer()) as run:
        assert isinstance(run.app.main.table.chosen, Group)
