"""What the user's own programs print: tabs, following, ten thousand lines, hostile ones."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.shm.protocol import Role
from shmtui.tui.glyphs import ASCII, UNICODE, Glyphs
from shmtui.tui.screens.logs import LogPanel, LogScreen, log_line, tabs_line, visible
from shmtui.tui.spans import plain, width_of
from tests.conftest import MakeBuffer
from tests.tui.dashboards import Run, running, screen_text, shows, tells, ticked

SIZES = [(120, 38), (80, 24), (50, 20)]


class Program:
    """A program that prints what it has to say at first, and then what the test writes."""

    def __init__(self, folder: Path, name: str, first: str = "") -> None:
        pipe = folder / f"{name}.pipe"
        os.mkfifo(pipe)
        self._pipe = os.open(pipe, os.O_RDWR)
        self.path = folder / name
        self.path.write_text(f"#!/bin/sh\n{first}\nexec cat {pipe}\n")
        self.path.chmod(0o755)

    def say(self, *lines: str) -> None:
        """Print more."""
        os.write(self._pipe, "".join(line + "\n" for line in lines).encode())

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._pipe)


@contextlib.contextmanager
def with_programs(make_buffer: MakeBuffer, *programs: Program) -> Iterator[Run]:
    """A run of these programs."""
    with running(make_buffer()) as run:
        try:
            for program in programs:
                run.supervisor.start_program(Role.PRODUCER, (str(program.path),))
            yield run
        finally:
            for program in programs:
                program.close()


def numbered(count: int) -> str:
    """A command that prints so many lines."""
    return f"seq -f 'line %.0f' 0 {count - 1}"


def lines_in(run: Run) -> list[str]:
    """The program's lines that are on the screen, without the scroll bar beside them."""
    return re.findall(r"line \d+", screen_text(run.app))


async def said(run: Run, count: int) -> None:
    """Wait until the programs have printed so many lines in all, and draw them."""
    await ticked(
        run.app,
        lambda: sum(log.printed.count for log in run.supervisor.logs()) >= count,
        f"{count} lines",
    )
    run.app.tick()


@pytest.mark.parametrize("size", SIZES)
async def test_the_newest_lines_are_shown_and_followed(
    make_buffer: MakeBuffer, tmp_path: Path, size: tuple[int, int]
) -> None:
    """Until one scrolls up; then the same lines stay in view."""
    program = Program(tmp_path, "produtor", numbered(500))
    with with_programs(make_buffer, program) as run:
        async with run.app.run_test(size=size) as pilot:
            await said(run, 500)
            await pilot.press("l")
            assert isinstance(run.app.screen, LogScreen)
            await shows(run.app, "line 499")
            program.say("line 500")
            await said(run, 501)
            await shows(run.app, "line 500")
            await pilot.press("pageup", "up")
            before = lines_in(run)
            program.say("line 501", "line 502")
            await said(run, 503)
            await pilot.pause()
            assert lines_in(run) == before
            await pilot.press("end")
            assert "line 502" in screen_text(run.app)
            await pilot.press("home")
            assert "line 0 " in screen_text(run.app)
            await pilot.press("escape")
            assert not isinstance(run.app.screen, LogScreen)


async def test_lines_that_are_dropped_move_the_view_on(
    make_buffer: MakeBuffer, tmp_path: Path
) -> None:
    """Ten thousand lines are kept. Whoever looks at the oldest sees the oldest that is left."""
    program = Program(tmp_path, "produtor", numbered(10_000))
    with with_programs(make_buffer, program) as run:
        async with run.app.run_test(size=(80, 24)) as pilot:
            await said(run, 10_000)
            await pilot.press("l", "home")
            await shows(run.app, "line 0 ")
            program.say(*(f"line {n}" for n in range(10_000, 10_050)))
            await said(run, 10_050)
            await shows(run.app, "line 50 ")
            panel = run.app.screen.query_one(LogPanel)
            assert len(panel._content(*panel.inner_size).lines) <= panel.inner_size[1]


async def test_each_program_has_a_tab_and_the_ended_are_marked(
    make_buffer: MakeBuffer, tmp_path: Path
) -> None:
    """Turned by arrows, tab and the mouse."""
    one, two = Program(tmp_path, "produtor", "echo one"), Program(tmp_path, "second", "echo two")
    with with_programs(make_buffer, one, two) as run:
        _first, ended = run.supervisor.pids
        async with run.app.run_test(size=(120, 38)) as pilot:
            await said(run, 2)
            run.supervisor.kill(ended)
            await ticked(run.app, lambda: not run.supervisor.owns(ended), "it has ended")
            await pilot.press("l")
            text = await shows(run.app, "● produtor")
            assert "✗ second" in text
            assert "one" in text
            await pilot.press("right")
            assert "two" in screen_text(run.app)
            assert f"PID {ended} has ended" in screen_text(run.app)
            await pilot.press("tab")
            assert "one" in screen_text(run.app)
            panel = run.app.screen.query_one(LogPanel)
            row = panel.render_line(1).text
            await pilot.click(panel, offset=(row.index("second"), 1))
            assert "two" in screen_text(run.app)


async def test_R_restarts_the_program_on_show(  # noqa: N802 - the key
    make_buffer: MakeBuffer, tmp_path: Path
) -> None:
    """And the tab goes over to what took its place."""
    program = Program(tmp_path, "produtor", "echo $$ speaks")
    with with_programs(make_buffer, program) as run:
        (before,) = run.supervisor.pids
        async with run.app.run_test(size=(80, 24)) as pilot:
            await said(run, 1)
            await pilot.press("l")
            await shows(run.app, f"{before} speaks")
            await pilot.press("R")
            await ticked(
                run.app, lambda: run.supervisor.pids not in {(before,), ()}, "it is another"
            )
            (after,) = run.supervisor.pids
            await ticked(
                run.app, lambda: f"{after} speaks" in screen_text(run.app), "it is on show"
            )


async def test_the_key_comes_with_the_first_program(
    make_buffer: MakeBuffer, tmp_path: Path
) -> None:
    """Before that it says what is missing."""
    program = Program(tmp_path, "produtor")
    with with_programs(make_buffer) as run:
        try:
            async with run.app.run_test(size=(120, 38)) as pilot:
                assert " Logs " not in screen_text(run.app)
                await pilot.press("l")
                await tells(run.app, "no program of yours runs here")
                assert len(run.app.screen_stack) == 1
                run.supervisor.start_program(Role.PRODUCER, (str(program.path),))
                await ticked(run.app, lambda: " Logs " in screen_text(run.app), "the key is shown")
        finally:
            program.close()


async def test_hostile_lines_are_pictures(make_buffer: MakeBuffer, tmp_path: Path) -> None:
    """Escape sequences, markup, undecodable bytes."""
    hostile = r"\033[31mred\033]0;title\007 [bold]x[/bold]\t\342\200\256\377|\n"
    program = Program(tmp_path, "[red]", f"printf '{hostile}'")
    with with_programs(make_buffer, program) as run:
        async with run.app.run_test(size=(80, 24)) as pilot:
            await said(run, 1)
            await pilot.press("l")
            text = await shows(run.app, "␛[31mred␛]0;title␇ [bold]x[/bold]")
            assert not {ord(c) for c in text} & {27, 7, 9, 0x202E, 0xDCFF}


def test_lines_are_reached_from_the_nearer_end() -> None:
    """However many are kept."""
    lines = [f"line {n}" for n in range(10_000)]
    assert visible(lines, 9_990, 10) == [f"line {n}" for n in range(9_990, 10_000)]
    assert visible(lines, 10, 3) == ["line 10", "line 11", "line 12"]


@given(
    st.lists(st.tuples(st.text(st.characters(), max_size=40), st.booleans()), max_size=12),
    st.integers(1, 150),
    st.sampled_from([UNICODE, ASCII]),
    st.data(),
)
def test_tabs_fit_and_the_chosen_one_is_in_view(
    programs: list[tuple[str, bool]], width: int, glyphs: Glyphs, draw: st.DataObject
) -> None:
    """Whatever the programs are called."""
    tabs = list(programs)
    chosen = draw.draw(st.integers(0, max(0, len(tabs) - 1)))
    drawn, buttons = tabs_line(tabs, chosen, width, glyphs)
    assert width_of(drawn) <= width
    assert not glyphs.ascii_only or plain(drawn).isascii()
    assert not tabs or width < 4 or str(chosen) in [t.action for t in buttons]


@given(
    st.text(st.characters(), max_size=300), st.integers(1, 120), st.sampled_from([UNICODE, ASCII])
)
def test_a_line_fits(text: str, width: int, glyphs: Glyphs) -> None:
    """And acts on nothing."""
    drawn = log_line(text, width, glyphs)
    assert width_of(drawn) <= width
    assert not any(ord(c) < 32 for c in plain(drawn))
