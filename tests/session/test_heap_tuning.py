"""Memory that came free goes back to the kernel while a process lives."""

import platform
import subprocess
import sys
from typing import Final

import pytest

_PIECES: Final = 10_000
_PIECE: Final = 3_000
"""Bytes: too many for Python's own allocator, and less than what glibc maps apart."""
_PROGRAM: Final = f"""
import gc
from shmtui.session.heap_tuning import settle_memory
from tests.benchmarks.programs import own_memory
import os
settle_memory()
pieces = [bytes({_PIECE}) for _each in range({_PIECES})]
last = bytes({_PIECE})
del pieces
print(own_memory(os.getpid()))
gc.collect()
print(own_memory(os.getpid()))
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="musl keeps its free memory otherwise"
)
def test_free_pages_below_one_in_use_go_back_after_a_full_collection() -> None:
    """Most of 30 MB, though the last piece at the heap's end is kept."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, text=True, check=True
    )
    before, after = map(int, done.stdout.split())
    assert before - after > _PIECES * _PIECE // 2
