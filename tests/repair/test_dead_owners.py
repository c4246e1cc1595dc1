"""A pthread mutex whose owner was killed is unlocked for it, and all that waited go on."""

import contextlib
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from shmtui.errors import ExitCode
from shmtui.repair.consent import Consent
from shmtui.repair.dead_owners import unlock_plan
from shmtui.repair.executor import Repairer
from shmtui.repair.plan import Plan, Refusal
from shmtui.repair.record import State, latest, mark
from shmtui.repair.report import Report
from shmtui.session.opener import AttachOptions, SegmentOpener
from shmtui.shm.protocol import Role
from shmtui.shm.segment import SHM_DIR, FileIdentity, segment_path
from shmtui.shm.sync_object import SyncObject
from shmtui.shm.word_file import WordFile
from shmtui.snapshot import Certainty, Finding, ProcessState, Status
from shmtui.tui.app import DashboardApp
from tests.compiling import Compiler
from tests.diagnosis.test_health import peer, shown
from tests.program import run_shmtui
from tests.tui.dashboards import reports, shows, tells
from tests.waiting import poll

PROGRAM = r"""
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define N 5
typedef struct {
    int data[N];
    int in, out;
    pthread_mutex_t lock;
#ifdef COND
    pthread_cond_t not_full, not_empty;
    int count;
#else
    sem_t empty, full;
#endif
    pthread_mutex_t log;
    long turns[4];
} Ring;
static Ring *r;
#ifdef COND
static void take(int eats) {
    pthread_mutex_lock(&r->lock);
    while (r->count == (eats ? 0 : N)) pthread_cond_wait(eats ? &r->not_empty : &r->not_full, &r->lock);
    r->count += eats ? -1 : 1;
}
static void give(int eats) {
    pthread_cond_signal(eats ? &r->not_full : &r->not_empty);
    pthread_mutex_unlock(&r->lock);
}
#else
static void take(int eats) { sem_wait(eats ? &r->full : &r->empty); pthread_mutex_lock(&r->lock); }
static void give(int eats) { pthread_mutex_unlock(&r->lock); sem_post(eats ? &r->empty : &r->full); }
#endif
int main(int argc, char **argv) {
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    if (ftruncate(fd, sizeof(Ring))) return 1;
    r = mmap(0, sizeof(Ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!strcmp(argv[2], "make")) {
        pthread_mutexattr_t a;
        pthread_mutexattr_init(&a);
        pthread_mutexattr_settype(&a, atoi(argv[3]));
        if (strcmp(argv[4], "private")) pthread_mutexattr_setpshared(&a, 1);
        if (!strcmp(argv[4], "inherits")) pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
        if (!strcmp(argv[4], "robust")) pthread_mutexattr_setrobust(&a, 1);
        pthread_mutex_init(&r->lock, &a);
        pthread_mutex_init(&r->log, &a);
#ifdef COND
        pthread_condattr_t c;
        pthread_condattr_init(&c);
        pthread_condattr_setpshared(&c, 1);
        pthread_cond_init(&r->not_full, &c);
        pthread_cond_init(&r->not_empty, &c);
#else
        sem_init(&r->empty, 1, N);
        sem_init(&r->full, 1, 0);
#endif
        return 0;
    }
    if (!strcmp(argv[2], "hold")) {
        pthread_mutex_t *lock = strcmp(argv[3], "log") ? &r->lock : &r->log;
        pthread_mutex_lock(lock);
        if (argc > 4) pthread_mutex_lock(lock);                 /* a recursive one, twice */
        puts("held"); fflush(stdout);
        for (;;) pause();
    }
    if (!strcmp(argv[2], "idle")) { puts("held"); fflush(stdout); for (;;) pause(); }
    int me = atoi(argv[3]), eats = me % 2;
    for (;;) {
        take(eats);
        int *index = eats ? &r->out : &r->in;
        *index = (*index + 1) % N;
        r->turns[me]++;
        give(eats);
        pthread_mutex_lock(&r->log);
        pthread_mutex_unlock(&r->log);
        usleep(1000);
    }
}
"""
RECURSIVE, ERRORCHECK = 1, 2


def waits(pid: int) -> bool:
    """Whether it sleeps, and not for a time: a lock with priority inheritance has a wait channel of
    its own.
    """
    channel = Path(f"/proc/{pid}/wchan").read_text()
    return channel != "0" and "nanosleep" not in channel


class Ring:
    """The ring with four workers, two of each side, and one that holds a lock until it is killed."""

    def __init__(self, compiler: Compiler, name: str, *flags: str) -> None:
        source = compiler.directory / "worker.c"
        source.write_text(PROGRAM)
        self._program = str(compiler.program(source, "-g", *flags))
        self.name = name
        self.path = Path(segment_path(name))
        self.workers: list[subprocess.Popen[str]] = []

    def _start(self, *what: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [self._program, self.name, *what], stdout=subprocess.PIPE, text=True
        )

    def get_stuck(self, kind: int = 0, how: str = "shared", lock: str = "lock") -> None:
        """Make it, have it work, and kill the owner of a lock: all wait for ever."""
        with self._start("make", str(kind), how) as maker:
            assert maker.wait() == 0
        self.workers = [self._start("work", str(number)) for number in range(4)]
        poll(lambda: min(self.turns) > 3, "all work")
        twice = ["twice"] if kind == RECURSIVE else []
        with self._start("hold", lock, *twice) as owner:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "held\n"
            poll(self.all_asleep, "all wait")
            owner.kill()

    def idle(self) -> "subprocess.Popen[str]":
        """One more that maps it, and waits for nothing of it."""
        other = self._start("idle")
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        return other

    def all_asleep(self) -> bool:
        """Whether all workers sleep, and none has moved since."""
        before = self.turns
        asleep = [waits(w.pid) for w in self.workers for _ in range(10)]
        return all(asleep) and before == self.turns

    @property
    def turns(self) -> list[int]:
        """Turns by worker: the last member of the struct."""
        return list(struct.unpack_from("=4q", self.path.read_bytes()[-32:]))

    def all_go_on(self) -> None:
        """Wait until every worker has had turns from now on."""
        before = self.turns
        poll(lambda: all(b > a for a, b in zip(before, self.turns, strict=True)), "all go on")

    def lock_words(self, at: int = 32) -> tuple[int, ...]:
        """Lock, count, owner, users, kind of the mutex at that byte."""
        return struct.unpack_from("=5I", self.path.read_bytes(), at)

    def end(self) -> None:
        """End the workers."""
        for worker in self.workers:
            worker.kill()
            worker.communicate()
        self.path.unlink(missing_ok=True)


Make = Callable[..., Ring]


@pytest.fixture
def make(gcc: Compiler, name: str) -> Iterator[Make]:
    """Makes a ring; its programs and its segment are gone afterwards."""
    made: list[Ring] = []

    def one(*flags: str) -> Ring:
        made.append(Ring(gcc, name, *flags))
        return made[-1]

    yield one
    for ring in made:
        ring.end()


@pytest.mark.limits
@pytest.mark.parametrize("kind", [0, RECURSIVE, ERRORCHECK])
def test_of_every_type(make: Make, kind: int) -> None:
    """With semaphores for permits: `check` names the repair, and `--yes` is all that it needs."""
    ring = make()
    ring.get_stuck(kind)
    found = run_shmtui("check", ring.name, "--for", "2")
    assert "dead-owner" in found.stdout
    assert f"shmtui repair {ring.name} shows" in found.stdout
    done = run_shmtui("repair", ring.name, "--yes")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "nothing has moved" not in done.stdout
    ring.all_go_on()
    assert "ok: no findings" in run_shmtui("check", ring.name, "--for", "2").stdout


def test_with_condition_variables(make: Make) -> None:
    """A queue without a semaphore: those that wait for a condition go on as well."""
    ring = make("-DCOND")
    ring.get_stuck()
    done = run_shmtui("repair", ring.name, "--yes")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    ring.all_go_on()


async def test_in_the_dashboard(make: Make) -> None:
    """No worker of ours can take part in such a ring, and that is said; r unlocks it all the same."""
    ring = make("-DCOND")
    ring.get_stuck()
    with contextlib.closing(SegmentOpener(AttachOptions(write=True))) as opener:
        app = DashboardApp(opener.open(ring.name), opener=opener)
        async with app.run_test(size=(120, 50)) as pilot:
            await pilot.press("p")
            await tells(app, "no worker can join here: it takes three semaphores")
            await pilot.press("r")
            await shows(app, "Carry it out")
            await pilot.press("y")
            await shows(app, "repaired dead-owner")
            await reports(app, "repaired dead-owner")
    ring.all_go_on()


def test_a_lock_that_plays_no_role(make: Make) -> None:
    """The log's lock, beside the ring's: it alone is changed."""
    ring = make()
    ring.get_stuck(lock="log")
    plan = Repairer(ring.name).propose()
    assert isinstance(plan, Plan)
    (text,) = plan.texts
    assert text.startswith("log: ")
    done = Repairer(ring.name).carry_out(plan)
    assert isinstance(done, Report)
    assert done.outcome.went_on or done.outcome.moved
    ring.all_go_on()


def test_what_cannot_be_unlocked(make: Make) -> None:
    """It is refused with the reason, and no byte is changed."""
    ring = make()
    ring.get_stuck(how="private")
    before = ring.path.read_bytes()
    refused = Repairer(ring.name).propose()
    assert isinstance(refused, Refusal)
    assert "private to a process" in refused.why
    assert ring.path.read_bytes() == before


def test_a_living_owner_keeps_it(make: Make) -> None:
    """A plan that was agreed to is not carried out once a living thread holds the lock."""
    ring = make()
    ring.get_stuck()
    repairer = Repairer(ring.name)
    plan = repairer.propose()
    assert isinstance(plan, Plan)
    assert isinstance(repairer.carry_out(plan), Report)
    ring.all_go_on()
    again = Repairer(ring.name).carry_out(plan)
    assert isinstance(again, Refusal)
    ring.all_go_on()


def test_another_that_is_awake_may_unlock_it(make: Make) -> None:
    """As a daemon does whose parent took the lock: that takes the user's word, and is likely then."""
    ring = make()
    ring.get_stuck()
    with ring.idle() as other:
        refused = Repairer(ring.name).propose()
        assert isinstance(refused, Refusal)
        assert refused.needs_idle == (other.pid,)
        assert f"shmtui repair {ring.name} --assume-idle {other.pid}" in refused.remedy
        word = Consent(assume_idle=frozenset({other.pid}))
        plan = Repairer(ring.name, consent=word).propose()
        assert isinstance(plan, Plan)
        assert plan.certainty is Certainty.LIKELY
        other.kill()


@pytest.mark.parametrize(
    "facts", [{}, {"sleeps_on": ("ready",), "sleeps_timed": True}, {"sleeps_on": ("ready",)}]
)
def test_an_owner_that_was_killed_may_have_left_it_to_a_child(facts: dict[str, object]) -> None:
    """One that wakes up by itself, if only from a wait with a timeout, has to be vouched for."""
    owner = replace(peer(7, Role.UNKNOWN, None), state=ProcessState.ENDED, killed=True, died_ns=1)
    waiting = replace(peer(3, Role.UNKNOWN, None), sleeps_on=("guard",))
    child = replace(peer(4, Role.UNKNOWN, None), **facts)
    lock = SyncObject("guard", "pthread_mutex_t", offset=128, value=0, owner=7, owner_dead=True)
    one = replace(shown(0, 1, 5, 0, waiting, owner, child), sync=(lock,))
    dead = Finding("dead-owner", Status.WARNING, "", (), Certainty.LIKELY, "", subject="guard")
    words = struct.pack("=5I", 2, 0, 7, 1, 0x80).ljust(40, b"\0")
    found = unlock_plan(one, (dead,), lambda _offset, _size: words, Consent())
    if facts == {"sleeps_on": ("ready",)}:
        assert isinstance(found, Plan)
    else:
        assert isinstance(found, Refusal)
        assert found.needs_idle == (4,)


def test_cut_off_and_finished(make: Make) -> None:
    """Killed between two words, it is finished by the next repair."""
    ring = make()
    ring.get_stuck()
    plan = Repairer(ring.name).propose()
    assert isinstance(plan, Plan)
    for worker in ring.workers:
        worker.send_signal(signal.SIGSTOP)
    assert isinstance(Repairer(ring.name).carry_out(plan), Report)
    identity = FileIdentity.of(ring.path.stat())
    record = latest(identity, SHM_DIR)
    assert record is not None
    mark(record, State.BEGUN)
    (unlock,) = record.unlocks
    with WordFile(str(ring.path), identity) as file:  # As if it had not got to the last word.
        assert file.swap(unlock.words[-1].back)
    for worker in ring.workers:
        worker.send_signal(signal.SIGCONT)
    done = run_shmtui("repair", ring.name, "--yes")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "a repair that was interrupted is finished" in done.stdout
    ring.all_go_on()


def test_it_can_be_undone(make: Make) -> None:
    """As long as nobody has taken the lock, its dead owner is put back."""
    ring = make()
    ring.get_stuck()
    before = ring.lock_words()
    for worker in ring.workers:
        worker.send_signal(signal.SIGSTOP)
    repairer = Repairer(ring.name)
    plan = repairer.propose()
    assert isinstance(plan, Plan)
    assert isinstance(repairer.carry_out(plan), Report)
    assert ring.lock_words()[0] == 0
    assert run_shmtui("repair", ring.name, "--undo").returncode == ExitCode.OK
    assert ring.lock_words() == before
