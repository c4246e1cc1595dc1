"""The bounded-buffer protocol: roles, steps and rates. Pure.

Producer: ``wait-empty wait-mutex write post-mutex post-full pace``.
Consumer: ``wait-full wait-mutex read post-mutex post-empty pace``.
"""

import math
from enum import IntEnum, StrEnum

from shmtui.i18n import N_


class Role(StrEnum):
    """What a process does with the buffer; ``unknown`` as long as no evidence says it."""

    PRODUCER = N_("producer")
    CONSUMER = N_("consumer")
    OBSERVER = N_("observer")
    UNKNOWN = N_("unknown")


class SemaphoreRole(StrEnum):
    """The three semaphores: the lock, the count of free slots, the count of items."""

    MUTEX = "mutex"
    EMPTY = "empty"
    FULL = "full"


def role_words() -> dict[str, str]:
    """The word of each role, for texts about a program whose own names are not known.

    >>> role_words()
    {'mutex': 'mutex', 'empty': 'empty', 'full': 'full'}
    """
    return {role.value: role.value for role in SemaphoreRole}


class Step(IntEnum):
    """A step of the protocol. The numbers are those in the control block."""

    STARTING = 0
    WAIT_PERMIT = 1
    WAIT_MUTEX = 2
    TRANSFER = 3
    POST_MUTEX = 4
    POST_PERMIT = 5
    PACE = 6
    ENDED = 7


PROTOCOL_STEPS = tuple(Step)[1:-1]
"""The six steps that an item goes through, in order."""

_NAMES: dict[Role, tuple[str, ...]] = {
    Role.PRODUCER: ("starting", "wait-empty", "wait-mutex", "write", "post-mutex", "post-full",
                    "pace", "ended"),
    Role.CONSUMER: ("starting", "wait-full", "wait-mutex", "read", "post-mutex", "post-empty",
                    "pace", "ended"),
}  # fmt: skip
"""By step."""


def step_name(role: Role, step: Step) -> str:
    """The step's name in the protocol of ``role``.

    >>> step_name(Role.CONSUMER, Step.WAIT_PERMIT)
    'wait-full'
    """
    return _NAMES[role][step]


def waited_semaphore(role: Role, step: Step) -> SemaphoreRole | None:
    """The semaphore that ``step`` waits on; None for a step that is no wait.

    >>> waited_semaphore(Role.PRODUCER, Step.WAIT_PERMIT)
    <SemaphoreRole.EMPTY: 'empty'>
    """
    if step is Step.WAIT_MUTEX:
        return SemaphoreRole.MUTEX
    if step is Step.WAIT_PERMIT:
        return SemaphoreRole.EMPTY if role is Role.PRODUCER else SemaphoreRole.FULL
    return None


UNTHROTTLED = math.inf
"""The rate of a worker that never waits for its next item."""

RATE_LADDER: tuple[float, ...] = (
    *tuple(mantissa * 10.0**exponent for exponent in range(-1, 5) for mantissa in (1, 2, 5)),
    100000.0,
    UNTHROTTLED,
)
"""The rates that ``+`` and ``-`` step through: 0.1 0.2 0.5 1 2 5 … 100 000, max. Items per second."""


def faster(rate: float) -> float:
    """The next rate of the ladder above ``rate``; the highest stays.

    >>> faster(1.0), faster(3.0), faster(100_000.0), faster(UNTHROTTLED)
    (2.0, 5.0, inf, inf)
    """
    return next((rung for rung in RATE_LADDER if rung > rate * (1 + 1e-9)), UNTHROTTLED)


def slower(rate: float) -> float:
    """The next rate of the ladder below ``rate``; the lowest stays.

    >>> slower(1.0), slower(3.0), slower(0.1), slower(UNTHROTTLED)
    (0.5, 2.0, 0.1, 100000.0)
    """
    below = [rung for rung in RATE_LADDER if rung < rate * (1 - 1e-9)]
    return below[-1] if below else RATE_LADDER[0]


def format_rate(rate: float) -> str:
    """The rate in decimal, ``max`` for unthrottled.

    >>> [format_rate(r) for r in (0.5, 1.0, 2500.0, UNTHROTTLED)]
    ['0.5', '1', '2500', 'max']
    """
    return "max" if math.isinf(rate) else f"{rate:.15g}"
