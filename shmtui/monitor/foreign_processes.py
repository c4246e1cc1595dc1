"""Processes that are no workers as a snapshot shows them: what they have, wait on, and may do, by /proc."""

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from shmtui.i18n import _
from shmtui.monitor.process_states import (
    access_of,
    besides_of,
    foreign_state,
    role_names,
    semaphore_at,
    sync_name,
)
from shmtui.monitor.sleep_proof import SleepProof
from shmtui.monitor.tracked_process import TrackedProcess
from shmtui.procfs.file_use import FileUse
from shmtui.procfs.file_users import FileUsers
from shmtui.procfs.futex import (
    FutexWait,
    SystemCall,
    gives_system_calls,
    named_semaphore_waits,
    sleeps_on_futex,
    waits_for_others,
    waits_in,
    waits_on_own_copy,
)
from shmtui.procfs.identity import describe_exit, same_address_space
from shmtui.procfs.run_times import run_stamp
from shmtui.procfs.semop_waits import is_semop, waited_member
from shmtui.procfs.thread_calls import CallsRead
from shmtui.procfs.timed_calls import asleep_for_good, goes_on, sleep_length
from shmtui.shm.control_records import WorkerRecord
from shmtui.shm.layout import Layout
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment import FileIdentity
from shmtui.shm.segment_reader import user_name
from shmtui.shm.system_v import set_member
from shmtui.snapshot import Access, Origin, Process, ProcessState

_NARROW: Final = 32
"""Bits of a 32-bit program."""
_AWAKE: Final = {ProcessState.RUNNING, ProcessState.ASLEEP}
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


class _Waits(msgspec.Struct, frozen=True):
    """What the threads of one process sleep on."""

    on_roles: Sequence[tuple[SemaphoreRole, FutexWait]] = ()
    elsewhere: tuple[tuple[str, int | None, bool], ...] = ()
    """What else of the segment, or which other named semaphore: each with its byte where no layout explains
    it, and whether it has a timeout."""
    own_words: bool = False
    """Whether each of those bytes is waited for by FUTEX_WAIT."""
    asleep: bool = False
    """On a futex without a role, on one of a copy of its own, or on some futex where its waits are hidden."""
    read: CallsRead | None = None
    """The system calls of its threads; None where they are hidden."""


class ForeignProcesses:
    """Makes the processes that use a segment and are no workers."""

    def __init__(
        self, users: FileUsers, layout: Layout | None, folder: str, *, watches_forks: bool = True
    ) -> None:
        self._users = users
        self._layout = layout
        self._names = role_names(layout)
        self._folder = folder
        self.named: dict[SemaphoreRole, FileIdentity] = {}
        """The files of the layout's named semaphores."""
        self.semaphore = ""
        """The named semaphore that is looked at in a segment's place."""
        self.sleep_proof = SleepProof(watches_forks=watches_forks)
        self.waits_hidden: dict[int, str] = {}
        """Whose waits this user may not read: users by PID; of the processes made since it was
        cleared.
        """
        self.all_threads = False
        """Whether all threads of a process are looked at, however many it has."""

    @property
    def wait_limits(self) -> list[str]:
        """That these waits are hidden, and how to get to see them."""
        return sorted(_wait_limit(pid, user) for pid, user in self.waits_hidden.items())

    def process(
        self,
        tracked: TrackedProcess,
        program: WorkerRecord | None,
        now_ns: int,
        foreign: Iterable[int],
        acted: tuple[Role, ...] = (),
    ) -> Process:
        """One of them. ``program``: its record, where it was started on the user's word;
        ``foreign``: the PIDs of all; ``acted``: as `Process.acted`.
        """
        pid = tracked.pid
        use = self._users.use(pid)
        access, besides = access_of(use), besides_of(use)
        # The fields of a 32-bit program's struct lie elsewhere: its words are none of the layout's.
        layout = None if tracked.bits == _NARROW else self._layout
        seen = self._waits(tracked, use, layout)
        waits, others, read = seen.on_roles, seen.elsewhere, seen.read
        private = any(wait.private for _role, wait in waits)
        blocked_on = waits[0][0] if waits else None
        blocked = blocked_on is not None or seen.asleep
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
        state = foreign_state(letter, blocked, held=held)
        on_by_itself = (
            goes_on(pid, letter, None)
            if read is None
            else goes_on(pid, letter, read.calls, whole=read.threads is None)
        )
        whole = read.calls if read is not None and read.threads is None else None
        if layout is not None and layout.lock_free and state in _AWAKE:
            state = tracked.activity(bool(on_by_itself)) or state
        return Process(
            pid=pid,
            name=tracked.name,
            role=tracked.role if program is None else program.role,
            state=state,
            origin=Origin.FOREIGN if program is None else Origin.PROGRAM,
            blocked_on=blocked_on,
            blocked_name="" if blocked_on is None else self._names.get(blocked_on, ""),
            blocked_for=(now_ns - tracked.blocked_since_ns) // 1000 / 1e6 if blocked else None,
            blocked_before=tracked.blocked_before,
            waits=tuple(role for role, _wait in waits),
            timed_waits=tuple(role for role, wait in waits if wait.timed),
            sleeps_on=tuple(name for name, _unexplained, _timed in others),
            sleeps_timed=any(timed for _name, _unexplained, timed in others),
            own_words=seen.own_words and tracked.libc is Libc.GLIBC,
            unexplained_words=tuple(at for _name, at, _timed in others if at is not None),
            wakeable=None if not waits else not private,
            same_memory=(private or read is None) and self._may_share_memory(pid, use, foreign),
            libc=tracked.libc,
            cpu=tracked.cpu,
            user=tracked.user,
            threads=tracked.last.live_threads,
            threads_read=None if read is None else read.threads,
            letter=letter,
            goes_on=on_by_itself,
            sleeps_for=(
                sleep_length(pid, read.calls)
                if on_by_itself and read is not None and tracked.role is Role.UNKNOWN
                else None
            ),
            asleep_for_good=letter == "S" and asleep_for_good(whole, len(waits) + len(others)),
            since=tracked.since,
            start_time=tracked.start_time,
            access=access,
            acted=acted,
            runs=self.sleep_proof.runs(pid),
            idle_since_moved=self.sleep_proof.slept_while_moved(pid),
            idle_since_free=self.sleep_proof.slept_while_free(pid),
            parent=tracked.last.parent,
            failed_children=tuple(
                f"PID {child} ({describe_exit(code)})" for child, code in tracked.failed_children
            ),
            bits=tracked.bits,
            besides=besides,
            has_handlers=bool(tracked.last.caught & _SENT_FOR_WORK),
            catches_signals=bool(tracked.last.caught & ~_NO_ORDERS),
            mapped_size=use.mapped_size if use.maps else None,
            mapped_from=min((m.offset for m in use.maps), default=None),
        )

    def _may_share_memory(self, pid: int, use: FileUse, foreign: Iterable[int]) -> bool:
        """Whether another process has the address space of ``pid``, or may have."""
        starts = {each.start for each in use.maps}
        others = (o for o in foreign if o != pid)
        alike = (o for o in others if {each.start for each in self._users.use(o).maps} == starts)
        return any(same_address_space(pid, other) is not False for other in alike)

    def _waits(self, tracked: TrackedProcess, use: FileUse, layout: Layout | None) -> "_Waits":
        pid = tracked.pid
        read = tracked.thread_calls.read(tracked.last.threads, everyone=self.all_threads)
        if read is None:
            self.waits_hidden[pid] = tracked.user
            return _Waits(asleep=bool(sleeps_on_futex(pid)))
        calls, waits = read.calls, waits_in(read.calls, use.maps)
        found = [(r, w) for w in waits if (r := semaphore_at(layout, w.offset)) is not None]
        for role, identity in self.named.items():
            found += [(role, w) for w in waits_in(calls, use.semaphores.get(identity, ()))]
        found += self._set_waits(pid, calls)
        others = tuple(
            (*sync_name(layout, wait.offset, self.semaphore), wait.timed)
            for wait in waits
            if semaphore_at(layout, wait.offset) is None
        )
        strange = [w for w in waits if sync_name(layout, w.offset, self.semaphore)[1] is not None]
        own = all(w.plain for w in strange if semaphore_at(layout, w.offset) is None)
        if not found and not others:
            names = named_semaphore_waits(pid, calls, self._folder)
            others = tuple((name, None, False) for name in names)
        if read.threads is not None:
            tids = (w.tid for w in (*(w for _role, w in found), *waits))
            tracked.thread_calls.keep((*tids, *waits_for_others(calls)))
        asleep = bool(others) or waits_on_own_copy(calls, use.maps)
        return _Waits(found, others, own, asleep, read)

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


def _wait_limit(pid: int, user: str) -> str:
    if not gives_system_calls(pid):
        return _("what PID {pid} waits on is unknown: this kernel has no /proc/PID/syscall").format(
            pid=pid
        )
    if user == user_name(os.geteuid()):
        return _(
            "what PID {pid} waits on is hidden: run shmtui as root, or lower "
            "/proc/sys/kernel/yama/ptrace_scope"
        ).format(pid=pid)
    return _("what PID {pid} waits on is hidden: run shmtui as {user} or as root").format(
        pid=pid, user=user or _("its user")
    )
