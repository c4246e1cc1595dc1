"""Findings about semaphores that nobody initialised, or somebody too late. Pure."""

from collections.abc import Iterator
from typing import Final

from shmtui.diagnosis.history import SETTLED_NS, History, living
from shmtui.diagnosis.holders import by_handler, idle_elsewhere, unaccounted_threads, waits_for_good
from shmtui.diagnosis.wording import names, repair_remedy
from shmtui.i18n import _
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import Certainty, Finding, Process, Snapshot, Status


def uninitialised(s: Snapshot) -> bool:
    """Whether all semaphores are as ``ftruncate`` leaves them, or as ``sem_open`` with the value 0:
    no process has passed one.

    In glibc a zero word after the value means private to a process, in musl shared. There, and
    of named ones, a thread asleep on mutex has taken a permit, which shows that the permit was
    initialised.
    """
    states = s.semaphores
    if len(states) != len(SemaphoreRole):
        return False
    if s.layout.semaphores != "embedded" and not _may_be_opened_with_0(s):
        return False
    shared = unmarked(s)
    if shared and any(SemaphoreRole.MUTEX in p.waits for p in living(s)):
        return False
    zero = all(x.value == 0 and x.shared is shared for x in states.values())
    return zero and s.in_ == s.out == 0


def _may_be_opened_with_0(s: Snapshot) -> bool:
    """Whether named semaphores may never have had a permit: those of our own buffers had, and in
    a ring of one or two slots a death leaves zeros as well.
    """
    return s.layout.source is not LayoutSource.CONTROL and s.layout.slots > 2


def unmarked(s: Snapshot) -> bool:
    """Whether zeros are all that tells that nobody initialised the semaphores: musl marks none,
    sem_open marks every one, whatever value it is given, and those of a set have no mark.
    """
    return s.layout.libc is Libc.MUSL or s.layout.semaphores != "embedded"


def forgotten(s: Snapshot) -> list[SemaphoreRole]:
    """The semaphores that are as ``ftruncate`` leaves them, beside others that are marked as shared: sem_init
    was not called for those, or with 0 as its second argument.
    """
    states = s.semaphores
    if unmarked(s) or not any(x.shared for x in states.values()):
        return []
    return [role for role, x in states.items() if x.value == 0 and x.shared is False]


def by_own_futex(s: Snapshot) -> list[Process]:
    """Where nobody has called sem_init: processes that sleep as sem_wait of glibc never does there, for
    all processes on a word that is marked as private to one. It is no ``sem_t`` but a word of the
    program's own.
    """
    if unmarked(s) or not uninitialised(s):
        return []
    return [
        p
        for p in living(s)
        if p.wakeable
        and any((state := s.semaphores.get(role)) and state.shared is False for role in p.waits)
    ]


GHOST_SAMPLES: Final = 4
"""In how many samples a semaphore has to count a waiter that does not exist."""


def never_initialised(history: History) -> Iterator[Finding]:
    """All three semaphores are as ftruncate left them, or as sem_open made them with the value 0."""
    now = history.now
    waiting = [p for p in living(now) if p.waits]
    # While no process waits, the one that made the segment may be about to call sem_init. Where
    # waits are hidden, it is unknown whether one waits.
    # A named semaphore may be opened with 0 and posted to right after.
    enough = 0 if (waiting or now.hidden) and now.layout.semaphores != "named" else SETTLED_NS
    samples = min(2, len(history.snapshots))
    if history.lasted_ns(uninitialised) < enough or history.agreeing(uninitialised) < samples:
        return
    going = sum(unaccounted_threads(p) for p in living(now))
    polls = any(p.timed_waits for p in waiting)
    if by_own_futex(now):
        return  # These are no sem_t.
    if going >= now.layout.slots:
        return  # They may hold all permits: then sem_init ran, and the programs work.
    named = now.layout.semaphores != "embedded"
    soon = all(p.timed_waits for p in waiting) and not now.hidden and not named
    evidence = list(_zeros(now))
    if waiting:
        evidence.append(_("blocked since: {who}").format(who=names(waiting)))
    if soon:
        evidence.append(
            _("the waits have a timeout: the program that is to call it may come later")
            if polls
            else _("nobody waits yet: the program that made it may be about to call it")
        )
    if going:
        evidence.append(
            _("unless all permits were taken at once, and no index is moved yet, by {who}").format(
                who=names(idle_elsewhere(now))
            )
        )
    handlers = [p for p in living(now) if p.catches_signals]
    if handlers:
        evidence.append(
            _(
                "unless a signal handler of {who} posts it, or ends a wait that then begins anew"
            ).format(who=names(handlers))
        )
    # Who waits for mutex has passed a permit, unless he takes mutex first.
    passed = any(SemaphoreRole.MUTEX in p.waits for p in waiting)
    doubt = unmarked(now) or going or polls or passed or soon or now.layout.slots < 2 or handlers
    yield Finding(
        "never-initialised",
        # Zeros that nothing marks may be a gate that somebody who comes later opens.
        Status.WARNING
        if soon or going or polls or unmarked(now) or by_handler(now)
        else Status.CRITICAL,
        _("no semaphore was given a permit: every sem_wait blocks for ever")
        if named
        else _("nobody has called sem_init yet: a sem_wait would block for ever")
        if soon
        else _("nobody called sem_init: every sem_wait blocks for ever"),
        (*evidence, *history.assumptions),
        Certainty.LIKELY if doubt else history.certainty,
        (
            _(
                "in the program, give sem_open(name, O_CREAT, mode, value) its values: {mutex} 1, "
                "{empty} {slots}, {full} 0; now: {repair}"
            )
            if now.layout.semaphores == "named"
            else _(
                "in the program, give each its value once by semctl(id, n, SETVAL, …): {mutex} 1, {empty} "
                "{slots}, {full} 0"
            )
            if named
            else _(
                "in the program, once before any process waits, with s pointing to the struct: "
                "sem_init(&s->{mutex}, 1, 1); sem_init(&s->{empty}, 1, {slots}); sem_init(&s->{full}, 1, 0); now: {repair}"
            )
        ).format(
            **(now.own_names if named else _members(now)),
            slots=now.layout.slots,
            repair=repair_remedy(history, _consent(now)),
        ),
    )


def _members(now: Snapshot) -> dict[str, str]:
    """The struct's member of each role, as it stands in code."""
    return now.own_names | {each.role.value: each.name for each in now.sync if each.role}


def _consent(now: Snapshot) -> str:
    """What a repair asks for: the word on whoever may have taken all permits, and that on the permits where
    these may be meant to be zeros.
    """
    asked = "--yes" if waits_for_good(now) and not unmarked(now) else "--yes --permits"
    return " ".join((asked, *(f"--assume-idle {p.pid}" for p in idle_elsewhere(now))))


def _zeros(now: Snapshot) -> Iterator[str]:
    """What the zeros show, a clause each."""
    if not unmarked(now):
        yield _(
            "{mutex}, {empty} and {full} are 0 and not marked as shared: sem_init never ran"
        ).format(**now.own_names)
        return
    if now.layout.semaphores == "named":
        yield _(
            "{mutex}, {empty} and {full} are 0, and so are in and out: sem_open gave them no permits"
        ).format(**now.own_names)
    elif now.layout.semaphores != "embedded":
        yield _(
            "{mutex}, {empty} and {full} are 0, and so are in and out: nobody called semctl(SETVAL)"
        ).format(**now.own_names)
    else:
        yield _(
            "{mutex}, {empty} and {full} are 0, and so are in and out: sem_init seems never to have run"
        ).format(**now.own_names)
        yield _("musl writes nothing else that would prove it")
    yield _("unless permits were there and are all lost, or a program that comes later gives them")


def late_init(history: History) -> Iterator[Finding]:
    """A process began to wait before the semaphore was initialised, or initialised once more.

    Who sleeps privately on a semaphore that is marked as shared began before it was. sem_init
    also sets the count of waiters to 0 (glibc, musl): a sem_post then wakes nobody.
    """
    now = history.now
    asleep = [p for p in living(now) if began_private(p, now)]
    private = [p for p in asleep if _not_woken(p, history)]
    woken = {p.pid for p in asleep} - {p.pid for p in private}
    uncounted = {
        role
        for role in SemaphoreRole
        if history.unmoved_ns() >= SETTLED_NS
        and history.agreeing(lambda s, role=role: counts_too_few(s, role)) >= GHOST_SAMPLES  # type: ignore[misc]
    }
    others = [
        p
        for p in living(now)
        if uncounted & set(p.waits) and p not in private and p.pid not in woken
    ]
    # Where some of those that sleep are counted, nothing tells which.
    late = private or others
    if not late:
        return
    facts = []
    if private:
        facts.append(
            _(
                "asleep with a PRIVATE futex operation on a semaphore that is marked as shared "
                "now: {who}"
            ).format(who=names(private))
        )
    facts += [
        _("{semaphore} counts fewer waiters than sleep on it").format(semaphore=now.own_names[role])
        for role in sorted(uncounted)
    ]
    if private and others:
        facts.append(_("perhaps not woken either: {who}").format(who=names(others)))
    for_ever = not any(p.timed_waits or p.catches_signals for p in late)
    shared = [p for p in private if p.threads != 1]
    sure = for_ever and len(private) > len(shared)
    if uncounted:
        facts.append(_("unless the program waits on its value by futex(2), which nobody counts"))
    if shared:
        text = _("unless another thread of {who} wakes it, by a futex operation of its own")
        facts.append(text.format(who=names(shared)))
    if not for_ever:
        facts.append(_("their waits may end by a timeout or a signal, and then begin anew"))
    yield Finding(
        "late-init",
        Status.CRITICAL if sure else Status.WARNING,
        _("sem_init ran after a process had begun to wait: no sem_post wakes {who}").format(
            who=names(late)
        ),
        tuple(facts),
        Certainty.CERTAIN if sure else Certainty.LIKELY,
        _(
            "in the program, call sem_init once, before any other process maps the segment (one "
            "creates with O_EXCL, the others wait for it); now: {repair}"
        ).format(repair=repair_remedy(history, "--yes" if private else "--yes --permits")),
    )


def _not_woken(process: Process, history: History) -> bool:
    """Whether no other thread of its process could wake it, or it slept on for a second though there
    was a permit to wake for.
    """
    if process.threads == 1:
        return True

    def passed_over(s: Snapshot) -> bool:
        return any(
            p.pid == process.pid and any((s.semaphores[r].value or 0) > 0 for r in p.waits)
            for p in living(s)
        )

    return history.lasted_ns(passed_over) >= SETTLED_NS


def began_private(process: Process, s: Snapshot) -> bool:
    """Whether it sleeps privately, and on semaphores that are marked as shared alone."""
    if process.wakeable is not False or not process.waits:
        return False
    states = [s.semaphores.get(role) for role in process.waits]
    return all(state is not None and state.shared for state in states)


def counts_too_few(s: Snapshot, role: SemaphoreRole) -> bool:
    """Whether more threads sleep on a semaphore, where a post of any process wakes them, than it counts."""
    state = s.semaphores.get(role)
    if state is None or state.waiters is None:
        return False
    sleeping = (
        p.waits.count(role) for p in living(s) if p.letter == "S" and p.wakeable is not False
    )
    return sum(sleeping) > state.waiters
