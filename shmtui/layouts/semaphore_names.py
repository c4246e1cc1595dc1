"""What the names of semaphores say about their part, in English and in Portuguese. Pure."""

from typing import Final

from shmtui.shm.protocol import SemaphoreRole

_WORDS: Final = {
    SemaphoreRole.MUTEX: ("mutex", "mtx", "lock", "trava", "exclus"),
    SemaphoreRole.EMPTY: ("empty", "vazi", "free", "livre", "space", "avail", "espaco"),
    SemaphoreRole.FULL: ("full", "chei", "item", "iten", "used", "ocupad", "fill"),
}


def roles_by_name(names: list[str]) -> tuple[tuple[SemaphoreRole, str], ...]:
    """Roles of named semaphores whose names say them, one each.

    >>> roles_by_name(["/app_mutex", "/app_vazio", "/app_cheio"])[1]
    (<SemaphoreRole.EMPTY: 'empty'>, '/app_vazio')
    """
    found = []
    for role, words in _WORDS.items():
        matching = [name for name in names if any(word in name.lower() for word in words)]
        if len(matching) == 1:
            found.append((role, matching[0]))
    return tuple(found)
