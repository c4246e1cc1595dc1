"""What changed between two snapshots of a segment, as events. Pure.

Workers of this shmtui give no events here: their supervisor reports them, and knows more. Names
are hostile text, and an event is made inert where it is shown.
"""

from collections.abc import Iterator

from shmtui.events import Event, Severity
from shmtui.i18n import _
from shmtui.shm.item_counts import ExactCounts
from shmtui.shm.protocol import Role
from shmtui.shm.segment_info import LayoutSource, SegmentInfo
from shmtui.snapshot import Health, Origin, Process, Snapshot, Status, word


def segment_events(
    previous: Snapshot, current: Snapshot, *, workers_too: bool = False
) -> tuple[Event, ...]:
    """What happened between two snapshots; nothing where they are of two segments.

    ``workers_too``: report workers as well, since another shmtui supervises them.
    """
    if not previous.segment.name or previous.segment.name != current.segment.name:
        return ()
    if previous.segment.inode != current.segment.inode:
        # The processes that map the old file have left the list, and have not ended.
        return (Event(current.time, Severity.WARN, _followed(previous.segment, current)),)
    found = [*_file_events(previous.segment, current.segment)]
    found += _process_events(previous, current, workers_too=workers_too)
    return tuple(Event(current.time, severity, text) for severity, text in found)


def _followed(old: SegmentInfo, current: Snapshot) -> str:
    new = current.segment
    text = _("another segment took the name {name} (inode {old}, now {new})").format(
        name=new.name, old=old.inode, new=new.inode
    )
    if old.size != new.size:
        text += _(", {old} bytes, now {new}").format(old=old.size, new=new.size)
    if current.layout.source is LayoutSource.RAW:
        return text + _(": showing the new one, as bytes")
    return text + _(": showing the new one")


def _file_events(old: SegmentInfo, new: SegmentInfo) -> Iterator[tuple[Severity, str]]:
    """Changes of the name and of the size."""
    if new.replaced and not old.replaced:
        yield (
            Severity.WARN,
            _(
                "another segment took the name {name} and cannot be shown: still showing the old "
                "one, inode {inode}"
            ).format(name=new.name, inode=new.inode),
        )
    elif new.unlinked and not old.unlinked:
        yield (
            Severity.WARN,
            _("{name} was unlinked: it stays while a process maps it").format(name=new.name),
        )
    if new.size < old.size:
        yield (
            Severity.BAD,
            _("{name} was truncated from {old} to {new} bytes").format(
                name=new.name, old=old.size, new=new.size
            ),
        )
    elif new.size > old.size:
        yield (
            Severity.WARN,
            _("{name} grew from {old} to {new} bytes").format(
                name=new.name, old=old.size, new=new.size
            ),
        )


def exact_events(
    previous: ExactCounts | None, current: ExactCounts | None, time: float
) -> tuple[Event, ...]:
    """That items are counted by breakpoints now, with method and cost; why they are not; or no longer."""
    before = previous or ExactCounts()
    if current is None:
        over = previous is not None and not previous.refused
        text = _("exact counts are off: nothing is watched any more")
        return (Event(time, Severity.INFO, text),) if over else ()
    if current.refused and not before.refused:
        text = _("no exact counts: {why}").format(why=current.refused)
        return (Event(time, Severity.WARN, text),)
    if not current.watched or current.watched == before.watched:
        return ()
    text = _(
        "exact counts, by hardware breakpoints on {what}: {cost:.2f} % of a processor at {micro:.1f} "
        "µs a store, and about {more:.1f} % for context switches"
    ).format(
        what=", ".join(current.watched),
        micro=1e6 * current.hit_seconds,
        cost=current.cost,
        more=current.switch_cost,
    )
    return (Event(time, Severity.INFO, text),)


def _process_events(
    previous: Snapshot, current: Snapshot, *, workers_too: bool
) -> Iterator[tuple[Severity, str]]:
    """Processes that joined, left, or showed their role."""
    before, after = _living(previous), _living(current)
    for pid, process in after.items():
        if process.origin is not Origin.FOREIGN and not workers_too:
            continue
        if pid not in before:
            yield Severity.INFO, _joined(process)
        elif before[pid].role is Role.UNKNOWN and process.role in {Role.PRODUCER, Role.CONSUMER}:
            text = _("{who} is a {role}")
            if process.blocked_on:
                text = _("{who} is a {role}: it waits on {semaphore}")
            yield (
                Severity.INFO,
                text.format(
                    who=process.label,
                    role=word(process.role),
                    semaphore=process.blocked_word,
                ),
            )
    for pid, process in before.items():
        if pid not in after and (process.origin is Origin.FOREIGN or workers_too):
            ending = next((p.ending for p in current.processes if p.pid == pid), None)
            text = _("{who} left: {how}") if ending else _("{who} left")
            yield Severity.WARN, text.format(who=process.label, how=ending)
    if before and not after and not current.hidden:
        yield Severity.WARN, _("no process maps {name} any more").format(name=current.segment.name)


def _living(snapshot: Snapshot) -> dict[int, Process]:
    return {p.pid: p for p in snapshot.processes if p.alive}


def _joined(process: Process) -> str:
    """With the role, and a question mark where the role is inferred."""
    if process.role is Role.UNKNOWN:
        return _("{who} joined").format(who=process.label)
    guessed = process.origin is Origin.FOREIGN and process.role is not Role.OBSERVER
    role = word(process.role) + ("?" if guessed else "")
    return _("{who} joined as {role}").format(who=process.label, role=role)


def health_events(previous: Health, current: Health, time: float) -> tuple[Event, ...]:
    """An event for each finding that appeared, and for each that has ended."""
    before = {(f.code, f.subject): f for f in previous.findings}
    after = {(f.code, f.subject): f for f in current.findings}
    found = [
        Event(
            time,
            Severity.BAD if finding.severity is Status.CRITICAL else Severity.WARN,
            f"{finding.code}: {finding.claim}",
        )
        for key, finding in after.items()
        if key not in before
    ]
    for key, finding in before.items():
        if key not in after:
            text = _("{code} of {subject} is over") if finding.subject else _("{code} is over")
            text = text.format(code=finding.code, subject=finding.subject)
            found.append(Event(time, Severity.GOOD, text))
    return tuple(found)
