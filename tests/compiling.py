"""C programs, compiled for a test. The layouts and protocols proved here are C's."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.waiting import PATIENCE


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
        """Compile the program at ``path``, once for the same sources and flags.

        With debug information always: there the path of the source is part of the program.
        """
        binary = self.directory / path.stem
        sources = (path.read_bytes(), *(h.read_bytes() for h in sorted(path.parent.glob("*.h"))))
        key = (self.command, flags, sources)
        debugged = any(flag.startswith("-g") for flag in flags)
        if key in _COMPILED:
            binary.write_bytes(_COMPILED[key])
            binary.chmod(0o755)
            return binary
        done = subprocess.run(
            [self.command, "-O1", "-w", *flags, "-o", str(binary), str(path), "-lrt", "-pthread"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        if not debugged:
            _COMPILED[key] = binary.read_bytes()
        return binary


_COMPILED: Final[dict[tuple[str, tuple[str, ...], tuple[bytes, ...]], bytes]] = {}
"""What this process has compiled, by compiler, flags, and the bytes of the source and of the headers
beside it.
"""


def output(program: Path, *arguments: str) -> str:
    """What a compiled program prints."""
    done = subprocess.run(
        [str(program), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=PATIENCE, check=True,
    )  # fmt: skip
    return done.stdout
