"""Steps, mistakes and audits, by their keys."""

from dataclasses import replace

import pytest

from shmtui.shm.faults import Fault
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, step_name
from shmtui.snapshot import Audit, Origin, ProcessState, Totals
from shmtui.tui.draw.protocol import protocol_lines
from shmtui.tui.glyphs import ASCII, UNICODE, Glyphs
from shmtui.tui.screens.detail import DetailScreen
from shmtui.tui.screens.faults import FaultScreen
from shmtui.tui.spans import plain, width_of
from tests.tui.bench import lay_out, process, snapshot
from tests.tui.ends import screen_text, shows

STEPPING = ProcessState.STEPPING


async def test_s_steps_the_chosen_ones() -> None:
    """One press is one order for each; space lets them run again."""
    standing = snapshot(processes=(process(101, Role.PRODUCER, state=STEPPING, step="write"),))
    bench = lay_out(lambda _shown: standing)
    async with bench.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("down", "s", "s", "space")
        assert bench.steering.orders == [("step", 101), ("step", 101), ("resume", 101)]
        assert "▶write" in bench.text("processes")


async def test_s_says_why_a_blocked_one_does_not_move() -> None:
    """A key that does nothing would teach that the program is broken."""
    blocked = snapshot(processes=(process(101, Role.PRODUCER, state=ProcessState.BLOCKED),))
    bench = lay_out(lambda _shown: blocked)
    async with bench.app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.pause()
        await pilot.press("down", "s")
        await shows(bench.app, "blocked in")


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (50, 20)])
async def test_x_offers_mistakes(size: tuple[int, int]) -> None:
    """Each with what it does and what has to come of it; enter has the chosen ones make it."""
    bench = lay_out()
    async with bench.app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        assert isinstance(bench.app.screen, FaultScreen)
        assert "no-mutex" in screen_text(bench.app)
        assert "To expect:" in screen_text(bench.app)
        await pilot.press("escape")
        assert bench.steering.orders == []
        await pilot.press("x", "down", "enter")
        assert bench.steering.orders == [("set_fault", 101, Fault.SWAPPED_WAITS)]


async def test_a_mistake_can_be_taken_off() -> None:
    """Where one is on, none comes first."""
    wrong = process(101, Role.PRODUCER, fault=Fault.SIT)
    bench = lay_out(lambda _shown: snapshot(processes=(wrong,)))
    async with bench.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("x", "enter")
        assert bench.steering.orders == [("set_fault", 101, Fault.NONE)]


@pytest.mark.parametrize("key", ["x", "s"])
async def test_programs_make_their_own(key: str) -> None:
    """A program of the user's takes neither steps nor mistakes from us, and that is said."""
    program = process(101, Role.PRODUCER, origin=Origin.PROGRAM, name="./produtor")
    bench = lay_out(lambda _shown: snapshot(processes=(program,)))
    async with bench.app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.pause()
        await pilot.press("down", key)
        await shows(bench.app, "only our")
        assert bench.steering.orders == []


async def test_an_audit_is_shown_once() -> None:
    """It opens by itself when it is there, and not again with each look that still carries it."""
    audit = Audit(Totals(9, 4, 36, 6), 5, 4, 22)
    shown = [snapshot()]
    bench = lay_out(lambda _shown: shown[0])
    async with bench.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        shown[0] = replace(shown[0], audit=audit)
        bench.app.tick()
        await pilot.pause()
        assert isinstance(bench.app.screen, DetailScreen)
        assert "1 item lost" in screen_text(bench.app)
        await pilot.press("escape")
        bench.app.tick()
        await pilot.pause()
        assert not isinstance(bench.app.screen, DetailScreen)


async def test_read_only_has_none_of_them() -> None:
    """Looking on changes nothing."""
    bench = lay_out(read_only=True)
    async with bench.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("x", "s", "v")
        assert len(bench.app.screen_stack) == 1
        for label in ("Step", "Faults", "Audit"):
            assert label not in screen_text(bench.app)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=repr)
@pytest.mark.parametrize("width", [44, 76, 118])
def test_places_in_the_protocol(width: int, glyphs: Glyphs) -> None:
    """Each stepped worker is drawn before its step, at any width, and nobody else is."""
    mark = glyphs.states[STEPPING]
    for role in (Role.PRODUCER, Role.CONSUMER):
        for step in PROTOCOL_STEPS:
            name = step_name(role, step)
            crew = (
                process(1, role, name=f"{role} 1", state=STEPPING, step=name),
                process(2, role, name=f"{role} 2", step=name),
            )
            (drawn,) = protocol_lines(crew, width, glyphs)
            assert width_of(drawn) <= width
            text = plain(drawn)
            assert f"{mark}{name}" in text
            assert str(role) in text
            assert "2" not in text
    assert protocol_lines((process(2, Role.PRODUCER),), width, glyphs) == []
