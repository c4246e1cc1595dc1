"""What a repair concludes from positions, waiter counts and what cannot be read. Pure records."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.repair.consent import Consent
from shmtui.repair.follow_up import PrivateSleepers
from shmtui.repair.item_count import held_permits
from shmtui.repair.plan import Plan, Refusal, proposal_lines
from shmtui.repair.planner import make_plan, with_deaths_seen
from shmtui.repair.protocol_positions import Place, ProtocolPosition, eliminate, with_earlier
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import LayoutInfo, LayoutSource, Offsets, SegmentInfo, SemaphoreState
from shmtui.snapshot import EMPTY, Certainty, Finding, Process, ProcessState, Snapshot, Status

ON_MUTEX, ON_EMPTY, ON_FULL = SemaphoreRole.MUTEX, SemaphoreRole.EMPTY, SemaphoreRole.FULL
OWN = {Role.PRODUCER: ON_EMPTY, Role.CONSUMER: ON_FULL}
Words = tuple[int, int]
"""Value and waiters."""


def seen(
    mutex: Words, empty: Words, full: Words, *, shared: bool = False, in_: int = 0, out: int = 0
) -> Snapshot:
    """A ring of five slots with these semaphores, read by a user who sees no waits."""
    words = {ON_MUTEX: mutex, ON_EMPTY: empty, ON_FULL: full}
    return replace(
        EMPTY,
        segment=SegmentInfo("/ring", 128, 1, 0o600, "ana"),
        layout=LayoutInfo(LayoutSource.OPTIONS, 5, "int32", 4, Offsets(0, 20, 24, 32, 64, 96)),
        in_=in_,
        out=out,
        waits_hidden=(1, 2),
        semaphores={role: SemaphoreState(v, w, shared) for role, (v, w) in words.items()},
    )


def hidden(pid: int, role: Role, threads: int = 1) -> ProtocolPosition:
    """A process asleep on a futex that may not be read, of a known side, or not."""
    process = Process(pid, "a.out", role, ProcessState.BLOCKED, threads=threads)
    return ProtocolPosition(process, Place.HIDDEN, readable=False)


def finding(code: str) -> Finding:
    """A finding of that code."""
    return Finding(code, Status.CRITICAL, "claim", (), Certainty.CERTAIN, "remedy")


P, C, U = Role.PRODUCER, Role.CONSUMER, Role.UNKNOWN


@pytest.mark.parametrize(
    ("roles", "waiters", "asleep"),
    [
        ((P, C), (0, 1, 1), (ON_EMPTY, ON_FULL)),
        ((P, C), (1, 0, 1), (ON_MUTEX, ON_FULL)),
        ((P, C), (1, 1, 0), (ON_EMPTY, ON_MUTEX)),
        ((P, C), (2, 0, 0), (ON_MUTEX, ON_MUTEX)),
        ((U,), (1, 0, 0), (ON_MUTEX,)),
        ((U, P), (0, 2, 0), (ON_EMPTY, ON_EMPTY)),
        ((U, C), (0, 1, 1), (ON_EMPTY, ON_FULL)),
        ((U, P), (0, 1, 1), (ON_FULL, ON_EMPTY)),
        ((U, U), (0, 1, 1), (ON_EMPTY, ON_FULL)),  # or the other way about: they hold nothing
    ],
)
def test_the_waiter_counts_tell_where_hidden_ones_sleep(
    roles: Sequence[Role], waiters: tuple[int, int, int], asleep: Sequence[SemaphoreRole]
) -> None:
    """A producer sleeps on empty or mutex, a consumer on full or mutex, and each is counted."""
    snapshot = seen(*((0, count) for count in waiters))
    placed = eliminate([hidden(n, role) for n, role in enumerate(roles)], snapshot)
    assert placed is not None
    assert [p.asleep for p in placed] == [((role, True),) for role in asleep]
    assert not any(p.readable for p in placed)


@pytest.mark.parametrize(
    ("roles", "waiters"),
    [
        ((P, C), (0, 1, 0)),  # one of them sleeps on something else
        ((P, C), (0, 1, 2)),  # a ghost is counted
        ((P,), (0, 0, 1)),  # a producer does not wait on full
        ((P, C), (0, 2, 0)),
    ],
)
def test_counts_that_do_not_add_up_tell_nothing(
    roles: Sequence[Role], waiters: tuple[int, int, int]
) -> None:
    """Then nobody is placed."""
    snapshot = seen(*((0, count) for count in waiters))
    assert eliminate([hidden(n, role) for n, role in enumerate(roles)], snapshot) is None


@pytest.mark.parametrize(("roles", "open_ones"), [((U, U), 2), ((P, U), 2), ((P, C), 0)])
def test_who_of_several_sleeps_on_which_may_stay_open(
    roles: Sequence[Role], open_ones: int
) -> None:
    """All of them are placed; who is on mutex, and may be another one, is said to be unsettled."""
    waiters = (1, 1, 0)
    placed = eliminate(
        [hidden(n, role) for n, role in enumerate(roles)], seen(*((0, n) for n in waiters))
    )
    assert placed is not None
    assert sorted(role for p in placed for role, _private in p.asleep) == ["empty", "mutex"]
    assert sum(p.unsettled for p in placed) == open_ones


def test_a_count_that_cannot_be_read_tells_nothing() -> None:
    """A named semaphore whose file is gone."""
    snapshot = seen((0, 0), (0, 1), (0, 0))
    snapshot.semaphores[ON_FULL] = SemaphoreState(None, None, None)
    assert eliminate([hidden(1, P)], snapshot) is None


Crowd = list[tuple[Role, bool, bool]]
"""Each process: its side, whether it sleeps on mutex, and whether that can be read."""


@given(st.lists(st.tuples(st.sampled_from([P, C]), st.booleans(), st.booleans()), max_size=8))
def test_what_is_held_together_is_always_right(crowd: Crowd) -> None:
    """Processes of one side may be confused; the permits in hand are those of the truth."""
    truth, positions = [], []
    for pid, (role, on_mutex, readable) in enumerate(crowd):
        at = ON_MUTEX if on_mutex else OWN[role]
        place = Place(at.value)
        told = replace(hidden(pid, role), place=place, asleep=((at, True),), readable=True)
        truth.append(told)
        positions.append(told if readable else hidden(pid, role))
    counts = Counter(at for p in truth for at, _private in p.asleep)
    snapshot = seen((0, counts[ON_MUTEX]), (0, counts[ON_EMPTY]), (0, counts[ON_FULL]))
    placed = eliminate(positions, snapshot)
    assert placed is not None
    assert held_permits(placed) == held_permits(truth)


def test_a_process_of_several_threads() -> None:
    """They are counted each, and may sleep on both of its side's semaphores."""
    placed = eliminate([hidden(1, P, threads=3)], seen((0, 1), (0, 2), (0, 0)))
    assert placed is not None
    assert placed[0].asleep == ((ON_EMPTY, True), (ON_EMPTY, True), (ON_MUTEX, True))


def test_a_hidden_pair_is_repaired_and_called_likely() -> None:
    """The words are those of the pair that can be read; only the certainty is another."""
    pair = [hidden(1, P), hidden(2, C)]
    plan = make_plan(seen((0, 0), (0, 1), (0, 1)), [finding("never-initialised")], pair)
    assert isinstance(plan, Plan)
    assert [change.text for change in plan.changes] == [
        "empty: value 0 → 5, private → shared between processes",
        "full: private → shared between processes",
        "mutex: value 0 → 1, private → shared between processes",
    ]
    assert [p.process.pid for p in plan.private_sleepers] == [1, 2]
    assert plan.certainty is Certainty.LIKELY
    assert any("waiter counts alone: a.out (PID 1), a.out (PID 2)" in s for s in plan.rests_on)


def test_what_the_counts_leave_open_is_refused_with_a_command() -> None:
    """It can be pasted."""
    refused = make_plan(
        seen((0, 0), (0, 1), (0, 0)), [finding("never-initialised")], [hidden(1, P), hidden(2, C)]
    )
    assert isinstance(refused, Refusal)
    why, way = list(proposal_lines(refused))
    assert why.startswith("refused: this user may not read what a.out (PID 1), a.out (PID 2)")
    assert "to settle it: sudo shmtui repair /ring; " in way
    assert "sudo sysctl kernel.yama.ptrace_scope=0" in way
    assert way.endswith(": shmtui repair /ring --assume-idle 1 --assume-idle 2")


def unseen(snapshot: Snapshot) -> Snapshot:
    """The same beside a process that cannot be read and could write to it."""
    return replace(snapshot, unseen=True, limits=("PID 7 cannot be read",), waits_hidden=())


@pytest.mark.parametrize(
    ("snapshot", "code"),
    [
        (seen((0, 0), (4, 0), (0, 0), shared=True), "dead-holder"),  # it may hold mutex
        (seen((1, 0), (4, 0), (0, 0), shared=True), "lost-permit"),  # or a permit
        (seen((0, 0), (0, 1), (0, 0)), "never-initialised"),  # or be the waiter that is counted
    ],
)
def test_a_process_that_is_not_read_is_refused_with_a_command(
    snapshot: Snapshot, code: str
) -> None:
    """It may take part; the limit says which."""
    refused = make_plan(unseen(snapshot), [finding(code)], [])
    assert isinstance(refused, Refusal)
    assert "PID 7 cannot be read" in refused.why
    assert refused.remedy == "sudo shmtui repair /ring"
    assert not refused.transient


def test_a_process_that_is_not_read_holds_nothing_of_a_ring_that_was_never_initialised() -> None:
    """No process has passed a semaphore, and all that are counted as waiters are seen."""
    asleep = replace(hidden(1, P), place=Place.EMPTY, asleep=((ON_EMPTY, True),), readable=True)
    plan = make_plan(unseen(seen((0, 0), (0, 1), (0, 0))), [finding("never-initialised")], [asleep])
    assert isinstance(plan, Plan)
    assert plan.certainty is Certainty.LIKELY
    assert any(s.startswith("assumed: ") and "PID 7" in s for s in plan.rests_on)


def test_a_finding_that_no_semaphore_ends() -> None:
    """Its own remedy; and where waits are hidden, what shows them: it may be another finding."""
    blind = seen((0, 0), (5, 0), (0, 0))
    for snapshot, remedy in ((replace(blind, waits_hidden=()), "remedy"), (blind, "sudo ")):
        refused = make_plan(snapshot, [finding("stalled")], [])
        assert isinstance(refused, Refusal)
        assert refused.why == "setting semaphores does not end this: stalled"
        assert refused.remedy.startswith(remedy)


def test_no_finding_is_no_health_where_waits_are_hidden() -> None:
    """The mutex is 0, and its holder may be dead; with the mutex free nothing has to be said."""
    blind = seen((0, 1), (4, 0), (0, 0))
    refused = make_plan(blind, [], [])
    assert isinstance(refused, Refusal)
    assert refused.why.startswith("mutex is 0")
    assert refused.remedy.startswith("sudo shmtui repair /ring")
    assert make_plan(seen((1, 0), (4, 0), (0, 0)), [], []) is None
    assert make_plan(replace(blind, waits_hidden=()), [], []) is None


def test_what_is_assumed_is_named_and_refuses_nothing() -> None:
    """Root's processes, say; the plan is likely then."""
    assumption = "root's processes take no part (40 cannot be read)"
    certain = seen((0, 0), (0, 1), (0, 0))
    for snapshot in (certain, replace(certain, assumptions=(assumption,))):
        plan = make_plan(snapshot, [finding("never-initialised")], [])
        assert isinstance(plan, Plan)
        assert (f"assumed: {assumption}" in plan.rests_on) is bool(snapshot.assumptions)
        likely = plan.certainty is Certainty.LIKELY
        assert likely is bool(snapshot.assumptions)


def test_a_stopped_process_keeps_the_place_where_it_slept() -> None:
    """Only one that is not readable; what can be read now is newer."""
    before = [hidden(1, P), replace(hidden(2, C), place=Place.UNKNOWN), hidden(3, P)]
    now = [replace(p, place=Place.UNKNOWN) for p in before]
    now[2] = replace(now[2], readable=True, place=Place.ELSEWHERE)
    places = [p.place for p in with_earlier(now, before)]
    assert places == [Place.HIDDEN, Place.UNKNOWN, Place.ELSEWHERE]


def test_a_private_sleeper_is_interrupted_while_a_permit_is_there() -> None:
    """Not before; and it counts as asleep until it has left."""
    asleep = replace(hidden(1, P), place=Place.EMPTY, asleep=((ON_EMPTY, True),), readable=True)
    sleepers = PrivateSleepers([asleep])
    for empty, woken in (((0, 1), []), ((5, 1), [1])):
        snapshot = seen((1, 0), empty, (0, 0), shared=True)
        sleepers.update([asleep], snapshot)
        assert [p.pid for p in sleepers.wakeable(snapshot)] == woken
        assert [p.pid for p in sleepers.pending] == [1]
    sleepers.update([replace(asleep, place=Place.OUTSIDE, asleep=())], snapshot)
    assert sleepers.pending == ()


@pytest.mark.parametrize("full", [0, 1])
def test_no_plan_is_made_that_writes_no_word_and_wakes_nobody(full: int) -> None:
    """Who sleeps privately on an ``empty`` that nobody initialised is interrupted for nothing."""
    producer = replace(hidden(1, P), place=Place.EMPTY, asleep=((ON_EMPTY, True),), readable=True)
    ring = replace(seen((1, 0), (0, 1), (full, 0), in_=2, out=2), waits_hidden=())
    marked = {role: replace(ring.semaphores[role], shared=True) for role in (ON_MUTEX, ON_FULL)}
    ring = replace(ring, semaphores=ring.semaphores | marked)
    found = [finding("process-private"), finding("lost-permit")]
    made = make_plan(ring, found, [producer], Consent(permits=True))
    if full:  # Then the ring is full, and the semaphore is marked for all.
        assert isinstance(made, Plan)
    else:
        assert isinstance(made, Refusal)
        assert "whether the ring is empty or full" in made.why


def test_a_hidden_private_sleeper_counts_until_it_was_interrupted_to_some_effect() -> None:
    """What it sleeps on is not seen; that a permit and a waiter stay beside each other is."""
    planned = replace(hidden(1, P), place=Place.EMPTY, asleep=((ON_EMPTY, True),))
    sleepers = PrivateSleepers([planned])
    waiting, deaf, served = (
        seen((1, 0), words, (0, 0), shared=True) for words in ((0, 1), (5, 1), (4, 0))
    )
    sleepers.update([hidden(1, P)], waiting)
    assert sleepers.wakeable(waiting) == ()
    for _again in range(2):
        sleepers.update([hidden(1, P)], deaf)
        assert [p.pid for p in sleepers.wakeable(deaf)] == [1]
    sleepers.update([hidden(1, P)], served)
    assert sleepers.pending == ()


def test_before_anybody_waits_nothing_is_initialised() -> None:
    """sem_init may come a moment later, and would give out again what programs have taken."""
    early = replace(finding("never-initialised"), severity=Status.WARNING)
    refused = make_plan(seen((0, 0), (0, 0), (0, 0)), [early], [])
    assert isinstance(refused, Refusal)
    assert "nobody waits for good yet" in refused.why


def test_a_lock_with_two_permits_is_lowered_on_the_users_word_alone() -> None:
    """It may be meant to let two in."""
    asleep = ProtocolPosition(
        Process(1, "producer", P, ProcessState.BLOCKED), Place.EMPTY, ((ON_EMPTY, False),)
    )
    full = replace(seen((2, 0), (0, 1), (5, 0), shared=True), waits_hidden=())
    refused = make_plan(full, [finding("mutex-overflow")], [asleep])
    assert isinstance(refused, Refusal)
    assert refused.needs_permits
    plan = make_plan(full, [finding("mutex-overflow")], [asleep], Consent(permits=True))
    assert isinstance(plan, Plan)
    assert [change.text for change in plan.lock] == ["mutex: value 2 → 1"]


def dead_holder(snapshot: Snapshot, *asleep: SemaphoreRole, sure: bool = False) -> object:
    """What is planned for it where those sleep, and a third process seems to have held mutex."""
    found = finding("dead-holder")
    if not sure:
        found = replace(found, certainty=Certainty.LIKELY)
    crowd = [
        replace(hidden(pid, P), place=Place(at.value), asleep=((at, False),), readable=True)
        for pid, at in enumerate(asleep)
    ]
    return make_plan(replace(snapshot, waits_hidden=()), [found], crowd)


@pytest.mark.parametrize(
    ("snapshot", "asleep"),
    [
        # Its permit is gone, too; or its holder runs another program now, and posts it later.
        (seen((0, 1), (3, 0), (0, 0), shared=True), (ON_MUTEX,)),
        (seen((0, 1), (4, 0), (0, 0), shared=True), (ON_MUTEX,)),  # a lock of two commands
        (seen((0, 0), (4, 0), (0, 0), shared=True), ()),  # an open transaction of theirs
        (seen((0, 2), (0, 0), (0, 0), shared=True), (ON_MUTEX, ON_MUTEX)),  # a gate
        # The first reader waits inside for the room that a writer has, who maps nothing meanwhile.
        (seen((0, 2), (0, 1), (0, 0), shared=True, in_=1), (ON_MUTEX, ON_MUTEX, ON_EMPTY)),
        # One of the other side waits for its permit, and one permit is gone with the holder; or a
        # server keeps the lock while it waits for orders, in a ring of which it uses all slots but one.
        (seen((0, 1), (0, 0), (3, 0), shared=True, in_=3), (ON_MUTEX, ON_EMPTY)),
        (seen((0, 0), (4, 0), (0, 1), shared=True, in_=3, out=3), (ON_FULL,)),
    ],
)
def test_mutex_is_posted_only_where_its_holder_was_seen_to_die(
    snapshot: Snapshot, asleep: Sequence[SemaphoreRole]
) -> None:
    """One that has ended may have left it to another to post, and one that waits for a permit may
    have it. The user's word settles it, and so does a death that was seen.
    """
    found = dead_holder(snapshot, *asleep)
    assert isinstance(found, Refusal)
    assert found.remedy.endswith(": shmtui repair /ring --lock")
    assert ("waits for a permit may have" in found.why) == bool({ON_EMPTY, ON_FULL} & {*asleep})
    assert isinstance(dead_holder(snapshot, *asleep, sure=True), Plan)


def on_mutex(*names: str) -> list[ProtocolPosition]:
    """Programs that wait for mutex, whose sides nobody has seen."""
    return [
        ProtocolPosition(
            Process(pid, name, U, ProcessState.BLOCKED, waits=(ON_MUTEX,)),
            Place.MUTEX,
            ((ON_MUTEX, False),),
        )
        for pid, name in enumerate(names, 1)
    ]


DEAD = Consent(lock=True, permits=True)
"""The word that the holder of mutex is dead, and that all keep to the protocol."""


def test_a_side_is_proposed_by_its_name_and_never_taken_from_it() -> None:
    """The command is to be pasted: the likelier side stands in it, and none where the name suggests none."""
    stuck = replace(seen((0, 2), (2, 0), (0, 0), shared=True, in_=2), waits_hidden=())
    plan = make_plan(stuck, [finding("dead-holder")], on_mutex("./consumidor", "a.out"), DEAD)
    assert isinstance(plan, Plan)
    assert not [change for change in plan.permits if change.permits_added]
    command = "shmtui repair /ring --role 1=consumer --role 2=SIDE;"
    assert command in plan.permits_left


def test_a_ring_of_one_lock_has_no_permits_that_could_be_left() -> None:
    """Its lock is set, and nothing is asked for or left."""
    three = seen((0, 1), (0, 0), (0, 0), shared=True)
    one = replace(three, semaphores={ON_MUTEX: three.semaphores[ON_MUTEX]}, waits_hidden=())
    plan = make_plan(one, [finding("dead-holder")], on_mutex("a.out"), DEAD)
    assert isinstance(plan, Plan)
    assert (len(plan.lock), plan.permits, plan.permits_left) == (1, (), "")


def test_sides_that_take_permits_away_are_refused() -> None:
    """Who dies takes permits along and leaves none: one of the two has to be a consumer."""
    stuck = replace(seen((0, 2), (2, 0), (0, 0), shared=True, in_=2), waits_hidden=())
    crowd = on_mutex("a.out", "b.out")
    for sides, fit in (((P, P), False), ((P, C), True)):
        word = replace(DEAD, roles=tuple(enumerate(sides, 1)))
        plan = make_plan(stuck, [finding("dead-holder")], crowd, word)
        assert isinstance(plan, Plan)
        assert ("do not fit the permits: empty would fall from 2 to 1" in plan.permits_left) != fit
        assert bool([change for change in plan.permits if change.permits_added]) == fit


def test_a_death_that_another_watch_has_seen_frees_the_lock() -> None:
    """As the dashboard's, which was there when its holder died. A command was not, and takes the user's word."""
    one = seen((0, 2), (1, 0), (1, 0), shared=True, in_=3, out=1)
    waiting = [
        replace(hidden(pid, role), place=Place.MUTEX, asleep=((ON_MUTEX, False),), readable=True)
        for pid, role in ((1, P), (2, C))
    ]
    found = [replace(finding("dead-holder"), certainty=Certainty.LIKELY)]
    refused = make_plan(one, found, waiting)
    assert isinstance(refused, Refusal)
    assert refused.needs_lock
    assert refused.remedy.endswith("shmtui repair /ring --lock")
    other = replace(found[0], code="stalled", death_seen=True)
    assert isinstance(make_plan(one, with_deaths_seen(found, [other, *found]), waiting), Refusal)
    proof = replace(found[0], death_seen=True)
    plan = make_plan(one, with_deaths_seen(found, [proof]), waiting)
    assert isinstance(plan, Plan)
    assert [change.text for change in plan.lock] == ["mutex: value 0 → 1"]
    assert plan.rests_on[0] == proof.claim
    assert any("none that waits for mutex has it already" in line for line in plan.rests_on)
    assert plan.certainty is Certainty.LIKELY
    assert plan.watched_first, "a program that is not there now may yet post it"


@pytest.mark.parametrize("codes", [("late-init",), ("late-init", "process-private")])
def test_who_sleeps_uncounted_is_counted_on_the_users_word_alone(codes: Sequence[str]) -> None:
    """Asleep for all processes on a word that counts nobody: sem_wait does so where sem_init came later, and any
    program on a word of its own, of which no byte is written then. A death beside it frees the lock alone.
    """
    marks = {"late-init": True, "process-private": False}
    one = replace(seen((0, 1), (4, 0), (0, 0), shared=True), waits_hidden=())
    own = SemaphoreState(0, 0, marks[codes[-1]])
    one = replace(one, semaphores=one.semaphores | {ON_FULL: own})
    asleep = [
        replace(hidden(pid, side), place=Place(at.value), asleep=((at, False),), readable=True)
        for pid, side, at in ((1, P, ON_MUTEX), (2, C, ON_FULL))
    ]
    found = [replace(finding(code), certainty=Certainty.LIKELY) for code in codes]
    free = replace(one, semaphores=one.semaphores | {ON_MUTEX: SemaphoreState(1, 0, True)})
    free = replace(free, semaphores=free.semaphores | {ON_EMPTY: SemaphoreState(5, 0, True)})
    refused = make_plan(free, found, asleep[1:])
    assert isinstance(refused, Refusal)
    assert refused.needs_permits
    assert "shmtui repair /ring --permits" in refused.remedy
    plan = make_plan(free, found, asleep[1:], Consent(permits=True))
    assert isinstance(plan, Plan)
    assert [change.after.waiters for change in plan.permits] == [1]
    plan = make_plan(one, [finding("dead-holder"), *found], asleep)
    assert isinstance(plan, Plan)
    assert [change.text for change in plan.lock] == ["mutex: value 0 → 1"]
    assert plan.permits == ()
    assert "shmtui repair /ring --permits" in plan.permits_left


@pytest.mark.parametrize(
    ("empty", "full", "in_", "lowered"),
    [
        (2, 4, 3, "full: value 4 → 3"),
        (3, 3, 3, "empty: value 3 → 2"),
        # The item that nobody put was taken: out has passed in, and four slots seem to hold items.
        (6, 0, 4, ""),
    ],
)
def test_a_permit_too_many_is_taken_back_where_it_was_not_used(
    empty: int, full: int, in_: int, lowered: str
) -> None:
    """Else the indices have passed each other: by them, items would be taken that were taken before."""
    ring = replace(seen((1, 0), (empty, 0), (full, 0), shared=True, in_=in_), waits_hidden=())
    made = make_plan(ring, [finding("extra-permits")], [], Consent(permits=True))
    if lowered:
        assert isinstance(made, Plan)
        assert [change.text for change in made.permits] == [lowered]
    else:
        assert isinstance(made, Refusal)
        assert "no longer say how many items" in made.why


@pytest.mark.parametrize("code", ["stalled", "wrong-order"])
def test_no_word_is_asked_for_that_would_be_refused(code: str) -> None:
    """Where the layout is open, that is to be said first."""
    ring = replace(seen((0, 0), (4, 0), (0, 0), shared=True, in_=1), waits_hidden=())
    open_one = replace(ring, layout=replace(ring.layout, disputed=True, assumptions=("guessed",)))
    holder = replace(hidden(1, U), place=Place.ELSEWHERE, readable=True)
    for snapshot, asked in ((ring, True), (open_one, False)):
        refused = make_plan(snapshot, [finding(code)], [holder])
        assert isinstance(refused, Refusal)
        assert ("--lock" in refused.remedy) == asked
        assert (refused.why == "guessed") != asked
