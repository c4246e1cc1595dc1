"""Rings of every kind that C programs have, each shown exactly as its program says that it is."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from shmtui.layouts import resolve
from shmtui.layouts.inference import MAX_CANDIDATES
from shmtui.layouts.options import AmbiguousLayoutError, LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.report.snapshot_json import snapshot_json
from shmtui.shm.layout import Layout
from shmtui.shm.layout_spec import layout_option
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import unlink_segment
from shmtui.shm.semaphore import unlink_named
from tests.compiling import Compiler
from tests.peers.kinds import KINDS, Kind
from tests.program import stat_json
from tests.waiting import poll

PROGRAM: Final = Path(__file__).parent.parent / "peers" / "kind.c"
Json = dict[str, Any]


@dataclass(slots=True)
class Running:
    """A program of one kind over its segments, and what it has said of each."""

    kind: Kind
    process: subprocess.Popen[str]
    header: Path
    said: list[Json]

    def said_next(self) -> list[Json]:
        """A line of JSON a segment."""
        assert self.process.stdout is not None
        self.said = [json.loads(self.process.stdout.readline()) for _ in range(self.kind.segments)]
        return self.said

    def fill(self) -> list[Json]:
        """Have it fill its rings, so that a producer and a consumer block."""
        return self._tell("f")

    def go(self) -> list[Json]:
        """Have a producer and a consumer go on, some hundred items a second."""
        return self._tell("g")

    def _tell(self, letter: str) -> list[Json]:
        assert self.process.stdin is not None
        self.process.stdin.write(letter)
        self.process.stdin.flush()
        return self.said_next()

    @property
    def header_options(self) -> list[str]:
        """``--header``, and ``--map`` where the names do not tell."""
        struct, *mapping = (*self.kind.options, "")[:2]
        header = f"{self.header}:{struct}" if struct else str(self.header)
        return ["--header", header, *(["--map", mapping[0]] if mapping and mapping[0] else [])]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.what)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Kind, Path]:
    """A kind and its program, in a folder without its header: it is found by nobody."""
    kind: Kind = request.param
    folder = tmp_path_factory.mktemp("kind")
    (folder / "kind.h").write_text(kind.header)
    (folder / "use.h").write_text(kind.words)
    source = shutil.copy(PROGRAM, folder)
    (folder / "bin").mkdir()
    program = Compiler(folder, kind.compiler).program(Path(source), *kind.flags)
    return kind, program.rename(folder / "bin" / program.name)


@pytest.fixture
def running(built: tuple[Kind, Path], new_name: Callable[[], str]) -> Iterator[Running]:
    """The program of a kind, its rings partly full and at rest."""
    kind, program = built
    names = [new_name() for _ in range(kind.segments)]
    process = subprocess.Popen(
        [program, *names], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=program.parent,
    )  # fmt: skip
    made = Running(kind, process, program.parent.parent / "kind.h", [])
    try:
        made.said_next()
        yield made
    finally:
        process.kill()
        process.communicate()
        for name in names:
            unlink_segment(name)
            if kind.named:
                for word in ("mutex", "vazio", "cheio"):
                    unlink_named(f"{name}_{word}")


def names_of(kind: Kind, name: str) -> dict[SemaphoreRole, str]:
    """The names that the program gives its semaphores, where they are named ones."""
    words = ("mutex", "vazio", "cheio")
    pairs = zip(SemaphoreRole, words, strict=True) if kind.named else ()
    return {role: f"{name}_{word}" for role, word in pairs}


def option(kind: Kind, said: Json) -> str:
    """``--layout`` by the compiler's own offsets."""
    data, in_, out, *semaphores = said["at"]
    sizes = {1: "int8", 2: "int16", 4: "int32", 8: "int64"}
    index = sizes[said["index_size"]]
    item = sizes.get(said["item_size"], f"byte[{said['item_size']}]")
    parts = [f"data={data}:{said['slots']}x{item}", f"in={in_}:{index}", f"out={out}"]
    places = [str(at) for at in semaphores]
    names = names_of(kind, said["name"])
    for role, at in zip(SemaphoreRole, places, strict=True):
        if role in names or at != "-1":
            parts.append(f"{role}={names.get(role, at)}")
    if said["lock"] >= 0:
        parts.append(f"lock={said['lock']}")
    return ",".join(parts)


def fields_of(kind: Kind, said: Json) -> dict[str, int | None]:
    """The offsets as JSON has them: null for what is not in the segment."""
    roles = ("data", "in", "out", *SemaphoreRole)
    return {str(role): None if at < 0 else at for role, at in zip(roles, said["at"], strict=True)}


def exactly_as_said(kind: Kind, record: Json, said: Json, *, values: bool = True) -> None:
    """Every fact of a snapshot, beside the program's own word."""
    assert record["layout"]["offsets"] == fields_of(kind, said)
    assert record["layout"]["slots"] == said["slots"]
    assert record["layout"]["item_size"] == said["item_size"]
    assert record["segment"]["size"] == said["size"]
    assert (record["in"], record["out"]) == (said["in"], said["out"])
    if record["layout"]["item_type"].startswith("byte"):
        assert {len(slot["value"]) for slot in record["slots"]} == {2 * said["item_size"]}
    if values:
        assert [slot["value"] for slot in record["slots"]] == said["values"]
    shown = {role: state["value"] for role, state in record["semaphores"].items()}
    assert shown == {role: said[role] for role in SemaphoreRole if said[role] >= 0}
    blocked = said["producer"] > 0
    assert record["semaphores"]["empty"]["waiters"] == blocked
    if "mutex" in shown:
        assert record["semaphores"]["mutex"]["waiters"] == blocked
        slots = said["slots"]
        held = 2 if blocked else 0
        assert said["empty"] + said["full"] == slots - held // 2
    pids = {said["pid"], said["producer"], said["consumer"]} - {0}
    assert {process["pid"] for process in record["processes"]} >= pids
    assert not record["health"]["findings"]


def as_blocked(record: Json) -> dict[int, tuple[str | None, str, str]]:
    """Who is blocked, on what, and in which role."""
    return {
        p["pid"]: (p["blocked_on"], p["role"], p["state"])
        for p in record["processes"]
        if p["blocked_on"] is not None
    }


def blocked_as_said(sampler: Sampler, said: Json) -> Json:
    """The snapshot once the program's children are seen where it has sent them."""
    expected = {
        said["producer"]: ("empty", "producer", "blocked"),
        said["consumer"]: ("mutex", "unknown", "blocked"),
    }

    def look() -> Json | None:
        record = snapshot_json(sampler.sample(thorough=True))
        return record if as_blocked(record) == expected else None

    return poll(look, f"blocked are {expected}")


def test_shown_as_the_program_says(running: Running) -> None:
    """By header and by options: offsets, values, indices, semaphores, waiters and the blocked."""
    kind = running.kind
    for said in running.said:
        by_header = stat_json(said["name"], *running.header_options)
        assert by_header["layout"]["source"] == "header"
        # Names such as head and tail are used both ways: the values have told which way it is.
        assert not by_header["layout"]["by_convention"]
        assert not by_header["layout"]["assumed"]
        exactly_as_said(kind, by_header, said)
        assert not as_blocked(by_header)
    for said in running.fill():
        struct, *mapping = (*kind.options, "")[:2]
        pairs = tuple(tuple(p.split("=")) for p in "".join(mapping).split(",") if p)
        for options in (
            LayoutOptions(header=running.header, struct=struct or None, mapping=pairs),  # type: ignore[arg-type]
            LayoutOptions(layout=option(kind, said)),
        ):
            sampler = Sampler(said["name"], options)
            sampler.slots_shown = said["slots"]
            record = blocked_as_said(sampler, said)
            sampler.close()
            exactly_as_said(kind, record, said, values=options.header is not None)


def test_inferred_right_or_refused_with_the_right_one(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word from the user no wrong layout is ever shown as sure; at rest few are sure."""
    monkeypatch.setattr(resolve, "WATCH_SECONDS", 0.05)  # nothing more comes of looking longer
    for said in running.said:
        inferred(running.kind, said)
    for said in running.fill():
        inferred(running.kind, said)


def test_inferred_from_what_goes_on(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """While items flow no wrong layout is shown as sure either, and the classical kinds are."""
    monkeypatch.setattr(resolve, "WATCH_SECONDS", 0.3)
    for said in running.go():
        sure = inferred(running.kind, said)
        if running.kind.what in CLASSICAL and not sure:
            poll(lambda told=said: inferred(running.kind, told), "it is sure")  # type: ignore[misc]


CLASSICAL: Final = {"another N", "built with musl", "two segments of one program"}


def inferred(kind: Kind, said: Json) -> bool:
    """Whether a layout is shown as sure: then it is the right one; else that is offered."""
    try:
        sampler = Sampler(said["name"])
    except AmbiguousLayoutError as error:
        refusal = error
    else:
        layout = sampler.layout
        sampler.close()
        assert layout is not None or not kind.inferable
        assert layout is None or shape(layout) == truth(kind, said)
        return layout is not None
    offered = [shape(candidate) for candidate in refusal.candidates]
    assert 1 <= len(offered) <= MAX_CANDIDATES
    if kind.inferable and len(offered) < MAX_CANDIDATES:
        assert truth(kind, said) in offered
    assert layout_option(refusal.candidates[0]) in str(refusal)
    return False


def shape(layout: Layout) -> tuple[Any, ...]:
    """What a program's own words tell of a layout."""
    semaphores = [layout.semaphore_name(r) or layout.semaphore_offset(r) for r in SemaphoreRole]
    return layout.slots, layout.item.size, layout.data, layout.in_, layout.out, *semaphores


def truth(kind: Kind, said: Json) -> tuple[Any, ...]:
    """The same from the program's words."""
    data, in_, out, *semaphores = said["at"]
    names = names_of(kind, said["name"])
    places = [
        names.get(r, None if at < 0 else at)
        for r, at in zip(SemaphoreRole, semaphores, strict=True)
    ]
    return said["slots"], said["item_size"], data, in_, out, *places
