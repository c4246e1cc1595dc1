"""A check's verdict, what it rests on, and the facts of a submission. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from shmtui.grading.trial import Refusal, Shown, Trial, Usual
from shmtui.i18n import N_, _

TITLES: Final = {
    "builds": N_("compiles without warnings"),
    "runs": N_("items reach the consumer"),
    "either-order": N_("works whoever starts first"),
    "semaphores": N_("semaphores are initialised, and shared"),
    "exclusion": N_("mutual exclusion"),
    "items-kept": N_("no item is lost or overwritten"),
    "taken-once": N_("no item is taken twice"),
    "order": N_("each producer's items stay in order"),
    "ring-used": N_("the ring holds several items"),
    "no-busy-wait": N_("no busy wait"),
    "no-deadlock": N_("no deadlock"),
    "no-crash": N_("no crash"),
    "many": N_("several producers and consumers"),
    "restart": N_("works again after everybody was killed"),
    "killed-peer": N_("goes on after one was killed"),
    "clean-up": N_("leaves nothing behind"),
    "prints": N_("what is printed is right"),
    "memory": N_("takes no more memory than allowed"),
    "time": N_("takes no more time than allowed"),
    "limits": N_("stays within the limits"),
}


class Verdict(StrEnum):
    """What is proved of a check."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Build(msgspec.Struct, frozen=True):
    """What the compiler made of a submission."""

    works: bool
    said: str
    """Its errors and warnings."""


class Result(msgspec.Struct, frozen=True):
    """A check's verdict, and what it rests on."""

    check: str
    verdict: Verdict
    evidence: str
    points: float = 0
    most: float = 0
    required: bool = False
    kind: str = ""
    """Of the finding; empty where none decided it."""
    order: tuple[str, ...] = ()
    """The steps that show it."""
    schedule: dict[str, object] | None = None


class Facts(msgspec.Struct, frozen=True):
    """What is known of a submission."""

    trials: Mapping[str, Trial]
    build: Build | None = None
    pairwise: bool = True
    """Whether producer and consumer are programs of their own: some checks apply to those alone."""

    def trial(self, name: str) -> Trial:
        """One that did not take place says why not."""
        missing = Trial(name, Refusal.CANNOT, _("that was not tried"))
        return self.trials.get(name, missing)

    @property
    def typed(self) -> bool:
        """Whether each program has debug information, as far as that is known."""
        return self.usual is None or self.usual.typed

    @property
    def usual(self) -> Usual | None:
        """The usual order."""
        return self.trial("usual").usual


class Said(msgspec.Struct, frozen=True):
    """A verdict without its points."""

    verdict: Verdict
    evidence: str
    shown: Shown | None = None


def score(results: tuple[Result, ...]) -> tuple[float, float]:
    """The points, and how many there are; none where a required check fails."""
    if any(each.required and each.verdict is Verdict.FAIL for each in results):
        return 0, sum(each.most for each in results)
    return sum(each.points for each in results), sum(each.most for each in results)


def passed(evidence: str) -> Said:
    """Proved."""
    return Said(Verdict.PASS, evidence)


def failed(evidence: str, shown: Shown | None = None) -> Said:
    """Disproved, by a finding or without one."""
    return Said(Verdict.FAIL, evidence, shown)


def unknown(why: str) -> Said:
    """Neither, and why."""
    return Said(Verdict.UNKNOWN, why)


def untold(trial: Trial) -> Said:
    """Why a trial proves nothing."""
    return unknown(trial.why or trial.covered or _("that was not tried"))
