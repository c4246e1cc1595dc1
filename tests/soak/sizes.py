"""What the processes of shmtui that live long hold, sampled."""

import contextlib
import re
import time
from collections import defaultdict
from pathlib import Path

from tests.chaos import resources_of
from tests.soak.evidence import Sample
from tests.soak.journal import LIVES, OVER, read
from tests.traces import all_processes, shm_entries

PER_CHILD = 3
"""Descriptors that a run keeps of each worker."""


def sample(pid: int, around: int) -> Sample | None:
    """What a process holds now; None: it has ended. Descriptors are those beside its children's."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        memory = re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)
        if memory is not None:
            held = resources_of(pid)
            children = len(held.children)
            descriptors = held.descriptors - PER_CHILD * children
            return Sample(
                time.monotonic(), int(memory[1]), descriptors, held.threads, children, around
            )
    return None


class Sizes:
    """The samples of every process that the journal says to live."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self.samples: dict[tuple[str, int], list[Sample]] = defaultdict(list)

    def take(self) -> None:
        """Sample them all."""
        alive: dict[tuple[str, int], None] = {}
        for entry in read(self._journal):
            key = (entry.what, entry.more.get("pid", 0))
            if entry.kind == LIVES:
                alive[key] = None
            elif entry.kind == OVER:
                alive.pop(key, None)
        around = len(all_processes()) + len(shm_entries())
        for what, pid in alive:
            found = sample(pid, around)
            if found is not None:
                self.samples[what, pid].append(found)
