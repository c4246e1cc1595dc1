"""Each command has a man page, which says what its help says, and which man reads without a warning."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import shmtui.diagnosis
from shmtui.cli.translation import COMMANDS
from shmtui.packaging.man_pages import MANUAL
from shmtui.tui.keys import KEYS
from tests.program import run_shmtui

PAGES = """
import pathlib, sys
from shmtui.packaging.man_pages import pages
for name, text in pages().items():
    pathlib.Path(sys.argv[1], name).write_text(text)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages, as they are installed; made by a process of its own, since a command keeps what it was
    asked for first.
    """
    folder = tmp_path_factory.mktemp("man")
    subprocess.run([sys.executable, "-c", PAGES, folder], check=True)
    return folder


def formatted(folder: Path, page: str) -> str:
    """A page as text, in lines that are not broken."""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed, so no page is formatted")
    options = ["-Kutf8", "-ww", "-t", "-man", "-Tutf8", "-P-cbou", "-rLL=500n"]
    done = subprocess.run(
        ["groff", *options, folder / f"{page}.1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def words(text: str) -> str:
    """Text on one line; what a typesetter makes of hyphens and quotes is undone."""
    plain = text.translate(str.maketrans("‐−’‘“”", "--''\"\""))
    return re.sub(r"-?\s+", " ", plain)


def test_one_page_a_command(folder: Path) -> None:
    """And one for the program, with every command in it."""
    expected = {"shmtui.1", *(f"shmtui-{name}.1" for name in COMMANDS)}
    assert {path.name for path in folder.iterdir()} == expected
    assert not {path.stem for path in MANUAL.iterdir()} - {"shmtui", *COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_has_what_the_help_has(folder: Path, command: str) -> None:
    """All options and examples: both come from one table."""
    page = words(formatted(folder, f"shmtui-{command}"))
    text = run_shmtui(command, "--help").stdout
    about, _options, options = text.partition("Options:\n")
    examples = [line.strip() for line in about.partition("Examples:")[2].splitlines()]
    names = re.findall(r"^  (-\S+(?:, --\S+)?)", options, re.MULTILINE)
    assert names
    assert [each for each in (*examples, *names) if words(each) not in page] == []


def test_the_first_page_has_all_keys(folder: Path) -> None:
    """Those of the dashboard and those of a replay."""
    page = words(formatted(folder, "shmtui"))
    assert [key.keys for key in KEYS if words(f"{key.shown} {key.help}") not in page] == []


def test_pages_need_little_to_be_made() -> None:
    """Where a package is built there is no dashboard: what is not in ``build-system`` is not loaded."""
    code = (
        "import sys; from shmtui.packaging.man_pages import sources; sources(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {module.partition(".")[0] for module in done.stdout.split()}
    assert loaded >= {"shmtui", "click", "docutils"}
    assert not loaded & {"textual", "rich", "psutil", "elftools"}


def test_every_finding_is_explained(folder: Path) -> None:
    """A code that ``check`` can print has its entry in the page of ``check``."""
    rules = Path(shmtui.diagnosis.__file__).parent.rglob("*.py")
    calls = [node for path in rules for node in ast.walk(ast.parse(path.read_text()))]
    codes = {
        word.value
        for call in calls
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Finding"
        for argument in (*call.args[:1], *(k.value for k in call.keywords if k.arg == "code"))
        for word in ast.walk(argument)
        if isinstance(word, ast.Constant) and isinstance(word.value, str)
    }
    page = words(formatted(folder, "shmtui-check"))
    assert len(codes) > 20
    assert [code for code in codes if code not in page] == []


def test_man_reads_every_page(folder: Path) -> None:
    """Without a warning, at the width of a narrow terminal; apropos(1) finds each by its name."""
    if shutil.which("man") is None or shutil.which("lexgrog") is None:
        pytest.skip("man-db is not installed, so its reading of the pages is not tried")
    env = os.environ | {"MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    for path in folder.iterdir():
        for command in (("man", "--warnings=w", "-l"), ("lexgrog",)):
            done = subprocess.run(
                [*command, path], env=env, capture_output=True, text=True, check=True
            )
            assert done.stderr == "", path.name
        assert f'"{path.stem} - ' in done.stdout
