"""``python -m tests [PYTEST ARGUMENTS]``: every check of the project, one after the other.

All of them run, whatever fails on the way; the exit code is 0 only if all passed. pytest
comes last, so that its summary stands at the end of the output. A test that failed is run a
second time, alone: real processes on a busy machine can be late. One that passes then is named
as unsteady, and wants mending; one that fails again has failed.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
_IMPORTS: Final = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
_TYPED: Final = tuple(
    folder for folder in ("shmtui", "tests", "screenshots") if any((ROOT / folder).rglob("*.py"))
)
STATIC: Final = (
    ("ruff check", ("-m", "ruff", "check", ".")),
    ("ruff format", ("-m", "ruff", "format", "--check", ".")),
    ("mypy --strict", ("-m", "mypy", "--strict", *_TYPED)),
    ("import contracts", ("-c", _IMPORTS)),
)


def quiet_check(name: str, arguments: tuple[str, ...]) -> bool:
    """Run a check; its output is shown only if it failed."""
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
    passed = done.returncode == 0
    say(f"{'ok    ' if passed else 'FAILED'}  {name}  ({time.monotonic() - started:.1f} s)")
    if not passed:
        say(done.stdout.rstrip())
    return passed


def pytest_passes(arguments: list[str]) -> bool:
    """Run the tests, and those that failed once more."""
    command = [sys.executable, "-m", "pytest"]
    first = subprocess.run([*command, *arguments], cwd=ROOT, check=False).returncode
    if first != pytest.ExitCode.TESTS_FAILED:
        return first == pytest.ExitCode.OK
    say("some tests failed; they run once more, alone")
    again = [
        *command,
        "--last-failed",
        "--last-failed-no-failures=none",
        "-rP",
        "--show-capture=no",
    ]
    if subprocess.run([*again, *arguments], cwd=ROOT, check=False).returncode != 0:
        return False
    say("UNSTEADY: the tests above failed among the others and passed alone")
    return True


def say(text: str) -> None:
    """Print at once: the checks write to the same output."""
    print(text, flush=True)  # noqa: T201 - the report of this program


def main(arguments: list[str]) -> int:
    """Run everything; ``arguments`` go to pytest."""
    failed = [name for name, command in STATIC if not quiet_check(name, command)]
    if not pytest_passes(arguments):
        failed.append("pytest")
    say(f"FAILED: {', '.join(failed)}" if failed else "every check passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
