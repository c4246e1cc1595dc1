"""``shmtui grade``: each mistake fails its own check, and nothing fails in programs that are right."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from shmtui.grading.interleaving_checks import ring_not_known
from shmtui.grading.result import Facts
from shmtui.grading.rubric import DEFAULT
from shmtui.shm.segment import SHM_DIR
from tests.compiling import require
from tests.program import run_shmtui
from tests.waiting import PATIENCE, poll

PROGRAMS: Final = Path(__file__).parent / "programs"
RUBRIC: Final = DEFAULT.read_text().replace("items = 6", "items = 3")

Verdicts = dict[str, dict[str, Any]]


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    """The rubric of the exercise, with fewer items."""
    file = tmp_path / "rubric.toml"
    file.write_text(RUBRIC)
    return file


def source(folder: Path, name: str, *macros: str) -> str:
    """A program of the exercise with mistakes: the path of its source."""
    require("cc")
    folder.mkdir(exist_ok=True)
    (folder / "exchange.h").write_text((PROGRAMS / "exchange.h").read_text())
    file = folder / f"{name}.c"
    text = "".join(f"#define {macro}\n" for macro in macros)
    file.write_text(text + (PROGRAMS / f"{name}.c").read_text())
    return str(file)


def graded(
    producer: str, consumer: str, *arguments: str, code: int, budget: str = "120"
) -> Verdicts:
    """The results by check."""
    done = run_shmtui("grade", "--producer", producer, "--consumer", consumer, "--format", "json",
                      "--budget", budget, *arguments, timeout=4 * PATIENCE)  # fmt: skip
    assert done.returncode == code, (done.stdout, done.stderr)
    return {each["check"]: each for each in json.loads(done.stdout)["results"]}


def of(results: Verdicts, verdict: str) -> set[str]:
    """The checks that have a verdict."""
    return {check for check, each in results.items() if each["verdict"] == verdict}


def test_a_right_pair(tmp_path: Path, rubric: Path) -> None:
    """It passes in all that can be proved; that it leaves nothing behind is open while it does not end."""
    results = graded(source(tmp_path, "produtor"), source(tmp_path, "consumidor"),
                     "--rubric", str(rubric), code=0)  # fmt: skip
    assert of(results, "fail") == set()
    assert of(results, "unknown") == {"clean-up"}
    assert "every order of 3 items at loads and stores" in results["items-kept"]["evidence"]
    assert not [name for name in os.listdir(SHM_DIR) if name == "exchange"]


@pytest.mark.parametrize(
    ("macro", "wrong", "kind"),
    [
        ("NO_MUTEX", {"exclusion", "many"}, "race"),
        ("LOCK_FIRST", {"either-order", "no-deadlock", "many"}, "deadlock"),
    ],
)
def test_a_mistake(tmp_path: Path, rubric: Path, macro: str, wrong: set[str], kind: str) -> None:
    """It fails its checks and no others, and the order that shows it can be replayed."""
    output = tmp_path / "out"
    results = graded(source(tmp_path, "produtor", macro), source(tmp_path, "consumidor", macro),
                     "--rubric", str(rubric), "-o", str(output), code=1)  # fmt: skip
    assert of(results, "fail") == wrong
    found = next(each for each in results.values() if each["kind"] == kind)
    assert any("exchange.h:" in step or "produtor.c:" in step for step in found["order"])
    done = run_shmtui("explore", "--replay", str(output / f"{found['check']}.shmsched"))
    assert done.stdout.startswith("20 of 20 "), done.stderr
    assert f"✗ {kind}" in done.stdout


def quick(tmp_path: Path, *checks: str) -> tuple[str, str]:
    """A rubric of these checks alone."""
    file = tmp_path / "quick.toml"
    file.write_text("[trials]\nitems = 2\n[checks]\n" + "\n".join(checks) + "\n")
    return "--rubric", str(file)


def test_one_that_initialises_what_another_has(tmp_path: Path) -> None:
    """It takes away what one that works already has posted: the starts are searched for an order that shows it."""
    again = source(tmp_path, "consumidor", "INITIALISES_AGAIN")
    results = graded(source(tmp_path, "produtor"), again,
                     *quick(tmp_path, "semaphores = 1", "no-deadlock = 1"), code=1)  # fmt: skip
    assert of(results, "fail") == {"semaphores"}
    assert "initialises mutex again, after P1" in results["semaphores"]["evidence"]


def test_semaphores_that_nobody_initialises(
    ring: Callable[..., tuple[str, str]], tmp_path: Path
) -> None:
    """No item gets through, which the default rubric requires: there are no points."""
    done = run_shmtui("grade", "--producer", ring("no-init")[0], "--consumer", ring("no-init")[1])
    assert done.returncode == 1
    assert ": 0 of " in done.stdout
    assert "required, and failed: items reach the consumer" in done.stdout
    assert "which nobody has initialised" in done.stdout
    assert "runs ahead by 0" not in done.stdout, (
        "no item was in the ring, so that tells nothing of it"
    )
    results = graded(*ring("no-init"), *quick(tmp_path, "no-crash = 1", "semaphores = 1"), code=1)
    assert of(results, "fail") == {"semaphores"}
    assert "no-crash" in of(results, "unknown"), "what does not run proves nothing"


@pytest.mark.parametrize(
    ("mistake", "check"),
    [
        ("private", "semaphores"),
        ("no-post", "no-deadlock"),
        ("mutex-twice", "exclusion"),
        ("empty-5", "items-kept"),
        ("past", "items-kept"),
        # Its orders have no end, so it takes all of its time.
        pytest.param("post-full", "taken-once", marks=pytest.mark.slow),
        ("crash", "no-crash"),
        ("three", "clean-up"),
    ],
)
def test_each_check_fails_where_it_should(
    ring: Callable[..., tuple[str, str]], tmp_path: Path, mistake: str, check: str
) -> None:
    """And the other mistakes' checks, of one of each, do not."""
    others = ("semaphores = 1", "no-deadlock = 1", "no-crash = 1")
    names = dict.fromkeys((f"{check} = 1", *others))
    results = graded(*ring(mistake), *quick(tmp_path, *names), code=1, budget="30")
    assert of(results, "fail") == {check}
    assert results[check]["evidence"]


@pytest.mark.parametrize("habit", ["", "reserve", "by-parts", "batch", "post-first"])
def test_habits_that_are_right(
    ring: Callable[..., tuple[str, str]], tmp_path: Path, habit: str
) -> None:
    """Nothing fails in them, and everything that is asked is proved."""
    checks = ("runs", "semaphores", "items-kept", "taken-once", "order", "ring-used", "no-busy-wait",
              "no-deadlock", "no-crash", "restart", "killed-peer")  # fmt: skip
    results = graded(*ring(habit), *quick(tmp_path, *(f"{c} = 1" for c in checks)), code=0)
    assert of(results, "pass") == set(checks)


def test_producers_that_stop_within_a_round(
    ring: Callable[..., tuple[str, str]], tmp_path: Path
) -> None:
    """Two that wait for three permits each hang in some order: that none was found where nobody took an item says nothing."""
    producer, consumer = ring("", program="strings")
    text = tmp_path / "one.toml"
    text.write_text("[trials]\nitems = 1\n[checks]\nmany = 1\n")
    results = graded(f"{producer} three", consumer, "--rubric", str(text), code=2)
    assert of(results, "unknown") == {"many"}


def test_a_semaphore_that_is_held_counts_of_system_v_too(
    ring: Callable[..., tuple[str, str]], tmp_path: Path
) -> None:
    """Killed between its wait and its post of it; as between all items, where it waits for nothing else."""
    results = graded(*ring("", program="sysv"), *quick(tmp_path, "killed-peer = 1"), code=0)
    assert "which counts for nothing here" in results["killed-peer"]["evidence"]


def test_a_busy_wait(ring: Callable[..., tuple[str, str]], tmp_path: Path) -> None:
    """It names what is looked at, and where."""
    program = ring("", program="lockfree")
    results = graded(*program, *quick(tmp_path, "no-busy-wait = 1"), code=1)
    assert of(results, "fail") == {"no-busy-wait"}
    assert "lockfree.c:" in results["no-busy-wait"]["evidence"]
    assert "looks at in over and over" in results["no-busy-wait"]["evidence"], (
        "not at its own index"
    )


@pytest.mark.parametrize(
    ("produced", "consumed", "code"),
    [(r"made (\d+)", r"took (\d+)", 0), (r"made (\d+)", r"nothing (\d+)", 1)],
)
def test_printed_values(
    ring: Callable[..., tuple[str, str]], tmp_path: Path, produced: str, consumed: str, code: int
) -> None:
    """They count by the teacher's patterns."""
    prints = f"[checks.prints]\npoints = 1\nproduced = '{produced}'\nconsumed = '{consumed}'"
    results = graded(*ring("three"), *quick(tmp_path, prints), code=code)
    assert results["prints"]["verdict"] == ("fail" if code else "pass")


def test_a_restart_over_what_a_killed_run_left(
    ring: Callable[..., tuple[str, str]], tmp_path: Path
) -> None:
    """By the demand: kills while a semaphore is held count, or do not."""
    named = ring("", program="named")
    text = 'restart = { points = 1, demand = "%s" }'
    results = graded(*named, *quick(tmp_path, text % "between"), code=0)
    assert "of" in results["restart"]["evidence"]
    results = graded(*named, *quick(tmp_path, text % "always"), code=1)
    assert "do not go on" in results["restart"]["evidence"]


def test_warnings_of_the_compiler(tmp_path: Path) -> None:
    """They are shown; the rest is judged all the same."""
    results = graded(source(tmp_path, "produtor", "UNUSED"), source(tmp_path, "consumidor"),
                     *quick(tmp_path, "builds = 1", "runs = 1"), "--rubric",
                     str(_with_flags(tmp_path)), code=1)  # fmt: skip
    assert "never_used" in results["builds"]["evidence"]
    assert of(results, "pass") == {"runs"}


def _with_flags(tmp_path: Path) -> Path:
    file = tmp_path / "flags.toml"
    file.write_text('[programs]\nflags = ["-Wall"]\n[checks]\nbuilds = 1\nruns = 1\n')
    return file


def test_a_program_that_is_run_before(tmp_path: Path) -> None:
    """It makes what the others open; without it they fail, and that is not taken for anything else."""
    pair = source(tmp_path, "produtor", "OPEN_ONLY"), source(tmp_path, "consumidor", "OPEN_ONLY")
    checks = quick(tmp_path, "runs = 1", "items-kept = 1", "restart = 1")
    maker = source(tmp_path / "maker", "maker")
    results = graded(*pair, "--before", maker, *checks, code=0)
    assert of(results, "pass") == {"runs", "items-kept", "restart"}
    results = graded(*pair, *checks, code=1)
    assert (of(results, "fail"), of(results, "pass")) == ({"runs"}, set())


def test_what_does_not_compile(tmp_path: Path) -> None:
    """Nothing else is judged."""
    broken = tmp_path / "produtor.c"
    broken.write_text("int main({")
    results = graded(str(broken), source(tmp_path / "own", "consumidor"),
                     *quick(tmp_path, "builds = 1", "runs = 1"), code=1)  # fmt: skip
    assert (of(results, "fail"), of(results, "unknown")) == ({"builds"}, {"runs"})


@pytest.mark.parametrize(
    ("form", "read"),
    [
        ("junit", lambda text: [c.get("classname") for c in ET.fromstring(text).iter("testcase")]),
        ("gradescope", lambda text: [t["max_score"] for t in json.loads(text)["tests"]]),
        ("classroom", lambda text: json.loads(base64.b64decode(text))["tests"]),
        ("check50", lambda text: [r["passed"] for r in json.loads(text)["results"]]),
        ("vpl", lambda text: [line for line in text.splitlines() if line.startswith("Grade :=>>")]),
        ("md", lambda text: [line for line in text.splitlines() if line.startswith("| ✗")]),
        ("text", lambda text: [line for line in text.splitlines() if line.startswith("✗")]),
    ],
)
def test_formats(
    ring: Callable[..., tuple[str, str]],
    tmp_path: Path,
    form: str,
    read: Callable[[str], list[Any]],
) -> None:
    """One check, one entry, in whatever form."""
    producer, consumer = ring("no-init")
    done = run_shmtui("grade", "--producer", producer, "--consumer", consumer, "--format", form,
                      *quick(tmp_path, "semaphores = 1"))  # fmt: skip
    assert done.returncode == 1
    assert len(read(done.stdout)) == 1


@pytest.mark.parametrize("language", ["en", "pt"])
def test_hints(ring: Callable[..., tuple[str, str]], tmp_path: Path, language: str) -> None:
    """What to change is told only where hints are asked for."""
    producer, consumer = ring("no-init")
    command = ("grade", "--lang", language, "--producer", producer, "--consumer", consumer,
               *quick(tmp_path, "semaphores = 1"))  # fmt: skip
    assert "sem_init" not in run_shmtui(*command).stdout
    assert "sem_init" in run_shmtui(*command, "--hints").stdout


def test_what_waits_for_ever_gets_the_hint_of_its_cause(
    ring: Callable[..., tuple[str, str]], tmp_path: Path
) -> None:
    """Where nobody calls sem_init, the order of the waits is no mistake."""
    results = graded(*ring("no-init"), *quick(tmp_path, "semaphores = 1", "no-deadlock = 1"), "--hints", code=1)  # fmt: skip
    assert results["no-deadlock"]["kind"] == "deadlock"
    assert results["no-deadlock"]["hint"] == results["semaphores"]["hint"]
    results = graded(*ring("lock-first"), *quick(tmp_path, "no-deadlock = 1"), "--hints", code=1)
    assert "mutex last" in results["no-deadlock"]["hint"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--producer", "true", "--class", "."),
        ("--class", "/no/such/folder"),
        ("--producer", "true", "--rubric", "/no/such/file"),
        ("--producer", "'"),
    ],
)
def test_what_cannot_be_graded(arguments: tuple[str, ...]) -> None:
    """One line, and exit code 2."""
    done = run_shmtui("grade", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("shmtui: ")
    assert done.stderr.count("\n") == 1


def test_the_printed_rubric_is_a_rubric(
    tmp_path: Path, ring: Callable[..., tuple[str, str]]
) -> None:
    """It can be changed and given back."""
    printed = run_shmtui("grade", "--print-rubric")
    assert (printed.returncode, printed.stdout) == (0, DEFAULT.read_text())


def running(word: str) -> list[str]:
    """The PIDs of processes that have a word in their arguments."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with contextlib.suppress(OSError):
                if word.encode() in (process / "cmdline").read_bytes():
                    found.append(process.name)
    return found


def test_killed_it_leaves_nothing(ring: Callable[..., tuple[str, str]], tmp_path: Path) -> None:
    """Kill -9 ends its boxes and all in them, and no folder is left."""
    mark = tmp_path.name
    copies = [tmp_path / side for side in ("p", "c")]
    for copy in copies:
        shutil.copy(ring("")[0].split()[0], copy)
    process = subprocess.Popen(
        [sys.executable, "-m", "shmtui", "grade", "--producer", f"{copies[0]} p",
         "--consumer", f"{copies[1]} c", "--budget", "60"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    poll(lambda: len(running(f"{mark}/c")) > 1, "the programs")
    process.kill()
    process.communicate()
    poll(lambda: not running(mark), "their end")


WANTS_ARGUMENTS: Final = """
#include <stdio.h>
int main(int count, char **words) {
    if (count < 2) { fprintf(stderr, "Usage: %s COUNT\\n", words[0]); return 1; }
    return 0;
}
"""
OPENS_ALONE: Final = """
#include <fcntl.h>
#include <semaphore.h>
#include <sys/mman.h>
int main(void) {
    int file = shm_open("/exchange_of_others", O_RDWR, 0600);
    sem_t *full = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    sem_wait(full);
    return 0;
}
"""


def test_what_wants_arguments_is_not_failed(tmp_path: Path, rubric: Path) -> None:
    """It is unknown what it does, and how it says that it is used is told."""
    file = tmp_path / "wants.c"
    file.write_text(WANTS_ARGUMENTS)
    found = graded(str(file), str(file), "--rubric", str(rubric), code=2, budget="3")
    assert found["runs"]["verdict"] == found["either-order"]["verdict"] == "unknown"
    assert "wants arguments" in found["runs"]["evidence"]
    assert "COUNT" in found["runs"]["evidence"]


def test_the_call_that_failed_is_named(tmp_path: Path, rubric: Path) -> None:
    """Of a program that goes on with what it did not get."""
    file = tmp_path / "alone.c"
    file.write_text(OPENS_ALONE)
    found = graded(
        source(tmp_path, "produtor"), str(file), "--rubric", str(rubric), code=1, budget="3"
    )
    words = "shm_open(/exchange_of_others) failed: No such file or directory"
    assert words in found["runs"]["evidence"]
    assert "SIGSEGV" in found["runs"]["evidence"]
    assert "the pointer is null, or what a call returned that failed" in found["runs"]["evidence"]


FAMILY: Final = """
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#ifndef ROOM
#define ROOM 3
#endif
typedef struct { int queue[3], last, first; sem_t room, things; pthread_mutex_t lock; } Shared;
Shared here, *all = &here;
static void *make(void *unused)
{
    for (int n = 1; n <= 4; n++) {
        sem_wait(&all->room);
        pthread_mutex_lock(&all->lock);
        all->queue[all->last] = n;
        all->last = (all->last + 1) % 3;
        pthread_mutex_unlock(&all->lock);
        sem_post(&all->things);
    }
    return unused;
}
static void *take(void *unused)
{
    for (int n = 1; n <= 4; n++) {
        sem_wait(&all->things);
        pthread_mutex_lock(&all->lock);
        (void)*(volatile int *)&all->queue[all->first];
        all->first = (all->first + 1) % 3;
        pthread_mutex_unlock(&all->lock);
        sem_post(&all->room);
    }
    return unused;
}
int main(void)
{
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
#ifdef FORK
    all = mmap(0, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
#endif
    sem_init(&all->room, 1, ROOM);
    sem_init(&all->things, 1, 0);
    pthread_mutex_init(&all->lock, &shared);
#ifdef FORK
    if (!fork()) {
        make(0);
        exit(0);
    }
    take(0);
    wait(0);
#else
    pthread_t maker, taker;
    pthread_create(&maker, 0, make, 0);
    pthread_create(&taker, 0, take, 0);
    pthread_join(maker, 0);
    pthread_join(taker, 0);
#endif
    return 0;
}
"""


def family(tmp_path: Path, rubric: Path, *macros: str, code: int) -> Verdicts:
    """The results of one program that does both."""
    file = tmp_path / "family.c"
    file.write_text("".join(f"#define {macro}\n" for macro in macros) + FAMILY)
    done = run_shmtui("grade", "--producer", str(file), "--format", "json", "--budget", "120",
                      "--rubric", str(rubric), timeout=4 * PATIENCE)  # fmt: skip
    assert done.returncode == code, (done.stdout, done.stderr)
    return {each["check"]: each for each in json.loads(done.stdout)["results"]}


@pytest.mark.parametrize("macros", [(), ("FORK",)], ids=["threads", "fork"])
def test_one_program_that_does_both(tmp_path: Path, rubric: Path, macros: tuple[str, ...]) -> None:
    """All is judged but what takes two programs, which is left out."""
    results = family(tmp_path, rubric, *macros, code=0)
    assert of(results, "pass") == set(results)
    assert {"items-kept", "exclusion", "ring-used"} <= set(results)
    assert not {"either-order", "many", "killed-peer"} & set(results)


@pytest.mark.parametrize("macros", [(), ("FORK",)], ids=["threads", "fork"])
def test_its_mistake(tmp_path: Path, rubric: Path, macros: tuple[str, ...]) -> None:
    """Items are followed to the threads and children that put and take them."""
    results = family(tmp_path, rubric, *macros, "ROOM 4", code=1)
    assert of(results, "fail") == {"items-kept", "taken-once"}
    assert results["items-kept"]["kind"] == "item-overwritten"


def test_what_works_once(tmp_path: Path) -> None:
    """A semaphore that is left at another value than it begins with hangs the second run, with nobody killed."""
    file = tmp_path / "once.c"
    file.write_text(
        "#include <fcntl.h>\n#include <semaphore.h>\nint main(void)\n{\n"
        '    sem_t *things = sem_open("/once_things", O_CREAT, 0600, 2);\n'
        "    for (int i = 0; i < 2; i++)\n        sem_wait(things);\n    MORE\n    return 0;\n}\n"
    )
    for more, verdict in (("", "fail"), ('sem_unlink("/once_things");', "pass")):
        text = file.read_text().replace("MORE", more)
        source_file = tmp_path / f"{verdict}.c"
        source_file.write_text(text)
        done = run_shmtui("grade", "--producer", str(source_file), "--format", "json",
                          *quick(tmp_path, "restart = 1"), timeout=4 * PATIENCE)  # fmt: skip
        (result,) = json.loads(done.stdout)["results"]
        assert result["verdict"] == verdict, result


def test_sleep_up_to_a_time(compiled: Callable[[str], str], tmp_path: Path) -> None:
    """It takes what is left until then: three times two seconds, with which the program ends."""
    done = run_shmtui("grade", "--producer", f"{compiled('timed')} until", "--format", "json",
                      *quick(tmp_path, "runs = 1"), timeout=4 * PATIENCE)  # fmt: skip
    (result,) = json.loads(done.stdout)["results"]
    assert "ends with status 6: slept 6" in result["evidence"]


def test_a_segment_that_is_mapped_apart(
    compiled: Callable[[str], str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what a producer stores with MAP_PRIVATE, nothing reaches the consumer."""
    monkeypatch.setenv("EXPLORED", name)
    program = compiled("naming")
    results = graded(f"{program} p apart", f"{program} c apart", *quick(tmp_path, "runs = 1", "semaphores = 1"), code=1)  # fmt: skip
    assert of(results, "fail") == {"runs", "semaphores"}
    assert "MAP_PRIVATE" in results["runs"]["evidence"]


def test_a_segment_that_each_producer_makes_anew(
    compiled: Callable[[str], str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One alone is right; of two, what the first one puts reaches nobody."""
    monkeypatch.setenv("EXPLORED", name)
    program = compiled("naming")
    pair = f"{program} p renamed", f"{program} c renamed"
    results = graded(*pair, *quick(tmp_path, "runs = 1", "no-deadlock = 1", "many = 1"), code=1)
    assert of(results, "fail") == {"many"}
    assert f"{name}_new anew" in results["many"]["evidence"]


def test_main_that_returns_before_its_threads(
    compiled: Callable[[str], str], tmp_path: Path
) -> None:
    """No item gets through where nobody joins the threads."""
    for words, verdict in (("return", "fail"), ("", "unknown")):
        done = run_shmtui("grade", "--producer", f"{compiled('gather')} {words}", "--format", "json",
                          *quick(tmp_path, "runs = 1"), timeout=4 * PATIENCE)  # fmt: skip
        (result,) = json.loads(done.stdout)["results"]
        assert result["verdict"] == verdict, result


@pytest.mark.parametrize("macros", [("REMOVES",), ()])
def test_a_set_that_stays(tmp_path: Path, macros: tuple[str, ...]) -> None:
    """What is left of System V counts, too."""
    file = tmp_path / "rubric.toml"
    file.write_text("[checks]\nruns = 1\nclean-up = 1\n")
    done = run_shmtui(
        "grade", "--producer", source(tmp_path / "set", "set", *macros), "--format", "json",
        "--rubric", str(file), timeout=4 * PATIENCE,
    )  # fmt: skip
    results = {each["check"]: each for each in json.loads(done.stdout)["results"]}
    assert results["clean-up"]["verdict"] == ("pass" if macros else "fail"), results
    assert macros or "System V set 0x0" in results["clean-up"]["evidence"]


@pytest.mark.parametrize("mistake", ["", "clock", "early"])
def test_a_mark_that_all_is_ready(
    ring: Callable[..., tuple[str, str]], tmp_path: Path, mistake: str
) -> None:
    """A consumer that sleeps until it is set is right, also one that has asked for the time; it fails where the mark
    comes before sem_init.
    """
    pair, wrong = ring(mistake, program="later"), mistake == "early"
    results = graded(*pair, *quick(tmp_path, "either-order = 1"), code=int(wrong))
    assert results["either-order"]["verdict"] == ("fail" if wrong else "pass"), results
    if wrong:
        assert "which nobody has initialised" in results["either-order"]["evidence"]


def test_threads_that_begin_at_a_barrier(tmp_path: Path, rubric: Path) -> None:
    """Their items are followed like any others': none of them is held at the barrier."""
    file = tmp_path / "begin.c"
    text = FAMILY.replace("int queue", "pthread_barrier_t gate; int queue", 1)
    text = text.replace(
        "(void *unused)\n{\n", "(void *unused)\n{\n    pthread_barrier_wait(&all->gate);\n"
    )
    file.write_text(text.replace("    sem_init(&all->room", "    pthread_barrier_init(&all->gate, 0, 2);\n    sem_init(&all->room", 1))  # fmt: skip
    done = run_shmtui("grade", "--producer", str(file), "--format", "json", "--budget", "120",
                      "--rubric", str(rubric), timeout=4 * PATIENCE)  # fmt: skip
    results = {each["check"]: each for each in json.loads(done.stdout)["results"]}
    assert of(results, "pass") == set(results), results


def test_a_producer_that_asks_for_input(tmp_path: Path) -> None:
    """It has set everything up when it waits for that: nothing fails, and the cause is told."""
    program = source(tmp_path, "menu")
    results = graded(f"{program} p", f"{program} c",
                     *quick(tmp_path, "semaphores = 1", "no-deadlock = 1"), code=2)  # fmt: skip
    assert of(results, "unknown") == {"semaphores", "no-deadlock"}
    assert "does it wait for input" in results["semaphores"]["evidence"]


def test_a_consumer_that_finds_no_segment(tmp_path: Path) -> None:
    """It ends where it is first: no item gets through, whether the ring is known or not."""
    program = source(tmp_path, "texts")
    results = graded(f"{program} p", f"{program} c", *quick(tmp_path, "either-order = 1"), code=1)
    assert "shm_open(/texts) failed" in results["either-order"]["evidence"]


def test_a_segment_of_system_v_that_is_not_there(tmp_path: Path) -> None:
    """The call that fails is named, as one that opens a name is."""
    file = tmp_path / "alone.c"
    file.write_text("#include <sys/shm.h>\nint main(void) { return shmget(0x516, 4, 0600) < 0; }")
    results = graded(source(tmp_path, "produtor"), str(file), *quick(tmp_path, "runs = 1"), code=1)
    assert "shmget(0x516) failed: No such file or directory" in results["runs"]["evidence"]


def test_no_advice_that_was_followed() -> None:
    """Programs that have debug information need not be compiled with -g."""
    known = ring_not_known(Facts({}))
    assert "-g" not in known
    assert "-g" not in ring_not_known(Facts({}, pairwise=False))


def test_a_second_producer_that_initialises_again(tmp_path: Path) -> None:
    """What it takes away from one that works already was not tried: that does not pass."""
    producer = source(tmp_path, "produtor", "INITIALISES_AGAIN")
    folder = tmp_path / "right"
    folder.mkdir()
    results = graded(producer, source(folder, "consumidor"),
                     *quick(tmp_path, "many = 1", "no-deadlock = 1"), code=2)  # fmt: skip
    assert of(results, "pass") == {"no-deadlock"}
    assert "P2 initialises mutex again, after P1" in results["many"]["evidence"]
