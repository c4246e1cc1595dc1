"""How a child ended, in words: the signal or exit code, the step, and what it held. Pure."""

from shmtui.i18n import N_, _, ngettext
from shmtui.procfs.identity import describe_exit
from shmtui.shm.control_format import PAUSED, STEP_MASK, STEPPING, Field
from shmtui.shm.faults import fault_of
from shmtui.shm.protocol import Role, Step, step_name
from shmtui.workers.child import Child

_PLACES = {
    Step.WAIT_MUTEX: N_("in {name}, holding a permit of {permit}"),
    Step.TRANSFER: N_("in {name}, holding mutex and a permit of {permit}"),
    Step.POST_MUTEX: N_("in {name}, mutex and a permit of {owed} perhaps not posted"),
    Step.POST_PERMIT: N_("in {name}, a permit of {owed} perhaps not posted"),
}
_ELSEWHERE = N_("in {name}, holding nothing")


def exit_text(child: Child, status: int) -> str:
    """How ``child`` ended, for the event list; ``status`` as Popen.returncode."""
    words = child.record.words
    how = describe_exit(status)
    if status < 0 and not child.program:
        step = words[Field.STEP]
        place = place_of_death(child.role, Step(step & STEP_MASK))
        how = f"{how} {_('while paused') if step & PAUSED else place}"
    items = words[Field.ITEMS]
    text = "{name} (PID {pid}) {how}{said}"
    if not child.program:
        text = ngettext(
            "{name} (PID {pid}) {how} after {items:,} item{said}",
            "{name} (PID {pid}) {how} after {items:,} items{said}",
            items,
        )
    lines = child.printed.lines
    last_line = f": {lines[-1]}" if lines and status > 0 else ""
    return text.format(name=child.name, pid=child.pid, how=how, items=items, said=last_line)


def place_of_death(role: Role, step: Step) -> str:
    """The step that a worker was in, and what it held there.

    >>> place_of_death(Role.PRODUCER, Step.TRANSFER)
    'in write, holding mutex and a permit of empty'
    """
    taken, owed = ("empty", "full") if role is Role.PRODUCER else ("full", "empty")
    text = _(_PLACES.get(step, _ELSEWHERE))
    return text.format(name=step_name(role, step), permit=taken, owed=owed)


def died_mid_transfer(child: Child, status: int) -> bool:
    """Whether a signal ended a worker while it moved an item, so that the counts miss it.

    One that was ordered to die before the transfer, or was stopped there, had not begun it.
    """
    words = child.record.words
    if status >= 0 or child.program or words[Field.STEP] & (STEP_MASK | STEPPING) != Step.TRANSFER:
        return False
    return fault_of(words[Field.FAULT_MADE]).dies_at is not Step.TRANSFER
