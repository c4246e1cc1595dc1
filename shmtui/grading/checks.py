"""The checks: what the trials of a submission prove of each, for or against it. Pure.

A check passes or fails where that is proved, for as many items as it says; else it is unknown.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Final

from shmtui.grading import interleaving_checks
from shmtui.grading.result import Facts, Result, Said, Verdict, failed, passed, unknown, untold
from shmtui.grading.rubric import Rubric, Weight
from shmtui.grading.trial import Refusal, Shown, Sweep, Usual
from shmtui.i18n import _
from shmtui.shm.protocol import Role

_OF_PAIRS: Final = ("either-order", "many", "killed-peer")
"""Checks that take a producer and a consumer that are started apart."""
_IN_USE: Final = ("ring-used", "restart", "killed-peer", "clean-up", "memory", "time")
"""Checks that say nothing of programs that do not get going."""


def judged(facts: Facts, rubric: Rubric) -> tuple[Result, ...]:
    """All checks of the rubric that apply, with their points."""
    results = []
    for check, weight in rubric.checks.items():
        if (check == "builds" and facts.build is None) or (
            check in _OF_PAIRS and not facts.pairwise
        ):
            continue
        if check != "builds" and facts.build is not None and not facts.build.works:
            said = unknown(_("it does not compile"))
        else:
            said = _CHECKS[check](facts) if check in _CHECKS else _WEIGHED[check](facts, weight)
        if (
            said.verdict is Verdict.PASS
            and check in _IN_USE
            and not interleaving_checks.under_way(facts)
        ):
            said = unknown(_("the programs do not get so far that this shows"))
        shown = said.shown or Shown("", "")
        points = weight.points if said.verdict is Verdict.PASS else 0
        results.append(
            Result(
                check,
                said.verdict,
                said.evidence,
                points,
                weight.points,
                weight.required,
                shown.kind,
                shown.order,
                shown.schedule,
            )
        )
    return tuple(results)


def _builds(facts: Facts) -> Said:
    build = facts.build
    if build is None:
        return unknown(_("no sources were given"))
    if build.works and not build.said:
        return passed(_("no errors, no warnings"))
    return failed("\n".join(build.said.splitlines()[:8]))


def _restart(facts: Facts, weight: Weight) -> Said:
    trial = facts.trial("restart")
    if trial.sweep is None:
        return untold(trial)
    if trial.sweep.once:
        return failed(
            _(
                "started again after all have ended by themselves, they do not go on: what they leave behind, as the "
                "values of named semaphores, is not what they begin with"
            )
        )
    return _swept(
        [trial.sweep], weight,
        _("started again after each of {kills} kills, items go through"),
        _("started again after {hanging} of {kills} kills, they do not go on: {steps}"),
    )  # fmt: skip


def _killed_peer(facts: Facts, weight: Weight) -> Said:
    trials = [facts.trial("producer-killed"), facts.trial("consumer-killed")]
    sweeps = [trial.sweep for trial in trials if trial.sweep is not None]
    if len(sweeps) < len(trials):
        return untold(next(trial for trial in trials if trial.sweep is None))
    return _swept(
        sweeps, weight,
        _("after each of {kills} kills the others go on"),
        _("after {hanging} of {kills} kills the others do not go on: {steps}"),
    )  # fmt: skip


def _swept(sweeps: list[Sweep], weight: Weight, fine: str, wrong: str) -> Said:
    kills = sum(sweep.kills for sweep in sweeps)
    hanging = [each for sweep in sweeps for each in sweep.hanging]
    if not kills:
        return unknown(_("that was not tried"))
    counted = [step for step, held in hanging if weight.demand == "always" or not held]
    steps = list(dict.fromkeys(counted or [step for step, _held in hanging]))
    words = "; ".join(steps[:3]) + (" …" if len(steps) > 3 else "")
    if not hanging:
        return passed(fine.format(kills=kills))
    evidence = wrong.format(hanging=len(hanging), kills=kills, steps=words)
    if counted:
        return failed(evidence)
    return passed(
        evidence + " " + _("(each while it held a semaphore, which counts for nothing here)")
    )


def _clean_up(facts: Facts) -> Said:
    usual = facts.usual
    if usual is None:
        return untold(facts.trial("usual"))
    living = [task for task in usual.rounds if task not in usual.ends]
    left = ", ".join(usual.left)
    if usual.alive and not [task for task in living if task not in usual.alive]:
        text = _("child processes or threads that are left: {tasks}")
        return failed(text.format(tasks=", ".join(usual.alive)))
    if living:
        text = _("the programs do not end by themselves")
        return unknown(text + (_("; there is {names}").format(names=left) if left else ""))
    return (
        failed(_("left when all have ended: {names}").format(names=left))
        if left
        else passed(_("all have ended, and nothing is left in /dev/shm, nor of System V"))
    )


def _prints(facts: Facts, weight: Weight) -> Said:
    usual = facts.usual
    if usual is None:
        return untold(facts.trial("usual"))
    produced, consumed = (
        _printed(usual, Role.PRODUCER, weight.produced),
        _printed(usual, Role.CONSUMER, weight.consumed),
    )
    if not produced or not consumed:
        pattern = weight.consumed if produced else weight.produced
        return failed(_("no line is like {pattern}").format(pattern=pattern))
    surplus = list((consumed - produced).elements())[:5]
    if surplus:
        text = _("printed as consumed more often than as produced: {items}")
        return failed(text.format(items=", ".join(surplus)))
    missing = list((produced - consumed).elements())[:5]
    if missing:
        text = _("printed as produced and not as consumed: {items}").format(
            items=", ".join(missing)
        )
        living = [task for task in usual.rounds if task not in usual.ends]
        return unknown(text) if living else failed(text)
    return passed(_("{count} items, each printed by both sides").format(count=consumed.total()))


def _printed(usual: Usual, side: Role, pattern: str) -> Counter[str]:
    texts = [text for task, text in usual.output.items() if usual.roles[task] == side]
    return Counter(found for text in texts for found in re.findall(pattern, text))


def _memory(facts: Facts, weight: Weight) -> Said:
    usual = facts.usual
    if usual is None:
        return untold(facts.trial("usual"))
    evidence = _("{size} KiB at most in one process").format(size=usual.peak_kib)
    if not weight.most:
        return unknown(evidence)
    return failed(evidence) if usual.peak_kib * 1024 > weight.most else passed(evidence)


def _time(facts: Facts, weight: Weight) -> Said:
    usual = facts.usual
    if usual is None:
        return untold(facts.trial("usual"))
    text = _("{cpu} s of a processor; {own} s by the programs' own clocks")
    evidence = text.format(cpu=usual.cpu_seconds, own=round(usual.own_seconds, 1))
    if not weight.most:
        return unknown(evidence)
    return failed(evidence) if usual.cpu_seconds > weight.most else passed(evidence)


def _limits(facts: Facts) -> Said:
    refusals = [trial for trial in facts.trials.values() if trial.refusal is Refusal.LIMIT]
    if refusals:
        return failed(refusals[0].why)
    return (
        passed(_("memory, processes and space were enough"))
        if facts.usual
        else untold(facts.trial("usual"))
    )


_CHECKS: Final[dict[str, Callable[[Facts], Said]]] = {
    "builds": _builds,
    "runs": lambda facts: interleaving_checks.flows(facts.trial("usual")),
    "either-order": interleaving_checks.either_order,
    "semaphores": interleaving_checks.semaphores,
    "exclusion": interleaving_checks.exclusion,
    "items-kept": interleaving_checks.items_kept,
    "taken-once": interleaving_checks.taken_once,
    "order": interleaving_checks.order,
    "ring-used": interleaving_checks.ring_used,
    "no-busy-wait": interleaving_checks.no_busy_wait,
    "no-deadlock": interleaving_checks.no_deadlock,
    "no-crash": interleaving_checks.no_crash,
    "many": interleaving_checks.many,
    "clean-up": _clean_up,
    "limits": _limits,
}
_WEIGHED: Final[dict[str, Callable[[Facts, Weight], Said]]] = {
    "restart": _restart,
    "killed-peer": _killed_peer,
    "prints": _prints,
    "memory": _memory,
    "time": _time,
}
"""Those that a rubric demands more or less of."""
