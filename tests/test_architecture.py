"""The listing of ``shmtui/`` is the architecture: few ground modules, rooms, one module a command."""

import ast
from pathlib import Path
from typing import Final

import shmtui
from shmtui.cli.translation import COMMANDS

PACKAGE: Final = Path(shmtui.__file__).parent
MODULES: Final = sorted(PACKAGE.rglob("*.py"))
GROUND: Final = {"errors", "events", "folders", "i18n", "sanitize", "snapshot"}
MOST_LINES: Final = 530
"""A ceiling and no aim: past 300 lines ask what second thing a module does."""


def names(paths: list[Path]) -> list[str]:
    """Paths within the package, to read."""
    return [str(path.relative_to(PACKAGE)) for path in paths]


def test_no_loose_modules() -> None:
    """Every module lies in a room, but for the six that every room may use."""
    loose = {path.stem for path in PACKAGE.glob("*.py")}
    assert loose == GROUND | {"__init__", "__main__"}


def test_one_module_a_command() -> None:
    """A command lies in the module that has its name."""
    assert {path.stem for path in (PACKAGE / "cli").glob("*.py")} >= set(COMMANDS)


def test_modules_are_short() -> None:
    """None is longer than can be read at a time."""
    assert not names([path for path in MODULES if len(path.read_text().splitlines()) > MOST_LINES])


def test_modules_say_what_they_own() -> None:
    """The first line of each is a sentence."""
    docs = {path: ast.get_docstring(ast.parse(path.read_text())) or "" for path in MODULES}
    assert not names([path for path, doc in docs.items() if not doc.strip()])


def test_an_underscore_is_a_translation() -> None:
    """``_`` is gettext and nothing else."""
    assert not [f"{path}:{line}" for path in MODULES for line in stored_underscores(path)]


def stored_underscores(path: Path) -> list[int]:
    """Lines that give ``_`` another meaning."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == "_")
        or (isinstance(node, ast.arg) and node.arg == "_")
    ]
