"""The actors that come and go: healthy C programs and sick ones, segments, semaphores, replaced files."""

import contextlib
import mmap
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import posix_ipc

from shmtui.shm.segment import create_segment, segment_path, unlink_segment
from tests.program import run_shmtui
from tests.recording.frames import read
from tests.soak.evidence import told_by
from tests.soak.journal import Stage
from tests.soak.screens import LOOKING, end, quiet, used
from tests.soak.verdicts import check_healthy, tell_recording
from tests.terminal import Terminal
from tests.waiting import poll
from tests.zoo.animals import UNLOCKED_BY_ANOTHER, Animal, Cage, animals
from tests.zoo.sick_programs import Case, Patient, build
from tests.zoo.test_sick_zoo import cases, expected, wrong_with
from tests.zoo.watching import Visit, visits

_LEFT_OUT: Final = frozenset({"unthrottled", "debugged", *UNLOCKED_BY_ANOTHER})
"""One takes a processor for itself, the next a debugger, and of the others a certain finding is true."""
_LONG: Final = "two_three"
"""The healthy programs that are watched all the time."""
_SHORT: Final = 8.0


def _candidates() -> list[Animal]:
    return [a for a in animals() if a.mode not in _LEFT_OUT and all(map(shutil.which, a.tools))]


@contextlib.contextmanager
def _visit(stage: Stage, animal: Animal, cage: Cage) -> Iterator[Visit]:
    """A healthy program; what it missed is a failure."""
    with contextlib.ExitStack() as stack:
        (visit,) = visits([animal], cage, stage.name("ok"), stack)
        with stage.healthy(visit.name):
            yield visit
        visit.go_on()
        for wrong in visit.wrong:
            stage.wrong(f"{animal}: {wrong}")


def healthy_long(stage: Stage) -> None:
    """A dashboard on C programs of somebody else's, all the time."""
    cage = Cage(stage.folder / "cage")
    animal = next(a for a in _candidates() if a.mode == _LONG)
    path = stage.file(".rec")
    with _visit(stage, animal, cage) as visit:
        words = ("attach", visit.name, *animal.options(visit.name), "--record", str(path))
        with Terminal(*words) as terminal:
            terminal.wait_for("Processes")
            with stage.living("attach --record, on healthy C programs", terminal.process.pid):
                used(stage, terminal, LOOKING)
            end(terminal)
    tell_recording(stage, path, visit.name, animal)


def healthy_brief(stage: Stage) -> None:
    """Healthy programs of all habits, one after the other: checked, and watched by a dashboard."""
    cage = Cage(stage.folder / "cage")
    candidates = _candidates()
    while stage.going:
        animal = stage.random.choice(candidates)
        path = stage.file(".rec")
        with stage.attempt(str(animal)):
            with _visit(stage, animal, cage) as visit:
                options = animal.options(visit.name)
                words = ("attach", visit.name, *options, "--record", str(path))
                with Terminal(*words) as terminal:
                    used_as_far = min(_SHORT, stage.length / 6)
                    with contextlib.suppress(_RefusedError):
                        _look(stage, terminal, used_as_far)
                    check_healthy(stage, visit.name, options, animal)
                    if terminal.process.poll() is None:
                        end(terminal)
            stage.did("healthy programs visited")
            if path.exists() and path.stat().st_size:
                tell_recording(stage, path, visit.name, animal)
        stage.rest(stage.random.uniform(0, 5))


class _RefusedError(Exception):
    """A layout could not be told: the dashboard was not opened, with a reason."""


def _look(stage: Stage, terminal: Terminal, seconds: float) -> None:
    """Use a dashboard that may have been refused, or that asks first which layout it is."""

    def begun() -> bool:
        while terminal.skip():
            pass
        return terminal.process.poll() is not None or len(terminal.raw) > 2000

    poll(begun, "it has begun")
    if b"Which layout is it?" in terminal.raw:
        stage.did("layouts to choose from")
        terminal.press("escape")
        poll(lambda: not terminal.skip() and terminal.process.poll() is not None, "it goes back")
        raise _RefusedError
    code = terminal.process.poll()
    if code is not None:
        assert code == 2, terminal.raw[-1500:]
        stage.did("dashboards refused, with a reason")
        raise _RefusedError
    used(stage, terminal, LOOKING, seconds)


def sick_long(stage: Stage) -> None:
    """A dashboard on a pair that is stuck, all the time: it says so from the start to the end."""
    binaries = _sick_binaries(stage)
    case = Case("programs", "embedded", "holder-killed")
    path = stage.file(".rec")
    with Patient(case, binaries, stage.name("sick")) as patient:
        with Terminal("attach", patient.name, "--record", str(path)) as terminal:
            terminal.wait_for("Processes")
            with stage.living("attach --record, on a sick pair", terminal.process.pid):
                used(stage, terminal, LOOKING)
            end(terminal)
        _must_be_ill(stage, path, case)


def sick_brief(stage: Stage) -> None:
    """Sick programs of all kinds, one after the other: found or undecided, repaired, and audited."""
    binaries = _sick_binaries(stage)
    every = list(cases())
    while stage.going:
        case = stage.random.choice(every)
        path = stage.file(".rec")
        with (
            stage.attempt(str(case)),
            Patient(case, binaries, stage.name("sick")) as patient,
        ):
            with Terminal("attach", patient.name, "--record", str(path)) as terminal:

                def ill() -> bool:
                    quiet(terminal)
                    if terminal.process.poll() is not None:
                        return True
                    return path.exists() and _is_ill(path, case)  # noqa: B023

                poll(ill, f"{case}: found or undecided in the dashboard")
                if terminal.process.poll() is None:
                    end(terminal)
            wrong = wrong_with(patient)
            if wrong:
                stage.wrong(wrong)
            stage.did("sick programs found, repaired and audited")
        stage.rest(stage.random.uniform(0, 10))


def _sick_binaries(stage: Stage) -> Path:
    directory = stage.file("-binaries")
    directory.mkdir()
    build(directory)
    return directory


def _is_ill(path: Path, case: Case) -> bool:
    """Whether the last snapshot says that it is."""
    try:
        last = read(path)[-1]
    except Exception:  # noqa: BLE001 - it has no frame yet
        return False
    codes = {code for code, _severity, _certainty in told_by(last)}
    return bool(codes & expected(case) or last.health.undecided)


def _must_be_ill(stage: Stage, path: Path, case: Case) -> None:
    found = tell_recording(stage, path, "")
    assert found is not None
    assert found.last is not None
    codes = {code for code, _severity, _certainty in found.told}
    assert codes & expected(case) or found.last.health.undecided, codes


def objects(stage: Stage) -> None:
    """Segments and named semaphores of all sizes come, go and are replaced, also while they are mapped."""
    while stage.going:
        with stage.attempt("objects"):
            stage.random.choice((_segment, _semaphore, _replaced, _crowd))(stage)
        stage.rest(stage.random.uniform(0, 1.5))


@contextlib.contextmanager
def _mapped(name: str, size: int) -> Iterator[mmap.mmap]:
    """A segment that this process maps."""
    create_segment(name, size)
    try:
        with Path(segment_path(name)).open("r+b") as file, mmap.mmap(file.fileno(), size) as mapped:
            yield mapped
    finally:
        with contextlib.suppress(OSError):
            unlink_segment(name)


def _segment(stage: Stage) -> None:
    with _mapped(stage.name("any"), stage.random.choice((64, 128, 4096, 1 << 20))) as mapped:
        mapped[:64] = stage.random.randbytes(64)
        stage.rest(stage.random.uniform(0, 5))
    stage.did("segments that came and went")


def _semaphore(stage: Stage) -> None:
    name = stage.name("any")
    semaphore = posix_ipc.Semaphore(name, posix_ipc.O_CREX, initial_value=stage.random.randrange(3))
    try:
        semaphore.release()
        stage.rest(stage.random.uniform(0, 5))
    finally:
        semaphore.close()
        posix_ipc.unlink_semaphore(name)
    stage.did("named semaphores that came and went")


def _replaced(stage: Stage) -> None:
    """Another segment takes the name while a dashboard of bytes is on it."""
    name = stage.name("any")
    with _mapped(name, 4096), Terminal("attach", name, "--raw", columns=80, rows=24) as terminal:
        terminal.wait_for("Bytes")
        for _time in range(stage.random.randrange(1, 4)):
            unlink_segment(name)
            stage.rest(stage.random.choice((0.0, 0.0, 0.3)))
            create_segment(name, stage.random.choice((128, 4096, 8192)))
            used(stage, terminal, (("up",), ("down",), ("pagedown",), ("end",)), 1.5)
            stage.did("segments replaced")
        end(terminal)


def _crowd(stage: Stage) -> None:
    """Many at once, and looks at one of them."""
    names = [stage.name("any") for _each in range(stage.random.randrange(5, 40))]
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(_mapped(name, 4096))
        done = run_shmtui("stat", stage.random.choice(names), "--raw", "--json")
        assert done.returncode == 0, done
        stage.rest(stage.random.uniform(0, 3))
    stage.did("segments that came and went", len(names))
