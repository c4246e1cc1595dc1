"""What changed between two looks at a segment, as events. Pure.

A worker that a supervisor of ours runs is no news here: the supervisor tells of it, and
knows more. Names are hostile text; whoever shows an event makes it inert.
"""

from collections.abc import Iterator

from shmtui.events import Event, Tone
from shmtui.ipc.protocol import Role
from shmtui.observe.snapshot import (
    Health,
    LayoutSource,
    Origin,
    Process,
    ProcessState,
    SegmentInfo,
    Snapshot,
    Status,
)


def news(previous: Snapshot, current: Snapshot, *, workers_too: bool = False) -> tuple[Event, ...]:
    """What happened between two looks at one segment; nothing between looks at two.

    ``workers_too``: nobody else tells of workers, as where another shmtui runs them.
    """
    if not previous.segment.name or previous.segment.name != current.segment.name:
        return ()
    if previous.segment.inode != current.segment.inode:
        # Those who mapped the old file still do; that they are gone from the list is no end.
        return (Event(current.time, Tone.WARN, _followed(previous.segment, current)),)
    found = [*_file_news(previous.segment, current.segment)]
    found += _process_news(previous, current, workers_too=workers_too)
    return tuple(Event(current.time, tone, text) for tone, text in found)


def _followed(old: SegmentInfo, current: Snapshot) -> str:
    new = current.segment
    text = f"another segment took the name {new.name} (inode {old.inode}, now {new.inode})"
    if old.size != new.size:
        text += f", {old.size} bytes, now {new.size}"
    shown = ", as bytes" if current.layout.source is LayoutSource.RAW else ""
    return f"{text}: showing the new one{shown}"


def _file_news(old: SegmentInfo, new: SegmentInfo) -> Iterator[tuple[Tone, str]]:
    """What became of the name and the size."""
    if new.replaced and not old.replaced:
        yield (
            Tone.WARN,
            f"another segment took the name {new.name} and cannot be shown: "
            f"still showing the old one, inode {new.inode}",
        )
    elif new.unlinked and not old.unlinked:
        yield Tone.WARN, f"{new.name} was unlinked: it lives on while somebody maps it"
    if new.size < old.size:
        yield Tone.BAD, f"{new.name} was truncated from {old.size} to {new.size} bytes"
    elif new.size > old.size:
        yield Tone.WARN, f"{new.name} grew from {old.size} to {new.size} bytes"


def _process_news(
    previous: Snapshot, current: Snapshot, *, workers_too: bool
) -> Iterator[tuple[Tone, str]]:
    """Who came, who went, and who turned out to be what."""
    before, after = _living(previous), _living(current)
    for pid, process in after.items():
        if process.origin is not Origin.FOREIGN and not workers_too:
            continue
        if pid not in before:
            yield Tone.INFO, f"{_who(process)} joined{_as_role(process)}"
        elif before[pid].role is Role.UNKNOWN and process.role in {Role.PRODUCER, Role.CONSUMER}:
            seen = f": it waits on {process.blocked_on}" if process.blocked_on else ""
            yield Tone.INFO, f"{_who(process)} is a {process.role}{seen}"
    for pid, process in before.items():
        if pid not in after and (process.origin is Origin.FOREIGN or workers_too):
            yield Tone.WARN, f"{_who(process)} left{_how(current, pid)}"
    if before and not after and not current.hidden:
        yield Tone.WARN, f"nobody maps {current.segment.name} any more"


def _living(snapshot: Snapshot) -> dict[int, Process]:
    return {p.pid: p for p in snapshot.processes if p.state is not ProcessState.ENDED}


def _who(process: Process) -> str:
    return f"{process.name} (PID {process.pid})"


def _as_role(process: Process) -> str:
    """The role, with a question mark where it is told from behaviour alone."""
    if process.role is Role.UNKNOWN:
        return ""
    guessed = process.origin is Origin.FOREIGN and process.role is not Role.OBSERVER
    return f" as {process.role}{'?' if guessed else ''}"


def _how(current: Snapshot, pid: int) -> str:
    ending = next((p.ending for p in current.processes if p.pid == pid), None)
    return f": {ending}" if ending else ""


def health_news(previous: Health, current: Health, time: float) -> tuple[Event, ...]:
    """An event for each finding that appeared, and for each that is over."""
    before = {(f.code, f.subject): f for f in previous.findings}
    after = {(f.code, f.subject): f for f in current.findings}
    found = [
        Event(
            time,
            Tone.BAD if finding.severity is Status.CRITICAL else Tone.WARN,
            f"{finding.code}: {finding.claim}",
        )
        for key, finding in after.items()
        if key not in before
    ]
    for key, finding in before.items():
        if key not in after:
            of = f" of {finding.subject}" if finding.subject else ""
            found.append(Event(time, Tone.GOOD, f"{finding.code}{of} is over"))
    return tuple(found)
