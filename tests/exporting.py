"""A real ``shmtui export`` beside a test, and its metrics as they are scraped."""

import contextlib
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from tests.waiting import PATIENCE, end, poll


class Exporter:
    """``shmtui export ARGUMENTS --listen 0``; it is over after the block."""

    def __init__(self, *arguments: str) -> None:
        self._err = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the block
        self.process = subprocess.Popen(
            [sys.executable, "-m", "shmtui", "export", *arguments, "--interval", "0.2",
             "--listen", "0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._err,
        )  # fmt: skip
        self.port = 0

    def __enter__(self) -> Self:
        try:
            found = poll(self._address, "it says where it listens")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.port = int(found[1])
        return self

    def _address(self) -> re.Match[str] | None:
        assert self.process.poll() is None, self.stderr
        return re.search(r"http://127\.0\.0\.1:(\d+)/metrics", self.stderr)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        end(self.process, PATIENCE)
        self._err.close()

    @property
    def stderr(self) -> str:
        """What it has said so far."""
        self._err.seek(0)
        return self._err.read()

    def get(self, path: str = "/metrics") -> str:
        """What it answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as it:
            text: str = it.read().decode()
            return text

    def value(self, metric: str, segment: str, **labels: str) -> float | None:
        """The value of one series; None where it is absent."""
        return value(self.get(), metric, segment, **labels)


def value(text: str, metric: str, segment: str, **labels: str) -> float | None:
    """The value of the first series that has these labels among its own; None where none has."""
    wanted = [f'{name}="{its}"' for name, its in {"segment": segment, **labels}.items()]
    for line in text.splitlines():
        name, _brace, rest = line.partition("{")
        if name == metric and all(each in rest for each in wanted):
            return float(rest.rpartition(" ")[2])
    return None


@contextlib.contextmanager
def program(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is over after the block."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            end(process, 10)
