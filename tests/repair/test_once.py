"""A repair is done once, as a whole, and can be put back; whatever happens meanwhile."""

import fcntl
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts.options import LayoutOptions
from shmtui.procfs.process import stopped
from shmtui.repair import record
from shmtui.repair.consent import Consent
from shmtui.repair.executor import Repairer
from shmtui.repair.plan import Plan, Refusal
from shmtui.repair.record import RepairRecord, State
from shmtui.repair.report import Report
from shmtui.repair.segment_lock import SegmentLock
from shmtui.shm.segment import SHM_DIR, identity_at
from tests.compiling import Compiler
from tests.program import run_shmtui
from tests.repair.stuck_ring import DEAD, SLOTS, StuckRing
from tests.waiting import poll


@pytest.fixture
def stuck(gcc: Compiler, name: str) -> Iterator[StuckRing]:
    """A ring whose lock was taken along by one that died."""
    with StuckRing(gcc, name) as ring:
        ring.get_stuck()
        yield ring


def of(ring: StuckRing, *, permits: bool = False) -> Repairer:
    """What repairs it."""
    return Repairer(
        ring.name, LayoutOptions(slots=5), consent=Consent(permits, roles=ring.roles, lock=True)
    )


def kept(ring: StuckRing) -> RepairRecord:
    """The last repair of the ring that was kept."""
    identity = identity_at(str(ring.path))
    assert identity is not None
    found = record.latest(identity, SHM_DIR)
    assert found is not None
    return found


def proposed(repairer: Repairer) -> Plan:
    """Its plan."""
    plan = repairer.propose()
    assert isinstance(plan, Plan), plan
    return plan


def test_a_second_repair_says_so(stuck: StuckRing) -> None:
    """In one line, with exit code 2; the plan alone can be looked at."""
    before = stuck.words()
    with SegmentLock(stuck.name, SHM_DIR):
        for arguments in (("--yes",), ("--undo",)):
            done = run_shmtui("repair", stuck.name, *SLOTS, *arguments)
            assert (done.returncode, done.stdout) == (2, "")
            assert f"another repair of {stuck.name} is at work" in done.stderr
            assert done.stderr.count("\n") == 1
        assert run_shmtui("repair", stuck.name, *DEAD).returncode == 1
    assert stuck.words() == before


def test_a_programs_own_lock_on_the_file_is_its_own(stuck: StuckRing) -> None:
    """While a repair watches, flock(2) on the segment's file neither waits for it nor keeps it away."""
    with SegmentLock(stuck.name, SHM_DIR), stuck.path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with stuck.path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with SegmentLock(stuck.name, SHM_DIR):
            pass


def test_who_holds_the_file_is_not_written_over(stuck: StuckRing) -> None:
    """A repair in another container has the file locked while it writes; and nobody waits for the other."""
    before = stuck.words()
    with stuck.path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = run_shmtui("repair", stuck.name, *DEAD, "--yes")
        assert (done.returncode, stuck.words()) == (2, before)
        assert done.stderr.splitlines()[-1].endswith("wait until it is free, and look again")
    run_shmtui("repair", stuck.name, *DEAD, "--yes")
    assert stuck.words() != before


def test_two_repairs_of_one_plan(stuck: StuckRing) -> None:
    """The second finds nothing to do: the permit is posted once."""
    first, second = of(stuck, permits=True), of(stuck, permits=True)
    plans = proposed(first), proposed(second)
    assert isinstance(first.carry_out(plans[0]), Report)
    done = second.carry_out(plans[1])
    assert isinstance(done, Refusal)
    assert "not found any more" in done.why
    assert stuck.rest().consistent


def test_the_lock_alone(stuck: StuckRing) -> None:
    """Without a word on the permits they stay: the plan says why, and how to set them."""
    shown = run_shmtui("repair", stuck.name, *DEAD)
    assert "mutex: value 0 → 1" in shown.stdout
    command = f"shmtui repair {stuck.name} --slots 5 --lock"
    role = f"--role {stuck.pids[1]}=producer"
    assert (
        f"as their names suggest here, though these prove nothing: {command} {role} --permits"
        in shown.stdout
    )
    told = run_shmtui("repair", stuck.name, *DEAD, *stuck.sides)
    assert f"{command} {' '.join(stuck.sides)} --permits sets them" in told.stdout
    done = run_shmtui("repair", stuck.name, *DEAD, "--yes")
    assert "items move again" in done.stdout, done.stdout
    after = stuck.rest()
    assert (after.mutex, after.empty + after.full) == (1, 4)


def test_the_permits_later(stuck: StuckRing) -> None:
    """Set by a second repair, while the items move that the first one set going."""
    first = run_shmtui("repair", stuck.name, *DEAD, "--yes")
    assert "left as they are" in first.stdout
    second = run_shmtui("repair", stuck.name, *SLOTS, "--permits", "--yes")
    assert "the last repair left the permits as they were" in second.stdout, second.stdout
    assert "repaired lost-permit" in second.stdout
    assert stuck.rest().consistent
    third = run_shmtui("repair", stuck.name, *SLOTS, "--permits")
    assert "nothing to repair" in third.stdout or third.returncode == 2


def test_newcomers_are_not_overwritten(stuck: StuckRing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that changes after it was planned is left alone, and so is every other one."""
    repairer = of(stuck, permits=True)
    plan = proposed(repairer)
    before = stuck.words()
    original = record.keep

    def changes_meanwhile(found: RepairRecord) -> RepairRecord:
        with stuck.path.open("r+b") as file:
            file.seek(32 + 4)
            file.write(bytes([9]))  # One more waits for mutex.
        return original(found)

    monkeypatch.setattr("shmtui.repair.written_words.keep", changes_meanwhile)
    monkeypatch.setattr("shmtui.repair.executor.TRIES", 3)
    done = repairer.carry_out(plan)
    assert isinstance(done, Refusal)
    assert stuck.words() == before
    assert not stuck.any_stopped
    identity = identity_at(str(stuck.path))
    assert identity is not None
    assert record.latest(identity, SHM_DIR) is None


def test_undo(stuck: StuckRing) -> None:
    """Puts the very bytes back while nobody has moved, and only once."""
    for program in stuck.programs:
        os.kill(program.pid, signal.SIGSTOP)
        poll(lambda pid=program.pid: stopped(pid), "it is stopped")  # type: ignore[misc]
    before = stuck.path.read_bytes()
    repaired = run_shmtui("repair", stuck.name, *SLOTS, *stuck.word, "--yes")
    command = " ".join(("shmtui repair", stuck.name, *SLOTS, *stuck.word, "--undo"))
    assert f"{command} puts it back" in repaired.stdout
    assert stuck.path.read_bytes() != before
    undone = run_shmtui("repair", stuck.name, *SLOTS, "--undo")
    assert (undone.returncode, undone.stderr) == (0, "")
    assert "undone: mutex: value 0 → 1" in undone.stdout
    assert stuck.path.read_bytes() == before
    again = run_shmtui("repair", stuck.name, *SLOTS, "--undo")
    assert (again.returncode, again.stdout) == (2, "")
    assert "no repair of" in again.stderr
    assert all(stopped(pid) for pid in stuck.pids)


def test_a_segment_of_another_file_system_was_never_repaired(stuck: StuckRing) -> None:
    """A new container's /dev/shm may have the device of one that is gone, and its inodes from 2 on."""
    done = of(stuck, permits=True).carry_out(proposed(of(stuck, permits=True)))
    assert isinstance(done, Report)
    repaired = kept(stuck)
    assert record.latest(repaired.identity, SHM_DIR) == repaired
    assert record.latest(repaired.identity, "/proc") is None
    assert record.latest(repaired.identity, "/gone") is None


def test_undo_once_items_have_moved(stuck: StuckRing) -> None:
    """Is refused, and changes nothing."""
    repairer = of(stuck, permits=True)
    done = repairer.carry_out(proposed(repairer))
    assert isinstance(done, Report)
    assert done.outcome.moved
    assert kept(stuck).moved, "wherever the indices come to stand"
    refused = repairer.undo()
    assert isinstance(refused, Refusal)
    assert stuck.rest().consistent


def test_undo_once_items_went_round(stuck: StuckRing) -> None:
    """The indices are where they were, and so is every permit; what lies in a slot is another item: refused."""
    for program in stuck.programs:
        os.kill(program.pid, signal.SIGSTOP)
        poll(lambda pid=program.pid: stopped(pid), "it is stopped")  # type: ignore[misc]
    run_shmtui("repair", stuck.name, *SLOTS, *stuck.word, "--yes")
    repaired = stuck.path.read_bytes()
    went_round = bytes([repaired[0] + 1]) + repaired[1:]
    stuck.path.write_bytes(went_round)
    refused = run_shmtui("repair", stuck.name, *SLOTS, "--undo")
    assert (refused.returncode, "items have moved since" in refused.stdout) == (2, True)
    assert stuck.path.read_bytes() == went_round
    stuck.path.write_bytes(repaired)
    assert run_shmtui("repair", stuck.name, *SLOTS, "--undo").returncode == 0


def test_nothing_is_changed_that_cannot_be_kept(
    stuck: StuckRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder cannot be made: one line that says why."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    before = stuck.path.read_bytes()
    repairer = of(stuck)
    plan = proposed(repairer)
    with pytest.raises(ShmtuiError, match="cannot be kept"):
        repairer.carry_out(plan)
    assert stuck.path.read_bytes() == before
    assert not stuck.any_stopped


DIES_BEFORE_WORD = """
import os, signal, sys
from shmtui.layouts.options import LayoutOptions
from shmtui.repair import executor
from shmtui.repair.consent import Consent
from shmtui.shm.protocol import Role
from shmtui.shm.word_file import WordFile
words, swap = [], WordFile.swap
def counted(file, change):
    words.append(change)
    if len(words) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return swap(file, change)
WordFile.swap = counted
sides = [word.removeprefix("--role=").partition("=") for word in sys.argv if "=" in word]
roles = tuple((int(pid), Role(role)) for pid, _equals, role in sides)
repairer = executor.Repairer(sys.argv[1], LayoutOptions(slots=5), consent=Consent(True, roles=roles, lock=True))
repairer.carry_out(repairer.propose())
"""


def killed_before_word(ring: StuckRing, number: int) -> None:
    """A repair that dies just before it writes its word of that number."""
    command = [sys.executable, "-c", DIES_BEFORE_WORD, ring.name, str(number), *ring.word]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    poll(lambda: not ring.any_stopped, "nobody stays stopped")


def test_an_attempt_that_wrote_nothing_hides_no_interrupted_repair(
    stuck: StuckRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt still finishes the one that was killed."""
    killed_before_word(stuck, 1)
    begun = kept(stuck)
    repairer = of(stuck)
    plan = proposed(repairer)
    monkeypatch.setattr("shmtui.repair.executor.TRIES", 2)
    monkeypatch.setattr("shmtui.shm.word_file.WordFile.swap", lambda _file, _change: False)
    assert isinstance(repairer.carry_out(plan), Refusal)
    assert kept(stuck) == begun


@pytest.mark.parametrize("way", ["--yes", "--undo"])
@pytest.mark.parametrize("word", [1, 2])
def test_killed_between_two_words(stuck: StuckRing, word: int, way: str) -> None:
    """The next repair finishes it, and --undo puts back what was written."""
    before = stuck.words()
    killed_before_word(stuck, word)
    assert kept(stuck).state is State.BEGUN
    done = run_shmtui("repair", stuck.name, *SLOTS, way)
    if way == "--undo":
        assert done.returncode == 0, done.stdout + done.stderr
        assert stuck.words() == before
    else:
        assert "a repair that was interrupted is finished" in done.stdout
        assert "items move again" in done.stdout
        assert stuck.rest().consistent


@pytest.mark.parametrize("word", range(1, 6))
def test_killed_while_it_initialises(gcc: Compiler, name: str, word: int) -> None:
    """A ring that nobody initialised is all there after the second repair."""
    with StuckRing(gcc, name) as ring:
        ring.path.write_bytes(bytes(128))
        for what in ("producer", "consumer"):
            program = ring.start(what)
            poll(lambda p=program: in_wait(p.pid), "it hangs")  # type: ignore[misc]
        killed_before_word(ring, word)
        done = run_shmtui("repair", name, *SLOTS, "--yes")
        assert "items move again" in done.stdout, done.stdout + done.stderr
        assert "your word" not in done.stdout  # Nothing was said beside --yes.
        assert ring.rest().consistent


def in_wait(pid: int) -> bool:
    """Whether it sleeps on a futex."""
    return Path(f"/proc/{pid}/syscall").read_text().startswith("202 ")


SIGNALS = (
    signal.SIGTSTP, signal.SIGSTOP, signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP,
)  # fmt: skip


def signalled(ring: StuckRing, number: signal.Signals, after: float) -> None:
    """A repair of a stuck ring that gets a signal after so many seconds; then another repair.

    Nobody stays stopped, though the first one may; and the ring is whole in the end.
    """
    command = [sys.executable, "-m", "shmtui", "repair", ring.name, *SLOTS, *ring.word, "--yes"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as repairing:
        try:
            repairing.wait(after)
        except subprocess.TimeoutExpired:
            repairing.send_signal(number)
        if number in {signal.SIGTSTP, signal.SIGSTOP}:
            poll(lambda: repairing.poll() is not None or stopped(repairing.pid), "it is suspended")
            poll(lambda: not ring.any_stopped, "nobody stays stopped")
            repairing.send_signal(signal.SIGCONT)
        repairing.communicate()
    poll(lambda: not ring.any_stopped, "nobody stays stopped")
    again = run_shmtui("repair", ring.name, *SLOTS, *ring.word, "--yes")
    assert again.returncode == 0, again.stdout + again.stderr


def by_random_signals(gcc: Compiler, name: str, times: int, seed: int) -> None:
    """So many repairs, each with a signal at a moment that ``seed`` chooses."""
    chosen = random.Random(seed)
    for n in range(times):
        number, after = chosen.choice(SIGNALS), chosen.uniform(1.0, 4.0)
        with StuckRing(gcc, name) as ring:
            ring.get_stuck()
            signalled(ring, number, after)
            assert ring.rest().consistent, (n, number, after)


@pytest.mark.parametrize("seed", range(3))
def test_signals_at_random_moments(gcc: Compiler, name: str, seed: int) -> None:
    """Six of them."""
    by_random_signals(gcc, name, 2, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_many_signals_at_random_moments(gcc: Compiler, name: str, seed: int) -> None:
    """Two hundred of them."""
    by_random_signals(gcc, name, 20, seed)


def test_suspended_while_all_are_stopped(stuck: StuckRing) -> None:
    """The helper continues them; the repair that goes on then writes nothing that moved."""
    command = [sys.executable, "-c", SUSPENDS_ITSELF, stuck.name, *stuck.word]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as repairing:
        assert repairing.stdout is not None
        assert repairing.stdout.readline() == "stopped\n"
        poll(lambda: stopped(repairing.pid), "it is suspended")
        poll(lambda: not stuck.any_stopped, "the helper continues them")
        repairing.send_signal(signal.SIGCONT)
        assert repairing.stdout.read() == "swapped without being safe: 0\nReport\n"
    assert stuck.rest().consistent


SUSPENDS_ITSELF = """
import os, signal, sys
from shmtui.layouts.options import LayoutOptions
from shmtui.repair import executor, written_words
from shmtui.repair.consent import Consent
from shmtui.shm.protocol import Role
from shmtui.shm.word_file import WordFile
suspended, unsafe = [], []
keep, swap = written_words.keep, WordFile.swap
def kept(record):
    if not suspended:
        suspended.append(True)
        print("stopped", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
    return keep(record)
written_words.keep = kept
sides = [word.removeprefix("--role=").partition("=") for word in sys.argv if "=" in word]
roles = tuple((int(pid), Role(role)) for pid, _equals, role in sides)
repairer = executor.Repairer(sys.argv[1], LayoutOptions(slots=5), consent=Consent(True, roles=roles, lock=True))
stopper = executor.ProcessStopper
def swapped(file, change):
    if not executor.stopper_now.all_held():
        unsafe.append(change)
    return swap(file, change)
class Noted(stopper):
    def __enter__(self):
        executor.stopper_now = self
        return super().__enter__()
executor.ProcessStopper = Noted
WordFile.swap = swapped
done = repairer.carry_out(repairer.propose())
print("swapped without being safe:", len(unsafe))
print(type(done).__name__)
"""
