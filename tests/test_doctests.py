"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import shmtui
from shmtui.tui.glyphs import ASCII, UNICODE
from shmtui.tui.spans import plain

DASHBOARD = {"ASCII": ASCII, "UNICODE": UNICODE, "plain": plain}
"""Names that examples of the dashboard need not import."""


def failed(module: str) -> int:
    """Examples of a module that give something else; what they give is printed."""
    names = DASHBOARD if module.startswith("shmtui.tui.") else {}
    return doctest.testmod(importlib.import_module(module), extraglobs=names).failed


def test_examples() -> None:
    """Each example gives what it says."""
    found = (info.name for info in pkgutil.walk_packages(shmtui.__path__, "shmtui."))
    assert [m for m in found if not m.endswith("__main__") and failed(m)] == []


def test_there_are_examples() -> None:
    """The search above finds modules and examples at all."""
    finder = doctest.DocTestFinder()
    found = finder.find(importlib.import_module("shmtui.shm.protocol"))
    assert sum(len(test.examples) for test in found) >= 5
