"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import shmtui
from shmtui.tui.glyphs import ASCII, UNICODE
from shmtui.tui.spans import plain

DASHBOARD = {"ASCII": ASCII, "UNICODE": UNICODE, "plain": plain}
"""Names that examples of the dashboard need not import."""
MODULES = [
    info.name
    for info in pkgutil.walk_packages(shmtui.__path__, "shmtui.")
    if not info.name.endswith("__main__")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    """Each example gives what it says."""
    names = DASHBOARD if module.startswith("shmtui.tui.") else {}
    assert not doctest.testmod(importlib.import_module(module), extraglobs=names).failed


def test_there_are_examples() -> None:
    """The search above finds modules and examples at all."""
    finder = doctest.DocTestFinder()
    found = finder.find(importlib.import_module("shmtui.shm.protocol"))
    assert sum(len(test.examples) for test in found) >= 5
