"""What an exploration has found and covered, as lines of text and as JSON. Pure."""

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from shmtui.i18n import _, ngettext
from shmtui.sanitize import inert

if TYPE_CHECKING:
    from shmtui.control.exploration import Exploration
    from shmtui.control.frontier import Covered
    from shmtui.control.places import Names
    from shmtui.control.run import Run
    from shmtui.control.search import SearchOutcome
    from shmtui.control.shortest_order import Shortened

_MOST_STEPS: Final = 400
"""Steps that are printed; a schedule file holds all."""


def exploration_lines(result: "Exploration") -> Iterator[str]:
    """The whole report."""
    programs = " · ".join(f"{name} {inert(shlex.join(c))}" for name, c in result.commands.items())
    yield _("programs  {programs}").format(programs=programs)
    yield _("layout    {layout}").format(
        layout=inert(result.layout)
        or _("not known: items, indices and races are not judged (--header)")
    )
    if result.sides:
        sides = (
            f"{_(role.value)} {', '.join(sorted(t for t, r in result.sides.items() if r is role))}"
            for role in dict.fromkeys(result.sides.values())
        )
        yield _("sides     {sides}").format(sides=" · ".join(sides))
    for number, part in enumerate(result.outcome.covered):
        label = _("covered   {part}") if not number else "          {part}"
        yield label.format(part=covered_words(part))
    for note in notes(result):
        yield _("note      {note}").format(note=note)
    outcome = result.outcome
    if not outcome.found:
        text = (
            _("found     nothing, in {seconds} s")
            if result.outcome.covered
            else _("found     nothing")
        )
        yield text.format(seconds=f"{outcome.seconds:.1f}")
        return
    for finding, _run in outcome.found.values():
        yield f"✗ {finding.kind}: {inert(finding.claim)}"
    if result.shortened is not None:
        yield _("shortened {how}").format(how=shortened_words(*result.shortened))
    if result.shown is not None:
        yield ""
        yield from order_lines(result.shown[1], result.names, result.shown[0].step)


def covered_words(part: "Covered") -> str:
    """One part of the search: its orders, and whether they are all."""
    steps = _("loads and stores") if part.fine else _("semaphores and locks")
    steps = _("starts, semaphores and locks") if part.starts else steps
    count = ngettext("{count} item", "{count} items", part.items)
    items = count.format(count=part.items)
    if part.complete and part.starts:
        text = ngettext(
            "every order of {items} at {steps}: {states} states, {orders} execution",
            "every order of {items} at {steps}: {states} states, {orders} executions",
            part.orders,
        )
    elif part.complete:
        text = ngettext(
            "every order of {items} at {steps}, started in turn: {states} states, {orders} execution",
            "every order of {items} at {steps}, started in turn: {states} states, {orders} executions",
            part.orders,
        )
    else:
        text = ngettext(
            "{orders} execution of {items} at {steps}, {states} states; that is not every order",
            "{orders} executions of {items} at {steps}, {states} states; that is not every order",
            part.orders,
        )
    return text.format(items=items, steps=steps, states=part.states, orders=part.orders)


def shortened_words(before: int, found: "Shortened") -> str:
    """By how much an order is shorter than the first one that was found, and whether it is the shortest."""
    steps = found.finding.step + 1
    text = (
        _("from {before} steps to {steps}; no shorter order shows it (--items {items})")
        if found.least
        else _(
            "from {before} steps to {steps} (--items {items}); not every shorter order was tried"
        )
    )
    return text.format(before=before, steps=steps, items=found.items)


def notes(result: "Exploration") -> Iterator[str]:
    """What limits the judgement, and what is no mistake but worth knowing."""
    outcome = result.outcome
    if outcome.spinning:
        yield _("they wait by loading the same words over and over, which takes a processor")
    if outcome.never_full is not None and not outcome.found:
        made, slots = outcome.never_full
        text = _(
            "the producers end after {made} items, and the ring has {slots} slots: what they do where it is full "
            "was not seen; have them make more"
        )
        yield text.format(made=made, slots=slots)
    for task in outcome.starved:
        text = _("{task} takes no item in any of these orders, though others do")
        yield text.format(task=task)
    if outcome.leaves_items:
        yield leaves_items_words()
    if outcome.looks_beyond:
        yield looks_beyond_words()
    yield from limits(result)
    if result.made_again and not any(part.starts for part in outcome.covered):
        second, first, place = result.made_again[0]
        text = _(
            "{second} initialises {name} again after {first} has: what that does to items that are there was not "
            "tried (--start any)"
        )
        yield text.format(second=second, first=first, name=inert(result.names.place(place)))
    for command, finding in outcome.started_first:
        text = _("started first, {command} goes wrong ({kind}: {claim}); --start any searches that")
        yield text.format(
            command=inert(shlex.join(command)), kind=finding.kind, claim=inert(finding.claim)
        )
    for task, status in result.statuses.items():
        yield _("{task} ends with status {status}").format(task=task, status=status)
    if outcome.stopped:
        yield _("stopped by Ctrl+C: this is what was known by then")


def limits(result: "Exploration") -> Iterator[str]:
    """Why the orders that were seen are not all that there are, whatever their number."""
    outcome = result.outcome
    if outcome.left_looking:
        yield _(
            "one who looks again and again was not followed for ever: it might go on otherwise some time"
        )
    if outcome.given_up:
        yield ngettext(
            "{count} execution was given up after so many steps, and its end not judged",
            "{count} executions were given up after so many steps, and their end not judged",
            outcome.given_up,
        ).format(count=outcome.given_up)
    if outcome.foreign:
        yield _(
            "a task slept in the kernel or became another program: deadlocks are not judged there"
        )
    if result.others:
        calls = ", ".join(sorted(result.others))
        yield _(
            "the programs may also wait, or be interrupted, by {calls}: these are not steps, and races are not judged"
        ).format(calls=calls)


def leaves_items_words() -> str:
    """That the programs leave items, in some orders. It is no fault of theirs where what is left is no item, but a mark."""
    return _(
        "in some orders all programs end, and items are left in the ring that nobody has taken; in others none is left"
    )


def looks_beyond_words() -> str:
    """That what may be a race was not judged."""
    return _(
        "a function for strings, as strcpy or strlen, loads bytes of the ring while another stores them: such functions "
        "also look at what lies behind their string, so that this is not judged"
    )


def order_lines(run: "Run", names: "Names", until: int) -> Iterator[str]:
    """An execution step by step up to number ``until``, and what the programs wrote by then."""
    shown = run.steps[: until + 1]
    first = max(len(shown) - _MOST_STEPS, 0)
    departing = run.departures(until)
    if departing:
        yield _("the order that shows it; at * another goes on than the one whose turn it is:")
    else:
        yield _("the order that shows it:")
    if first:
        yield _("  … {count} steps before").format(count=first)
    for number, step in enumerate(shown[first:], first):
        words = inert(names.step(step.operation, step.value, step.after))
        line = inert(names.line(run.programs[step.task], step.operation))
        mark = "*" if number in departing else " "
        yield f"{mark}{number + 1:4}  {step.task:4}  {words:<34}  {line}".rstrip()
        for written in step.output.splitlines():
            yield f"             ⟨{inert(written)}⟩"


def exploration_json(result: "Exploration") -> dict[str, Any]:
    """The same as a record."""
    outcome = result.outcome
    shown = None
    if result.shown is not None:
        finding, run = result.shown
        shown = {
            "finding": finding.kind,
            "departures": len(run.departures(finding.step)),
            "steps": [
                {
                    "task": step.task,
                    "does": result.names.step(step.operation, step.value, step.after),
                    "line": result.names.line(run.programs[step.task], step.operation) or None,
                    "output": step.output,
                }
                for step in run.steps[: finding.step + 1]
            ],
        }
    return {
        "programs": {name: list(command) for name, command in result.commands.items()},
        "items": result.items,
        "layout": result.layout or None,
        "sides": {task: role.value for task, role in result.sides.items()},
        "findings": [
            {"kind": kind, "claim": finding.claim}
            for kind, (finding, _run) in outcome.found.items()
        ],
        "covered": [
            {
                "steps": "loads-and-stores" if part.fine else "calls",
                "starts": "any" if part.starts else "given",
                "items": part.items,
                "orders": part.orders,
                "states": part.states or None,
                "departures": part.departures,
                "complete": part.complete,
            }
            for part in outcome.covered
        ],
        "notes": list(notes(result)),
        "order": shown,
        "shortened": None
        if result.shortened is None
        else {
            "from": result.shortened[0],
            "items": result.shortened[1].items,
            "least": result.shortened[1].least,
        },
        "seconds": round(outcome.seconds, 3),
    }


def progress_line(outcome: "SearchOutcome") -> str:
    """What is known so far, in a line."""
    part = covered_words(outcome.covered[-1]) if outcome.covered else _("the usual order")
    found = ", ".join(outcome.found) or _("nothing yet")
    return _("{seconds} s · {part} · found {found}").format(
        seconds=f"{outcome.seconds:.0f}", part=part, found=found
    )
