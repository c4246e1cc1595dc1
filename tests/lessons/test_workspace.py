"""A killed lesson's workspace goes with the next lesson; nothing else does."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shmtui.lessons.workspace import FOLDER, MARK, PREFIX, lesson_workspace, sweep_workspaces
from shmtui.shm.segment import create_segment, identity_at, map_segment, segment_path
from tests.waiting import poll

LESSON = """
import sys
from shmtui.lessons.workspace import lesson_workspace
with lesson_workspace(sys.argv[1], 128) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""
"""Holds a workspace until its input ends."""


class Lesson:
    """A process that holds the workspace of a lesson, and whose PID is in the segment's name."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", LESSON]
        number = int.from_bytes(os.urandom(6), "big")
        self.segment = f"/{PREFIX}{number}"
        self.process = subprocess.Popen(
            [*command, self.segment], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.folder = Path(self.process.stdout.readline().strip())

    @property
    def there(self) -> tuple[bool, bool]:
        """Whether there is its folder, and its segment."""
        return self.folder.exists(), Path(segment_path(self.segment)).exists()

    def end(self, *, kill: bool) -> None:
        """In good order, or by SIGKILL."""
        if kill:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def lesson(folders: Path) -> Iterator[Lesson]:
    """A lesson that runs, and nothing of it afterwards."""
    found = Lesson()
    yield found
    found.end(kill=True)
    Path(segment_path(found.segment)).unlink(missing_ok=True)


def test_a_lesson_removes_its_own(lesson: Lesson) -> None:
    """At its end."""
    assert lesson.there == (True, True)
    lesson.end(kill=False)
    assert lesson.there == (False, False)


def test_a_killed_lesson_leaves_what_the_next_sweeps(lesson: Lesson) -> None:
    """Not before it is dead; and both its folder and its segment."""
    sweep_workspaces()
    assert lesson.there == (True, True)
    lesson.end(kill=True)
    assert lesson.there == (True, True)
    sweep_workspaces()
    assert lesson.there == (False, False)


def test_what_a_process_maps_stays(lesson: Lesson) -> None:
    """A program of the lesson may have survived it; once it is gone the rest goes."""
    with map_segment(lesson.segment):
        lesson.end(kill=True)
        sweep_workspaces()
        assert lesson.there == (True, True)
    sweep_workspaces()
    assert lesson.there == (False, False)


def test_another_file_of_that_name_stays(lesson: Lesson) -> None:
    """The mark names a file and not only its name."""
    lesson.end(kill=True)
    path = Path(segment_path(lesson.segment))
    kept = path.with_name(path.name + "x")
    path.rename(kept)
    create_segment(lesson.segment, 128)
    try:
        sweep_workspaces()
        assert lesson.there == (False, True)
    finally:
        kept.unlink()


@pytest.mark.rights
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_segment_of_another_user_stays(lesson: Lesson) -> None:
    """Whatever a mark says."""
    lesson.end(kill=True)
    os.chown(segment_path(lesson.segment), 65534, 65534)
    sweep_workspaces()
    assert lesson.there == (False, True)


@pytest.mark.rights
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("whose", ["the folder", "the mark"])
def test_a_workspace_of_another_user_stays(lesson: Lesson, whose: str) -> None:
    """Its folder or its mark belongs to somebody else."""
    lesson.end(kill=True)
    os.chown(lesson.folder if whose == "the folder" else lesson.folder / MARK, 65534, 65534)
    sweep_workspaces()
    assert lesson.there == (True, True)


def test_a_segment_without_a_mark_stays(folders: Path) -> None:
    """A name of that form is not enough, and neither is a dead PID in it."""
    with subprocess.Popen(["true"]) as gone:
        pass
    names = [f"/{PREFIX}{gone.pid}", f"/{PREFIX}{gone.pid}x"]
    for name in names:
        create_segment(name, 128)
    sweep_workspaces()
    there = [identity_at(segment_path(name)) is not None for name in names]
    for name in names:
        Path(segment_path(name)).unlink()
    assert there == [True, True]


def hostile_folders(folders: Path) -> dict[str, Path]:
    """Things with the name of a workspace that are none."""
    elsewhere = folders / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    made = {}
    for kind in ("empty", "a link", "a file", "a link as mark", "a pipe as mark", "no mark"):
        made[kind] = folders / f"{FOLDER}{kind.replace(' ', '-')}"
    made["empty"].mkdir()
    made["a link"].symlink_to(elsewhere)
    made["a file"].touch()
    for kind in ("a link as mark", "a pipe as mark", "no mark"):
        made[kind].mkdir()
    (made["a link as mark"] / MARK).symlink_to(elsewhere / "kept")
    os.mkfifo(made["a pipe as mark"] / MARK)
    (made["no mark"] / "produtor").touch()
    return made


def test_what_is_no_workspace_stays(folders: Path) -> None:
    """Nothing is followed, waited for or removed."""
    made = hostile_folders(folders)
    sweep_workspaces()
    assert [
        kind for kind, path in made.items() if not path.is_symlink() and not path.exists()
    ] == []
    assert (folders / "elsewhere" / "kept").exists()


@pytest.mark.parametrize("text", [b"", b"/etc/passwd 1 2\n", b"\xff" * 5000, b"/shm_lab_1 x y\n"])
def test_a_mark_that_says_nothing_removes_no_segment(folders: Path, text: bytes) -> None:
    """The folder of a lesson that was killed before it had a segment goes."""
    folder = Path(tempfile.mkdtemp(prefix=FOLDER))
    (folder / MARK).write_bytes(text)
    sweep_workspaces()
    assert not folder.exists()


def test_two_lessons_at_once(lesson: Lesson) -> None:
    """Each has its own; sweeping in one leaves the other alone."""
    other = Lesson()
    with lesson_workspace(f"{lesson.segment}0", 128) as folder:
        sweep_workspaces()
        assert folder.exists()
        assert lesson.there == other.there == (True, True)
    other.end(kill=True)
    poll(lambda: other.process.poll() is not None, "it is dead")
    sweep_workspaces()
    assert (lesson.there, other.there) == ((True, True), (False, False))
