"""Helper process: ends the process groups of the user's programs when its parent dies.

``python -m shmtui.workers.group_helper`` reads lines from a pipe: ``+PGID`` from a program before it
starts, ``-PGID`` from the parent when its group is gone. The pipe ends when the parent is gone, and
no program is about to start. It imports the standard library alone, so that it starts at once.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import Final

END_SECONDS: Final = 1.8
"""Time between SIGTERM and SIGKILL."""
_POLL_SECONDS: Final = 0.05


def registered_groups(lines: Iterable[str]) -> set[int]:
    """The groups that are registered when the lines end.

    >>> registered_groups(["+7", "+9", "-7"])
    {9}
    """
    groups: set[int] = set()
    for line in lines:
        (groups.add if line.startswith("+") else groups.discard)(int(line[1:]))
    return groups


def end_groups(groups: set[int]) -> None:
    """SIGTERM to every process of the groups, and SIGKILL to those that do not end by it."""
    _signal(groups, signal.SIGTERM)
    _signal(groups, signal.SIGCONT)
    deadline = time.monotonic() + END_SECONDS
    while (groups := _signal(groups, None)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    _signal(groups, signal.SIGKILL)


def _signal(groups: set[int], number: signal.Signals | None) -> set[int]:
    """Send a signal to the groups, or none; returns those that exist."""
    found = set()
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number or 0)
            found.add(group)
    return found


if __name__ == "__main__":
    for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(_number, signal.SIG_IGN)
    end_groups(registered_groups(sys.stdin))
