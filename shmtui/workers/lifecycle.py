"""What became of a child, in words. Pure."""

from shmtui.i18n import _
from shmtui.shm.protocol import Role, Step, step_name


def place_of_death(role: Role, step: Step) -> str:
    """Where a worker stood, and what it took with it.

    >>> place_of_death(Role.PRODUCER, Step.TRANSFER)
    'in write, holding mutex and a permit of empty'
    """
    name = step_name(role, step)
    permit = "empty" if role is Role.PRODUCER else "full"
    owed = "full" if role is Role.PRODUCER else "empty"
    match step:
        case Step.WAIT_MUTEX:
            return _("in {name}, holding a permit of {permit}").format(name=name, permit=permit)
        case Step.TRANSFER:
            return _("in {name}, holding mutex and a permit of {permit}").format(
                name=name, permit=permit
            )
        case Step.POST_MUTEX:
            return _("in {name}, mutex and a permit of {owed} perhaps not posted").format(
                name=name, owed=owed
            )
        case Step.POST_PERMIT:
            return _("in {name}, a permit of {owed} perhaps not posted").format(
                name=name, owed=owed
            )
        case _:
            return _("in {name}, holding nothing").format(name=name)
