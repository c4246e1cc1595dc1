"""``python -m tests [PYTEST ARGUMENTS]``: every check of the project, one after the other.

All of them run, whatever fails on the way; the exit code is 0 only if all passed. pytest
comes last, so that its summary stands at the end of the output.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

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


def say(text: str) -> None:
    """Print at once: the checks write to the same output."""
    print(text, flush=True)  # noqa: T201 - the report of this program


def main(arguments: list[str]) -> int:
    """Run everything; ``arguments`` go to pytest."""
    failed = [name for name, command in STATIC if not quiet_check(name, command)]
    tests = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False)
    if tests.returncode != 0:
        failed.append("pytest")
    say(f"FAILED: {', '.join(failed)}" if failed else "every check passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
