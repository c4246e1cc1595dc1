"""Deaths of C programs at every step: ``python -m tests.repair.c_deaths --help``.

As :mod:`tests.repair.deaths`, with programs of the course's layout in place of the workers, or
beside them. Nobody says where a stranger stands, so what is found is told from the kernel alone.
"""

import argparse
import contextlib
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.identity import own_identity
from shmtui.procfs.stop_effects import catches
from shmtui.repair.consent import Consent
from shmtui.repair.executor import Repairer
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, Step
from shmtui.shm.segment import unlink_segment
from shmtui.snapshot import Certainty, Snapshot
from shmtui.workers.supervisor import Supervisor
from tests.compiling import Compiler
from tests.peers import HERE
from tests.repair.deaths import EXPECTED, QUIET_SECONDS, RATE, ROLES, Outcome, moves, repair, table
from tests.waiting import PATIENCE, poll

PACE_US: Final = 20_000
NAMES: Final = {Role.PRODUCER: "produtor", Role.CONSUMER: "consumidor"}
TALLY: Final = struct.Struct("=qq")


def compile_mortal(directory: Path, slots: int) -> dict[Role, Path]:
    """The program under the two names that tell its side."""
    compiler = Compiler(directory)
    found = {}
    for role, name in NAMES.items():
        source = directory / f"{name}.c"
        source.write_text((HERE / "mortal.c").read_text())
        found[role] = compiler.program(source, f"-DN={slots}")
    return found


class CCrew:
    """C programs over a buffer, ``workers`` of ours of each role beside them; one dies at a time."""

    def __init__(self, name: str, slots: int, each: int, workers: int = 0) -> None:
        self._closing = contextlib.ExitStack()
        folder = Path(self._closing.enter_context(tempfile.TemporaryDirectory()))
        self._programs = compile_mortal(folder, slots)
        self.name, self.slots = name, slots
        layout = seed_layout(slots, ITEM_TYPES["int32"], running_libc())
        self.buffer = OwnedBuffer.create(name, layout, own_identity(), 0o600)
        self._closing.callback(unlink_segment, name)
        self._closing.callback(self.buffer.remove)
        self.supervisor = Supervisor(self.buffer, dict.fromkeys(ROLES, RATE))
        self._closing.callback(self.supervisor.close)
        if not workers:
            unlink_segment(name + ".shmtui")
        self._tally_path = folder / "tally"
        self._tally_path.write_bytes(bytes(4096))
        file = self._closing.enter_context(self._tally_path.open("r+b"))
        self._tally = mmap.mmap(file.fileno(), 4096)
        self._options = LayoutOptions(slots=slots) if not workers else LayoutOptions()
        self.sampler = Sampler(name, self._options)
        self._closing.callback(self.sampler.close)
        self._free = list(range(250))
        self._started: list[subprocess.Popen[bytes]] = []
        self.dead: dict[Role, list[tuple[subprocess.Popen[bytes], int]]] = {r: [] for r in ROLES}
        self._closing.callback(self._end)
        self.peers: dict[Role, list[tuple[subprocess.Popen[bytes], int]]] = {
            role: [self.start(role) for _ in range(each)] for role in ROLES
        }
        for role in ROLES:
            for _number in range(workers):
                self.supervisor.start(role)
        poll(self.supervisor.ready, "the workers have joined")

    def __enter__(self) -> "CCrew":
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    def _end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()

    def start(self, role: Role, step: int = 0) -> tuple[subprocess.Popen[bytes], int]:
        """One more, that dies before ``step`` once it is told to."""
        at = self._free.pop(0)
        process = subprocess.Popen(
            [
                str(self._programs[role]), self.name, role, str(int(step)),
                str(self._tally_path), str(at), str(PACE_US),
            ]
        )  # fmt: skip
        self._started.append(process)
        # One that comes before its handler would end it.
        poll(lambda: catches(process.pid, signal.SIGUSR2), "it hears signals")
        return process, at

    def moved(self) -> tuple[int, int, int, int]:
        """Produced and consumed, in count and in sum, by all."""
        totals = self.sampler.sample().totals
        counts = [0, 0, 0, 0]
        if totals is not None:
            counts = [totals.produced, totals.consumed, totals.produced_sum, totals.consumed_sum]
        for side, role in enumerate(ROLES):
            for _process, at in self._all[role]:
                count, total = TALLY.unpack_from(self._tally, at * TALLY.size)
                counts[side] += count
                counts[2 + side] += total
        return counts[0], counts[1], counts[2], counts[3]

    @property
    def _all(self) -> dict[Role, list[tuple[subprocess.Popen[bytes], int]]]:
        return {role: [*self.peers[role], *self.dead[role]] for role in ROLES}

    def rest(self, *roles: Role) -> tuple[int, ...]:
        """Have those come to rest between two items."""
        self._signal(signal.SIGUSR1, *roles)
        return self.supervisor.orders.hold_running()

    def go_on(self, held: tuple[int, ...]) -> None:
        """Let all go on."""
        self._signal(signal.SIGUSR2, *ROLES)
        self.supervisor.orders.release_held(held)

    def _signal(self, number: int, *roles: Role) -> None:
        for role in roles:
            for process, _at in self.peers[role]:
                process.send_signal(number)

    def look(self, seconds: float, enough: str | None) -> Snapshot:
        """Look on for so long, or until a finding is there."""
        end = time.monotonic() + seconds
        while True:
            snapshot = self.sampler.sample()
            if enough in {f.code for f in snapshot.health.findings} or time.monotonic() > end:
                return snapshot
            time.sleep(0.05)

    def balanced(self) -> bool:
        """All come to rest; what went in is what came out or is there."""
        held = self.rest(*ROLES)
        marks: list[object] = []

        def still() -> bool:
            snapshot = self.sampler.sample()
            mark = (snapshot.in_, snapshot.out, self.moved())
            marks.append(mark)
            return len(marks) > 12 and marks[-12:] == [mark] * 12

        def calm() -> bool:
            # Once more: one that had not run since the last "go on" takes both, that one last.
            self._signal(signal.SIGUSR1, *ROLES)
            time.sleep(0.05)
            return still()

        poll(calm, "all rest")
        produced, consumed, put, got = self.moved()
        snapshot = self.sampler.sample()
        assert snapshot.in_ is not None
        assert snapshot.out is not None
        between = (snapshot.in_ - snapshot.out) % self.slots
        resident = produced - consumed
        fits = resident % self.slots == between and 0 <= resident <= self.slots
        sums = (put - got - self.sampler.resident_sum(resident)) % 2**64 == 0 if fits else False
        self.go_on(held)
        return fits and sums

    def death(self, role: Role, step: Step) -> Outcome:
        """One death with all that follows."""
        expected = EXPECTED[step]
        self._signal(signal.SIGUSR2, *ROLES)  # One that took "rest" after "go on" rests else.
        victim, at = self.start(role, step)

        def seen() -> bool:
            self.sampler.sample()
            looks = [s for s in self.sampler._history if victim.pid in {p.pid for p in s.processes}]
            return len(looks) >= 2

        poll(seen, "the victim is seen")
        victim.send_signal(signal.SIGHUP)
        poll(lambda: victim.poll() is not None, f"it dies at {step.name}")
        self.dead[role].append((victim, at))
        held: tuple[int, ...] = ()
        if expected == "lost-permit":
            # A permit is missed once all is settled: nobody takes items any more.
            held = self.rest(Role.CONSUMER)
        snapshot = self.look(QUIET_SECONDS if expected is None else PATIENCE, expected)
        named, certain, note = expected is None, expected is None, ""
        for finding in snapshot.health.findings:
            if finding.code == expected:
                named = f"(PID {victim.pid})" in " ".join((finding.claim, *finding.evidence))
                certain = finding.certainty is Certainty.CERTAIN
                note = "" if named else "; ".join((finding.claim, *finding.evidence))
        codes = tuple(f.code for f in snapshot.health.findings)
        sides = tuple((p.pid, side) for side in ROLES for p, _at in self.peers[side])
        repairer = Repairer(self.name, self._options, consent=Consent(True, roles=sides, lock=True))
        repaired, healthy, said = repair(repairer, expected, self.sampler.sample)
        self.go_on(held)
        moved = moves(self.moved)
        balanced = self.balanced()
        self.sampler._history.clear()
        return Outcome(
            role, step, "C", codes, named, certain, repaired, moved, healthy, balanced, note + said
        )


def c_deaths(
    name: str, slots: int, each: int, times: int, seed: int, workers: int
) -> Iterator[Outcome]:
    """Each role at each step so many times, in an order that ``seed`` makes."""
    wanted = [(role, step) for role in ROLES for step in PROTOCOL_STEPS for _n in range(times)]
    random.Random(seed).shuffle(wanted)
    with CCrew(name, slots, each, workers) as crew:
        for role, step in wanted:
            yield crew.death(role, step)


def main() -> int:
    """Run one combination; the table and whatever was not as it has to be go to stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=5)
    parser.add_argument("--each", type=int, default=1, help="producers, and as many consumers")
    parser.add_argument("--workers", type=int, default=0, help="of ours beside them, of each role")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    outcomes: list[Outcome] = []
    name = f"/shmtui-deaths-{os.getpid()}"
    for outcome in c_deaths(name, given.slots, given.each, given.times, given.seed, given.workers):
        outcomes.append(outcome)
        print("." if outcome.good else outcome)  # noqa: T201 - its report
        sys.stdout.flush()
    print("\n".join(table(outcomes)))  # noqa: T201 - its report
    return 0 if all(o.good for o in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
