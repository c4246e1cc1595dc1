"""What may not be claimed: each rule beside a healthy or doubtful state that resembles its fault."""

import pytest
from msgspec.structs import replace

from shmtui.diagnosis.health import diagnose
from shmtui.diagnosis.history import moves_until, rest_until
from shmtui.procfs.freezer import FROZEN
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import LayoutSource, SemaphoreState, Slot
from shmtui.shm.sync_object import Robustness, SyncObject
from shmtui.snapshot import (
    EMPTY,
    Access,
    Certainty,
    Finding,
    Moves,
    Origin,
    Process,
    ProcessState,
    Snapshot,
    Status,
)
from tests.diagnosis.test_health import MUTEX, codes, killed_inside, ours, peer, shown

EMPTY_, FULL = SemaphoreRole.EMPTY, SemaphoreRole.FULL


def looks(one: Snapshot, seconds: float = 2.0) -> list[Snapshot]:
    """The same snapshot again and again."""
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
    """Of a process of two threads only one is seen asleep: its holder is not declared dead."""
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
def test_a_worker_that_is_awake_may_hold_mutex(
    state: ProcessState, letter: str, dead: bool
) -> None:
    """Its record says that it waits until after it has taken mutex: its state in /proc decides."""
    one = worker(1, "wait-mutex", state, letter)
    assert bool(found(shown(0, 0, 3, 0, one), "dead-holder")) is dead


@pytest.mark.parametrize(
    ("state", "letter", "lost"),
    [(BLOCKED, "S", True), (BLOCKED, "R", False), (RUNNING, "R", False), (STOPPED, "T", False)],
)
def test_a_worker_that_is_awake_may_hold_a_permit(
    state: ProcessState, letter: str, lost: bool
) -> None:
    """The same for a permit."""
    one = worker(1, "wait-empty", state, letter)
    assert bool(found(shown(0, 1, 0, 4, one), "lost-permit")) is lost


def test_somebody_who_is_seen_nowhere_may_hold_the_mutex() -> None:
    """The kernel says that somebody has the file open for writing: nobody is called dead, and it is
    not ok.
    """
    one = replace(shown(0, 0, 4, 0), unseen=True, elsewhere=True, limits=("somebody has it open",))
    assert not found(one, "dead-holder")
    health = diagnose(looks(one))
    assert health.status is Status.UNKNOWN
    assert "somebody has it open" in "".join(health.undecided)


def server(**facts: object) -> Process:
    """What started those that wait, asleep in a call of its own."""
    return replace(peer(9, Role.UNKNOWN, None), letter="S", **facts)


CHILD = replace(peer(1, Role.UNKNOWN, MUTEX), parent=9)


@pytest.mark.parametrize(
    "other",
    [server(), server(role=Role.CONSUMER, failed_children=("PID 7 (killed by SIGKILL)",))],
)
def test_a_server_whose_child_died(other: Process) -> None:
    """Its parent sleeps elsewhere: the holder is likely to be dead, and the parent is the doubt."""
    finding = found(shown(0, 0, 3, 0, CHILD, other), "dead-holder", 4)
    assert finding is not None
    assert (finding.certainty, finding.severity) == (Certainty.LIKELY, Status.WARNING)
    assert "unless it is p9 (PID 9)" in finding.claim


@pytest.mark.parametrize(
    "other",
    [
        server(role=Role.CONSUMER),
        replace(server(), state=RUNNING, letter="R"),
        replace(server(), pid=8),
        server(sleeps_on=("byte 128",)),
    ],
)
def test_no_sign_of_a_death(other: Process) -> None:
    """Who takes part itself, runs, or started nobody may as well be in a long critical section."""
    one = shown(0, 0, 3, 0, CHILD, other)
    assert not found(one, "dead-holder", 4)
    assert found(one, "stalled", 4)


def test_a_server_whose_children_swapped_their_waits() -> None:
    """No permit is missing: one of those behind holds mutex, unless the parent does."""
    behind = replace(peer(2, Role.CONSUMER, FULL), parent=9)
    finding = found(shown(0, 0, 4, 0, CHILD, behind, server()), "wrong-order", 4)
    assert finding is not None
    assert finding.certainty is Certainty.LIKELY
    assert "unless p9 (PID 9) holds mutex" in finding.claim
    # It may sit inside for a while, as one that shows the ring does.
    sleeping = shown(0, 0, 4, 0, CHILD, behind, server(goes_on=True))
    assert not found(sleeping, "wrong-order", 4)
    assert found(sleeping, "wrong-order", 11)


@pytest.mark.parametrize(
    ("facts", "certainty"),
    [
        ({"idle_since_free": True, "idle_since_moved": True}, Certainty.CERTAIN),
        ({"idle_since_moved": True}, Certainty.LIKELY),
    ],
)
def test_who_has_not_run_since_does_not_hold_mutex(
    facts: dict[str, bool], certainty: Certainty
) -> None:
    """Asleep since mutex was free is a proof. Asleep since an index moved is one for programs that
    move it inside, which is named.
    """
    behind = replace(peer(2, Role.CONSUMER, FULL), **facts)
    finding = found(killed_inside(shown(0, 0, 3, 0, CHILD, behind)), "dead-holder")
    assert finding is not None
    assert (finding.certainty, finding.severity) == (certainty, Status.CRITICAL)
    assert any("assumed" in fact for fact in finding.evidence) == (certainty is Certainty.LIKELY)


@pytest.mark.parametrize(
    "other",
    [
        server(idle_since_free=True),
        replace(peer(2, Role.CONSUMER, FULL), idle_since_free=True, timed_waits=(FULL,)),
    ],
)
def test_who_does_not_hold_mutex_may_be_to_post_it(other: Process) -> None:
    """A client that is killed may have left it to a server, which wakes up by itself."""
    finding = found(killed_inside(shown(0, 0, 3, 0, CHILD, other)), "dead-holder")
    assert finding is not None
    assert (finding.certainty, finding.severity) == (Certainty.LIKELY, Status.WARNING)
    assert any("or once some input comes, is to post it" in fact for fact in finding.evidence)


def test_a_server_that_sleeps_for_good_is_no_doubt() -> None:
    """Nothing wakes it but a signal, and it catches none. One in read(2) wakes once some input comes."""
    asleep = server(idle_since_free=True, goes_on=False)
    for other, sure in ((asleep, False), (replace(asleep, asleep_for_good=True), True)):
        finding = found(killed_inside(shown(0, 0, 3, 0, CHILD, other)), "dead-holder")
        assert finding is not None
        assert (finding.certainty is Certainty.CERTAIN) == sure
        assert (finding.severity is Status.CRITICAL) == sure


def test_who_waits_for_a_permit_may_hold_mutex() -> None:
    """Though one of the permits is missing: the ring may have fewer slots in use. No claim says that
    nobody alive holds it.
    """
    for other in (
        peer(2, Role.CONSUMER, FULL),
        replace(peer(2, Role.CONSUMER, FULL), timed_waits=(FULL,)),
    ):
        for one in (
            shown(0, 0, 3, 0, CHILD, other),
            killed_inside(shown(0, 0, 3, 0, CHILD, other)),
        ):
            finding = found(one, "dead-holder")
            assert finding is not None
            assert (finding.certainty, finding.severity) == (Certainty.LIKELY, Status.WARNING)
            assert "unless one that waits for a permit holds it: p2 (PID 2)" in finding.claim


@pytest.mark.parametrize(
    ("one", "open_"),
    [
        (server(), True),
        (server(role=Role.CONSUMER), True),
        (server(role=Role.PRODUCER), True),
        (server(role=Role.PRODUCER, goes_on=True), False),
        (replace(peer(3, Role.UNKNOWN, FULL), threads=2), True),
    ],
)
def test_what_one_alone_could_post_is_undecided(one: Process, open_: bool) -> None:
    """All wait for full, and who might post it was never seen to. A producer that sleeps for a
    time is slow; one that waits for something else may do so for ever.
    """
    health = diagnose(looks(shown(0, 1, 5, 0, peer(1, Role.CONSUMER, FULL), one), 4))
    assert any("wait for ever" in line for line in health.undecided) is open_
    assert not health.findings


@pytest.mark.parametrize("value", [0, 1])
def test_a_lock_without_a_role_that_nobody_gives_back(value: int) -> None:
    """Items move beside it, and somebody waits for it all the while."""
    late = replace(
        peer(3, Role.UNKNOWN, None),
        state=ProcessState.BLOCKED,
        sleeps_on=("stats",),
        blocked_for=9.0,
    )
    lock = SyncObject("stats", "sem_t", offset=128, value=value)
    samples = [
        replace(shown(t / 4, 1, 5, 0, late), in_=t % 5, out=t % 5, sync=(lock,)) for t in range(20)
    ]
    left = diagnose(samples).undecided
    assert any("stats was 0" in line for line in left) is not bool(value)


@pytest.mark.parametrize(
    "beside",
    [
        (SyncObject("stats", "pthread_barrier_t", offset=128),),
        (SyncObject("stats", "pthread_cond_t", offset=128),),
        (),  # a named semaphore that plays no role
    ],
)
@pytest.mark.parametrize("stuck", [True, False])
def test_what_does_not_tell_who_wakes_its_waiters(
    beside: tuple[SyncObject, ...], *, stuck: bool
) -> None:
    """Items move beside it. Who waits there all the while is named, with what for and how long; not
    so who wakes up now and then, or by a timeout.
    """
    late = replace(peer(3, Role.UNKNOWN, None), state=BLOCKED, sleeps_on=("stats",))
    for one in (
        (replace(late, blocked_for=9.0),)
        if stuck
        else (replace(late, blocked_for=0.4), replace(late, blocked_for=9.0, sleeps_timed=True))
    ):
        samples = [
            replace(shown(t / 4, 1, 5, 0, one), in_=t % 5, out=t % 5, sync=beside)
            for t in range(20)
        ]
        health = diagnose(samples)
        told = "stats has been waited for by p3 (PID 3) for 9.0 s" in "".join(health.undecided)
        assert told is stuck
        assert (health.status is Status.UNKNOWN) is stuck


@pytest.mark.parametrize(("rest", "ceased"), [(8.0, True), (1.5, False)])
@pytest.mark.parametrize("every", [0.25, 3.0])
def test_what_moved_and_moves_no_more(rest: float, every: float, *, ceased: bool) -> None:
    """A producer that polls for what never comes is awake as well. One that is slow is fine."""
    producer = replace(peer(9, Role.PRODUCER, None), goes_on=True)
    consumer = peer(1, Role.CONSUMER, FULL)
    times = [n / 4 for n in range(int((5 * every + rest) * 4))]
    samples = [
        replace(shown(t, 1, 5, 0, consumer, producer), in_=n % 5, out=n % 5)
        for t in times
        for n in (min(int(t / every), 5),)
    ]
    before = None
    for at, one in enumerate(samples):
        before = samples[at] = replace(one, moves=moves_until(one, before))
    # The last samples alone know of the moves before them.
    health = diagnose(samples[-16:])
    told = any("never comes: p9 (PID 9)" in line for line in health.undecided)
    assert told is (ceased and every < 1)
    assert not health.findings


@pytest.mark.parametrize(
    ("role", "empty", "told"),
    [
        (Role.UNKNOWN, 0, True),
        (Role.PRODUCER, 0, True),
        (Role.CONSUMER, 0, False),
        (Role.CONSUMER, 5, True),
        (Role.PRODUCER, 5, False),
        (Role.UNKNOWN, 3, False),
    ],
)
def test_who_is_awake_may_look_for_a_permit_for_ever(role: Role, empty: int, *, told: bool) -> None:
    """A full ring and nobody who was seen to take from it, or an empty one and nobody who fills it."""
    one = shown(0, 1, empty, 5 - empty, replace(peer(9, role, None), goes_on=True))
    health = diagnose(looks(one, 4))
    assert not health.findings
    assert any("looks for it again and again (p9 (PID 9))" in u for u in health.undecided) is told


def test_who_has_not_run_since_looks_for_nothing() -> None:
    """Both sides of an empty ring sleep, and neither woke while it was watched: nobody looks again and again. Where
    one did, or that is not known, it is open.
    """

    def after(runs: tuple[int | None, ...], **facts: object) -> list[str]:
        idle = replace(peer(9, Role.UNKNOWN, None), goes_on=True)
        ring = shown(0, 1, 5, 0, *(replace(idle, pid=n, **facts) for n in range(len(runs))))
        seen = looks(ring, 4)
        for at, ran in enumerate(runs):
            last = replace(seen[-1].processes[at], runs=ran)
            first = replace(last, runs=None if ran is None else 0)
            seen = [_with(s, at, first) for s in seen[:-1]] + [_with(seen[-1], at, last)]
        return list(diagnose(seen).undecided)

    assert after((0, 0)) == []
    for runs in ((0, 1), (None, 0)):
        assert any("looks for it again and again" in u for u in after(runs))
    assert after((0, 4), acted=(Role.PRODUCER,)) == []


def test_who_sleeps_for_longer_than_it_is_watched_may_look_when_it_wakes() -> None:
    """One that has not woken yet may look for a permit each time that it does; who woke since, or acts, does not."""

    def left(sleeps_for: float | None, **facts: object) -> tuple[str, ...]:
        idle = replace(peer(9, Role.UNKNOWN, None), goes_on=True, runs=0, sleeps_for=sleeps_for)
        return diagnose(looks(shown(0, 1, 5, 0, replace(idle, **facts)), 4)).undecided

    (line,) = left(10.0)
    assert line.endswith("it sleeps for up to 10.0 s; watch it longer: --for 12")
    assert left(2.0) == left(None) == left(10.0, acted=(Role.PRODUCER,)) == ()


def _with(s: Snapshot, at: int, process: Process) -> Snapshot:
    return replace(s, processes=(*s.processes[:at], process, *s.processes[at + 1 :]))


@pytest.mark.parametrize(
    ("acted", "sleeps_for", "way"),
    [((), 30.0, "it sleeps for up to 30.0 s; watch it longer: --for 32"),
     ((), 5.0, "it sleeps for up to 5.0 s; watch it longer: --for 12"),
     ((), None, "watch it longer: --for 12"), ((Role.PRODUCER,), 30.0, "")],
)  # fmt: skip
def test_who_sleeps_may_be_the_one_that_posts(
    acted: tuple[Role, ...], sleeps_for: float | None, way: str
) -> None:
    """A consumer waits, and another sleeps for a time: seen to put one item in, it is a slow producer; else the
    longest that it may sleep tells how long to watch.
    """
    asleep = replace(peer(9, Role.UNKNOWN, None), goes_on=True, acted=acted, sleeps_for=sleeps_for)
    health = diagnose(looks(shown(0, 1, 5, 0, peer(1, Role.CONSUMER, FULL), asleep), 4))
    assert not health.findings
    assert [line.endswith(way) for line in health.undecided] == ([True] if way else [])


@pytest.mark.parametrize(("empty", "full"), [(2, 3), (0, 5)])
@pytest.mark.parametrize("runs", [2, 3])
def test_who_runs_again_and_again_beside_items_and_room(empty: int, full: int, runs: int) -> None:
    """It may wait for more of them than there ever are; not where one side has a reason to wait."""
    seen = looks(shown(0, 1, empty, full, peer(9, Role.CONSUMER, None)), 4)
    seen = [_with(s, 0, replace(s.processes[0], runs=0)) for s in seen[:-1]] + [
        _with(seen[-1], 0, replace(seen[-1].processes[0], runs=runs))
    ]
    told = any("ran again and again" in line for line in diagnose(seen).undecided)
    assert told is (runs == 3 and empty > 0)
    one = [replace(s, semaphores={FULL: s.semaphores[FULL]}) for s in seen]
    told = any("ran again and again" in line for line in diagnose(one).undecided)
    assert told is (runs == 3 and full < 5), (
        "of one alone it may not be known whether there is room"
    )
    pacing = worker(8, "pace", ProcessState.PACING, "S")
    slow = [replace(s, processes=(*s.processes, pacing)) for s in seen]
    assert not any("ran again and again" in line for line in diagnose(slow).undecided)


@pytest.mark.parametrize("deficit", [1, 2])
@pytest.mark.parametrize(
    ("free_ns", "came_ns", "open_"), [(1, 0, False), (1, 1, True), (1, 2, True), (None, 9, False)]
)
def test_who_came_and_went_since_mutex_was_free_may_have_it(
    deficit: int, free_ns: int | None, came_ns: int, open_: bool
) -> None:
    """A viewer that keeps no mapping while it is inside: neither one that waits nor a dead one is named, but where a
    death was seen.
    """
    crew = (peer(1, Role.PRODUCER, MUTEX), peer(2, Role.CONSUMER, FULL))
    one = shown(0, 0, 5 - deficit, 0, *crew)
    one = replace(one, mutex_free_ns=free_ns, came_ns=came_ns)
    rest = rest_until(one, None)
    assert rest.come_and_gone is open_
    health = diagnose(looks(replace(one, rest=rest)))
    assert bool(health.findings) is not open_
    assert any("seen nowhere" in line for line in health.undecided) is open_
    assert codes(diagnose(looks(killed_inside(replace(one, rest=rest)))))


def test_among_workers_alone_nobody_else_has_it() -> None:
    """Who comes to a buffer of ours is written down, so that nobody has to be thought of."""
    crew = (peer(1, Role.PRODUCER, MUTEX), peer(2, Role.CONSUMER, FULL))
    one = replace(ours(shown(0, 0, 4, 0, *crew)), mutex_free_ns=1, came_ns=2)
    rest = rest_until(one, None)
    assert rest.come_and_gone
    assert found(replace(one, rest=rest), "dead-holder", 6)


def test_what_moves_begins_a_new_rest() -> None:
    """Who comes later than all stood still is no holder."""
    crew = (peer(1, Role.PRODUCER, MUTEX), peer(2, Role.CONSUMER, FULL))
    still = replace(shown(0, 0, 4, 0, *crew), mutex_free_ns=1)
    before = replace(still, rest=rest_until(still, None))
    later = replace(still, monotonic_ns=still.monotonic_ns + 9, came_ns=5)
    assert rest_until(later, before) == before.rest
    assert rest_until(replace(later, out=3), before).come_and_gone


@pytest.mark.parametrize(("goes_on", "seconds"), [(False, 4.0), (True, 12.0)])
def test_a_holder_that_sleeps_for_a_time_is_given_more_of_it(goes_on: bool, seconds: float) -> None:
    """It goes on by itself, as one with a long critical section."""
    crew = (peer(1, Role.PRODUCER, MUTEX), replace(peer(9, Role.UNKNOWN, None), goes_on=goes_on))
    one = shown(0, 0, 4, 0, *crew)
    assert found(one, "stalled", seconds)
    short = diagnose(looks(one, seconds - 2))
    assert not short.findings
    assert any("mutex was 0" in line for line in short.undecided)


def test_who_waits_alone_is_not_ok_before_it_is_found() -> None:
    """Watched for less time than the finding takes, it is left open, and not called fine."""
    full = shown(0, 1, 0, 5, peer(1, Role.PRODUCER, EMPTY_))
    health = diagnose(looks(full, 2.5))
    assert not health.findings
    assert any("another process" in line for line in health.undecided)


def test_both_permits_gone_and_no_lock_known() -> None:
    """Producers and consumers wait, each beside another thread: no rule can say why."""
    crew = [replace(peer(n, Role.UNKNOWN, on), threads=2) for n, on in ((1, EMPTY_), (2, FULL))]
    one = shown(0, 1, 0, 0, *crew)
    bare = {role: state for role, state in one.semaphores.items() if role is not MUTEX}
    health = diagnose(looks(replace(one, semaphores=bare), 4))
    assert any("wait for ever" in line for line in health.undecided)


def test_too_few_samples_tell_nothing() -> None:
    """On a busy machine: what a rule could not have seen is not called ok."""
    few = [shown(at, 1, 2, 3, peer(1, Role.CONSUMER, None)) for at in (0, 2, 4)]
    assert any("too few" in line for line in diagnose(few).undecided)


def test_named_semaphores_that_were_opened_with_0() -> None:
    """All are 0 and shared, as is what is left of a ring in which all permits are lost."""
    one = replace(shown(0, 0, 0, 0, peer(1, Role.PRODUCER, EMPTY_)), in_=0, out=0)
    named = replace(one, layout=replace(one.layout, semaphores="named"))
    finding = found(named, "never-initialised")
    assert finding is not None
    assert finding.certainty is Certainty.LIKELY
    assert not found(one, "never-initialised")
    took = replace(named, processes=(peer(1, Role.PRODUCER, MUTEX),))
    assert not found(took, "never-initialised")


def test_who_left_out_a_post_is_not_called_dead() -> None:
    """No permit is missing: it is certain that no process holds mutex, and no death is claimed."""
    one = ours(shown(0, 0, 4, 0, worker(1, "wait-mutex", BLOCKED, "S")))
    finding = found(one, "dead-holder")
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
        # Who waits for the lock may have taken no permit, as a viewer.
        assert any("holder died" in line for line in finding.evidence)


def test_one_that_was_killed_is_a_likelier_holder_than_a_sleeper() -> None:
    """No permit is missing, since a viewer waits for mutex with none: who was killed when it was last free may have it."""
    one = killed_inside(
        shown(0, 0, 4, 0, peer(1, Role.UNKNOWN, MUTEX), peer(2, Role.CONSUMER, FULL))
    )
    finding = found(replace(one, joined_ns=0), "dead-holder")
    assert finding is not None
    assert (finding.certainty, finding.severity) == (Certainty.LIKELY, Status.WARNING)
    assert any("took mutex before it waited" in line for line in finding.evidence)
    assert not finding.death_seen
    assert found(replace(one, joined_ns=2), "wrong-order"), "another has come since, and gone"


def test_one_that_was_killed_beside_a_sleeper_on_something_else() -> None:
    """It may sit on a barrier with mutex in hand; but the one that was killed meanwhile is the likelier holder."""
    waits = peer(1, Role.UNKNOWN, MUTEX)
    other = replace(server(sleeps_on=("turnstile",)), state=BLOCKED)
    one = shown(0, 0, 3, 0, waits, other)
    assert found(one, "stalled", 4)
    finding = found(replace(killed_inside(one), joined_ns=0), "dead-holder", 4)
    assert finding is not None
    assert (finding.certainty, finding.severity) == (Certainty.LIKELY, Status.WARNING)
    assert "unless it is p9 (PID 9)" in finding.claim


def test_a_worker_that_says_it_holds_the_mutex() -> None:
    """Then the order is certain; standing there step by step it may go on, and is no deadlock."""
    one = shown(0, 0, 5, 0, worker(1, "wait-full", BLOCKED, "S", holds_mutex=True))
    finding = found(one, "wrong-order")
    assert finding is not None
    assert finding.certainty is Certainty.CERTAIN
    standing = worker(1, "wait-full", ProcessState.STEPPING, "S", holds_mutex=True)
    assert not diagnose(looks(shown(0, 0, 5, 0, standing))).findings


def test_a_worker_that_reads_its_orders_in_its_wait_is_asleep() -> None:
    """On a busy machine it waits for its turn to fall asleep again; but one that was not seen to sleep may go on."""
    crew = (
        worker(1, "wait-empty", BLOCKED, "S", holds_mutex=True),
        worker(2, "wait-mutex", BLOCKED, "S"),
    )
    before = looks(shown(0, 0, 0, 4, *crew), 1.2)
    awake = [replace(p, letter="R") for p in crew]
    now = replace(shown(0, 0, 0, 4, *awake), monotonic_ns=1_200_000_000)
    assert codes(diagnose([*before, now])) == codes(diagnose(before))
    assert "wrong-order" in codes(diagnose(before))
    assert "wrong-order" not in codes(diagnose(looks(now)))


def test_a_deadlock_is_not_over_while_the_others_come_to_it() -> None:
    """A consumer takes its permit and waits for mutex, too: no item has moved, and nobody is set free."""
    holder = worker(1, "wait-empty", BLOCKED, "S", holds_mutex=True)
    pacing = worker(2, "pacing", ProcessState.PACING, "S")
    before = looks(shown(0, 0, 0, 5, holder, pacing), 1.2)
    later = 1_200_000_000
    for consumer in (
        worker(2, "wait-mutex", RUNNING, "R"), worker(2, "wait-mutex", BLOCKED, "S"),
    ):  # fmt: skip
        now = replace(shown(0, 0, 0, 4, holder, consumer), monotonic_ns=later)
        assert codes(diagnose([*before, now])) == {"wrong-order"}
        assert not diagnose([*before, replace(now, out=3)]).findings, "an item has moved"


@pytest.mark.parametrize(
    ("other", "certainty"),
    [
        (worker(2, "wait-mutex", BLOCKED, "S"), Certainty.CERTAIN),
        (worker(2, "post-full", STOPPED, "T"), Certainty.LIKELY),
        (worker(2, "post-mutex", STOPPED, "T"), Certainty.LIKELY),
        (replace(peer(2, Role.UNKNOWN, None), state=STOPPED, letter="T"), Certainty.LIKELY),
        (peer(2, Role.PRODUCER, MUTEX), Certainty.CERTAIN),
    ],
)
def test_a_deadlock_is_certain_if_nobody_can_still_post(
    other: Process, certainty: Certainty
) -> None:
    """A process that was stopped before its last post may give the permit that is waited for."""
    holder = worker(1, "wait-full", BLOCKED, "S", holds_mutex=True)
    finding = found(shown(0, 0, 4, 0, holder, other), "wrong-order")
    assert finding is not None
    assert finding.certainty is certainty
    assert any("PID 2" in line for line in finding.evidence if "unless" in line) == (
        certainty is Certainty.LIKELY
    )


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
    assert not any("no process holds a permit" in fact for fact in finding.evidence)


def test_a_command_carries_what_the_user_said_of_the_layout() -> None:
    """Pasted as it stands, it looks at the same segment in the same layout."""
    one = shown(0, 1, 4, 0, peer(7, Role.UNKNOWN, None))
    layout, segment = replace(one.layout, options="--slots 5"), replace(one.segment, name="/a b")
    finding = found(replace(one, layout=layout, segment=segment), "lost-permit")
    assert finding is not None
    assert "shmtui repair '/a b' --slots 5 " in finding.remedy


def zeroed(libc: Libc, *processes: Process, slots: int = 5) -> Snapshot:
    """A segment as ftruncate leaves it: in glibc its words wake nobody of another process."""
    shared = libc is Libc.MUSL
    asleep = (replace(p, wakeable=shared) if p.waits else p for p in processes)
    one = shown(0, 0, 0, 0, *asleep)
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
    assert "sem_init(&s->empty, 1, 5)" in finding.remedy
    own = tuple(SyncObject(f"q.sem_{role}", "sem_t", role=role) for role in SemaphoreRole)
    finding = found(replace(one, sync=own), "never-initialised")
    assert finding is not None
    assert "sem_init(&s->q.sem_empty, 1, 5)" in finding.remedy


def test_where_nobody_waits_yet_it_is_given_a_moment() -> None:
    """Before sem_init is called, a new segment cannot be told from one that was never set up."""
    going = replace(peer(1, Role.PRODUCER, EMPTY_), state=ProcessState.RUNNING, blocked_on=None)
    going = replace(going, waits=())
    for one in (zeroed(Libc.GLIBC), zeroed(Libc.GLIBC, going)):
        assert not found(one, "never-initialised", 0.6)
        assert found(one, "never-initialised", 2.0)
    waiting = zeroed(Libc.GLIBC, peer(1, Role.PRODUCER, EMPTY_))
    assert found(waiting, "never-initialised", 0.6)


def test_whether_the_hidden_wait_is_not_to_be_known() -> None:
    """One sample of another user's segment is enough for the finding, which is likely only."""
    finding = found(replace(zeroed(Libc.GLIBC), unseen=True), "never-initialised", 0.4)
    assert finding is not None
    assert finding.certainty is Certainty.LIKELY


def test_all_permits_in_hand_is_not_never_initialised() -> None:
    """One slot, private semaphores, a thread inside: all words are zero, and all is well."""
    busy = replace(peer(1, Role.CONSUMER, FULL), threads=2, wakeable=False)
    one = zeroed(Libc.GLIBC, busy, slots=1)
    assert not found(one, "never-initialised")


def test_the_remedy_names_whoever_may_have_taken_all_permits() -> None:
    """A repair asks for the user's word on it: pasted as it stands, the command is not refused."""
    timer = replace(peer(1, Role.PRODUCER, EMPTY_), threads=2)
    finding = found(zeroed(Libc.GLIBC, timer, peer(2, Role.CONSUMER, FULL)), "never-initialised")
    assert finding is not None
    assert "with --yes --permits --assume-idle 1;" in finding.remedy


def test_threads_of_one_process_wake_each_other() -> None:
    """Private semaphores are no fault while one process takes part."""
    threads = replace(peer(1, Role.CONSUMER, FULL), threads=3, wakeable=False)
    helper, producer = peer(2, Role.UNKNOWN, None), peer(2, Role.PRODUCER, None)
    assert not found(private(threads), "process-private")
    assert not found(private(threads, helper), "process-private"), "it uses no semaphore"
    doubt = found(private(threads, producer), "process-private")
    assert doubt is not None
    assert doubt.certainty is Certainty.LIKELY
    assert doubt.severity is Status.WARNING
    assert "shmtui repair" not in doubt.remedy, "it is refused while nobody is stuck"


def test_private_semaphores_that_several_may_use() -> None:
    """While items move, and nobody is seen to wait: not ok, unless one process alone can do it."""
    user = replace(peer(1, Role.CONSUMER, FULL), threads=3)
    other = replace(peer(2, Role.UNKNOWN, None), access=Access.WRITE)

    def left(process: Process) -> bool:
        moving = [replace(s, in_=n % 5) for n, s in enumerate(looks(private(user, process)))]
        health = diagnose(moving)
        assert not health.findings
        return any("for one process only" in line for line in health.undecided)

    assert left(other)
    assert not left(replace(other, idle_since_moved=True)), "it slept while items moved"
    assert not left(replace(other, access=Access.READ))


@pytest.mark.parametrize("full", [0, 1])
def test_nobody_else_can_wake_it(full: int) -> None:
    """It has no other thread, or sleeps on beside a permit: certain. A timeout ends its wait."""
    asleep = replace(peer(1, Role.CONSUMER, FULL), threads=1 + full, wakeable=False)
    producer = peer(2, Role.PRODUCER, None)
    finding = found(private(asleep, producer, full=full), "process-private")
    assert finding is not None
    assert finding.certainty is Certainty.CERTAIN
    assert finding.severity is Status.CRITICAL
    timed = private(replace(asleep, timed_waits=(FULL,)), producer, full=full)
    doubt = found(timed, "process-private")
    assert doubt is None or doubt.severity is Status.WARNING


def private(*processes: Process, full: int = 0) -> Snapshot:
    """A ring whose semaphores were initialised with pshared 0."""
    one = shown(0, 1, 5 - full, full, *processes)
    return replace(one, semaphores={r: replace(s, shared=False) for r, s in one.semaphores.items()})


def test_a_mutex_that_nobody_initialised_beside_permits_that_somebody_did() -> None:
    """It is not held: no wrong order, no dead holder. With sem_init for all, 0 is a lock that is taken."""
    producer = replace(peer(1, Role.UNKNOWN, MUTEX), threads=1, wakeable=False, letter="S")
    one = shown(0, 0, 4, 0, producer, replace(peer(2, Role.CONSUMER, FULL), letter="S"))
    one = replace(one, semaphores=one.semaphores | {FULL: SemaphoreState(0, 1, True)})
    never = replace(one, semaphores=one.semaphores | {MUTEX: SemaphoreState(0, 1, False)})
    said = diagnose(looks(never)).findings
    assert [f.code for f in said] == ["process-private"]
    assert "sem_init was not called for it" in said[0].evidence[0]
    assert "for mutex too" in said[0].remedy
    assert "--yes --lock" in said[0].remedy
    one = replace(one, semaphores=one.semaphores | {MUTEX: SemaphoreState(0, 1, True)})
    awake = replace(one, processes=(replace(producer, wakeable=True), one.processes[1]))
    assert codes(diagnose(looks(awake))) == {"wrong-order"}


def test_an_empty_that_nobody_initialised_is_not_repaired() -> None:
    """There was never a permit, and no index tells an empty ring from a full one."""
    producer = replace(peer(1, Role.PRODUCER, EMPTY_), threads=1, wakeable=False, letter="S")
    one = shown(0, 1, 0, 0, producer, replace(peer(2, Role.CONSUMER, FULL), letter="S"))
    never = replace(one, semaphores=one.semaphores | {EMPTY_: SemaphoreState(0, 1, False)})
    first = diagnose(looks(never)).findings[0]
    assert first.code == "process-private"
    assert "for empty too" in first.remedy
    assert "shmtui repair" not in first.remedy


@pytest.mark.parametrize(("full", "in_", "repairs"), [(0, 2, False), (1, 2, True), (0, 3, True)])
def test_a_repair_is_named_only_where_the_ring_tells_what_it_holds(
    full: int, in_: int, *, repairs: bool
) -> None:
    """All permits are lost and in == out: nothing tells whether it is empty or full."""
    one = shown(0, 1, 0, full, replace(peer(1, Role.PRODUCER, EMPTY_), letter="S"))
    finding = found(replace(one, in_=in_), "lost-permit")
    assert finding is not None
    assert ("shmtui repair" in finding.remedy) is repairs
    assert ("post full after each item" in finding.remedy) is not repairs


def test_whoever_is_stopped_is_to_be_resumed_before_anything_is_watched_on() -> None:
    """To watch a stopped program longer tells nothing."""
    stopped = replace(peer(1, Role.PRODUCER, None), letter="T")
    one = shown(0, 0, 5, 0, stopped, peer(2, Role.CONSUMER, MUTEX))
    left = diagnose(looks(one, 2.6)).undecided
    assert any("kill -CONT 1" in line for line in left)
    assert not any("--for" in line for line in left)


@pytest.mark.parametrize(
    ("letter", "way"), [("T", "kill -CONT 1"), ("t", "/proc/1/status"), (FROZEN, "/proc/1/cgroup")]
)
def test_how_a_stopped_holder_goes_on_is_told(letter: str, way: str) -> None:
    """That it is stopped is known: a signal resumes it, but for one that a debugger or its group stops."""
    holder = replace(peer(1, Role.PRODUCER, None), letter=letter, state=ProcessState.STOPPED)
    one = shown(0, 0, 4, 0, holder, peer(2, Role.CONSUMER, MUTEX))
    told = [f for f in diagnose(looks(one, 6)).findings if f.code == "stalled"]
    assert told
    assert way in told[0].remedy
    assert ("kill -CONT" in told[0].remedy) == (letter == "T")


def test_who_began_to_wait_before_sem_init() -> None:
    """Asleep privately on what is marked as shared now; or not counted as a waiter any more."""
    early = replace(peer(1, Role.CONSUMER, FULL), wakeable=False, letter="S", threads=1)
    finding = found(shown(0, 1, 5, 0, early), "late-init")
    assert finding is not None
    assert finding.certainty is Certainty.CERTAIN
    assert not found(shown(0, 1, 5, 0, early), "process-private")
    # Its other thread may wake it by a futex of its own; not where it sleeps past a permit.
    assert not found(shown(0, 1, 5, 0, replace(early, threads=2)), "late-init")
    beside = found(shown(0, 1, 4, 1, replace(early, threads=2)), "late-init")
    assert beside is not None
    assert beside.certainty is Certainty.LIKELY
    uncounted = replace(early, wakeable=True)
    assert found(shown(0, 1, 5, 0, uncounted), "late-init")
    counted = shown(0, 1, 5, 0, uncounted)
    counted = replace(counted, semaphores=counted.semaphores | {FULL: SemaphoreState(0, 1, True)})
    assert not found(counted, "late-init")


def test_who_came_after_sem_init_is_woken() -> None:
    """One waits since before sem_init, and is counted no more; one came later, and is counted: a sem_post wakes it."""
    early = replace(peer(1, Role.CONSUMER, FULL), wakeable=False, letter="S", threads=1)
    later = replace(peer(2, Role.CONSUMER, FULL), letter="S", threads=1)
    one = shown(0, 1, 5, 0, early, later)
    one = replace(one, semaphores=one.semaphores | {FULL: SemaphoreState(0, 1, True)})
    finding = found(one, "late-init")
    assert finding is not None
    assert "PID 1" in finding.claim
    assert "PID 2" not in " ".join((finding.claim, *finding.evidence))
    # Of two that are not counted, neither is certain to sleep on.
    uncounted = found(shown(0, 1, 5, 0, early, later), "late-init")
    assert uncounted is not None
    assert uncounted.certainty is Certainty.CERTAIN
    assert "PID 2" not in uncounted.claim
    assert any("PID 2" in line for line in uncounted.evidence)


def _with_owner(owner: int | None) -> Snapshot:
    free = SyncObject("stats", "pthread_mutex_t", offset=200, value=int(owner is None), owner=owner)
    return replace(shown(0, 1, 4, 1, peer(1, Role.CONSUMER, None)), sync=(free,))


@pytest.mark.parametrize(
    ("owners", "told"), [((77, 77), True), ((77, 78), False), ((77, None), False)]
)
def test_a_lock_that_somebody_holds_on_is_told(
    owners: tuple[int | None, int | None], *, told: bool
) -> None:
    """Though it plays no role: who only tries it now and then waits nowhere."""
    first, last = (looks(_with_owner(owner), 2) for owner in owners)
    later = [replace(s, monotonic_ns=s.monotonic_ns + 2_000_000_000) for s in last]
    judged = diagnose([*first, *later]).judged
    assert ("stats was held by thread 77 in all 20 samples" in judged) is told


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            shown(0, 0, 3, 0, peer(1, Role.PRODUCER, MUTEX)),
            "trava is 0 and no live process holds it",
        ),
        (
            shown(0, 0, 4, 0, peer(1, Role.PRODUCER, MUTEX), peer(2, Role.CONSUMER, FULL)),
            "wait for vagas or prontos first and for trava second",
        ),
        (shown(0, 2, 5, 0), "trava is 2"),
        (shown(0, 1, 4, 0), "nothing changed for 1.8 s, trava is free"),
        (shown(0, 1, 0, 5, peer(1, Role.PRODUCER, EMPTY_)), "all wait for vagas"),
        (shown(0, 0, 5, 0, peer(1, Role.CONSUMER, None)), "trava was 0 in"),
        (shown(0, 1, 4, 1, peer(1, Role.CONSUMER, None)), "vagas + prontos was 5"),
    ],
)
def test_texts_say_the_programs_own_names(one: Snapshot, said: str) -> None:
    """What it calls its lock and its counts is what its programmer finds in its text."""
    names = {MUTEX: "trava", EMPTY_: "vagas", FULL: "prontos"}
    sync = tuple(SyncObject(name, "sem_t", role) for role, name in names.items())
    seconds = 4.0 if "wait for" in said and "vagas" in said and "first" not in said else 2.0
    health = diagnose(looks(replace(one, sync=sync), seconds))
    texts = [
        *(text for f in health.findings for text in (f.claim, *f.evidence, f.remedy)),
        *health.undecided,
        *health.judged,
    ]
    assert any(said in text for text in texts), texts
    assert not [text for text in texts if "mutex" in text]


def in_flow(full: int, *processes: Process, above: int = -1) -> list[Snapshot]:
    """Two seconds in which items move; mutex is 2 in the sample of that number."""
    return [
        replace(
            shown(t / 8, 1 + (t == above), 5 - full, full, *processes),
            in_=(t + full) % 5,
            out=t % 5,
        )
        for t in range(17)
    ]


def test_a_private_sleeper_that_is_woken_in_its_process() -> None:
    """Items move, and there is no permit that it sleeps past: its other thread may wake it. One that
    sleeps past a permit is not woken.
    """
    own = replace(peer(1, Role.CONSUMER, FULL), wakeable=False, letter="S", threads=2)
    assert "late-init" not in codes(diagnose(in_flow(0, own)))
    assert "late-init" in codes(diagnose(in_flow(1, own)))


def test_a_value_that_no_semaphore_has_counts_no_permits() -> None:
    """It is musl's word for waiters, or no semaphore at all: 4 billion permits are not too many."""
    running = replace(peer(1, Role.PRODUCER, None), letter="R")
    health = diagnose(looks(shown(0, 1, 2**32 - 1, 0, running)))
    assert not health.findings
    assert any("so high a value" in line for line in health.undecided)


def test_mutex_above_one_is_never_ok() -> None:
    """Though it was so in one sample only, and not in the last ones."""
    running = replace(peer(1, Role.PRODUCER, None), letter="R")
    said = [diagnose(in_flow(0, running, above=at)).undecided for at in (-1, 3)]
    assert ["several can be" in " ".join(lines) for lines in said] == [False, True]


def test_nobody_is_left_who_could_post() -> None:
    """All wait for the same permit. Who sleeps elsewhere, or with a timeout, may still post."""
    waits = replace(peer(1, Role.PRODUCER, EMPTY_), letter="S")
    full = shown(0, 1, 0, 5, waits, replace(waits, pid=2))
    finding = found(full, "nobody-left", 4)
    assert finding is not None
    assert finding.certainty is Certainty.LIKELY
    assert not found(full, "nobody-left", 2)
    for other in (
        peer(3, Role.CONSUMER, None),
        replace(waits, pid=3, threads=2),
        replace(waits, pid=3, timed_waits=(EMPTY_,)),
    ):
        assert not found(shown(0, 1, 0, 5, waits, other), "nobody-left", 6)
    ours = replace(waits, origin=Origin.WORKER, step="wait-empty")
    own = shown(0, 1, 0, 5, ours)
    own = replace(
        own, layout=replace(own.layout, source=LayoutSource.CONTROL), supervised=True, uptime=1.0
    )
    assert not found(own, "nobody-left", 6), "its user adds workers as he likes"


def test_each_side_waits_for_the_other() -> None:
    """A post is lost where semaphores only wake: both sleep for good, and none of them can wake another."""
    one = replace(peer(1, Role.PRODUCER, EMPTY_), letter="S", blocked_for=9.0)
    other = replace(peer(2, Role.CONSUMER, FULL), letter="S", blocked_for=9.0)
    # No lock: its permits need not add up.
    stuck = shown(0, 1, 0, 0, one, other)
    waited = {r: replace(stuck.semaphores[r], waiters=1) for r in (EMPTY_, FULL)}
    stuck = replace(stuck, semaphores=waited)
    finding = found(stuck, "nobody-left", 4)
    assert finding is not None
    assert (finding.certainty, finding.severity) == (Certainty.LIKELY, Status.WARNING)
    assert not found(stuck, "nobody-left", 2)
    for awake in (
        replace(other, threads=2),
        replace(other, timed_waits=(FULL,)),
        replace(other, has_handlers=True),
        replace(other, blocked_for=0.1),
        replace(other, waits=(), sleeps_on=("byte 128",)),
    ):
        assert not found(replace(stuck, processes=(one, awake)), "nobody-left", 4)
    visited = [replace(s, came_ns=s.monotonic_ns) for s in looks(stuck, 4)]
    (finding,) = diagnose(visited).findings
    assert any("comes again and posts" in line for line in finding.evidence)
    posted = {**waited, FULL: replace(waited[FULL], value=1)}
    assert not found(replace(stuck, semaphores=posted), "nobody-left", 4)


def test_a_crew_that_waits_for_one_semaphore_may_be_idle() -> None:
    """Short programs bring its work, and come and go; two that sleep on semaphores of their own are told of."""
    jobs, done = (
        SyncObject(name, "sem_t", None, at, 0) for name, at in (("jobs", 160), ("done", 192))
    )
    one = replace(
        peer(1, Role.UNKNOWN, None), letter="S", blocked_for=9.0, state=ProcessState.BLOCKED
    )
    crew = [replace(one, pid=pid, sleeps_on=(jobs.name,)) for pid in (1, 2)]
    idle = replace(shown(0, 1, 5, 0, *crew), sync=(jobs, done))
    assert not found(idle, "nobody-left", 6)
    other = replace(one, pid=2, sleeps_on=(done.name,))
    assert found(replace(idle, processes=(crew[0], other)), "nobody-left", 4)


def test_a_timeout_ends_a_wait_inside_the_lock() -> None:
    """Who waits for a permit with a timeout may hold mutex, and gives it back: no deadlock."""
    crew = (peer(1, Role.PRODUCER, MUTEX), peer(2, Role.CONSUMER, FULL))
    assert found(shown(0, 0, 4, 0, *crew), "wrong-order")
    timed = (crew[0], replace(crew[1], timed_waits=(FULL,)))
    for seconds in (2, 6):
        health = diagnose(looks(shown(0, 0, 4, 0, *timed), seconds))
        assert codes(health) <= {"stalled"}
        assert all(f.certainty is Certainty.LIKELY for f in health.findings)


def test_one_lock_and_no_permits() -> None:
    """A ring with a lock alone: all wait for it and it is 0; while one may hold it, it is likely."""
    waits = peer(1, Role.PRODUCER, MUTEX)

    def locked(*processes: Process) -> Snapshot:
        return replace(
            shown(0, 0, 0, 0, *processes), semaphores={MUTEX: SemaphoreState(0, 1, True)}
        )

    finding = found(killed_inside(locked(waits)), "dead-holder")
    assert finding is not None
    assert finding.certainty is Certainty.CERTAIN
    assert found(locked(waits), "dead-holder")
    assert not found(locked(waits, peer(2, Role.UNKNOWN, None)), "dead-holder", 6)
    assert not found(locked(), "dead-holder")


@pytest.mark.parametrize(("value", "fine"), [(1, True), (0, False)])
def test_one_pthread_lock_and_no_permits(value: int, *, fine: bool) -> None:
    """Its lock is known: free now and then, it is judged; held all the while, it is open."""
    lock = SyncObject("trava", "pthread_mutex_t", MUTEX, 0, value)
    idle = replace(peer(2, Role.CONSUMER, None), goes_on=True)
    one = replace(shown(0, 2, 0, 0, idle), semaphores={}, sync=(lock,))
    health = diagnose(looks(one, 4))
    assert (health.status is Status.OK) is fine
    assert any("trava was free in" in line for line in health.judged) is fine
    assert any("trava was 0 in" in line for line in health.undecided) is not fine


@pytest.mark.parametrize("seconds", [0.4, 4.0])
def test_a_dead_owners_lock_is_left_to_the_next_one(seconds: float) -> None:
    """It is undecided once nobody has come for a while, not in between."""
    dead = SyncObject("lock", "pthread_mutex_t", MUTEX, 0, 1, robustness=Robustness.OWNER_DIED)
    mended = replace(dead, robustness=None)
    one = replace(shown(0, 2, 0, 0, peer(2, Role.CONSUMER, None)), semaphores={}, sync=(mended,))
    seen = [*looks(one, 4), *(replace(s, sync=(dead,)) for s in looks(_later(one), seconds))]
    told = any("the owner of lock died" in line for line in diagnose(seen).undecided)
    assert told is (seconds > 1)


def _later(s: Snapshot) -> Snapshot:
    return replace(s, monotonic_ns=s.monotonic_ns + 4_000_000_000)


@pytest.mark.parametrize(
    ("in_", "out", "told"),
    [(23, 23, False), (9, 1, False), (1, 9, False), (23, 3, True), (3, 23, True)],
)
def test_counters_without_a_direction_fit_one_way_round(in_: int, out: int, *, told: bool) -> None:
    """Where it is not known which index is ``in``, it is no misfit that the other way round would not be."""
    one = shown(0, 0, 0, 0, peer(2, Role.UNKNOWN, None))
    layout = replace(one.layout, lock_free=True, disputed=True, slots=8, index_size=4)
    one = replace(one, in_=in_, out=out, occupancy=None, semaphores={}, layout=layout, steady=True)
    assert any("fit no ring" in line for line in diagnose(looks(one, 4)).undecided) is told


@pytest.mark.parametrize(
    ("in_", "out", "bad"),
    [(5, 2, False), (905, 902, False), (2, 5, False), (900, 3, True), (-3, 2, True)],
)
def test_an_index_of_somebody_else(in_: int, out: int, bad: bool) -> None:
    """One at N is reduced before it is used; both far above are counters: neither is a finding."""
    one = replace(shown(0, 1, 5, 0), in_=in_, out=out)
    one = replace(one, semaphores={MUTEX: one.semaphores[MUTEX]})
    finding = found(one, "bad-index")
    assert bool(finding) is bad
    assert finding is None or finding.certainty is Certainty.LIKELY


@pytest.mark.parametrize(("empty", "full", "extra"), [(0, 6, 1), (7, 2, 4), (5, 1, 1)])
def test_too_many_permits(empty: int, full: int, extra: int) -> None:
    """An extra post ends many a stream: likely, and no alarm, in a program of somebody else."""
    finding = found(shown(0, 1, empty, full), "extra-permits")
    assert finding is not None
    assert finding.claim.startswith(f"{extra} permit")
    assert (finding.certainty, finding.severity) == (Certainty.LIKELY, Status.WARNING)
    assert any("initialised with more than the slots" in line for line in finding.evidence)


@pytest.mark.parametrize(("empty", "full", "in_", "used"), [(2, 4, 3, False), (6, 0, 4, True)])
def test_a_permit_too_many_that_was_used(empty: int, full: int, in_: int, used: bool) -> None:
    """No repair is named then: one index has passed the other."""
    one = replace(shown(0, 1, empty, full), in_=in_, out=0)
    finding = found(one, "extra-permits")
    assert finding is not None
    assert ("shmtui repair" in finding.remedy) is not used
    assert ("start them again" in finding.remedy) is used


def test_a_process_with_another_view() -> None:
    """A 32-bit program, or one that writes to a copy of its own: named, instead of what the bytes
    imitate.
    """
    wide = replace(peer(1, Role.PRODUCER, EMPTY_), access=Access.WRITE, bits=64)
    narrow = replace(peer(2, Role.CONSUMER, FULL), access=Access.WRITE, bits=32, wakeable=False)
    odd = diagnose(looks(shown(0, 7, 0, 0, wide, narrow)))
    assert [f.code for f in odd.findings] == ["other-struct"]
    assert "PID 2" in odd.findings[0].claim
    copying = replace(wide, pid=3, access=Access.PRIVATE, role=Role.OBSERVER)
    finding = found(shown(0, 1, 5, 0, copying), "private-mapping")
    assert finding is not None
    assert finding.certainty is Certainty.LIKELY
    assert not found(shown(0, 1, 5, 0, replace(copying, access=Access.READ)), "private-mapping")
    # Its peer waits for what the copy never gives: that is told second, and not to start another one.
    waits = replace(peer(1, Role.PRODUCER, EMPTY_), letter="S")
    full = shown(0, 1, 0, 5, waits, copying)
    full = replace(full, semaphores=full.semaphores | {EMPTY_: SemaphoreState(0, 1, True)})
    said = diagnose(looks(full, 4)).findings
    assert [f.code for f in said] == ["private-mapping", "nobody-left"]
    assert {f.remedy for f in said} == {"in the program, pass MAP_SHARED to mmap"}


def test_a_part_that_nobody_maps() -> None:
    """What lies there is nobody's ring, however it looks: it is said, and nothing else is concluded."""
    behind = replace(peer(1, Role.UNKNOWN, None), access=Access.WRITE, mapped_from=4096)
    odd = diagnose(looks(shown(0, 0, 0, 0, behind, replace(behind, pid=2, mapped_from=8192))))
    assert [f.code for f in odd.findings] == ["other-struct"]
    assert odd.findings[0].certainty is Certainty.LIKELY
    assert any("byte 4,096 on" in line for line in odd.findings[0].evidence)
    for first in (0, 64, None):
        beside = replace(behind, pid=2, mapped_from=first)
        assert not found(shown(0, 1, 5, 0, behind, beside), "other-struct")
    assert not found(shown(0, 1, 5, 0), "other-struct")


def test_a_segment_without_bytes() -> None:
    """Nobody called ftruncate: said without any layout."""
    one = replace(EMPTY, segment=replace(EMPTY.segment, size=0))
    assert found(one, "no-size")
    assert not found(replace(EMPTY, segment=replace(EMPTY.segment, size=1)), "no-size")


def test_ok_is_said_of_what_was_judged() -> None:
    """Everything else is undecided, with what would settle it."""
    rest = shown(0, 1, 5, 0, peer(1, Role.CONSUMER, None))
    good = diagnose(looks(rest))
    assert good.status is Status.OK
    assert any("empty + full was 5" in line for line in good.judged)
    for doubtful, word in (
        (replace(rest, layout=replace(rest.layout, source=LayoutSource.RAW)), "layout"),
        (replace(rest, layout=replace(rest.layout, disputed=True, assumptions=("both",))), "both"),
        (replace(rest, in_=None), "--map"),
        (replace(rest, waits_hidden=(1,), limits=("PID 1 is hidden",)), "PID 1 is hidden"),
        (shown(0, 0, 5, 0, peer(1, Role.CONSUMER, None)), "mutex was 0 in"),
    ):
        health = diagnose(looks(doubtful))
        assert not health.findings
        assert health.status is Status.UNKNOWN
        assert any(word in line for line in health.undecided)
    assert "0.4 s only" in diagnose(looks(rest, 0.6)).undecided[0]


def test_permits_that_nobody_sees_while_items_move() -> None:
    """Programs may keep them, or they are lost: undecided, until the programs are paused."""
    moving = [
        replace(shown(0, 1, 1, 1, peer(1, Role.PRODUCER, None)), monotonic_ns=n * 10**8, in_=n % 5)
        for n in range(30)
    ]
    health = diagnose(moving)
    assert health.status is Status.UNKNOWN
    assert "3 permits" in health.undecided[0]
    one = replace(moving[7], semaphores=moving[7].semaphores | {EMPTY_: SemaphoreState(4, 0, True)})
    assert diagnose([*moving[:7], one, *moving[8:]]).status is Status.OK


def test_a_ghost_hides_nothing_that_is_undecided() -> None:
    """It harms nobody, and does not tell why those that wait do."""
    waiting = replace(peer(1, Role.CONSUMER, FULL), goes_on=False)
    other = replace(peer(2, Role.UNKNOWN, None), letter="S", goes_on=False)
    one = shown(0, 1, 5, 0, waiting, other)
    states = one.semaphores | {FULL: replace(one.semaphores[FULL], waiters=2)}
    health = diagnose(looks(replace(one, semaphores=states), 4))
    assert [f.code for f in health.findings] == ["ghost-waiter"]
    assert any("nobody was seen who posts it" in line for line in health.undecided)


def test_waiters_on_their_way_are_no_ghosts() -> None:
    """While things move, each thread that may be between counting itself and sleeping is allowed for."""
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


def race(seconds: float, *, peers_stop: int = 0, step: int = 2) -> list[Snapshot]:
    """Two producers for so long: one takes every slot, ``step`` items a sample, the other none;
    the first stops so many seconds before the end.
    """
    loser = worker(1, "wait-empty", BLOCKED, "S")
    winner = worker(2, "write", RUNNING, "R")
    count = int(seconds * 5)
    return [
        replace(
            shown(0, 1, 2, 2, loser, replace(winner, items=step * min(n, count - peers_stop * 5))),
            monotonic_ns=n * 200_000_000,
        )
        for n in range(count)
    ]


def test_a_worker_that_gets_nothing_starves() -> None:
    """Ten seconds blocked while its peer moves items: certain, and about that worker alone."""
    found = [f for f in diagnose(race(11)).findings if f.code == "starved"]
    assert [(f.subject, f.certainty) for f in found] == [("1", Certainty.CERTAIN)]


@pytest.mark.parametrize(
    "snapshots",
    [race(9), race(11, peers_stop=3), race(11, step=0)],
    ids=["too short", "the peer has stopped", "no peer moves"],
)
def test_waiting_is_not_starving(snapshots: list[Snapshot]) -> None:
    """Below ten seconds, or while no peer gets items either."""
    assert "starved" not in codes(diagnose(snapshots))


def flow(deficits: list[int]) -> list[Snapshot]:
    """A moving buffer of one worker between two items, in which so many permits are missing."""
    one = worker(1, "pace", ProcessState.PACING, "S")
    return [
        replace(
            shown(0, 1, 3 - missing, 2, replace(one, items=n)),
            monotonic_ns=n * 300_000_000,
            in_=n % 5,
            in_flight=0,
        )
        for n, missing in enumerate(deficits)
    ]


@pytest.mark.parametrize(
    ("deficits", "claim"),
    [
        ([0, 1, 1, 1, 1, 1], "1 permit lost"),
        ([0, 2, 3, 2, 2, 3], "2 permits lost"),
        ([0, -1, -1, -1, -1, -1], "1 permit too many"),
        ([1, 1, 1, 1, 1, 0], None),
        ([0, 0, 0, 0, 1, 1], None),
    ],
)
def test_permits_missing_from_a_moving_buffer(deficits: list[int], claim: str | None) -> None:
    """As many as were missing in each of the last samples, for a second at least."""
    codes = {"lost-permit", "extra-permits"}
    found = [f.claim for f in diagnose(flow(deficits)).findings if f.code in codes]
    assert [text.partition(":")[0] for text in found] == ([] if claim is None else [claim])


@pytest.mark.parametrize(
    ("waits", "severity", "certainty"),
    [
        (
            (None, None),
            Status.WARNING,
            Certainty.LIKELY,
        ),  # They may poll with sem_trywait for ever.
        ((EMPTY_, None), Status.WARNING, Certainty.LIKELY),
        ((EMPTY_, FULL), Status.WARNING, Certainty.LIKELY),  # Each may keep to its own.
        ((EMPTY_, EMPTY_), Status.CRITICAL, Certainty.CERTAIN),
    ],
)
def test_two_libraries_agree_on_the_value(
    waits: tuple[SemaphoreRole | None, SemaphoreRole | None],
    severity: Status,
    certainty: Certainty,
) -> None:
    """What differs matters to those that sleep in a semaphore, and to those that wake them."""
    first = replace(peer(1, Role.PRODUCER, waits[0]), libc=Libc.GLIBC)
    second = replace(peer(2, Role.CONSUMER, waits[1]), libc=Libc.MUSL)
    mixed = found(shown(0, 1, 2, 3, first, second), "mixed-libc")
    assert mixed is not None
    assert (mixed.severity, mixed.certainty) == (severity, certainty)


@pytest.mark.parametrize(
    ("in_", "empty", "full", "fits"),
    [(3, 2, 3, True), (3, 1, 3, True), (3, 2, 2, True), (3, 3, 2, False), (3, 1, 4, False),
     (0, 5, 0, True), (0, 0, 5, True), (0, 3, 2, False)],
)  # fmt: skip
def test_indices_that_do_not_fit_the_permits(in_: int, empty: int, full: int, fits: bool) -> None:
    """``full`` items at the least, N - ``empty`` at the most, moving or not; out is 0."""
    going = peer(1, Role.PRODUCER, None)
    still = replace(shown(0, 1, empty, full, going), in_=in_, out=0, steady=True)
    for snapshots in (looks(still, 3), on_the_move(still, moves=24)):
        (finding,) = [f for f in diagnose(snapshots).findings if f.code == "bad-index"] or (None,)
        assert (finding is None) is fits
        assert finding is None or finding.certainty is Certainty.LIKELY


@pytest.mark.parametrize(("out", "told"), [(0, True), (None, False)])
def test_an_index_that_one_of_the_programs_has_elsewhere(out: int | None, told: bool) -> None:
    """A consumer that is built with another N moves a word of its own: in passes the number that full
    tells in each lap, and out stands still. None: out moves along.
    """
    one = replace(shown(0, 1, 0, 4, peer(1, Role.PRODUCER, None)), steady=True)
    moving = [
        replace(
            one, in_=n % 5, out=(n + 1) % 5 if out is None else out, monotonic_ns=n * 10**9 // 2
        )
        for n in range(20)
    ]
    (finding,) = [f for f in diagnose(moving).findings if f.code == "bad-index"] or (None,)
    assert (finding is not None) is told
    assert finding is None or finding.certainty is Certainty.LIKELY
    assert finding is None or any("out was never seen to move" in fact for fact in finding.evidence)


def test_a_consumer_that_goes_round_between_two_samples() -> None:
    """It takes all five at once: out is always the same, and the permits agree."""
    one = replace(shown(0, 1, 0, 0, peer(1, Role.PRODUCER, None)), out=0, steady=True)

    def after(n: int) -> Snapshot:
        values = {EMPTY_: SemaphoreState(5 - n % 5, 0, True), FULL: SemaphoreState(n % 5, 0, True)}
        return replace(
            one, in_=n % 5, monotonic_ns=n * 10**9 // 2, semaphores={**one.semaphores, **values}
        )

    assert "bad-index" not in codes(diagnose([after(n) for n in range(20)]))


def on_the_move(one: Snapshot, moves: int) -> list[Snapshot]:
    """Both indices move on together."""
    return [
        replace(one, in_=((one.in_ or 0) + n) % 5, out=n % 5, monotonic_ns=n * 10**8)
        for n in range(moves)
    ]


def test_permits_that_are_too_many_while_other_programs_move_items() -> None:
    """In every sample of one moment: a post too many, in neither semaphore alone."""
    one = replace(shown(0, 1, 3, 3, peer(1, Role.PRODUCER, None)), in_=3, out=0, steady=True)
    torn = replace(one, steady=False)
    assert not diagnose(on_the_move(torn, 24)).findings
    (finding,) = [f for f in diagnose(on_the_move(one, 24)).findings if f.code == "extra-permits"]
    assert finding.certainty is Certainty.LIKELY
    assert "1 permit too many" in finding.claim


def test_nothing_has_moved_for_a_while() -> None:
    """That items moved before is no reason to call what stands still now in order."""
    waits = peer(1, Role.CONSUMER, FULL)
    other = replace(peer(2, Role.UNKNOWN, None), letter="S")
    early = [replace(shown(0, 1, 4, 1, other), in_=1, monotonic_ns=n * 10**8) for n in range(4)]
    late = [
        replace(shown(0, 1, 5, 0, waits, other), in_=1, out=1, monotonic_ns=10**9 + n * 10**8)
        for n in range(30)
    ]
    assert any("wait for ever" in line for line in diagnose([*early, *late]).undecided)
    late[-1] = replace(late[-1], moves=Moves(1, 0, 10**9))
    said = diagnose([*early, *late])
    assert "items moved, the last one 2.9 s ago" in said.judged
    taken = [replace(s, semaphores={MUTEX: SemaphoreState(0, 0, True)}) for s in late]
    assert any("mutex was 0" in line for line in diagnose([*early, *taken]).undecided)


def test_a_ring_that_goes_round_between_two_looks_is_no_ring_at_rest() -> None:
    """Its indices and permits stand where they stood, and other items lie in its slots."""
    awake = [replace(peer(n, Role.UNKNOWN, None), goes_on=True) for n in (1, 2)]

    def at(tenths: int, value: float) -> Snapshot:
        one = shown(0, 1, 5, 0, *awake)
        return replace(one, slots=(Slot(0, value, False),), monotonic_ns=tenths * 10**8)

    def undecided(*values: float) -> bool:
        told = diagnose([at(n, value) for n, value in enumerate(values)]).undecided
        return any("no item was seen to move" in text for text in told)

    assert not undecided(*map(float, range(30)))
    assert undecided(*[7.0] * 30)
    assert undecided(*[float("nan") for _each in range(30)])


@pytest.mark.parametrize("moved_before", [False, True])
def test_a_lock_that_goes_round_is_no_flow(*, moved_before: bool) -> None:
    """A third process takes the lock and gives it back all the time, and the two wait for good."""
    waits = peer(1, Role.CONSUMER, FULL)
    other = replace(peer(2, Role.UNKNOWN, None), goes_on=True)

    def at(tenths: int, out: int = 0) -> Snapshot:
        one = shown(0, tenths % 2, 5, 0, waits, other)
        return replace(one, in_=out, out=out, monotonic_ns=tenths * 10**8)

    early = [at(n, n) for n in range(5)] if moved_before else []
    assert any("wait for ever" in u for u in diagnose([*early, *map(at, range(5, 35))]).undecided)
    lost = [
        replace(s, semaphores=s.semaphores | {EMPTY_: SemaphoreState(3, 0, True)})
        for s in map(at, range(5, 35))
    ]
    assert any("2 permits are in neither" in u for u in diagnose([*early, *lost]).undecided)


@pytest.mark.parametrize(
    ("count", "role", "told"),
    [
        (5, Role.UNKNOWN, "no consumer was seen"),
        (0, Role.UNKNOWN, "no producer was seen"),
        (5, Role.CONSUMER, ""),
        (2, Role.UNKNOWN, ""),
    ],
)
def test_one_lock_and_a_count(count: int, role: Role, told: str) -> None:
    """A ring that is full while one polls it, and nobody is known who takes items out, may be so for good."""
    one = shown(0, 1, 0, 0, replace(peer(1, role, None), goes_on=True))
    alone = {MUTEX: one.semaphores[MUTEX]}
    in_, out = count % 5, 0
    health = diagnose(looks(replace(one, semaphores=alone, in_=in_, out=out, count=count), 4))
    assert told in "".join(health.undecided)
    assert bool(health.undecided) == bool(told)


# -- what the zoo of healthy programs taught ------------------------------------------------------


def test_a_mutex_that_nobody_uses_may_stay_0() -> None:
    """One producer and one consumer need none. Who died inside is missing with a permit."""
    consumer = peer(1, Role.CONSUMER, FULL)
    assert not found(shown(0, 0, 5, 0, consumer), "dead-holder")
    assert diagnose(looks(shown(0, 0, 5, 0, consumer))).status is Status.UNKNOWN
    assert found(shown(0, 0, 4, 0, consumer), "dead-holder")
    assert found(shown(0, 0, 3, 0, consumer, peer(2, Role.PRODUCER, MUTEX)), "dead-holder")


def test_one_who_holds_his_own_sides_lock_while_he_waits() -> None:
    """Two producers on a full ring, whose consumer comes later and takes no mutex: no deadlock
    that is sure to be one. With a consumer that waits for mutex that doubt is gone, and another is
    left: who has mutex may map nothing while it is inside.
    """
    full = shown(0, 0, 0, 5, peer(1, Role.PRODUCER, EMPTY_), peer(2, Role.PRODUCER, MUTEX))
    finding = found(full, "wrong-order")
    assert finding is not None
    assert finding.severity is Status.WARNING
    other = replace(full, processes=(*full.processes, peer(3, Role.CONSUMER, MUTEX)))
    stuck = found(other, "wrong-order")
    assert stuck is not None
    assert len(stuck.evidence) < len(finding.evidence)
    assert (stuck.severity, stuck.certainty) == (Status.WARNING, Certainty.LIKELY)


def test_before_anybody_waits_sem_init_may_still_come() -> None:
    """Its creator reads its settings first, say."""
    creator = peer(1, Role.UNKNOWN, None)
    for one in (zeroed(Libc.GLIBC), zeroed(Libc.GLIBC, creator)):
        finding = found(one, "never-initialised")
        assert finding is not None
        assert (finding.severity, finding.certainty) == (Status.WARNING, Certainty.LIKELY)


def test_a_signal_handler_may_post() -> None:
    """While every thread sleeps: nobody is surely cut off, and no lock surely lost."""
    alone = replace(peer(1, Role.CONSUMER, FULL), wakeable=False)
    timer = replace(alone, has_handlers=True, catches_signals=True)
    helper = peer(2, Role.UNKNOWN, None)

    def cut_off(full: int, process: Process) -> bool:
        private = {r: SemaphoreState(v, 0, False) for r, v in ((MUTEX, 1), (FULL, full))}
        one = replace(shown(0, 1, 5, full, process, helper), semaphores=private)
        finding = found(one, "process-private")
        return finding is not None and finding.severity is Status.CRITICAL

    assert cut_off(0, alone)
    assert not cut_off(0, timer)
    assert cut_off(1, timer)  # A post was there, and did not wake it.
    waits = peer(1, Role.PRODUCER, MUTEX)
    for process, sure in (
        (waits, Certainty.CERTAIN),
        (replace(waits, has_handlers=True), Certainty.LIKELY),
    ):
        finding = found(killed_inside(shown(0, 0, 3, 0, process)), "dead-holder")
        assert finding is not None
        assert finding.certainty is sure


def test_a_thread_in_a_signal_handler_is_still_counted() -> None:
    """It waits on a semaphore, and sleeps in a handler: no ghost."""
    one = shown(0, 1, 5, 0, peer(1, Role.CONSUMER, None))
    one = replace(one, semaphores={**one.semaphores, FULL: SemaphoreState(0, 1, True)})
    assert found(one, "ghost-waiter")
    handles = replace(one.processes[0], catches_signals=True)
    assert not found(replace(one, processes=(handles,)), "ghost-waiter")


def test_an_index_of_another_meaning_is_not_critical() -> None:
    """Such as one that counts bytes, in a program of somebody else."""
    finding = found(replace(shown(0, 1, 2, 3), in_=28), "bad-index")
    assert finding is not None
    assert (finding.severity, finding.certainty) == (Status.WARNING, Certainty.LIKELY)


def test_no_repair_is_named_by_a_layout_that_an_index_contradicts() -> None:
    """A repair would refuse it: what is taken for mutex may be another word."""
    one = replace(shown(0, 0, 2, 2, peer(1, Role.CONSUMER, MUTEX)), in_=28)
    finding = found(one, "dead-holder")
    assert finding is not None
    assert "repair" not in finding.remedy
    assert "check the layout" in finding.remedy


def test_who_waits_for_a_permit_with_a_timeout_beside_a_dead_holder() -> None:
    """A permit is gone with the holder; where none is, the one that waits may have taken mutex."""
    waits = peer(1, Role.CONSUMER, MUTEX)
    timed = replace(peer(2, Role.PRODUCER, EMPTY_), timed_waits=(EMPTY_,))
    gone = found(shown(0, 0, 0, 3, waits, timed), "dead-holder")
    assert gone is not None
    assert gone.certainty is Certainty.LIKELY
    assert any("unless one of p2 (PID 2) took mutex" in fact for fact in gone.evidence)
    assert not found(shown(0, 0, 0, 4, waits, timed), "dead-holder", 6)


@pytest.mark.parametrize(("pid", "severity"), [(7, Status.CRITICAL), (8, Status.WARNING)])
def test_a_dead_owner_was_killed_only_if_it_was_he(pid: int, severity: Status) -> None:
    """Another process that a signal ended says nothing of the lock: its owner may have ended by itself,
    and have left it to a child to unlock.
    """
    waiting = replace(peer(3, Role.UNKNOWN, None), sleeps_on=("guard",))
    killed = replace(
        peer(pid, Role.UNKNOWN, None), state=ProcessState.ENDED, killed=True, died_ns=1
    )
    lock = SyncObject("guard", "pthread_mutex_t", offset=128, value=0, owner=7, owner_dead=True)
    one = replace(shown(0, 1, 5, 0, waiting, killed), sync=(lock,))
    finding = found(one, "dead-owner", 4)
    assert finding is not None
    assert finding.severity is severity
    unless = any("a child of the owner" in fact for fact in finding.evidence)
    assert unless is (severity is Status.WARNING)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"sleeps_on": ("ready",), "sleeps_timed": True},
        {"waits": (FULL,), "timed_waits": (FULL,)},
        {"sleeps_on": ("ready",), "has_handlers": True},
        {"sleeps_on": ("ready",), "threads": 2},
    ],
)
def test_who_goes_on_by_himself_may_unlock_for_a_dead_owner(facts: dict[str, object]) -> None:
    """A child that does its parent's work under the parent's lock, say, though that was killed."""
    waiting = replace(peer(3, Role.UNKNOWN, None), sleeps_on=("guard",))
    owner = replace(peer(7, Role.UNKNOWN, None), state=ProcessState.ENDED, killed=True, died_ns=1)
    child = replace(peer(4, Role.UNKNOWN, None), **facts)
    lock = SyncObject("guard", "pthread_mutex_t", offset=128, value=0, owner=7, owner_dead=True)
    one = replace(shown(0, 1, 5, 0, waiting, owner, child), sync=(lock,))
    finding = found(one, "dead-owner", 4)
    assert finding is not None
    assert (finding.certainty, finding.severity) == (Certainty.LIKELY, Status.WARNING)
    assert "unless it is to be unlocked by p4 (PID 4)" in finding.evidence
    alone = found(replace(one, processes=(waiting, owner)), "dead-owner", 4)
    assert alone is not None
    assert (alone.certainty, alone.severity) == (Certainty.CERTAIN, Status.CRITICAL)


def test_who_is_dead_waits_no_more_and_nobody_posted_for_it() -> None:
    """It keeps what it waited for until its death, without a time; the ring beside it stands still."""
    waiting = replace(peer(1, Role.PRODUCER, EMPTY_), blocked_for=5.0)
    dead = replace(waiting, state=ProcessState.ENDED, letter="", blocked_for=None)
    other = peer(2, Role.CONSUMER, None)
    samples = looks(shown(0, 1, 0, 5, waiting, other), 1) + [
        replace(
            s, processes=(dead, other), steady=True, monotonic_ns=s.monotonic_ns + 1_000_000_000
        )
        for s in looks(shown(0, 1, 0, 5), 2)
    ]
    assert not [text for text in diagnose(samples).undecided if "were posted" in text]
