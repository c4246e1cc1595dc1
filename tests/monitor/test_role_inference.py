"""A role is inferred from a move only where no other process could have made it."""

from hypothesis import given
from hypothesis import strategies as st

from shmtui.monitor.role_inference import (
    ENOUGH,
    ContextSwitchSample,
    RoleInference,
    RunStamp,
    movers,
)
from shmtui.shm.protocol import Role

PIDS = (1, 2, 3)
ROLES = st.fixed_dictionaries({pid: st.sampled_from(list(Role)) for pid in PIDS})


def sample(turns: dict[int, int | None], in_: int, out: int) -> ContextSwitchSample:
    """A sample in which each process has run so often; None: unknown."""
    run_stamps: dict[int, RunStamp] = {
        p: None if n is None else b"%d" % n for p, n in turns.items()
    }
    return ContextSwitchSample(run_stamps, in_, out, run_stamps)


@given(
    ROLES,
    st.dictionaries(st.sampled_from(PIDS), st.none() | st.integers(0, 1), min_size=1),
    st.sampled_from(PIDS),
    st.sampled_from([Role.PRODUCER, Role.CONSUMER]),
)
def test_only_the_process_that_moved_it_is_named(
    roles: dict[int, Role], others: dict[int, int | None], doer: int, side: Role
) -> None:
    """Whichever processes ran: the one that moved the index is named, or none."""
    # Its role, where it is known, is the one that it acts in.
    roles[doer] = side if roles[doer] is not Role.UNKNOWN else Role.UNKNOWN
    turns = {pid: others.get(pid, 0) for pid in PIDS} | {doer: 1}
    producing = side is Role.PRODUCER
    now = sample(turns, int(producing), int(not producing))
    named = movers(sample(dict.fromkeys(PIDS, 0), 0, 0), now, roles)
    assert named in {(), ((doer, side),)}
    alone = all(others.get(pid, 0) == 0 for pid in PIDS if pid != doer)
    if alone and roles[doer] is Role.UNKNOWN:
        assert named == ((doer, side),)


def test_a_process_that_left_may_have_moved_it() -> None:
    """So no other process is named."""
    last, now = sample({1: 0, 2: 0}, 0, 0), sample({1: 1}, 1, 0)
    assert movers(last, now, {1: Role.UNKNOWN}) == ()


def test_a_role_takes_several_moves_of_one_index() -> None:
    """One move is chance, and a process that moves both indices has neither role."""
    inference, roles = RoleInference(), {1: Role.UNKNOWN}
    learned = [inference.add(sample({1: n}, n, 0), roles) for n in range(ENOUGH + 1)]
    assert learned == [{}] * ENOUGH + [{1: Role.PRODUCER}]

    assert inference.acted(1) == (Role.PRODUCER,)

    both = RoleInference()
    assert not any(both.add(sample({1: n}, n, n), roles) for n in range(9))


def test_a_gap_is_no_evidence() -> None:
    """Which process ran between two samples that are apart is not known."""
    inference, roles = RoleInference(), {1: Role.UNKNOWN}
    for n in range(9):
        assert not inference.add(sample({1: n}, n, 0), roles)
        inference.forget()


def test_deeds_of_a_process_that_is_gone_are_not_its_successors() -> None:
    """A PID is used again."""
    inference = RoleInference()
    for n in range(ENOUGH):
        inference.add(sample({1: n}, n, 0), {1: Role.UNKNOWN})
    inference.add(sample({}, ENOUGH, 0), {})
    inference.add(sample({1: 0}, ENOUGH, 0), {1: Role.UNKNOWN})
    assert not inference.add(sample({1: 1}, ENOUGH + 1, 0), {1: Role.UNKNOWN})
