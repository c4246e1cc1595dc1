"""Dialogs over made-up snapshots: the mistakes to choose from, an audit, a process in full."""

import os

import pytest
from textual import events

from shmtui.shm.faults import Fault
from shmtui.shm.item_counts import Audit, Totals
from shmtui.shm.protocol import Role
from shmtui.tui.screens.columns import ColumnsScreen, TableColumns
from shmtui.tui.screens.faults import FaultScreen
from shmtui.tui.screens.text_screens import DetailScreen
from shmtui.tui.worker_commands import Targets
from tests.tui.dashboards import draw, drawing, screen_text
from tests.tui.records import process, snapshot


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (50, 20)])
async def test_mistakes_say_what_they_do_and_what_to_expect(size: tuple[int, int]) -> None:
    """At every size; the chosen one is the answer."""
    app = drawing()
    answers: list[Fault | None] = []
    async with app.run_test(size=size) as pilot:
        targets = Targets("producers", ours=(process(101, Role.PRODUCER),))
        await app.push_screen(FaultScreen(targets, app.dashboard.view), answers.append)
        await pilot.pause()
        assert "no-mutex" in screen_text(app)
        assert "To expect:" in screen_text(app)
        await pilot.press("down", "enter")
        assert answers == [Fault.SWAPPED_WAITS]


async def test_a_dialog_closes_once() -> None:
    """A second answer, typed while it closed, closes neither the screen below nor a dialog there."""
    app = drawing()
    answers: list[Fault | None] = []
    async with app.run_test(size=(120, 40)) as pilot:
        targets = Targets("producers", ours=(process(101, Role.PRODUCER),))
        below, above = (FaultScreen(targets, app.dashboard.view) for _ in range(2))
        await app.push_screen(below)
        await app.push_screen(above, answers.append)
        for _key in range(3):
            above.dismiss(Fault.SIT)
        await pilot.pause()
        assert (app.screen, answers) == (below, [Fault.SIT])
        for _key in range(3):
            below.dismiss(None)
        await pilot.pause()
        assert app.screen is app.screen_stack[0]


@pytest.mark.parametrize(("key", "said"), [("enter", Fault.SWAPPED_WAITS), ("escape", None)])
async def test_keys_count_in_the_order_in_which_they_are_typed(
    key: str, said: Fault | None
) -> None:
    """Also where two are there at once, as they are on a busy machine: the first one is the answer."""
    app = drawing()
    answers: list[Fault | None] = []
    async with app.run_test(size=(120, 40)) as pilot:
        targets = Targets("producers", ours=(process(101, Role.PRODUCER),))
        await app.push_screen(FaultScreen(targets, app.dashboard.view), answers.append)
        await pilot.press("down")
        for typed in (key, "enter", "escape"):
            app.post_message(events.Key(typed, None))
        await pilot.pause()
        assert answers == [said]


async def test_a_column_is_switched_before_its_dialog_closes() -> None:
    """Whoever is told that it has closed keeps the columns that are chosen then."""
    app = drawing()
    columns: set[str] = set()
    closed: list[set[str]] = []
    all_there_are = TableColumns(
        {"pid": "PID"}, lambda: tuple(columns), lambda: ("pid",), columns.add
    )
    async with app.run_test(size=(120, 40)) as pilot:
        screen = ColumnsScreen(all_there_are, app.dashboard.view)
        await app.push_screen(screen, lambda _nothing: closed.append(set(columns)))
        await pilot.pause()
        for typed, character in (("space", " "), ("escape", None)):
            app.post_message(events.Key(typed, character))
        await pilot.pause()
        assert closed == [{"pid"}]


async def test_a_mistake_that_is_on_can_be_taken_off() -> None:
    """That comes first."""
    app = drawing()
    answers: list[Fault | None] = []
    async with app.run_test(size=(120, 40)) as pilot:
        targets = Targets("producers", ours=(process(101, Role.PRODUCER, fault=Fault.SIT),))
        await app.push_screen(FaultScreen(targets, app.dashboard.view), answers.append)
        await pilot.pause()
        await pilot.press("enter")
        assert answers == [Fault.NONE]


async def test_an_audit_is_shown_once() -> None:
    """It opens by itself, and not again with each sample that still carries it."""
    audit = Audit(Totals(9, 4, 36, 6), 5, 4, 22)
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot())
        draw(app, snapshot(audit=audit))
        await pilot.pause()
        assert isinstance(app.screen, DetailScreen)
        assert "1 item lost" in screen_text(app)
        await pilot.press("escape")
        draw(app, snapshot(audit=audit))
        await pilot.pause()
        assert not isinstance(app.screen, DetailScreen)


async def test_enter_opens_a_process_in_full() -> None:
    """On a group it goes to its first process."""
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot(processes=(process(os.getpid(), Role.PRODUCER),)))
        await pilot.press("enter")
        assert not isinstance(app.screen, DetailScreen)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, DetailScreen)
        assert f"PID {os.getpid()}" in screen_text(app)
        await pilot.press("escape")
        assert not isinstance(app.screen, DetailScreen)


async def test_a_key_that_closes_closes_what_was_opened_just_before() -> None:
    """Enter and q come in one read over a slow line, and q on the main screen would end the run."""
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot(processes=(process(os.getpid(), Role.PRODUCER),)))
        await pilot.press("enter")
        for typed, character in (("enter", None), ("q", "q")):
            app.post_message(events.Key(typed, character))
        await pilot.pause()
        assert not app.leaving
        assert app.screen is app.screen_stack[0]
