"""How findings name processes, times, and the commands that mend. Pure."""

import shlex
from collections.abc import Sequence

from shmtui.diagnosis.history import History
from shmtui.i18n import _
from shmtui.procfs.target import has_name
from shmtui.snapshot import Process, Snapshot


def names(processes: Sequence[Process]) -> str:
    """Processes by name and PID; of those whose waits are shared out, how many of which."""
    found = [p.label for p in processes if not p.one_of]
    shared_out = [p for p in processes if p.one_of]
    if shared_out and len(shared_out) < len(shared_out[0].one_of):
        text = _("{count} of {who}")
        found.append(text.format(count=len(shared_out), who=", ".join(shared_out[0].one_of)))
    else:
        found += [p.label for p in shared_out]
    return ", ".join(found)


def seconds(ns: int) -> str:
    """A duration as it is written in evidence."""
    return f"{ns / 1e9:.1f} s"


def repair_remedy(history: History, consent: str = "--yes") -> str:
    """The repair, as a command; or what is to be done where there is none."""
    if history.now.layout.semaphores == "system-v":
        return _(
            "shmtui sets no semaphore of a System V set: end the programs, and start them again; SEM_UNDO in "
            "each semop gives back what a process dies with"
        )
    if not has_name(history.now.segment.name):
        return _("memory without a name is not repaired: end the programs, and start them again")
    if history.now.layout.disputed:
        return _(
            "say its layout with --map or --layout, as its lines above have it; then shmtui repair {name} with the "
            "same options shows what to set"
        ).format(name=target(history.now))
    if history.now.index_outside is not None:
        return overwritten()
    return _(
        "shmtui repair {name} shows what to set, and sets it with {consent}; the key r does the "
        "same in a dashboard that may write"
    ).format(name=target(history.now), consent=consent)


def overwritten() -> str:
    """What is to be done where an index stands for no slot."""
    return _(
        "check the layout; if it is right, something wrote over the segment: start the programs again"
    )


def target(snapshot: Snapshot) -> str:
    """The segment and what the user said of its layout, as a command names them."""
    return command_target(snapshot.segment.name, snapshot.layout.options)


def command_target(name: str, options: str) -> str:
    """A segment with options of its layout, as a shell takes them.

    >>> command_target("/a b", ""), command_target("/x", "--slots 5")
    ("'/a b'", '/x --slots 5')
    """
    return f"{shlex.quote(name)} {options}".rstrip()


def nobody(s: Snapshot) -> str:
    """That no process is meant."""
    return _("nobody that can be seen") if s.hidden else _("nobody")
