"""The actors that watch what is there: recorders, the exporter, browsers, the list."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import websockets

from tests.exporting import Exporter
from tests.program import run_shmtui
from tests.serving import Serving, looking
from tests.soak.evidence import Counters, false_of, series_of
from tests.soak.journal import TOLD, Stage
from tests.soak.rings import counted_name
from tests.soak.screens import LISTING, end, used
from tests.soak.verdicts import check_healthy, tell_recording
from tests.terminal import Terminal
from tests.waiting import PATIENCE, poll

_RECORD: Final = (sys.executable, "-m", "shmtui", "record")
_ROTATED: Final = ((), ("--max-size", "64K"), ("--max-age", "5s"))
_SCRAPE_S: Final = 1.0


def recorders(stage: Stage) -> None:
    """The counted ring is recorded, with rotation and without, by a recorder that is killed or ended, and
    begun anew.
    """
    name = counted_name(stage)
    while stage.going:
        path = stage.file(".rec")
        words = [*_RECORD, name, "-o", str(path), "--rate", "10", *stage.random.choice(_ROTATED)]
        number = stage.random.choice(
            (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
        )
        with stage.attempt("a recorder"), contextlib.ExitStack() as stack:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            stack.callback(process.wait)
            stack.callback(process.kill)
            with stage.living(f"record, until {number.name}", process.pid):
                # At first it opens, which takes as long as it takes.
                poll(lambda: path.exists() or process.poll() is not None, "it writes")  # noqa: B023
                stage.rest(stage.random.uniform(5, 90))
            if _came_too_late(stage, path):
                break
            assert process.poll() is None, process.stderr and process.stderr.read()
            process.send_signal(number)
            _out, said = process.communicate(timeout=PATIENCE)
            expected = -number if number == signal.SIGKILL else 128 + number
            assert process.returncode == expected, (process.returncode, said)
            assert b"Traceback" not in said, said
            stage.did(f"recorder ended by {number.name}")
        if stage.going:
            check_healthy(stage, name)
        if path.exists() and path.stat().st_size:
            tell_recording(stage, path, name)


def _came_too_late(stage: Stage, path: Path) -> bool:
    """Whether a recorder opened its ring once that had gone with the soak's end."""
    return not (stage.going or path.exists())


def exporter(stage: Stage) -> None:
    """All segments are exported, and scraped each second; no counter goes back."""
    counters = Counters()
    with (
        Exporter("--all", "--processes") as running,
        stage.living("export --all --processes", running.process.pid),
    ):
        while stage.going:
            due = time.monotonic() + _SCRAPE_S
            with stage.attempt("a scrape"):
                assert running.process.poll() is None, running.stderr
                text = running.get()
                now = time.monotonic()
                for wrong in counters.take(text):
                    stage.wrong(wrong)
                _tell_findings(stage, text, now)
                stage.did("scrapes")
            stage.rest(max(due - time.monotonic(), 0))
        assert "Traceback" not in running.stderr, running.stderr


def _tell_findings(stage: Stage, text: str, seen: float) -> None:
    """Those that no healthy segment may have."""
    for metric, labels, value in series_of(text):
        if metric == "shmtui_findings" and value:
            told = (labels["code"], labels["severity"], labels["certainty"])
            for finding in false_of([told]):
                what = f"{finding}, in the exporter"
                stage.tell(TOLD, labels["segment"], finding=what, seen=seen)


def browsers(stage: Stage) -> None:
    """The counted ring is served, and those that look come and go: some at length, some without a word,
    some that read nothing.
    """
    name = counted_name(stage)
    with Serving(name) as serving, stage.living("serve", serving.process.pid):
        asyncio.run(_viewers(stage, serving))
        assert serving.process.poll() is None, serving.stderr
        assert "Traceback" not in serving.stderr, serving.stderr


async def _viewers(stage: Stage, serving: Serving) -> None:
    there: set[asyncio.Task[None]] = set()
    while stage.going:
        if len(there) < 6:
            task = asyncio.create_task(_viewer(stage, serving))
            there.add(task)
            task.add_done_callback(there.discard)
        await asyncio.sleep(min(stage.random.uniform(0.1, 3), stage.length / 20))
    await asyncio.gather(*there)


async def _viewer(stage: Stage, serving: Serving) -> None:
    random = stage.random
    how = random.choice(("looks", "looks", "presents", "reads nothing", "is cut off"))
    seconds = min(random.uniform(0.5, 20), stage.length / 10)
    with stage.attempt(f"a viewer that {how}"):
        url = serving.presenting if how == "presents" else serving.looking
        async with looking(url) as viewer:
            if how == "reads nothing":
                viewer.connection.transport.pause_reading()
                await asyncio.sleep(seconds)
                viewer.connection.transport.resume_reading()
            else:
                await asyncio.wait_for(viewer.take(), PATIENCE)
                assert viewer.text.strip(), "the first picture is empty"
                if how == "presents":
                    for key in (random.choice("12345"), random.choice("?wz1"), "\x1b"):
                        await viewer.connection.send(key)
                        await asyncio.sleep(0.3)
                with contextlib.suppress(TimeoutError, websockets.ConnectionClosed):
                    await asyncio.wait_for(viewer.shows("no such text"), seconds)
            if how == "is cut off":
                viewer.connection.transport.abort()
        stage.did(f"viewer {how}")


def top(stage: Stage) -> None:
    """The list of the machine, used all the time; ``ls`` beside it."""
    with Terminal("top") as terminal:
        terminal.wait_for("(Shmem)")
        with stage.living("top", terminal.process.pid):
            while stage.going:
                used(stage, terminal, LISTING, min(stage.random.uniform(20, 60), stage.length / 8))
                with stage.attempt("ls"):
                    done = run_shmtui("ls", "--json")
                    assert done.returncode in {0, 1}, done
                    stage.did("ls --json")
        end(terminal)
