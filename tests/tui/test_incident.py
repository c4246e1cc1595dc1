"""The key of the incident report, and a capsule that is replayed."""

from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from shmtui.recording.capsule import capsule_lines
from shmtui.recording.incident import ProcessFacts, ThreadFacts
from shmtui.recording.writer import RecordingWriter
from shmtui.session.opener import Attachment
from shmtui.session.recorded_segment import recorded_segment
from shmtui.session.replay_source import ReplaySource
from shmtui.shm.protocol import Role
from shmtui.tui.app import DashboardApp
from tests.conftest import MakeBuffer
from tests.recording.frames import made
from tests.recording.test_capsule import INCIDENT
from tests.tui.dashboards import NEVER_HZ, panel_text, shows, tells, ticked, watching
from tests.tui.records import process, raw_snapshot


async def said(app: DashboardApp, text: str) -> None:
    """Draw frames until an event says it."""
    await ticked(app, lambda: any(text in e.text for e in app.dashboard.view.events), text)


async def test_the_key_writes_both_files(
    make_buffer: MakeBuffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``I`` writes the text and a capsule with what the dashboard saw; an event says where they are."""
    monkeypatch.chdir(tmp_path)
    name = make_buffer().name
    with watching(name) as app:
        async with app.run_test(size=(120, 40)) as pilot:
            for _frame in range(3):
                app.tick()
            await pilot.press("I")
            await said(app, "incident report: ")
    text, capsule = sorted(tmp_path.iterdir(), reverse=True)
    assert (text.suffix, capsule.suffix) == (".md", ".capsule")
    assert {file.stat().st_mode & 0o777 for file in (text, capsule)} == {0o600}
    assert text.read_text().startswith(f"# Incident report: `{name}`")
    look = recorded_segment(capsule)
    assert look.capsule
    assert look.snapshot.segment.name == name
    assert look.incident.copied == look.incident.size == 128
    assert any("attached to" in event.text for event in look.events)


async def test_where_it_cannot_be_written(
    make_buffer: MakeBuffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is an event, and the dashboard goes on."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with watching(make_buffer().name) as app:
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("I")
            await said(app, "no incident report: cannot write")
            app.tick()


def replayed(path: Path, *, layout: bool) -> ReplaySource:
    """A capsule of five bytes, shown as bytes or as a ring."""
    threads = (ThreadFacts(4711, "main", "S", "futex_do_wait", (202, 1, 2), "full", private=True),)
    facts = ProcessFacts(4711, "./consumidor --all", "/opt/consumidor", threads)
    incident = replace(INCIDENT, size=96, copied=96, processes=(facts,), related=())
    snapshot = made(0, processes=(process(4711, Role.CONSUMER, name="./consumidor"),))
    if not layout:
        snapshot = replace(raw_snapshot(size=96), time=snapshot.time, monotonic_ns=10**12)
    writer = RecordingWriter(path)
    writer.add(snapshot)
    writer.add_capsule(capsule_lines(incident, [(0, b"hello" + bytes(91))]))
    writer.close()
    return ReplaySource(path)


async def test_a_capsule_shows_where_each_thread_waited(tmp_path: Path) -> None:
    """Its dashboard says whose it is, and of a process what /proc had of its threads."""
    with closing(replayed(tmp_path / "a", layout=True)) as source:
        app = DashboardApp(Attachment(source), refresh_hz=NEVER_HZ)
        async with app.run_test(size=(120, 40)) as pilot:
            await tells(app, "a capsule of rosebud")
            await pilot.press("4", "down", "down", "enter")
            screen = await shows(app, "Threads at the end of the capsule")
            assert "waits on full" in screen
            assert "--all" in screen
            await pilot.press("escape")
            await pilot.press("I")
            await tells(app, "I: what a recording shows is over")


async def test_a_capsule_shows_bytes(tmp_path: Path) -> None:
    """Where no layout is known it shows the bytes that it keeps, in any format; g goes to a time."""
    with closing(replayed(tmp_path / "a", layout=False)) as source:
        app = DashboardApp(Attachment(source), refresh_hz=NEVER_HZ)
        async with app.run_test(size=(120, 40)) as pilot:
            app.tick()
            assert "68 65 6c 6c 6f 00" in panel_text(app, "bytes")
            await pilot.press("i")
            app.tick()
            assert "68 65 6c 6c 6f 00" not in panel_text(app, "bytes")
            await pilot.press("g")
            await shows(app, "a time of day")
