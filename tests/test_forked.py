"""A forked command does what one that is started in full does."""

import os
import subprocess

import pytest

from tests.conftest import MakeBuffer
from tests.forked import SERVER
from tests.program import run_shmtui


@pytest.mark.parametrize(
    "arguments",
    [("--version",), ("bogus",), ("stat", "no-zyxwv"), ("ls", "--help"), ("check",)],
    ids=" ".join,
)
def test_the_same_by_a_fork(arguments: tuple[str, ...]) -> None:
    """Exit code, output and errors."""
    forked, full = run_shmtui(*arguments), run_shmtui(*arguments, code="pass")
    assert forked.args[0] == "shmtui"
    assert (forked.returncode, forked.stdout) == (full.returncode, full.stdout)
    assert forked.stderr == full.stderr


def test_what_is_read_at_the_start() -> None:
    """Another language of ours is none of it; a library to preload is."""
    assert SERVER.serves(os.environ | {"SHMTUI_LANG": "pt"})
    assert not SERVER.serves(os.environ | {"LD_PRELOAD": "/nonexistent.so"})


def test_one_that_takes_too_long_is_killed(make_buffer: MakeBuffer) -> None:
    """As one that subprocess.run started."""
    with pytest.raises(subprocess.TimeoutExpired):
        run_shmtui("check", make_buffer().name, "--for", "600", timeout=0.2)
