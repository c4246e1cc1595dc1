"""A repair that is refused has changed no byte; one that is cut off leaves no process stopped."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shmtui.diagnosis.history import living
from shmtui.layouts.options import LayoutOptions
from shmtui.procfs.futex import sleeps_on_futex
from shmtui.procfs.process import stopped
from shmtui.repair.consent import Consent
from shmtui.repair.executor import Repairer
from shmtui.repair.plan import Plan, Refusal
from shmtui.repair.report import Report
from shmtui.shm.faults import Fault
from shmtui.shm.protocol import Role, SemaphoreRole, Step
from shmtui.shm.segment import map_segment, segment_path
from shmtui.snapshot import Process, ProcessState
from tests.compiling import Compiler
from tests.conftest import MakeBuffer, join
from tests.peers import Peer, build
from tests.program import run_shmtui
from tests.repair.deaths import Crew
from tests.repair.stuck_ring import StuckRing
from tests.waiting import PATIENCE, poll


def words(name: str) -> bytes:
    """Every byte of a segment and of its named semaphores."""
    own = Path(segment_path(name))
    named = sorted(own.parent.glob(f"sem.{own.name}*"))
    return b"".join(path.read_bytes() for path in (own, *named))


@pytest.mark.parametrize(("slots", "named"), [(1, False), (2, True)])
def test_too_few_slots_after_a_death(name: str, slots: int, named: bool) -> None:
    """With one or two slots a death leaves more than one reading of the permits: they stay as they
    are, and only the lock is set.
    """
    with Crew(name, slots, 1, named=named) as crew:
        crew.die(Role.PRODUCER, Step.TRANSFER, "fault")
        (consumer,) = crew.pids[Role.CONSUMER]

        def rests() -> bool:
            process = crew.process(consumer)
            blocked = process is not None and process.state is ProcessState.BLOCKED
            # One that was posted for before the death is awake, though its record says blocked.
            return blocked and bool(sleeps_on_futex(consumer))

        poll(rests, "the consumer waits for ever")
        repairer = Repairer(name, consent=Consent(permits=True))
        agreed = repairer.propose()
        assert isinstance(agreed, Plan)
        assert [change.text for change in agreed.changes] == ["mutex: value 0 → 1"]
        assert "more than one reading" in agreed.permits_left
        done = repairer.carry_out(agreed)
        assert isinstance(done, Report)
        assert done.plan.changes == agreed.changes


def test_somebody_in_the_critical_section(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permit is lost and a worker stays in the critical section: nothing is done meanwhile."""
    monkeypatch.setattr("shmtui.repair.executor.TRIES", 5)
    with Crew(name, 5, 2) as crew, (repairer := Repairer(name)).alone():
        crew.die(Role.PRODUCER, Step.POST_PERMIT, "fault")
        crew.look(PATIENCE, "lost-permit")
        agreed = repairer.propose()
        assert isinstance(agreed, Plan)
        sitter = crew.pids[Role.CONSUMER][0]
        crew.supervisor.orders.set_fault(sitter, Fault.SIT)
        poll(lambda: (p := crew.process(sitter)) is not None and p.faulted, "it sits")
        poll(lambda: crew.sampler.sample().semaphores[SemaphoreRole.MUTEX].value == 0, "inside")
        poll(lambda: all(p.waits for p in others(crew, sitter)), "the others wait")
        before = words(name)
        done = repairer.carry_out(agreed)
        assert isinstance(done, Refusal)
        assert "perhaps in the critical section" in done.why
        assert words(name) == before
        assert not any(stopped(pid) for pid in crew.supervisor.pids)


def others(crew: Crew, pid: int) -> list[Process]:
    """The live workers but one."""
    return [p for p in living(crew.sampler.sample()) if p.pid != pid]


def test_no_layout(name: str) -> None:
    """Bytes that are no ring are left alone."""
    path = Path(segment_path(name))
    path.write_bytes(os.urandom(333))
    before = words(name)
    done = run_shmtui("repair", name, "--yes")
    assert done.returncode == 2 or "nothing to repair" in done.stdout
    assert words(name) == before
    path.unlink()


def test_an_index_outside(make_buffer: MakeBuffer) -> None:
    """A ring that was written over is not repaired."""
    buffer = make_buffer(5)
    join(buffer).semaphores[SemaphoreRole.MUTEX].post()
    memoryview(map_segment(buffer.name))[20:24] = (9).to_bytes(4, "little")
    before = words(buffer.name)
    done = run_shmtui("repair", buffer.name, "--yes")
    assert done.returncode == 2
    assert "outside 0…4" in done.stdout or "bad-index" in done.stdout
    assert words(buffer.name) == before


@pytest.fixture
def hanging(gcc: Compiler, name: str) -> Iterator[Peer]:
    """The course's producer, whose semaphores nobody has initialised."""
    with Peer(build(gcc, "produtor", name)) as peer:
        poll(lambda: Path(segment_path(name)).exists(), "its segment")
        poll(lambda: sleeps_on_futex(peer.pid), "it hangs")
        yield peer
    Path(segment_path(name)).unlink()


CUT_OFF = """
import os, signal, sys, time
from shmtui.repair import executor as repair
from shmtui.layouts.options import LayoutOptions
from shmtui.shm.word_file import WordFile
def swap(*_words):
    print("stopped", flush=True)
    time.sleep(60)
WordFile.swap = swap
repairer = repair.Repairer(sys.argv[1], LayoutOptions(slots=5))
repairer.carry_out(repairer.propose(0.3))
"""


@pytest.mark.parametrize("beforehand", [False, True])
def test_killed_in_the_middle(hanging: Peer, name: str, beforehand: bool) -> None:
    """SIGKILL of a repair that has just stopped its processes: they go on, and one that was stopped
    before stays so.
    """
    if beforehand:
        os.kill(hanging.pid, signal.SIGSTOP)
        poll(lambda: stopped(hanging.pid), "it is stopped")
    before = words(name)
    with subprocess.Popen(
        [sys.executable, "-c", CUT_OFF, name], stdout=subprocess.PIPE, text=True
    ) as repairing:
        assert repairing.stdout is not None
        assert repairing.stdout.readline() == "stopped\n"
        assert stopped(hanging.pid)
        repairing.kill()
    if beforehand:
        assert stopped(hanging.pid)
        os.kill(hanging.pid, signal.SIGCONT)
    poll(lambda: not stopped(hanging.pid), "it goes on")
    assert words(name) == before
    repairer = Repairer(name, LayoutOptions(slots=5))
    agreed = repairer.propose(0.3)
    assert isinstance(agreed, Plan)
    assert isinstance(repairer.carry_out(agreed), Report)
    poll(hanging.lines, "it produces")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(hanging: Peer, name: str, number: signal.Signals) -> None:
    """A signal in the middle waits for its end: no process stays stopped; the exit code tells."""
    with subprocess.Popen(
        [sys.executable, "-m", "shmtui", "repair", name, "--slots", "5", "--yes"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    ) as repairing:  # fmt: skip
        poll(lambda: words(name)[64:68] != bytes(4), "it is being repaired")
        repairing.send_signal(number)
        assert repairing.stdout is not None
        assert "repaired" in repairing.stdout.read()
    assert repairing.returncode == 128 + number
    assert not stopped(hanging.pid)
    poll(hanging.lines, "it produces")


RING_H = """
#include <semaphore.h>
struct job { long id; char text[24]; };
typedef struct { sem_t full, empty; struct job jobs[6]; long head, tail; sem_t lock; } Queue;
"""
RING_C = """
#include <fcntl.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "queue.h"
int main(int argc, char **argv) {
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    ftruncate(fd, sizeof(Queue));
    Queue *q = mmap(NULL, sizeof(Queue), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            sem_wait(&q->full);
            sem_wait(&q->lock);
            printf("took %s\\n", q->jobs[q->tail].text);
            q->tail = (q->tail + 1) % 6;
            sem_post(&q->lock);
            sem_post(&q->empty);
        }
    }
    for (long n = 0;; n++) {
        sem_wait(&q->empty);
        sem_wait(&q->lock);
        q->jobs[q->head].id = n;
        sprintf(q->jobs[q->head].text, "job %ld", n);
        q->head = (q->head + 1) % 6;
        sem_post(&q->lock);
        sem_post(&q->full);
        usleep(200000);
    }
}
"""


def test_items_of_a_struct_by_their_header(gcc: Compiler, name: str) -> None:
    """A layout that only a header tells is repaired in its own places."""
    header = gcc.directory / "queue.h"
    header.write_text(RING_H)
    with Peer(gcc.source("queue", RING_C), name) as peer:
        poll(lambda: Path(segment_path(name)).exists(), "its segment")
        children = Path(f"/proc/{peer.pid}/task/{peer.pid}/children")
        (child,) = poll(lambda: children.read_text().split(), "it has forked")
        poll(lambda: sleeps_on_futex(peer.pid) and sleeps_on_futex(int(child)), "both hang")
        head_is_in = (("in", "head"), ("out", "tail"))
        options = LayoutOptions(header=header, struct="Queue", mapping=head_is_in)
        agreed = Repairer(name, options).propose(0.3)
        assert isinstance(agreed, Plan)
        done = Repairer(name, options).carry_out(agreed)
        assert not isinstance(done, Refusal)
        assert done.outcome.moved
        assert not done.outcome.remaining
        said = [peer.line() for _n in range(4)]
        assert said == [f"took job {n}" for n in range(4)]
    Path(segment_path(name)).unlink()


def test_one_that_another_process_continues_at_once(gcc: Compiler, name: str) -> None:
    """As tmux does with what a pane runs: it is named, no byte is changed, and it is not tried on."""
    with StuckRing(gcc, name) as ring:
        ring.get_stuck()
        over = threading.Event()
        pid = ring.pids[0]

        def keep_going() -> None:
            while not over.is_set():
                if stopped(pid):
                    os.kill(pid, signal.SIGCONT)

        keeper = threading.Thread(target=keep_going)
        keeper.start()
        try:
            repairer = Repairer(name, LayoutOptions(slots=5), consent=Consent(lock=True))
            plan = repairer.propose()
            assert isinstance(plan, Plan)
            before = ring.words()
            done = repairer.carry_out(plan)
        finally:
            over.set()
            keeper.join()
        assert isinstance(done, Refusal)
        assert f"(PID {pid}) is continued as soon as it stops" in done.why
        assert not done.transient
        assert ring.words() == before
