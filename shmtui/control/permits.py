"""The permits of an execution: which semaphores hand them from side to side, and who forgets to hand one on. Pure."""

from itertools import pairwise

import msgspec

from shmtui.control.operation import ACCESSES, TIMED, Kind, Operation, Place
from shmtui.control.run import Run
from shmtui.shm.protocol import Role

_ENOUGH = 3
"""Items, of which the first is the odd one."""
_SIDES = ((Role.PRODUCER, Role.CONSUMER), (Role.CONSUMER, Role.PRODUCER))


class ForgottenPost(msgspec.Struct, frozen=True):
    """A task went on without a post that it makes otherwise."""

    place: Place
    """The semaphore that is not posted."""
    begin: int
    """The step that began the item it is forgotten for."""
    step: int
    """The step that begins the next one: it is forgotten now."""


def permit_places(run: Run) -> dict[Role, Place]:
    """For each side the semaphore that it alone waits for and the other alone posts, wherever they lie.

    A side is missing where there is none, or more than one.
    """
    waiting: dict[Place, set[Role]] = {}
    posting: dict[Place, set[Role]] = {}
    for step in run.steps:
        for each in step.operation.each():
            if each.place is not None and each.kind in TIMED | {Kind.WAIT, Kind.POST}:
                users = posting if each.kind is Kind.POST else waiting
                users.setdefault(each.place, set()).add(run.roles[step.task])
    found: dict[Role, Place] = {}
    for one, other in _SIDES:
        places = [p for p, roles in waiting.items() if roles == {one} and posting.get(p) == {other}]
        if len(places) == 1:
            found[one] = places[0]
    return found


def forgotten_posts(run: Run) -> list[ForgottenPost]:
    """Where a task that takes a permit and hands one on for each item hands none on for one of them.

    Only of a task that did so for the item before and the item after, and never handed on another
    number: one that hands on later, or many at once, forgets nothing. Or of one that hands on none for its
    first item alone, for which it does the same otherwise as for the next.
    """
    places = permit_places(run)
    found = []
    for task, role in run.roles.items():
        other = Role.CONSUMER if role is Role.PRODUCER else Role.PRODUCER
        if role in places and other in places:
            found += _forgotten(run, task, places[role], places[other])
    if len(set(run.roles.values())) == 1:
        for tasks, taken, given in _sides_of_one_program(run):
            for task in sorted(tasks):
                found += _forgotten(run, task, taken, given)
    return found


def _sides_of_one_program(run: Run) -> list[tuple[frozenset[str], Place, Place]]:
    """The two sides of threads or children: the tasks that alone wait for a semaphore and alone post another,
    which the other side posts and waits for. Empty where that is not one pair.
    """
    waiting: dict[Place, set[str]] = {}
    posting: dict[Place, set[str]] = {}
    for step in run.steps:
        for each in step.operation.each():
            if each.kind in TIMED | {Kind.WAIT, Kind.POST}:
                users = posting if each.kind is Kind.POST else waiting
                users.setdefault(_object(each), set()).add(step.task)
    found = [
        (frozenset(takers), taken, given)
        for taken, takers in waiting.items()
        for given, givers in posting.items()
        if takers == givers and taken != given and not takers & waiting.get(given, set())
        and waiting.get(given) == posting.get(taken)
    ]  # fmt: skip
    return found if len(found) == len(_SIDES) else []


def _forgotten(run: Run, task: str, taken: Place, given: Place) -> list[ForgottenPost]:
    begins: list[int] = []
    posts: list[int] = []
    for number, step in enumerate(run.steps):
        if step.task != task or (step.operation.kind is Kind.TRY_SET and not step.value):
            continue  # Of others, or in vain.
        for each in step.operation.each():
            if each.kind is Kind.WAIT and _object(each) == taken:
                begins.append(number)
                posts.append(0)
            elif each.kind is Kind.POST and _object(each) == given and posts:
                posts[-1] += 1
    whole = posts if task in run.ends else posts[:-1]  # The last one may have its post before it.
    if set(whole) != {0, 1}:
        return []
    if whole[0] == 0 and set(whole[1:]) == {1} and _is_alike(run, task, begins, given):
        return [ForgottenPost(given, begins[0], begins[1])]
    return [
        ForgottenPost(given, begins[at], begins[at + 1])
        for at in range(1, len(whole) - 1)
        if whole[at - 1 : at + 2] == [1, 0, 1]
    ]


def _object(operation: Operation) -> Place:
    """The semaphore; of one that is not in shared memory the address, which threads have in common."""
    return operation.place or Place("", operation.address)


def _is_alike(run: Run, task: str, begins: list[int], given: Place) -> bool:
    """Whether it loads, stores and calls the same for its first item as for its second, but for the post
    that follows.
    """
    if not run.fine or len(begins) <= _ENOUGH:
        return False
    first, second = (
        [s.operation for s in run.steps[begin:end] if s.task == task]
        for begin, end in pairwise(begins[:3])
    )
    at = next(
        n for n, each in enumerate(second) if (each.kind, _object(each)) == (Kind.POST, given)
    )
    if any(each.kind in ACCESSES for each in second[at:]):
        return False
    without = second[:at] + second[at + 1 :]
    accesses = any(each.kind in ACCESSES for each in first)
    return accesses and [(e.kind, e.site) for e in first] == [(e.kind, e.site) for e in without]
