"""One submission from its sources to its results: found, compiled, tried in every way that the rubric asks for."""

import base64
import contextlib
import fnmatch
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import to_builtins

from shmtui.control.run import End
from shmtui.errors import ShmtuiError
from shmtui.grading.checks import judged
from shmtui.grading.containment import Inside
from shmtui.grading.result import Build, Facts, Result, Verdict
from shmtui.grading.rubric import Rubric
from shmtui.grading.sweeps import peer_killed, restarted
from shmtui.grading.trial import Refusal, Trial, Usual, trial_of
from shmtui.grading.trials import (
    TO_THE_END,
    Command,
    Programs,
    attempted,
    capacity,
    processor_seconds,
    searched,
    usual,
)
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions
from shmtui.shm.protocol import Role

_COMPILERS: Final = {".c": "cc", ".cc": "c++", ".cpp": "c++", ".cxx": "c++"}
_LINKED: Final = ("-lrt", "-pthread", "-lm")
_BUILD_SECONDS: Final = 15.0
_MOST_SAID: Final = 20_000
_MOST_EXECUTABLE: Final = 8 << 20
PATIENCE: Final = 8
"""Times its budget, which counts a processor's seconds, that a submission may last by the clock."""
_SLACK: Final = 4.0
"""Seconds of a processor that a trial may take beyond its budget."""
_AFTER: Final = 2.0
"""Seconds that several producers and consumers are searched on once something is found: often all there is."""
_MOST_LATE: Final = 2
"""Trials that run out of time, after which no more are made."""
_WHOLE_END: Final = 8
"""Items up to which every order is searched to the programs' end, at loads and stores."""
_SHARES: Final = {
    "usual": 2, "capacity": 1, "first-usual": 2, "restart": 2, "producer-killed": 2,
    "consumer-killed": 2, "first": 3, "pair": 12, "producers": 4, "consumers": 4, "both": 6, "end": 6,
}  # fmt: skip
"""Of the time that is left, for each trial, in their order; those that are done early leave it to the others."""
_OF_PAIRS: Final = frozenset(
    {"first-usual", "producer-killed", "consumer-killed", "first", "producers", "consumers", "both"}
)
"""Trials that take a producer and a consumer that are programs of their own."""
_OF_MANY: Final = frozenset({"producers", "consumers", "both"})


class Submission(msgspec.Struct, frozen=True):
    """What is to be graded: commands, or a folder in which the rubric's patterns find them."""

    producers: tuple[Command, ...] = ()
    consumers: tuple[Command, ...] = ()
    before: Command = ()
    folder: Path | None = None
    options: LayoutOptions = msgspec.field(default_factory=LayoutOptions)
    initialise: bool = False
    name: str | None = None
    budget: float = 30.0

    def require_programs(self) -> None:
        """ShmtuiError: a source or a program that the commands name is not there, or is no such thing:
        there is nothing to judge.
        """
        before = (self.before,) if self.before else ()
        for named, *_arguments in (*self.producers, *self.consumers, *before):
            if Path(named).suffix in _COMPILERS:
                text = _("there is no file {source}: name a source, or a program that runs")
                there = Path(named).is_file()
            else:
                text = _("{source} is no program that can be run: name one, or its source")
                there = shutil.which(named) is not None
            if not there:
                raise ShmtuiError(text.format(source=named))


def grade(inside: Inside, submission: Submission, rubric: Rubric,
          send: Callable[[Any], None]) -> None:  # fmt: skip
    """Try everything, and send progress, executables and results. ShmtuiError: the programs are not found."""
    producers, consumers = submission.producers, submission.consumers
    before: tuple[Command, ...] = (submission.before,) if submission.before else ()
    build: Build | None = None
    if submission.folder is not None and rubric.build:
        send({"progress": _("building")})
        build = _built(inside, shlex.split(rubric.build))
    if submission.folder is not None and (build is None or build.works):
        here = Path.cwd()
        producers = (_found(here, rubric.producers, _("producer")),)
        if rubric.consumers:  # Else one program does both.
            consumers = (_found(here, rubric.consumers, _("consumer")),)
        if rubric.before:
            before = (_found(here, rubric.before, _("program to run beforehand")),)
    if build is None or build.works:
        send({"progress": _("compiling")})
        folder = inside.room if submission.folder is None else Path.cwd()
        sides = (producers, consumers, before)
        (producers, consumers, before), made = _compiled(inside, sides, rubric, folder)
        build = made or build
    trials: dict[str, Trial] = {}
    if build is None or build.works:
        programs = Programs(
            producers, consumers, submission.initialise or rubric.initialise,
            submission.name or rubric.name or None, submission.options, before[0] if before else (),
        )  # fmt: skip
        _send_executables(inside, programs, send)
        for trial in tried(inside, programs, rubric, submission.budget, send):
            trials[trial.name] = trial
    facts = Facts(trials, build, pairwise=bool(producers and consumers))
    send({"results": [to_builtins(each) for each in judged(facts, rubric)]})


# The programs.


def _found(folder: Path, patterns: Sequence[str], what: str) -> Command:
    """The program that the first pattern finds, in the folder or one below it."""
    levels: list[list[Path]] = [[], []]
    for file in sorted(folder.rglob("*")):
        depth = len(file.relative_to(folder).parts) - 1
        if file.is_file() and not file.is_symlink():
            levels[min(depth, 1)].append(file)
    for level in levels:
        for pattern in patterns:
            for file in level:
                sources = file.suffix in _COMPILERS
                runs = (
                    sources
                    or (os.access(file, os.X_OK) and (not file.suffix or _is_script(file)))
                    or file.suffix == ".out"
                )
                if fnmatch.fnmatch(file.name.lower(), pattern.lower()) and runs:
                    return (str(file),)
    text = _("there is no {what} in the folder: the rubric looks for {patterns}")
    raise ShmtuiError(text.format(what=what, patterns=", ".join(patterns) or "–"))


def _is_script(file: Path) -> bool:
    """Whether it begins with ``#!``: on some file systems every file is executable."""
    with contextlib.suppress(OSError), file.open("rb") as opened:
        return opened.read(2) == b"#!"
    return False


def _compiled(
    inside: Inside, sides: tuple[tuple[Command, ...], ...], rubric: Rubric, folder: Path
) -> tuple[list[tuple[Command, ...]], Build | None]:
    """Compile those that are sources; the commands then, and what the compiler said of all of them."""
    said, works, made = [], True, False
    programs: dict[str, str] = {}
    for command in [each for side in sides for each in side]:
        source = Path(command[0])
        compiler = _COMPILERS.get(source.suffix)
        if compiler is None or command[0] in programs:
            continue
        made = True
        target = folder / source.stem
        programs[command[0]] = str(target)
        line = [compiler, "-g", *rubric.flags, "-o", str(target), str(source), *_LINKED]
        build = _built(inside, line)
        works = works and build.works
        said.append(build.said)
    replaced = [tuple((programs.get(c[0], c[0]), *c[1:]) for c in side) for side in sides]
    text = "\n".join(filter(None, said))
    return replaced, Build(works, text) if made else None


def _built(inside: Inside, command: Sequence[str]) -> Build:
    """Run a compiler or a build command: whether it works, and what it says."""

    def work() -> str:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                check=False, env={**os.environ, "LC_ALL": "C.UTF-8"},
            )  # fmt: skip
        except OSError as error:
            return f"1 {command[0]}: {error.strerror}"
        return f"{done.returncode} {done.stdout.decode('utf-8', 'replace')[:_MOST_SAID]}"

    answer = inside.run(work, _BUILD_SECONDS)
    if answer.over:
        text = _("{command} was ended: it took too much of this: {what}")
        return Build(False, text.format(command=command[0], what=over_words(answer.over)))
    status, _space, said = answer.text.partition(" ")
    return Build(status == "0", said.strip())


def over_words(over: str) -> str:
    """What was too much, in the reader's words."""
    return {
        "time": _("time"), "memory": _("memory"), "processes": _("processes"), "disk": _("space on the disk"),
    }.get(over, over)  # fmt: skip


def _send_executables(inside: Inside, programs: Programs, send: Callable[[Any], None]) -> None:
    """Send what lies in the box, so that schedules can be replayed outside."""
    for command in {each[0] for each in (*programs.producers, *programs.consumers)}:
        file = Path(command)
        own = file.is_relative_to(inside.room) and file.is_file()
        if own and file.stat().st_size <= _MOST_EXECUTABLE:
            raw = base64.b64encode(file.read_bytes()).decode()
            send({"executable": file.name, "path": command, "raw": raw})


# The trials.


def tried(inside: Inside, programs: Programs, rubric: Rubric, budget: float,
          send: Callable[[Any], None]) -> Iterator[Trial]:  # fmt: skip
    """The trials that the rubric's checks rest on, one after the other."""
    begin, end, late = processor_seconds(), time.monotonic() + PATIENCE * budget, 0
    known: dict[str, Trial] = {}
    for name, work in _works(programs, rubric, known):
        send({"progress": name})
        left = budget - (processor_seconds() - begin)
        later = _shares_from(name, _left_out(programs, rubric, known))
        seconds = max(left * _SHARES[name] / later, 1.0)
        if late >= _MOST_LATE or time.monotonic() > end:
            trial = Trial(name, Refusal.TIME, _("the time for this submission is over"))
        else:
            trial = _one(inside, name, work, seconds)
            late += trial.refusal is Refusal.TIME
        known[name] = trial
        yield trial


def _shares_from(name: str, left_out: frozenset[str]) -> int:
    """The shares of a trial and of those after it, but for those that are not made."""
    names = [each for each in _SHARES if each not in left_out]
    return sum(_SHARES[each] for each in names[names.index(name) :])


def _left_out(programs: Programs, rubric: Rubric, known: dict[str, Trial]) -> frozenset[str]:
    """The trials of which it is known by now that they are not made."""
    usual = known["usual"].usual if "usual" in known else None
    both = programs.producers and programs.consumers
    names = frozenset() if both else _OF_PAIRS
    if "many" not in rubric.checks:
        names |= _OF_MANY
    if usual is not None and not _WHOLE_END < _items_made(usual) < TO_THE_END:
        names |= {"end"}
    return names


def _one(inside: Inside, name: str, work: Callable[[float], Trial], seconds: float) -> Trial:
    answer = inside.run(lambda: attempted(name, lambda: work(seconds)).to_json(), seconds + _SLACK)
    if answer.over == "time":
        return Trial(
            name, Refusal.TIME, _("the programs did not come to a step in the time for it")
        )
    if answer.over == "ended":
        text = _("the trial ended before its time: {error}")
        error = answer.text or _("it was killed; do the programs kill others?")
        return Trial(name, Refusal.ENDED, text.format(error=error))
    if answer.over:
        text = _("the programs were ended: they took too much of this: {what}")
        return Trial(name, Refusal.LIMIT, text.format(what=over_words(answer.over)))
    return trial_of(answer.text)


def _works(
    programs: Programs, rubric: Rubric, known: dict[str, Trial]
) -> Iterator[tuple[str, Callable[[float], Trial]]]:
    """Name and work of each trial that is wanted, given what is known by then."""
    checks, both = rubric.checks, bool(programs.producers and programs.consumers)
    yield "usual", lambda _seconds: usual(programs)
    facts = known["usual"].usual
    if facts is None:
        return
    if {"ring-used", "items-kept", "taken-once"} & set(checks):
        yield "capacity", lambda _seconds: capacity(programs)
    if both and "either-order" in checks:
        yield "first-usual", lambda _seconds: usual(programs, consumers_first=True)
    if "restart" in checks and facts.end == End.FINISHED.value:
        yield "restart", lambda _seconds: restarted(programs)
    if both and "killed-peer" in checks and facts.end == End.FINISHED.value:
        yield "producer-killed", lambda _seconds: peer_killed(programs, Role.PRODUCER)
        yield "consumer-killed", lambda _seconds: peer_killed(programs, Role.CONSUMER)
    if both and "either-order" in checks:
        yield "first", lambda seconds: searched(programs, 2, seconds, consumers_first=True)
    made = _items_made(facts)
    items = made + 1 if 0 < made <= _WHOLE_END else rubric.items
    yield "pair", lambda seconds: searched(programs, items, seconds)
    if both and "many" in checks:
        yield "producers", lambda seconds: searched(programs.of(2, 1), 1, seconds, after=_AFTER)
        yield "consumers", lambda seconds: searched(programs.of(1, 2), 2, seconds, after=_AFTER)
        yield "both", lambda seconds: searched(programs.of(2, 2), 1, seconds, after=_AFTER)
    if _WHOLE_END < made < TO_THE_END:
        yield "end", lambda seconds: searched(programs, made + 1, seconds, fine=False)


def _items_made(usual: Usual) -> int:
    """Items that each producer makes before it ends; 0 where it does not end."""
    producers = [task for task, role in usual.roles.items() if role == Role.PRODUCER]
    if not producers or not all(task in usual.ends for task in producers):
        return 0
    return max(usual.rounds[task] for task in producers)


def results_of(record: Sequence[dict[str, Any]]) -> tuple[Result, ...]:
    """Results as they were sent."""
    return tuple(
        Result(**{**each, "verdict": Verdict(each["verdict"]), "order": tuple(each["order"])})
        for each in record
    )
