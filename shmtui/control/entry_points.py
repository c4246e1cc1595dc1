"""Where the functions by which programs meet lie in their executables and libraries."""

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SEMAPHORE_CALLS: Final = frozenset(
    "sem_wait sem_trywait sem_timedwait sem_clockwait sem_post".split()
)
LOCK_CALLS: Final = frozenset(
    "pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock pthread_cond_wait "
    "pthread_cond_timedwait pthread_cond_signal pthread_cond_broadcast".split()
)
SLEEPING_CALLS: Final = frozenset("sleep usleep nanosleep clock_nanosleep sched_yield".split())
NAMING_CALLS: Final = frozenset("shm_open sem_open".split())
CONTACT_CALLS: Final = NAMING_CALLS | frozenset(
    "shm_unlink sem_unlink shmget semget fork vfork pthread_create memfd_create".split()
)
"""The calls by which a program first meets others."""
WANTED: Final = (
    SEMAPHORE_CALLS | LOCK_CALLS | SLEEPING_CALLS | CONTACT_CALLS | {"sem_init", "mmap"}
)


@cache
def entry_points(path: str) -> dict[str, tuple[int, ...]]:
    """Addresses of the wanted functions in an ELF file, relative to where it is loaded.

    OSError: it cannot be read. ELFError: it is none.
    """
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415 - heavy
    from elftools.elf.sections import SymbolTableSection  # noqa: PLC0415 - heavy

    found: dict[str, set[int]] = {}
    with open(path, "rb") as file:
        elf = ELFFile(file)
        loaded: Iterable[int] = (
            s["p_vaddr"] - s["p_offset"] for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"
        )
        base = min(loaded, default=0)
        for section in elf.iter_sections():
            if not isinstance(section, SymbolTableSection):
                continue
            for name in WANTED:
                for symbol in section.get_symbol_by_name(name) or ():
                    kind = symbol["st_info"]["type"]
                    if symbol["st_shndx"] != "SHN_UNDEF" and kind in {"STT_FUNC", "STT_LOOS"}:
                        found.setdefault(name, set()).add(symbol["st_value"] - base)
    return {name: tuple(addresses) for name, addresses in found.items()}
