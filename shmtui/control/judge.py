"""What an execution proves to be wrong. Each finding says what was seen; what was not judged is said apart.

Nothing rests on how a program is meant: a finding is a state that holds for good, or two steps of
which both were taken.
"""

import os
import signal
from typing import TYPE_CHECKING, Final

import msgspec

from shmtui.control.fatal_fault import Why
from shmtui.control.items import Fault
from shmtui.control.operation import COND_WAITS, Kind
from shmtui.control.permits import forgotten_posts
from shmtui.control.run import End
from shmtui.i18n import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shmtui.control.operation import Operation
    from shmtui.control.places import Names
    from shmtui.control.run import Run

HANG: Final = "hang"
"""The finding that takes two executions: in one somebody waits for ever, in another all end."""
LOST_WAKEUP: Final = "lost-wakeup"
_CRASHES: Final = frozenset(
    {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP}
)
_FAULTS: Final = frozenset({signal.SIGSEGV, signal.SIGBUS})


class Finding(msgspec.Struct, frozen=True):
    """What is wrong."""

    kind: str
    claim: str
    step: int
    """The number of the step at which it is."""


def judge(run: "Run", names: "Names") -> tuple[Finding, ...]:
    """All that one execution proves, the gravest first."""
    found = [*_crashes(run, names), *_failures(run, names)]
    found += [*_misuses(run, names), *_items(run, names), *_forgotten(run, names)]
    if run.end is End.STUCK and not run.foreign and not any(f.kind == "crash" for f in found):
        text = _("nobody can go on: {who}")
        claim = text.format(who=waiting_words(run, names))
        found.append(Finding("deadlock", claim, len(run.steps) - 1))
    found += _looks_once(run, names)
    return (
        *found,
        *_slept_through(run, names),
        *_updates(run, names),
        *_races(run, names),
        *_load_races(run, names),
    )


def waiting_words(run: "Run", names: "Names") -> str:
    """Who waits for what at the end of an execution."""
    return "; ".join(_waits(run, names, *each) for each in run.blocked)


def _at(run: "Run", names: "Names", step: int) -> str:
    taken = run.steps[step]
    return _where(run, names, taken.task, taken.operation)


def _where(run: "Run", names: "Names", task: str, operation: "Operation") -> str:
    line = names.line(run.programs[task], operation)
    return f"{task} ({line})" if line else task


def _waits(run: "Run", names: "Names", task: str, operation: "Operation") -> str:
    who = _where(run, names, task, operation)
    if operation.kind is Kind.JOIN:
        return _("{who} waits for another one to end").format(who=who)
    if operation.kind is Kind.KERNEL:
        return _(
            "{who} sleeps in a call that is not a semaphore's or lock's: does it wait for input?"
        ).format(who=who)
    if operation.kind in {Kind.WAKE, Kind.WAKE_IN_TIME}:
        return _("{who} waits for a condition that nobody signals").format(who=who)
    name = names.place(operation.place) or _("what lies in its own memory")
    return _("{who} waits for {name}").format(who=who, name=name)


def _crashes(run: "Run", names: "Names") -> list[Finding]:
    found = []
    for task, status in run.ends.items():
        if -status not in _CRASHES:
            continue
        step = max(i for i, each in enumerate(run.steps) if each.task == task)
        who = _at(run, names, step)
        text = _("{who} is killed by {signal} after this step")
        claim = text.format(who=who, signal=signal.Signals(-status).name)
        claim = "; ".join(filter(None, (claim, why_it_ended(run, task, names))))
        found.append(Finding("crash", claim, step))
    return found


def why_it_ended(run: "Run", task: str, names: "Names") -> str:
    """Why it could not use the memory that it was killed for, and which call had failed before; empty where neither
    is known.
    """
    fault = run.fatal_faults.get(task) if -run.ends[task] in _FAULTS else None
    texts = {
        Why.NO_POINTER: _("the pointer is null, or what a call returned that failed"),
        Why.NO_ADDRESS: _(
            "no memory can have such an address: the pointer, or an index, holds something else"
        ),
        Why.READ_ONLY: _("{name} is mapped for reading alone, without PROT_WRITE"),
        Why.BEHIND_END: _(
            "{name} lies behind the end of the segment, which has {size} bytes: ftruncate gives it its size"
        ),
    }
    found = [failed_call(run, task)]
    if fault is not None:
        name = names.place(fault.place)
        found.insert(0, texts[fault.why].format(name=name, size=fault.size))
    return "; ".join(filter(None, found))


def failed_call(run: "Run", task: str) -> str:
    """Which call that opens something by its name failed, and why; empty where none did."""
    if task not in run.failed_calls:
        return ""
    call, number = run.failed_calls[task]
    return _("{call} failed: {why}").format(call=call, why=os.strerror(number))


def _failures(run: "Run", names: "Names") -> list[Finding]:
    """Programs that fail where others start before them, or after."""
    found = []
    text = _("{who} ends with status {status} in this order of the starts: {output}")
    for task, status in run.ends.items():
        if run.starts_vary and status > 0 and task not in run.usual_failures:
            step = max(i for i, each in enumerate(run.steps) if each.task == task)
            said = run.output(task).strip().splitlines()
            claim = text.format(
                who=_at(run, names, step), status=status,
                output=said[-1] if said else _("it wrote nothing"),
            )  # fmt: skip
            claim = "; ".join(filter(None, (claim, failed_call(run, task))))
            found.append(Finding("start-fails", claim, step))
    return found


def _misuses(run: "Run", names: "Names") -> list[Finding]:
    texts = {
        "never-initialised": _(
            "{who} uses {name}, which nobody has initialised: all its bytes are 0"
        ),
        "process-private": _(
            "{who} uses {name}, which was initialised for the threads of another process alone"
        ),
        "private-memory": _(
            "{who} waits for ever for a semaphore that lies in its own memory, which no other process sees: neither "
            "shared memory (MAP_SHARED) nor a named semaphore"
        ),
        "private-mapping": _(
            "{who} has stored in {name}, which it maps with MAP_PRIVATE: no other process sees that"
        ),
        "mutex-overflow": _("{who} posts {name}, which nobody holds: two can hold it then"),
        "address-stored": _(
            "{who} stores in {name} an address of its own memory, and in another process something else lies there: a "
            "pointer means nothing to others"
        ),
    }
    return [
        Finding(
            each.kind,
            texts[each.kind].format(
                who=_where(run, names, each.task, each.operation), name=names.place(each.place)
            ),
            each.step,
        )
        for each in run.misuses
    ]


def _items(run: "Run", names: "Names") -> list[Finding]:
    texts = {
        Fault.OVERWRITTEN: _(
            "{who} overwrites the item that {first} put in data[{slot}], and nobody has taken it"
        ),
        Fault.TAKEN_TWICE: _("{who} takes the item in data[{slot}] that {first} has taken already"),
        Fault.NOT_PUT: _("{who} takes an item from data[{slot}], where nobody has put one"),
        Fault.LOST: _(
            "the item that {first} put in data[{slot}] is never taken: all who could take it wait for ever"
        ),
        Fault.OUT_OF_RANGE: _("{who} uses slot {slot}, which lies past the last one"),
    }
    return [
        Finding(
            each.kind,
            texts[each.kind].format(
                who=_at(run, names, each.step), slot=each.slot,
                first="" if each.first is None else _at(run, names, each.first),
            ),
            each.step,
        )
        for each in run.faults
    ]  # fmt: skip


def _forgotten(run: "Run", names: "Names") -> list[Finding]:
    text = _(
        "{who} begins its next item, and has not posted {name} for the one that it began at {first}, as it does "
        "for others: a permit is lost"
    )
    return [
        Finding(
            "lost-permit",
            text.format(
                who=_at(run, names, each.step), first=_at(run, names, each.begin),
                name=names.place(each.place) if each.place.segment else _("its semaphore"),
            ),
            each.step,
        )
        for each in (forgotten_posts(run) if run.end is not End.KNOWN else ())
    ]  # fmt: skip


def _updates(run: "Run", names: "Names") -> list[Finding]:
    text = _(
        "{who} stores {name} by the value that it loaded before; what {other} has stored there in between is lost"
    )
    return [
        Finding(
            "lost-update",
            text.format(
                who=_at(run, names, each.step), other=_at(run, names, each.between),
                name=names.place(each.place),
            ),
            each.step,
        )
        for each in run.lost_updates
    ]  # fmt: skip


def _slept_through(run: "Run", names: "Names") -> list[Finding]:
    if run.slept_through is None:
        return []
    task, operation, step = run.slept_through
    text = _(
        "{who} waits for a condition for ever; woken without a signal, it does not wait again: either what it "
        "waits for is there, and no signal comes, or it does not look (if where while is needed)"
    )
    return [Finding(LOST_WAKEUP, text.format(who=_where(run, names, task, operation)), step)]


def _looks_once(run: "Run", names: "Names") -> list[Finding]:
    """Who waits for a condition, is woken with nothing changed, and goes on: pthread_cond_wait(3) may return so."""
    text = _(
        "{who} waits for a condition, and once woken it does not look again whether it may go on, though nothing has "
        "changed: it has to wait in a while, not after an if"
    )
    for number, step in enumerate(run.steps):
        if step.operation.kind is not Kind.WAKE_UNSIGNALLED or not number:
            continue
        before = run.steps[number - 1]
        if before.task != step.task or before.operation.kind is not Kind.COND_WAIT:
            continue
        own = (s.operation.kind for s in run.steps[number + 1 :] if s.task == step.task)
        if _lets_go_first(own):
            who = _where(run, names, step.task, before.operation)
            return [Finding("spurious-wakeup", text.format(who=who), number)]
    return []


def _lets_go_first(kinds: "Iterator[Kind]") -> bool:
    """Whether who holds a lock lets it go, or posts, before it waits for a condition again. A lock that it has may be
    taken once more within, as by a function that looks.
    """
    depth = 1
    for kind in kinds:
        depth += (kind is Kind.LOCK) - (kind is Kind.UNLOCK)
        if kind in COND_WAITS:
            return False
        if not depth or kind is Kind.POST:
            return True
    return False


def _load_races(run: "Run", names: "Names") -> list[Finding]:
    text = _("{loader} loads {name} while {storer} stores it, and nothing keeps them apart")
    return [
        Finding(
            "race",
            text.format(
                loader=_where(run, names, race.loader, race.load),
                storer=_where(run, names, race.storer, race.store),
                name=names.place(race.place),
            ),
            max(race.step, 0),
        )
        for race in run.load_races
        if not race.may_look_beyond
    ]


def _races(run: "Run", names: "Names") -> list[Finding]:
    text = _(
        "{first} and {second} both store {name}, and no semaphore, lock or other word orders them"
    )
    return [
        Finding(
            "lost-update" if race.adds else "race",
            text.format(
                first=_at(run, names, race.first_step), second=_at(run, names, race.second_step),
                name=names.place(race.place),
            ),
            race.second_step,
        )
        for race in run.races
    ]  # fmt: skip
