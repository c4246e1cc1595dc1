"""Healthy runs in many mixes, sampled all the time: ``python -m tests.diagnosis.healthy --help``.

Workers come, go, pause and change their rates as a seed says; C programs of the course's layout
take part beside them. Every finding there is a false alarm.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shmtui.monitor.sampler import Sampler
from shmtui.procfs.identity import own_identity
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import RATE_LADDER, Role
from shmtui.shm.ring import semaphore_names
from shmtui.shm.segment import unlink_segment
from shmtui.snapshot import Finding
from shmtui.workers.supervisor import Supervisor
from tests.repair.c_deaths import compile_mortal

ROLES: Final = (Role.PRODUCER, Role.CONSUMER)
MIXES: Final = (
    # slots, named semaphores, C programs of each role
    (1, False, 0), (1, True, 0), (2, False, 1), (3, False, 2), (5, False, 1), (5, True, 0),
    (64, False, 3), (64, True, 0), (1024, False, 1), (3, False, 0), (5, False, 0), (2, True, 0),
)  # fmt: skip
MOST: Final = 4
"""Workers of a role."""
LEAST: Final = 20
"""Samples of each mix at the least, however long a busy machine takes for them."""
PACES_US: Final = (0, 300, 20_000, 900_000)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A finding where nothing is wrong."""

    mix: tuple[int, bool, int]
    second: float
    finding: Finding
    seen: str


class Mix:
    """One buffer with those who work on it."""

    def __init__(self, name: str, mix: tuple[int, bool, int], rng: random.Random) -> None:
        slots, named, programs = self.mix = mix
        self._rng = rng
        self._closing = contextlib.ExitStack()
        layout = seed_layout(
            slots, ITEM_TYPES["int32"], running_libc(), semaphore_names(name) if named else ()
        )
        self.buffer = OwnedBuffer.create(name, layout, own_identity(), 0o600)
        self._closing.callback(unlink_segment, name)
        self._closing.callback(self.buffer.remove)
        self._supervisor = Supervisor(self.buffer, {r: rng.choice(RATE_LADDER) for r in ROLES})
        self._closing.callback(self._supervisor.close)
        self.sampler = Sampler(name)
        self._closing.callback(self.sampler.close)
        self._pids: dict[Role, list[int]] = {r: [self._supervisor.start(r)] for r in ROLES}
        self._programs = list(self._start_programs(name, slots, programs))
        self.samples = 0

    def _start_programs(
        self, name: str, slots: int, each: int
    ) -> Iterator[subprocess.Popen[bytes]]:
        folder = Path(self._closing.enter_context(tempfile.TemporaryDirectory()))
        (folder / "tally").write_bytes(bytes(4096))
        compiled = compile_mortal(folder, slots) if each else {}
        for at, role in enumerate(role for role in compiled for _n in range(each)):
            process = subprocess.Popen(
                [
                    str(compiled[role]), name, role, "0", str(folder / "tally"), str(at),
                    str(self._rng.choice(PACES_US)),
                ]
            )  # fmt: skip
            self._closing.callback(process.wait)
            self._closing.callback(process.kill)
            yield process

    def close(self) -> None:
        """End all."""
        self._closing.close()

    def findings(self) -> tuple[Finding, ...]:
        """The findings now."""
        self.samples += 1
        return self.sampler.sample().health.findings

    def seen(self) -> str:
        """What a sample shows, for the report of an alarm."""
        snapshot = self.sampler.sample()
        values = {str(r): (s.value, s.waiters) for r, s in snapshot.semaphores.items()}
        crew = [
            (p.name[:12], str(p.state), p.step, p.waits, p.letter, p.items)
            for p in snapshot.processes
        ]
        return f"in {snapshot.in_} out {snapshot.out} {values} {crew}"

    def act(self) -> None:
        """Do one thing that may be done to a healthy buffer."""
        supervisor, rng = self._supervisor, self._rng
        role = rng.choice(ROLES)
        supervisor.reap(0)
        crew = self._pids[role] = [pid for pid in self._pids[role] if pid in supervisor.pids]
        what = rng.choice(("rate", "rate", "rate", "pause", "resume", "add", "end", "program"))
        if what == "add" and len(crew) < MOST:
            crew.append(supervisor.start(role))
        elif what == "program" and self._programs:
            rng.choice(self._programs).send_signal(rng.choice((signal.SIGUSR1, signal.SIGUSR2)))
        elif crew:
            pid = rng.choice(crew)
            match what:
                case "rate":
                    supervisor.orders.set_rate(pid, rng.choice(RATE_LADDER))
                case "pause":
                    supervisor.orders.pause(pid)
                case "resume":
                    supervisor.orders.resume(pid)
                case "end":
                    supervisor.terminate(pid)
        elif what != "program":
            crew.append(supervisor.start(role))


def healthy(
    name: str, seconds: float, seed: int, mixes: Sequence[tuple[int, bool, int]] = MIXES
) -> tuple[list[Alarm], int]:
    """All false alarms of so many seconds or more, once each, and the number of samples."""
    rng = random.Random(seed)
    with contextlib.ExitStack() as stack:
        crews = []
        for number, mix in enumerate(mixes):
            crews.append(Mix(f"{name}-{number}", mix, rng))
            stack.callback(crews[-1].close)
        began = time.monotonic()
        alarms: dict[tuple[int, str, str], Alarm] = {}
        due = began
        while time.monotonic() < began + seconds or crews[-1].samples <= LEAST:
            if time.monotonic() >= due:
                due += 2.0 / len(crews)
                rng.choice(crews).act()
            for at, crew in enumerate(crews):
                for finding in crew.findings():
                    key = (at, finding.code, finding.claim[:20])
                    if key not in alarms:
                        second = time.monotonic() - began
                        alarms[key] = Alarm(crew.mix, second, finding, crew.seen())
            time.sleep(0.04)
        return list(alarms.values()), sum(crew.samples for crew in crews)


def main() -> int:
    """Run; every finding is printed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    alarms, samples = healthy(f"/shmtui-healthy-{os.getpid()}", given.seconds, given.seed)
    for alarm in alarms:
        print(alarm)  # noqa: T201 - its report
    print(f"{len(alarms)} false alarms in {samples} samples")  # noqa: T201 - its report
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main())
