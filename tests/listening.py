"""A real program beside a test that says on stderr where it listens."""

import re
import signal
import subprocess
import sys
import tempfile
from typing import Self

from tests.waiting import PATIENCE, end, poll, written


class Listening:
    """``shmtui ARGUMENTS`` until the end of the block, once it has said what ``says`` matches."""

    def __init__(self, *arguments: str, says: str) -> None:
        self._says = says
        self._err = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the block
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "shmtui", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._err,
        )

    def __enter__(self) -> Self:
        try:
            self.begun(poll(self._said, "it says where it listens"))
        except BaseException as error:
            # Where each of its threads stands is on its stderr then.
            self.process.send_signal(signal.SIGABRT)
            end(self.process, PATIENCE)
            error.add_note(self.stderr)
            self._err.close()
            raise
        return self

    def begun(self, said: re.Match[str]) -> None:
        """Take up what it has said."""

    def _said(self) -> re.Match[str] | None:
        assert self.process.poll() is None, self.stderr
        return re.search(self._says, self.stderr)

    def __exit__(self, *_error: object) -> None:
        end(self.process, PATIENCE)
        self._err.close()

    @property
    def stderr(self) -> str:
        """What it has said so far."""
        return written(self._err)
