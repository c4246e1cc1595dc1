"""Where the functions by which programs meet lie in their executables and libraries."""

import io
import struct
from functools import cache
from typing import Any, BinaryIO, Final

SEMAPHORE_CALLS: Final = frozenset(
    "sem_wait sem_trywait sem_timedwait sem_clockwait sem_post".split()
)
LOCK_CALLS: Final = frozenset(
    "pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock pthread_cond_wait "
    "pthread_cond_timedwait pthread_cond_clockwait pthread_cond_signal pthread_cond_broadcast "
    "pthread_mutex_timedlock".split()
)
BARRIER_CALL: Final = "pthread_barrier_wait"
LOCKING_CALLS: Final = frozenset(
    "pthread_mutex_lock pthread_mutex_trylock pthread_mutex_timedlock".split()
)
ENDING_CALL: Final = "exit"
"""By which a process's other threads end, too: main's return calls it."""
SLEEPING_CALLS: Final = frozenset("sleep usleep nanosleep clock_nanosleep sched_yield".split())
NAMING_CALLS: Final = frozenset({"shm_open", "sem_open"})
JOINING_CALLS: Final = frozenset("pthread_join waitpid wait wait4".split())
LOADING_CALLS: Final = frozenset("write pwrite send sendto writev pwritev sendmsg".split())
"""Calls by which the kernel loads from where their second argument points, or the vector there."""
BUFFER_CALLS: Final = LOADING_CALLS | frozenset(
    "read pread recv recvfrom readv preadv recvmsg".split()
)
"""The same, and those by which it stores there."""
CONTACT_CALLS: Final = NAMING_CALLS | frozenset(
    "shm_unlink sem_unlink shmget semget msgget fork vfork pthread_create memfd_create mkfifo".split()
)
"""The calls by which a program first meets others."""
STARTING_CALLS: Final = NAMING_CALLS | frozenset(
    "sem_init semctl ftruncate shm_unlink sem_unlink".split()
)
"""Those that make what is shared ready: steps where programs may start in any order."""
CLOCK_CALLS: Final = frozenset("time gettimeofday clock_gettime".split())
"""Served by the vDSO, vdso(7)."""
PROCESS_CALLS: Final = frozenset("getpid getppid kill".split())
"""Those that tell, or take, the PID of a process."""
SET_CALLS: Final = frozenset({"semop", "semtimedop"})
SYSTEM_V_CALLS: Final = SET_CALLS | frozenset({"semget", "shmget", "msgget"})
ALARM_CALLS: Final = frozenset("alarm ualarm setitimer".split())
"""Those that have SIGALRM sent some time later, setitimer another one too."""
LOCKING_FILES: Final = frozenset({"fcntl", "fcntl64"})
"""Calls that may wait for a lock on a file, and mostly do something else."""
OTHER_MEANS: Final = (ALARM_CALLS | LOCKING_FILES).union(
    "flock lockf msgrcv mq_receive mq_timedreceive pipe pipe2 socketpair socket sigwait sigsuspend "
    "pause mkfifo eventfd pthread_rwlock_rdlock pthread_rwlock_wrlock timer_settime "
    "pthread_spin_lock".split()
)
"""Calls by which programs may wait for each other or be interrupted, and which are no steps."""
LIBRARYS_MEANS: Final = frozenset(name for name in OTHER_MEANS if name.startswith("pthread_"))
"""Those of them that a library makes for itself: where the program's own code makes them, they count."""
STATUS_CALLS: Final = frozenset(
    "stat fstat lstat stat64 fstat64 lstat64 fstatat fstatat64 __xstat __fxstat __lxstat".split()
)
"""Calls that tell a file's number and times, which are others in each execution."""
ALLOCATING_CALLS: Final = frozenset("malloc calloc realloc _Znwm _Znam".split())
"""Those of C, and C++'s new."""
FREEING_CALLS: Final = frozenset({"free", "realloc"})
ERRNO_CALL: Final = "__errno_location"
"""Where the first thread's errno lies, in glibc and musl."""
_SYMBOL: Final = struct.Struct("<IBBHQQ")
"""``Elf64_Sym`` of <elf.h>."""
_FUNCTION: Final = 2
WANTED: Final = (
    SEMAPHORE_CALLS | LOCK_CALLS | SLEEPING_CALLS | CONTACT_CALLS | JOINING_CALLS | BUFFER_CALLS
    | STARTING_CALLS | SYSTEM_V_CALLS | PROCESS_CALLS | STATUS_CALLS | {"mmap", "shmat", ERRNO_CALL, BARRIER_CALL, ENDING_CALL}
    | OTHER_MEANS | ALLOCATING_CALLS | FREEING_CALLS
)  # fmt: skip


@cache
def entry_points(path: str) -> dict[str, tuple[int, ...]]:
    """Addresses of the wanted functions in an ELF file, relative to where it is loaded.

    OSError: it cannot be read. ELFError: it is none.
    """
    with open(path, "rb") as file:
        return _addresses(file, WANTED)


def clock_entry_points(vdso: bytes) -> dict[str, tuple[int, ...]]:
    """Addresses of the clocks' functions in the vDSO's image."""
    prefixed = _addresses(io.BytesIO(vdso), frozenset(f"__vdso_{name}" for name in CLOCK_CALLS))
    return {name.removeprefix("__vdso_"): found for name, found in prefixed.items()}


@cache
def is_static_musl(path: str) -> bool:
    """Whether a static program is linked with musl, by a function that musl alone has."""
    with open(path, "rb") as file:
        return bool(_addresses(file, frozenset({"libc_start_main_stage2", "__init_libc"})))


@cache
def uses_system_v(path: str) -> bool:
    """Whether an executable imports calls of System V, or is static and has them."""
    with open(path, "rb") as file:
        return bool(SYSTEM_V_CALLS & _imported(path) or _addresses(file, SYSTEM_V_CALLS))


@cache
def asks_time(path: str) -> bool:
    """Whether an executable imports a clock's function, or is static, so that it may have one."""
    with open(path, "rb") as file:
        own = _addresses(file, CLOCK_CALLS)
    return bool(CLOCK_CALLS & _imported(path) or own)


def _imported(path: str) -> set[str]:
    with open(path, "rb") as file:
        return {name for name, _kind, place, _value in _symbols(file)[1] if not place}


def _addresses(file: BinaryIO, names: frozenset[str]) -> dict[str, tuple[int, ...]]:
    base, symbols = _symbols(file)
    found: dict[str, set[int]] = {}
    for name, kind, place, value in symbols:
        if name in names and place and kind == _FUNCTION:
            found.setdefault(name, set()).add(value - base)
    return {name: tuple(sorted(addresses)) for name, addresses in found.items()}


def _symbols(file: BinaryIO) -> tuple[int, list[tuple[str, int, int, int]]]:
    """The address of its first byte, and of each symbol name, type, section (0: imported) and value."""
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415 - heavy

    elf: Any = ELFFile(file)
    loaded = (s["p_vaddr"] - s["p_offset"] for s in elf.iter_segments() if s["p_type"] == "PT_LOAD")
    base, found = min(loaded, default=0), []
    for section in elf.iter_sections():
        if section["sh_type"] in {"SHT_SYMTAB", "SHT_DYNSYM"}:
            strings = elf.get_section(section["sh_link"]).data()
            raw = section.data()
            for at, info, _other, place, value, _size in _SYMBOL.iter_unpack(raw):
                name = strings[at : strings.index(b"\0", at)].decode("latin-1")
                found.append((name, info & 15, place, value))
    return base, found
