"""A real ``shmtui export`` beside a test, and its metrics as they are scraped."""

import contextlib
import re
import subprocess
import urllib.request
from collections.abc import Iterator

from tests.listening import Listening
from tests.waiting import PATIENCE, end


class Exporter(Listening):
    """``shmtui export ARGUMENTS --listen 0``; it is over after the block."""

    def __init__(self, *arguments: str) -> None:
        super().__init__(
            "export", *arguments, "--interval", "0.2", "--listen", "0",
            says=r"http://127\.0\.0\.1:(\d+)/metrics",
        )  # fmt: skip
        self.port = 0

    def begun(self, said: re.Match[str]) -> None:
        self.port = int(said[1])

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
