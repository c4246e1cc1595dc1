"""The user's word in a repair: what it allows, what it does not, and what becomes of a wrong one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shmtui.procfs.futex import sleeps_on_futex
from tests.compiling import Compiler
from tests.program import run_shmtui
from tests.repair.stuck_ring import DEAD, SLOTS, StuckRing
from tests.waiting import poll


@pytest.fixture
def ring(gcc: Compiler, name: str) -> Iterator[StuckRing]:
    """A ring on which nobody works yet."""
    with StuckRing(gcc, name) as made:
        yield made


def offered(text: str, ring: StuckRing) -> list[str]:
    """The arguments of the last command that an answer names."""
    *_before, command = text.rstrip().split(f"shmtui repair {ring.name} ")
    return ["repair", ring.name, *command.partition(";")[0].split()]


def reads_a_terminal(pid: int) -> bool:
    """Whether it sleeps in read(2)."""
    return Path(f"/proc/{pid}/syscall").read_text().startswith("0 ")


def beside_a_sitter(ring: StuckRing) -> None:
    """One sits in the critical section and reads; another waits for mutex."""
    sitter = ring.start("sitter")
    assert sitter.stdout is not None
    assert sitter.stdout.readline() == "inside\n"
    poll(lambda: reads_a_terminal(sitter.pid), "it reads")
    producer = ring.start("producer")
    poll(lambda: sleeps_on_futex(producer.pid), "it waits for mutex")


def test_a_live_holder_is_never_dispossessed_without_a_word(ring: StuckRing) -> None:
    """The refusal names who may hold it, and the command that vouches for it."""
    beside_a_sitter(ring)
    before = ring.words()
    refused = run_shmtui("repair", ring.name, *SLOTS, "--yes")
    assert refused.returncode == 2
    sitter = ring.programs[0].pid
    assert f"sitter (PID {sitter})" in refused.stdout or f"(PID {sitter})" in refused.stdout
    assert f"{ring.name} --slots 5 --assume-idle {sitter}" in refused.stdout
    assert ring.words() == before


def test_a_wrong_word_is_taken_back(ring: StuckRing) -> None:
    """The process that was assumed idle posts after all: no second permit stays."""
    beside_a_sitter(ring)
    refused = run_shmtui("repair", ring.name, *SLOTS)
    command = offered(refused.stdout, ring)
    shown = run_shmtui(*command)
    sitter = ring.programs[0]
    assert f"your word: PID {sitter.pid} holds neither mutex nor a permit" in shown.stdout
    assert "mutex: value 0 → 1" in shown.stdout
    assert sitter.stdin is not None
    # It goes on as soon as mutex is free, while the repair watches.
    with ring.beside("repair", ring.name, *command[2:], "--yes") as repairing:
        poll(lambda: ring.words().mutex == 1 or repairing.poll() is not None, "it is repaired")
        sitter.stdin.write("\n")
        sitter.stdin.flush()
        said, _errors = repairing.communicate()
    assert "had a permit too many" in said
    if "no hardware breakpoint could be set" not in said:
        assert f"PID {sitter.pid} posted mutex before it waited for it" in said
    assert ring.words().mutex <= 1
    assert ring.rest_of(ring.programs[1:]).mutex == 1


def test_another_gives_the_lock_back(ring: StuckRing) -> None:
    """One takes a permit and the lock, and ends; another ends its work. No look tells it from one that
    died, though nobody that lives can have the lock: nothing is written without a word that says so.
    """
    ring.run("dier")
    producer = ring.start("producer")
    poll(lambda: sleeps_on_futex(producer.pid), "it waits for mutex")
    before = ring.words()
    refused = run_shmtui("repair", ring.name, *SLOTS, "--yes")
    assert refused.returncode == 2
    assert "nobody was seen to die with mutex" in refused.stdout
    assert offered(refused.stdout, ring) == ["repair", ring.name, *DEAD]
    assert ring.words() == before
    ring.run("finisher")
    assert ring.rest().consistent


def test_an_item_that_moves_before_anything_is_looked_at_has_moved(ring: StuckRing) -> None:
    """The only survivor puts its one item in as soon as mutex is free, and nothing moves after that."""
    ring.run("dier")
    survivor = ring.start("one-item")
    poll(lambda: sleeps_on_futex(survivor.pid), "it waits for mutex")
    before = ring.words()
    done = run_shmtui("repair", ring.name, *DEAD, "--yes")
    assert ring.words().in_ == before.in_ + 1
    assert "items move again" in done.stdout, done.stdout
    assert "puts it back" not in done.stdout


def test_no_way_back_is_offered_from_a_lock_that_is_taken_again(ring: StuckRing) -> None:
    """The survivor takes mutex and keeps it: nothing moves, and --undo would be refused."""
    ring.run("dier")
    sitter = ring.start("sitter")
    poll(lambda: sleeps_on_futex(sitter.pid), "it waits for mutex")
    done = run_shmtui("repair", ring.name, *DEAD, "--yes")
    assert "nothing has moved yet" in done.stdout, done.stdout
    assert "puts it back" not in done.stdout
    assert run_shmtui("repair", ring.name, *SLOTS, "--undo").returncode == 2


def test_one_that_waits_for_a_permit_may_have_the_lock(ring: StuckRing) -> None:
    """The refusal names it: it may have taken the lock first."""
    ring.get_stuck()
    before = ring.words()
    done = run_shmtui("repair", ring.name, *SLOTS, "--yes")
    assert done.returncode == 2
    assert "one that waits for a permit may have taken mutex first" in done.stdout
    assert f"(PID {ring.pids[0]})" in done.stdout
    assert ring.words() == before


def test_a_dead_holder_beside_one_that_takes_the_lock_alone(ring: StuckRing) -> None:
    """Who waits for the lock with no permit in hand makes it look like a wrong order: the user's word tells."""
    consumer = ring.start("consumer")
    poll(lambda: sleeps_on_futex(consumer.pid), "it waits for full")
    ring.run("dier")
    viewer = ring.start("viewer")
    poll(lambda: sleeps_on_futex(viewer.pid), "it waits for mutex")
    refused = run_shmtui("repair", ring.name, *SLOTS, "--yes")
    assert "does not end this: wrong-order" in refused.stdout
    assert ring.words().mutex == 0
    done = run_shmtui(*offered(refused.stdout, ring), "--yes")
    assert "mutex: value 0 → 1" in done.stdout
    assert "nobody posted mutex once too often" in done.stdout
    assert ring.words().mutex == 1
    assert not sleeps_on_futex(viewer.pid)


def test_a_wrong_word_beside_a_wrong_order_is_taken_back(ring: StuckRing) -> None:
    """The holder waits for an item, and posts the lock once it has one: no second permit stays."""
    unordered = ring.start("unordered")
    poll(lambda: sleeps_on_futex(unordered.pid), "it waits for full")
    producer = ring.start("onlyone", "producer")
    poll(lambda: sleeps_on_futex(producer.pid), "it waits for mutex")
    done = run_shmtui("repair", ring.name, *DEAD, "--yes")
    assert "had a permit too many: its holder was alive" in done.stdout, done.stdout
    assert ring.words().mutex == 1


def test_a_right_word(ring: StuckRing) -> None:
    """A program that sleeps and holds nothing, beside a lock whose holder is dead."""
    idler = ring.start("idler")
    poll(lambda: idler.poll() is None and ring.maps(idler.pid), "it maps the ring")
    ring.get_stuck()
    refused = run_shmtui("repair", ring.name, *SLOTS, "--yes")
    assert refused.returncode == 2, refused.stdout
    done = run_shmtui(*offered(refused.stdout, ring), "--yes")
    assert "items move again" in done.stdout, done.stdout
    assert "nobody posted mutex once too often" in done.stdout


def test_a_word_on_one_says_nothing_of_another(ring: StuckRing) -> None:
    """Beside one that sleeps and is vouched for, a consumer waits for an item, and may have the lock."""
    idler = ring.start("idler")
    poll(lambda: ring.maps(idler.pid), "it maps the ring")
    ring.get_stuck()
    before = ring.words()
    done = run_shmtui("repair", ring.name, *SLOTS, "--assume-idle", str(idler.pid), "--yes")
    assert done.returncode == 2, done.stdout
    assert "one that waits for a permit may have taken mutex first" in done.stdout
    assert f"(PID {ring.pids[1]})" in done.stdout
    assert f"--assume-idle {idler.pid} --lock" in done.stdout
    assert ring.words() == before


def test_a_word_where_nobody_waits_for_the_lock(ring: StuckRing) -> None:
    """One died inside, a consumer waits for its item, and another sleeps: nobody waits for the lock, and so nothing is
    found. The word that a long check asks for is taken, and the ring works again.
    """
    idler = ring.start("idler")
    poll(lambda: ring.maps(idler.pid), "it maps the ring")
    consumer = ring.start("consumer")
    poll(lambda: sleeps_on_futex(consumer.pid), "it waits for full")
    ring.run("dier")
    refused = run_shmtui("repair", ring.name, *SLOTS)
    assert "something is undecided" in refused.stdout, refused.stdout
    command = offered(refused.stdout, ring)
    assert [f for f in command if f.isdecimal()][1:] == [str(idler.pid), str(consumer.pid)]
    asked = run_shmtui(*command)
    assert (asked.returncode, offered(asked.stdout, ring)) == (2, [*command, "--lock"])
    done = run_shmtui(*command, "--lock", "--permits", "--yes")
    assert "mutex: value 0 → 1" in done.stdout, done.stdout
    assert "nobody posted mutex once too often" in done.stdout
    producer = ring.start("producer")
    poll(lambda: ring.words().out > 0, "an item is taken")
    assert ring.rest_of([producer]).mutex <= 1


def test_a_permit_is_gone_while_items_move(ring: StuckRing) -> None:
    """A process may keep it: check and repair name what tells, and no command that leads back to the other."""
    ring.start("producer")
    ring.start("consumer")
    ring.run("permit")
    checked = run_shmtui("check", ring.name, *SLOTS)
    assert "the source of its programs does" in checked.stdout, checked.stdout
    refused = run_shmtui("repair", ring.name, *SLOTS, "--yes")
    assert (refused.returncode, "to settle it: see in the source" in refused.stdout) == (2, True)


def test_a_word_on_a_stranger(ring: StuckRing) -> None:
    """A process that takes no part is a slip of the pen: refused."""
    ring.get_stuck()
    before = ring.words()
    done = run_shmtui("repair", ring.name, *SLOTS, "--assume-idle", "1", "--yes")
    assert done.returncode == 2
    assert "PID 1 takes no part in" in done.stdout
    assert ring.words() == before


def test_a_side_that_no_name_tells(ring: StuckRing) -> None:
    """The lock is set without it; the permits once it is said."""
    ring.run("dier")
    nameless = ring.start("p", "a.out")
    poll(lambda: sleeps_on_futex(nameless.pid), "it waits for mutex")
    shown = run_shmtui("repair", ring.name, *SLOTS, "--lock", "--permits")
    assert "mutex: value 0 → 1" in shown.stdout
    assert f"--role {nameless.pid}=SIDE" in shown.stdout
    said = run_shmtui(
        "repair", ring.name, *DEAD, "--permits", "--role", f"{nameless.pid}=producer", "--yes"
    )
    assert f"your word: PID {nameless.pid} is a producer" in said.stdout
    assert "empty: value 3 → 4" in said.stdout, said.stdout
    assert ring.rest().consistent


def test_ghosts_alone_harm_nobody(ring: StuckRing) -> None:
    """Nothing is offered, and nobody is stopped for them."""
    for consumer in (ring.start("consumer"), ring.start("consumer")):
        poll(lambda pid=consumer.pid: sleeps_on_futex(pid), "it waits")  # type: ignore[misc]
    consumer.kill()
    consumer.wait()
    done = run_shmtui("repair", ring.name, *SLOTS, "--yes")
    assert (done.returncode, done.stderr) == (1, "")
    assert "harms nobody" in done.stdout
    assert "--yes" not in done.stdout


NOTICES = """
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>
static void seen(int number) {}
int main(int argc, char **argv) {
    mmap(0, 128, PROT_READ | PROT_WRITE, MAP_SHARED, shm_open(argv[1], O_RDWR, 0), 0);
    struct sigaction action = {.sa_handler = seen};
    sigaction(SIGCONT, &action, 0);
    struct epoll_event event;
    write(1, "ready\\n", 6);
    for (;;) epoll_wait(epoll_create1(0), &event, 1, -1);
}
"""


def test_who_notices_a_stop_is_named_before(ring: StuckRing, gcc: Compiler) -> None:
    """In the plan, before anybody is stopped."""
    gcc.source("notices", NOTICES)
    ring.get_stuck()
    notices = ring.start("ready", "notices")
    assert notices.stdout is not None
    assert notices.stdout.readline() == "ready\n"
    shown = run_shmtui("repair", ring.name, *DEAD, "--assume-idle", str(notices.pid))
    assert f"notices {ring.name} ready 2000 (PID {notices.pid}) catches SIGCONT" in shown.stdout
    assert f"(PID {notices.pid}) sleeps in epoll_wait, which returns EINTR" in shown.stdout
