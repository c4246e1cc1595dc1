"""Processes that this user may not read: which of them may take part, and what is assumed.

A process whose maps are unreadable may map the segment. It counts where it could open the file
for writing and has shared memory in use: a login's (sd-pam) or an ssh-agent has none. Root always
could; root's processes are assumed to take no part, unless the segment is root's own, and the
assumption is named. So are the processes of users that may not write. The machine's first process
is its init, and left out; a container's may be the program itself, and counts like any other.

A desktop has many that could take part, as the processes of a browser that lock themselves in, or
a window manager with a right of its own. Where the kernel counts nobody at the locks but those
that are seen (`shmtui.procfs.page_counts`), none of them does.
"""

import os
from collections.abc import Callable, Iterable, Set
from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.procfs.credentials import (
    ROOT,
    Credentials,
    FileAccess,
    credentials_of,
    proc_hides_others,
)
from shmtui.procfs.namespaces import in_pid_namespace, others_may_be_outside

_INIT: Final = 1


class Unseen(msgspec.Struct, frozen=True):
    """The unreadable processes, by what they could do with the segment."""

    writers: tuple[int, ...] = ()
    """PIDs that could write to it, sorted; root's only where the segment is root's."""
    root: int = 0
    """How many others are root's."""
    barred: int = 0
    """How many others belong to users that may not write to it."""
    idle: int = 0
    """How many could write to it, and have no shared memory in use."""
    unlisted_writers: bool = False
    """/proc does not list other users' processes, and other users could write to it."""
    unlisted: bool = False
    """/proc does not list other users' processes."""
    outside: bool = False
    """Processes outside this PID namespace may use the same /dev/shm, and /proc shows none."""
    contained: bool = False
    """This is another PID namespace than the machine's, as in a container."""
    accounted: bool = False
    """The kernel counts nobody at the segment's locks but those that are seen: whoever else could take part
    does not, and stands nowhere above.
    """

    @property
    def may_take_part(self) -> bool:
        """Whether one of them may take part unseen."""
        return bool(self.writers) or self.unlisted_writers or self.outside

    @property
    def all_listed(self) -> bool:
        """Whether those that may take part are all among ``writers``."""
        return not self.unlisted_writers and not self.outside

    @property
    def limits(self) -> tuple[str, ...]:
        """What cannot be seen, and the way out, in words."""
        found = [unreadable_text(self.writers)] if self.writers else []
        if self.unlisted_writers:
            found.append(
                _(
                    "/proc does not list the processes of other users (hidepid), and they may "
                    "write to the segment: run shmtui as root"
                )
            )
        if self.outside:
            found.append(
                _(
                    "/proc shows the processes of this PID namespace only, and others use this "
                    "/dev/shm too: run shmtui outside the container"
                )
            )
        return tuple(found)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What is assumed of the others, in words."""
        found = [*self._of_others]
        if self.accounted:
            found.append(
                _(
                    "processes that cannot be read take no part: the kernel counts nobody at the locks but those that are seen"
                )
            )
        if self.idle:
            text = _(
                "processes that have no shared memory in use take no part ({count} cannot be read)"
            )
            found.append(text.format(count=self.idle))
        if self.contained and not self.outside:
            found.append(_("no process outside this container uses its /dev/shm"))
        return tuple(found)

    @property
    def _of_others(self) -> tuple[str, ...]:
        count = self.root + self.barred
        if self.unlisted:
            return (
                _(
                    "root's processes, and those of users who may not write to the segment, take "
                    "no part (/proc does not list them)"
                ),
            )
        if not count:
            return ()
        if not self.barred:
            text = _("root's processes take no part ({count} cannot be read)")
        elif not self.root:
            text = _(
                "processes of users who may not write to the segment take no part ({count} cannot "
                "be read)"
            )
        else:
            text = _(
                "root's processes, and those of users who may not write to the segment, take no "
                "part ({count} cannot be read)"
            )
        return (text.format(count=count),)


NOBODY_UNSEEN: Final = Unseen()


def classify(
    processes: Iterable[tuple[int, Credentials | None]],
    file: FileAccess,
    *,
    unlisted: bool = False,
    own_user: int = ROOT,
    contained: bool = False,
) -> Unseen:
    """Sort unreadable processes by their credentials. None as credentials: it is gone.

    ``unlisted``: /proc lists only the processes of ``own_user``. ``contained``: PID 1 is the first
    process of a container, and not the machine's.

    >>> def of(user: int) -> Credentials:
    ...     return Credentials(frozenset({user}), frozenset({user}))
    >>> found = classify([(5, of(0)), (6, of(1000)), (7, of(33))], FileAccess(1000, 1000, 0o600))
    >>> found.writers, found.root, found.barred
    ((6,), 1, 1)
    >>> agent = Credentials(frozenset({1000}), frozenset(), uses_no_shared_memory=True)
    >>> classify([(5, agent)], FileAccess(1000, 1000, 0o600)).may_take_part
    False
    """
    writers, root, barred, idle = [], 0, 0, 0
    for pid, process in processes:
        if process is None or (pid == _INIT and process.is_root and not contained):
            continue
        if process.is_root:
            if file.user == ROOT:
                writers.append(pid)
            else:
                root += 1
        elif file.writable_by(process):
            if process.uses_no_shared_memory:
                idle += 1
            else:
                writers.append(pid)
        elif process.opens_any_file:
            root += 1
        else:
            barred += 1
    others_write = file.user != own_user or bool(file.mode & 0o022)
    return Unseen(
        tuple(sorted(writers)),
        root,
        barred,
        idle,
        unlisted_writers=unlisted and others_write,
        unlisted=unlisted,
    )


_OfProcesses = frozenset[tuple[int, Credentials | None]]
"""Credentials with their PIDs."""


@lru_cache(maxsize=8)
def _one_of_equal(credentials: _OfProcesses) -> _OfProcesses:
    """The first of those that are equal: each segment that is watched keeps them, of all the machine's."""
    return credentials


class UnseenProcesses:
    """Keeps the classification of a segment's unreadable processes up to date."""

    def __init__(self) -> None:
        self._credentials: _OfProcesses = frozenset()
        self._own_user = os.geteuid()
        self._unlisted = False
        self._contained, self._outside = in_pid_namespace(), others_may_be_outside()
        self._classified: tuple[frozenset[int], FileAccess] | None = None
        """What the classification was last made of."""
        self._sorted = NOBODY_UNSEEN
        """By credentials alone."""
        self._accounted = False
        self.now = NOBODY_UNSEEN
        """As of the last update."""

    def update(self, unreadable: frozenset[int], refused: Set[int], file: FileAccess) -> bool:
        """Classify the ``unreadable`` PIDs; whether anything has changed. The credentials of the ``refused`` are read
        again: their PIDs may be other processes' by now.
        """
        unlisted, self._unlisted = self._unlisted, self._own_user != ROOT and proc_hides_others()
        known = {pid: its for pid, its in self._credentials if pid in unreadable}
        changed = self._classified != (unreadable, file) or unlisted != self._unlisted
        for pid in (unreadable - known.keys()) | refused:
            before, now = known.get(pid), credentials_of(pid)
            known[pid], changed = now, changed or before != now
        if not changed:
            return False
        self._credentials = _one_of_equal(frozenset(known.items()))
        self._classified = unreadable, file
        if not unreadable and not self._unlisted:
            self.now = self._sorted = self._placed(NOBODY_UNSEEN)
            return True
        found = [(pid, known[pid]) for pid in unreadable]
        self.now = self._sorted = self._placed(
            classify(
                found,
                file,
                unlisted=self._unlisted,
                own_user=self._own_user,
                contained=self._contained,
            )
        )
        return True

    def account(self, nobody_else: Callable[[], bool] | None) -> None:
        """Where somebody could take part, ask whether the kernel counts nobody at the segment's locks but those
        that are seen. None: it is as it answered last.
        """
        self.now = self._sorted
        if nobody_else is not None:
            self._accounted = self.now.may_take_part and nobody_else()
        if self._accounted and self.now.may_take_part:
            self.now = replace(
                self.now,
                writers=(),
                unlisted_writers=False,
                outside=False,
                contained=False,
                accounted=True,
            )

    def _placed(self, unseen: Unseen) -> Unseen:
        return replace(unseen, outside=self._outside, contained=self._contained)


def unreadable_text(pids: tuple[int, ...]) -> str:
    """That processes cannot be read and may take part, and the way out.

    >>> unreadable_text((7, 8))
    '2 processes cannot be read and may map it too: run shmtui as root'
    """
    if len(pids) == 1:
        way = (
            _("even root may not")
            if os.geteuid() == ROOT
            else _("run shmtui as its user or as root")
        )
        return _("PID {pid} cannot be read and may map it too: {way}").format(pid=pids[0], way=way)
    return _("{count} processes cannot be read and may map it too: run shmtui as root").format(
        count=len(pids)
    )
