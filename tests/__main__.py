"""``python -m tests [PYTEST ARGUMENTS]``: every check of the project.

The tests run on all processors, with the static checks beside them. All of them run, whatever
fails; the exit code is 0 only if all passed. The summary of pytest stands at the end.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.parallel import command, compile_once, environment

ROOT: Final = Path(__file__).resolve().parent.parent
_IMPORTS: Final = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
_TYPED: Final = tuple(
    folder for folder in ("shmtui", "tests", "screenshots") if any((ROOT / folder).rglob("*.py"))
)
STATIC: Final = (
    ("ruff check", ("-m", "ruff", "check", ".")),
    ("ruff format", ("-m", "ruff", "format", "--check", ".")),
    ("import contracts", ("-c", _IMPORTS)),
    ("mypy --strict", ("-m", "mypy", "--strict", *_TYPED)),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a static check said."""

    name: str
    passed: bool
    seconds: float
    output: str

    def text(self) -> str:
        """A line; with the output of a check that failed."""
        line = f"{'ok    ' if self.passed else 'FAILED'}  {self.name}  ({self.seconds:.1f} s)"
        return line if self.passed else f"{line}\n{self.output.rstrip()}"


def check(name: str, arguments: tuple[str, ...]) -> Result:
    """Run a static check to its end."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Result(name, done.returncode == 0, time.monotonic() - started, done.stdout)


def static_checks() -> Callable[[], list[Result]]:
    """Start them, one after the other; what is returned waits for their results."""
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.extend(check(*one) for one in STATIC))
    thread.start()

    def wait() -> list[Result]:
        thread.join()
        return results

    return wait


def run_pytest(arguments: list[str]) -> tuple[int, str]:
    """Run the tests, showing what they print; the exit code and the last line printed."""
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    tail = b""
    pytest_command = command([*colour, *arguments])
    compile_once()
    with subprocess.Popen(
        pytest_command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        while printed := os.read(process.stdout.fileno(), 1 << 16):
            sys.stdout.buffer.write(printed)
            sys.stdout.buffer.flush()
            tail = (tail + printed)[-4000:]
    return process.returncode, tail.decode("utf-8", "replace").rstrip().rpartition("\n")[2]


def say(text: str) -> None:
    """Print at once: the checks write to the same output."""
    print(text, flush=True)  # noqa: T201 - the report of this program


def main(arguments: list[str]) -> int:
    """Run everything; ``arguments`` go to pytest."""
    results = static_checks()
    code, last = run_pytest(arguments)
    for result in results():
        say(result.text())
    failed = [result.name for result in results() if not result.passed]
    if code != pytest.ExitCode.OK:
        failed.append("pytest")
    say(f"FAILED: {', '.join(failed)}" if failed else "every check passed")
    say(last)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
