"""What became of a child, in words. Pure."""

from shmtui.ipc.protocol import Role, Step, step_name


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
            return f"in {name}, holding a permit of {permit}"
        case Step.TRANSFER:
            return f"in {name}, holding mutex and a permit of {permit}"
        case Step.POST_MUTEX:
            return f"in {name}, mutex and a permit of {owed} perhaps not posted"
        case Step.POST_PERMIT:
            return f"in {name}, a permit of {owed} perhaps not posted"
        case _:
            return f"in {name}, holding nothing"
