"""Who a process runs as, whether it could open a file for writing, and whether it has shared memory
in use (proc_pid_status(5), which everybody may read).
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = 0
_CAP_DAC_OVERRIDE: Final = 1 << 1
"""capabilities(7): it opens files whatever their mode."""


class Credentials(msgspec.Struct, frozen=True):
    """The users and groups of a process."""

    users: frozenset[int]
    """Real, effective, saved and file-system user: it may change between them."""
    groups: frozenset[int]
    """The same of its groups, and the supplementary ones."""
    opens_any_file: bool = False
    """It has CAP_DAC_OVERRIDE, or may take it."""
    uses_no_shared_memory: bool = False
    """No page of shared memory is in its page tables, and none is swapped out. A process that has
    taken or waited for a semaphore of a segment has at least the page of that semaphore."""

    @property
    def is_root(self) -> bool:
        """Whether it is root's, or may become so."""
        return ROOT in self.users


class FileAccess(msgspec.Struct, frozen=True):
    """Whose a file is, and what its mode allows."""

    user: int
    group: int
    mode: int
    """Permission bits."""

    def writable_by(self, process: Credentials) -> bool:
        """Whether a process could open the file for writing without a capability.

        The owner could, whatever the mode: it may change the mode.

        >>> file = FileAccess(user=1000, group=100, mode=0o660)
        >>> def of(user: int, *groups: int) -> Credentials:
        ...     return Credentials(frozenset({user}), frozenset(groups))
        >>> file.writable_by(of(1000)), file.writable_by(of(7, 100)), file.writable_by(of(7, 7))
        (True, True, False)
        """
        if self.user in process.users or self.mode & 0o002:
            return True
        return bool(self.mode & 0o020) and self.group in process.groups


def parse_status(text: str) -> Credentials:
    r"""Read /proc/PID/status.

    >>> read = parse_status("Uid:\t7 7 0 7\nGid:\t8 8 8 8\nGroups:\t9\nCapPrm:\t2\n")
    >>> sorted(read.users), sorted(read.groups), read.opens_any_file, read.uses_no_shared_memory
    ([0, 7], [8, 9], True, False)
    >>> parse_status("RssShmem:\t0 kB\nVmSwap:\t0 kB\n").uses_no_shared_memory
    True
    """
    fields = dict(_FIELD.findall(text))
    numbers = {name: [int(n) for n in fields.get(name, "").split()] for name in _NUMBERS}
    return _one_of_equal(
        Credentials(
            frozenset(numbers["Uid"]),
            frozenset(numbers["Gid"] + numbers["Groups"]),
            bool(int(fields.get("CapPrm", "0"), 16) & _CAP_DAC_OVERRIDE),
            # A zombie leader has neither line, and its threads may use any memory.
            all(fields.get(name, "").split()[:1] == ["0"] for name in ("RssShmem", "VmSwap")),
        )
    )


@lru_cache(maxsize=256)
def _one_of_equal(credentials: Credentials) -> Credentials:
    """The first of those that are equal: each segment that is watched keeps them of many processes."""
    return credentials


_NUMBERS: Final = ("Uid", "Gid", "Groups")
_FIELD: Final = re.compile(r"^(Uid|Gid|Groups|CapPrm|RssShmem|VmSwap):(.*)$", re.MULTILINE)
"""Of sixty lines, those that are needed."""


def credentials_of(pid: int) -> Credentials | None:
    """The credentials of ``pid``; None once it is gone.

    Where /proc is mounted with hidepid=1 its status is unreadable and its folder's owner is
    used: that is root for a process that may not be traced (PR_SET_DUMPABLE 0).
    """
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            return parse_status((file.read(1 << 16) or b"").decode(errors="replace"))
    except PermissionError:
        pass
    except (OSError, ValueError):
        return None
    try:
        status = Path(f"/proc/{pid}").stat()
    except OSError:
        return None
    return Credentials(frozenset({status.st_uid}), frozenset({status.st_gid}))


def proc_hides_others() -> bool:
    """Whether /proc lists only this user's processes (hidepid=2): then the first one is missing."""
    return not Path("/proc/1").exists()
