"""The processes of a buffer: workers from their records, the others from /proc."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from shmtui.i18n import _
from shmtui.monitor.rates import RateWindow
from shmtui.monitor.role_inference import ContextSwitchSample, RoleInference, RunStamp
from shmtui.procfs.futex import FutexWait, futex_waits, sleeps_on_futex
from shmtui.procfs.identity import alive, describe_exit
from shmtui.procfs.maps import MapperWatch, mappings
from shmtui.procfs.process import (
    INIT,
    ProcessStat,
    StatFile,
    command,
    owner_of,
    run_stamp,
    started_at,
)
from shmtui.procfs.process_libc import libc_of
from shmtui.shm.control_format import RecordState
from shmtui.shm.control_records import WorkerRecord
from shmtui.shm.layout import LOCK_SIZE, SEM_SIZE, Layout
from shmtui.shm.libc import Libc, running_libc
from shmtui.shm.protocol import Role, SemaphoreRole, Step, step_name, waited_semaphore
from shmtui.shm.segment import SHM_DIR, FileIdentity, identity_at
from shmtui.shm.segment_reader import user_name
from shmtui.shm.semaphore import named_semaphore_path
from shmtui.snapshot import Origin, Process, ProcessState, SlotValue

SLOW_NS: Final = 500_000_000
"""How often CPU use is measured and /proc searched for newcomers."""


def worker_state(record: WorkerRecord, letter: str) -> ProcessState:
    """What a worker is doing, from its record and its letter in /proc."""
    if record.state is RecordState.ENDED:
        return ProcessState.ENDED
    if letter in {"T", "t"}:
        return ProcessState.STOPPED
    if record.paused:
        return ProcessState.PAUSED
    if record.stepping:
        return ProcessState.STEPPING
    if record.blocked:
        return ProcessState.BLOCKED
    if record.step is Step.STARTING:
        return ProcessState.STARTING
    return ProcessState.PACING if record.step is Step.PACE else ProcessState.RUNNING


def foreign_state(letter: str, blocked: bool, *, held: bool = False) -> ProcessState:
    """What a process that is no worker is doing, as far as /proc tells; ``held``: it is a program
    that its supervisor has stopped.
    """
    if letter in {"T", "t"}:
        return ProcessState.PAUSED if held else ProcessState.STOPPED
    if letter in {"Z", "X"}:
        return ProcessState.ENDED
    if blocked:
        return ProcessState.BLOCKED
    return ProcessState.RUNNING if letter == "R" else ProcessState.PACING


def named_files(layout: Layout | None, folder: str) -> dict[SemaphoreRole, FileIdentity]:
    """The files of a layout's named semaphores, as far as they exist."""
    found = {}
    for role, name in layout.names if layout is not None else ():
        identity = identity_at(named_semaphore_path(name, folder))
        if identity is not None:
            found[role] = identity
    return found


def semaphore_at(layout: Layout | None, offset: int) -> SemaphoreRole | None:
    """Which embedded semaphore, or lock in the mutex's place, a futex word at ``offset`` belongs to."""
    if layout is None:
        return None
    for role in SemaphoreRole:
        at = layout.semaphore_offset(role)
        if at is not None and at <= offset < at + SEM_SIZE:
            return role
    if layout.lock is not None and layout.lock <= offset < layout.lock + LOCK_SIZE:
        return SemaphoreRole.MUTEX
    return None


@dataclass(slots=True)
class _Seen:
    """What is remembered of a process between looks."""

    stat: StatFile
    start_time: int
    since: float
    """When it started, seconds since the epoch."""
    name: str
    user: str
    libc: Libc | None
    role: Role = Role.UNKNOWN
    cpu_seconds: float = 0.0
    cpu_at_ns: int = 0
    cpu: float | None = None
    blocked_since_ns: int = 0
    last: ProcessStat | None = None
    young: int = 4
    """Looks for which name and libc are read again."""


class ProcessTable:
    """Keeps up with the processes of one segment; each look returns frozen records."""

    def __init__(
        self, identity: FileIdentity, layout: Layout | None, folder: str = SHM_DIR
    ) -> None:
        self._watch = MapperWatch(identity)
        self._layout = layout
        self._seen: dict[int, _Seen] = {}
        self._rates: dict[int, RateWindow] = {}
        self._slow_at_ns = 0
        self._foreign: list[int] = []
        self._limits: set[str] = set()
        self._named = named_files(layout, folder)
        self._roles = RoleInference()

    @property
    def hidden(self) -> bool:
        """Whether somebody may map it, or wait, whom this user cannot look at."""
        return bool(self._watch.unreadable - {INIT} or self._limits)

    @property
    def limits(self) -> tuple[str, ...]:
        """What this user may not see, and how to get to see it."""
        found = sorted(self._limits)
        if self._watch.unreadable - {INIT}:
            found.append(hidden_text(sorted(self._watch.unreadable - {INIT})))
        return tuple(found)

    @property
    def foreign(self) -> int:
        """How many processes that are no workers of ours map the segment."""
        return len(self._foreign)

    def read(
        self,
        records: tuple[WorkerRecord, ...],
        now_ns: int,
        states: dict[int, str] | None = None,
        *,
        thorough: bool = False,
    ) -> tuple[Process, ...]:
        """Everyone who takes part, workers first in the order of their birth.

        ``states``: state letters that were just read, by PID. ``thorough``: search all of /proc for newcomers now, and not by turns.
        """
        live = {r.pid for r in records if r.state is RecordState.LIVE}
        ours = {r.pid for r in records if not r.program}
        slow = thorough or now_ns - self._slow_at_ns >= SLOW_NS
        if slow:
            self._slow_at_ns = now_ns
            self._watch.scan(everybody=thorough, but=ours)
        programs = {r.pid: r for r in records if r.program and r.state is RecordState.LIVE}
        self._limits.clear()
        self._foreign = [pid for pid in {*self._watch.maps, *programs} if pid not in ours]
        for pid in (*live, *self._foreign):
            self._measure(pid, now_ns, slow=slow)
        for record in records:
            if record.pid in self._seen and record.pid in live:
                self._seen[record.pid].role = record.role
        wanted = live | set(self._foreign)
        for pid in self._seen.keys() - wanted:
            self._seen.pop(pid).stat.close()
        for pid in self._rates.keys() - ours:
            del self._rates[pid]
        found = [
            self._worker(record, now_ns, (states or {}).get(record.pid))
            for record in sorted(records, key=lambda r: (r.role is Role.CONSUMER, r.number))
            if record.pid and not record.program
        ]
        found += [
            p
            for pid in sorted(self._foreign)
            if (p := self._outsider(pid, programs.get(pid), now_ns)) is not None
        ]
        return tuple(found)

    def run_stamps(self) -> dict[int, RunStamp]:
        """Who has been on a processor how often; nothing while nobody's role is open.

        Of several threads any could have run: there is no stamp.
        """
        if self.hidden or not any(self._open_role(pid) for pid in self._foreign):
            return {}
        return {
            pid: run_stamp(pid) if seen.last is not None and seen.last.threads == 1 else None
            for pid, seen in self._seen.items()
        }

    def infer_roles(self, before: dict[int, RunStamp], in_: int | None, out: int | None) -> None:
        """Learn roles from who ran while the indices moved; the next look shows them."""
        after = self.run_stamps() if before else {}
        if not after:
            self._roles.forget()
            return
        roles = {pid: seen.role for pid, seen in self._seen.items()}
        for pid, role in self._roles.see(
            ContextSwitchSample(before, in_, out, after), roles
        ).items():
            self._seen[pid].role = role

    def _open_role(self, pid: int) -> bool:
        seen = self._seen.get(pid)
        return seen is not None and seen.role is Role.UNKNOWN

    def states_of_blocked(self, records: tuple[WorkerRecord, ...]) -> dict[int, str]:
        """The kernel's word now on the workers that say they are blocked, where they are known."""
        found = {}
        for record in records:
            seen = self._seen.get(record.pid)
            if record.blocked and record.state is RecordState.LIVE and seen is not None:
                now = seen.stat.read()
                found[record.pid] = "X" if now is None else now.state
        return found

    def close(self) -> None:
        """Give all descriptors back."""
        for seen in self._seen.values():
            seen.stat.close()
        self._seen.clear()

    def _measure(self, pid: int, now_ns: int, *, slow: bool) -> None:
        seen = self._seen.get(pid)
        if seen is None:
            try:
                stat = StatFile(pid)
            except OSError:
                return
            first = stat.read()
            if first is None:
                stat.close()
                return
            name = short_command(command(pid) or first.name)
            uid = owner_of(pid)
            user = "" if uid is None else user_name(uid)
            seen = self._seen[pid] = _Seen(
                stat=stat,
                start_time=first.start_time,
                since=started_at(first.start_time),
                name=name,
                user=user,
                libc=libc_of(pid),
                last=first,
            )
            seen.cpu_seconds, seen.cpu_at_ns = first.cpu_seconds, now_ns
            return
        if not slow and pid not in self._foreign:
            return
        now = seen.last = seen.stat.read()
        if now is None or not slow:
            return
        if seen.young:
            # It may have become another program since: what starts a program is one itself.
            seen.young -= 1
            seen.name, seen.libc = short_command(command(pid) or now.name), libc_of(pid)
        elapsed = (now_ns - seen.cpu_at_ns) / 1e9
        if elapsed >= 0.9 * SLOW_NS / 1e9:
            seen.cpu = 100 * (now.cpu_seconds - seen.cpu_seconds) / elapsed
            seen.cpu_seconds, seen.cpu_at_ns = now.cpu_seconds, now_ns

    def _worker(self, record: WorkerRecord, now_ns: int, fresh: str | None) -> Process:
        window = self._rates.get(record.pid)
        if window is None:
            window = self._rates[record.pid] = RateWindow(now_ns)
        window.add(record.items, record.heartbeat_ns)
        seen = self._seen.get(record.pid)
        letter = fresh or (seen.last.state if seen is not None and seen.last is not None else "?")
        state = worker_state(record, letter)
        started = None if seen is None else seen.start_time
        if state is not ProcessState.ENDED and not alive_worker(record, letter, started):
            state = ProcessState.ENDED
        blocked = state is ProcessState.BLOCKED
        waited = waited_semaphore(record.role, record.step)
        ended = state is ProcessState.ENDED
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
            libc=running_libc(),
            target_rate=record.target_rate,
            rate=0.0 if ended else self._worker_rate(record, window, now_ns),
            items=record.items,
            last_item=self._value(record.last_item) if record.items else None,
            cpu=None if ended or seen is None else seen.cpu,
            user=None if seen is None else seen.user,
            threads=None if seen is None or seen.last is None else seen.last.threads,
            letter="" if letter == "?" else letter,
            since=None if seen is None else seen.since,
            start_time=record.start_time,
            holds_mutex=record.holds_mutex,
            fault=record.fault,
            faulted=record.faulted,
            ending=describe_exit(record.exit_status) if record.state is RecordState.ENDED else None,
        )

    @staticmethod
    def _worker_rate(record: WorkerRecord, window: RateWindow, now_ns: int) -> float | None:
        """Measured here if it can be; before that, what the supervisor measured."""
        own = window.rate(now_ns)
        if own is None and record.shown_rate == record.shown_rate:
            return record.shown_rate
        return own

    def _value(self, raw: bytes) -> SlotValue:
        """A scalar item as itself; of a compound one the record holds no copy."""
        item = None if self._layout is None else self._layout.item
        return item.decode(raw) if item is not None and item.shape is None else None

    def _outsider(self, pid: int, program: WorkerRecord | None, now_ns: int) -> Process | None:
        seen = self._seen.get(pid)
        if seen is None or seen.last is None:
            return None
        waits, asleep = self._waits(pid, seen)
        blocked_on = waits[0][0] if waits else None
        blocked = blocked_on is not None or asleep
        seen.blocked_since_ns = (seen.blocked_since_ns or now_ns) if blocked else 0
        if blocked_on is SemaphoreRole.EMPTY:
            seen.role = Role.PRODUCER
        elif blocked_on is SemaphoreRole.FULL:
            seen.role = Role.CONSUMER
        return Process(
            pid=pid,
            name=seen.name,
            role=seen.role if program is None else program.role,
            state=foreign_state(
                seen.last.state, blocked, held=program is not None and program.hold
            ),
            origin=Origin.FOREIGN if program is None else Origin.PROGRAM,
            blocked_on=blocked_on,
            blocked_for=(now_ns - seen.blocked_since_ns) / 1e9 if blocked else None,
            waits=tuple(role for role, _ in waits),
            wakeable=None if not waits else not any(w.private for _, w in waits),
            libc=seen.libc,
            cpu=seen.cpu,
            user=seen.user,
            threads=seen.last.threads,
            letter=seen.last.state,
            since=seen.since,
            start_time=seen.start_time,
        )

    def _waits(self, pid: int, seen: _Seen) -> tuple[list[tuple[SemaphoreRole, FutexWait]], bool]:
        """Its threads' waits on the semaphores; and whether it sleeps on some futex, where the
        semaphore is hidden or no layout says which words are semaphores. Where one does, other
        futex words of the segment say nothing here.
        """
        waits = futex_waits(pid, self._watch.maps.get(pid, ()))
        if waits is None:
            self._limits.add(
                _(
                    "what PID {pid} waits on is hidden: run shmtui as {user} or as root, or lower "
                    "/proc/sys/kernel/yama/ptrace_scope"
                ).format(pid=pid, user=seen.user or _("its user"))
            )
            return [], bool(sleeps_on_futex(pid))
        found = [(r, w) for w in waits if (r := semaphore_at(self._layout, w.offset)) is not None]
        for role, identity in self._named.items():
            maps = mappings(pid, identity)
            found += [(role, wait) for wait in (maps and futex_waits(pid, maps)) or ()]
        return found, self._layout is None and bool(waits)


def alive_worker(record: WorkerRecord, letter: str, started: int | None) -> bool:
    """Whether a record's process still runs; what is known from /proc, its letter and its start
    time, saves a look. The PID of one that died may be somebody else's by now.
    """
    if letter in "?ZX":
        return alive(record.pid, record.start_time)
    return started == record.start_time


def hidden_text(pids: Sequence[int]) -> str:
    """That processes could not be looked at, and the way out.

    >>> hidden_text([7, 8])
    '2 processes cannot be looked at and may map it too: run shmtui as root'
    """
    if len(pids) == 1:
        way = (
            _("even root may not") if os.geteuid() == 0 else _("run shmtui as its user or as root")
        )
        return _("PID {pid} cannot be looked at and may map it too: {way}").format(
            pid=pids[0], way=way
        )
    return _("{count} processes cannot be looked at and may map it too: run shmtui as root").format(
        count=len(pids)
    )


def short_command(text: str) -> str:
    """A command line with the path of its program cut to the name, arguments kept.

    >>> short_command("/usr/bin/produtor --fast"), short_command("./produtor")
    ('produtor --fast', './produtor')
    """
    program, _, rest = text.partition(" ")
    if program.startswith("/"):
        program = PurePath(program).name
    return f"{program} {rest}" if rest else program
