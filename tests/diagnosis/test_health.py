"""Findings: each fault is named on real processes, and a healthy buffer has none."""

import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.diagnosis.health import diagnose
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.shm.control_format import RecordState
from shmtui.shm.protocol import Role, SemaphoreRole, Step
from shmtui.shm.ring import Ring
from shmtui.shm.segment import identity_at, map_segment, segment_path, unlink_segment
from shmtui.shm.segment_info import LayoutInfo, LayoutSource, Offsets, SemaphoreState
from shmtui.snapshot import (
    EMPTY,
    Certainty,
    Finding,
    Health,
    Origin,
    Process,
    ProcessState,
    Snapshot,
    Status,
)
from tests.clock import ManualClock, sample_until
from tests.compiling import Compiler
from tests.conftest import MakeBuffer, join
from tests.peers import Peer, build
from tests.program import HeadlessRun, run_shmtui, worker_records
from tests.waiting import poll

MUTEX, EMPTY_, FULL = SemaphoreRole.MUTEX, SemaphoreRole.EMPTY, SemaphoreRole.FULL
SECOND = 1_000_000_000


def codes(health: Health) -> set[str]:
    """The findings by their codes."""
    return {finding.code for finding in health.findings}


class Watch:
    """A sampler by a clock that is turned."""

    def __init__(self, name: str, options: LayoutOptions | None = None) -> None:
        self.clock = ManualClock()
        self.sampler = Sampler(name, options, clock=self.clock)

    def found(self, code: str) -> Health:
        """The health once it has that finding."""
        return sample_until(
            self.clock, self.sampler.sample, lambda s: code in codes(s.health), f"{code} is found"
        ).health


@pytest.fixture
def watch() -> Iterator[Callable[..., Watch]]:
    """Opens samplers; they are closed afterwards."""
    made: list[Watch] = []

    def make(name: str, options: LayoutOptions | None = None) -> Watch:
        made.append(Watch(name, options))
        return made[-1]

    yield make
    for each in made:
        each.sampler.close()


# -- real processes -----------------------------------------------------------------------------


def test_the_courses_programs(gcc: Compiler, name: str, watch: Callable[..., Watch]) -> None:
    """The unmodified producer hangs: sem_init was not called, and no process could wake it."""
    with Peer(build(gcc, "produtor", name)) as peer:
        poll(lambda: identity_at(segment_path(name)), "it has made its segment")
        watched = watch(name, LayoutOptions(slots=5))
        health = watched.found("never-initialised")  # It takes a sample more than the other.
        assert {"never-initialised", "process-private"} <= codes(health)
        assert health.status is Status.CRITICAL
        (seen,) = watched.sampler.sample().processes
        assert (seen.pid, seen.blocked_on, seen.wakeable) == (peer.pid, EMPTY_, False)
        done = run_shmtui("check", name, "--slots", "5", "--for", "1")
        assert done.returncode == 1
        assert "never-initialised" in done.stdout
    unlink_segment(name)


def test_a_holder_that_died(name: str, watch: Callable[..., Watch]) -> None:
    """Killed while it holds mutex: the finding names it, and how it died."""
    arguments = ("--producers", "2", "--produce-rate", "max", "--consume-rate", "max")
    with HeadlessRun(name, *arguments, workers=3):
        kill_at(name, Step.TRANSFER)
        health = watch(name).found("dead-holder")
        (finding,) = [f for f in health.findings if f.code == "dead-holder"]
        assert finding.certainty is Certainty.CERTAIN
        assert "which died" in finding.claim


def kill_at(name: str, step: Step) -> None:
    """Stop workers here and there until one stands at ``step``; kill that one."""

    def caught() -> bool:
        for record in worker_records(name):
            if record.state is not RecordState.LIVE:
                continue
            os.kill(record.pid, signal.SIGSTOP)
            now = next(r for r in worker_records(name) if r.pid == record.pid)
            if now.step is step and not now.blocked:
                os.kill(record.pid, signal.SIGKILL)
                return True
            os.kill(record.pid, signal.SIGCONT)
        return False

    poll(caught, f"a worker stands at {step.name}")


TAKE_A_PERMIT = """
import sys
from shmtui.shm.control_file import read_header
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.ring import Ring
from shmtui.shm.segment import map_segment
name = sys.argv[1]
ring = Ring.open(name, map_segment(name), read_header(name).layout)
ring.semaphores[SemaphoreRole(sys.argv[2])].try_wait() or sys.exit(1)
import os; os._exit(0)
"""


def test_a_permit_that_was_never_posted(
    make_buffer: MakeBuffer, watch: Callable[..., Watch]
) -> None:
    """A permit taken by a process that is gone is missed once everything stands still."""
    buffer = make_buffer(5)
    subprocess.run([sys.executable, "-c", TAKE_A_PERMIT, buffer.name, "empty"], check=True)
    health = watch(buffer.name).found("lost-permit")
    assert "1 permit lost" in health.findings[0].claim


def test_a_lock_with_two_permits(make_buffer: MakeBuffer, watch: Callable[..., Watch]) -> None:
    """A mutex above 1 lets two in at once."""
    buffer = make_buffer(5)
    join(buffer).semaphores[MUTEX].post()
    health = watch(buffer.name).found("mutex-overflow")
    assert health.status is Status.CRITICAL


def test_an_index_outside(make_buffer: MakeBuffer, watch: Callable[..., Watch]) -> None:
    """An index beyond the ring is found, and named."""
    buffer = make_buffer(5)
    mapping = map_segment(buffer.name)
    Ring.open(buffer.name, mapping, buffer.layout)
    memoryview(mapping)[20:24] = (7).to_bytes(4, "little")
    health = watch(buffer.name).found("bad-index")
    assert "in is 7" in health.findings[0].claim


def test_truncated_and_unlinked(make_buffer: MakeBuffer, watch: Callable[..., Watch]) -> None:
    """Each change of the file is a finding, and does not kill the reader."""
    buffer = make_buffer(5)
    watched = watch(buffer.name)
    held = os.open(f"/dev/shm{buffer.name}", os.O_RDWR)
    os.truncate(f"/dev/shm{buffer.name}", 40)
    assert "truncated" in codes(watched.found("truncated"))
    unlink_segment(buffer.name)
    assert "unlinked" not in codes(watched.sampler.sample().health), "nobody needs the name"
    mapping = mmap.mmap(held, 0)
    watched.found("unlinked")
    mapping.close()
    os.close(held)


@pytest.mark.parametrize(
    ("samples", "arguments"),
    [
        (60, ("--produce-rate", "1", "--consume-rate", "0.5")),
        # These two take the processors from the samples.
        (20, ("--produce-rate", "max", "--consume-rate", "max", "--slots", "1")),
        (
            60,
            (
                "--producers",
                "3",
                "--consumers",
                "2",
                "--produce-rate",
                "max",
                "--consume-rate",
                "3",
            ),
        ),
        (60, ("--produce-rate", "0.5", "--consume-rate", "max", "--consumers", "3")),
    ],
)
def test_health_is_left_alone(name: str, samples: int, arguments: tuple[str, ...]) -> None:
    """A full or an empty ring with slow peers is no finding, in any sample."""
    workers = sum(
        int(arguments[arguments.index(o) + 1]) if o in arguments else 1
        for o in ("--producers", "--consumers")
    )
    with HeadlessRun(name, *arguments, workers=workers):
        sampler = Sampler(name)
        seen: list[Health] = []

        def enough() -> bool:
            seen.append(sampler.sample().health)
            return seen[-1].status is Status.OK and len(seen) > samples

        poll(enough, f"healthy after {samples} samples")
        sampler.close()
        assert not set().union(*map(codes, seen))


# -- invented histories -------------------------------------------------------------------------


def shown(at: float, mutex: int, empty: int, full: int, *processes: Process) -> Snapshot:
    """A snapshot of a ring of five slots."""
    layout = LayoutInfo(LayoutSource.OPTIONS, 5, "int32", 4, Offsets(0, 20, 24, 32, 64, 96))
    values = {MUTEX: mutex, EMPTY_: empty, FULL: full}
    return replace(
        EMPTY,
        time=at,
        monotonic_ns=int(at * SECOND),
        segment=replace(EMPTY.segment, name="/x", size=128),
        layout=layout,
        in_=2,
        out=2,
        joined_ns=0,
        lent_ns=0,
        forked_ns=0,
        semaphores={r: SemaphoreState(v, 0, True) for r, v in values.items()},
        processes=processes,
    )


def ours(one: Snapshot) -> Snapshot:
    """The same in a buffer that this program made, with workers alone."""
    workers = (replace(p, origin=Origin.WORKER, step=f"wait-{p.blocked_on}") for p in one.processes)
    layout = replace(one.layout, source=LayoutSource.CONTROL)
    return replace(one, layout=layout, processes=tuple(workers), uptime=1.0)


def peer(pid: int, role: Role, on: SemaphoreRole | None) -> Process:
    """A foreign process, blocked or not."""
    state = ProcessState.BLOCKED if on else ProcessState.ASLEEP
    return Process(
        pid, f"p{pid}", role, state, blocked_on=on, waits=(on,) if on else (), wakeable=True
    )


def test_swapped_waits_are_told_from_a_dead_holder() -> None:
    """The permits in hand tell: a dead holder took one with it, a swapped wait none."""
    right = peer(1, Role.PRODUCER, MUTEX)
    waiting = peer(2, Role.CONSUMER, FULL)
    swapped = [shown(t / 4, 0, 4, 0, right, waiting) for t in range(8)]
    assert codes(diagnose(swapped)) == {"wrong-order"}
    dead = [shown(t / 4, 0, 3, 0, right, waiting) for t in range(8)]
    assert codes(diagnose(dead)) == {"dead-holder"}


def test_a_lock_that_is_no_semaphore_and_is_kept() -> None:
    """A process that waits for it while nothing moves is a finding, and only then."""

    def looks(*processes: Process) -> list[Snapshot]:
        bare = {EMPTY_: SemaphoreState(2, 0, True), FULL: SemaphoreState(2, 0, True)}
        seen = [shown(t / 4, 1, 2, 2, *processes) for t in range(14)]
        return [replace(s, semaphores=bare) for s in seen]

    waits = peer(1, Role.PRODUCER, MUTEX)
    assert "stalled" in codes(diagnose(looks(waits, peer(2, Role.CONSUMER, None))))
    assert "stalled" not in codes(diagnose(looks(peer(1, Role.PRODUCER, None))))
    moving = [replace(s, in_=n % 5) for n, s in enumerate(looks(waits))]
    assert "stalled" not in codes(diagnose(moving))


def test_a_process_that_might_hold_it_is_not_called_dead() -> None:
    """While one process may hold mutex, its holder is not declared dead."""
    busy = peer(3, Role.UNKNOWN, None)
    looks = [shown(t / 4, 0, 4, 0, peer(1, Role.PRODUCER, MUTEX), busy) for t in range(8)]
    assert "dead-holder" not in codes(diagnose(looks))


def killed(pid: int) -> Process:
    """A process that a signal ended."""
    gone = peer(pid, Role.CONSUMER, None)
    return replace(
        gone, state=ProcessState.ENDED, ending="killed by SIGKILL", killed=True, died_ns=2
    )


def killed_inside(one: Snapshot, *others: Process) -> Snapshot:
    """Mutex was free when process 7 still lived, which was killed then, and so were others."""
    return replace(one, processes=(*one.processes, killed(7), *others), mutex_free_ns=1)


@pytest.mark.parametrize(
    ("free_ns", "joined_ns", "ended", "certain"),
    [
        (1, 0, (killed(7),), True),
        (1, 0, (killed(7), killed(8)), True),
        (1, 0, (), False),  # Somebody took it and was never seen.
        (1, 0, (replace(killed(7), killed=False),), False),
        (1, 0, (killed(7), replace(killed(8), killed=False)), False),
        (3, 0, (killed(7),), False),  # It was dead when mutex was taken.
        (None, 0, (killed(7),), False),
        (1, 2, (killed(7),), False),  # Another came, or let go of it with mutex in hand.
        (1, None, (killed(7),), False),
    ],
)
def test_a_dead_holder_is_certain_where_only_the_killed_can_have_taken_mutex(
    free_ns: int | None, joined_ns: int | None, ended: tuple[Process, ...], certain: bool
) -> None:
    """Who ends by itself may have left mutex at 0 for another to post later: a closed gate."""
    waits = peer(1, Role.PRODUCER, MUTEX)
    seen = [
        replace(shown(t / 4, 0, 3, 0, waits, *ended), mutex_free_ns=free_ns, joined_ns=joined_ns)
        for t in range(9)
    ]
    (finding,) = diagnose(seen).findings
    assert finding.code == "dead-holder"
    assert (finding.certainty is Certainty.CERTAIN) is certain
    assert any("unless a process took it" in e for e in finding.evidence) is not certain
    assert (finding.severity is Status.CRITICAL) is certain


@pytest.mark.parametrize("forked_ns", [1, 2, None])
def test_a_child_that_was_forked_since_mutex_was_free_may_hold_it(forked_ns: int | None) -> None:
    """It may have let go of the segment before it was looked at: who was killed need not be the holder."""
    waits = peer(1, Role.PRODUCER, MUTEX)
    seen = [
        replace(killed_inside(shown(t / 4, 0, 3, 0, waits)), forked_ns=forked_ns) for t in range(9)
    ]
    (finding,) = diagnose(seen).findings
    assert (finding.code, finding.certainty) == ("dead-holder", Certainty.LIKELY)
    assert any("unless it is held by a child" in e for e in finding.evidence)


@pytest.mark.parametrize("lent_ns", [1, 2, None])
def test_who_was_lent_the_segment_since_mutex_was_free_may_hold_it(lent_ns: int | None) -> None:
    """He opened no file: nobody saw him come."""
    waits = peer(1, Role.PRODUCER, MUTEX)
    seen = [replace(killed_inside(shown(t / 4, 0, 3, 0, waits)), lent_ns=lent_ns) for t in range(9)]
    (finding,) = diagnose(seen).findings
    assert (finding.code, finding.certainty) == ("dead-holder", Certainty.LIKELY)
    assert any("another's open descriptor" in e for e in finding.evidence)


ROOTS = ("root's processes take no part (9 cannot be read)",)
SEEN_TO_DIE: dict[str, tuple[dict[str, object], bool]] = {
    "root": ({"assumptions": ROOTS}, True),
    "nobody": ({}, True),
    "forked": ({"assumptions": ROOTS, "forked_ns": 2}, False),
    "lent": ({"assumptions": ROOTS, "lent_ns": 2}, False),
    "hidden waits": ({"assumptions": ROOTS, "waits_hidden": (1,)}, False),
    "unseen": ({"unseen": True}, False),
    "layout": ({"layout": "likely"}, False),
}


@pytest.mark.parametrize("case", SEEN_TO_DIE)
def test_a_death_that_was_seen(case: str) -> None:
    """What depends on root's processes alone lowers the certainty, and leaves the death seen."""
    facts, seen = SEEN_TO_DIE[case]
    one = killed_inside(shown(0, 0, 3, 0, peer(1, Role.PRODUCER, MUTEX)))
    if facts.pop("layout", ""):
        facts = {
            "layout": replace(
                one.layout, assumptions=("it is a guess",), source=LayoutSource.INFERRED
            )
        }
    samples = [replace(one, monotonic_ns=SECOND * t, **facts) for t in range(1, 5)]
    (finding,) = diagnose(samples).findings
    assert finding.code == "dead-holder"
    assert finding.death_seen is seen
    assert "--yes --lock" in finding.remedy, "a command has not seen it"


UNSEEN = {
    "unseen": {"unseen": True},
    "waits": {"waits_hidden": (2,)},
    "assumed": {"assumptions": ("root's processes take no part (9 cannot be read)",)},
}
"""What an ordinary user cannot see."""


def test_of_a_holder_that_may_be_unseen_no_more_is_said_than_was_seen() -> None:
    """Who cannot be seen may be alive and inside: that nobody holds mutex is not claimed."""
    seen = [shown(t / 4, 0, 3, 0, peer(1, Role.PRODUCER, MUTEX)) for t in range(9)]
    (open_,) = diagnose(seen).findings
    (hidden,) = diagnose([replace(s, unseen=True) for s in seen]).findings
    assert open_.claim == "mutex is 0 and no live process holds it"
    assert hidden.claim == "mutex is 0 and no process that can be seen holds it"
    doubt = "unless a process that cannot be seen holds it"
    assert (doubt in open_.evidence, doubt in hidden.evidence) == (False, True)


def test_where_nobody_can_be_seen_no_holder_is_dead() -> None:
    """All that use it may be hidden, and do well."""
    seen = [shown(t / 4, 0, 3, 0) for t in range(9)]
    assert "dead-holder" in {f.code for f in diagnose(seen).findings}
    hidden = diagnose([replace(s, unseen=True) for s in seen])
    assert "dead-holder" not in {f.code for f in hidden.findings}
    assert hidden.undecided


@pytest.mark.parametrize("lacking", UNSEEN)
@pytest.mark.parametrize(
    ("shape", "code"),
    [
        (((1, 3, 0), SemaphoreRole.FULL), "lost-permit"),
        (((0, 3, 0), SemaphoreRole.MUTEX), "dead-holder"),
        (((1, 5, 0), None), "orphan"),
        (((0, 0, 0), SemaphoreRole.FULL), "never-initialised"),
    ],
)
def test_what_cannot_be_seen_lowers_the_certainty(
    lacking: str, shape: tuple[tuple[int, int, int], SemaphoreRole | None], code: str
) -> None:
    """A finding that rests on what no process does is likely where one cannot be seen, and names
    what it assumes of root's; seen by root it is certain.
    """
    values, on = shape
    processes = () if on is None else (peer(2, Role.CONSUMER, on),)
    seen = [shown(t / 4, *values, *processes) for t in range(9)]
    if code == "never-initialised":
        private = {r: SemaphoreState(0, 0, False) for r in SemaphoreRole}
        stuck = tuple(replace(p, wakeable=False) for p in processes)
        seen = [replace(s, in_=0, out=0, semaphores=private, processes=stuck) for s in seen]
    if code in {"lost-permit", "orphan"}:
        seen = [ours(s) for s in seen]
    if code == "dead-holder":
        seen = [killed_inside(s) for s in seen]

    def finding(snapshots: list[Snapshot]) -> Finding | None:
        return next((f for f in diagnose(snapshots).findings if f.code == code), None)

    certain = finding(seen)
    assert certain is not None
    assert certain.certainty is Certainty.CERTAIN
    less = finding([replace(s, **UNSEEN[lacking]) for s in seen])  # type: ignore[arg-type]
    if code == "orphan" and lacking != "assumed":
        assert less is None
        return
    assert less is not None
    assert less.certainty is Certainty.LIKELY
    assumed = [line for line in less.evidence if line.startswith("assumed: root's processes")]
    assert len(assumed) == (lacking == "assumed")


def test_what_is_seen_itself_stays_certain() -> None:
    """That a lock has two permits does not depend on who is seen."""
    seen = [replace(ours(shown(t / 4, 2, 5, 0)), assumptions=("x",), unseen=True) for t in range(8)]
    found = {f.code: f.certainty for f in diagnose(seen).findings}
    assert found["mutex-overflow"] is Certainty.CERTAIN


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 9), st.integers(0, 9),
            st.sampled_from([None, MUTEX, EMPTY_, FULL]),
        ),
        max_size=30,
    )
)  # fmt: skip
def test_any_history_has_a_diagnosis(
    looks: list[tuple[int, int, int, SemaphoreRole | None]],
) -> None:
    """No history breaks a rule, and its status agrees with its findings."""
    history = [
        shown(n / 4, m, e, f, peer(1, Role.UNKNOWN, on)) for n, (m, e, f, on) in enumerate(looks)
    ]
    health = diagnose(history)
    assert bool(health.findings) == (health.status in {Status.WARNING, Status.CRITICAL})
    for finding in health.findings:
        assert finding.claim
        assert finding.evidence
        assert finding.remedy
