"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import shmtui

MODULES = [
    info.name
    for info in pkgutil.walk_packages(shmtui.__path__, "shmtui.")
    if not info.name.endswith("__main__")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    """Each example gives what it says."""
    failed, _ = doctest.testmod(importlib.import_module(module))
    assert not failed


def test_there_are_examples() -> None:
    """The search above finds modules and examples at all."""
    finder = doctest.DocTestFinder()
    found = finder.find(importlib.import_module("shmtui.shm.protocol"))
    assert sum(len(test.examples) for test in found) >= 5
