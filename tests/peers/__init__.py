"""The course's C programs, untouched, and one that counts: they join our buffer as peers."""

import os
import re
import select
import shutil
import subprocess
import tty
from pathlib import Path
from typing import Final, Self

from tests.compiling import Compiler
from tests.waiting import poll

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
    """A C program that runs beside the test, its output on a terminal: C then writes by lines."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.process = subprocess.Popen(
            [str(program), *arguments], stdin=subprocess.DEVNULL, stdout=slave
        )
        os.close(slave)
        self._text = ""

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def _read(self, seconds: float) -> bool:
        """Take in what it has printed; False where there is nothing, or it has ended."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            self._text += os.read(self._master, 1 << 16).decode()
        except OSError:  # EIO: it has ended
            return False
        return True

    def line(self) -> str:
        """The next line that it prints."""
        while "\n" not in self._text:
            poll(lambda: self._read(0.1), "it prints a line")
        line, _newline, self._text = self._text.partition("\n")
        return line

    def lines(self) -> list[str]:
        """All whole lines that it has printed and that nobody has asked for yet."""
        while self._read(0):
            pass
        *whole, self._text = self._text.split("\n")
        return whole

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
