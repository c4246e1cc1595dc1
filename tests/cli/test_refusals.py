"""What cannot be done is refused with one line and exit 2, and nothing is left of the attempt."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest

from shmtui.cli.main import main
from shmtui.cli.parameters import AGE, SECONDS
from shmtui.cli.translation import COMMANDS
from shmtui.errors import ShmtuiError
from shmtui.sanitize import shell_word
from shmtui.shm.segment import create_segment, segment_path, unlink_segment
from tests.program import run_shmtui
from tests.terminal import Terminal
from tests.traces import course_name, shm_entries
from tests.waiting import PATIENCE

RUN = ("run", "--headless", "--duration", "0.1")


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("shmtui: ")
    assert "Traceback" not in line
    return line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*RUN, "a/b"), "slash"),
        ((*RUN, "/a/"), "slash"),
        ((*RUN, ""), "not a segment name"),
        ((*RUN, ".."), "not a segment name"),
        ((*RUN, "x" * 256), "255"),
        ((*RUN, "é" * 128), "256 bytes"),
        ((*RUN, "--slots", "0"), "0 slots"),
        ((*RUN, "--slots", "-3"), "-3 slots"),
        ((*RUN, "--slots", "2147483648"), "2147483647"),
        ((*RUN, "--slots", "many"), "--slots"),
        ((*RUN, "--item", "int128"), "int128"),
        ((*RUN, "--producers", "-1"), "--producers"),
        ((*RUN, "--producers", "300", "--consumers", "300"), "512"),
        ((*RUN, "--produce-rate", "0"), "rate"),
        ((*RUN, "--consume-rate", "nan"), "rate"),
        ((*RUN, "--consume-rate", "-1"), "rate"),
        ((*RUN, "--produce-rate", "1e999"), "rate"),
        ((*RUN, "--semaphores", "sysv"), "sysv"),
        ((*RUN, "--semaphores", "system-v"), "system-v"),
        ((*RUN, "--mode", "0999"), "mode"),
        ((*RUN, "--mode", "01777"), "mode"),
        (("run", "--headless", "--duration", "0"), "time"),
        (("run", "--headless", "--duration", "inf"), "time"),
        ((*RUN, "--no-such-option"), "--no-such-option"),
        ((*RUN, "one", "two"), "two"),
        (("run", "--json"), "--headless"),
        (("run", "--duration", "1"), "--headless"),
        (("no-such-command",), "no-such-command"),
        (("stat",), "NAME"),
        (("stat", "shmtui-test-missing"), "shmtui-test-missing"),
        (("stat", "shmtui-test-missing", "--interval", "0"), "time"),
        (("rm", "shmtui-test-missing"), "shmtui-test-missing"),
        (("rm", "a/b"), "slash"),
        (("completion", "tcsh"), "tcsh"),
        (("grade", "--producer", "missing.c"), "no file missing.c"),
        (("grade", "--producer", "."), ". is no program"),
        (("grade", "--producer", __file__), "is no program"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, tuple) else "",
)
def test_refused_in_one_line(arguments: tuple[str, ...], says: str) -> None:
    """The line names what is wrong."""
    before = shm_entries().keys()
    assert says in refused(run_shmtui(*arguments))
    assert not {n for n in shm_entries().keys() - before if "shmtui-test-missing" in n}


@pytest.mark.parametrize("named", ["embedded", "named"])
def test_a_name_in_use_is_left_alone(name: str, named: str) -> None:
    """``run`` never touches a segment that it did not make, and says how to look at it."""
    create_segment(name, 128)
    path = Path(segment_path(name))
    path.write_bytes(b"precious".ljust(128, b"."))
    before = (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_mode)
    line = refused(run_shmtui(*RUN, name, "--semaphores", named))
    assert f"shmtui attach {name}" in line
    assert path.read_bytes().startswith(b"precious")
    assert (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_mode) == before
    unlink_segment(name)


def test_a_semaphores_name_in_use_is_left_alone(name: str) -> None:
    """Named semaphores that somebody else made stop the run, and survive it."""
    stranger = Path(f"/dev/shm/sem.{name[1:]}.full")
    stranger.write_bytes(bytes(32))
    line = refused(run_shmtui(*RUN, name, "--semaphores", "named"))
    assert stranger.name in line
    assert stranger.read_bytes() == bytes(32)
    stranger.unlink()


@pytest.mark.parametrize("command", [("run",), ()])
def test_a_dashboard_needs_a_terminal(command: tuple[str, ...]) -> None:
    """Into a pipe there is nothing to draw; the way out is --headless."""
    with course_name():
        assert "--headless" in refused(run_shmtui(*command))


def test_attaching_needs_a_terminal() -> None:
    """It has no --headless: the way out is a command that can be pasted."""
    assert "shmtui ls" in refused(run_shmtui("attach"))
    line = refused(run_shmtui("attach", "/a b", "--slots", "5"))
    assert line.endswith("look with shmtui stat '/a b' --slots 5")


def test_a_dumb_terminal_is_none(name: str) -> None:
    """A terminal that cannot place text is refused, too."""
    with Terminal("run", name, env={"TERM": "dumb"}) as terminal:
        assert terminal.wait() == 2
        assert "TERM" in terminal.text


@pytest.mark.parametrize("command", [("--version",), ("stat", "x"), ("run",)])
def test_other_platforms_are_refused(command: tuple[str, ...]) -> None:
    """Where there is no /dev/shm there is one line that says so."""
    fake = "import sys; sys.platform = 'darwin'"
    assert "needs Linux" in refused(run_shmtui(*command, code=fake))


SMALL = r"""
mount -t tmpfs -o size=256k tmpfs /dev/shm || exit 77
"$@"; code=$?
ls -A /dev/shm
exit $code
"""


@pytest.mark.rights
@pytest.mark.parametrize("slots", [1_000_000, 35_000, 60_000])
def test_more_than_dev_shm_has(name: str, slots: int) -> None:
    """A full /dev/shm is one clear error, whether buffer or control block does not fit."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is not installed, and only it makes a small /dev/shm")
    private = [unshare, "-m"] if os.geteuid() == 0 else [unshare, "-r", "-m"]
    done = subprocess.run(
        [*private, "sh", "-c", SMALL, "sh", sys.executable, "-m", "shmtui", *RUN, name,
         "--slots", str(slots), "--json"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    if done.returncode in {1, 77} and "shmtui" not in done.stderr:
        pytest.skip(f"this machine lets nobody mount a /dev/shm: {done.stderr.strip()}")
    assert "/dev/shm" in refused(done)
    assert slots == 60_000 or "fewer slots" in done.stderr


def test_a_hostile_name_stays_text(name: str) -> None:
    """An escape sequence in a name reaches the terminal as harmless characters."""
    line = refused(run_shmtui("rm", name + "\x1b[31mred"))
    assert "\x1b" not in line


def test_a_mistyped_name_is_answered_with_the_one_like_it(name: str) -> None:
    """Whatever the segment is called, as a word that a shell takes."""
    odd = f"{name} \x1b[31mred"
    create_segment(odd, 64)
    try:
        for command in ("stat", "check", "rm"):
            line = refused(run_shmtui(command, odd + "X"))
            assert f"did you mean {shell_word(odd)}" in line
    finally:
        unlink_segment(odd)


def test_stat_refuses_a_layout_that_does_not_fit(name: str) -> None:
    """Fewer bytes than the options need is an error that says how many are missing."""
    create_segment(name, 100)
    line = refused(run_shmtui("stat", name, "--slots", "5"))
    assert "100" in line
    assert "128" in line
    unlink_segment(name)


def test_a_semaphore_without_a_name_cannot_be_given(name: str) -> None:
    """Python's multiprocessing makes such, and `ls` lists them; the line says why, and what goes."""
    create_segment(name, 4096)
    try:
        done = run_shmtui("check", name, "--slots", "5", "--mutex", "pid:1:2")
        assert "pid:1:2 is a semaphore that was unlinked" in refused(done)
    finally:
        unlink_segment(name)


def test_stat_on_a_trap_neither_hangs_nor_follows(name: str) -> None:
    """A FIFO, a link or a directory under /dev/shm is no segment."""
    path = Path(segment_path(name))
    os.mkfifo(path)
    refused(run_shmtui("stat", name, "--slots", "5"))
    path.unlink()
    path.symlink_to("/etc/hostname")
    refused(run_shmtui("stat", name, "--slots", "5"))
    path.unlink()
    path.mkdir()
    refused(run_shmtui("stat", name, "--slots", "5"))
    path.rmdir()


def test_a_refusal_is_plain_with_json_too(name: str) -> None:
    """Nothing that looks like a record is printed where there is none."""
    done = run_shmtui("stat", name, "--json")
    refused(done)
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)


@pytest.mark.parametrize(
    ("typed", "seconds"), [("2.5", 2.5), ("30s", 30), ("0.5m", 30), ("2h", 7200)]
)
def test_a_time_may_have_a_unit(typed: str, seconds: float) -> None:
    """Without one it is in seconds."""
    assert SECONDS.convert(typed, None, None) == AGE.convert(typed, None, None) == seconds


@pytest.mark.parametrize("typed", ["", "s", "5ss", "5x", "-1s", "0s", "1e300d"])
def test_what_is_no_time(typed: str) -> None:
    """The refusal says what one looks like."""
    for kind in (SECONDS, AGE):
        with pytest.raises(click.BadParameter, match="such as"):
            kind.convert(typed, None, None)


@pytest.mark.parametrize("value", ["nan", "-nan", "inf", "-inf", "1e308"])
def test_every_number_has_bounds(value: str) -> None:
    """An option that takes 2 or 2.5 takes no number without an end, in any command."""
    context = click.Context(main)
    asked = 0
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        for option in command.params:
            if is_number(option):
                asked += 1
                with pytest.raises(click.BadParameter):
                    option.type.convert(value, option, context)
    assert asked > len(COMMANDS)


def is_number(option: click.Parameter) -> bool:
    """Whether an option takes a number."""
    for number in ("2", "2.5", "100M", "2h"):
        with suppress(click.BadParameter, ShmtuiError):
            taken = option.type.convert(number, option, None)
            return isinstance(taken, int | float) and not isinstance(taken, bool)
    return False
