"""The processes of one buffer: workers from their records, all others from /proc."""

import os
from collections.abc import Callable, Iterable, Set
from typing import Final

from shmtui.monitor.deaths import Deaths
from shmtui.monitor.foreign_processes import ForeignProcesses
from shmtui.monitor.other_semaphores import OtherSemaphores
from shmtui.monitor.process_states import lock_pages, named_files, takes_part
from shmtui.monitor.role_inference import ContextSwitchSample, RoleInference, RunStamp
from shmtui.monitor.sleep_proof import Indices
from shmtui.monitor.tracked_process import SCAN_NS, TrackedProcess, track
from shmtui.monitor.unseen_processes import Unseen, UnseenProcesses
from shmtui.monitor.worker_processes import WorkerProcesses
from shmtui.procfs.credentials import FileAccess
from shmtui.procfs.file_users import FileUsers
from shmtui.procfs.freezer import frozen
from shmtui.procfs.maps import Mapping, mappings
from shmtui.procfs.page_counts import nobody_else_has
from shmtui.procfs.present_processes import last_given
from shmtui.procfs.run_times import run_stamp, sleep_stamp
from shmtui.shm.control_format import RecordState
from shmtui.shm.control_records import WorkerRecord
from shmtui.shm.layout import Layout
from shmtui.shm.protocol import Role
from shmtui.shm.segment import SHM_DIR, FileIdentity
from shmtui.shm.semaphore import named_semaphore_path
from shmtui.shm.sync_object import SyncObject
from shmtui.snapshot import Process

COUNT_NS: Final = 10_000_000_000
"""How often the kernel is asked who is at the locks, at the least: that takes half a millisecond, and 3 with ten
processes. Where one segment is looked at, it is asked too as soon as nothing moves any more.
"""


class ProcessTable:
    """Follows the processes of one segment; each read returns frozen records."""

    def __init__(
        self,
        identity: FileIdentity,
        layout: Layout | None,
        folder: str = SHM_DIR,
        likely: Callable[[], Set[int]] | None = None,
        path: str | None = None,
        semaphore: str = "",
    ) -> None:
        """``likely``, ``path``: as `FileUsers` has them; ``semaphore``: the name of one that is looked at in a
        segment's place.
        """
        self.all_threads = False
        """Whether all threads of a process are looked at, however many it has, and not in thorough reads
        alone."""
        self._users = FileUsers(identity, likely, path)
        self._layout = layout
        self._lock_free = layout is not None and layout.lock_free
        self._folder = folder
        self._tracked: dict[int, TrackedProcess] = {}
        self._scanned_ns = 0
        self._foreign: list[int] = []
        self._workers: set[int] = set()
        self._unseen = UnseenProcesses()
        self._counted_ns = 0
        self._position: object = None
        """All that moves, as of the last search for processes."""
        self._counted_position: object = None
        """The same, as of the last time that the kernel was asked who is at the locks."""
        self._access: FileAccess | None = None
        self._worker_processes = WorkerProcesses(layout)
        self._foreign_processes = ForeignProcesses(
            self._users, layout, folder, watches_forks=likely is None
        )
        self._foreign_processes.semaphore = semaphore
        self._roles = RoleInference()
        self._deaths = Deaths()
        self._semaphores = None if likely else OtherSemaphores(folder)
        """Where many segments are looked at, those of the layouts alone are read."""

    @property
    def unseen(self) -> Unseen:
        """The processes that this user may not read, as of the last read."""
        return self._unseen.now

    @property
    def left_ns(self) -> int:
        """CLOCK_MONOTONIC of the last read that saw a foreign process let go of the segment and live
        on; 0: none did.
        """
        return self._deaths.left_ns

    @property
    def forked_ns(self) -> int | None:
        """As `Snapshot.forked_ns`."""
        return self._foreign_processes.sleep_proof.forked_ns

    @property
    def waits_hidden(self) -> tuple[int, ...]:
        """PIDs of those in the table whose waits this user may not read."""
        return (*self._foreign_processes.waits_hidden,)

    @property
    def limits(self) -> tuple[str, ...]:
        """What this user may not see, and how to get to see it."""
        return (*self._foreign_processes.wait_limits, *self.unseen.limits)

    @property
    def mappers(self) -> frozenset[int]:
        """PIDs of those that map the segment, workers among them."""
        return frozenset(self._tracked)

    @property
    def users(self) -> frozenset[int]:
        """PIDs of those that use the segment, without the workers: these send nobody a descriptor."""
        return frozenset(self._users.uses)

    @property
    def semaphores(self) -> tuple[SyncObject, ...]:
        """The named semaphores that those that use the segment map, without those of its layout."""
        if self._semaphores is None or self._layout is None:
            return ()
        return tuple(self._semaphores.read(self._layout.libc))

    def search(self) -> None:
        """Look at all of /proc for who uses the segment."""
        self._users.scan(everybody=True, but=self._workers)

    @property
    def foreign(self) -> int:
        """How many processes that are no workers of ours may move something in the segment."""
        return sum(takes_part(self._users.use(pid)) for pid in self._foreign)

    def read(
        self,
        records: tuple[WorkerRecord, ...],
        now_ns: int,
        access: FileAccess,
        states: dict[int, str] | None = None,
        *,
        indices: Indices = (None, None),
        position: object = None,
        free_ns: int | None = None,
        thorough: bool = False,
    ) -> tuple[Process, ...]:
        """All processes that use the segment: workers first, in the order in which they were started.

        ``access``: whose the segment is. ``states``: state letters that were just read, by PID.
        ``indices``: the ring's, as just read; ``position``: all that moves, None where that is not
        known; ``free_ns``: when mutex was last seen with
        its one permit, which is ``now_ns`` if it had it then.
        ``thorough``: search all of /proc for new processes now, and not a part of it; look at all
        threads.
        """
        live = {r.pid for r in records if r.state is RecordState.LIVE}
        ours = self._workers = {r.pid for r in records if not r.program}
        scan, given = thorough or now_ns - self._scanned_ns >= SCAN_NS, 0
        rests = thorough or (position is not None and position == self._position)
        if scan:
            self._scanned_ns, given = now_ns, last_given()
            self._name_semaphores()
            self._users.scan(everybody=thorough, but=ours)
        if scan or access != self._access:
            self._access = access
            changed = self._unseen.update(self._users.unreadable, self._users.refused, access)
            due = thorough or changed or self._is_count_due(position, now_ns)
            if due:
                self._counted_ns, self._counted_position = now_ns, position
            self._position = position
            self._unseen.account(self._nobody_else if due else None)
            self._users.refused.clear()
        programs = {r.pid: r for r in records if r.program and r.state is RecordState.LIVE}
        self._foreign_processes.waits_hidden.clear()
        self._foreign_processes.all_threads = thorough or self.all_threads
        self._foreign = [pid for pid in {*self._users.uses, *programs} if pid not in ours]
        for pid in (*live, *self._foreign):
            self._measure(pid, now_ns, scan=scan)
            if scan and pid in self._tracked and pid not in ours:
                self._tracked[pid].frozen = rests and frozen(pid)
        self._take_roles(records)
        self._drop_all_but(live | set(self._foreign))
        self._worker_processes.keep(ours)
        found = [
            self._worker_processes.process(
                record, self._tracked.get(record.pid), (states or {}).get(record.pid), now_ns
            )
            for record in sorted(records, key=lambda r: (r.role is Role.CONSUMER, r.number))
            if record.pid and not record.program
        ]
        if scan and self._semaphores is not None:
            known = () if self._layout is None else dict(self._layout.posix_names).values()
            self._semaphores.scan(self._foreign, {*known})
        if scan:
            self._foreign_processes.sleep_proof.scan(
                self._foreign, indices, free=free_ns == now_ns, given=given, now_ns=now_ns
            )
        foreign = [
            self._foreign_processes.process(
                tracked, programs.get(pid), now_ns, self._foreign, self._roles.acted(pid)
            )
            for pid in sorted(self._foreign)
            if (tracked := self._tracked.get(pid)) is not None
        ]
        ended = self._deaths.update(foreign, now_ns, free_ns)
        dead = {(process.pid, process.start_time) for process in ended}
        found += [p for p in foreign if (p.pid, p.start_time) not in dead]
        return (*found, *ended)

    def _is_count_due(self, position: object, now_ns: int) -> bool:
        """While no word changes nobody comes to hold a lock; and while words change, a look now and then will do."""
        if now_ns - self._counted_ns >= COUNT_NS:
            return True
        if self._semaphores is None:
            return False
        at_rest = position == self._position
        return position is None or (at_rest and position != self._counted_position)

    def _nobody_else(self) -> bool:
        """Whether the kernel counts nobody at the locks but those that are seen."""
        pages = {file: {0} for file in self._users.semaphores}
        if self._layout is not None and (own := lock_pages(self._layout)):
            pages[self._users.identity] = own
        return nobody_else_has(pages, {*self._users.uses, *self._workers, os.getpid()})

    def _name_semaphores(self) -> None:
        """Find the files that its named semaphores have now."""
        names = {} if self._layout is None else dict(self._layout.posix_names)
        named = self._foreign_processes.named = named_files(self._layout, self._folder)
        self._users.semaphores = {
            file: named_semaphore_path(names[role], self._folder) for role, file in named.items()
        }

    def _take_roles(self, records: Iterable[WorkerRecord]) -> None:
        for record in records:
            tracked = self._tracked.get(record.pid)
            if tracked is not None and record.state is RecordState.LIVE:
                tracked.role = record.role

    def _drop_all_but(self, wanted: set[int]) -> None:
        for pid in self._tracked.keys() - wanted:
            self._tracked.pop(pid).close()

    def run_stamps(self) -> dict[int, RunStamp]:
        """Who has run how often; nothing while every role is known, or somebody is unseen.

        A process of several threads has no stamp: any of them could have run. Where the looks come close
        on each other, as at a ring without a lock, the time on a processor is not yet counted of one that
        runs: there those have a stamp that sleep.
        """
        unsure = self.unseen.may_take_part or (
            self._foreign_processes.waits_hidden and not self._lock_free
        )
        if unsure or not any(self._has_no_role(pid) for pid in self._foreign):
            return {}
        if self._lock_free:
            return {pid: sleep_stamp(pid) for pid in self._tracked}
        return {
            pid: run_stamp(pid) if tracked.last.threads == 1 else None
            for pid, tracked in self._tracked.items()
        }

    def infer_roles(self, before: dict[int, RunStamp], in_: int | None, out: int | None) -> None:
        """Learn roles from who ran while the indices moved; the next read shows them."""
        after = self.run_stamps() if before else {}
        if not after:
            self._roles.forget()
            return
        roles = {pid: tracked.role for pid, tracked in self._tracked.items()}
        sample = ContextSwitchSample(before, in_, out, after)
        for pid, role in self._roles.add(sample, roles).items():
            self._tracked[pid].role = role

    def learn_roles(self, roles: dict[int, Role]) -> None:
        """Take roles that are known from what the processes store."""
        for pid, role in roles.items():
            if pid in self._tracked:
                self._tracked[pid].role = role

    def writers(self, *, search: bool) -> dict[int, tuple[Mapping, ...]] | None:
        """Where each process that may store into the segment maps it, by PID. None: one has its file
        open for writing, and does not map it yet.

        ``search``: look first for processes that have come to map it.
        """
        if search:
            self._users.scan_changed(but=self._workers)
        uses = {pid: use for pid, use in self._users.uses.items() if pid != os.getpid()}
        if any(use.opened and not use.maps for use in uses.values()):
            return None
        found = {pid: use.maps for pid, use in uses.items() if use.may_write}
        found |= {pid: mappings(pid, self._users.identity) or () for pid in self._workers}
        return {
            pid: shared
            for pid, maps in found.items()
            if (shared := tuple(m for m in maps if m.shared))
        }

    def _has_no_role(self, pid: int) -> bool:
        tracked = self._tracked.get(pid)
        return tracked is not None and tracked.role is Role.UNKNOWN

    def states_of_blocked(self, records: tuple[WorkerRecord, ...]) -> dict[int, str]:
        """The kernel's state letter now of each worker whose record says that it is blocked."""
        found = {}
        for record in records:
            tracked = self._tracked.get(record.pid)
            if record.blocked and record.state is RecordState.LIVE and tracked is not None:
                now = tracked.stat.read()
                found[record.pid] = "X" if now is None else now.state
        return found

    def note_arrivals(self) -> None:
        """Note who has opened the segment or a semaphore, before this process does."""
        self._users.note_arrivals()

    def close(self) -> None:
        self._deaths.close()
        if self._semaphores is not None:
            self._semaphores.close()
        self._users.close()
        self._foreign_processes.sleep_proof.close()
        for tracked in self._tracked.values():
            tracked.close()
        self._tracked.clear()

    def _measure(self, pid: int, now_ns: int, *, scan: bool) -> None:
        tracked = self._tracked.get(pid)
        if tracked is None:
            new = track(pid, now_ns)
            if new is not None:
                self._tracked[pid] = new
            return
        if not scan and pid not in self._foreign:
            return
        if not tracked.refresh(now_ns):
            # Its PID may be another process's by now, which the next read finds.
            self._tracked.pop(pid).close()
        elif scan:
            foreign = pid in self._foreign
            tracked.measure(now_ns, foreign=foreign, busy=self._lock_free and foreign)
