"""A segment of locks without a ring: its locks are shown and judged, and the rest is bytes."""

import contextlib
import re
from pathlib import Path
from typing import Any, Final

import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts.compiler import compile_types
from shmtui.layouts.locks_layout import locks_layout
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.discovery import Surveyor
from shmtui.monitor.sampler import Sampler
from shmtui.shm.layout import Layout
from shmtui.shm.libc import Libc
from shmtui.shm.segment_info import LayoutSource
from shmtui.tui.draw.process_columns import BLOCKED
from shmtui.tui.glyphs import UNICODE
from tests.layouts.test_struct_sources import Start, header_of, resolved, start
from tests.program import run_shmtui, stat_json
from tests.waiting import poll

__all__ = ["start"]
"""The fixture is used by its name."""

STATE = """\
#include <pthread.h>
#include <semaphore.h>
typedef struct { pthread_mutex_t guard; pthread_cond_t changed; long count; char note[40]; } State;
typedef struct { int unused; sem_t other; } Other;
"""
SHARED = """
    pthread_mutexattr_t how; pthread_mutexattr_init(&how);
    pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&b->guard, &how);
"""
DEAD = """
    if (!fork()) { pthread_mutex_lock(&b->guard); _exit(0); }
    wait(0);
    if (!fork()) {
        prctl(PR_SET_PDEATHSIG, 9);
        pthread_mutex_lock(&b->guard); b->count = 7; pthread_mutex_unlock(&b->guard);
        pause();
    }
"""
USED = "#include <sys/prctl.h>\n#include <sys/wait.h>\n"


def words(start: str) -> dict[str, str]:
    return {"type": "State", "start": start}


RING = """\
#include <semaphore.h>
typedef struct { int vetor[6]; int entrada, saida; sem_t trava; } Fila;
"""
HELD = """
    sem_init(&b->trava, 1, 0);
    if (!fork()) { prctl(PR_SET_PDEATHSIG, 9); sem_wait(&b->trava); pause(); }
"""


def test_a_wait_by_the_programs_own_name(start: Start) -> None:
    """Whoever waits for the lock is blocked on it by its member's name, in text, JSON and on the screen; JSON has the
    role beside it.
    """
    program = start(USED + RING, {"type": "Fila", "start": HELD}, "-g")

    def blocked() -> list[tuple[str, str]]:
        seen = stat_json(program.name)["processes"]
        return [(p["blocked_on"], p["blocked_on_name"]) for p in seen if p["blocked_on"]]

    assert poll(blocked, "it waits") == [("mutex", "trava")]
    text = run_shmtui("stat", program.name).stdout
    assert "mutex=trava 0 (1 waiting)" in text
    assert re.search("blocked +trava ", text)
    with contextlib.closing(Sampler(program.name)) as sampler:
        waiting = [p for p in sampler.sample().processes if p.blocked_on]
    assert BLOCKED.cell(waiting[0], UNICODE).text.startswith("trava")


EVENT = """\
#include <semaphore.h>
typedef struct { int vetor[6]; int entrada, saida; sem_t trava, vazios, cheios; int aviso; } Fila;
"""
OWN_FUTEX = """
    sem_init(&b->trava, 1, 1); sem_init(&b->vazios, 1, 6); sem_init(&b->cheios, 1, 0);
    if (!fork()) { prctl(PR_SET_PDEATHSIG, 9); for (;;) syscall(SYS_futex, &b->aviso, FUTEX_WAIT, 0, NULL, NULL, 0); }
"""
FUTEX = "#include <linux/futex.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n"


def test_a_word_of_the_programs_own_is_no_other_struct(start: Start) -> None:
    """Its types have an integer there: what it stands for is open, and nothing is called wrong. Of a layout without
    types it is likely another struct.
    """
    program = start(USED + FUTEX + EVENT, {"type": "Fila", "start": OWN_FUTEX}, "-g")
    text = "waits by a futex of its own, on byte 128"
    told = poll(
        lambda: t if text in (t := run_shmtui("check", program.name, "--for", "1").stdout) else "",
        text,
    )
    assert "other-struct" not in told
    assert "other-struct" in run_shmtui("check", program.name, "--for", "1", "--slots", "6").stdout


def test_by_debug_information(start: Start) -> None:
    """The locks by their names; no ring, and none of its figures; ``ls`` says the like."""
    program = start(STATE, words(SHARED), "-g")
    record = stat_json(program.name)
    assert record["layout"]["source"] == "debug-info"
    assert record["layout"]["capacity"] is None
    assert [each["name"] for each in record["sync"]] == ["guard", "changed"]
    assert record["layout"]["assumed"]  # Nothing in the bytes shows a free mutex.
    text = run_shmtui("stat", program.name).stdout
    assert "guard  pthread_mutex_t" in text
    assert "throughput" not in text
    surveyor = Surveyor()

    def looks() -> str:
        return next(e.looks for e in surveyor.look().objects if e.target == program.name)

    # A look at a machine full of programs does not get to all of them.
    poll(lambda: "locks without a ring: pthread_mutex_t guard" in looks(), "the list says the like")


def test_by_header(start: Start) -> None:
    """The user's word: nothing is assumed. What is said of a ring is refused as before."""
    program = start(STATE, words(SHARED))
    header = header_of(program)
    found = resolved(program.name, header=header)
    assert found.source is LayoutSource.HEADER
    assert found.layout is not None
    assert not found.layout.slots
    assert not found.assumed
    with pytest.raises(ShmtuiError, match="note"):
        resolved(program.name, header=header, slots=5)


def test_a_dead_owner_is_found_and_unlocked(start: Start) -> None:
    """As in a ring; nothing else is judged, and a check says so."""
    program = start(USED + STATE, words(SHARED + DEAD), "-g")
    poll(lambda: waits_on_guard(program.name), "one waits for the mutex")
    record = stat_json(program.name)
    waiting = [p["pid"] for p in record["processes"] if _on_guard(p)]
    assert [each["waiting"] for each in record["sync"] if each["name"] == "guard"] == [waiting]
    assert f"(PID {waiting[0]})" in _line(run_shmtui("stat", program.name).stdout, "guard")
    checked = run_shmtui("check", program.name, "--header", str(header_of(program)))
    assert "dead-owner (likely): guard is held by thread" in checked.stdout
    assert checked.returncode == 1
    header = ("--header", str(header_of(program)))
    refused = run_shmtui("repair", program.name, "--yes", *header)
    idle = ("--assume-idle", str(program.process.pid))
    assert " ".join((*header, *idle)) in refused.stdout
    done = run_shmtui("repair", program.name, "--yes", *header, *idle)
    assert "no longer wait" in done.stdout
    poll(lambda: not waits_on_guard(program.name), "it goes on")
    checked = run_shmtui("check", program.name, "--for", "1")
    assert "no ring: whether those that wait can go on is not judged" in checked.stdout
    assert checked.returncode == 2


def _line(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line and "lock " in line)


def _on_guard(process: dict[str, Any]) -> bool:
    return process["blocked_on"] == "mutex" or "guard" in process["sleeps_on"]


def waits_on_guard(name: str) -> bool:
    return any(map(_on_guard, stat_json(name)["processes"]))


TABLE = """\
#include <semaphore.h>
typedef struct { sem_t forks[3]; long taken; } Table;
"""
SEATED = """
    for (int i = 0; i < 3; i++) sem_init(&b->forks[i], 1, 1);
    for (int i = 0; i < 3; i++) if (!fork()) {
        prctl(PR_SET_PDEATHSIG, 9);
        sem_wait(&b->forks[i]);
        __sync_fetch_and_add(&b->taken, 1);
        while (*(volatile long *)&b->taken < 3) usleep(1000);
        sem_wait(&b->forks[(i + 1) % 3]);
    }
    while (*(volatile long *)&b->taken < 3) usleep(1000);
"""


def test_who_waits_for_a_semaphore_without_a_ring_is_named(start: Start) -> None:
    """Philosophers in a circle: undecided, since no ring tells what a semaphore is for, with who waits for which."""
    program = start(USED + TABLE, {"type": "Table", "start": SEATED}, "-g")
    poll(lambda: "forks[0]" in str(stat_json(program.name)["processes"]), "one waits for the first")
    checked = run_shmtui("check", program.name, "--for", "2")
    assert checked.returncode == 2
    for fork in range(3):
        assert f"forks[{fork}] was 0 or held in all" in checked.stdout


LONE = """\
#include <semaphore.h>
typedef struct { sem_t lock; long count; } Lone;
"""
LEFT = """
    sem_init(&b->lock, 1, 1);
    if (!fork()) { sem_wait(&b->lock); _exit(0); }
    wait(0);
    if (!fork()) { prctl(PR_SET_PDEATHSIG, 9); sem_wait(&b->lock); b->count = 7; pause(); }
    munmap(b, sizeof *b); close(fd);
"""


def test_a_semaphore_that_is_a_lock_by_its_name(start: Start) -> None:
    """That its holder died is likely; it is posted on the user's word alone."""
    program = start(USED + LONE, {"type": "Lone", "start": LEFT}, "-g")
    poll(lambda: waits_on_guard(program.name), "one waits for the lock")
    checked = run_shmtui("check", program.name)
    assert "dead-holder (likely)" in checked.stdout
    refused = run_shmtui("repair", program.name, "--yes")
    assert refused.returncode == 2
    assert f"shmtui repair {program.name} --lock" in refused.stdout
    assert stat_json(program.name)["sync"][0]["value"] == 0
    run_shmtui("repair", program.name, "--yes", "--lock")
    poll(lambda: not waits_on_guard(program.name), "it goes on")


@pytest.mark.parametrize(
    "members",
    [
        "char a[4], b[4]; int in, out; sem_t mutex;",
        "double v[5]; int pw, pr; sem_t s1, s2, s3;",
        "long v; sem_t lock, vazio, cheio;",
    ],
)
def test_a_struct_that_may_be_a_ring_is_none_of_these(tmp_path: Path, members: str) -> None:
    """Slots and two integers, or a semaphore that counts: the user is asked for the rest, as before."""
    header = tmp_path / "ring.h"
    header.write_text(f"#include <semaphore.h>\ntypedef struct {{ {members} }} Ring;\n" + LONE)
    structs = compile_types(header, Libc.GLIBC).structs
    ring = [struct for struct in structs if "Ring" in struct.names]
    assert locks_layout(ring, LayoutOptions(), ring[0].size, Libc.GLIBC) is None
    found = locks_layout(structs, LayoutOptions(), 40, Libc.GLIBC)
    assert found is not None
    layout: Layout = found.layout
    assert (layout.mutex, layout.slots, layout.size) == (0, 0, 40)


DINING: Final = """\
#include <semaphore.h>
#include <sys/prctl.h>
typedef struct { sem_t forks[3]; int eaten[3]; } Table;
"""


@pytest.mark.parametrize("sleeper", [False, True])
def test_philosophers(start: Start, *, sleeper: bool) -> None:
    """Each has one fork and waits for the next: nobody is left to put one down, unless one who has both dozes."""
    dine = """
    for (int i = 0; i < 3; i++) sem_init(&b->forks[i], 1, 0);
    for (int i = %d; i < 3; i++) if (!fork()) {
        prctl(PR_SET_PDEATHSIG, 9); sem_wait(&b->forks[(i + 1) %% 3]); pause();
    }
    if (%d) { if (!fork()) { prctl(PR_SET_PDEATHSIG, 9); pause(); } }
    munmap(b, size); close(fd);
    """
    program = start(DINING, {"type": "Table", "start": dine % (sleeper, sleeper)}, "-g")
    said = run_shmtui("check", program.name, "--for", "5")
    assert ("nobody-left (likely)" in said.stdout) != sleeper, said.stdout
    assert said.returncode == (2 if sleeper else 1)
    assert "forks[2]" in said.stdout
