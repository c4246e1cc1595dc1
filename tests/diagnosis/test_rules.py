"""What may not be claimed: each rule beside the healthy, or doubtful, state that looks like it."""

from dataclasses import replace

import pytest

from shmtui.diagnosis.health import diagnose
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.snapshot import (
    Certainty,
    Finding,
    Origin,
    Process,
    ProcessState,
    SemaphoreState,
    Snapshot,
)
from tests.diagnosis.test_health import MUTEX, codes, peer, shown

EMPTY_, FULL = SemaphoreRole.EMPTY, SemaphoreRole.FULL


def looks(one: Snapshot, seconds: float = 2.0) -> list[Snapshot]:
    """The same look again and again."""
    count = int(seconds * 5)
    return [replace(one, monotonic_ns=one.monotonic_ns + n * 200_000_000) for n in range(count)]


def found(one: Snapshot, code: str, seconds: float = 2.0) -> Finding | None:
    """The finding of that code after so long."""
    findings = diagnose(looks(one, seconds)).findings
    return next((f for f in findings if f.code == code), None)


def worker(
    pid: int, step: str, state: ProcessState, letter: str, *, holds_mutex: bool = False
) -> Process:
    """A worker of ours; a blocked one says that it is."""
    waits = {"wait-mutex": MUTEX, "wait-empty": EMPTY_, "wait-full": FULL}
    on = waits.get(step) if state is ProcessState.BLOCKED else None
    return Process(
        pid, f"producer {pid}", Role.PRODUCER, state, Origin.WORKER, step, on,
        waits=(on,) if on else (), wakeable=True, letter=letter, items=1, holds_mutex=holds_mutex,
    )  # fmt: skip


BLOCKED, RUNNING, STOPPED = ProcessState.BLOCKED, ProcessState.RUNNING, ProcessState.STOPPED


def test_another_thread_may_hold_the_mutex() -> None:
    """Of a process of two threads only one is seen asleep: nobody is declared dead."""
    two = replace(peer(1, Role.PRODUCER, MUTEX), threads=2)
    assert found(shown(0, 0, 3, 0, peer(1, Role.PRODUCER, MUTEX)), "dead-holder")
    assert not found(shown(0, 0, 3, 0, two), "dead-holder", 6)
    doubt = found(shown(0, 0, 3, 0, two), "stalled", 6)
    assert doubt is not None
    assert doubt.certainty is Certainty.LIKELY


@pytest.mark.parametrize(
    ("state", "letter", "dead"),
    [(BLOCKED, "S", True), (BLOCKED, "R", False), (RUNNING, "R", False), (STOPPED, "T", False)],
)
def test_a_worker_on_its_feet_may_have_the_mutex(
    state: ProcessState, letter: str, dead: bool
) -> None:
    """It says that it waits until a moment after it has taken the mutex: the kernel knows better."""
    one = worker(1, "wait-mutex", state, letter)
    assert bool(found(shown(0, 0, 3, 0, one), "dead-holder")) is dead


@pytest.mark.parametrize(
    ("state", "letter", "lost"),
    [(BLOCKED, "S", True), (BLOCKED, "R", False), (RUNNING, "R", False), (STOPPED, "T", False)],
)
def test_a_worker_on_its_feet_may_have_a_permit(
    state: ProcessState, letter: str, lost: bool
) -> None:
    """The same of a permit."""
    one = worker(1, "wait-empty", state, letter)
    assert bool(found(shown(0, 1, 0, 4, one), "lost-permit")) is lost


def test_who_left_out_a_post_is_not_called_dead() -> None:
    """No permit went with the mutex: that nobody holds it is certain, that somebody died is not said."""
    finding = found(shown(0, 0, 4, 0, worker(1, "wait-mutex", BLOCKED, "S")), "dead-holder")
    assert finding is not None
    assert finding.certainty is Certainty.CERTAIN
    assert "died" not in finding.claim


def test_a_stranger_behind_its_permit_may_have_swapped_its_waits() -> None:
    """Asleep on full it holds nothing, in the right order: only likely."""
    crew = (peer(1, Role.PRODUCER, MUTEX), peer(2, Role.CONSUMER, FULL))
    dead, swapped = shown(0, 0, 3, 0, *crew), shown(0, 0, 4, 0, *crew)
    for one, code in ((dead, "dead-holder"), (swapped, "wrong-order")):
        finding = found(one, code)
        assert finding is not None
        assert finding.certainty is Certainty.LIKELY


def test_a_worker_that_says_it_holds_the_mutex() -> None:
    """Then the order is certain; standing there step by step it may go on, and is no deadlock."""
    one = shown(0, 0, 5, 0, worker(1, "wait-full", BLOCKED, "S", holds_mutex=True))
    finding = found(one, "wrong-order")
    assert finding is not None
    assert finding.certainty is Certainty.CERTAIN
    standing = worker(1, "wait-full", ProcessState.STEPPING, "S", holds_mutex=True)
    assert not diagnose(looks(shown(0, 0, 5, 0, standing))).findings


def test_a_stopped_stranger_may_have_a_permit() -> None:
    """Stopped anywhere, it may be in the middle of it."""
    stopped = replace(peer(1, Role.UNKNOWN, None), state=STOPPED, letter="T")
    assert not diagnose(looks(shown(0, 1, 4, 0, stopped), 6)).findings


def test_a_sleeper_elsewhere_leaves_a_doubt() -> None:
    """Asleep in no semaphore it may have the permit: likely, and it is named."""
    finding = found(shown(0, 1, 4, 0, peer(7, Role.UNKNOWN, None)), "lost-permit")
    assert finding is not None
    assert finding.certainty is Certainty.LIKELY
    assert any("PID 7" in fact for fact in finding.evidence)


def zeroed(libc: Libc, *processes: Process, slots: int = 5) -> Snapshot:
    """A segment as ftruncate leaves it."""
    one = shown(0, 0, 0, 0, *processes)
    shared = libc is Libc.MUSL
    return replace(
        one,
        in_=0,
        out=0,
        layout=replace(one.layout, libc=libc, slots=slots),
        semaphores={r: SemaphoreState(0, 0, shared) for r in SemaphoreRole},
    )


@pytest.mark.parametrize("libc", list(Libc))
def test_never_initialised_on_either_libc(libc: Libc) -> None:
    """On musl zero means shared, and leaves no other mark: likely. Nobody is called dead."""
    one = zeroed(libc, peer(1, Role.PRODUCER, EMPTY_), peer(2, Role.CONSUMER, FULL))
    finding = found(one, "never-initialised")
    assert finding is not None
    sure = Certainty.CERTAIN if libc is Libc.GLIBC else Certainty.LIKELY
    assert finding.certainty is sure
    assert "dead-holder" not in codes(diagnose(looks(one)))


def test_where_nobody_waits_yet_it_is_given_a_moment() -> None:
    """Before its maker has mapped it or called sem_init, it looks like one that nobody set up."""
    going = replace(peer(1, Role.PRODUCER, EMPTY_), state=ProcessState.RUNNING, blocked_on=None)
    going = replace(going, waits=())
    for one in (zeroed(Libc.GLIBC), zeroed(Libc.GLIBC, going)):
        assert not found(one, "never-initialised", 0.6)
        assert found(one, "never-initialised", 2.0)
    waiting = zeroed(Libc.GLIBC, peer(1, Role.PRODUCER, EMPTY_))
    assert found(waiting, "never-initialised", 0.6)


def test_whether_the_hidden_wait_is_not_to_be_known() -> None:
    """One look at the segment of somebody else says it, and says that it may be wrong."""
    finding = found(replace(zeroed(Libc.GLIBC), unseen=True), "never-initialised", 0.4)
    assert finding is not None
    assert finding.certainty is Certainty.LIKELY


def test_all_permits_in_hand_is_not_never_initialised() -> None:
    """One slot, private semaphores, a thread inside: all words are zero, and all is well."""
    busy = replace(peer(1, Role.CONSUMER, FULL), threads=2, wakeable=False)
    one = zeroed(Libc.GLIBC, busy, slots=1)
    assert not found(one, "never-initialised")


def test_threads_of_one_process_wake_each_other() -> None:
    """Private semaphores are no fault while nobody else takes part."""
    alone = replace(peer(1, Role.CONSUMER, FULL), threads=3, wakeable=False)
    one = shown(0, 1, 5, 0, alone)
    assert "process-private" not in codes(diagnose(looks(one)))
    both = shown(0, 1, 5, 0, alone, peer(2, Role.PRODUCER, None))
    assert "process-private" in codes(diagnose(looks(both)))


def test_waiters_on_their_way_are_no_ghosts() -> None:
    """While things move, whoever may be between counting itself and sleeping counts."""
    crew = [replace(peer(n, Role.PRODUCER, EMPTY_), letter="S") for n in (1, 2)]
    going = replace(peer(3, Role.PRODUCER, None), state=RUNNING, letter="R")
    semaphores = {
        MUTEX: SemaphoreState(1, 0, True),
        EMPTY_: SemaphoreState(0, 3, True),
        FULL: SemaphoreState(5, 0, True),
    }
    one = replace(shown(0, 1, 0, 5, *crew, going), semaphores=semaphores)
    assert not found(one, "ghost-waiter")
    ghost = found(replace(one, processes=tuple(crew)), "ghost-waiter")
    assert ghost is not None
    assert "1 waiter " in ghost.claim
