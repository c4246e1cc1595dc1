"""C programs, compiled for a test. The layouts and protocols proved here are C's."""

import atexit
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import pytest

from tests.waiting import PATIENCE

KEPT: Final = "SHMTUI_TEST_COMPILED"
"""In the environment: the folder that all processes of a test run keep compiled programs in."""


def require(tool: str) -> str:
    """The path of ``tool``; skips the test where it is missing."""
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed, and this compares with what it does")
    return path


class Compiler:
    """Compiles C sources into a directory of the test's own."""

    def __init__(self, directory: Path, command: str = "gcc") -> None:
        self.directory = directory
        self.command = require(command)

    def source(self, name: str, text: str) -> Path:
        """Write a program from text, and compile it."""
        path = self.directory / f"{name}.c"
        path.write_text(text)
        return self.program(path)

    def program(self, path: Path, *flags: str) -> Path:
        """Compile the program at ``path``, once in a test run for the same sources and flags.

        Debug information holds the path of the source, too, and ``-g`` alone writes it nowhere else.
        """
        binary = self.directory / path.stem
        sources = (path.read_bytes(), *(h.read_bytes() for h in sorted(path.parent.glob("*.h"))))
        debugging = {flag for flag in flags if flag.startswith("-g")}
        known = repr((self.command, flags, sources, str(path) if debugging else ""))
        kept = _kept() / hashlib.sha256(known.encode()).hexdigest()
        if kept.exists():
            binary.write_bytes(kept.read_bytes())
            binary.chmod(0o755)
            return binary
        done = subprocess.run(
            [self.command, "-O1", "-w", *flags, "-o", str(binary), str(path), "-lrt", "-pthread"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        if debugging <= {"-g"}:
            with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as new:
                new.write(binary.read_bytes())
            Path(new.name).replace(kept)
        return binary


@functools.cache
def _kept() -> Path:
    """Where a test run keeps what it has compiled; without one, where this process does."""
    shared = os.environ.get(KEPT)
    if shared is None:
        shared = tempfile.mkdtemp(prefix="shmtui-compiled-")
        atexit.register(shutil.rmtree, shared)
    folder = Path(shared)
    folder.mkdir(exist_ok=True)
    return folder


def output(program: Path, *arguments: str) -> str:
    """What a compiled program prints."""
    done = subprocess.run(
        [str(program), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=PATIENCE, check=True,
    )  # fmt: skip
    return done.stdout
