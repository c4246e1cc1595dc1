"""Waits that are told by how many sleep on each semaphore: one way is found, and what it leaves open is said."""

from collections import Counter
from itertools import product
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from shmtui.monitor.counted_waits import OWN, Lock, Sleeper, left_open, share_out, uncounted
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import SemaphoreState

MUTEX, EMPTY, FULL = SemaphoreRole
SIDES: Final = (Role.PRODUCER, Role.CONSUMER, Role.UNKNOWN)


def may(side: Role) -> tuple[SemaphoreRole, ...]:
    """What one of that side may sleep on."""
    return (OWN[side], MUTEX) if side in OWN else (MUTEX, EMPTY, FULL)


SLEEPING = st.lists(
    st.sampled_from(SIDES).flatmap(lambda side: st.tuples(st.just(side), st.sampled_from(may(side)))),
    min_size=1, max_size=4,
)  # fmt: skip
"""The side of each, and what it really sleeps on."""


@given(SLEEPING)
def test_what_is_not_left_open_is_so(sleeping: list[tuple[Role, SemaphoreRole]]) -> None:
    """All ways in which the numbers add up agree on it."""
    left: Counter[Lock] = Counter(dict.fromkeys(SemaphoreRole, 0))
    left.update(role for _side, role in sleeping)
    sleepers: list[Sleeper] = [(pid, 1, side) for pid, (side, _role) in enumerate(sleeping)]
    shares = share_out(sleepers, left)
    assert shares is not None
    assert Counter(role for its in shares.values() for role in its) == +left
    ways = [
        way for way in product(*(may(side) for side, _role in sleeping)) if Counter(way) == +left
    ]
    unsettled = left_open(sleepers, shares)
    for pid, (_side, role) in enumerate(sleeping):
        if pid not in unsettled:
            assert {way[pid] for way in ways} == {role}
            assert shares[pid] == (role,)


@given(SLEEPING, st.sampled_from((MUTEX, EMPTY, FULL)), st.sampled_from((-1, 1)))
def test_numbers_that_do_not_add_up_tell_nothing(
    sleeping: list[tuple[Role, SemaphoreRole]], role: SemaphoreRole, more: int
) -> None:
    """One more that sleeps, or one less, is somebody else."""
    left: Counter[Lock] = Counter(dict.fromkeys(SemaphoreRole, 0))
    left.update(each for _side, each in sleeping)
    left[role] += more
    sleepers: list[Sleeper] = [(pid, 1, side) for pid, (side, _role) in enumerate(sleeping)]
    assert share_out(sleepers, left) is None


def test_the_kernel_is_believed_but_for_private_waits() -> None:
    """Who died waiting stays in a semaphore's own count; a private wait is in that alone."""
    semaphores = {
        MUTEX: SemaphoreState(0, 3, True),
        EMPTY: SemaphoreState(0, 2, False),
        FULL: SemaphoreState(0, 1, True),
    }
    assert uncounted(semaphores, {MUTEX: 1, EMPTY: 0}, [FULL]) == {MUTEX: 1, EMPTY: 2, FULL: 0}
    unknown = {MUTEX: SemaphoreState(0, None, True)}
    assert uncounted(unknown, {}, ()) is None
    assert uncounted(unknown, {MUTEX: 2}, ()) == {MUTEX: 2}
