"""``report``: what a ticket needs, and a capsule that says elsewhere what was seen here."""

import gzip
import json
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shmtui import i18n
from shmtui.procfs.futex import sleeps_on_futex
from shmtui.recording.capsule import read_capsule
from shmtui.recording.reader import Recording
from shmtui.shm.segment import create_segment, segment_path, unlink_segment
from tests.compiling import Compiler
from tests.peers import Peer, build
from tests.program import run_shmtui, without_progress
from tests.report import contract
from tests.waiting import poll

CATALOGUE = Path(i18n.LOCALE) / "pt/LC_MESSAGES/shmtui.po"
QUICK = ("--slots", "5", "--seconds", "1")
SECRET = 1_234_567_891


@pytest.fixture
def hanging(gcc: Compiler, name: str) -> Iterator[tuple[str, Peer]]:
    """A ring that nobody initialised, and a program that waits for an item; a secret is in a slot."""
    create_segment(name, 128)
    Path(segment_path(name)).write_bytes(SECRET.to_bytes(4, "little") + bytes(124))
    with Peer(
        build(gcc, "user"),
        "asleep",
        name,
    ) as peer:
        poll(lambda: sleeps_on_futex(peer.pid), "it waits")
        yield name, peer
    unlink_segment(name)


def told(done: Any) -> str:
    """What a command that worked has printed."""
    assert "Traceback" not in done.stderr
    return str(done.stdout)


def but_times(lines: list[str]) -> list[str]:
    """What does not change while other programs run: not when, nor what is assumed of those that cannot be read."""
    changes = ("looked at", "assumed", "cannot be read", "nobody is known")
    return [line for line in lines if not any(each in line for each in changes)]


def test_a_capsule_says_elsewhere_what_was_seen(hanging: tuple[str, Peer], tmp_path: Path) -> None:
    """Once nothing of it is there any more, check, stat, report and replay of the file say what they said
    of the segment, that it is a capsule, and end as they ended.
    """
    name, peer = hanging
    path = tmp_path / "a.capsule"
    live = run_shmtui("check", name, "--slots", "5", "--graph", "--for", "1.5")
    shown = json.loads(told(run_shmtui("stat", name, "--slots", "5", "--json")))
    made = run_shmtui("report", name, *QUICK, "--capsule", "-o", str(path))
    assert (made.returncode, made.stdout) == (0, "")
    assert str(path) in made.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    raw = Path(segment_path(name)).read_bytes()
    peer.process.kill()
    peer.process.wait()
    unlink_segment(name)

    checked = run_shmtui("check", str(path), "--graph")
    assert checked.returncode == live.returncode == 1
    first, *rest = checked.stdout.splitlines()
    assert re.fullmatch(
        rf"a capsule of {re.escape(os.uname().nodename)} at \S+Z: not a live .*", first
    )
    assert but_times(rest) == but_times(live.stdout.splitlines())

    record = json.loads(told(run_shmtui("stat", str(path), "--json")))
    contract.check(record)
    assert record.keys() - {"capsule"} == shown.keys()
    assert record["slots"] == shown["slots"]
    (process,) = record["capsule"]["processes"]
    assert process["pid"] == peer.pid
    (thread,) = process["threads"]
    assert (thread["waits_on"], thread["private"]) == ("full", True)
    assert name in process["maps"][0]
    findings = json.loads(told(run_shmtui("check", str(path), "--json")))["health"]["findings"]
    assert {f["code"] for f in findings} == {"never-initialised", "process-private"}

    text = told(run_shmtui("report", str(path)))
    for part in (f"# Incident report: `{name}`", "never-initialised", "waits on full", "value 0 → 5",
                 "private → shared between processes", f"PID {peer.pid}", os.uname().release):  # fmt: skip
        assert part in text
    table = told(run_shmtui("replay", str(path), "--csv", "-"))
    assert len(table.splitlines()) > 2
    recording = Recording(path)
    kept = read_capsule(recording)
    recording.close()
    assert kept is not None
    assert kept[1].read(0, 200) == raw


def test_redacted(hanging: tuple[str, Peer], tmp_path: Path) -> None:
    """Neither the file nor its report tells users, host, command lines or values; it says so."""
    name, peer = hanging
    path = tmp_path / "a.capsule"
    made = run_shmtui("report", name, *QUICK, "--capsule", "--redact", "-o", str(path))
    assert made.returncode == 0
    raw = gzip.decompress(path.read_bytes()).decode()
    report = told(run_shmtui("report", str(path)))
    # A name that is a word of the program's own says nothing: a user may be called "root" or "student".
    own = set(re.findall(r"\w+", CATALOGUE.read_text())) | set(re.findall(r'"(\w+)":', raw))
    names = {pwd.getpwuid(os.geteuid()).pw_name, os.uname().nodename} - own
    secrets = {
        str(SECRET),
        "/user",
        str(tmp_path),
        SECRET.to_bytes(4, "little").hex(),
    }
    for text in (raw, report):
        for secret in secrets | names:
            assert not re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text), secret
        assert "command lines" in text
        assert str(peer.pid) in text
        assert "never-initialised" in text
    assert run_shmtui("check", str(path)).returncode == 1


def test_a_file_is_no_segment(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes a segment, or watches one, refuses the file in a line; options of a live one too."""
    monkeypatch.chdir(tmp_path)
    create_segment(name, 64)
    made = run_shmtui("report", name, "--raw", "--seconds", "0.1", "--capsule")
    assert made.returncode == 0
    (path,) = tmp_path.glob("shmtui-*.capsule")
    unlink_segment(name)
    for words in (
        ("repair",), ("repair", "--yes"), ("rm",), ("rm", "--force"), ("attach",), ("attach", "--write"),
        ("record", "-o", "x.rec"), ("export",), ("check", "--slots", "5"), ("stat", "--interval", "1"),
        ("check", "--for", "1"), ("report", "--capsule"), ("report", "--seconds", "1"),
    ):  # fmt: skip
        for file in (path.name, str(path)):
            done = run_shmtui(*words, file)
            assert done.returncode == 2, words
            assert done.stdout == ""
            assert len(done.stderr.splitlines()) == 1, words
    assert os.listdir(tmp_path) == [path.name]
    assert run_shmtui("check", path.name).returncode == 2
    (tmp_path / "b").write_bytes(b"no recording")
    for file in ("./b", "./missing", str(tmp_path), "/proc/1/root/x", "x/" + "y" * 5000):
        done = run_shmtui("stat", file)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_a_segment_goes_before_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare name is the segment's where there is one; with ./ it is the file's."""
    monkeypatch.chdir(tmp_path)
    create_segment(name, 64)
    bare = name.removeprefix("/")
    run_shmtui("report", name, "--raw", "--seconds", "0.1", "--capsule", "-o", bare)
    assert "capsule" not in told(run_shmtui("stat", bare))
    assert "capsule" in told(run_shmtui("stat", f"./{bare}"))
    unlink_segment(name)
    assert "capsule" in told(run_shmtui("stat", bare))


def test_nothing_is_overwritten(name: str, tmp_path: Path) -> None:
    """Without --force no file, and with it no file of another kind."""
    create_segment(name, 64)
    text, capsule = tmp_path / "a.md", tmp_path / "a.capsule"
    link = tmp_path / "link.md"
    link.symlink_to(tmp_path / "elsewhere")
    text.write_text("mine")
    capsule.write_text("mine")
    given = ("report", name, "--raw", "--seconds", "0.1")
    for words, file in (((), text), (("--capsule",), capsule), (("--capsule", "--force"), capsule), (("--force",), link)):  # fmt: skip
        done = run_shmtui(*given, *words, "-o", str(file))
        assert done.returncode == 2
        assert len(without_progress(done.stderr).splitlines()) <= 2
    assert text.read_text() == capsule.read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()
    assert run_shmtui(*given, "--force", "-o", str(text)).returncode == 0
    assert text.read_text().startswith("# Incident report")
    assert text.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path)) == ["a.capsule", "a.md", "link.md"]
    unlink_segment(name)


def test_a_hole_stays_one(name: str, tmp_path: Path) -> None:
    """A terabyte with a word at its end is copied at once, and no page of it is allocated."""
    create_segment(name, 4096)
    file, path = Path(segment_path(name)), tmp_path / "a.capsule"
    size = 1 << 40
    with file.open("r+b") as segment:
        segment.truncate(size)
        segment.seek(size - 3)
        segment.write(b"end")
    before = file.stat().st_blocks
    done = run_shmtui("report", name, "--raw", "--seconds", "0.1", "--capsule", "-o", str(path))
    assert done.returncode == 0
    assert file.stat().st_blocks == before
    unlink_segment(name)
    recording = Recording(path)
    kept = read_capsule(recording)
    recording.close()
    assert kept is not None
    assert kept[1].read(size - 5, 10) == b"\0\0end"
    assert path.stat().st_size < 10_000
