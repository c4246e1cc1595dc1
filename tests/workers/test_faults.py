"""Each mistake is really made, and leads to what was said beforehand."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.errors import ShmtuiError
from shmtui.monitor.sampler import Sampler
from shmtui.session.live_source import LiveSource
from shmtui.shm.control_format import Field
from shmtui.shm.faults import Fault, expected_outcome, fault_name, fault_of, fault_word, parse_fault
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, SemaphoreRole, Step, step_name
from shmtui.snapshot import Process, ProcessState, Snapshot
from shmtui.workers.supervisor import Supervisor
from tests.clock import ManualClock, sample_until
from tests.conftest import MakeBuffer
from tests.waiting import poll
from tests.workers.crew import Crew, blocked, end_all, items, record_of, values, wait_ready

FAULTS = [fault for fault in Fault if fault and fault is not Fault.SHORT_TIMEOUT]
"""All but the one that needs items to come slowly: the lesson of it is tried in a terminal."""
ROLES = (Role.PRODUCER, Role.CONSUMER)


class Scene:
    """A buffer with workers on it, looked at as the dashboard does."""

    def __init__(self, buffer: OwnedBuffer, supervisor: Supervisor) -> None:
        self.buffer, self.supervisor = buffer, supervisor
        self.clock = ManualClock()
        self.sampler = Sampler(buffer.name, read_only=False, clock=self.clock)
        self.source = LiveSource(self.sampler, supervisor)

    def until(self, holds: Callable[[Snapshot], object], what: str) -> Snapshot:
        """The first sample that ``holds``; at rest time is turned on."""
        return sample_until(self.clock, self.source.sample, holds, what)

    def found(self, code: str, *, audited: bool = False) -> Snapshot:
        """Until the doctor says so; ``audited``: the workers are brought to rest for it."""

        def holds(snapshot: Snapshot) -> bool:
            if audited:
                self.source.auditor.begin()
            return code in {finding.code for finding in snapshot.health.findings}

        return self.until(holds, code)

    def process(self, pid: int) -> Process:
        """A worker, as it is seen now."""
        return next(p for p in self.source.sample().processes if p.pid == pid)

    def told(self) -> str:
        """Every event so far."""
        return "\n".join(event.text for event in self.supervisor.history())


MakeScene = Callable[..., tuple[Scene, dict[Role, list[int]]]]


@pytest.fixture
def scene(make_buffer: MakeBuffer, crew: Crew) -> Iterator[MakeScene]:
    """Makes a scene with so many of each role at a rate."""
    scenes: list[Scene] = []

    def make(
        each: int = 2, rate: float = 200.0, slots: int = 5
    ) -> tuple[Scene, dict[Role, list[int]]]:
        buffer = make_buffer(slots)
        supervisor = crew(buffer, rate, rate)
        pids = {role: [supervisor.start(role) for _ in range(each)] for role in ROLES}
        wait_ready(supervisor)
        scenes.append(Scene(buffer, supervisor))
        return scenes[-1], pids

    yield make
    for each in scenes:
        each.source.close()


@pytest.mark.parametrize(
    ("fault", "role"),
    [(fault, role) for fault in FAULTS for role in ROLES],
    ids=[f"{role}:{fault_name(fault, role)}" for fault in FAULTS for role in ROLES],
)
def test_each_fault_gives_what_was_said(scene: MakeScene, fault: Fault, role: Role) -> None:
    """The finding that was predicted is found, and that is told; where none was, the items flow."""
    at, pids = scene()
    pid = pids[role][0]
    poll(lambda: items(at.buffer, pid) > 3, "items flow")
    expected = expected_outcome(fault, role).finding
    made = pids[role] if fault in {Fault.NO_MUTEX, Fault.SWAPPED_WAITS} else [pid]
    for each in made:
        at.supervisor.orders.set_fault(each, fault)
    assert f"to expect: {expected_outcome(fault, role).effect}" in at.told()
    other = Role.CONSUMER if role is Role.PRODUCER else Role.PRODUCER
    if fault is Fault.SWAPPED_WAITS:
        # Whoever makes it has to find no permit, once.
        for each in pids[other]:
            at.supervisor.orders.pause(each)
    elif fault is Fault.NO_MUTEX:
        poll(lambda: items(at.buffer, pid) > 60, "there was a chance to lose some")
    elif expected in {"lost-permit", "extra-permits", "process-private"}:
        poll(lambda: made_or_gone(at, pid), "it was made")
    if expected is None:
        before = items(at.buffer, pids[role][1])
        poll(lambda: items(at.buffer, pids[role][1]) > before + 20, "the others go on")
        assert not at.source.sample().health.findings
        return
    at.found(expected, audited=expected in {"lost-permit", "extra-permits", "items-lost"})
    assert f"{expected}, as expected" in at.told()


def made_or_gone(at: Scene, pid: int) -> bool:
    """Whether it has made its mistake, alive or dead."""
    at.source.sample()
    found = [p for p in at.source.sample().processes if p.pid == pid]
    return not found or found[0].faulted


@pytest.mark.parametrize("role", ROLES)
def test_step_by_step(scene: MakeScene, role: Role) -> None:
    """A stepped worker stands before each step in turn, and each press does that one step."""
    at, pids = scene(each=1, rate=50.0)
    other = pids[Role.CONSUMER if role is Role.PRODUCER else Role.PRODUCER][0]
    pid = pids[role][0]
    poll(lambda: items(at.buffer, pid) > 3, "items flow")
    at.supervisor.orders.step(pid)
    poll(lambda: at.process(pid).state is ProcessState.STEPPING, "it stands")
    while at.process(pid).step != step_name(role, Step.WAIT_PERMIT):
        press(at, pid)
    # Two items through, so that there is one to take and room for one.
    at.supervisor.orders.pause(other)
    poll(lambda: at.process(other).state in {ProcessState.PAUSED, ProcessState.BLOCKED}, "rest")
    before, moved = values(at.buffer), items(at.buffer, pid)
    if before[1 if role is Role.PRODUCER else 2] == 0:
        at.supervisor.orders.resume(other)
        poll(lambda: values(at.buffer)[1 if role is Role.PRODUCER else 2] > 0, "a permit")
        at.supervisor.orders.pause(other)
        poll(lambda: at.process(other).state is ProcessState.PAUSED, "rest")
        before = values(at.buffer)
    mutex, empty, full = before
    take, give = (-1, 1) if role is Role.PRODUCER else (1, -1)
    producer = role is Role.PRODUCER
    for step, expected in (
        (Step.WAIT_PERMIT, (mutex, empty - producer, full - (not producer))),
        (Step.WAIT_MUTEX, (0, empty - producer, full - (not producer))),
        (Step.TRANSFER, (0, empty - producer, full - (not producer))),
        (Step.POST_MUTEX, (1, empty - producer, full - (not producer))),
        (Step.POST_PERMIT, (1, empty + take, full + give)),
        (Step.PACE, (1, empty + take, full + give)),
    ):
        seen = at.process(pid)
        assert (seen.state, seen.step) == (ProcessState.STEPPING, step_name(role, step))
        press(at, pid)
        assert values(at.buffer) == expected, step
    assert items(at.buffer, pid) == moved + 1
    at.supervisor.orders.resume(other)
    at.supervisor.orders.resume(pid)
    poll(lambda: items(at.buffer, pid) > moved + 5, "it runs again")


def press(at: Scene, pid: int) -> None:
    """One press, and until the worker stands before the next step."""
    before = at.process(pid).step
    at.supervisor.orders.step(pid)
    poll(
        lambda: (p := at.process(pid)).state is ProcessState.STEPPING and p.step != before,
        "it stands before the next",
    )


def test_ended_in_the_middle_of_a_step_it_gives_all_back(scene: MakeScene) -> None:
    """A worker that stands inside the critical section finishes its item when it is told to end."""
    at, pids = scene(each=1, rate=50.0)
    pid = pids[Role.PRODUCER][0]
    at.supervisor.orders.step(pid)
    poll(lambda: at.process(pid).state is ProcessState.STEPPING, "it stands")
    while at.process(pid).step != "write":
        press(at, pid)
    assert values(at.buffer)[0] == 0
    at.supervisor.terminate(pid)
    poll(lambda: reaped(at.supervisor, pid), "it has ended")
    at.supervisor.terminate(pids[Role.CONSUMER][0])
    end_all(at.supervisor)
    mutex, empty, full = values(at.buffer)
    assert (mutex, empty + full) == (1, 5)


def reaped(supervisor: Supervisor, pid: int) -> bool:
    """Whether that worker has ended by now."""
    supervisor.reap(0.1)
    return not supervisor.owns(pid)


@pytest.mark.parametrize("rate", [1.0, 300.0], ids=["slow", "fast"])
def test_an_audit_of_a_healthy_buffer(scene: MakeScene, rate: float) -> None:
    """Everybody is brought to rest, it balances, and they go on as before."""
    at, pids = scene(rate=rate)
    at.until(lambda s: s.totals is not None and s.totals.produced > 0, "items flow")
    at.supervisor.orders.pause(pids[Role.PRODUCER][0])
    at.source.auditor.begin()
    seen = at.until(lambda s: s.audit is not None, "the audit")
    assert seen.audit is not None
    assert seen.audit.balanced
    assert seen.audit.missing == seen.audit.sum_difference == 0
    assert seen.audit.permits == 5
    assert "audit: balanced" in at.told()
    before = {pid: items(at.buffer, pid) for pid in at.supervisor.pids}
    poll(
        lambda: all(
            items(at.buffer, pid) > count or blocked(at.buffer, pid)
            for pid, count in before.items()
            if pid != pids[Role.PRODUCER][0]
        ),
        "they go on",
    )
    assert at.process(pids[Role.PRODUCER][0]).state is ProcessState.PAUSED


def test_a_fault_that_is_made_once_can_be_told_again(scene: MakeScene) -> None:
    """Twice told is twice made: two permits too many on the mutex."""
    at, pids = scene(each=1)
    pid = pids[Role.PRODUCER][0]
    for count in (1, 2):
        at.supervisor.orders.set_fault(pid, Fault.DOUBLE_POST_MUTEX)
        words = record_of(at.buffer, pid).words
        poll(lambda w=words: w[Field.FAULT_MADE] == w[Field.FAULT], "it was made")  # type: ignore[misc]
        at.supervisor.orders.hold_running()
        poll(lambda n=count: values(at.buffer)[0] == 1 + n, "mutex is above 1")  # type: ignore[misc]
        at.supervisor.orders.release_held(at.supervisor.pids)


def test_taken_off_again(scene: MakeScene) -> None:
    """Who sits in the critical section leaves it once the fault is taken off."""
    at, pids = scene(each=1, slots=1000)  # The producer waits for mutex, never for a slot.
    pid = pids[Role.CONSUMER][0]
    at.supervisor.orders.set_fault(pid, Fault.SIT)
    at.found("stalled")
    at.supervisor.orders.set_fault(pid, Fault.NONE)
    count = items(at.buffer, pid)
    poll(lambda: items(at.buffer, pid) > count + 5, "items flow again")
    at.until(lambda s: not s.health.findings, "nothing is found any more")


def test_named_semaphores_have_no_private_ones(make_buffer: MakeBuffer, crew: Crew) -> None:
    """sem_open knows no pshared: it is refused in words, and no fault is told."""
    buffer = make_buffer(5, named=True)
    supervisor = crew(buffer, 10.0, 10.0)
    pid = supervisor.start(Role.PRODUCER)
    supervisor.orders.set_fault(pid, Fault.PRIVATE)
    assert "cannot be process-private" in supervisor.history()[-1].text
    assert record_of(buffer, pid).words[Field.FAULT] == 0


@given(st.sampled_from(list(Fault)), st.integers(0, 2**64 - 1))
def test_words_tell_the_fault_and_never_repeat(fault: Fault, before: int) -> None:
    """A fault told again is another word."""
    word = fault_word(fault, before)
    assert fault_of(word) is fault
    assert word != before
    assert 0 <= word < 2**64


@given(st.sampled_from(FAULTS), st.sampled_from(ROLES), st.none() | st.integers(1, 512))
def test_names_are_read_back(fault: Fault, role: Role, number: int | None) -> None:
    """What is printed can be typed."""
    whose = f"{role}{number or ''}:"
    assert parse_fault(whose + fault_name(fault, role)) == (role, number, fault)


@pytest.mark.parametrize(
    "text",
    [
        "producer" + "9" * 5000 + ":sit",
        "producer²:sit",
        "",
        "none",
        "nonsense",
        "producer:die-at=read",
        "x:sit",
        "producer:",
        "sit:producer",
    ],
)
def test_refused_with_the_way_out(text: str) -> None:
    """What is no fault is refused, with those that are."""
    with pytest.raises(ShmtuiError, match=r"die-at=STEP|producer2:sit"):
        parse_fault(text)


def test_every_fault_says_what_to_expect() -> None:
    """Nothing is left unsaid, for either role."""
    for role in ROLES:
        for fault in FAULTS:
            told = expected_outcome(fault, role)
            assert told.action
            assert told.effect
        for step in PROTOCOL_STEPS:
            assert step_name(role, step) in expected_outcome(Fault(16 + step), role).action
    assert SemaphoreRole.MUTEX in expected_outcome(Fault.NO_MUTEX, Role.PRODUCER).action
