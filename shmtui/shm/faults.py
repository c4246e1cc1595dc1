"""The faults that a worker can be told to make: what each is called, does, and leads to. Pure.

The numbers are those in the control block. Each is a mistake that real programs make, made
by a real process: nothing is pretended.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, Step, step_name

DIE_AT: Final = 16
"""Added to a step's number: die there."""


class Fault(IntEnum):
    """A mistake; those that are made once are over afterwards."""

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
        """The step before which it dies."""
        return Step(self - DIE_AT) if self > DIE_AT else None


ONCE: Final = frozenset(
    {
        Fault.SKIP_POST_MUTEX,
        Fault.SKIP_POST_PERMIT,
        Fault.DOUBLE_POST_MUTEX,
        Fault.DOUBLE_POST_PERMIT,
        Fault.PRIVATE,
    }
)
"""Made at the next item, and then no more."""

WORDS: Final = {
    Fault.NO_MUTEX: "no-mutex",
    Fault.SWAPPED_WAITS: "swapped-waits",
    Fault.SKIP_POST_MUTEX: "skip-post-mutex",
    Fault.SKIP_POST_PERMIT: "skip-post-permit",
    Fault.DOUBLE_POST_MUTEX: "double-post-mutex",
    Fault.DOUBLE_POST_PERMIT: "double-post-permit",
    Fault.SIT: "sit",
    Fault.SIGNALS: "signals",
    Fault.PRIVATE: "private",
    Fault.SHORT_TIMEOUT: "short-timeout",
}
"""As ``--fault`` names them; the others are ``die-at=STEP``."""


_NUMBERS: Final = {int(fault): fault for fault in Fault}
_FAULT_BITS: Final = 8


def fault_word(fault: Fault, before: int) -> int:
    """What tells a worker ``fault``; ``before`` is the word that stands there.

    The fault's number is in the low byte, and a count above it, so that the same fault can be
    told a second time.
    """
    return (((before >> _FAULT_BITS) + 1) << _FAULT_BITS | fault) & (2**64 - 1)


def fault_of(word: int) -> Fault:
    """The fault that a word tells; NONE for a number that is none.

    >>> fault_of(fault_word(Fault.SIT, before=0))
    <Fault.SIT: 7>
    """
    return _NUMBERS.get(word & ((1 << _FAULT_BITS) - 1), Fault.NONE)


@dataclass(frozen=True, slots=True)
class ExpectedOutcome:
    """What a fault does, and what has to come of it."""

    does: str
    expect: str
    finding: str | None
    """The code that the doctor has to find; None: nothing."""


def expected_outcome(fault: Fault, role: Role) -> ExpectedOutcome:
    """What ``fault`` does when a worker of ``role`` makes it."""
    step = fault.dies_at
    if step is not None:
        return _death(step, role)
    other = step_name(role, Step.POST_PERMIT)
    match fault:
        case Fault.NO_MUTEX:
            return ExpectedOutcome(
                _("leaves out mutex, and is preempted between reading the index and storing it"),
                _("with a second one at it, items are lost or taken twice: v tells how many"),
                "items-lost",
            )
        case Fault.SWAPPED_WAITS:
            return ExpectedOutcome(
                _("waits for mutex first and for its permit second"),
                _("as soon as it has to wait for a permit, everybody waits for ever"),
                "wrong-order",
            )
        case Fault.SKIP_POST_MUTEX:
            return ExpectedOutcome(
                _("leaves the critical section once without post-mutex"),
                _("mutex stays 0, and everybody waits for ever"),
                "dead-holder",
            )
        case Fault.SKIP_POST_PERMIT:
            return ExpectedOutcome(
                _("leaves out one {step}").format(step=other),
                _("one slot can be used no more"),
                "lost-permit",
            )
        case Fault.DOUBLE_POST_MUTEX:
            return ExpectedOutcome(
                _("posts mutex twice, once"),
                _("two can be in the critical section at a time"),
                "mutex-overflow",
            )
        case Fault.DOUBLE_POST_PERMIT:
            return ExpectedOutcome(
                _("does one {step} twice").format(step=other),
                _("one permit too many: a slot is used that is not free, or not full"),
                "lost-permit",
            )
        case Fault.SIT:
            return ExpectedOutcome(
                _("stays in the critical section until the fault is taken off"),
                _("everybody else waits for mutex meanwhile"),
                "stalled",
            )
        case Fault.PRIVATE:
            return ExpectedOutcome(
                _("initialises the semaphores as sem_init(&s, 0, value) does, with pshared 0"),
                _("whoever sleeps on one from then on is never woken by another process"),
                "process-private",
            )
        case Fault.SHORT_TIMEOUT:
            return ExpectedOutcome(
                _("waits 0.1 s at a time and tries again, as sem_timedwait in a loop does"),
                _("each time it goes to the end of the queue: where others wait, it gets nothing"),
                "starved",
            )
        case Fault.SIGNALS:
            return ExpectedOutcome(
                _("gets a signal every few milliseconds, so that its waits end with EINTR"),
                _("nothing: an interrupted wait is begun again"),
                None,
            )
        case _:
            return ExpectedOutcome(_("keeps to the protocol"), _("nothing"), None)


def _death(step: Step, role: Role) -> ExpectedOutcome:
    """What a SIGKILL before ``step`` leaves behind."""
    does = _("dies by SIGKILL before {step}").format(step=step_name(role, step))
    if step in {Step.TRANSFER, Step.POST_MUTEX}:
        return ExpectedOutcome(
            does, _("mutex goes with it, and so does a permit: everybody waits"), "dead-holder"
        )
    if step in {Step.WAIT_MUTEX, Step.POST_PERMIT}:
        return ExpectedOutcome(
            does, _("the permit in its hand is lost: a slot less"), "lost-permit"
        )
    return ExpectedOutcome(does, _("nothing is lost: it holds nothing there"), None)


def fault_name(fault: Fault, role: Role = Role.PRODUCER) -> str:
    """As ``--fault`` writes it.

    >>> fault_name(Fault.SIT), fault_name(Fault.DIE_AT_TRANSFER, Role.CONSUMER)
    ('sit', 'die-at=read')
    """
    step = fault.dies_at
    return f"die-at={step_name(role, step)}" if step is not None else WORDS.get(fault, "none")


FaultOrder = tuple[Role | None, int | None, Fault]
"""Whose mistake (None: everybody's; a number: that one's), and which."""


def parse_fault(text: str) -> FaultOrder:
    """``[ROLE[NUMBER]:]FAULT``: whose it is (None: everybody's) and which. ShmtuiError: neither.

    A step that only one role takes says whose it is.

    >>> parse_fault("sit")
    (None, None, <Fault.SIT: 7>)
    >>> parse_fault("consumer2:die-at=post-mutex")
    (<Role.CONSUMER: 'consumer'>, 2, <Fault.DIE_AT_POST_MUTEX: 20>)
    >>> parse_fault("die-at=read")
    (<Role.CONSUMER: 'consumer'>, None, <Fault.DIE_AT_TRANSFER: 19>)
    """
    whose, colon, what = text.rpartition(":")
    role, number = _whose(whose, text) if colon else (None, None)
    roles = (role,) if role is not None else (Role.PRODUCER, Role.CONSUMER)
    for fault in Fault:
        whose_word = [each for each in roles if fault and what == fault_name(fault, each)]
        if whose_word:
            return role if len(whose_word) == len(roles) else whose_word[0], number, fault
    names = ", ".join(WORDS.values())
    steps = ", ".join(step_name(roles[0], step) for step in PROTOCOL_STEPS)
    raise ShmtuiError(
        _(
            "{text!r} is no fault: one of {names}, or die-at=STEP with {steps}; before it "
            "producer: or consumer2: says whose"
        ).format(text=text, names=names, steps=steps)
    )


def _whose(text: str, whole: str) -> tuple[Role, int | None]:
    for role in (Role.PRODUCER, Role.CONSUMER):
        number = text.removeprefix(role)
        if text.startswith(role) and (not number or number.isdecimal()):
            return role, int(number) if number else None
    raise ShmtuiError(
        _("{whole!r}: a fault is producer's, consumer's, or one's, as in producer2:sit").format(
            whole=whole
        )
    )
