"""Programs that live, taken step by step: real C programs, seized as they run, and let go."""

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from shmtui.control.live_program import LiveProgram
from shmtui.control.operation import Kind
from shmtui.errors import ShmtuiError
from shmtui.workers.child import group_members
from tests.compiling import Compiler
from tests.conftest import MakeBuffer
from tests.program import letter
from tests.waiting import poll

SOURCE: Final = Path(__file__).parent / "programs" / "running.c"
ROUND: Final = [Kind.WAIT, Kind.POST, Kind.SLEEP]
SET_CALLS: Final = ("65 ", "220 ")
"""semop and semtimedop, by which glibc makes it."""
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(gcc: Compiler, make_buffer: MakeBuffer) -> Iterator[Start]:
    """Starts the program over a buffer; it ends with the test."""
    buffer = make_buffer()
    with contextlib.ExitStack() as cleaning:

        def begin(*words: str, flags: tuple[str, ...] = ("-g", "-O0")) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [gcc.program(SOURCE, *flags), buffer.name, *words],
                stdout=subprocess.PIPE,
                process_group=0,
            )
            cleaning.callback(end, process)
            return process

        yield begin


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program with what it started."""
    for pid in (*group_members(process.pid), process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate()


def tracer(pid: int) -> int:
    """Who traces a process; 0: nobody."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("TracerPid:")[2].split()[0])


def all_held(program: LiveProgram) -> bool:
    """Once what has stopped is dealt with: whether all are held that have come to a step."""
    program.poll()
    return program.held


def kinds(program: LiveProgram, steps: int) -> list[Kind]:
    """The kinds of so many steps of a program with one thread."""
    found = []
    for _step in range(steps):
        poll(lambda: all_held(program), "it is held before a step")
        found.append(program.tasks[0].operation.kind)
        program.step()
    return found


@pytest.mark.parametrize("words", [(), ("private",)])
@pytest.mark.parametrize("flags", [("-g", "-O0"), ("-g", "-O2", "-static")], ids=["", "static"])
def test_each_step_in_turn(start: Start, words: tuple[str, ...], flags: tuple[str, ...]) -> None:
    """The calls that concern others, one a step, and usleep once; afterwards it runs on untraced."""
    process = start(*words, flags=flags)
    poll(lambda: letter(process.pid) == "S", "it goes round")
    program = LiveProgram("P1", process.pid)
    found = kinds(program, 9)
    at = ROUND.index(found[0])
    assert found == (ROUND * 4)[at : at + 9]
    program.let_go(gently=True)
    poll(lambda: program.poll() or not program.traced, "it is let go")
    assert not tracer(process.pid)
    assert process.poll() is None


@pytest.mark.parametrize("words", ["threads", "child"])
def test_threads_and_children(start: Start, words: str) -> None:
    """Each thread that comes to a step is held before it, those of what the program has started as well."""
    process = start(words)
    ready = (
        (lambda: len(list(Path(f"/proc/{process.pid}/task").iterdir())) == 2)
        if words == "threads"
        else (lambda: group_members(process.pid))
    )
    poll(ready, "it has started what it starts")
    program = LiveProgram("P1", process.pid, group_members(process.pid))
    wanted = 2 if words == "threads" else 1
    poll(lambda: program.poll() or sum(t.held for t in program.tasks) == wanted, "all are held")
    program.step()
    poll(lambda: program.poll() or any(t.held for t in program.tasks), "the next step")
    program.let_go(gently=True)
    poll(lambda: program.poll() or not program.traced, "it is let go")


def test_a_call_that_a_stop_would_end_is_left_alone(start: Start) -> None:
    """semop(2) ends with EINTR where its thread is stopped: it waits on, and goes through."""
    process = start("semop")
    assert process.stdout is not None
    number = int(process.stdout.readline())
    poll(lambda: Path(f"/proc/{process.pid}/syscall").read_text().startswith(SET_CALLS), "it waits")
    program = LiveProgram("P1", process.pid)
    program.poll()
    assert not any(task.held for task in program.tasks)
    program.let_go(gently=True)
    assert process.poll() is None
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.semop(number, (ctypes.c_short * 3)(0, 1, 0), 1) == 0
    poll(lambda: process.poll() is not None, "it ends")
    program.poll()
    assert not program.traced
    assert process.returncode == 0


def test_killed_while_it_is_held(start: Start) -> None:
    """Nothing is left of it, and its end is its parent's to see."""
    process = start()
    poll(lambda: letter(process.pid) == "S", "it goes round")
    program = LiveProgram("P1", process.pid)
    poll(lambda: all_held(program), "it is held")
    process.kill()
    assert process.wait() == -signal.SIGKILL
    program.step()
    poll(lambda: program.poll() or not program.traced, "it is known to have ended")


def test_what_comes_to_no_step_runs_on() -> None:
    """A program that sleeps is not disturbed, and not traced afterwards; another user's cannot be had."""
    with subprocess.Popen(["sleep", "100"]) as process:
        try:
            poll(lambda: letter(process.pid) == "S", "it sleeps")
            program = LiveProgram("P1", process.pid)
            assert not program.held
            program.let_go(gently=True)
            poll(lambda: program.poll() or not tracer(process.pid), "it is let go")
            with pytest.raises(ShmtuiError, match=r"cannot be read|debugger"):
                LiveProgram("P1", 2)
        finally:
            process.kill()
