"""A System V set of semaphores as text and as JSON. Pure."""

from collections.abc import Iterator
from typing import Any

from shmtui.i18n import _, ngettext
from shmtui.monitor.semaphore_set import LastUser, SemaphoreSet
from shmtui.procfs.semop_waits import SemaphoreOperation
from shmtui.report.snapshot_json import text
from shmtui.sanitize import inert
from shmtui.shm.system_v import SysvSemaphore


def set_lines(found: SemaphoreSet) -> Iterator[str]:
    """The set, a line each semaphore, and who is blocked on which by how much."""
    row = found.row
    count = ngettext("{count} semaphore", "{count} semaphores", row.count).format(count=row.count)
    key = f"0x{row.key:08x}" if row.key else "IPC_PRIVATE"
    yield f"semset:{row.number}  {count} · {row.mode & 0o777:04o} · {inert(found.owner)} · {key}"
    for number, (semaphore, last) in enumerate(zip(found.semaphores, found.last, strict=True)):
        yield "  " + "   ".join(_parts(number, semaphore, last))
    for wait, name in found.blocked:
        operations = ", ".join(map(_operation, wait.operations)) or _("unknown operations")
        yield "  " + _("blocked     {name} (PID {pid}): {operations}").format(
            name=inert(name), pid=wait.pid, operations=operations
        )
    waiting = sum(s.waiters + s.zero_waiters for s in found.semaphores)
    if waiting > len(found.blocked) and found.refused:
        yield "  " + _(
            "not seen    who else waits: this user may not look into {count} processes"
        ).format(count=found.refused)
    for number, last in enumerate(found.last):
        semaphore = found.semaphores[number]
        if last is not None and last.name is None and semaphore.waiters:
            yield "  " + _(
                "note        semaphore {number} was last used by PID {pid}, which has ended: if it took "
                "it without SEM_UNDO, nobody gives it back"
            ).format(number=number, pid=last.pid)


def _parts(number: int, semaphore: SysvSemaphore, last: LastUser | None) -> Iterator[str]:
    yield _("semaphore {number}").format(number=number)
    yield _("value {value}").format(value=semaphore.value)
    yield _("{count} wait for more").format(count=semaphore.waiters)
    yield _("{count} wait for zero").format(count=semaphore.zero_waiters)
    if last is not None:
        name = _("ended") if last.name is None else inert(last.name)
        yield _("last used by PID {pid} ({name})").format(pid=last.pid, name=name)


def _operation(each: SemaphoreOperation) -> str:
    undo = " SEM_UNDO" if each.undo else ""
    change = f"{each.change:+d}" if each.change else _("until zero")
    return _("semaphore {number}").format(number=each.number) + f" {change}{undo}"


def set_json(found: SemaphoreSet) -> dict[str, Any]:
    """The same for programs; ``last`` has no name where that process has ended."""
    row = found.row
    return {
        "target": f"semset:{row.number}",
        "key": row.key,
        "mode": f"{row.mode & 0o777:04o}",
        "owner": found.owner,
        "semaphores": [
            {
                "number": number,
                "value": semaphore.value,
                "waiters": semaphore.waiters,
                "zero_waiters": semaphore.zero_waiters,
                "last": None if last is None else {"pid": last.pid, "name": _named(last.name)},
            }
            for number, (semaphore, last) in enumerate(
                zip(found.semaphores, found.last, strict=True)
            )
        ],
        "blocked": [
            {
                "pid": wait.pid,
                "tid": wait.tid,
                "name": _named(name),
                "operations": [
                    {"number": each.number, "change": each.change, "undo": each.undo}
                    for each in wait.operations
                ],
            }
            for wait, name in found.blocked
        ],
        "refused": found.refused,
    }


def _named(name: str | None) -> str | None:
    return None if name is None else text(name)
