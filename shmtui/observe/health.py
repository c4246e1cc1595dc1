"""The doctor: what is wrong with a buffer, told from a short history of snapshots. Pure.

A snapshot is not atomic, and what looks wrong in one may be a permit on its way.
So a finding rests on several looks that agree, for a time that is given with it,
and everything that could move has to be accounted for. What cannot be seen lowers
the certainty; a full or an empty buffer with slow peers is health, not sickness.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from shmtui.ipc.libc import Libc
from shmtui.ipc.protocol import Role, SemaphoreRole, Step, step_name
from shmtui.language import _, ngettext
from shmtui.observe.audit import items_lost
from shmtui.observe.snapshot import (
    Certainty,
    Finding,
    Health,
    LayoutSource,
    Origin,
    Process,
    ProcessState,
    SemaphoreState,
    Snapshot,
    Status,
)

SETTLED_NS: Final = 900_000_000
"""How long everything has to stand still before what is missing counts as lost."""
STALLED_NS: Final = 3_000_000_000
STARVED_NS: Final = 5_000_000_000
STARVED_ITEMS: Final = 20
HISTORY_NS: Final = 7_000_000_000
"""How much history the rules look back on."""

_HOLDING: Final = {
    step_name(role, step)
    for role in (Role.PRODUCER, Role.CONSUMER)
    for step in (Step.TRANSFER, Step.POST_MUTEX)
}
_BETWEEN: Final = {
    step_name(role, step)
    for role in (Role.PRODUCER, Role.CONSUMER)
    for step in (Step.WAIT_MUTEX, Step.TRANSFER, Step.POST_MUTEX, Step.POST_PERMIT)
}


def diagnose(history: Sequence[Snapshot]) -> Health:
    """The health as of the last snapshot; the oldest comes first.

    Nothing found in less than a second of watching is not health yet: it is unknown.
    """
    if not history or history[-1].layout.source is LayoutSource.RAW:
        return Health()
    case = Case(tuple(history))
    findings = [finding for rule in RULES for finding in rule(case)]
    if history[-1].layout.assumed:
        findings = [_less_sure(finding) for finding in findings]
    findings.sort(key=lambda f: (f.severity is not Status.CRITICAL, f.code))
    if any(f.severity is Status.CRITICAL for f in findings):
        return Health(Status.CRITICAL, tuple(findings))
    if findings:
        return Health(Status.WARNING, tuple(findings))
    watched = case.now.monotonic_ns - case.history[0].monotonic_ns
    blind = not case.now.semaphores or case.now.in_ is None
    return Health(Status.UNKNOWN if blind or watched < SETTLED_NS else Status.OK)


def _less_sure(finding: Finding) -> Finding:
    """No finding is surer than the layout that it is read by."""
    if finding.certainty is not Certainty.CERTAIN:
        return finding
    fact = _("the layout is taken for the exercise's by name and size; others fit the bytes too")
    return replace(finding, certainty=Certainty.LIKELY, evidence=(*finding.evidence, fact))


@dataclass(frozen=True, slots=True)
class Case:
    """A history, and what several rules ask of it."""

    history: tuple[Snapshot, ...]

    @property
    def now(self) -> Snapshot:
        """The last snapshot."""
        return self.history[-1]

    def lasted(self, holds: Callable[[Snapshot], bool]) -> int:
        """For how many ns, up to now, every look has agreed; -1 if even the last does not."""
        since = None
        for snapshot in reversed(self.history):
            if not holds(snapshot):
                break
            since = snapshot.monotonic_ns
        return -1 if since is None else self.now.monotonic_ns - since

    def looks(self, holds: Callable[[Snapshot], bool]) -> int:
        """How many looks in a row, up to now, agree."""
        count = 0
        for snapshot in reversed(self.history):
            if not holds(snapshot):
                break
            count += 1
        return count

    def still(self) -> int:
        """For how many ns no index, value or step has changed."""
        mark = _position(self.now)
        return self.lasted(lambda s: _position(s) == mark)

    @property
    def sure(self) -> Certainty:
        """Certain, unless somebody may take part whom this user cannot look at."""
        return Certainty.LIKELY if self.now.hidden else Certainty.CERTAIN

    def semaphore(self, role: SemaphoreRole) -> SemaphoreState | None:
        """That semaphore as it stands."""
        return self.now.semaphores.get(role)

    def value(self, role: SemaphoreRole) -> int | None:
        """Its value."""
        state = self.semaphore(role)
        return None if state is None else state.value


def _position(s: Snapshot) -> tuple[object, ...]:
    values = tuple((role, state.value) for role, state in s.semaphores.items())
    return (s.in_, s.out, values, tuple((p.pid, p.items) for p in living(s)))


def living(snapshot: Snapshot) -> list[Process]:
    """Those who take part and live."""
    return [
        p
        for p in snapshot.processes
        if p.state is not ProcessState.ENDED and p.role is not Role.OBSERVER
    ]


def may_hold_mutex(process: Process) -> bool:
    """Whether a live process could hold the mutex.

    A worker says where it stands. A foreign process asleep on one of the semaphores
    holds none, in the right order; any other might.
    """
    if process.origin is Origin.WORKER:
        return process.step in _HOLDING
    return process.blocked_on is None


def may_hold_permit(process: Process) -> bool:
    """Whether a live process could have a permit in hand that it has not passed on."""
    if process.origin is Origin.WORKER:
        return process.step in _BETWEEN
    return process.blocked_on is SemaphoreRole.MUTEX or process.state is ProcessState.RUNNING


def _names(processes: Sequence[Process]) -> str:
    return ", ".join(f"{p.name} (PID {p.pid})" for p in processes)


def _seconds(ns: int) -> str:
    return f"{ns / 1e9:.1f} s"


# -- semaphores ---------------------------------------------------------------------------------


def never_initialised(case: Case) -> Iterator[Finding]:
    """All three semaphores are as ftruncate left them."""
    now = case.now
    if now.layout.semaphores != "embedded" or len(now.semaphores) != len(SemaphoreRole):
        return

    def zero(s: Snapshot) -> bool:
        return all(x.value == 0 and x.shared is False for x in s.semaphores.values())

    if not zero(now) or case.looks(zero) < min(2, len(case.history)):
        return
    waiting = [p for p in living(now) if p.blocked_on is not None]
    evidence = [_("mutex, empty and full are 0 and not marked as shared: sem_init never ran")]
    if waiting:
        evidence.append(_("blocked since: {who}").format(who=_names(waiting)))
    yield Finding(
        "never-initialised",
        Status.CRITICAL,
        _("nobody called sem_init: every sem_wait blocks for ever"),
        tuple(evidence),
        Certainty.CERTAIN,
        _(
            "call sem_init(&s, 1, value) once before anyone waits: mutex 1, empty N, full 0; or "
            "let shmtui run make the segment first"
        ),
    )


def process_private(case: Case) -> Iterator[Finding]:
    """Somebody sleeps where no other process can wake it, or soon will."""
    now = case.now
    asleep = [p for p in living(now) if p.wakeable is False]
    if asleep:
        on = ", ".join(sorted({str(p.blocked_on) for p in asleep}))
        yield Finding(
            "process-private",
            Status.CRITICAL,
            _("{who} cannot be woken by any other process").format(who=_names(asleep)),
            (
                _(
                    "blocked on {semaphores} with a PRIVATE futex operation (/proc/PID/syscall)"
                ).format(semaphores=on),
                _("a sem_post from another process raises the value and wakes nobody"),
            ),
            Certainty.CERTAIN,
            _("pass 1 as sem_init's second argument, and start the sleepers anew"),
        )
        return
    private = [role for role, s in now.semaphores.items() if s.shared is False]
    values = [s.value for s in now.semaphores.values()]
    if private and any(values) and len(living(now)) > 1:
        yield Finding(
            "process-private",
            Status.WARNING,
            _("{semaphores} initialised for one process only, and several map them").format(
                semaphores=", ".join(private)
            ),
            (_("the private word is 0: sem_init was called with pshared 0"),),
            Certainty.CERTAIN,
            _("in the program, pass 1 as sem_init's second argument"),
        )


def mutex_overflow(case: Case) -> Iterator[Finding]:
    """The mutex has more permits than one."""

    def above(s: Snapshot) -> bool:
        state = s.semaphores.get(SemaphoreRole.MUTEX)
        return state is not None and state.value is not None and state.value > 1

    if above(case.now) and case.looks(above) >= 2:
        value = case.value(SemaphoreRole.MUTEX)
        yield Finding(
            "mutex-overflow",
            Status.CRITICAL,
            _("mutex is {value}: that many can be in the critical section at once").format(
                value=value
            ),
            (
                _("value {value} in {looks} looks; one permit is all a lock may have").format(
                    value=value, looks=case.looks(above)
                ),
            ),
            Certainty.CERTAIN,
            _("look for a sem_post(&mutex) too many; a sem_wait without its post takes one off"),
        )


def ghost_waiter(case: Case) -> Iterator[Finding]:
    """A semaphore counts waiters that are not there."""
    if case.now.hidden:
        return
    for role in SemaphoreRole:

        def excess(s: Snapshot, role: SemaphoreRole = role) -> int:
            state = s.semaphores.get(role)
            if state is None or not state.waiters:
                return 0
            counted = sum(p.waits.count(role) for p in living(s))
            going = sum(
                p.origin is Origin.WORKER and p.step is not None and p.step.startswith("wait")
                for p in living(s)
                if role not in p.waits
            )
            return state.waiters - counted - going

        lasted = case.lasted(lambda s, excess=excess: excess(s) > 0)  # type: ignore[misc]
        if lasted >= SETTLED_NS:
            ghosts = min(excess(s) for s in case.history[-3:])
            if ghosts > 0:
                yield Finding(
                    "ghost-waiter",
                    Status.WARNING,
                    ngettext(
                        "{semaphore} counts {ghosts} waiter that no longer exists",
                        "{semaphore} counts {ghosts} waiters that no longer exist",
                        ghosts,
                    ).format(semaphore=role, ghosts=ghosts),
                    (
                        _("its waiter count is above the threads blocked on it, for {time}").format(
                            time=_seconds(lasted)
                        ),
                    ),
                    case.sure,
                    _("harmless but for a needless system call at each post"),
                    subject=role,
                )


def mixed_libc(case: Case) -> Iterator[Finding]:
    """Programs of two C libraries share one semaphore."""
    by_libc: dict[Libc, list[Process]] = {}
    for process in living(case.now):
        if process.libc is not None:
            by_libc.setdefault(process.libc, []).append(process)
    if len(by_libc) > 1:
        yield Finding(
            "mixed-libc",
            Status.CRITICAL,
            _("programs of glibc and of musl use the same semaphores"),
            tuple(f"{libc}: {_names(ps)}" for libc, ps in sorted(by_libc.items())),
            Certainty.CERTAIN,
            _("build all of them against one C library: their sem_t differ in layout and meaning"),
        )


# -- permits and the lock -----------------------------------------------------------------------


def _deficit(s: Snapshot) -> int | None:
    """Permits that are neither in ``empty`` nor in ``full``."""
    empty, full = (s.semaphores.get(r) for r in (SemaphoreRole.EMPTY, SemaphoreRole.FULL))
    if empty is None or full is None or empty.value is None or full.value is None:
        return None
    return s.layout.slots - empty.value - full.value


def held_mutex(case: Case) -> Iterator[Finding]:
    """The mutex is 0 and stays so: its holder died, waits in the wrong order, or sits on it."""
    now, value = case.now, case.value(SemaphoreRole.MUTEX)
    still, deficit = case.still(), _deficit(case.now)
    uninitialised = all(s.value == 0 and not s.shared for s in now.semaphores.values())
    if value != 0 or still < SETTLED_NS or deficit is None or uninitialised:
        return
    lives = living(now)
    waiting = [p for p in lives if p.blocked_on is SemaphoreRole.MUTEX]
    behind = [
        p
        for p in lives
        if p.blocked_on in {SemaphoreRole.EMPTY, SemaphoreRole.FULL}
        # A worker of ours tells whether it has the mutex in hand.
        and (p.origin is not Origin.WORKER or p.holds_mutex)
    ]
    holders = [p for p in lives if may_hold_mutex(p)]
    facts = (
        _("mutex 0 in {looks} looks over {time}, and nothing moved").format(
            looks=case.looks(lambda s: _position(s) == _position(now)), time=_seconds(still)
        ),
        _("waiting for it: {who}").format(who=_names(waiting) or _("nobody")),
    )
    if holders:
        if still >= STALLED_NS and waiting:
            yield Finding(
                "stalled",
                Status.WARNING,
                _("mutex is held by {who} and nothing moves").format(who=_names(holders)),
                facts,
                Certainty.CERTAIN if len(holders) == 1 and not now.hidden else Certainty.LIKELY,
                _("see what it does there: gdb -p PID, or resume it if it is stopped"),
            )
        return
    if behind and deficit <= len(waiting) and waiting:
        yield Finding(
            "wrong-order",
            Status.CRITICAL,
            _("one of {who} took mutex before it waits for a permit: a deadlock").format(
                who=_names(behind)
            ),
            (
                *facts,
                _("blocked on a permit: {who}").format(who=_names(behind)),
                _("permits in hand: {count}").format(count=deficit),
            ),
            case.sure if len(behind) == 1 else Certainty.LIKELY,
            _("wait for empty or full first, for mutex second; then start them all anew"),
        )
        return
    dead = [p for p in now.processes if p.state is ProcessState.ENDED and p.step in _HOLDING]
    if not dead:
        dead = [
            p
            for s in case.history
            for p in s.processes
            if p.state is ProcessState.ENDED and p.step in _HOLDING
        ][-1:]
    claim = _("mutex is held by a process that died: everybody waits for ever")
    if dead:
        claim = _("mutex is held by {who}, which died ({how}): everybody waits for ever").format(
            who=_names(dead), how=dead[-1].ending
        )
    yield Finding(
        "dead-holder",
        Status.CRITICAL,
        claim,
        (*facts, _("no live process can hold it: each one says or shows where it waits")),
        case.sure if dead or not now.hidden else Certainty.LIKELY,
        _("end all that map it and start anew; the dead one also had a permit in hand"),
    )


def lost_permit(case: Case) -> Iterator[Finding]:
    """Everything stands still, the lock is free, and empty + full is not N."""
    now, mutex, deficit = case.now, case.value(SemaphoreRole.MUTEX), _deficit(case.now)
    if deficit is None or deficit == 0 or not mutex:
        return
    if any(may_hold_permit(p) for p in living(now)):
        return
    still = case.lasted(
        lambda s: _deficit(s) == deficit and not any(may_hold_permit(p) for p in living(s))
    )
    if still < SETTLED_NS or case.still() < SETTLED_NS:
        return
    known = all(p.origin is Origin.WORKER or p.blocked_on is not None for p in living(now))
    what = ngettext("{count} permit lost", "{count} permits lost", deficit)
    if deficit < 0:
        what = ngettext("{count} permit too many", "{count} permits too many", -deficit)
    slots = now.layout.slots
    yield Finding(
        "lost-permit",
        Status.CRITICAL if deficit < 0 else Status.WARNING,
        _("{what}: empty + full is {sum}, and the buffer has {slots} slots").format(
            what=what.format(count=abs(deficit)), sum=slots - deficit, slots=slots
        ),
        (
            _("nothing moved for {time}, mutex is free, and nobody has a permit in hand").format(
                time=_seconds(still)
            ),
            _("a post was left out, done twice, or its process died before it"),
        ),
        case.sure if known else Certainty.LIKELY,
        _("look for a wait without its post, or a post too many; start anew to get it back"),
    )


# -- movement -----------------------------------------------------------------------------------


def unwoken(case: Case) -> Iterator[Finding]:
    """Somebody sleeps on a semaphore that has permits."""
    for role in SemaphoreRole:

        def asleep(s: Snapshot, role: SemaphoreRole = role) -> list[Process]:
            state = s.semaphores.get(role)
            if state is None or not state.value or not state.shared:
                return []
            return [p for p in living(s) if p.blocked_on is role and p.wakeable]

        if case.still() >= SETTLED_NS and (now := asleep(case.now)):
            lasted = case.lasted(lambda s, asleep=asleep: bool(asleep(s)))  # type: ignore[misc]
            if lasted >= SETTLED_NS:
                yield Finding(
                    "stalled",
                    Status.CRITICAL,
                    ngettext(
                        "{who} sleeps on {semaphore} although it has permits",
                        "{who} sleep on {semaphore} although it has permits",
                        len(now),
                    ).format(who=_names(now), semaphore=role),
                    (
                        _("{semaphore} is {value}, and nothing moved for {time}").format(
                            semaphore=role, value=case.value(role), time=_seconds(lasted)
                        ),
                    ),
                    case.sure,
                    _("a wake-up was lost: nudge it with kill -STOP PID; kill -CONT PID"),
                    subject=role,
                )


def starved(case: Case) -> Iterator[Finding]:
    """One worker gets none of what its peers get."""
    then = next(
        (s for s in case.history if case.now.monotonic_ns - s.monotonic_ns >= STARVED_NS), None
    )
    first = case.history[0] if then is None else then
    if case.now.monotonic_ns - first.monotonic_ns < STARVED_NS:
        return
    before = {p.pid: p for p in first.processes}
    for role in (Role.PRODUCER, Role.CONSUMER):
        peers = [
            p
            for p in living(case.now)
            if p.role is role and p.items is not None and p.pid in before
        ]
        gains = {p.pid: (p.items or 0) - (before[p.pid].items or 0) for p in peers}
        others = [g for g in gains.values() if g >= STARVED_ITEMS]
        for process in peers:
            waited = case.lasted(
                lambda s, pid=process.pid: any(  # type: ignore[misc]
                    p.pid == pid and p.state is ProcessState.BLOCKED for p in s.processes
                )
            )
            if gains[process.pid] == 0 and others and waited >= STARVED_NS:
                yield Finding(
                    "starved",
                    Status.WARNING,
                    _("{name} (PID {pid}) got nothing in {time}").format(
                        name=process.name, pid=process.pid, time=_seconds(waited)
                    ),
                    (_("its peers moved {count:,} items meanwhile").format(count=sum(others)),),
                    Certainty.CERTAIN,
                    _(
                        "slow its peers down, or give it a semaphore of its own: sem_wait is not fair"
                    ),
                    subject=str(process.pid),
                )


# -- indices and the file -----------------------------------------------------------------------


def bad_index(case: Case) -> Iterator[Finding]:
    """``in`` or ``out`` lies outside the ring."""
    slots = case.now.layout.slots
    for name in ("in", "out"):

        def index(s: Snapshot, name: str = name) -> int | None:
            return s.in_ if name == "in" else s.out

        def outside(s: Snapshot, index: Callable[[Snapshot], int | None] = index) -> bool:
            value = index(s)
            return value is not None and not 0 <= value < slots

        if outside(case.now) and case.looks(outside) >= min(2, len(case.history)):
            yield Finding(
                "bad-index",
                Status.CRITICAL,
                _("{index} is {value}, outside 0…{last}").format(
                    index=name, value=index(case.now), last=slots - 1
                ),
                (_("whoever uses it next reads or writes beyond the slots"),),
                Certainty.CERTAIN,
                _(
                    "check that the layout is the program's own (--header); if it is, it was overwritten"
                ),
                subject=name,
            )


def file_events(case: Case) -> Iterator[Finding]:
    """What became of the name and of the file."""
    segment, layout = case.now.segment, case.now.layout
    needed = max(
        (
            at
            for at in (
                layout.offsets.data + layout.slots * layout.item_size,
                *(
                    o + 32
                    for o in (layout.offsets.mutex, layout.offsets.empty, layout.offsets.full)
                    if o is not None
                ),
            )
        ),
        default=0,
    )
    if segment.size < needed:
        yield Finding(
            "truncated",
            Status.CRITICAL,
            _("the segment is {size} bytes and its layout needs {needed}").format(
                size=segment.size, needed=needed
            ),
            (_("touching what was cut off kills a process with SIGBUS"),),
            Certainty.CERTAIN,
            _("find who calls ftruncate with another size: two programs with different structs?"),
        )
    if segment.replaced:
        yield Finding(
            "replaced",
            Status.WARNING,
            _("another segment has taken the name {name}").format(name=segment.name),
            (_("those who mapped the old one do not meet those who open the name now"),),
            Certainty.CERTAIN,
            _("end and restart the programs that map the old one"),
        )
    elif segment.unlinked:
        yield Finding(
            "unlinked",
            Status.WARNING,
            _("the name {name} is gone; the segment lives while it is mapped").format(
                name=segment.name
            ),
            ("st_nlink = 0",),
            Certainty.CERTAIN,
            _("whoever starts now cannot find it: restart all, or unlink last"),
        )


def orphan(case: Case) -> Iterator[Finding]:
    """No live process maps it, and no shmtui looks after it."""

    def alone(s: Snapshot) -> bool:
        return not living(s) and not s.supervised and not s.hidden

    if alone(case.now) and (case.lasted(alone) >= SETTLED_NS or len(case.history) == 1):
        yield Finding(
            "orphan",
            Status.WARNING,
            _("no live process maps it"),
            (_("no line of /proc/*/maps shows this file"),),
            Certainty.CERTAIN,
            _("remove it with shmtui rm {name}, if nobody comes back for it").format(
                name=case.now.segment.name
            ),
        )


RULES: Final[tuple[Callable[[Case], Iterator[Finding]], ...]] = (
    never_initialised,
    process_private,
    mutex_overflow,
    held_mutex,
    lost_permit,
    ghost_waiter,
    mixed_libc,
    unwoken,
    starved,
    bad_index,
    file_events,
    orphan,
    lambda case: items_lost(case.now),
)
