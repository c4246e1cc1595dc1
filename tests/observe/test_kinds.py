"""Programs of twelve kinds: shown exactly as they say themselves, or refused; never a wrong layout.

Each is asked for its own account (``offsetof``, ``sem_getvalue``, its items); that is what an
observer, who has nothing but the segment and /proc, has to show.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shmtui.ipc.protocol import SemaphoreRole
from shmtui.ipc.segment import unlink_segment
from shmtui.observe.layout_choice import AmbiguousLayoutError, LayoutOptions
from shmtui.observe.sampler import Sampler
from shmtui.observe.snapshot import LayoutSource, Snapshot
from shmtui.report.json import snapshot_json
from tests.compiling import Compiler, require
from tests.peers.kinds import KINDS, Kind
from tests.waiting import poll

PEER = Path(__file__).parent.parent / "peers" / "kind.c"
ROLES = (SemaphoreRole.MUTEX, SemaphoreRole.EMPTY, SemaphoreRole.FULL)
SUFFIXES = ("-mutex", "-vazio", "-cheio")


class Program:
    """One of them, running."""

    def __init__(self, kind: Kind, folder: Path, name: str) -> None:
        require(kind.compiler)
        self.kind, self.name = kind, name
        self.header = folder / f"{kind.name}.h"
        self.header.write_text(kind.header)
        access = folder / f"{kind.name}_access.h"
        access.write_text(kind.access)
        binary = Compiler(folder, kind.compiler).program(
            PEER,
            f'-DHEADER="{self.header}"',
            f'-DACCESS="{access}"',
            *(["-DNAMED"] if kind.named else []),
        )
        binary = binary.rename(folder / kind.name)
        self.process = subprocess.Popen(
            [str(binary), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.account = self.ask()

    def ask(self) -> dict[str, Any]:
        """Its own account of itself."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def end(self) -> None:
        """Kill it, and its children with it."""
        self.process.kill()
        self.process.communicate()
        unlink_segment(self.name)
        if self.kind.named:
            for suffix in SUFFIXES:
                Path(f"/dev/shm/sem.{self.name[1:]}{suffix}").unlink()

    @property
    def names(self) -> tuple[tuple[SemaphoreRole, str], ...]:
        """Its named semaphores, as options name them."""
        if not self.kind.named:
            return ()
        return tuple(zip(ROLES, (self.name + suffix for suffix in SUFFIXES), strict=True))

    @property
    def by_header(self) -> LayoutOptions:
        """What a user says who has its header."""
        return LayoutOptions(header=self.header, mapping=self.kind.mapping, names=self.names)

    @property
    def layout(self) -> str:
        """What a user says who knows its layout by heart."""
        kind, told = self.kind, self.account
        data, in_, out = told["offsets"]
        text = f"data={data}:{kind.slots}x{kind.item},in={in_}:{kind.index},out={out}"
        places = told.get("semaphores") or [name for _, name in self.names]
        return text + "".join(f",{role}={at}" for role, at in zip(ROLES, places, strict=True))

    @property
    def by_option(self) -> LayoutOptions:
        """The same, as options."""
        offsets, _, _ = self.layout.partition(f",{ROLES[0]}=/")
        return LayoutOptions(layout=offsets, names=self.names)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def program(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> Iterator[Program]:
    """Each kind in turn."""
    running = Program(request.param, tmp_path, name)
    yield running
    running.end()


def seen(name: str, options: LayoutOptions, waiting: int = 2) -> Snapshot:
    """What is shown once so many are seen blocked."""
    sampler = Sampler(name, options)
    sampler.slots_shown = 64
    try:

        def settled() -> Snapshot | None:
            snapshot = sampler.sample()
            blocked = [p for p in snapshot.processes if p.blocked_on is not None]
            return snapshot if len(blocked) == waiting else None

        found = poll(settled, "those that wait are seen")
        assert found is not None
        return found
    finally:
        sampler.close()


def agrees(snapshot: Snapshot, told: dict[str, Any], kind: Kind, *, items: bool) -> None:
    """Everything that is shown is what the program says of itself."""
    shown = snapshot_json(snapshot)
    offsets = shown["layout"]["offsets"]
    assert shown["segment"]["size"] == told["size"]
    assert shown["layout"]["slots"] == kind.slots
    assert shown["layout"]["item_size"] == told["item_size"]
    assert [offsets["data"], offsets["in"], offsets["out"]] == told["offsets"]
    assert [offsets[role] for role in ROLES] == told.get("semaphores", [None] * 3)
    assert (shown["in"], shown["out"]) == (told["in"], told["out"])
    assert shown["occupancy"] == kind.slots - 1
    assert [shown["semaphores"][role]["value"] for role in ROLES] == told["values"]
    assert [shown["semaphores"][role]["waiters"] for role in ROLES] == [1, 1, 0]
    if items:
        assert [slot["value"] for slot in shown["slots"]] == told["slots"]
    full = [slot["index"] for slot in shown["slots"] if slot["full"]]
    assert sorted(full) == sorted((told["out"] + at) % kind.slots for at in range(kind.slots - 1))
    blocked = {p["pid"]: (p["blocked_on"], p["wakeable"]) for p in shown["processes"]}
    assert blocked == {
        told["pid"]: (None, None),
        told["at_mutex"]: ("mutex", True),
        told["at_empty"]: ("empty", True),
    }


def test_by_its_header(program: Program) -> None:
    """In the names and types of the user's own struct, unions and text included."""
    snapshot = seen(program.name, program.by_header)
    assert snapshot.layout.source is LayoutSource.HEADER
    agrees(snapshot, program.ask(), program.kind, items=True)


def test_by_option(program: Program) -> None:
    """By offsets alone; items that are structs are bytes then."""
    snapshot = seen(program.name, program.by_option)
    assert snapshot.layout.source is LayoutSource.OPTIONS
    plain = not program.kind.item.startswith("byte") and "union" not in program.kind.header
    agrees(snapshot, program.ask(), program.kind, items=plain)


def test_without_a_word(program: Program) -> None:
    """Right, or refused with what is right among the candidates; nothing wrong is ever sure."""
    refusal: AmbiguousLayoutError | None = None
    try:
        Sampler(program.name).close()
    except AmbiguousLayoutError as error:
        refusal = error
    if refusal is not None:
        assert any(same_places(option, program.layout) for option in refusal.options)
        return
    snapshot = seen(program.name, LayoutOptions(), waiting=0 if program.kind.named else 2)
    if snapshot.layout.source is LayoutSource.RAW:
        # Without a semaphore in it nothing in the bytes says that it is a buffer.
        assert program.kind.named
        return
    agrees(snapshot, program.ask(), program.kind, items=False)


def same_places(option: str, layout: str) -> bool:
    """Whether two layouts have all parts at the same places, whatever an item is called."""

    def places(text: str) -> dict[str, str]:
        parts = dict(part.split("=") for part in text.split(","))
        return {key: value.split(":")[0] for key, value in parts.items()}

    return places(option) == places(layout)


def test_two_buffers_at_once(tmp_path: Path, new_name: Any) -> None:
    """Who waits at one buffer is not shown at the other."""
    first = Program(KINDS[0], tmp_path, new_name())
    second = Program(KINDS[3], tmp_path, new_name())
    try:
        for program in (first, second):
            agrees(seen(program.name, program.by_header), program.ask(), program.kind, items=True)
    finally:
        first.end()
        second.end()
