"""Help, version and completion are there for every command, and cost little."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from shmtui import __version__
from shmtui.cli.main import main
from shmtui.cli.translation import COMMANDS
from shmtui.shm.segment import create_segment, unlink_segment
from tests.program import run_shmtui


def loaded(name: str) -> click.Command:
    """The command of that name."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_an_example(command: str) -> None:
    """Each command shows itself at work."""
    done = run_shmtui(*command.split(), "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    examples = done.stdout.partition("Example")[2]
    assert f"shmtui {command}".strip() in examples


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_says_what_it_does(command: str) -> None:
    """No option stands there without a word."""
    options = [p for p in loaded(command).params if isinstance(p, click.Option)]
    assert not [option.name for option in options if not option.help]


def test_version() -> None:
    """The version, and nothing else to do."""
    done = run_shmtui("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout


def test_what_other_programs_call_them_works_too() -> None:
    """``-V``, and ``help COMMAND``."""
    assert run_shmtui("-V").stdout == run_shmtui("--version").stdout
    assert run_shmtui("help", "rm").stdout == run_shmtui("rm", "--help").stdout
    assert run_shmtui("help").stdout == run_shmtui("--help").stdout


def test_what_was_mistyped_is_guessed(name: str) -> None:
    """Of a command, an option and a segment."""
    assert "'check'" in run_shmtui("chek", name).stderr
    assert "'check'" in run_shmtui("help", "chek").stderr
    assert "'--json'" in run_shmtui("check", "--jsn", name).stderr
    create_segment(name, 64)
    try:
        done = run_shmtui("stat", name + "s")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"did you mean {name}" in done.stderr
    finally:
        unlink_segment(name)


def test_a_target_in_the_place_of_a_command_is_told_its_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a segment, of memory without a name, and of a recording."""
    monkeypatch.chdir(tmp_path)
    Path("a night.rec").touch()
    for target, instead in {
        name: f"shmtui attach {name}",
        "sysv:17": "shmtui attach sysv:17",
        "a night.rec": "shmtui replay 'a night.rec'",
    }.items():
        done = run_shmtui(target)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert f"did you mean {instead}?" in done.stderr
    assert "did you mean" not in run_shmtui("no/such").stderr


def test_several_are_removed_and_one_that_is_missing_is_said(new_name: Callable[[], str]) -> None:
    """As rm(1) does it."""
    first, second, absent = new_name(), new_name(), "/shmtui-test-zyxwvu"
    for each in (first, second):
        create_segment(each, 64)
    done = run_shmtui("rm", first, absent, second, first)
    assert done.returncode == 2
    assert done.stdout.splitlines() == [f"shmtui: removed {first}", f"shmtui: removed {second}"]
    assert len(done.stderr.splitlines()) == 1
    assert absent in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_its_shell(shell: str) -> None:
    """The script is printed, and the shell, where it is installed, can read it."""
    done = run_shmtui("completion", shell)
    assert done.returncode == 0
    assert "_SHMTUI_COMPLETE" in done.stdout
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed, so its reading of the script is not tried")
    subprocess.run([path, "-n"], input=done.stdout, text=True, check=True)


def completions(*words: str) -> set[str]:
    """What bash would offer for the last word."""
    done = subprocess.run(
        [sys.executable, "-m", "shmtui"],
        env=os.environ
        | {
            "_SHMTUI_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["shmtui", *words]),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


def test_commands_and_options_complete() -> None:
    """What is half typed is finished."""
    assert completions("st") == {"stat"}
    assert completions("run", "--pro") >= {"--producers", "--produce-rate"}
    assert completions("run", "--item", "uint3") == {"uint32"}
    assert completions("run", "--fault", "consumer2:die-at=r") == {"consumer2:die-at=read"}
    assert "die-at=write" in completions("run", "--fault", "")


def test_a_list_of_commands_says_each_in_full() -> None:
    """Neither cut short by the list, nor at a comma by fish."""
    assert "..." not in run_shmtui("--help").stdout.partition("Commands:")[2]
    assert not [name for name in COMMANDS if "," in loaded(name).get_short_help_str()]


def test_names_complete_with_what_there_is(name: str) -> None:
    """Segments are offered; their control blocks and semaphores are not."""
    for entry in (name, name + ".shmtui", "/sem." + name[1:]):
        create_segment(entry, 64)
    assert completions("stat", name) == {name}
    assert completions("stat", name[1:]) == {name[1:]}
    for entry in (name, name + ".shmtui", "/sem." + name[1:]):
        unlink_segment(entry)


def test_a_reader_that_has_enough_is_no_error(name: str) -> None:
    """``shmtui … | head -1`` ends without a traceback."""
    with subprocess.Popen(
        [sys.executable, "-m", "shmtui", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
