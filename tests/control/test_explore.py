"""``shmtui explore`` finds each mistake in real programs, and nothing in those that are right."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from shmtui.control.shared_files import SharedFiles
from shmtui.errors import ShmtuiError
from shmtui.shm.segment import SHM_DIR, create_segment, unlink_segment
from tests.compiling import require
from tests.program import run_shmtui
from tests.waiting import PATIENCE, poll

PROGRAMS: Final = Path(__file__).parent / "programs"

Explore = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Compiles a program once: its path."""
    folder = tmp_path_factory.mktemp("explored")

    def build(name: str, compiler: str = "gcc", *flags: str) -> str:
        binary = folder / "-".join((name, compiler, *flags))
        if not binary.exists():
            subprocess.run(
                [require(compiler), "-g", "-O1", "-w", *flags, "-o", str(binary),
                 str(PROGRAMS / f"{name}.c"), "-lrt", "-pthread"],
                check=True,
            )  # fmt: skip
        return str(binary)

    return build


@pytest.fixture
def explored(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Explore]:
    """Explores programs over a segment of the test's own; nothing of it is left in /dev/shm."""
    monkeypatch.setenv("EXPLORED", name)

    def explore(*arguments: str, code: int | None = None) -> dict[str, Any]:
        done = run_shmtui("explore", "--json", "--budget", "600", *arguments, timeout=6 * PATIENCE)
        assert done.returncode in ({0, 1} if code is None else {code}), done.stderr
        return dict(json.loads(done.stdout))

    yield explore
    assert not [each for each in os.listdir(SHM_DIR) if name[1:] in each]


def kinds(record: dict[str, Any]) -> set[str]:
    """The findings."""
    return {finding["kind"] for finding in record["findings"]}


@pytest.mark.parametrize(
    ("mistake", "found"),
    [
        ("no-init", "never-initialised"),
        ("private", "process-private"),
        ("lock-first", "deadlock"),
        ("no-post", "deadlock"),
        ("keep-lock", "deadlock"),
        ("mutex-0", "deadlock"),
        ("mutex-twice", "mutex-overflow"),
        ("no-waits", "item-taken-twice"),
        ("post-full", "item-taken-twice"),
        ("empty-5", "item-overwritten"),
        ("full-1", "empty-slot-taken"),
        ("post-first no-mutex", "empty-slot-taken"),
        ("past", "bad-index"),
        ("three last", "item-lost"),
        ("forget-full", "lost-permit"),
        ("forget-empty", "lost-permit"),
        ("crash", "crash"),
        ("again", "race"),
    ],
)
def test_a_mistake_is_found(
    built: Callable[..., str], explored: Explore, mistake: str, found: str
) -> None:
    """With the order that shows it, step by step."""
    ring = built("ring")
    record = explored(
        "--producer", f"{ring} p {mistake}", "--consumer", f"{ring} c {mistake}", code=1
    )
    assert found in kinds(record)
    assert record["order"]["steps"][-1]["does"]
    assert all("ring.c:" in finding["claim"] for finding in record["findings"])


@pytest.mark.parametrize(
    "habit",
    ["", "no-mutex", "by-parts", "reserve", "peek", "batch", "three", "post-first", "clear"],
)
def test_nothing_is_found_in_a_right_program(
    built: Callable[..., str], explored: Explore, habit: str
) -> None:
    """And every state has been seen, at loads and stores."""
    ring = built("ring")
    record = explored("--producer", f"{ring} p {habit}", "--consumer", f"{ring} c {habit}",
                      "--items", "2", "--fine", code=0)  # fmt: skip
    assert [(part["steps"], part["complete"]) for part in record["covered"]] == [
        ("loads-and-stores", True)
    ]
    assert "4 × " in record["layout"]


@pytest.mark.parametrize(
    ("words", "flags", "found"),
    [
        ("straight", (), set()),
        ("crossed", (), {"deadlock"}),
        ("pairs", (), {"deadlock"}),
        ("variable", ("-O0",), {"hang"}),
        ("variable", ("-O0", "-zexecstack"), {"hang"}),
        ("read-only", ("-O0",), {"hang"}),
        ("argument", ("-O2",), {"hang"}),
    ],
)
@pytest.mark.parametrize("folder", ["plain", "ld-lab"])
def test_orders_that_few_show(
    built: Callable[..., str], explored: Explore, tmp_path: Path, words: str,
    flags: tuple[str, ...], found: set[str], folder: str,
) -> None:  # fmt: skip
    (tmp_path / folder).mkdir()
    program = shutil.copy(built("states", "gcc", "-Wl,-z,now", *flags), tmp_path / folder)
    record = explored(
        "--producer", f"{program} {words}", "--consumer", f"{program} consume {words}"
    )
    assert kinds(record) == found, record
    assert found or record["covered"][0]["complete"]


@pytest.mark.parametrize("place", ["mask", "offset", "pipe"])
def test_what_the_kernel_keeps_is_part_of_a_state(
    built: Callable[..., str], explored: Explore, place: str
) -> None:
    """As many states are told apart as where a variable keeps it, at a call that makes every order count."""
    program = built("states", "gcc", "-Wl,-z,now", "-O0")

    def states(words: str) -> int:
        record = explored(
            "--producer", f"{program} {words} all-orders",
            "--consumer", f"{program} consume {words} all-orders",
        )  # fmt: skip
        assert record["covered"][0]["complete"]
        return int(record["covered"][0]["states"])

    # The kernel writes into a process by itself, as where it runs (rseq(2)): now and then one state counts as two.
    assert states(place) >= min(states("variable"), states("variable"))


def test_a_childs_number_is_no_part_of_a_state(
    built: Callable[..., str], explored: Explore
) -> None:
    """While their parent waits for two children, there are no more states than pairs of calls that they stand before:
    start, two waits, two posts, end.
    """
    record = explored("--producer", f"{built('family')} apart by-number", "--items", "1", "--start", "any",
                      code=0)  # fmt: skip
    assert record["covered"][-1]["complete"]
    assert record["covered"][-1]["states"] <= 6 * 6


def test_the_times_of_a_file_are_no_part_of_a_state(
    built: Callable[..., str], explored: Explore
) -> None:
    """A program that asks how large its segment is has as many states as one that does not."""
    ring = built("ring")
    states = []
    for words in ("", "status"):
        record = explored("--producer", f"{ring} p {words}", "--consumer", f"{ring} c {words}",
                          "--items", "2", "--fine", code=0)  # fmt: skip
        assert record["covered"][0]["complete"]
        states.append(record["covered"][0]["states"])
    assert states[0] == states[1]


def test_two_producers_without_a_mutex(built: Callable[..., str], explored: Explore) -> None:
    """The race is named, and an order found in which an item is lost by it."""
    ring = built("ring")
    record = explored("--producer", f"{ring} p no-mutex", "--producer", f"{ring} p no-mutex second",
                      "--consumer", f"{ring} c no-mutex", "--items", "2", code=1)  # fmt: skip
    assert kinds(record) >= {"race", "item-overwritten"}
    (race,) = [each["claim"] for each in record["findings"] if each["kind"] == "race"]
    assert race.count("ring.c:") == 2
    assert "both store in" in race


def test_two_producers_with_one(built: Callable[..., str], explored: Explore) -> None:
    """Three programs, every order of their calls."""
    ring = built("ring")
    record = explored("--producer", f"{ring} p", "--producer", f"{ring} p second",
                      "--consumer", f"{ring} c", "--items", "1", code=0)  # fmt: skip
    assert all(part["complete"] for part in record["covered"])


def test_named_semaphores(built: Callable[..., str], explored: Explore) -> None:
    """They go by their names."""
    named = built("named")
    record = explored(
        "--producer", f"{named} p", "--consumer", f"{named} c", "--items", "2", code=0
    )
    assert all(part["complete"] for part in record["covered"])


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", set()),
        ("no-signal", {"deadlock"}),
        ("private", {"process-private"}),
        ("threads", set()),
        ("threads no-signal", {"deadlock"}),
        ("robust", set()),
        ("robust no-signal", {"deadlock"}),
        ("robust inherits", set()),
        ("robust threads", set()),
        ("inherits", set()),
        ("checks", set()),
    ],
)
@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_conditions(
    built: Callable[..., str], explored: Explore, words: str, found: set[str], compiler: str
) -> None:
    """Mutexes of each kind and conditions, of a child and its parent or of threads."""
    program = built("monitor", compiler)
    record = explored("--producer", f"{program} {words}", "--fine")
    assert kinds(record) == found


@pytest.mark.parametrize("words", ["timed", "timed no-signal", "timed-lock"])
def test_waits_with_a_limit(built: Callable[..., str], explored: Explore, words: str) -> None:
    """A wait that ends by itself is no deadlock, whether or not anybody signals."""
    program = built("mutex")
    record = explored("--producer", f"{program} p {words}", "--consumer", f"{program} c {words}",
                      "--items", "1", "--budget", "10", code=0)  # fmt: skip
    assert not kinds(record)


@pytest.mark.parametrize("words", ["", "flags"])
def test_lock_free(built: Callable[..., str], explored: Explore, words: str) -> None:
    """What waits by loading is right, and takes a processor."""
    program = built("lockfree")
    record = explored("--producer", f"{program} p {words}", "--consumer", f"{program} c {words}")
    assert not kinds(record)
    assert any("over and over" in note for note in record["notes"])


@pytest.mark.parametrize(("compiler", "flags"), [("gcc", ("-static",)), ("musl-gcc", ("-static",))])
def test_static(
    built: Callable[..., str], explored: Explore, compiler: str, flags: tuple[str, ...]
) -> None:
    """Static programs, of both C libraries."""
    ring = built("ring", compiler, *flags)
    right = explored("--producer", f"{ring} p", "--consumer", f"{ring} c", "--items", "2", code=0)
    wrong = explored(
        "--producer", f"{ring} p lock-first", "--consumer", f"{ring} c lock-first", code=1
    )
    assert kinds(wrong) == {"deadlock"}
    assert any(part["complete"] for part in right["covered"])


def test_init(built: Callable[..., str], explored: Explore, name: str) -> None:
    """``--init`` initialises what the programs do not."""
    ring = built("ring")
    record = explored("--init", "--name", name, "--producer", f"{ring} p no-init",
                      "--consumer", f"{ring} c", "--items", "1", code=0)  # fmt: skip
    assert record["layout"].startswith(f"{name}: 4 × ")


def test_without_a_finding_there_is_no_schedule(
    built: Callable[..., str], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is said, so that nobody looks for the file."""
    monkeypatch.setenv("EXPLORED", name)
    ring, file = built("ring"), tmp_path / "lost.json"
    done = run_shmtui("explore", "--producer", f"{ring} p", "--consumer", f"{ring} c", "--items", "1",
                      "--schedule", str(file))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{file} is not written" in done.stderr
    assert not file.exists()


def test_a_schedule_is_the_same_each_time(
    built: Callable[..., str], explored: Explore, tmp_path: Path
) -> None:
    """20 of 20, in every step and output; of another program it is refused."""
    ring, file = Path(built("ring")), tmp_path / "lost.json"
    own = tmp_path / "ring"
    shutil.copy(ring, own)
    explored("--producer", f"{own} p lock-first", "--consumer", f"{own} c lock-first",
             "--schedule", str(file), code=1)  # fmt: skip
    for command in ("attach", "stat", "check", "repair", "report", "rm"):
        done = run_shmtui(command, str(file))
        assert done.returncode == 2
        assert f"see it with shmtui replay {file}" in done.stderr
    done = run_shmtui("explore", "--replay", str(file))
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("20 of 20 ")
    assert "✗ deadlock" in done.stdout
    own.write_bytes(own.read_bytes() + b"\0")
    done = run_shmtui("explore", "--replay", str(file))
    assert done.returncode == 2
    assert "is not the program" in done.stderr


@pytest.mark.parametrize(
    ("mistake", "most", "fewest"),
    [
        ("no-post", 4, ["sem_wait(empty)", "sem_wait(full)"]),
        pytest.param("empty-5", 5, ["stores data[0] = 5"], marks=pytest.mark.slow),
    ],
)
def test_the_shortest_order(
    built: Callable[..., str], explored: Explore, tmp_path: Path, mistake: str, most: int, fewest: list[str],
) -> None:  # fmt: skip
    """``--shrink`` finds the one with the fewest items and steps, says so, and it repeats itself."""
    ring, file = built("ring"), tmp_path / "short.shmsched"
    programs = ["--producer", f"{ring} p {mistake}", "--consumer", f"{ring} c {mistake}"]
    long = explored(*programs, code=1)
    short = explored(*programs, "--shrink", "--schedule", str(file), code=1)
    assert len(short["order"]["steps"]) <= len(long["order"]["steps"])
    assert short["shortened"] == {
        "from": len(long["order"]["steps"]),
        "items": most,
        "least": True,
    }
    words = [step["does"] for step in short["order"]["steps"]]
    assert all(any(each in word for word in words) for each in fewest)
    done = run_shmtui("explore", "--replay", str(file))
    assert done.stdout.startswith("20 of 20 "), done.stderr


def test_who_starts_first(built: Callable[..., str], explored: Explore, tmp_path: Path) -> None:
    """A note where they are started as they are given; with ``--start any`` each start is a step, and so is
    each call that makes the segment.
    """
    first, file = built("first"), tmp_path / "first.shmsched"
    programs = ["--producer", f"{first} p", "--consumer", f"{first} c"]
    given = explored(*programs, code=0)
    assert "4 × " in given["layout"]
    (note,) = [each for each in given["notes"] if "start-fails" in each]
    assert "there is no segment" in note
    found = explored(*programs, "--start", "any", "--schedule", str(file), code=1)
    claims = {each["kind"]: each["claim"] for each in found["findings"]}
    assert "there is no segment" in claims["start-fails"]
    assert "SIGBUS" in claims["crash"]
    assert {part["starts"] for part in found["covered"]} == {"given", "any"}
    assert run_shmtui("replay", "--headless", str(file)).stdout.startswith("20 of 20 ")


def test_any_start(built: Callable[..., str], explored: Explore) -> None:
    """A ring that is there is right in every order of the starts, and all are tried; one that a consumer may
    find before it has its size is not.
    """
    ring, first = built("ring"), built("first")
    right = explored("--init", "--start", "any", "--items", "1", "--producer", f"{ring} p no-init",
                     "--consumer", f"{ring} c", code=0)  # fmt: skip
    assert all(part["complete"] for part in right["covered"])
    wrong = explored("--start", "any", "--producer", f"{first} p", "--consumer", f"{first} c wait",
                     code=1)  # fmt: skip
    claim = wrong["findings"][0]["claim"]
    assert "SIGBUS" in claim
    assert "behind the end of the segment, which has 0 bytes: ftruncate" in claim


def test_a_consumer_that_sets_up_late(built: Callable[..., str], explored: Explore) -> None:
    """It starts while the producer goes on: that it sets the indices to 0 loses items. The ring is known all the same."""
    ring = built("ring")
    record = explored("--producer", f"{ring} p", "--consumer", f"{ring} c begins-anew", code=1)
    assert "race" in kinds(record)
    assert "in at 16, out at 20" in record["layout"]


def test_a_consumer_that_takes_nothing(built: Callable[..., str], explored: Explore) -> None:
    """In no order, where another does: that is said."""
    ring = built("ring")
    record = explored("--items", "1", "--producer", f"{ring} p", "--consumer", f"{ring} c",
                      "--consumer", f"{ring} c leaves", code=0)  # fmt: skip
    assert [note for note in record["notes"] if "takes no item" in note] == [
        "C2 takes no item in any of these orders, though others do"
    ]


def test_programs_that_do_not_repeat_themselves(
    built: Callable[..., str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is said, and nothing judged."""
    monkeypatch.setenv("EXPLORED", name)
    done = run_shmtui("explore", "--producer", f"{built('odd')} chance")
    assert (done.returncode, done.stdout) == (2, "")
    assert "do not repeat themselves" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "call", ["write", "writev", "pwrite", "send", "sendmsg", "readv", "fwrite"]
)
def test_the_kernel_may_load_from_the_segment(
    built: Callable[..., str], explored: Explore, call: str
) -> None:
    """A system call with shared memory is no error, though loads of it are watched."""
    record = explored("--producer", f"{built('odd')} {call}", "--fine", code=0)
    assert not [note for note in record["notes"] if "socketpair" not in note]


@pytest.mark.parametrize(
    ("words", "found"),
    [("", set()), ("at-once", set()), ("undo", set()), ("lock-first", {"deadlock"})],
)
@pytest.mark.parametrize(
    ("compiler", "flags"), [("gcc", ()), ("gcc", ("-static",)), ("musl-gcc", ("-static",))]
)
def test_system_v(
    built: Callable[..., str], explored: Explore, compiler: str, flags: tuple[str, ...], words: str, found: set[str],
) -> None:  # fmt: skip
    """A call of semop is a step, with one operation or several; the values are the kernel's."""
    program = built("sysv", compiler, *flags)
    record = explored("--items", "2", "--producer", f"{program} p {words}", "--consumer", f"{program} c {words}")  # fmt: skip
    assert kinds(record) == found
    assert found or all(part["complete"] for part in record["covered"])
    assert record["layout"].startswith("/SYSV000004d2: 4 × ")


def test_two_producers_of_system_v(
    built: Callable[..., str], explored: Explore, tmp_path: Path
) -> None:
    """Items are followed in a segment of shmget, too; the schedule repeats itself."""
    program, file = built("sysv"), tmp_path / "sysv.shmsched"
    record = explored("--producer", f"{program} p no-mutex", "--producer", f"{program} p no-mutex", "--consumer",
                      f"{program} c no-mutex", "--items", "1", "--schedule", str(file), code=1)  # fmt: skip
    assert kinds(record) >= {"race", "item-overwritten"}
    assert run_shmtui("replay", "--headless", str(file)).stdout.startswith("20 of 20 ")


def test_what_the_kernel_may_drop_is_no_state(built: Callable[..., str], explored: Explore) -> None:
    """As many states as without it: what is random there counts for nothing."""
    program, states = built("named"), []
    for words in ("", "droppable"):
        record = explored("--items", "1", "--producer", f"{program} p timed {words}", "--consumer",
                          f"{program} c timed {words}")  # fmt: skip
        states.append(record["covered"][0]["states"])
    assert states[1] == states[0]


@pytest.mark.parametrize("words", ["nowait", "timed"])
def test_attempts_of_system_v(built: Callable[..., str], explored: Explore, words: str) -> None:
    """A call that gives up where it would wait is made again and again: a busy wait, and no mistake."""
    program = built("sysv")
    record = explored("--items", "1", "--producer", f"{program} p {words}", "--consumer", f"{program} c {words}")  # fmt: skip
    assert not kinds(record)
    assert any("over and over" in note for note in record["notes"])


def test_attempts_that_end_some_time(built: Callable[..., str], explored: Explore) -> None:
    """One that tries for a time only is not said to wait: what it does then is more than one order."""
    program = built("named")
    for words, complete in (("timed", True), ("timed limit", False)):
        record = explored("--items", "1", "--producer", f"{program} p {words}", "--consumer",
                          f"{program} c {words}")  # fmt: skip
        assert record["covered"][0]["complete"] == complete


@pytest.mark.parametrize(("words", "sleeps"), [("polls", True), ("polls at-once", False)])
def test_who_sleeps_between_two_attempts(
    built: Callable[..., str],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    sleeps: bool,
) -> None:
    """Also where it goes on later."""
    monkeypatch.setenv("EXPLORED", name)
    program = built("named")
    rubric = tmp_path / "rubric.toml"
    rubric.write_text("[trials]\nitems = 2\n[checks]\nno-busy-wait = 1\n")
    done = run_shmtui("grade", "--rubric", str(rubric), "--format", "json", "--producer", f"{program} p",
                      "--consumer", f"{program} c {words}", timeout=6 * PATIENCE)  # fmt: skip
    checks = {each["check"]: each for each in json.loads(done.stdout)["results"]}
    assert ("sleeps in between" in checks["no-busy-wait"]["evidence"]) == sleeps
    assert (checks["no-busy-wait"]["verdict"] == "fail") != sleeps


PYTHON: Final = """
import os, posix_ipc
name = os.environ["EXPLORED"]
one, two = (posix_ipc.Semaphore(name + x, posix_ipc.O_CREAT, initial_value=1) for x in "ab")
child = os.fork()
for each in (one, two) if child else (two, one):
    each.acquire()
if child:
    os.waitpid(child, 0)
os._exit(0)
"""


def test_python(explored: Explore, tmp_path: Path) -> None:
    """Two locks in two orders, by posix_ipc."""
    program = tmp_path / "locks.py"
    program.write_text(PYTHON)
    record = explored("--producer", f"{sys.executable} {program}", code=1)
    assert kinds(record) == {"deadlock"}


PYTHON_RING: Final = """
import mmap, os, posix_ipc, struct, sys
name, makes, words = os.environ["EXPLORED"], sys.argv[1] == "p", sys.argv[2:]
memory = mmap.mmap(posix_ipc.SharedMemory(name, posix_ipc.O_CREAT, size=24).fd, 24)
mutex, empty, full = (posix_ipc.Semaphore(f"{name}_{role}", posix_ipc.O_CREAT, initial_value=value)
                      for role, value in (("mutex", 1), ("empty", 4), ("full", 0)))
mine, theirs, index = (empty, full, 16) if makes else (full, empty, 20)
for number in range(1, 4):
    for each in (mutex, mine) if "lock-first" in words else (mine, mutex):
        each.acquire()
    slot, = struct.unpack_from("i", memory, index)
    if makes:
        struct.pack_into("i", memory, 4 * slot, number)
    else:
        print(struct.unpack_from("i", memory, 4 * slot))
    struct.pack_into("i", memory, index, (slot + 1) % 4)
    mutex.release()
    theirs.release()
"""


@pytest.mark.parametrize(("words", "found"), [("", set()), ("lock-first", {"deadlock"})])
def test_a_ring_of_python(explored: Explore, tmp_path: Path, words: str, found: set[str]) -> None:
    """Its layout is given; its items are stored by the interpreter's instructions, vectors too."""
    program = tmp_path / "ring.py"
    program.write_text(PYTHON_RING)
    record = explored("--producer", f"{sys.executable} {program} p {words}", "--consumer",
                      f"{sys.executable} {program} c {words}", "--items", "2",
                      "--layout", "data=0:4xint32,in=16,out=20")  # fmt: skip
    assert kinds(record) == found
    assert found or any(part["complete"] for part in record["covered"])


@pytest.mark.parametrize("command", ["/no/such/program", "sleep 100", "true", "'", "/dev/null"])
def test_what_cannot_be_explored(command: str) -> None:
    """One line, and exit code 2."""
    done = run_shmtui("explore", "--producer", command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("shmtui: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"kind": "shmtui schedule"}', "\x1b", "[" * 99999]
)
def test_no_schedule(tmp_path: Path, text: str) -> None:
    """A file that is none is refused."""
    file = tmp_path / "x.json"
    file.write_text(text)
    done = run_shmtui("explore", "--replay", str(file))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_killed_it_leaves_nothing(
    built: Callable[..., str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill -9 ends the programs with it (the test's fixture looks for them), and no name is left."""
    monkeypatch.setenv("EXPLORED", name)
    ring = built("ring")
    process = subprocess.Popen(
        [sys.executable, "-m", "shmtui", "explore", "--producer", f"{ring} p", "--producer",
         f"{ring} p second", "--consumer", f"{ring} c", "--fine"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    poll(lambda: len(children.read_text().split()) >= 3, "the programs")
    process.kill()
    process.communicate()
    poll(lambda: not [each for each in os.listdir(SHM_DIR) if name[1:] in each], "a clean folder")


REFUSED: Final = """
import ctypes, os, struct, sys
code = struct.pack("<HBBI", 0x20, 0, 0, 0)  # the number of the system call
code += struct.pack("<HBBI", 0x15, 0, 1, 272)  # unshare?
code += struct.pack("<HBBI", 0x06, 0, 0, 0x00050001)  # EPERM
code += struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)  # anything else
buffer = ctypes.create_string_buffer(code, len(code))
program = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
filter = ctypes.create_string_buffer(program, len(program))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(filter)), 0, 0) == 0
os.execv(sys.executable, [sys.executable, "-m", "shmtui", *sys.argv[1:]])
"""
"""Runs shmtui where the kernel refuses namespaces: by seccomp(2)."""


def test_system_v_without_namespaces(built: Callable[..., str]) -> None:
    """What they would make, all would see: that is refused."""
    done = subprocess.run(
        [sys.executable, "-c", REFUSED, "explore", "--producer", f"{built('sysv')} p"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "System V" in done.stderr


@pytest.mark.parametrize("killed", [False, True])
def test_without_namespaces(
    built: Callable[..., str], name: str, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """The same is found in the /dev/shm of all, and nothing stays there, not after kill -9 either."""
    monkeypatch.setenv("EXPLORED", name)
    ring, word = built("ring"), "" if killed else "lock-first"
    process = subprocess.Popen(
        [sys.executable, "-c", REFUSED, "explore", "--producer", f"{ring} p {word}",
         "--consumer", f"{ring} c {word}", "--items", "40"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    if killed:
        poll(lambda: Path(SHM_DIR, name[1:]).exists(), "the segment")
        process.kill()
    out, err = process.communicate()
    assert ("✗ deadlock" in out) is not killed, err
    poll(lambda: not Path(SHM_DIR, name[1:]).exists(), "a clean folder")


def test_names_in_a_shared_folder(name: str) -> None:
    """Where there is no /dev/shm apart, a name of others is refused, and one of ours removed."""
    create_segment(name, 64)
    other = f"{name}x"
    try:
        files = SharedFiles(private=False)
        with pytest.raises(ShmtuiError, match="is there already"):
            files.note_name("shm_open", name.encode(), is_musl=False)
        files.note_name("shm_open", other.encode(), is_musl=False)
        create_segment(other, 64)
        files.close()
        assert not Path(SHM_DIR, other[1:]).exists()
        assert Path(SHM_DIR, name[1:]).exists()
    finally:
        unlink_segment(name)
