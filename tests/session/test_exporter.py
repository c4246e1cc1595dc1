"""A real exporter over real segments: they come and go, workers die, readers dawdle."""

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from shmtui.errors import ShmtuiError
from shmtui.monitor.segment_watch import SegmentWatch
from shmtui.session.exporter import MOST_READERS, TextFile
from shmtui.shm.segment import create_segment, segment_path, unlink_segment
from tests.compiling import Compiler
from tests.conftest import MakeBuffer
from tests.exporting import Exporter, value
from tests.program import HeadlessRun, worker_records
from tests.repair.stuck_ring import SLOTS, StuckRing
from tests.waiting import poll


def test_segments_come_and_go(new_name: Callable[[], str]) -> None:
    """A named one that is not there has up 0; of all, what is gone has no series."""
    name = new_name()
    with Exporter(name) as named, Exporter("--all") as every:
        assert named.value("shmtui_segment_up", name) == 0
        assert every.value("shmtui_segment_up", name) is None
        create_segment(name, 4096)
        poll(lambda: named.value("shmtui_segment_up", name) == 1, "it is found")
        poll(lambda: every.value("shmtui_segment_up", name) == 1, "it is found among all")
        assert named.value("shmtui_segment_size_bytes", name) == 4096
        unlink_segment(name)
        poll(lambda: named.value("shmtui_segment_up", name) == 0, "it is gone")
        poll(lambda: every.value("shmtui_segment_up", name) is None, "it is gone from all")
        assert named.value("shmtui_segment_size_bytes", name) is None


def test_what_is_gone_is_not_kept(name: str) -> None:
    """A descriptor would keep the memory of a segment that lost its name and its processes."""
    create_segment(name, 4096)
    with closing(SegmentWatch([name])) as watch:
        (seen,) = watch.look()
        assert seen.snapshot is not None
        unlink_segment(name)
        (seen,) = watch.look()
        assert seen.snapshot is None
        assert "gone" in seen.why
        links = [fd for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
        assert not [fd for fd in links if str(fd.readlink()).startswith(segment_path(name))]


def test_counters_never_go_back(name: str) -> None:
    """Not where a worker is killed and another takes its place."""
    rates = ("--produce-rate", "200", "--consume-rate", "200")
    with HeadlessRun(name, *rates) as run, Exporter(name) as exporter:
        seen: list[tuple[float, float]] = []

        def look() -> tuple[float, float]:
            text = exporter.get()
            totals = [value(text, f"shmtui_items_{what}_total", name) for what in
                      ("produced", "consumed")]  # fmt: skip
            produced, consumed = totals
            if produced is not None and consumed is not None:
                seen.append((produced, consumed))
            return seen[-1] if seen else (0.0, 0.0)

        poll(lambda: min(look()) > 20, "items are counted")
        for _death in range(2):
            before, killed = look(), run.pids[0]
            os.kill(killed, signal.SIGKILL)
            poll(lambda: killed not in run.pids, "it is known to be dead")  # noqa: B023 - used at once
            poll(lambda: look()[0] >= before[0], "still counted")  # noqa: B023 - used at once
            look()
        assert worker_records(name)
    for what in (0, 1):
        counts = [pair[what] for pair in seen]
        assert counts == sorted(counts)


def test_a_killed_holder_is_a_finding(gcc: Compiler, name: str) -> None:
    """Of a program of somebody else's, by its code and how sure that is."""
    with StuckRing(gcc, name) as ring, Exporter(name, *SLOTS) as exporter:
        sitter = ring.start("sitter")
        assert sitter.stdout is not None
        assert sitter.stdout.readline() == "inside\n"
        ring.start("producer")
        ring.start("consumer")
        poll(lambda: exporter.value("shmtui_processes", name), "they are seen")
        assert exporter.value("shmtui_findings", name, code="dead-holder") is None
        sitter.kill()
        sitter.wait()
        poll(lambda: exporter.value("shmtui_findings", name, code="dead-holder"), "it is found")
        assert exporter.value("shmtui_segment_healthy", name) == 0


def test_a_reader_that_dawdles_holds_up_nobody(make_buffer: MakeBuffer) -> None:
    """Neither another one nor the sampling; and no more are served at a time than there are threads
    for.
    """
    name = make_buffer().name
    with Exporter(name) as exporter, ExitStack() as held:
        for _reader in range(MOST_READERS - 4):
            dawdler = held.enter_context(
                socket.create_connection(("127.0.0.1", exporter.port), timeout=60)
            )
            dawdler.sendall(b"GET /metrics HT")

        def read_at() -> float:
            found = exporter.value("shmtui_snapshot_timestamp_seconds", name)
            assert found is not None
            return found

        before = read_at()
        poll(lambda: read_at() > before, "it samples on")
        dawdler.sendall(b"TP/1.0\r\n\r\n")
        assert dawdler.recv(15) == b"HTTP/1.0 200 OK"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
        (b"HEAD /metrics HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /metrics?x=1 HTTP/1.1\r\n\r\n", b"200"),
        (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"400"),
        (b"\x16\x03\x01\xff" * 5 + b"\n\n", b"400"),
        (b"GET /" + b"x" * 40_000, b"400"),
    ],
)
def test_requests(make_buffer: MakeBuffer, request_: bytes, status: bytes) -> None:
    """What is asked rightly is answered; what is not is refused, and ends nothing."""
    with Exporter(make_buffer().name) as exporter:
        with socket.create_connection(("127.0.0.1", exporter.port), timeout=60) as reader:
            reader.sendall(request_)
            answer = reader.recv(12)
        assert answer.split()[1:] == [status]
        assert "/metrics" in exporter.get("/")
        assert "Traceback" not in exporter.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_cleanly(make_buffer: MakeBuffer, tmp_path: Path, number: signal.Signals) -> None:
    """With 0, and the file, whose metrics would be those of a time that nobody watches, goes too."""
    name, file = make_buffer().name, tmp_path / "shm.prom"
    with Exporter(name, "--textfile", str(file)) as exporter:
        poll(lambda: value(file.read_text(), "shmtui_segment_up", name) == 1, "it is written")
        assert file.stat().st_mode & 0o444
        exporter.process.send_signal(number)
        assert exporter.process.wait(60) == 0
        assert "Traceback" not in exporter.stderr
    assert [*tmp_path.iterdir()] == []


def test_a_file_is_whole_at_any_time(tmp_path: Path) -> None:
    """Who reads it sees one text or the next, and nothing beside it is left by one that was killed."""
    file = TextFile(tmp_path / "shm.prom")
    (tmp_path / ".shm.prom.shmtui").write_text("half a te")
    file.write("one\n")
    with (tmp_path / "shm.prom").open() as reader:
        file.write("two\n")
        assert reader.read() == "one\n"
    assert (tmp_path / "shm.prom").read_text() == "two\n"
    assert [path.name for path in tmp_path.iterdir()] == ["shm.prom"]


def test_no_file_is_replaced_that_is_none(tmp_path: Path) -> None:
    """Such as a device or a pipe, which root could replace."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ShmtuiError, match="not a file"):
        TextFile(pipe)
    with pytest.raises(ShmtuiError, match="cannot write"):
        TextFile(tmp_path / "nowhere" / "shm.prom")
    assert pipe.is_fifo()


def test_what_cannot_be_written_is_said_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is whole stays, and once it can be written it is."""
    folder, away = tmp_path / "folder", tmp_path / "away"
    folder.mkdir()
    file = TextFile(folder / "shm.prom")
    file.write("one\n")
    folder.rename(away)
    file.write("two\n")
    file.write("three\n")
    assert capfd.readouterr().err.count("No such file or directory") == 1
    assert (away / "shm.prom").read_text() == "one\n"
    away.rename(folder)
    file.write("four\n")
    assert (folder / "shm.prom").read_text() == "four\n"


def test_under_nohup_it_stays(name: str) -> None:
    """A signal that is ignored at its start ends nothing."""
    create_segment(name, 64)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Exporter(name) as exporter:
            exporter.process.send_signal(signal.SIGHUP)
            began = time.time()
            when = "shmtui_snapshot_timestamp_seconds"
            poll(lambda: (exporter.value(when, name) or 0) > began, "it goes on")
    finally:
        signal.signal(signal.SIGHUP, before)
        unlink_segment(name)
