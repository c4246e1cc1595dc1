"""Leaves out of a capsule what a stranger need not know: who, where, and what the items are. Pure.

Command lines, user names, the host's name, values and raw bytes go. A process is told by its PID alone:
its name is a part of its command line. Their words are taken out of all sentences too, with the names of
files, which may hold the user's.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.recording.incident import Incident, ProcessFacts
from shmtui.recording.schema import Frame
from shmtui.snapshot import Origin, Process, Snapshot

_PATHS: Final = re.compile(r"(?<![\w/.])/(?!dev/shm/|proc/|sys/)[^\s/'\"]+/[^\s'\"]*")
"""Files by their whole path; a name of a segment has no slash inside."""
_CODES: Final = {"code", "kind", "item_type", "semaphores", "step"}
"""Fields of words that are shmtui's own."""
_NAMED: Final = re.compile(r"(?<![^\s(])(?!\d+ )[^\s(]\S*(?= \(PID \d+\))")
"""The end of the name of a process that is in no snapshot, as sentences name one; not a worker's number."""

Change = Callable[[str], str]


def redacted(frames: Sequence[Frame], incident: Incident) -> tuple[list[Frame], Incident]:
    """The same without those, and with a list of what was left out."""
    change = _without(_secrets(frames, incident))
    left_out = (_("command lines"), _("user names"), _("host name"), _("values and raw bytes"))
    facts = tuple(_process_facts(each) for each in incident.processes)
    semaphores = tuple(replace(each, raw="") for each in incident.semaphores)
    related = tuple(map(_snapshot, incident.related))
    bare = replace(
        incident,
        host="",
        processes=facts,
        semaphores=semaphores,
        related=related,
        size=0,
        copied=0,
        kept=0,
    )
    found = _changed(bare, change)
    return [_frame(frame, change) for frame in frames], replace(found, redacted=left_out)


def _process_facts(facts: ProcessFacts) -> ProcessFacts:
    threads = tuple(replace(each, name="") for each in facts.threads)
    return replace(facts, command="", executable="", threads=threads)


def _frame(frame: Frame, change: Change) -> Frame:
    bare, events = _snapshot(frame.snapshot), frame.events
    return replace(frame, snapshot=_changed(bare, change), events=_changed(events, change))


def _snapshot(snapshot: Snapshot) -> Snapshot:
    return replace(
        snapshot,
        segment=replace(snapshot.segment, owner=""),
        layout=replace(snapshot.layout, options=""),
        slots=tuple(replace(slot, value=None) for slot in snapshot.slots),
        processes=tuple(map(_process, snapshot.processes)),
        totals=None,  # They have sums of the values.
        audit=None,
    )


def _process(process: Process) -> Process:
    name = process.name if process.origin is Origin.WORKER else _("process")
    return replace(process, name=name, user=None, last_item=None)


def _changed(value: Any, change: Change) -> Any:
    """A record with all its texts changed, but for those that are shmtui's own words."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_changed(each, change) for each in value)
    if isinstance(value, dict):
        return {key: _changed(each, change) for key, each in value.items()}
    if isinstance(value, msgspec.Struct):
        texts = [name for name in value.__struct_fields__ if name not in _CODES]
        return replace(value, **{name: _changed(getattr(value, name), change) for name in texts})
    return value


def _without(secrets: dict[str, str]) -> Change:
    """Takes those out of a text, and paths of files; a secret stands for itself where it is a word."""
    longest = sorted(filter(None, secrets), key=len, reverse=True)
    words = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest)) + r")(?!\w)")

    def change(text: str) -> str:
        if longest:
            text = words.sub(lambda found: secrets[found[0]], text)
        return _NAMED.sub(_("process"), _PATHS.sub("[" + _("file") + "]", text))

    return change


def _secrets(frames: Iterable[Frame], incident: Incident) -> dict[str, str]:
    """What is taken out of texts, and what stands there instead."""
    user, process, words = f"[{_('user')}]", _("process"), f"[{_('options')}]"
    found = {incident.host: f"[{_('host')}]"}
    for facts in incident.processes:
        for text in (facts.command, facts.executable, *(each.name for each in facts.threads)):
            found[text] = process
    for snapshot in (*(frame.snapshot for frame in frames), *incident.related):
        found[snapshot.layout.options] = words
        found[snapshot.layout.origin] = f"[{_('file')}]"
        found |= dict.fromkeys(_users(snapshot), user)
        found |= {each.rpartition(" (PID ")[0]: process for each in snapshot.older_users}
        for each in snapshot.processes:
            if each.origin is not Origin.WORKER:
                found[each.name] = process
    return found


def _users(snapshot: Snapshot) -> set[str]:
    """The users named, except root, which every machine has."""
    return {snapshot.segment.owner, *(p.user or "" for p in snapshot.processes)} - {"root"}
