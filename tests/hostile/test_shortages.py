"""A machine or a limit that has nothing left: a clear line, a code, and a clean state."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

import shmtui
from shmtui.shm.segment import create_segment, unlink_segment
from tests.compiling import Compiler, require
from tests.program import HeadlessRun, stat_json, without_progress
from tests.terminal import Terminal
from tests.traces import SWEEPING
from tests.waiting import PATIENCE, poll

PROGRAM: Final = (sys.executable, "-m", "shmtui")
REPOSITORY: Final = Path(shmtui.__file__).parents[1]
RUN: Final = ("--headless", "--duration", "0.2", "--json")
USER: Final = 3_000_000 + os.getpid()
"""Nobody else's: the kernel counts the processes and threads of a user, whoever runs the tests."""


def limited(limit: str, *command: str) -> tuple[str, ...]:
    """The command under a limit of its own: ``nofile=9``, ``as=90000000``."""
    return (require("prlimit"), f"--{limit}", *command)


def ended(
    command: Sequence[str], env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    has_swept = SWEEPING.may_sweep(("run",))
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
        check=False, env=os.environ | (env or {}),
    )  # fmt: skip
    has_swept()
    done.stderr = without_progress(done.stderr)
    return done


def ended_on_a_full_disk(
    words: Sequence[str], stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """Run ``shmtui`` to its end with nowhere to write its output, which Python buffers as it usually does."""
    SWEEPING.may_sweep(tuple(words))
    with open("/dev/full", "w") as full:
        return subprocess.run(
            [*PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=full, stderr=stderr, text=True,
            timeout=PATIENCE, check=False, env=os.environ | {"PYTHONUNBUFFERED": ""},
        )  # fmt: skip


def a_clear_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert done.returncode == 2, done
    (line,) = done.stderr.splitlines()
    assert line.startswith("shmtui: "), line
    return line


@pytest.mark.parametrize("files", [5, 7, 9, 12, 14])
def test_no_descriptor_left(name: str, new_name: Callable[[], str], files: int) -> None:
    """Wherever in a run the last one is taken, it says so and takes back what it made."""
    create_segment(name, 128)
    try:
        run = ended(limited(f"nofile={files}:{files}", *PROGRAM, "run", new_name(), *RUN))
        line = a_clear_line(run)
        assert "ulimit -n" in line
        look = ended(limited(f"nofile={files}:{files}", *PROGRAM, "stat", name, "--slots", "5"))
        if look.returncode:
            assert "ulimit -n" in a_clear_line(look)
        else:
            assert name in look.stdout
    finally:
        unlink_segment(name)


def test_a_dashboard_with_no_descriptor_left(name: str) -> None:
    """It lives, says what is lacking, and goes on once there is some again."""
    with Terminal("run", name) as terminal:
        terminal.wait_for("consumer 1 ")
        limit = require("prlimit")
        pid = str(terminal.process.pid)
        subprocess.run([limit, "--pid", pid, "--nofile=4:4096"], check=True)
        terminal.press("p")
        terminal.wait_for("ulimit -n")
        subprocess.run([limit, "--pid", pid, "--nofile=4096:4096"], check=True)
        terminal.press("p")
        terminal.wait_for(lambda text: re.search(r"producers \([2-9]\)", text), "it starts one")
        terminal.press("q")
        assert terminal.wait() == 0
        assert b"Traceback" not in terminal.raw


REACHABLE: Final = r"""
user=$1; shift
for path in "$@"; do [ "$path" = -- ] && break; done
while [ "$1" != -- ]; do
    path=$1; shift; top=/$(echo "$path" | cut -d/ -f2)
    setpriv --reuid=$user --regid=$user --clear-groups test -r "$path" && continue
    mkdir -p "/tmp/kept-$$$path" && mount --bind "$path" "/tmp/kept-$$$path"
    hidden="$hidden $path"; tops="$tops $top"
done
shift
for top in $tops; do mountpoint -q "$top" || mount -t tmpfs -o mode=755 tmpfs "$top"; done
for path in $hidden; do mkdir -p "$path" && mount --bind "/tmp/kept-$$$path" "$path"; done
exec setpriv --reuid=$user --regid=$user --clear-groups "$@"
"""
"""In a mount namespace of its own: paths that another user may not reach are put where it may."""


def as_nobody(processes: int, *command: str) -> tuple[str, ...]:
    """The command as an ordinary user who may have so many processes and threads, and has none yet."""
    if os.geteuid():
        pytest.skip("only root can become somebody whose processes are counted from none")
    paths = {sys.base_prefix, sys.prefix, str(REPOSITORY)}
    limit = (require("prlimit"), f"--nproc={processes}:{processes}")
    return (
        require("unshare"), "--mount", "sh", "-c", REACHABLE, "sh", str(USER),
        *sorted(paths), "--", *limit, *command,
    )  # fmt: skip


@pytest.fixture
def reachable() -> dict[str, str]:
    """What Python needs where it may be run by another user; a skipped test where it may not."""
    require("setpriv")
    env = {"PYTHONPATH": str(REPOSITORY), "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"}
    tried = ended(as_nobody(64, *PROGRAM, "--version"), env)
    if tried.returncode:
        pytest.skip(f"another user cannot run this Python: {tried.stderr.strip()[-200:]}")
    return env


@pytest.mark.rights
@pytest.mark.parametrize("processes", [1, 2])
def test_no_process_may_be_started(reachable: dict[str, str], name: str, processes: int) -> None:
    """A run whose workers cannot be started ends those that were, and unlinks what it made."""
    run = ended(as_nobody(processes, *PROGRAM, "run", name, *RUN), reachable)
    assert "ulimit -u" in a_clear_line(run)


@pytest.mark.rights
@pytest.mark.parametrize("processes", [1, 2, 3, 4])
def test_a_dashboard_where_no_process_may_be_started(
    reachable: dict[str, str], name: str, processes: int
) -> None:
    """With threads enough to draw it says that no worker starts; without, one line is all."""
    command = as_nobody(processes, *PROGRAM)
    with Terminal("run", name, command=command, env=reachable) as terminal:
        poll(
            lambda: (
                (terminal.read(0.05), terminal.process.poll() is not None)[1]
                or "cannot start producer 1" in terminal.text
            ),
            "it says what is lacking",
        )
        if terminal.process.poll() is None:
            terminal.press("q")
            assert terminal.wait() == 0
        else:
            assert terminal.wait() == 2
            assert "ulimit -u" in terminal.text
        assert b"Traceback" not in terminal.raw
        assert terminal.modes == terminal.modes_before


@pytest.mark.parametrize("megabytes", [40, 60, 90, 130])
@pytest.mark.parametrize("command", [("ls",), ("run", "NAME", *RUN)], ids=["ls", "run"])
def test_no_memory_left(name: str, command: tuple[str, ...], megabytes: int) -> None:
    """Once Python itself has come up, what it cannot get any more is a line, not a traceback."""
    limit = f"as={megabytes << 20}:{megabytes << 20}"
    python = ended(limited(limit, sys.executable, "-c", "import shmtui.cli.main, shmtui.cli.run"))
    words = [name if word == "NAME" else word for word in command]
    done = ended(limited(limit, *PROGRAM, *words))
    if python.returncode:
        assert done.returncode != 0
        return
    assert done.returncode == 0 or a_clear_line(done)


SMALL: Final = r"""
pages=$1; shift
mount -t tmpfs -o size=$((pages * 4))k tmpfs /dev/shm || exit 77
"$@"; code=$?
ls -A /dev/shm
exit $code
"""


@pytest.mark.rights
@pytest.mark.parametrize("pages", [33, 34, 35, 36])
def test_no_room_for_the_semaphores(name: str, pages: int) -> None:
    """/dev/shm full before the segment, or before one of its named semaphores: nothing stays."""
    unshare = require("unshare")
    private = [unshare, "-m"] if os.geteuid() == 0 else [unshare, "-r", "-m"]
    done = ended(
        [*private, "sh", "-c", SMALL, "sh", str(pages), *PROGRAM, "run", name, *RUN,
         "--semaphores", "named"]
    )  # fmt: skip
    if done.returncode in {1, 77} and "shmtui" not in done.stderr:
        pytest.skip(f"this machine lets nobody mount a /dev/shm: {done.stderr.strip()}")
    assert "/dev/shm has" in a_clear_line(done)
    assert done.stdout == ""


@pytest.mark.parametrize(
    "command",
    [("ls",), ("stat", "NAME", "--slots", "5"), ("--help",), ("run", "NEW", "--headless",
     "--duration", "0.2")],
    ids=lambda command: command[0],
)  # fmt: skip
def test_a_full_disk_for_the_output(
    name: str, new_name: Callable[[], str], command: tuple[str, ...]
) -> None:
    """What cannot be written is said on stderr, once."""
    create_segment(name, 128)
    words = [{"NAME": name, "NEW": new_name()}.get(word, word) for word in command]
    try:
        done = ended_on_a_full_disk(words)
    finally:
        unlink_segment(name)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last == "shmtui: no space is left where it is written: make room there"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["ls --json", "stat NEW", "run NEW --headless --duration 0.2"])
def test_nothing_at_all_can_be_written(new_name: Callable[[], str], command: str) -> None:
    """The exit code says what it says elsewhere: it is all that is left."""
    words = command.replace("NEW", new_name()).split()
    assert ended_on_a_full_disk(words, stderr=subprocess.STDOUT).returncode == 2


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream(name: str, closed: str) -> None:
    """Standard streams that are closed stand in nobody's way, and no file takes their place."""
    create_segment(name, 128)
    try:
        for words in (f"stat {name} --slots 5", "ls"):
            done = ended(["sh", "-c", f'"$0" -m shmtui {words} {closed}', sys.executable])
            assert (done.returncode, done.stderr) == (0, "")
            assert bool(done.stdout) == (closed != ">&-")
    finally:
        unlink_segment(name)


def test_a_stream_of_few_characters(name: str) -> None:
    """Characters that it has none for are written as what they are, in text and in JSON."""
    create_segment(name, 128)
    try:
        command = ["env", "PYTHONIOENCODING=latin-1", *PROGRAM, "stat", name, "--slots", "5"]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert rb"\u2192" in done.stdout
    finally:
        unlink_segment(name)


CLOCK: Final = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
/* The day clock is a day behind from the moment that a file is there. */
static long back(void) {
    struct stat status;
    return stat(getenv("CLOCK_SET_BACK"), &status) == 0 ? 86400 : 0;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec -= back();
    return code;
}
time_t time(time_t *store) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (store) *store = now.tv_sec;
    return now.tv_sec;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
"""


@pytest.mark.parametrize("kind", ["embedded", "named"])
def test_the_clock_set_back(
    gcc: Compiler, name: str, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a day, in the middle of a run: its workers keep their pace, and it ends when it should."""
    source = tmp_path / "clock.c"
    source.write_text(CLOCK)
    library, mark = tmp_path / "clock.so", tmp_path / "back"
    subprocess.run(
        [shutil.which("gcc") or "gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"],
        check=True,
    )
    monkeypatch.setenv("CLOCK_SET_BACK", str(mark))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    rates = ("--produce-rate", "50", "--consume-rate", "50", "--duration", "4", "--json")
    with HeadlessRun(name, "--semaphores", kind, *rates) as run:
        mark.touch()
        before = [record.items for record in run.live()]
        assert run.wait() == 0
        totals = json.loads(run.stdout)["totals"]
    mark.unlink()
    with HeadlessRun(name, "--semaphores", kind):
        mark.touch()
        assert stat_json(name)["uptime"] == 0
    assert totals["balanced"] is True
    assert totals["seconds"] >= 4
    # Never ahead of its pace; a worker that waited for the day clock would stand still for a day.
    assert max(before) + 20 < totals["produced"] <= 50 * totals["seconds"] + 1


def test_a_terminal_that_is_gone(name: str) -> None:
    """Hung up without a signal to this program, as for one in the background of another session."""
    with Terminal("attach", name, "--wait") as waiting:
        waiting.wait_for("waiting for")
        waiting.signal(signal.SIGHUP)
        assert waiting.wait() == 129
    with Terminal("run", name) as terminal:
        terminal.wait_for("consumer 1 ")
        terminal.hang_up()
        poll(lambda: terminal.process.poll() is not None, "it has ended")
        assert terminal.process.returncode == 129
