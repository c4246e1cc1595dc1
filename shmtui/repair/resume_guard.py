"""The guard of a repair: stopped processes are continued even where the repair is killed."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import shmtui
from shmtui.procfs.identity import start_time


class ResumeGuard:
    """A process that continues whom it was told of, once whoever told it is gone."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-S", "-m", "shmtui.repair.resume_helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            # In a session of its own: what kills a terminal's or a shell's job misses it.
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": str(Path(shmtui.__file__).parent.parent)},
        )
        assert self._process.stdout is not None
        self._process.stdout.read(1)

    def note(self, pid: int) -> None:
        """Tell it of a process that is about to be stopped."""
        self._say(f"{pid} {start_time(pid) or 0}\n")

    def forget(self) -> None:
        """All that it was told of have been continued."""
        self._say("-\n")

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(text.encode())

    def __enter__(self) -> "ResumeGuard":
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
