"""Submissions graded side by side, each in a box of its own on a processor of its own."""

import base64
import json
import os
import select
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.grading.containment import Box, Limits
from shmtui.grading.formats import FORMATS, Graded
from shmtui.grading.namespaces import may_be_apart
from shmtui.grading.result import Result
from shmtui.grading.rubric import Rubric
from shmtui.grading.submission import PATIENCE, Submission, grade, results_of
from shmtui.i18n import _
from shmtui.sanitize import inert

_GRACE: Final = 60.0
"""Seconds beyond its own patience after which a submission is given up."""
_LOOK_SECONDS: Final = 0.5


class Job(msgspec.Struct, frozen=True):
    """A submission, and what it is called."""

    name: str
    submission: Submission


class _Running(msgspec.Struct):
    job: Job
    box: Box
    processor: int
    begin: float
    progress: str = ""
    results: tuple[Result, ...] | None = None
    error: str = ""
    executables: dict[str, tuple[str, bytes]] = msgspec.field(default_factory=dict)
    """By their path in the box: names and bytes."""


def students(folder: Path, like: Submission, reports: Path | None = None) -> list[Job]:
    """A job for each folder in ``folder`` but ``reports``. ShmtuiError: there is none, or it cannot be
    read.
    """
    but = None if reports is None else reports.resolve()
    try:
        found = sorted(
            path
            for path in folder.iterdir()
            if path.is_dir()
            and not path.is_symlink()
            and not path.name.startswith(".")
            and path.resolve() != but
        )
    except OSError as error:
        text = _("cannot read {folder}: {error}")
        raise ShmtuiError(text.format(folder=folder, error=error.strerror)) from None
    if not found:
        text = _(
            "{folder} holds no folders: --class takes one that holds a folder for each student"
        )
        raise ShmtuiError(text.format(folder=folder))
    return [Job(path.name, replace(like, folder=path.resolve())) for path in found]


def graded_together(jobs: Sequence[Job], rubric: Rubric, *, hints: bool, output: Path | None, form: str,
                    progress: Callable[[str], None]) -> list[Graded]:  # fmt: skip
    """Grade all, as many at a time as there are processors; in the order of the jobs.

    With ``output``, each one's report is written there, with the schedules of what failed and the
    programs that these need: of several jobs, in a folder of each one's name. ShmtuiError: it
    cannot be done.
    """
    free = sorted(os.sched_getaffinity(0))
    if not may_be_apart():
        free = free[:1]  # Their processes would be counted together.
    waiting, running = list(enumerate(jobs)), dict[int, _Running]()
    done: dict[int, Graded] = {}
    try:
        while waiting or running:
            while waiting and free:
                number, job = waiting.pop(0)
                running[number] = _start(job, rubric, free.pop(0))
            select.select([each.box for each in running.values()], [], [], _LOOK_SECONDS)
            for number, each in list(running.items()):
                if _receive(each):
                    del running[number]
                    each.box.close()
                    free.append(each.processor)
                    graded = _finished(each, hints=hints)
                    if output is not None:
                        place = output / each.job.name if len(jobs) > 1 else output
                        graded = _written(each, graded, place, form)
                    done[number] = graded
            progress(_progress_line(len(done), len(jobs), list(running.values())))
    finally:
        for each in running.values():
            each.box.close()
    return [done[number] for number in range(len(jobs))]


def _start(job: Job, rubric: Rubric, processor: int) -> _Running:
    submission = job.submission
    limits = Limits(rubric.memory, rubric.processes, rubric.disk)
    box = Box(
        lambda inside, send: grade(inside, submission, rubric, send),
        limits, submission.folder, processor,
    )  # fmt: skip
    return _Running(job, box, processor, time.monotonic())


def _receive(running: _Running) -> bool:
    """Take what has come; whether that was all."""
    try:
        for record in running.box.received():
            if "progress" in record:
                running.progress = record["progress"]
            elif "executable" in record:
                raw = base64.b64decode(record["raw"])
                running.executables[record["path"]] = (Path(record["executable"]).name, raw)
            elif "error" in record:
                running.error = record["error"]
            elif "results" in record:
                running.results = results_of(record["results"])
    except EOFError:
        return True
    except (ValueError, KeyError, TypeError):
        running.error = _("what its box sent cannot be read")
        return True
    if time.monotonic() - running.begin > PATIENCE * running.job.submission.budget + _GRACE:
        running.error = _("it took too long, and was given up")
        return True
    return False


def _finished(running: _Running, *, hints: bool) -> Graded:
    error = running.error
    if running.results is None and not error:
        error = _("its box ended before there was a result")
    seconds = time.monotonic() - running.begin
    results = () if error else running.results or ()
    began = time.time() - seconds
    return Graded(running.job.name, results, seconds, hints, error, began=began)


def _progress_line(done: int, count: int, running: Sequence[_Running]) -> str:
    names = " · ".join(inert(f"{each.job.name} {each.progress}") for each in running)
    return f"{done}/{count} {names}" if count > 1 else names


# Files.


def prepare_folder(folder: Path) -> None:
    """Make a folder for reports. ShmtuiError: it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = _("cannot make {folder}: {error}")
        raise ShmtuiError(text.format(folder=folder, error=error.strerror)) from None


def _written(running: _Running, graded: Graded, folder: Path, form: str) -> Graded:
    """Write a report with its schedules and programs; the same, with the files of the schedules."""
    prepare_folder(folder)
    paths, schedules = dict[str, str](), []
    for path, (name, raw) in running.executables.items():
        file = folder / name
        write_file(file, raw)
        file.chmod(0o755)
        paths[path] = str(file.resolve())
    for result in graded.results:
        if result.schedule is not None:
            file = folder / f"{result.check}.shmsched"
            write_file(file, json.dumps(_moved(result.schedule, paths), indent=1) + "\n")
            schedules.append((result.check, str(file)))
    graded = replace(graded, schedules=tuple(schedules))
    suffix, make = FORMATS[form]
    write_file(folder / f"report.{suffix}", make(graded))
    return graded


def write_file(file: Path, content: str | bytes) -> None:
    """Write a file in place of any that is there. ShmtuiError: it cannot be written."""
    try:
        file.unlink(missing_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        text = _("cannot write {file}: {error}")
        raise ShmtuiError(text.format(file=file, error=error.strerror)) from None


def _moved(schedule: dict[str, Any], paths: dict[str, str]) -> dict[str, Any]:
    """A schedule whose programs lie where they were written."""
    programs = [
        {
            **each,
            "command": [paths.get(each["command"][0], each["command"][0]), *each["command"][1:]],
        }
        for each in schedule["programs"]
    ]
    return {**schedule, "programs": programs}
