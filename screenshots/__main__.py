"""Makes the pictures of this folder: ``python -m screenshots [NAME…]``.

Each is the real program in a real pseudo-terminal, over real processes and a real
segment, driven by keys, and drawn by Textual itself into an SVG. The PNG beside it
is what headless Chromium makes of that; without Chromium only the SVGs are made. A moving
picture is one SVG of the terminal's screens in turn.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from screenshots.film import Film
from shmtui.errors import MissingSegmentError
from shmtui.session.cleanup import remove
from shmtui.shm.segment import segment_path
from tests.browser import Browser
from tests.compiling import Compiler
from tests.peers import build
from tests.serving import Serving
from tests.terminal import Terminal

FOLDER: Final = Path(__file__).parent
_CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome")
_APART_SECONDS: Final = 0.7
"""The course's programs are started by hand, one after the other."""
_PRINTED_SECONDS: Final = 120
_FRAME_SECONDS, _READING_SECONDS = 0.25, 3.5
_UNNAMED_RING: Final = FOLDER.parent / "tests" / "procfs" / "unnamed_ring.c"
_TWO_SEGMENTS: Final = FOLDER.parent / "tests" / "diagnosis" / "two_segments.c"
_CONDITIONS: Final = FOLDER.parent / "tests" / "diagnosis" / "conditions.c"
_EXPLORED: Final = FOLDER.parent / "tests" / "control" / "programs"
_CELL_WIDTH, _LINE_HEIGHT, _MARGIN = 12.2, 24.4, 50


@dataclass(frozen=True)
class Scene:
    """A state worth a picture."""

    name: str
    arguments: tuple[str, ...]
    seconds: int
    """When the picture is taken, after the start."""
    keys: tuple[tuple[str, str], ...] = ()
    """(text to wait for, key to press) in turn."""
    columns: int = 120
    rows: int = 38
    env: dict[str, str] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    """The course's programs that run before it, untouched; they hang, for nobody calls sem_init."""
    running: tuple[tuple[str, ...], ...] = ()
    """What ``run --headless`` makes beside it."""
    unnamed: tuple[tuple[str, ...], ...] = ()
    """Rings in memory without a name, by the words of their program."""
    crossed: tuple[str, ...] = ()
    """Two segments whose locks two processes take in opposite orders."""
    killed: str = ""
    """A ring of a mutex and two condition variables, whose lock a killed process has."""
    recorded: tuple[tuple[str, ...], ...] = ()
    """What ``run --headless`` makes and records before it, one after the other; the recordings are
    ``jobs.rec`` and ``jobs-2.rec``."""
    explored: str = ""
    """A program of `_EXPLORED` in the folder that the command starts in."""
    served: bool = False
    """What a browser shows of ``serve``: the picture is a PNG alone."""
    joining: tuple[str, ...] = ()
    """Those that join once the dashboard is open."""
    printed: bool = False
    """What a command prints, once it has ended."""
    moving: bool = False
    """A moving picture; ``seconds`` goes on from the last key."""


_FULL: Final = (
    ("producer 1", "p"),
    ("producer 2", "+"),
    ("2 items/s", "+"),
)
_COURSE: Final = ("produtor", "consumidor")
_BUFFERS: Final = (
    ("/jobs", "--slots", "64", "--semaphores", "named"),
    ("/frames", "--slots", "4096", "--item", "double", "--producers", "3"),
)
_JOBS: Final = (
    "/jobs",
    "--slots",
    "8",
    "--producers",
    "2",
    "--consumers",
    "2",
    "--consume-rate",
    "1",
)
SCENES: Final = (
    Scene("default", ("run",), 9),
    Scene("full", ("run",), 20, _FULL),
    Scene(
        "many",
        ("run", "/jobs", "--slots", "64", "--producers", "8", "--consumers", "8",
         "--produce-rate", "2000", "--consume-rate", "2000"),
        25,
        rows=47,
    ),
    Scene(
        "slots-4096",
        ("run", "/frames", "--slots", "4096", "--producers", "3", "--consumers", "2",
         "--produce-rate", "200", "--consume-rate", "200"),
        20,
    ),
    Scene("80x24", ("run",), 20, columns=80, rows=24),
    Scene("50x20", ("run",), 20, columns=50, rows=20),
    Scene("peers", ("run",), 24, joining=_COURSE),
    Scene("attach", ("attach", "/shm_buffer"), 9, beside=_COURSE),
    Scene(
        "repair",
        ("attach", "/shm_buffer", "--write"),
        14,
        (("2 findings", "r"),),
        beside=_COURSE,
    ),
    Scene(
        "rescue",
        ("attach", "/shm_buffer", "--write"),
        8,
        (("2 findings", "r"), ("carries it out", "y"), ("items move again", "escape")),
        columns=104,
        rows=32,
        beside=_COURSE,
        moving=True,
    ),
    Scene(
        "top",
        ("top",),
        14,
        columns=132,
        beside=_COURSE,
        running=_BUFFERS,
        unnamed=(("anon",), ("memfd",), ("sysv", "8")),
    ),
    Scene(
        "programs",
        ("top", "--group", "program", "--sort", "in-use"),
        16,
        columns=132,
        beside=_COURSE,
        running=_BUFFERS,
        unnamed=(("anon",), ("sysv", "8")),
    ),
    Scene(
        "sysv",
        ("top",),
        24,
        (("type to filter", "sysv:"), ("1 of", "enter")),
        unnamed=(("sysv", "8"),),
    ),
    Scene(
        "graph",
        ("attach", "/accounts"),
        14,
        (("attached to", "w"),),
        rows=30,
        crossed=("/accounts", "/stock"),
    ),
    Scene("dead-owner", ("attach", "/spool", "--write"), 10, killed="/spool"),
    Scene(
        "step",
        ("run", "/jobs", "--producers", "2", "--consumers", "2"),
        16,
        (("consumer 2", "s"), ("1,2▶wait-empty", "s"), ("1,2▶wait-mutex", "s")),
    ),
    Scene(
        "replay",
        ("replay", "jobs.rec"),
        12,
        (("×1", "n"),),
        recorded=((*_JOBS, "--fault", "producer2:skip-post-permit", "--duration", "16"),),
    ),
    Scene(
        "comparison",
        ("replay", "jobs.rec", "jobs-2.rec"),
        14,
        (("×1", "n"),),
        recorded=(
            (*_JOBS, "--duration", "12"),
            (*_JOBS, "--fault", "producer2:skip-post-permit", "--duration", "12"),
        ),
    ),
    Scene(
        "browser",
        ("serve", "/jobs", "--size", "110x34"),
        12,
        running=(("/jobs", "--slots", "16", "--producers", "3", "--produce-rate", "4"),),
        served=True,
    ),
    Scene(
        "explore",
        ("explore", "--producer", "./ring p", "--consumer", "./ring c lock-first"),
        0,
        columns=116,
        rows=18,
        env={"EXPLORED": "/jobs"},
        explored="ring",
        printed=True,
    ),
    Scene("lesson", ("lab", "swapped-waits"), 16, rows=40),
    Scene("light", ("run",), 20, _FULL[:2], env={"TEXTUAL_THEME": "shmtui-light"}),
)  # fmt: skip


def take(scene: Scene) -> Path:
    """Run a scene to its picture; returns the SVG, or the PNG of a browser."""
    if scene.served:
        return in_browser(scene)
    svg = FOLDER / f"{scene.name}.svg"
    still = {
        "TEXTUAL_SCREENSHOT": str(scene.seconds),
        "TEXTUAL_SCREENSHOT_LOCATION": str(FOLDER),
        "TEXTUAL_SCREENSHOT_FILENAME": f"{scene.name}.svg",
    }
    env = {"COLORTERM": "truecolor"} | ({} if scene.moving or scene.printed else still)
    with (
        course(scene.beside),
        runs(scene.running),
        unnamed_rings(scene.unnamed),
        crossed(scene.crossed),
        killed(scene.killed),
        recorded(scene.recorded),
        explored(scene.explored),
        Terminal(
            *scene.arguments, columns=scene.columns, rows=scene.rows, env=env | scene.env
        ) as terminal,
        contextlib.ExitStack() as later,
    ):
        if scene.moving:
            svg.write_text(film(scene, terminal), encoding="utf-8")
            return svg
        if scene.printed:
            terminal.wait(_PRINTED_SECONDS)
            made = Film(scene.columns, scene.rows)
            made.add(terminal.screen, 1)
            svg.write_text(made.svg(), encoding="utf-8")
            return svg
        for text, key in scene.keys:
            terminal.wait_for(text)
            terminal.press(key)
        if scene.joining:
            terminal.wait_for("consumer 1")
            later.enter_context(course(scene.joining))
        terminal.wait(scene.seconds + 30)
    return svg


def in_browser(scene: Scene) -> Path:
    """What a browser shows of ``serve``, as PNG."""
    png = FOLDER / f"{scene.name}.png"
    with (
        tempfile.TemporaryDirectory() as home,
        runs(scene.running),
        Serving(*scene.arguments[1:]) as serving,
        Browser(Path(home)) as browser,
    ):
        browser.open(serving.looking)
        browser.shows("producer 1")
        time.sleep(scene.seconds)
        png.write_bytes(browser.picture())
    return png


def film(scene: Scene, terminal: Terminal) -> str:
    """The scene as it goes on: each text is read for a while before its key is pressed."""
    made = Film(scene.columns, scene.rows)
    for text, key in scene.keys:
        terminal.wait_for(text)
        watch(made, terminal, _READING_SECONDS)
        terminal.press(key)
    watch(made, terminal, scene.seconds)
    return made.svg()


def watch(made: Film, terminal: Terminal, seconds: float) -> None:
    """Add what the terminal shows meanwhile."""
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        while (left := now + _FRAME_SECONDS - time.monotonic()) > 0:
            terminal.read(left)
        made.add(terminal.screen, _FRAME_SECONDS)


@contextlib.contextmanager
def course(programs: tuple[str, ...]) -> Iterator[None]:
    """The course's programs, compiled and running; the segment that they leave goes with them."""
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as ends:
        for name in programs:
            binary = build(Compiler(Path(directory)), name)
            running = subprocess.Popen([binary], stdout=subprocess.DEVNULL)
            ends.callback(running.wait)
            ends.callback(running.kill)
            time.sleep(_APART_SECONDS)
        yield
    if programs:
        with contextlib.suppress(MissingSegmentError):
            remove("/shm_buffer")


@contextlib.contextmanager
def unnamed_rings(words: tuple[tuple[str, ...], ...]) -> Iterator[None]:
    """Forking programs with a ring in memory that has no name."""
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as ends:
        for its in words:
            binary = Compiler(Path(directory)).program(_UNNAMED_RING, "-g")
            running = subprocess.Popen([binary, *its])
            ends.callback(running.wait)
            ends.callback(running.kill)
        yield


@contextlib.contextmanager
def crossed(names: tuple[str, ...]) -> Iterator[None]:
    """Two processes, each of which has the lock that the other waits for."""
    if not names:
        yield
        return
    with tempfile.TemporaryDirectory() as directory:
        made = Compiler(Path(directory)).program(_TWO_SEGMENTS, "-g", "-DPTHREAD")
        binary = made.rename(made.with_name("bookkeeper"))
        running = subprocess.Popen([binary, *names, "cross"], stdout=subprocess.PIPE)
        try:
            assert running.stdout is not None
            running.stdout.readline()
            yield
        finally:
            running.kill()
            running.communicate()
            for name in names:
                Path(segment_path(name)).unlink(missing_ok=True)


@contextlib.contextmanager
def killed(name: str) -> Iterator[None]:
    """A producer and a consumer who wait for a lock whose owner was killed."""
    if not name:
        yield
        return
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as ends:
        ends.callback(Path(segment_path(name)).unlink)
        made = Compiler(Path(directory)).program(_CONDITIONS, "-g")
        binary = made.rename(made.with_name("spooler"))
        subprocess.run([binary, name, "make"], check=True)
        for words in (("put", "200000"), ("get", "300000"), ("hold",)):
            running = subprocess.Popen([binary, name, *words], stdout=subprocess.DEVNULL)
            ends.callback(running.wait)
            ends.callback(running.kill)
            time.sleep(_APART_SECONDS)
        running.kill()
        running.wait()
        yield


@contextlib.contextmanager
def recorded(runs_of: tuple[tuple[str, ...], ...]) -> Iterator[None]:
    """In a folder with the recordings of runs without a screen that have ended."""
    if not runs_of:
        yield
        return
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for words, file in zip(runs_of, ("jobs.rec", "jobs-2.rec"), strict=False):
            command = (
                sys.executable,
                "-m",
                "shmtui",
                "run",
                *words,
                "--headless",
                "--record",
                file,
            )
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        yield


@contextlib.contextmanager
def explored(name: str) -> Iterator[None]:
    """In a folder with a program whose orders are searched."""
    if not name:
        yield
        return
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        made = Compiler(Path(folder)).program(_EXPLORED / f"{name}.c", "-g", "-O1")
        made.rename(Path(folder) / name)
        yield


@contextlib.contextmanager
def runs(commands: tuple[tuple[str, ...], ...]) -> Iterator[None]:
    """Buffers of shmtui without a screen, and their workers."""
    with contextlib.ExitStack() as ends:
        for command in commands:
            running = subprocess.Popen(
                [sys.executable, "-m", "shmtui", "run", *command, "--headless"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            ends.callback(running.wait)
            ends.callback(running.terminate)
        while not all(Path(segment_path(command[0])).exists() for command in commands):
            time.sleep(0.05)
        time.sleep(3 * bool(commands))
        yield


def to_png(svg: Path, browser: str, columns: int, rows: int) -> None:
    """Draw an SVG as a browser does."""
    width = int(columns * _CELL_WIDTH + _MARGIN / 2)
    height = int(rows * _LINE_HEIGHT + 1.2 * _MARGIN)
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--hide-scrollbars", "--default-background-color=00000000",
                f"--user-data-dir={profile}", f"--window-size={width},{height}",
                f"--screenshot={svg.with_suffix('.png')}", svg.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )  # fmt: skip


def main(names: list[str]) -> int:
    """Make the pictures named, or all."""
    browser = next((b for b in _CHROMIUM if shutil.which(b)), None)
    chosen = [s for s in SCENES if not names or s.name in names]
    for scene in chosen:
        svg = take(scene)
        drawn = browser is not None and not (scene.moving or scene.printed or scene.served)
        if browser is not None and drawn:
            to_png(svg, browser, scene.columns, scene.rows)
        print(f"{os.path.relpath(svg)}{' and .png' if drawn else ''}", flush=True)  # noqa: T201
    if browser is None:
        print("no Chromium found: only the SVGs were made")  # noqa: T201
    return 0 if chosen else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
