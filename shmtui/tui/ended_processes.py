"""The processes of the table that have ended: each stays until the user dismisses it. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from shmtui.snapshot import Finding, Process, Snapshot

KEPT: Final = 200
"""How many ended processes stay that the samples no longer have; the oldest go first."""
_PID: Final = re.compile(r"\bPID (\d+)")
"""How findings name a process."""

ProcessKey = tuple[int, int]
"""PID and start time: these name one process."""


def key_of(process: Process) -> ProcessKey:
    """What tells a process from an earlier or later one of the same PID."""
    return process.pid, process.start_time


def rested_on(findings: Iterable[Finding]) -> frozenset[int]:
    """The PIDs that findings name: these processes stay in the table."""
    texts = (text for each in findings for text in (each.claim, *each.evidence, each.subject))
    return frozenset(int(pid) for text in texts for pid in _PID.findall(text))


class EndedProcesses:
    """Keeps what samples forget: they have an ended process for a minute only."""

    def __init__(self) -> None:
        self._ended: dict[ProcessKey, Process] = {}
        self._dismissed: frozenset[ProcessKey] = frozenset()

    def update(self, snapshot: Snapshot) -> None:
        """Take a sample in. A dismissed process is forgotten once no sample has it."""
        there = {key_of(p): p for p in snapshot.processes}
        self._dismissed &= there.keys()
        for key, process in there.items():
            if process.alive or key in self._dismissed:
                self._ended.pop(key, None)
            else:
                self._ended[key] = process
        for key in list(self._ended)[:-KEPT]:
            del self._ended[key]

    def dismiss(self, processes: Iterable[Process]) -> None:
        gone = frozenset(map(key_of, processes))
        self._dismissed |= gone
        for key in gone:
            self._ended.pop(key, None)

    def listed(self, snapshot: Snapshot) -> tuple[Process, ...]:
        """What the table shows: the sample's processes without the dismissed, unless a finding rests on
        one, and those that it no longer has, unless another process has that PID now.
        """
        if not self._ended and not self._dismissed:
            return snapshot.processes
        needed = rested_on(snapshot.health.findings) if self._dismissed else frozenset()
        shown = [
            p for p in snapshot.processes if key_of(p) not in self._dismissed or p.pid in needed
        ]
        pids = {p.pid for p in snapshot.processes}
        kept = [p for p in self._ended.values() if p.pid not in pids]
        return (*shown, *kept)
