"""Roles are concluded from deeds only where nobody else can have done them."""

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


def moment(turns: dict[int, int | None], in_: int, out: int) -> ContextSwitchSample:
    """A look at which everybody has had so many turns; None: nobody can tell."""
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
def test_nobody_is_named_whose_deed_it_was_not(
    roles: dict[int, Role], others: dict[int, int | None], doer: int, side: Role
) -> None:
    """Whoever moved an index, and whoever else ran: only the doer, or nobody, is named."""
    # Its role, where it is known, is the one that it acts in.
    roles[doer] = side if roles[doer] is not Role.UNKNOWN else Role.UNKNOWN
    turns = {pid: others.get(pid, 0) for pid in PIDS} | {doer: 1}
    producing = side is Role.PRODUCER
    now = moment(turns, int(producing), int(not producing))
    named = movers(moment(dict.fromkeys(PIDS, 0), 0, 0), now, roles)
    assert named in {(), ((doer, side),)}
    alone = all(others.get(pid, 0) == 0 for pid in PIDS if pid != doer)
    if alone and roles[doer] is Role.UNKNOWN:
        assert named == ((doer, side),)


def test_one_who_left_may_have_done_it() -> None:
    """So nobody else is named."""
    last, now = moment({1: 0, 2: 0}, 0, 0), moment({1: 1}, 1, 0)
    assert movers(last, now, {1: Role.UNKNOWN}) == ()


def test_a_role_takes_several_deeds_of_one_kind() -> None:
    """Once is chance, and who does both is of neither kind."""
    infer_roles, roles = RoleInference(), {1: Role.UNKNOWN}
    learned = [infer_roles.add(moment({1: n}, n, 0), roles) for n in range(ENOUGH + 1)]
    assert learned == [{}] * ENOUGH + [{1: Role.PRODUCER}]

    both = RoleInference()
    assert not any(both.add(moment({1: n}, n, n), roles) for n in range(9))


def test_a_gap_is_no_evidence() -> None:
    """What ran while nobody looked is not known."""
    infer_roles, roles = RoleInference(), {1: Role.UNKNOWN}
    for n in range(9):
        assert not infer_roles.add(moment({1: n}, n, 0), roles)
        infer_roles.forget()


def test_deeds_of_a_process_that_is_gone_are_not_its_successors() -> None:
    """A PID is used again."""
    infer_roles = RoleInference()
    for n in range(ENOUGH):
        infer_roles.add(moment({1: n}, n, 0), {1: Role.UNKNOWN})
    infer_roles.add(moment({}, ENOUGH, 0), {})
    infer_roles.add(moment({1: 0}, ENOUGH, 0), {1: Role.UNKNOWN})
    assert not infer_roles.add(moment({1: 1}, ENOUGH + 1, 0), {1: Role.UNKNOWN})
