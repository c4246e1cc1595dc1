"""The course's C programs, untouched, and one that counts: they join our buffer as peers."""

import re
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.compiling import Compiler

HERE: Final = Path(__file__).parent


def build(compiler: Compiler, program: str, name: str | None = None, slots: int = 5) -> Path:
    """Compile ``program`` beside a buffer.h with that name and length; as it is without a name."""
    for file in HERE.glob("*.[ch]"):
        shutil.copy(file, compiler.directory)
    if name is not None:
        header = compiler.directory / "buffer.h"
        text = re.sub(r'(SHM_NAME) ".*"', rf'\1 "{name}"', header.read_text())
        header.write_text(re.sub(r"(BUFFER_SIZE) \d+", rf"\1 {slots}", text))
    return compiler.program(compiler.directory / f"{program}.c")


class Peer:
    """A C program that runs beside the test."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            # Line by line, so that the test sees at once what it has done.
            ["stdbuf", "-oL", str(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Its process: stdbuf turns into the program."""
        return self.process.pid

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
