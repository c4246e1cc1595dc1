"""The faults that a worker can be ordered to make: names, what each does, what follows. Pure.

Each is a mistake that real programs make, and a real process makes it. The numbers are those in
the control block.
"""

import re
from enum import IntEnum
from typing import Final

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.i18n import N_, _
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, Step, step_name

DIE_AT: Final = 16
"""Added to a step's number: the fault of dying before that step."""


class Fault(IntEnum):
    """A fault. Those in `ONCE` are over once they are made."""

    NONE = 0
    NO_MUTEX = 1
    SWAPPED_WAITS = 2
    SKIP_POST_MUTEX = 3
    SKIP_POST_PERMIT = 4
    DOUBLE_POST_MUTEX = 5
    DOUBLE_POST_PERMIT = 6
    SIT = 7
    SIGNALS = 8
    PRIVATE = 9
    SHORT_TIMEOUT = 10
    DIE_AT_WAIT_PERMIT = DIE_AT + Step.WAIT_PERMIT
    DIE_AT_WAIT_MUTEX = DIE_AT + Step.WAIT_MUTEX
    DIE_AT_TRANSFER = DIE_AT + Step.TRANSFER
    DIE_AT_POST_MUTEX = DIE_AT + Step.POST_MUTEX
    DIE_AT_POST_PERMIT = DIE_AT + Step.POST_PERMIT
    DIE_AT_PACE = DIE_AT + Step.PACE

    @property
    def dies_at(self) -> Step | None:
        return Step(self - DIE_AT) if self > DIE_AT else None


ONCE: Final = frozenset(
    (Fault.SKIP_POST_MUTEX, Fault.SKIP_POST_PERMIT, Fault.DOUBLE_POST_MUTEX,
     Fault.DOUBLE_POST_PERMIT, Fault.PRIVATE)
)  # fmt: skip
"""Made at the next item only."""

WORDS: Final = {
    fault: fault.name.lower().replace("_", "-") for fault in Fault if 0 < fault < DIE_AT
}
"""Their names for ``--fault``; the others are ``die-at=STEP``."""

_WORKER: Final = re.compile(f"({Role.PRODUCER}|{Role.CONSUMER})([0-9]{{1,9}})?")
_NUMBERS: Final = {int(fault): fault for fault in Fault}
_FAULT_BITS: Final = 8


def fault_word(fault: Fault, before: int) -> int:
    """The fault word that orders ``fault``; ``before`` is the word that it replaces.

    The low byte is the fault's number. The bits above count the orders, so that the same fault
    can be ordered a second time.
    """
    return (((before >> _FAULT_BITS) + 1) << _FAULT_BITS | fault) & (2**64 - 1)


def fault_of(word: int) -> Fault:
    """The fault that a fault word orders; NONE for a number that is no fault's.

    >>> fault_of(fault_word(Fault.SIT, before=0))
    <Fault.SIT: 7>
    """
    return _NUMBERS.get(word & ((1 << _FAULT_BITS) - 1), Fault.NONE)


class ExpectedOutcome(msgspec.Struct, frozen=True):
    """What a fault does and what follows from it, in words."""

    action: str
    effect: str
    finding: str | None
    """The code of the finding that has to appear; None: there must be none."""


_NOTHING: Final = N_("nothing is lost: it holds nothing there"), None
_LOST_PERMIT: Final = N_("the permit that it holds is lost: one slot less"), "lost-permit"
_LOST_MUTEX: Final = N_("mutex and a permit are lost: every process waits"), "dead-holder"
_AFTER_DEATH: Final = {
    Step.WAIT_PERMIT: _NOTHING, Step.WAIT_MUTEX: _LOST_PERMIT, Step.TRANSFER: _LOST_MUTEX,
    Step.POST_MUTEX: _LOST_MUTEX, Step.POST_PERMIT: _LOST_PERMIT, Step.PACE: _NOTHING,
}  # fmt: skip
"""Effect of a SIGKILL before each step, and the finding."""
_OUTCOMES: Final = {
    Fault.NONE: (N_("keeps to the protocol"), N_("nothing"), None),
    Fault.NO_MUTEX: (
        N_("leaves out mutex, and is preempted between reading the index and storing it"),
        N_("two workers with this fault lose items or take them twice: press v to count"),
        "items-lost",
    ),
    Fault.SWAPPED_WAITS: (
        N_("waits for mutex first and for its permit second"),
        N_("as soon as it has to wait for a permit, every process waits for ever"),
        "wrong-order",
    ),
    Fault.SKIP_POST_MUTEX: (
        N_("leaves the critical section once without post-mutex"),
        N_("mutex stays 0, and every process waits for ever"),
        "dead-holder",
    ),
    Fault.SKIP_POST_PERMIT: (
        N_("leaves out one {step}"),
        N_("one slot can no longer be used"),
        "lost-permit",
    ),
    Fault.DOUBLE_POST_MUTEX: (
        N_("posts mutex twice, once"),
        N_("two processes can be in the critical section at the same time"),
        "mutex-overflow",
    ),
    Fault.DOUBLE_POST_PERMIT: (
        N_("does one {step} twice"),
        N_("one permit too many: a slot is used that is not free, or not full"),
        "extra-permits",
    ),
    Fault.SIT: (
        N_("stays in the critical section until the fault is taken back"),
        N_("every other process waits for mutex meanwhile"),
        "stalled",
    ),
    Fault.SIGNALS: (
        N_("gets a signal every few milliseconds, so that its waits end with EINTR"),
        N_("nothing: an interrupted wait is started again"),
        None,
    ),
    Fault.PRIVATE: (
        N_("initialises the semaphores as sem_init(&s, 0, value) does, with pshared 0"),
        N_("a process that sleeps on one from then on is never woken by another process"),
        "process-private",
    ),
    Fault.SHORT_TIMEOUT: (
        N_("waits 0.1 s at a time and tries again, as sem_timedwait in a loop does"),
        N_("each time it goes to the end of the queue: where others wait, it gets nothing"),
        "starved",
    ),
}
"""Action, effect and finding of the other faults; ``step`` is the post of its permit."""


def expected_outcome(fault: Fault, role: Role) -> ExpectedOutcome:
    """What follows when a worker of ``role`` makes ``fault``."""
    step = fault.dies_at
    if step is None:
        action, effect, finding = _OUTCOMES[fault]
    else:
        action, (effect, finding) = N_("dies by SIGKILL before {step}"), _AFTER_DEATH[step]
    words = step_name(role, Step.POST_PERMIT if step is None else step)
    return ExpectedOutcome(_(action).format(step=words), _(effect), finding)


def fault_name(fault: Fault, role: Role = Role.PRODUCER) -> str:
    """The fault's name for ``--fault``: that of a producer's, where a file tells a role that is neither.

    >>> fault_name(Fault.SIT), fault_name(Fault.DIE_AT_TRANSFER, Role.CONSUMER)
    ('sit', 'die-at=read')
    >>> fault_name(Fault.DIE_AT_TRANSFER, Role.UNKNOWN)
    'die-at=write'
    """
    step = fault.dies_at
    if step is None:
        return WORDS.get(fault, "none")
    side = Role.CONSUMER if role is Role.CONSUMER else Role.PRODUCER
    return f"die-at={step_name(side, step)}"


FaultOrder = tuple[Role | None, int | None, Fault]
"""Role and number of the workers that make the fault (None: all of them), and the fault."""


def parse_fault(text: str) -> FaultOrder:
    """The fault order written as ``[ROLE[NUMBER]:]FAULT``. ShmtuiError: it is not one.

    A step that only one role has stands for that role.

    >>> parse_fault("sit")
    (None, None, <Fault.SIT: 7>)
    >>> parse_fault("consumer2:die-at=post-mutex")
    (<Role.CONSUMER: 'consumer'>, 2, <Fault.DIE_AT_POST_MUTEX: 20>)
    >>> parse_fault("die-at=read")
    (<Role.CONSUMER: 'consumer'>, None, <Fault.DIE_AT_TRANSFER: 19>)
    """
    worker, colon, what = text.rpartition(":")
    role, number = _parse_worker(worker, text) if colon else (None, None)
    roles = (role,) if role is not None else (Role.PRODUCER, Role.CONSUMER)
    for fault in Fault:
        matching = [each for each in roles if fault and what == fault_name(fault, each)]
        if matching:
            return role if len(matching) == len(roles) else matching[0], number, fault
    names = ", ".join(WORDS.values())
    steps = ", ".join(step_name(roles[0], step) for step in PROTOCOL_STEPS)
    raise ShmtuiError(
        _(
            "{text!r} is not a fault: give one of {names}, or die-at=STEP with {steps}; for one role or worker only, put producer: or consumer2: before it"
        ).format(text=text, names=names, steps=steps)
    )


def _parse_worker(text: str, whole: str) -> tuple[Role, int | None]:
    match = _WORKER.fullmatch(text)
    if match is not None:
        return Role(match[1]), int(match[2]) if match[2] else None
    raise ShmtuiError(
        _(
            "{whole!r}: before the colon stands producer, consumer or one worker, as in producer2:sit"
        ).format(whole=whole)
    )
