"""Every classical failure in every form: it is found or said to be undecided, and never called ok.

Where a repair does something items move again, and none is lost or doubled but what was in the
hands of the dead: the programs count every item themselves.
"""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from shmtui.errors import ExitCode
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.fork_watch import ForkWatch
from shmtui.procfs.process import read_stat
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import segment_path
from shmtui.snapshot import Certainty, Finding, Status
from tests.compiling import Compiler, require
from tests.program import run_shmtui
from tests.waiting import poll
from tests.zoo.animals import Animal, started
from tests.zoo.sick_programs import FAILURES, FORMS, LOCKS, SITES, Case, Patient, build

LOCK_KEPT: Final = {"dead-holder", "wrong-order", "stalled"}
"""What is left of a post that was left out tells these apart no further."""
EXPECTED: Final[dict[str, set[str]]] = {
    "holder-killed": {"dead-holder"},
    "lost-lock": LOCK_KEPT,
    "lost-permit": {"lost-permit"},
    "double-permit": {"extra-permits"},
    "double-lock": {"mutex-overflow"},
    "late-init": {"late-init"},
    "no-init": {"never-initialised"},
    "private": {"process-private"},
    "swapped": {"wrong-order"},
    "nobody-left": {"nobody-left"},
}
"""The codes of a failure; else it has to be undecided."""
OF_PTHREAD: Final = {
    "holder-killed": {"dead-owner"},
    "lost-lock": {"dead-owner", "stalled"},
    "swapped": {"stalled", "wrong-order"},
    "no-init": {"process-private", "never-initialised"},
}
OF_THREADS: Final = {"holder-killed": LOCK_KEPT, "swapped": LOCK_KEPT}
"""A process of which another thread sleeps elsewhere may hold the lock."""
IMPOSSIBLE: Final = {
    ("named", "late-init"), ("named", "private"), ("pthread", "double-lock"),
}  # fmt: skip
"""sem_open makes a semaphore whole and shared; a mutex cannot be posted twice."""
AT_ONCE: Final = 16
MOST_REPAIRS: Final = 4
COMMAND: Final = re.compile(r"(?<!sudo )shmtui (repair \S+(?: --[a-z-]+(?: \d[^;\s]*)?)*)")
"""A repair as it is printed."""


def expected(case: Case) -> set[str]:
    """The codes that a case may have."""
    if case.locks == "pthread" and case.failure in OF_PTHREAD:
        return OF_PTHREAD[case.failure]
    if case.form == "threads" and case.failure in OF_THREADS:
        return OF_THREADS[case.failure]
    return EXPECTED[case.failure]


def cases() -> Iterator[Case]:
    """Every form with every failure that it can have."""
    for form in FORMS:
        for locks in LOCKS:
            for failure in FAILURES:
                if (locks, failure) not in IMPOSSIBLE:
                    yield Case(form, locks, failure)


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled programs."""
    require("gcc")
    directory = tmp_path_factory.mktemp("sick")
    build(directory)
    return directory


def said(patient: Patient) -> str:
    """What is wrong in what `shmtui check` says of it; empty where nothing is."""
    done = run_shmtui("check", patient.name, "--for", "4")
    codes = set(re.findall(r"^  (?:warning|critical) +([a-z-]+)", done.stdout, re.MULTILINE))
    if done.returncode == ExitCode.FINDINGS and codes & expected(patient.case):
        return ""
    if done.returncode == ExitCode.CANNOT and "undecided:" in done.stdout:
        return ""
    return f"check: exit {done.returncode}\n{done.stdout}{done.stderr}"


def revived(case: Case) -> bool:
    """Whether a repair has to get it going: the dead owner stands in its lock."""
    return case.locks == "pthread" and case.failure == "holder-killed"


def repaired(patient: Patient) -> tuple[bool, str]:
    """Repair it, with the commands that a refusal prints; whether something was done, and all that
    was printed.
    """
    wanted, tried, text, done = f"repair {patient.name}", 0, "", False
    while wanted and tried < MOST_REPAIRS:
        command = shlex.split(_with_sides(wanted, patient))
        result = run_shmtui(*command, "--yes")
        text += f"$ {shlex.join(command)}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        done = done or "\nrepaired " in result.stdout
        printed = [c for c in COMMAND.findall(result.stdout) if "--undo" not in c]
        wanted, tried = next((c for c in printed if c != wanted), ""), tried + 1
    return done, text


def _with_sides(command: str, patient: Patient) -> str:
    """The command with the side of each process in place of the choice that is printed."""
    return re.sub(
        r"--role (\d+)=(?:producer|consumer|SIDE)",
        lambda found: f"--role {found[1]}={patient.side(int(found[1]))}",
        command,
    )


def wrong_of(case: Case, binaries: Path, name: str) -> str:
    """What is wrong with how shmtui takes a case; empty where nothing is."""
    with Patient(case, binaries, name) as patient:
        return wrong_with(patient)


def wrong_with(patient: Patient) -> str:
    """The same of one that is sick by now."""
    case = patient.case
    wrong = said(patient)
    if wrong:
        return f"{case}: {wrong}"
    done, text = repaired(patient)
    if not done:
        return f"{case}: refused\n{text}" if revived(case) else ""
    patient.let_go()
    if case.failure in STUCK_AGAIN:
        return ""
    if not patient.flows():
        return f"{case}: nothing moves after the repair\n{text}"
    audit = patient.rested_audit(0)
    return f"{case}: {audit}\n{text}" if audit else ""


STUCK_AGAIN: Final = {"swapped", "nobody-left"}
"""No repair ends these: the programs do the same again."""


def all_well(chosen: Sequence[Case], binaries: Path, new_name: Callable[[], str]) -> None:
    """No case is taken wrongly. They run at once: most of the time they are only watched."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(partial(wrong_of, case, binaries, new_name())) for case in chosen]
        wrong = [text for future in futures if (text := future.result())]
    assert not wrong, "\n\n".join(wrong)


SHORT: Final = [
    Case("fork", "embedded", "holder-killed", "wait"),
    Case("fork", "pthread", "holder-killed", "sleep"),
    Case("fork", "embedded", "swapped", "poll"),
    Case("fork", "named", "lost-permit", "sleep"),
    Case("programs", "named", "no-init"),
    Case("programs", "embedded", "late-init"),
    Case("programs", "named", "double-permit"),
    Case("programs", "embedded", "private"),
    Case("threads", "embedded", "holder-killed"),
    Case("threads", "named", "double-lock"),
    Case("threads", "pthread", "nobody-left"),
]
"""Each failure, each form and each kind of locks."""


def test_one_of_each(binaries: Path, new_name: Callable[[], str]) -> None:
    """Some of the cases, chosen so that each failure is among them, and each form."""
    assert {c.failure for c in SHORT} | {"lost-lock"} == set(FAILURES)
    all_well(SHORT, binaries, new_name)


@pytest.fixture
def forking(request: pytest.FixtureRequest) -> Iterator[bool]:
    """A program beside the others that forks all the time; whether it is asked for and it can be told apart."""
    if not request.param:
        yield False
        return
    with subprocess.Popen(["sh", "-c", "while :; do /bin/true; done"]) as process:
        try:
            ForkWatch(process.pid).close()
            told_apart = True
        except OSError:
            told_apart = False
        yield told_apart
        process.kill()


@pytest.mark.parametrize(
    ("rest", "forking"), [("pause", False), ("read", False), ("pause", True)], indirect=["forking"]
)
def test_a_death_that_was_watched_is_certain(
    binaries: Path, name: str, rest: str, forking: bool
) -> None:
    """The parent of a forking server was asleep while mutex was free, and has not run since.

    Likely where some input may wake it, to post mutex in the place of the dead, as in read(2); where somebody takes part perhaps whom this user may not see, where a child that fell
    asleep on a permit may have taken mutex before, or where somebody has opened the segment since.
    """
    samplers: list[Sampler] = []
    last: list[object] = []

    def parent_is_idle() -> bool:
        now = samplers[0].sample()
        seen = now.processes
        if forking and (now.forked_ns is None or now.forked_ns >= (now.mutex_free_ns or 0)):
            return False
        parents = [p for p in seen if p.parent not in {each.pid for each in seen}]
        # Of who was never seen alive no death is seen.
        all_seen = {*patient.living()} <= {p.pid for p in seen}
        return all_seen and bool(parents) and all(p.idle_since_free for p in parents)

    def watch() -> None:
        samplers.append(Sampler(name))
        poll(parent_is_idle, "it is proved of the parent")

    def proved() -> Finding | None:
        now = samplers[0].sample()
        behind = {SemaphoreRole.EMPTY, SemaphoreRole.FULL} & {
            w for p in now.processes for w in p.waits
        }
        # Another test may list the segments of the machine, and open this one for a look.
        free_ns = now.mutex_free_ns or 0
        opened = now.joined_ns is None or now.joined_ns >= free_ns
        # Where the kernel does not tell who forks, anybody may have.
        forked = now.forked_ns is None or now.forked_ns >= free_ns
        assert not (forking and forked)
        woken = rest == "read"
        doubt = now.hidden or now.assumptions or behind or opened or forked or woken
        sure = Certainty.LIKELY if doubt else Certainty.CERTAIN
        last[:] = now.health.findings, now.health.undecided, now.assumptions, behind, opened
        return next(
            (
                f
                for f in now.health.findings
                if (f.code, f.certainty) == ("dead-holder", sure)
                and (opened or behind or (f.severity is Status.CRITICAL) != woken)
            ),
            None,
        )

    # The parent is not woken for the death, as in wait4.
    case = Case("fork", "embedded", "holder-killed", rest)
    patient = Patient(case, binaries, name, watch)
    with patient, contextlib.closing(samplers[0]):
        try:
            finding = poll(proved, "it is found, and proved")
        except AssertionError:
            pytest.fail(f"it is not proved: {last}")
        assert any("has not run since mutex was free" in fact for fact in finding.evidence)
        woken = any("or once some input comes, is to post it" in fact for fact in finding.evidence)
        assert woken == (rest == "read")


MOVING: Final = (
    "restarted", "stale_out", "extra_half", "two_headers", "other_modulus", "wrong_post",
    "dead_beside_flow", "uncounted_beside_flow", "consumer_stops", "consumer_pauses",
)  # fmt: skip
DYING: Final = ("dies_among_pollers", "dies_as_the_only_consumer", "leaves_a_poller")
WATCHED_S: Final = 6.0
"""The shortest watch that has to tell: of a slow flow a few laps."""


@pytest.fixture
def moving(tmp_path: Path, name: str, request: pytest.FixtureRequest) -> Iterator[Sampler]:
    """A sampler of one of the programs of moving.c, before and after its fault."""
    mode = str(request.param)
    program = Compiler(tmp_path).program(Path(__file__).with_name("moving.c"))
    process = started(program, Animal("moving", mode), name)
    try:
        with contextlib.closing(Sampler(name, LayoutOptions(slots=5))) as sampler:
            begun = sampler.sample().in_
            poll(lambda: sampler.sample().in_ != begun, "items move")
            process.send_signal(signal.SIGUSR1)
            if mode in DYING:
                poll(lambda: has_zombie(process.pid), "its consumer is dead")
            yield sampler
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        Path(segment_path(name)).unlink(missing_ok=True)


def has_zombie(pid: int) -> bool:
    """Whether a child of it has ended, and was not waited for."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    stats = [read_stat(int(child)) for child in children]
    return any(stat is not None and stat.state == "Z" for stat in stats)


@pytest.mark.parametrize("moving", [*MOVING, *DYING], indirect=True)
def test_faults_that_are_made_while_items_move(moving: Sampler) -> None:
    """Found or undecided, though items move or did so at the start of the watch."""
    end = time.monotonic() + WATCHED_S
    now = moving.sample()
    while time.monotonic() < end:
        time.sleep(0.1)
        now = moving.sample()
    assert now.health.findings or now.health.undecided, now.health.judged


@pytest.mark.parametrize("moving", ["forked_away"], indirect=True)
def test_the_holder_is_a_child_that_was_never_seen(moving: Sampler) -> None:
    """Who was killed meanwhile is not called the holder with certainty, and the child is named."""

    def found() -> Finding | None:
        told = [f for f in moving.sample().health.findings if f.code == "dead-holder"]
        return told[0] if told else None

    finding = poll(found, "it is found")
    assert finding.certainty is Certainty.LIKELY
    doubts = (
        "unless it is held by a child",
        "unless a process took it and ended",
    )  # Or another test opened it.
    assert any(doubt in fact for doubt in doubts for fact in finding.evidence)


ILLS: Final = (
    "exits_inside", "wanders_off", "locks_twice", "thread_ends_inside", "execs_inside", "waits_for_child",
    "stops_inside", "spins_for_the_dead", "forgets", "posts_the_wrong_one", "one_slot_more", "no_permits",
    "lock_never_given", "halves", "reads_for_ever", "wiped", "overwritten", "replaced", "copied",
    "faults_inside", "cancelled_inside", "vforks_inside", "lets_go_inside", "forks_and_posts_twice", "ignores_trywait",
    "handler_locks", "ignores_timeout", "ignores_interruption", "never_waits_for_items", "never_waits_for_room",
    "indices_stand_still", "one_index_stands_still", "two_may_enter", "one_item_more", "second_initialises",
    "initialised_in_flight", "shrunk", "consumer_copied", "spins_on_memory", "two_generations", "waits_in_turns",
    "lock_goes_round", "looked_at", "gives_way", "two_batches",
)  # fmt: skip


def test_mistakes_that_no_textbook_names(tmp_path: Path, new_name: Callable[[], str]) -> None:
    """Each is found or undecided once it was watched; none is certain but what its bytes and its sleepers prove."""
    program = Compiler(tmp_path).program(Path(__file__).with_name("ills.c"))
    with contextlib.ExitStack() as stack:
        samplers = {}
        names = {mode: new_name() for mode in ILLS}
        with ThreadPoolExecutor(len(ILLS)) as pool:
            begun = [
                pool.submit(started, program, Animal("ills", mode), name)
                for mode, name in names.items()
            ]
        for process in (each.result() for each in begun):
            stack.callback(process.communicate)
            stack.callback(os.killpg, process.pid, signal.SIGKILL)
        for mode, name in names.items():
            stack.callback(Path(segment_path(name)).unlink, missing_ok=True)
            samplers[mode] = stack.enter_context(
                contextlib.closing(Sampler(name, LayoutOptions(slots=5)))
            )
        begun_at, ok = time.monotonic(), ["none was watched"]
        while time.monotonic() < begun_at + (WATCHED_S if ok else 2.0):
            told = {mode: sampler.sample().health for mode, sampler in samplers.items()}
            ok = [m for m, health in told.items() if not (health.findings or health.undecided)]
            time.sleep(0.5)  # Each round takes as long.
        assert ok == []
        sure = [
            m for m, h in told.items() if any(f.certainty is Certainty.CERTAIN for f in h.findings)
        ]
        # Who falls asleep just after the wipe sleeps on zeros, as where nobody called sem_init.
        assert set(sure) <= {"copied", "replaced", "wiped"}


LOCKS_LOST: Final = {
    "robust_lost": "lock cannot be locked any more",
    "robust_unmapped": "lock is held by thread",
    "robust_pending": "the owner of lock died, and nobody has locked it since",
    "dead_reader": "table was held in all",
    "dead_reader_waited": "table was 0 or held in all",
    "barrier_alone": "start has been waited for by",
    "spin_dead": "looks again and again for what never comes",
    "signal_lost": "the ring had both items and room",
    "signal_wrong": "the ring had both items and room",
    "locks_twice": "lock was held in all",
    "joins_inside": "lock was held in all",
    "opposite_orders": "lock was held in all",
}


@pytest.mark.parametrize(("mode", "text"), LOCKS_LOST.items())
def test_locks_that_nobody_gives_back(tmp_path: Path, name: str, mode: str, text: str) -> None:
    """Found, or undecided, in two seconds already; and no repair writes a byte."""
    program = Compiler(tmp_path).program(Path(__file__).with_name("locks.c"), "-g")
    process = started(program, Animal("locks", mode), name)
    try:
        path = Path(segment_path(name))
        poll(lambda: "PID  process" in said_by("stat", name), "one that lives has mapped it")
        said = said_by("check", name, "--for", "2")
        assert text in said or "stalled" in said  # On a busy machine two seconds are three.
        before = path.read_bytes()
        run_shmtui("repair", name, "--yes")
        assert path.read_bytes() == before
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        Path(segment_path(name)).unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("mode", "text"),
    {
        "locks_twice": "which waits for it itself",
        "locks_twice_waited": "which waits for it itself",
        "joins_inside": "the number in the lock is that of",
    }.items(),
)
def test_a_thread_that_waits_for_its_own_lock(
    tmp_path: Path, name: str, mode: str, text: str
) -> None:
    """The number in the lock is its own; it is likely alone, since another may unlock it."""
    program = Compiler(tmp_path).program(Path(__file__).with_name("locks.c"), "-g")
    process = started(program, Animal("locks", mode), name)
    try:
        with contextlib.closing(Sampler(name)) as sampler:

            def found() -> Finding | None:
                told = [f for f in sampler.sample().health.findings if f.code == "stalled"]
                return told[0] if told else None

            finding = poll(found, "it is found")
            assert any(text in line for line in (finding.claim, *finding.evidence))
            assert finding.certainty is Certainty.LIKELY
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        Path(segment_path(name)).unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("mode", "text"),
    {
        "two_counts": "ran again and again meanwhile: if it looks for more items",
        "count_out_of_step": "the count of items did not fit in and out in",
    }.items(),
)
def test_counts_that_keep_a_ring_still(tmp_path: Path, name: str, mode: str, text: str) -> None:
    """Both sides look again and again, for a number of items that never comes, or by a count that is wrong."""
    program = Compiler(tmp_path).program(Path(__file__).with_name("locks.c"), "-g")
    process = started(program, Animal("locks", mode), name)
    try:
        with contextlib.closing(Sampler(name)) as sampler:
            poll(lambda: any(text in each for each in sampler.sample().health.undecided), text)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        Path(segment_path(name)).unlink(missing_ok=True)


def test_a_full_ring_that_is_only_polled(tmp_path: Path, name: str) -> None:
    """Its producer waits in turns, each of which moves something: nobody is there to take an item."""
    program = Compiler(tmp_path).program(Path(__file__).with_name("locks.c"), "-g")
    process = started(program, Animal("locks", "full_alone"), name)
    try:
        said = said_by("check", name, "--for", "3")
        assert (
            "undecided: no item was seen to move, 8 of 8 slots are full, and no consumer was seen"
            in said
        )
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        Path(segment_path(name)).unlink(missing_ok=True)


def said_by(*words: str) -> str:
    """What a command prints."""
    return run_shmtui(*words).stdout


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_case(binaries: Path, new_name: Callable[[], str], form: str) -> None:
    """All of them."""
    all_well([case for case in cases() if case.form == form], binaries, new_name)


@pytest.mark.slow
@pytest.mark.parametrize("rest", SITES)
@pytest.mark.parametrize("site", [0, 1, 2])
def test_a_hundred_deaths_of_children(
    binaries: Path, new_name: Callable[[], str], rest: str, site: int
) -> None:
    """A forking server whose parent rests in each call, and a child that dies at each place inside."""
    chosen = [
        Case("fork", locks, "holder-killed", rest, victim, site)
        for locks in LOCKS
        for victim in (0, 1, 2)
        for _ in range(4)
    ]
    all_well(chosen, binaries, new_name)
