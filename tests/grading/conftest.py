"""The programs of the tests of `control`, compiled for grading."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.compiling import require

PROGRAMS: Final = Path(__file__).parents[1] / "control" / "programs"


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Compiles a program once: its path."""
    folder = tmp_path_factory.mktemp("graded")

    def compile_once(name: str) -> str:
        binary = folder / name
        if not binary.exists():
            subprocess.run(
                [require("gcc"), "-g", "-O1", "-w", "-o", str(binary), str(PROGRAMS / f"{name}.c"),
                 "-lrt", "-pthread"],
                check=True,
            )  # fmt: skip
        return str(binary)

    return compile_once


@pytest.fixture
def ring(
    compiled: Callable[[str], str], name: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, str]]:
    """The commands of a producer and a consumer with a mistake, over a segment of the test's own."""
    monkeypatch.setenv("EXPLORED", name)

    def commands(mistake: str, program: str = "ring") -> tuple[str, str]:
        binary = compiled(program)
        return f"{binary} p {mistake}", f"{binary} c {mistake}"

    return commands
