"""What a snapshot cannot tell of a segment's processes, and what is assumed of them."""

from typing import Final

from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.monitor.counted_waits import OWN, with_counted_waits
from shmtui.monitor.older_segments import unlinked_mappings
from shmtui.monitor.open_segment import OpenSegment
from shmtui.monitor.process_states import role_names
from shmtui.monitor.snapshot_parts import threads_unread
from shmtui.shm.control_format import control_name
from shmtui.shm.protocol import Role
from shmtui.snapshot import Access, Process, Snapshot

ASK_NS: Final = 200_000_000
"""How often the kernel is asked who may write, at the most."""
SLEPT_S: Final = 0.1
"""Longer than a sample takes."""


class SnapshotLimits:
    """Notes in each snapshot of one segment what it cannot tell."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked_ns = 0
        self._elsewhere: bool | None = None

    def noted(self, snapshot: Snapshot, segment: OpenSegment, *, thorough: bool) -> Snapshot:
        """The snapshot with what cannot be seen of its processes, and what is assumed of them.

        Where nobody in the machine may write to the segment, who cannot be seen takes no part.
        Where somebody may, and none that is seen, he is unseen, whatever /proc shows.
        """
        table = segment.processes
        elsewhere = self._anybody_else(snapshot, segment, thorough=thorough)
        note = segment.reader.note
        unseen, limits = table.unseen, [*self._limits(segment), *([note] if note else [])]
        limits += threads_unread(snapshot)
        if elsewhere is False:
            limits = [limit for limit in limits if limit not in unseen.limits]
        if snapshot.segment.size_mapped:
            limits.append(
                _(
                    "there is no file to read: only what processes map is seen, and a page that none of "
                    "them has touched shows as zeros"
                )
            )
        if elsewhere:
            limits.append(
                _(
                    "a process that cannot be seen from here has {name} open for writing: run "
                    "shmtui as root, outside the container"
                ).format(name=self._name)
            )
        processes, counted = with_counted_waits(
            snapshot.processes,
            table.waits_hidden,
            snapshot.semaphores,
            snapshot.sleepers,
            snapshot.sync,
            role_names(segment.layout),
        )
        if snapshot.sleepers:
            table.learn_roles(_sides_told(processes, counted))
        assumptions = [] if elsewhere is False else list(unseen.assumptions)
        if counted:
            text = _("what PID {pids} waits on follows from the waiter counts alone")
            assumptions.append(text.format(pids=", ".join(map(str, counted))))
        return replace(
            snapshot,
            processes=processes,
            waits_counted=counted,
            older_users=self._older_users(snapshot, segment),
            elsewhere=elsewhere,
            unseen=elsewhere is not False and (unseen.may_take_part or bool(elsewhere)),
            outside=elsewhere is not False and unseen.outside,
            unseen_pids=unseen.writers if elsewhere is None and unseen.all_listed else (),
            waits_hidden=table.waits_hidden,
            assumptions=tuple(assumptions),
            limits=tuple(limits),
        )

    def _older_users(self, snapshot: Snapshot, segment: OpenSegment) -> tuple[str, ...]:
        """As `Snapshot.older_users`."""
        reader = segment.reader
        if reader.semaphore or snapshot.segment.unlinked or snapshot.segment.replaced:
            return ()
        return unlinked_mappings.users(self._name, reader.identity, reader.folder)

    def _anybody_else(
        self, snapshot: Snapshot, segment: OpenSegment, *, thorough: bool
    ) -> bool | None:
        """As `Snapshot.elsewhere`; the kernel is asked every `ASK_NS` at the most."""
        if any(p.alive and (p.access is not Access.READ or p.besides) for p in snapshot.processes):
            self._asked_ns = 0
            return None
        now_ns = snapshot.monotonic_ns
        if thorough or now_ns - self._asked_ns >= ASK_NS:
            self._asked_ns = now_ns
            self._elsewhere = segment.anybody_writes()
        return self._elsewhere

    def _limits(self, segment: OpenSegment) -> tuple[str, ...]:
        limits, doubt = segment.processes.limits, segment.control.doubt
        if not doubt:
            return limits
        text = _("its control block {control} is not used: {why}")
        return (*limits, text.format(control=control_name(self._name), why=doubt))


def _sides_told(processes: tuple[Process, ...], counted: tuple[int, ...]) -> dict[int, Role]:
    """The sides of those that sleep on a permit, by how many sleep on each semaphore. They slept while both that and
    their wait channels were read.
    """
    asleep = (p for p in processes if p.pid in counted and p.waits and not p.one_of)
    return {p.pid: p.role for p in asleep if p.role in OWN and (p.blocked_for or 0.0) >= SLEPT_S}
