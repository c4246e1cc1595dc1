"""A schedule file: an order of steps with all that it takes to have the same programs take it again."""

import base64
import binascii
import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import to_builtins

from shmtui.control.items import Ring
from shmtui.control.run import Run
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.protocol import Role

_KIND = "shmtui schedule"
_SCHEMA = 1
_MOST_BYTES = 16 << 20
_BEGIN = 256
"""Bytes of a file that tell whether it is one."""


class ScheduledProgram(msgspec.Struct, frozen=True):
    """A program that took part."""

    name: str
    role: Role
    command: tuple[str, ...]
    digest: str
    """SHA-256 of its executable."""


class Schedule(msgspec.Struct, frozen=True):
    """An order of steps, and what it shows."""

    programs: tuple[ScheduledProgram, ...]
    items: int
    fine: bool
    callers: tuple[str, ...]
    """The programs whose set-up is one step."""
    contents: dict[str, bytes]
    """Files of /dev/shm at the begin."""
    ring: Ring | None
    order: tuple[str, ...]
    finding: str
    """Its kind."""
    claim: str
    trace: str
    """The hash of all steps and outputs."""
    starts_vary: bool = False
    """Whether the starts are steps among the others."""
    layout: str = ""
    """The ring's, as ``--layout`` has it; empty where it is not known."""
    sides: dict[str, Role] = {}
    """Of the threads and children of a program that does both, which of them do what."""

    @property
    def record(self) -> dict[str, Any]:
        return {
            "kind": _KIND,
            "schema": _SCHEMA,
            "programs": [
                {"name": p.name, "role": p.role.value, "command": p.command, "sha256": p.digest}
                for p in self.programs
            ],
            "items": self.items,
            "steps": "loads-and-stores" if self.fine else "calls",
            "set-up": self.callers,
            "files": {n: base64.b64encode(raw).decode() for n, raw in self.contents.items()},
            "ring": None if self.ring is None else to_builtins(self.ring),
            "order": self.order,
            "finding": self.finding,
            "claim": self.claim,
            "trace": self.trace,
            "starts": "any" if self.starts_vary else "given",
            "layout": self.layout,
            "sides": {task: role.value for task, role in self.sides.items()},
        }

    def write(self, path: Path) -> None:
        """ShmtuiError: it cannot be written."""
        try:
            path.write_text(json.dumps(self.record, indent=1) + "\n")
        except OSError as error:
            text = _("cannot write {file}: {error}")
            raise ShmtuiError(text.format(file=path, error=error.strerror)) from None


def read_schedule(path: Path) -> Schedule:
    """ShmtuiError: the file cannot be read, or is no schedule."""
    wrong = _("{file} is not a schedule of shmtui explore --schedule").format(file=path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ShmtuiError(wrong)
        record = json.loads(path.read_text())
        if record["kind"] != _KIND or record["schema"] != _SCHEMA:
            raise ShmtuiError(wrong)
        return Schedule(
            tuple(
                ScheduledProgram(
                    str(p["name"]), Role(p["role"]), _command(p["command"]), str(p["sha256"])
                )
                for p in record["programs"]
            ),
            int(record["items"]),
            record["steps"] == "loads-and-stores",
            tuple(map(str, record["set-up"])),
            {_plain(n): base64.b64decode(raw, validate=True) for n, raw in record["files"].items()},
            None if record["ring"] is None else _ring(record["ring"]),
            tuple(map(str, record["order"])),
            str(record["finding"]),
            str(record["claim"]),
            str(record["trace"]),
            record.get("starts") == "any",
            str(record.get("layout", "")),
            {str(task): Role(side) for task, side in record.get("sides", {}).items()},
        )
    except OSError as error:
        text = _("cannot read {file}: {error}")
        raise ShmtuiError(text.format(file=path, error=error.strerror)) from None
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise ShmtuiError(wrong) from None


def is_schedule(path: Path) -> bool:
    """Whether a file begins as a schedule."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        begin = file.read(_BEGIN).lstrip()
        return begin.startswith(b"{") and f'"{_KIND}"'.encode() in begin
    return False


def _command(words: Any) -> tuple[str, ...]:
    if not words or not isinstance(words, list):
        raise ValueError(words)
    return tuple(map(str, words))


def _ring(record: dict[str, Any]) -> Ring:
    members = tuple((int(at), int(size), str(name)) for at, size, name in record.pop("members", ()))
    ring = Ring(**record, members=members)
    numbers = [value for name, value in record.items() if name not in {"segment", "bounded"}]
    if not all(value is None or (isinstance(value, int) and value >= 0) for value in numbers):
        raise ValueError(record)
    if not ring.slots or not ring.item_size or ring.data is None:
        raise ValueError(record)
    return ring


def _plain(name: str) -> str:
    if "/" in name or "\0" in name or name in {"", ".", ".."}:
        raise ValueError(name)
    return name


def digest_of(executable: str) -> str:
    """SHA-256 of a file."""
    with open(executable, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def trace_of(run: Run) -> str:
    """The hash of all steps, values and outputs of an execution, and of how it ended."""
    digest = hashlib.sha256()
    for step in run.steps:
        place = step.operation.place
        where = ("", 0) if place is None else (place.segment, place.offset)
        record: Sequence[object] = (
            step.task, step.operation.kind.value, *where, step.value, step.after, step.output,
        )  # fmt: skip
        digest.update(repr(record).encode("utf-8", "surrogateescape"))
    digest.update(repr((run.end.value, sorted(run.ends.items()))).encode())
    return digest.hexdigest()
