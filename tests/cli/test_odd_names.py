"""Names that no terminal can show: each command takes them as ``ls`` prints them."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from shmtui.shm.segment import NAME_MAX, SHM_DIR
from tests.compiling import require
from tests.program import run_shmtui

ODD = [b" b", b"\x1b[31m", b"\xff", b"'\\\"", b"$(x)`y`", "\u202eé".encode()]


@pytest.mark.parametrize("odd", ODD)
def test_a_row_can_be_pasted(name: str, odd: bytes) -> None:
    """Into a shell, which gives the program the very bytes back."""
    bash = require("bash")
    path = Path(SHM_DIR) / os.fsdecode(name.removeprefix("/").encode() + odd)
    path.write_bytes(bytes(64))
    try:
        (row,) = (row for row in run_shmtui("ls").stdout.splitlines() if name in row)
        shown = row.partition("  posix ")[0].rstrip()
        assert shown.isprintable()
        program = f"{shlex.quote(sys.executable)} -m shmtui rm {shown}"
        done = subprocess.run([bash, "-c", program], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(b"shmtui: removed /")
        assert b"\x1b" not in done.stdout
        assert not path.exists()
    finally:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("more", [(), ("--semaphores", "named")])
def test_none_is_made_whose_bytes_are_no_text(name: str, more: tuple[str, ...]) -> None:
    """One line, and nothing is left."""
    done = run_shmtui("run", name + "\udcff", "--headless", "--duration", "1", *more)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "not UTF-8" in done.stderr
    assert len(name) < NAME_MAX
