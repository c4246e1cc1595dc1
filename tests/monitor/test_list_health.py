"""The health of rings in a list: over its looks, by layouts that are told, at no harm to what is looked at."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from shmtui.monitor.discovery import Surveyor
from shmtui.monitor.list_health import ListHealth
from shmtui.monitor.shared_object import Content, SharedObject, Survey
from shmtui.report.object_cells import health_cell, health_words
from shmtui.shm.protocol import Role
from shmtui.shm.segment import segment_path, unlink_segment
from shmtui.snapshot import Certainty, Finding, Health, Status
from shmtui.tui.object_rows import ObjectRows
from tests.compiling import Compiler
from tests.conftest import MakeBuffer
from tests.tui.dashboards import open_descriptors, running
from tests.tui.records import entry
from tests.waiting import poll

HANGING = """
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
typedef struct { int data[5]; int in, out; sem_t mutex, empty, full; } Buffer;
int main(int c, char **v) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = shm_open(v[1], O_CREAT | O_RDWR, 0600);
    ftruncate(fd, sizeof(Buffer));
    Buffer *b = mmap(0, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    puts("mapped");
    fflush(stdout);
    sem_wait(&b->empty);
    return 0;
}
"""


class Looks:
    """The list's looks: the survey, the verdicts, and the rows as they are shown."""

    def __init__(self) -> None:
        self.surveyor = Surveyor()
        self.judges = ListHealth()
        self.rows = ObjectRows()
        self.count = 0
        self.survey: Survey | None = None
        self.names: set[str] = set()
        """What is looked at."""
        self.shown: frozenset[str] = frozenset()

    def look(self, name: str) -> SharedObject | None:
        """The row of a name after one look more."""
        self.names.add(name)
        found = self.surveyor.look()
        # Others' rings would take the places.
        its = tuple(e for e in found.objects if e.target in self.names)
        self.survey = replace(found, objects=its)
        self.count += 1
        self.rows.take(its, self.count)
        self.rows.judge(self.judges.look(self.survey, self.shown))
        return self.row(name)

    def row(self, name: str) -> SharedObject | None:
        """The row of a name as it is shown."""
        return next((r.each for r in self.rows.rows("", "name") if r.each.target == name), None)

    def again(self, name: str) -> str:
        """What it shows as its health, judged once more by the same survey."""
        assert self.survey is not None
        self.rows.judge(self.judges.look(self.survey, self.shown))
        each = self.row(name)
        return "" if each is None else health_cell(each)

    def cell(self, name: str) -> str:
        """What it shows as its health."""
        each = self.look(name)
        return "" if each is None else health_cell(each)


@contextlib.contextmanager
def looks() -> Iterator[Looks]:
    """Looks, all closed afterwards."""
    made = Looks()
    yield made
    made.judges.stop()
    assert not made.judges._rings


@contextlib.contextmanager
def hanging(gcc: Compiler, name: str, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """A program whose semaphores nobody initialised, asleep on one."""
    source = gcc.directory / "hanging.c"
    source.write_text(HANGING)
    binary = gcc.program(source, *flags)
    with subprocess.Popen([str(binary), name], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "mapped\n"
            yield process
        finally:
            process.kill()
            unlink_segment(name)


def test_a_healthy_ring_is_ok_once_it_was_watched(make_buffer: MakeBuffer) -> None:
    """And not at the first look, which decides nothing."""
    buffer = make_buffer()
    with running(buffer, [Role.PRODUCER, Role.CONSUMER]), looks() as list_:
        poll(lambda: list_.cell(buffer.name) == "?", "a worker has it")
        cells = []

        def judged() -> bool:
            cells.append(list_.again(buffer.name))
            return cells[-1] == "ok"

        poll(judged, "it is judged")
        assert set(cells) <= {"?", "ok"}
        each = list_.row(buffer.name)
        assert each is not None
        assert each.health is not None
        assert each.health.status is Status.OK
        assert "samples" in health_words(each)


def test_a_hanging_program_is_found(gcc: Compiler, name: str) -> None:
    """By its debug information, as likely at the least: not every user sees every process. The list is
    no holder of what it looks at.
    """
    path = Path(segment_path(name))
    with looks() as list_, hanging(gcc, name, "-g") as process:
        poll(lambda: list_.cell(name).startswith("never-initialised"), "it is judged")
        each = list_.look(name)
        assert each is not None
        # Another list on the machine may look at it just now, which this user sees.
        mappers = {pid for pid, _name in each.mappers}
        assert process.pid in mappers
        assert os.getpid() not in mappers
        assert "sem_wait blocks for ever" in health_words(each)
        assert open_descriptors(path)
        process.kill()
        process.wait()
        poll(lambda: list_.cell(name) == "orphan", "nobody has it any more")
        assert not open_descriptors(path)


def test_a_guess_is_not_judged(gcc: Compiler, name: str) -> None:
    """Without debug information nothing tells the layout: a question mark, however long it is watched."""
    with hanging(gcc, name), looks() as list_:
        poll(lambda: list_.look(name) is not None, "it is listed")
        for _look in range(4):
            assert list_.cell(name) in {"?", "·"}
        assert name not in list_.judges._rings


def test_no_more_than_some_are_open(make_buffer: MakeBuffer) -> None:
    """What the user sees takes the place of what he does not."""
    buffers = [make_buffer() for _number in range(2)]
    with contextlib.ExitStack() as runs, looks() as list_:
        for buffer in buffers:
            runs.enter_context(running(buffer, [Role.PRODUCER]))
        list_.judges.MOST = 1  # type: ignore[misc]
        first, other = buffers[0].name, buffers[1].name
        poll(lambda: list_.look(first) and first in list_.judges._rings, "the first is open")
        list_.look(other)
        assert [*list_.judges._rings] == [first]
        list_.shown = frozenset({other})
        poll(lambda: list_.look(other) and other in list_.judges._rings, "the other is")
        assert [*list_.judges._rings] == [other]


def test_after_the_list_is_closed_nothing_is_opened(make_buffer: MakeBuffer) -> None:
    """A look that was under way closes what it has."""
    buffer = make_buffer()
    with running(buffer, [Role.PRODUCER]), looks() as list_:
        poll(lambda: list_.look(buffer.name) and list_.judges._rings, "it is open")
        before = len(os.listdir("/proc/self/fd"))
        list_.judges.stop()
        assert len(os.listdir("/proc/self/fd")) < before
        assert list_.cell(buffer.name) == "?"
        assert not list_.judges._rings


def test_an_undecided_verdict_is_a_question_mark() -> None:
    """And so is one of too short a time; a finding that is likely has one too."""
    ring = entry("/ring", Content.BUFFER)
    assert health_cell(ring) == "?"
    assert health_cell(replace(ring, health=Health(Status.OK, early=True))) == "?"
    assert health_cell(replace(ring, health=Health(Status.UNKNOWN, undecided=("x",)))) == "?"
    assert health_cell(replace(ring, health=Health(Status.OK))) == "ok"
    found = Finding("lost-permit", Status.CRITICAL, "claim", (), Certainty.LIKELY, "")
    sick = replace(ring, health=Health(Status.CRITICAL, (found,)))
    assert health_cell(sick) == "lost-permit?"
    assert health_cell(replace(sick, unlinked=True)) == "lost-permit?"
    warned = replace(
        sick, health=Health(Status.WARNING, (replace(found, severity=Status.WARNING),))
    )
    assert health_cell(replace(warned, unlinked=True)) == "unlinked"
    assert health_cell(entry("/bytes")) == "·"
