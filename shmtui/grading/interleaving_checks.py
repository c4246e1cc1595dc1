"""The checks that rest on the usual order and on the search of all orders. Pure.

A check passes only where every order of the given number of items was seen.
"""

import signal
from typing import Final

from shmtui.grading.result import Facts, Said, Verdict, failed, passed, unknown, untold
from shmtui.grading.trial import Refusal, Trial, Usual
from shmtui.i18n import _, ngettext
from shmtui.report.exploration import leaves_items_words, looks_beyond_words

_ITEM_FAULTS: Final = (
    "item-overwritten",
    "empty-slot-taken",
    "item-lost",
    "bad-index",
    "lost-permit",
    "spurious-wakeup",
    "address-stored",
)
_WIDE: Final = ("producers", "consumers", "both")


def _searched(facts: Facts, names: tuple[str, ...], kinds: tuple[str, ...], *,
              calls: bool = False, ring: bool = True) -> Said:  # fmt: skip
    """Failed where a finding of one of these kinds is there; passed where none is in any order."""
    trials = [facts.trial(name) for name in names]
    for trial in [*trials, facts.trial("usual"), facts.trial("capacity")]:
        shown = trial.shown(*kinds)
        if shown is not None:
            return failed(shown.claim, shown)
    for trial in trials:
        if trial.refusal is not None:
            return untold(trial)
        if ring and not (trial.slots and trial.indexed):
            return unknown(ring_not_known(facts))
        if facts.usual is not None and facts.usual.asleep:
            return unknown(facts.usual.waiting)
        if not (trial.complete or (calls and trial.complete_calls)):
            text = _("nothing was found, but not every order was seen: {covered}")
            return unknown(text.format(covered=trial.covered))
    wide = [trial for trial in trials if trial.name in _WIDE]
    if not under_way(facts) or not all(trial.took for trial in wide):
        return unknown(_("the programs do not get so far that this shows"))
    again = next(
        (each.made_again for each in (*trials, facts.usual) if each and each.made_again), ""
    )
    if again:
        # All have started before anybody's first step in what was searched.
        text = _("{what}: what that does to one that works already was not tried")
        return unknown(text.format(what=again))
    if len(trials) == 1:
        return passed(trials[0].covered)
    return passed("\n".join(f"{_arrangement(trial.name)}: {trial.covered}" for trial in trials))


def ring_not_known(facts: Facts) -> str:
    """That it is not, and what helps."""
    if not facts.typed:
        return _("the ring and its indices are not known: compile with -g, or give --header")
    if facts.pairwise:
        return _(
            "the ring and its indices are not known: in what the programs share, no array was seen with one index that "
            "producers move and one that consumers move (--header and --map say which they are)"
        )
    return _(
        "the ring and its indices are not known: no array was seen with one index that producers move and one that "
        "consumers move; what threads share is followed in global variables and, with glibc, in what is "
        "allocated before the first thread starts; not on a stack"
    )


def under_way(facts: Facts) -> bool:
    """Whether items get through in the usual order, or, where none can be followed, each program takes
    several rounds, in whichever of its tasks.
    """
    return facts.usual is not None and _goes_on(facts.usual)


def _goes_on(usual: Usual) -> bool:
    if usual.passed is not None:
        return bool(usual.passed)
    programs: dict[str, int] = {}
    for task, count in usual.rounds.items():
        program = task.partition(".")[0]
        programs[program] = max(programs.get(program, 0), count)
    return min(programs.values()) > 1


def _arrangement(trial: str) -> str:
    """How many of each side, in words."""
    return {
        "pair": _("one of each"), "end": _("to their end"), "producers": _("two producers"),
        "consumers": _("two consumers"), "both": _("two of each"),
    }[trial]  # fmt: skip


def flows(trial: Trial) -> Said:
    """Whether items get through in the usual order."""
    usual = trial.usual
    if usual is None:
        return failed(trial.why) if trial.refusal is Refusal.EARLY else untold(trial)
    if usual.passed:
        text = _("{passed} of {made} items reached a consumer")
        return passed(text.format(passed=usual.passed, made=usual.made))
    wrong = _broken(usual)
    apart = trial.shown("private-mapping", "private-memory")
    if apart is not None and not usual.taken:
        return failed(_("no item gets through: {why}").format(why=apart.claim), apart)
    shown = trial.found[0] if trial.found else None
    if usual.asleep and not any(usual.ends.values()):
        return unknown(wrong)
    if _side_missing(usual):
        return failed(_("no item gets through: {why}").format(why=wrong), shown)
    if wrong and usual.passed is None and _goes_on(usual):
        return unknown(wrong)  # Items may have got through before: the layout would tell.
    if wrong and (usual.passed == 0 or usual.end != "finished"):
        return failed(_("no item gets through: {why}").format(why=wrong), shown)
    if ended := _ended_with_process(usual):
        text = _("{task} ends, and {threads} with it, before they have done anything")
        return failed(text.format(task=ended[0].partition(".")[0], threads=", ".join(ended)))
    if usual.passed is None:
        return unknown(_("items cannot be followed, as the layout of the ring is not known"))
    return unknown(_("no item was seen to reach a consumer"))


def _side_missing(usual: Usual) -> bool:
    """Whether all who would produce, or all who would consume, could not open what they needed, and ended by that before
    they met anybody, while others meet.
    """
    if not any(usual.rounds.values()):
        return False
    sides = set(usual.roles.values())
    return any(
        all(
            usual.ends.get(task) and not usual.rounds.get(task) and usual.failed_calls.get(task)
            for task, own in usual.roles.items()
            if own == side
        )
        for side in sides
    )


def _ended_with_process(usual: Usual) -> list[str]:
    """The threads and children of programs that have ended, where none of them has met anybody."""
    begun = [task for task in usual.rounds if "." in task]
    ended = [task for task in begun if task in usual.ends and task.partition(".")[0] in usual.ends]
    return ended if ended == begun and not any(usual.rounds[task] for task in begun) else []


def _broken(usual: Usual) -> str:
    """Why the usual order does not go on, in words; empty where it does."""
    bad = [(task, status) for task, status in usual.ends.items() if status]
    if bad:
        task, status = bad[0]
        lines = usual.output.get(task, "").strip().splitlines()
        said = lines[-1] if lines else _("it wrote nothing")
        said = "; ".join(filter(None, (said, usual.failed_calls.get(task, ""))))
        if status < 0:
            text = _("{task} is killed by {signal}; its last line: {said}")
            names = {each.value: each.name for each in signal.Signals}
            return text.format(task=task, signal=names.get(-status, -status), said=said)
        text = _("{task} ends with status {status}: {said}")
        return text.format(task=task, status=status, said=said)
    if usual.end == "stuck":
        return _("nobody can go on: {who}").format(who=usual.waiting)
    if usual.end == "spinning":
        return _("those left look at the same words for ever: {who}").format(who=usual.waiting)
    return ""


def either_order(facts: Facts) -> Said:
    """Items get through whoever starts first, and nothing is wrong then that is right otherwise."""
    for name, text in (
        ("usual", _("the producer first: {what}")),
        ("first-usual", _("the consumer first: {what}")),
    ):
        said = flows(facts.trial(name))
        if said.verdict is not Verdict.PASS:
            return Said(said.verdict, text.format(what=said.evidence), said.shown)
    first, known = facts.trial("first"), {each.kind for each in facts.trial("pair").found}
    own = [each for each in first.found if each.kind not in known]
    if own:
        text = _("the consumer first: {what}")
        return failed(text.format(what=own[0].claim), own[0])
    said = _searched(facts, ("first",), ())
    return (
        said
        if said.verdict is not Verdict.PASS
        else passed(_("the consumer first: {what}").format(what=said.evidence))
    )


def semaphores(facts: Facts) -> Said:
    """Each semaphore and lock is initialised before its use, and for several processes."""
    usual, pair = facts.usual, facts.trial("pair")
    if usual is not None and usual.made_again and pair.found:
        text = _("{what}: {claim}")
        first = pair.found[0]
        return failed(text.format(what=usual.made_again, claim=first.claim), first)
    kinds = ("never-initialised", "process-private", "private-memory", "private-mapping")
    return _searched(facts, ("pair",), kinds, calls=True, ring=False)


def exclusion(facts: Facts) -> Said:
    """No two store an index unordered, and the mutex is posted by who waited for it."""
    names = ("pair", *(name for name in _WIDE if name in facts.trials))
    said = _searched(facts, names, ("race", "lost-update", "mutex-overflow"))
    beyond = any(facts.trial(name).looks_beyond for name in names)
    return unknown(looks_beyond_words()) if said.verdict is Verdict.PASS and beyond else said


def items_kept(facts: Facts) -> Said:
    """No item is overwritten, lost, or taken from an empty slot."""
    said = _of_items(facts, _searched(facts, ("pair",), _ITEM_FAULTS))
    left = any(facts.trial(name).leaves_items for name in ("pair", "end"))
    return unknown(leaves_items_words()) if said.verdict is Verdict.PASS and left else said


def taken_once(facts: Facts) -> Said:
    """No item is taken by two."""
    return _of_items(facts, _searched(facts, ("pair",), ("item-taken-twice",)))


def order(facts: Facts) -> Said:
    """A consumer takes a producer's items as they were put."""
    said = _searched(facts, ("pair",), (*_ITEM_FAULTS, "item-taken-twice"))
    if said.verdict is Verdict.FAIL:  # Another check's; it says nothing of the order.
        return unknown(_("items are lost, overwritten or taken twice: their order cannot be told"))
    if facts.usual is not None and not facts.usual.in_order:
        text = _("a consumer takes items of one producer in another order than they were put")
        return failed(text)
    return _of_items(facts, said)


def _of_items(facts: Facts, said: Said) -> Said:
    """Nothing passes where nobody was seen to take an item, or the ring was not seen to go full."""
    if said.verdict is Verdict.PASS and not (facts.usual and facts.usual.taken):
        return unknown(_("nobody was seen to take an item and move out on from it"))
    if said.verdict is Verdict.PASS and facts.trial("capacity").usual is None:
        return unknown(_("what happens when the ring is full was not seen"))
    return said


def ring_used(facts: Facts) -> Said:
    """A producer that runs ahead fills the ring, but for one slot at most."""
    trial = facts.trial("capacity")
    usual, slots = trial.usual, trial.slots
    if usual is None:
        return unknown(trial.why or ring_not_known(facts))
    held = usual.most_held
    if not held:
        return unknown(_("the programs do not get so far that this shows"))
    text = ngettext(
        "the producer runs ahead by {held} item, in {slots} slots",
        "the producer runs ahead by {held} items, in {slots} slots",
        held,
    )
    evidence = text.format(held=held, slots=slots)
    if slots > 1 and held >= slots - 1 and usual.passed:
        return passed(evidence)
    waits = usual.end == "finished" and (usual.made or 0) > slots and usual.passed
    return failed(evidence) if waits and held == 1 and slots > 2 else unknown(evidence)


def no_busy_wait(facts: Facts) -> Said:
    """Nobody waits by looking at the same words."""
    usual = facts.usual
    if usual is None:
        return untold(facts.trial("usual"))
    for spin in usual.spins:
        where = f"{spin.task} ({spin.line})" if spin.line else spin.task
        if not spin.sleeps:
            text = _("{who} looks at {words} over and over until another changes it")
            return failed(text.format(who=where, words=spin.words))
    if usual.spins:
        text = _("{who} looks at {words} again and again, and sleeps in between")
        first = usual.spins[0]
        return unknown(text.format(who=first.task, words=first.words))
    return _searched(facts, ("pair",), (), ring=False)


def no_deadlock(facts: Facts) -> Said:
    """Nobody waits for ever who could be let go on, in no order."""
    names = ("pair", "end") if "end" in facts.trials else ("pair",)
    return _searched(facts, names, ("deadlock", "hang", "lost-wakeup"), calls=True, ring=False)


def no_crash(facts: Facts) -> Said:
    """No signal ends a program, in no order."""
    return _searched(facts, ("pair",), ("crash",), ring=False)


def many(facts: Facts) -> Said:
    """Nothing is wrong with two producers, with two consumers, and with two of each."""
    trials = [facts.trial(name) for name in _WIDE]
    for trial in trials:
        if trial.refusal is Refusal.EARLY and facts.trial("pair").refusal is None:
            return failed(trial.why)
        if trial.found:
            first = min(trial.found, key=lambda each: each.kind == "race")
            return failed(first.claim, first)
        if any(trial.ended.values()):
            task, status = next(iter(trial.ended.items()))
            text = _("{task} ends with status {status}")
            return failed(text.format(task=task, status=status))
    replaced = [name for trial in trials for name in trial.replaced]
    if replaced:
        text = _(
            "a program makes {name} anew while another uses the one before: these two do not meet"
        )
        return failed(text.format(name=replaced[0]))
    said = _searched(facts, _WIDE, ())
    if said.verdict is Verdict.PASS and any(trial.looks_beyond for trial in trials):
        return unknown(looks_beyond_words())
    starved = [task for trial in trials for task in trial.starved]
    if said.verdict is Verdict.PASS and starved:
        text = _("{task} takes no item in any of these orders, though others do")
        return unknown(text.format(task=starved[0]))
    return said
