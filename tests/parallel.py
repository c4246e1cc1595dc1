"""``python -m tests.parallel [PYTEST ARGUMENTS]``: the tests alone, on all processors."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

_START: Final = Path(__file__).parent / "own_shm.py"
_EACH: Final = 4
"""Tests at a time for each processor: most of a test's time is spent waiting."""
_MOST: Final = 32
"""Processes, each of which takes 150 MB."""


def command(arguments: list[str]) -> list[str]:
    """The command: pytest in several processes, each in a /dev/shm of its own where it may be.

    In one process where the arguments say how many, or where a debugger needs the terminal.
    """
    pytest = [sys.executable, "-m", "pytest"]
    if any(word.startswith(("-n", "--numprocesses", "--tx", "--pdb")) for word in arguments):
        return [*pytest, *arguments]
    python = shlex.join((sys.executable, str(_START)))
    count = min(_EACH * len(os.sched_getaffinity(0)), _MOST)
    return [*pytest, "--dist=worksteal", f"--tx={count}*popen//python={python}", *arguments]


def compile_once() -> None:
    """Have pytest compile the tests where nobody has: else each process would, at the same time."""
    if not any(_START.parent.glob("__pycache__/*-pytest-*.pyc")):
        subprocess.run(
            [sys.executable, "-m", "pytest", "--collect-only", "--quiet"],
            cwd=_START.parent.parent, env=environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip


def environment() -> dict[str, str]:
    """Python may keep what it compiled: every program that a test starts is compiled else."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


if __name__ == "__main__":
    compile_once()
    os.execve(sys.executable, command(sys.argv[1:]), environment())
