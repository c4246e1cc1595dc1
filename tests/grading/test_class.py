"""``shmtui grade --class``: each student's folder in a box, and nothing gets out of it."""

import contextlib
import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import psutil
import pytest

from shmtui.grading.namespaces import may_be_apart
from shmtui.procfs.maps import map_lines
from tests.compiling import require
from tests.grading.test_grade import PROGRAMS, source
from tests.program import run_shmtui
from tests.waiting import PATIENCE

RUBRIC: Final = """
[programs]
producer = ["produtor*.c"]
consumer = ["consumidor*.c"]
[trials]
items = 2
memory = "200M"
processes = 40
disk = "64M"
[checks]
builds = 1
runs = { points = 2, required = true }
no-deadlock = 1
limits = 1
"""
HARMS: Final = ("fork_bomb", "thread_bomb", "fill_disk", "eat_memory", "kill_all")


@pytest.fixture
def students(tmp_path: Path) -> Path:
    """A class's folder, and a rubric beside it."""
    require("cc")
    if not may_be_apart():
        pytest.skip("this user may make no namespaces, which the box is made of")
    (tmp_path / "rubric.toml").write_text(RUBRIC)
    folder = tmp_path / "class"
    folder.mkdir()
    return folder


def student(folder: Path, name: str, *macros: str) -> Path:
    """A student's folder, with both programs."""
    source(folder / name, "produtor", *macros)
    source(folder / name, "consumidor", *macros)
    return folder / name


def rows(output: Path) -> dict[str, dict[str, str]]:
    """The table by student."""
    with (output / "table.csv").open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def graded(students: Path, code: int, *arguments: str) -> dict[str, dict[str, str]]:
    """The table of a class."""
    output = students.parent / "out"
    done = run_shmtui("grade", "--class", str(students), "--rubric", str(students.parent / "rubric.toml"),
                      "-o", str(output), "--budget", "20", *arguments, timeout=4 * PATIENCE)  # fmt: skip
    assert done.returncode == code, done.stderr
    return rows(output)


def test_a_class(students: Path) -> None:
    """A row for each student, by the folders' names, and a report in each one's folder."""
    student(students, "ana")
    student(students, "=rui", "LOCK_FIRST")
    (student(students, "eva") / "produtor.c").write_text("int main({")
    (students / "nobody").mkdir()
    (students / "a file").write_text("")
    table = graded(students, 1, "--format", "md")
    assert set(table) == {"ana", "'=rui", "eva", "nobody"}
    assert table["ana"]["points"] == "5"
    assert table["'=rui"]["no-deadlock"] == "fail"
    assert table["eva"]["builds"] == "fail"
    assert "no producer" in table["nobody"]["error"]
    output = students.parent / "out"
    assert "✗" in (output / "=rui" / "report.md").read_text()
    assert {file.suffix for file in output.iterdir() if file.is_file()} == {".csv", ".md", ".txt"}
    done = run_shmtui("explore", "--replay", str(output / "=rui" / "no-deadlock.shmsched"))
    assert done.stdout.startswith("20 of 20 "), done.stderr


@pytest.mark.parametrize("late", [False, True])
def test_harm_is_contained(students: Path, late: bool) -> None:
    """Whoever means harm gets no points for it, and the one who is right gets his; nothing is left."""
    harm = (PROGRAMS / "hostile.c").read_text()
    for name in HARMS:
        head = f"#define HARM {name}\n" + "#define LATE\n" * late
        (student(students, name) / "produtor.c").write_text(head + harm)
    student(students, "right")
    table = graded(students, 1)
    assert table["right"]["points"] == "5"
    for name in HARMS:
        assert table[name]["points"] == "0" or table[name]["runs"] != "pass", name
        assert table[name]["limits"] == ("unknown" if name == "kill_all" else "fail"), name
    left = [name for folder in (".", "/tmp", "/var/tmp", "/dev/shm") for name in os.listdir(folder)]
    assert not [name for name in left if name.startswith("harm-")]


def test_a_folder_is_not_written_to(students: Path) -> None:
    """What is compiled, and what the programs write, stays in the box."""
    own = student(students, "ana")
    text = (own / "produtor.c").read_text()
    (own / "produtor.c").write_text(
        text.replace("sleep(1);", 'fclose(fopen("made-here", "w")); sleep(1);')
    )
    (own / "link").symlink_to("/etc/passwd")
    before = sorted(os.listdir(own))
    assert graded(students, 0)["ana"]["runs"] == "pass"
    assert sorted(os.listdir(own)) == before


def test_reports_inside_the_folder_of_the_class(students: Path) -> None:
    """Their folder is no student's."""
    student(students, "ana")
    done = run_shmtui("grade", "--class", str(students), "--rubric", str(students.parent / "rubric.toml"),
                      "-o", str(students / "notas"), "--budget", "20", timeout=4 * PATIENCE)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert rows(students / "notas").keys() == {"ana"}


def test_a_build_command(students: Path) -> None:
    """It runs in the box; the patterns find what it made."""
    own = student(students, "ana")
    (own / "build.py").write_text(
        "import subprocess\n"
        "for name in ('produtor', 'consumidor'):\n"
        "    subprocess.run(['cc', '-g', name + '.c', '-o', name], check=True)\n"
    )
    text = RUBRIC.replace('["produtor*.c"]', '["produtor"]\nbuild = "python3 build.py"')
    (students.parent / "rubric.toml").write_text(text.replace("consumidor*.c", "consumidor"))
    assert graded(students, 0)["ana"]["points"] == "5"


LOOKS_AROUND = """
import ctypes
ATTACH = 16
for name in ("maps", "mem", "environ"):
    try:
        open("/proc/1/" + name, "rb").read(1)
    except PermissionError:
        continue
    raise SystemExit(name + " can be read")
if ctypes.CDLL(None).ptrace(ATTACH, 1, None, None) == 0:
    raise SystemExit("it can be traced")
"""


def test_what_grades_is_closed_to_programs_and_open_to_its_user(students: Path) -> None:
    """A program may not look into what watches it. Its user may: a process that cannot be read could map
    anything, and would be in the way of every repair.
    """
    (student(students, "ana") / "build.py").write_text(LOOKS_AROUND)
    rubric = students.parent / "rubric.toml"
    rubric.write_text(
        RUBRIC.replace('.c"]\nconsumer', '.c"]\nbuild = "python3 build.py"\nconsumer')
    )
    command = ["grade", "--class", str(students), "--rubric", str(rubric), "--budget", "20",
               "-o", str(students.parent / "out")]  # fmt: skip
    refused, boxed = set(), set()
    with subprocess.Popen([sys.executable, "-m", "shmtui", *command]) as grading:
        while grading.poll() is None:
            for process in psutil.Process(grading.pid).children(recursive=True):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    if map_lines(process.pid) is None:
                        refused.add(process.pid)
                    if (
                        f"NSpid:\t{process.pid}\t"
                        in Path(f"/proc/{process.pid}/status").read_text()
                    ):
                        boxed.add(process.pid)
    assert boxed
    assert not refused
    assert rows(students.parent / "out")["ana"]["points"] == "5"
