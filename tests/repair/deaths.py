"""Deaths by SIGKILL at every step of the protocol: ``python -m tests.repair.deaths --help``.

One crew works on; each time one of it dies, is found, the buffer is repaired, another takes its
place, and all items are accounted for. A table counts the outcomes.
"""

import argparse
import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shmtui.diagnosis.history import living, position
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.identity import own_identity
from shmtui.repair.executor import Repairer
from shmtui.repair.plan import Plan, Refusal
from shmtui.session.live_source import LiveSource
from shmtui.shm.faults import DIE_AT, Fault
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, Step, step_name
from shmtui.shm.ring import semaphore_names
from shmtui.shm.segment import unlink_segment
from shmtui.snapshot import Certainty, Finding, Process, ProcessState, Snapshot
from shmtui.workers.supervisor import Supervisor
from tests.clock import ManualClock, at_rest, sample_until
from tests.waiting import PATIENCE, poll

ROLES: Final = (Role.PRODUCER, Role.CONSUMER)
WAYS: Final = ("fault", "kill")
"""It dies by its fault; or it is stepped there and killed from outside."""
RATE: Final = 50.0
QUIET_SECONDS: Final = 1.3
"""How long nothing is to be found after a death that takes nothing along."""
PAUSE_SECONDS: Final = 0.03
"""Between two samples: several deaths are watched at a time."""
AGAIN: Final = 4
"""How often a repair is tried whose buffer moves while it is made."""
OUTSIDE: Final = {Step.WAIT_PERMIT: None, Step.PACE: None}
EXPECTED: Final = OUTSIDE | {
    Step.WAIT_MUTEX: "lost-permit",
    Step.TRANSFER: "dead-holder",
    Step.POST_MUTEX: "dead-holder",
    Step.POST_PERMIT: "lost-permit",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one death."""

    role: Role
    step: Step
    way: str
    codes: tuple[str, ...]
    """What was found."""
    named: bool
    """The finding says who died, and where."""
    certain: bool
    repaired: bool
    """A plan was made and carried out; or nothing was wrong, and that was said."""
    moved: bool
    healthy: bool
    """Nothing is found afterwards."""
    balanced: bool
    """No item was lost or taken twice."""
    note: str = ""

    @property
    def good(self) -> bool:
        """All is as it has to be."""
        expected = EXPECTED[self.step]
        found = self.codes == (() if expected is None else (expected,))
        return (
            found and self.named and self.repaired and self.moved and self.healthy and self.balanced
        )


class Crew:
    """Workers over a buffer, of which one dies at a time."""

    def __init__(
        self, name: str, slots: int, each: int, *, named: bool = False, rate: float = RATE
    ) -> None:
        names = semaphore_names(name) if named else ()
        layout = seed_layout(slots, ITEM_TYPES["int32"], running_libc(), names)
        self._closing = contextlib.ExitStack()
        self.buffer = OwnedBuffer.create(name, layout, own_identity(), 0o600)
        self._closing.callback(unlink_segment, name)
        self._closing.callback(self.buffer.remove)
        self.supervisor = Supervisor(self.buffer, dict.fromkeys(ROLES, rate))
        self._closing.callback(self.supervisor.close)
        self.clock = ManualClock()
        self.sampler = Sampler(name, clock=self.clock)
        self.source = LiveSource(self.sampler, self.supervisor)
        self._closing.callback(self.source.close)
        self.pids = {role: [self.supervisor.start(role) for _ in range(each)] for role in ROLES}
        poll(self.supervisor.ready, "all have joined")

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    def process(self, pid: int) -> Process | None:
        """A worker, as it is seen now."""
        return next((p for p in self.source.sample().processes if p.pid == pid), None)

    def die(self, role: Role, step: Step, way: str) -> str:
        """Have one of a role die before ``step``; returns its name. Another takes its place."""
        pid = self.pids[role].pop(0)
        name = next(p.name for p in self.source.sample().processes if p.pid == pid)
        if way == "fault":
            self.supervisor.orders.set_fault(pid, Fault(DIE_AT + step))
        else:
            self._step_to(pid, step_name(role, step))
            os.kill(pid, signal.SIGKILL)

        def gone() -> bool:
            self.supervisor.reap(0.05)
            return pid not in self.supervisor.pids

        poll(gone, f"{name} dies at {step.name}")
        return name

    def replace(self, role: Role) -> None:
        """A new one of that role; the records of the dead are put away."""
        self.pids[role].append(self.supervisor.start(role))
        poll(self.supervisor.ready, "it has joined")

    def _step_to(self, pid: int, step: str) -> None:
        """Press until it stands before ``step``; not again before it has moved."""
        pressed: list[str | None] = []

        def stands() -> bool:
            p = self.process(pid)
            assert p is not None
            if p.state is not ProcessState.STEPPING:
                if not pressed:
                    self.supervisor.orders.step(pid)
                    pressed.append(None)
                return False
            if p.step == step and p.step != pressed[-1]:
                return True
            if p.step != pressed[-1]:
                self.supervisor.orders.step(pid)
                pressed.append(p.step)
            return False

        poll(stands, f"it stands before {step}")

    def look(self, seconds: float, enough: str | None) -> Snapshot:
        """Sample for so long, or until a finding is there; at rest time is turned on."""
        end, before = self.clock.monotonic() + seconds, None
        while True:
            snapshot = self.source.sample()
            codes = {f.code for f in snapshot.health.findings}
            if enough in codes or self.clock.monotonic() > end:
                return snapshot
            if before is not None and at_rest(before, snapshot):
                self.clock.advance(0.2)
            before = snapshot
            time.sleep(PAUSE_SECONDS)

    def audit(self) -> bool | None:
        """Bring all to rest, and compare."""
        self.sampler.audit = None
        self.source.auditor.begin()
        audit = sample_until(
            self.clock, self.source.sample, lambda s: s.audit is not None, "the audit"
        ).audit
        assert audit is not None
        self.sampler.audit = None
        return audit.balanced

    def death(self, role: Role, step: Step, way: str) -> Outcome:
        """One death with all that follows."""
        expected = EXPECTED[step]
        who = self.die(role, step, way)
        alone = not self.pids[role]
        snapshot = self.look(QUIET_SECONDS if expected is None else PATIENCE, expected)
        findings = snapshot.health.findings
        named, certain, note = expected is None, expected is None, ""
        for finding in findings:
            if finding.code == expected:
                named = names_death(finding, who, step_name(role, step))
                if not named:
                    note = "; ".join((finding.claim, *finding.evidence))
                certain = finding.certainty is Certainty.CERTAIN
        repairer = Repairer(self.buffer.name)
        repaired, healthy, said = repair(repairer, expected, self.source.sample, alone=alone)
        self.replace(role)
        moved = moves(self.moved)
        balanced = self.audit()
        self.retire()
        # The next death is another case: what led to this one's finding is forgotten.
        self.sampler._history.clear()
        codes = tuple(f.code for f in findings if not (alone and f.code == "nobody-left"))
        return Outcome(
            role,
            step,
            way,
            codes,
            named,
            certain,
            repaired,
            moved,
            healthy,
            balanced is True,
            note + said,
        )

    def moved(self) -> tuple[int, int]:
        """Produced and consumed by all."""
        totals = self.source.sample().totals
        assert totals is not None
        return totals.produced, totals.consumed

    def retire(self) -> None:
        """Put the records of the dead away, as an event loop does after a while."""
        control = self.buffer.control
        for p in self.source.sample().processes:
            if p.state is ProcessState.ENDED:
                for index in range(control.words[4]):
                    record = control.record(index)
                    if record.words[0] == p.pid:
                        control.retire(record)


def repair(
    repairer: Repairer,
    expected: str | None,
    look: Callable[[], Snapshot],
    *,
    alone: bool = False,
) -> tuple[bool, bool, str]:
    """Repair what a death left. Whether it came as it has to, whether nothing is found any more,
    and what has to be said of it; where nothing was expected no plan is right. ``alone``: the dead
    was the last of its role, and that nobody is left to post is found as long as it has no successor.
    What is refused because the buffer moved meanwhile changed nothing, and is tried again.
    """
    for _again in range(AGAIN):
        plan = repairer.propose()
        done = repairer.carry_out(plan) if isinstance(plan, Plan) else plan
        if not (isinstance(done, Refusal) and done.transient):
            break
    if done is None:
        seen = look()
        stand = [(p.name, p.state, p.step, p.letter) for p in living(seen)]
        said = "" if expected is None else f"no plan: {position(seen)} {stand}"
        return expected is None, not seen.health.findings, said
    if isinstance(done, Refusal):
        awaited = alone and expected is None and "nobody-left" in done.why
        return awaited, awaited, f"refused: {done.why}"
    remaining = [f for f in done.outcome.remaining if not (alone and f.code == "nobody-left")]
    left = "; ".join(f"{f.code}: {f.claim}" for f in remaining)
    return expected is not None, not left, left


def moves(moved: Callable[[], Sequence[int]]) -> bool:
    """Whether items go in and come out, by the counts of both."""
    before = moved()
    with contextlib.suppress(AssertionError):
        return poll(
            lambda: all(now > then + 3 for now, then in zip(moved()[:2], before[:2], strict=True)),
            "items move",
        )
    return False


def names_death(finding: Finding, who: str, step: str) -> bool:
    """Whether a finding says who died and in which step."""
    said = " ".join((finding.claim, *finding.evidence))
    return f"{who} (PID" in said and step in said


def deaths(name: str, slots: int, each: int, times: int, seed: int) -> Iterator[Outcome]:
    """Each role at each step so many times, in an order that ``seed`` makes; half each way."""
    wanted = [
        (role, step, WAYS[n % 2]) for role in ROLES for step in PROTOCOL_STEPS for n in range(times)
    ]
    random.Random(seed).shuffle(wanted)
    while wanted:
        with Crew(name, slots, each) as crew:
            while wanted:
                role, step, way = wanted.pop()
                try:
                    yield crew.death(role, step, way)
                except AssertionError as error:
                    # Not in time, or worse: told, and gone on with another crew.
                    none = (False,) * 6
                    yield Outcome(role, step, way, (), *none, str(error))
                    break


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The counts, as Markdown."""
    yield "| role | died before | deaths | found | certain | named | repaired | moves | healthy | balanced |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for role in ROLES:
        for step in PROTOCOL_STEPS:
            rows = [o for o in outcomes if (o.role, o.step) == (role, step)]
            found = Counter(" + ".join(o.codes) or "nothing" for o in rows)
            text = ", ".join(f"{code} {count}" for code, count in found.most_common())
            sums = [
                sum(getattr(o, field) for o in rows)
                for field in ("certain", "named", "repaired", "moved", "healthy", "balanced")
            ]
            cells = (role, step_name(role, step), len(rows), text, *sums)
            yield "| " + " | ".join(map(str, cells)) + " |"


def main() -> int:
    """Run one combination; the table and whatever was not as it has to be go to stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=5)
    parser.add_argument("--each", type=int, default=1, help="producers, and as many consumers")
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    outcomes: list[Outcome] = []
    name = f"/shmtui-deaths-{os.getpid()}"
    for outcome in deaths(name, given.slots, given.each, given.times, given.seed):
        outcomes.append(outcome)
        print("." if outcome.good else outcome)  # noqa: T201 - its report
        sys.stdout.flush()
    print("\n".join(table(outcomes)))  # noqa: T201 - its report
    return 0 if all(o.good for o in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
