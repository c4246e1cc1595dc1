"""The processes of one buffer: workers from their records, all others from /proc."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Final

from shmtui.i18n import _
from shmtui.monitor.counted_rates import RateWindow
from shmtui.monitor.deaths import Deaths
from shmtui.monitor.process_states import (
    access_of,
    besides_of,
    foreign_state,
    named_files,
    semaphore_at,
    sync_name,
    takes_part,
    worker_state,
)
from shmtui.monitor.role_inference import ContextSwitchSample, RoleInference, RunStamp
from shmtui.monitor.sleep_proof import Indices, SleepProof
from shmtui.monitor.tracked_process import SCAN_NS, TrackedProcess, track
from shmtui.monitor.unseen_processes import Unseen, UnseenProcesses
from shmtui.procfs.credentials import FileAccess
from shmtui.procfs.file_users import FileUse, FileUsers
from shmtui.procfs.futex import (
    FutexWait,
    SystemCall,
    gives_system_calls,
    named_semaphore_waits,
    sleeps_on_futex,
    system_calls,
    waits_in,
    waits_on_own_copy,
)
from shmtui.procfs.identity import alive, describe_exit, same_address_space
from shmtui.procfs.maps import Mapping, mappings
from shmtui.procfs.run_times import run_stamp, sleep_stamp
from shmtui.procfs.semop_waits import is_semop, waited_member
from shmtui.procfs.timed_calls import asleep_for_good, goes_on
from shmtui.shm.control_format import RecordState
from shmtui.shm.control_records import WorkerRecord
from shmtui.shm.layout import Layout
from shmtui.shm.libc import running_libc
from shmtui.shm.protocol import Role, SemaphoreRole, step_name, waited_semaphore
from shmtui.shm.segment import SHM_DIR, FileIdentity
from shmtui.shm.segment_reader import user_name
from shmtui.shm.system_v import set_member
from shmtui.shm.value import Value
from shmtui.snapshot import Access, Origin, Process, ProcessState

_NARROW: Final = 32
"""Bits of a 32-bit program."""
_NO_USE: Final = FileUse()
_AWAKE: Final = {ProcessState.RUNNING, ProcessState.PACING}
"""States of a process that waits for nothing of the segment."""
_SENT_FOR_WORK: Final = sum(
    1 << (number - 1)
    for number in (
        signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGCHLD, signal.SIGURG,
        signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO,
    )
)  # fmt: skip
"""Signals whose handlers do a program's work, a bit each; the others end, stop or resize it."""
_NO_ORDERS: Final = sum(
    1 << (number - 1)
    for number in (
        signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV,
        signal.SIGSYS, 32, 33,
    )
)  # fmt: skip
"""Signals of a program's own faults, and the two that glibc and musl keep for threads (nptl(7))."""


class ProcessTable:
    """Follows the processes of one segment; each read returns frozen records."""

    def __init__(
        self,
        identity: FileIdentity,
        layout: Layout | None,
        folder: str = SHM_DIR,
        likely: Callable[[], Set[int]] | None = None,
    ) -> None:
        """``likely``: as `FileUsers` has it."""
        self._users = FileUsers(identity, likely)
        self._layout = layout
        self._lock_free = layout is not None and layout.lock_free
        self._folder = folder
        self._tracked: dict[int, TrackedProcess] = {}
        self._rates: dict[int, RateWindow] = {}
        self._scanned_ns = 0
        self._foreign: list[int] = []
        self._workers: set[int] = set()
        self._waits_hidden: list[int] = []
        self._unseen = UnseenProcesses()
        self._access: FileAccess | None = None
        self._worker_libc = running_libc()
        self._named: dict[SemaphoreRole, FileIdentity] = {}
        self._roles = RoleInference()
        self._deaths = Deaths()
        self._sleep_proof = SleepProof()

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
    def waits_hidden(self) -> tuple[int, ...]:
        """PIDs of those in the table whose waits this user may not read."""
        return tuple(self._waits_hidden)

    @property
    def limits(self) -> tuple[str, ...]:
        """What this user may not see, and how to get to see it."""
        waits = sorted(self._wait_limit(pid) for pid in self._waits_hidden)
        return (*waits, *self.unseen.limits)

    def _wait_limit(self, pid: int) -> str:
        tracked = self._tracked.get(pid)
        user = tracked.user if tracked is not None else ""
        if not gives_system_calls(pid):
            return _(
                "what PID {pid} waits on is unknown: this kernel has no /proc/PID/syscall"
            ).format(pid=pid)
        if user == user_name(os.geteuid()):
            return _(
                "what PID {pid} waits on is hidden: run shmtui as root, or lower "
                "/proc/sys/kernel/yama/ptrace_scope"
            ).format(pid=pid)
        return _("what PID {pid} waits on is hidden: run shmtui as {user} or as root").format(
            pid=pid, user=user or _("its user")
        )

    @property
    def mappers(self) -> frozenset[int]:
        """PIDs of those that map the segment, workers among them."""
        return frozenset(self._tracked)

    @property
    def foreign(self) -> int:
        """How many processes that are no workers of ours may move something in the segment."""
        return sum(takes_part(self._use(pid)) for pid in self._foreign)

    def read(
        self,
        records: tuple[WorkerRecord, ...],
        now_ns: int,
        access: FileAccess,
        states: dict[int, str] | None = None,
        *,
        indices: Indices = (None, None),
        free_ns: int | None = None,
        thorough: bool = False,
    ) -> tuple[Process, ...]:
        """All processes that use the segment: workers first, in the order in which they were started.

        ``access``: whose the segment is. ``states``: state letters that were just read, by PID.
        ``indices``: the ring's, as just read; ``free_ns``: when mutex was last seen with
        its one permit, which is ``now_ns`` if it had it then.
        ``thorough``: search all of /proc for new processes now, and not a part of it.
        """
        live = {r.pid for r in records if r.state is RecordState.LIVE}
        ours = self._workers = {r.pid for r in records if not r.program}
        scan = thorough or now_ns - self._scanned_ns >= SCAN_NS
        if scan:
            self._scanned_ns = now_ns
            self._named = named_files(self._layout, self._folder)
            self._users.semaphores = frozenset(self._named.values())
            self._users.scan(everybody=thorough, but=ours)
        if scan or access != self._access:
            self._access = access
            self._unseen.update(self._users.unreadable, self._users.refused, access)
        programs = {r.pid: r for r in records if r.program and r.state is RecordState.LIVE}
        self._waits_hidden.clear()
        self._foreign = [pid for pid in {*self._users.uses, *programs} if pid not in ours]
        for pid in (*live, *self._foreign):
            self._measure(pid, now_ns, scan=scan)
        self._take_roles(records)
        self._drop_all_but(live | set(self._foreign), ours)
        found = [
            self._worker(record, now_ns, (states or {}).get(record.pid))
            for record in sorted(records, key=lambda r: (r.role is Role.CONSUMER, r.number))
            if record.pid and not record.program
        ]
        if scan:
            self._sleep_proof.scan(self._foreign, indices, free=free_ns == now_ns)
        foreign = [
            process
            for pid in sorted(self._foreign)
            if (process := self._outsider(pid, programs.get(pid), now_ns)) is not None
        ]
        ended = self._deaths.update(foreign, now_ns, free_ns)
        dead = {(process.pid, process.start_time) for process in ended}
        found += [p for p in foreign if (p.pid, p.start_time) not in dead]
        return (*found, *ended)

    def _take_roles(self, records: Iterable[WorkerRecord]) -> None:
        for record in records:
            tracked = self._tracked.get(record.pid)
            if tracked is not None and record.state is RecordState.LIVE:
                tracked.role = record.role

    def _drop_all_but(self, wanted: set[int], workers: set[int]) -> None:
        for pid in self._tracked.keys() - wanted:
            self._tracked.pop(pid).stat.close()
        for pid in self._rates.keys() - workers:
            del self._rates[pid]

    def run_stamps(self) -> dict[int, RunStamp]:
        """Who has run how often; nothing while every role is known, or somebody is unseen.

        A process of several threads has no stamp: any of them could have run. Where the looks come close
        on each other, as at a ring without a lock, the time on a processor is not yet counted of one that
        runs: there those have a stamp that sleep.
        """
        unsure = self.unseen.may_take_part or (self._waits_hidden and not self._lock_free)
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

    def close(self) -> None:
        """Give all descriptors back."""
        self._deaths.close()
        for tracked in self._tracked.values():
            tracked.stat.close()
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
        if not tracked.refresh():
            # Its PID may be another process's by now, which the next read finds.
            self._tracked.pop(pid).stat.close()
        elif scan:
            tracked.measure(pid, now_ns, busy=self._lock_free and pid in self._foreign)

    def _worker(self, record: WorkerRecord, now_ns: int, fresh: str | None) -> Process:
        window = self._rates.get(record.pid)
        if window is None:
            window = self._rates[record.pid] = RateWindow(now_ns)
        window.add(record.items, record.heartbeat_ns)
        tracked = self._tracked.get(record.pid)
        seen = None if tracked is None else tracked.last
        letter = fresh or ("?" if seen is None else seen.state)
        state = worker_state(record, letter)
        started = None if tracked is None else tracked.start_time
        if state is not ProcessState.ENDED and not alive_worker(record, letter, started):
            state = ProcessState.ENDED
        ended, blocked = state is ProcessState.ENDED, state is ProcessState.BLOCKED
        waited = waited_semaphore(record.role, record.step)
        exited = record.state is RecordState.ENDED
        return Process(
            pid=record.pid,
            name=record.name,
            role=record.role,
            state=state,
            origin=Origin.WORKER,
            step=step_name(record.role, record.step),
            blocked_on=waited if blocked else None,
            blocked_for=max(now_ns - record.blocked_since_ns, 0) / 1e9 if blocked else None,
            waits=(waited,) if blocked and waited is not None else (),
            wakeable=True if blocked else None,
            libc=self._worker_libc,
            target_rate=record.target_rate,
            rate=0.0 if ended else _worker_rate(record, window, now_ns),
            items=record.items,
            last_item=self._value(record.last_item) if record.items else None,
            cpu=None if ended or tracked is None else tracked.cpu,
            user=None if tracked is None else tracked.user,
            threads=None if seen is None else seen.live_threads,
            access=Access.WRITE,
            letter="" if letter == "?" else letter,
            since=None if tracked is None else tracked.since,
            start_time=record.start_time,
            holds_mutex=record.holds_mutex,
            fault=record.fault,
            faulted=record.faulted,
            ending=describe_exit(record.exit_status) if exited else None,
        )

    def _value(self, raw: bytes) -> Value:
        """A scalar item as itself; of a compound one the record holds no copy."""
        item = None if self._layout is None else self._layout.item
        return item.decode(raw) if item is not None and item.shape is None else None

    def _outsider(self, pid: int, program: WorkerRecord | None, now_ns: int) -> Process | None:
        tracked = self._tracked.get(pid)
        if tracked is None:
            return None
        use = self._use(pid)
        access, besides = access_of(use), besides_of(use)
        # The fields of a 32-bit program's struct lie elsewhere: its words are none of the layout's.
        layout = None if tracked.bits == _NARROW else self._layout
        waits, others, asleep, calls = self._waits(pid, use, layout)
        private = any(wait.private for _role, wait in waits)
        blocked_on = waits[0][0] if waits else None
        blocked = blocked_on is not None or asleep
        waiter = waits[0][1].tid if waits else None
        tracked.note_wait(blocked, run_stamp(pid, waiter) if blocked else None, now_ns)
        if blocked_on is SemaphoreRole.EMPTY:
            tracked.role = Role.PRODUCER
        elif blocked_on is SemaphoreRole.FULL:
            tracked.role = Role.CONSUMER
        elif access is Access.READ and not besides:
            tracked.role = Role.OBSERVER
        elif tracked.role is Role.OBSERVER:
            tracked.role = Role.UNKNOWN
        letter, held = tracked.letter, program is not None and program.hold
        state, on_by_itself = foreign_state(letter, blocked, held=held), goes_on(pid, letter, calls)
        if layout is not None and layout.lock_free and state in _AWAKE:
            state = tracked.activity(bool(on_by_itself)) or state
        return Process(
            pid=pid,
            name=tracked.name,
            role=tracked.role if program is None else program.role,
            state=state,
            origin=Origin.FOREIGN if program is None else Origin.PROGRAM,
            blocked_on=blocked_on,
            blocked_for=(now_ns - tracked.blocked_since_ns) / 1e9 if blocked else None,
            blocked_before=tracked.blocked_before,
            waits=tuple(role for role, _wait in waits),
            timed_waits=tuple(role for role, wait in waits if wait.timed),
            sleeps_on=tuple(name for name, _unexplained, _timed in others),
            sleeps_timed=any(timed for _name, _unexplained, timed in others),
            unexplained_words=tuple(at for _name, at, _timed in others if at is not None),
            wakeable=None if not waits else not private,
            same_memory=private and self._may_share_memory(pid, use),
            libc=tracked.libc,
            cpu=tracked.cpu,
            user=tracked.user,
            threads=tracked.last.live_threads,
            letter=letter,
            goes_on=on_by_itself,
            asleep_for_good=letter == "S" and asleep_for_good(calls, len(waits) + len(others)),
            since=tracked.since,
            start_time=tracked.start_time,
            access=access,
            idle_since_moved=self._sleep_proof.slept_while_moved(pid),
            idle_since_free=self._sleep_proof.slept_while_free(pid),
            parent=tracked.last.parent,
            failed_children=tuple(
                f"PID {child} ({describe_exit(code)})" for child, code in tracked.failed_children
            ),
            bits=tracked.bits,
            besides=besides,
            has_handlers=bool(tracked.last.caught & _SENT_FOR_WORK),
            catches_signals=bool(tracked.last.caught & ~_NO_ORDERS),
            mapped_size=use.mapped_size if use.maps else None,
        )

    def _may_share_memory(self, pid: int, use: FileUse) -> bool:
        """Whether another process has the address space of ``pid``, or may have."""
        starts = {each.start for each in use.maps}
        others = (o for o in self._foreign if o != pid)
        alike = (o for o in others if {each.start for each in self._use(o).maps} == starts)
        return any(same_address_space(pid, other) is not False for other in alike)

    def _use(self, pid: int) -> FileUse:
        return self._users.uses.get(pid, _NO_USE)

    def _waits(
        self, pid: int, use: FileUse, layout: Layout | None
    ) -> tuple[
        list[tuple[SemaphoreRole, FutexWait]],
        tuple[tuple[str, int | None, bool], ...],
        bool,
        dict[int, SystemCall | None] | None,
    ]:
        """The waits of its threads on the semaphores; what else they sleep on, each with its byte
        where no layout explains it, and whether it has a timeout; whether it sleeps on a futex without a role, on one
        of a copy of its own, or on some futex where its waits are hidden; and the system calls of
        its threads, where they can be read.
        """
        calls = system_calls(pid)
        if calls is None:
            self._waits_hidden.append(pid)
            return [], (), bool(sleeps_on_futex(pid)), None
        waits = waits_in(calls, use.maps)
        found = [(r, w) for w in waits if (r := semaphore_at(layout, w.offset)) is not None]
        for role, identity in self._named.items():
            found += [(role, w) for w in waits_in(calls, use.semaphores.get(identity, ()))]
        found += self._set_waits(pid, calls)
        others = tuple(
            (*sync_name(layout, wait.offset), wait.timed)
            for wait in waits
            if semaphore_at(layout, wait.offset) is None
        )
        if not found and not others:
            names = named_semaphore_waits(pid, calls, self._folder)
            others = tuple((name, None, False) for name in names)
        return found, others, bool(others) or waits_on_own_copy(calls, use.maps), calls

    def _set_waits(
        self, pid: int, calls: dict[int, SystemCall | None]
    ) -> Iterator[tuple[SemaphoreRole, FutexWait]]:
        """The waits of its threads on semaphores of System V sets that play a role."""
        roles = (
            {} if self._layout is None else {n: r for r, n in self._layout.names if set_member(n)}
        )
        for tid, call in calls.items() if roles else ():
            if call is not None and is_semop(call):
                role = roles.get(waited_member(pid, call) or "")
                if role is not None:
                    yield role, FutexWait(tid, -1, private=False, timed=bool(call.timeout))


def _worker_rate(record: WorkerRecord, window: RateWindow, now_ns: int) -> float | None:
    """As measured here, and before that can be, as the supervisor measured it (NaN: not yet)."""
    own = window.rate(now_ns)
    if own is None and record.shown_rate == record.shown_rate:
        return record.shown_rate
    return own


def alive_worker(record: WorkerRecord, letter: str, started: int | None) -> bool:
    """Whether the process of a record still runs. Its state letter and start time in /proc, where
    they are known, answer without reading /proc again: its PID may be another process's by now.
    """
    if letter in "?ZX":
        return alive(record.pid, record.start_time)
    return started == record.start_time
