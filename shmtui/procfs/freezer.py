"""Whether a process is frozen by its control group, as `docker pause` and `systemctl freeze` do it.

Its state letter does not tell: a frozen thread is said to sleep in the call that it was found in (version 2), or in
one that nothing interrupts (version 1). The group does: cgroup.events of cgroups(7), freezer.state of
Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst. Anybody may read both.
"""

import functools
from typing import Final

from shmtui.procfs.mounts import cgroup_mount
from shmtui.procfs.process import read_file

FROZEN: Final = "F"
"""The state letter of such a process here; the kernel has none."""
HALTED: Final = frozenset({"T", "t", FROZEN})
"""Of one that does nothing until it is let go on: by a signal, a debugger, its group."""
_mounted: Final = functools.cache(cgroup_mount)
_SIZE: Final = 4096


def frozen(pid: int) -> bool:
    """Whether its group is frozen; False too where that cannot be told, or the process is gone."""
    try:
        lines = read_file(f"/proc/{pid}/cgroup", _SIZE).splitlines()
    except OSError:
        return False
    return any(_group_frozen(*line.split(b":", 2)[1:]) for line in lines if line.count(b":") > 1)


def _group_frozen(controllers: bytes, path: bytes) -> bool:
    """``controllers``: those of its hierarchy, nothing in version 2; ``path``: below where that is mounted."""
    if controllers not in {b"", b"freezer"}:
        return False
    top = _mounted(controllers)
    if top is None:
        return False
    name = b"freezer.state" if controllers else b"cgroup.events"
    try:
        text = read_file(b"/".join((top, path.lstrip(b"/"), name)), _SIZE)
    except OSError:  # The top group has no such file, and another namespace's group no such path.
        return False
    return b"FROZEN" in text if controllers else b"frozen 1" in text.splitlines()
