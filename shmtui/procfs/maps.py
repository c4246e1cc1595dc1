"""What /proc tells of the processes that map a segment.

``maps`` names a mapping by device and inode, which is how a segment is known
here: a name can be reused, a deleted file keeps its inode. ``syscall`` of a
blocked thread holds the futex's address, and an address inside a mapping of the
segment is an offset in it, so it says which semaphore the thread sleeps on.
Both ask the kernel's leave (proc_pid_syscall(5)); where it is refused the
answer is None: unknown, not zero.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shmtui.procfs.elf import static_libc
from shmtui.shm.libc import Libc
from shmtui.shm.segment import FileIdentity

FUTEX_NUMBERS: Final = {
    "x86_64": 202,
    "aarch64": 98,
    "riscv64": 98,
    "loongarch64": 98,
    "ppc64le": 221,
    "ppc64": 221,
    "s390x": 238,
}
"""The number of futex(2) by machine; elsewhere who waits on what stays unknown."""
INIT: Final = 1
"""The first process: often hidden, and nobody's producer where it is."""
_FUTEX: Final = FUTEX_NUMBERS.get(os.uname().machine)
_FUTEX_COMMANDS: Final = 0x7F
_WAITS: Final = frozenset({0, 9})
"""FUTEX_WAIT and FUTEX_WAIT_BITSET, the flags above taken off."""
_PRIVATE: Final = 0x80
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Mapping:
    """One stretch of a process's memory that shows part of the segment."""

    start: int
    end: int
    offset: int
    """Where in the segment the stretch begins, in bytes."""

    def offset_of(self, address: int) -> int | None:
        """The segment offset behind an address of that process, or None if it lies elsewhere."""
        if self.start <= address < self.end:
            return address - self.start + self.offset
        return None


@dataclass(frozen=True, slots=True)
class FutexWait:
    """A thread asleep on a futex word inside the segment."""

    tid: int
    offset: int
    """Byte offset of the word in the segment."""
    private: bool
    """True: the kernel looks for it in this process only, so no other can wake it."""


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """The line /proc/PID/stat, as far as it is used."""

    name: str
    state: str
    """One letter: R S D T t Z."""
    cpu_seconds: float
    threads: int
    start_time: int
    """Clock ticks after boot."""


def processes() -> Iterator[int]:
    """The PIDs that this user can see."""
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdecimal():
                yield int(entry.name)


def mappings(pid: int, identity: FileIdentity) -> tuple[Mapping, ...] | None:
    """Where ``pid`` maps the file; empty if it does not, None if this user may not know."""
    lines = map_lines(pid)
    return None if lines is None else parse_maps(lines, identity)


def parse_maps(lines: list[bytes], identity: FileIdentity) -> tuple[Mapping, ...]:
    r"""The lines of a maps file that show the file of ``identity``.

    >>> line = b"7f00-7f80 rw-s 00001000 00:1b 42 /dev/shm/x (deleted)\n"
    >>> parse_maps([line], FileIdentity(0x1b, 42))
    (Mapping(start=32512, end=32640, offset=4096),)
    """
    device = identity.device
    key = b" %02x:%02x %d " % (os.major(device), os.minor(device), identity.inode)
    found = []
    for line in lines:
        if key in line:
            addresses, _permissions, offset, *_ = line.split(maxsplit=5)
            start, end = addresses.split(b"-")
            found.append(Mapping(int(start, 16), int(end, 16), int(offset, 16)))
    return tuple(found)


def parse_syscall(raw: bytes, maps: tuple[Mapping, ...], tid: int) -> FutexWait | None:
    """The wait on a word of the segment in a /proc/PID/syscall line, if there is one.

    >>> maps = (Mapping(0x7f00, 0x8000, 0),)
    >>> line = b"%d 0x7f40 0x189 0x0 0x0 0x0 0xffffffff 0x7ffe 0x7f" % (_FUTEX or 0)
    >>> parse_syscall(line, maps, 9)
    FutexWait(tid=9, offset=64, private=True)
    """
    fields = raw.split()
    if len(fields) < 3 or fields[0] != str(_FUTEX).encode():
        return None
    operation = int(fields[2], 16)
    if operation & _FUTEX_COMMANDS not in _WAITS:
        return None
    address = int(fields[1], 16)
    for mapping in maps:
        offset = mapping.offset_of(address)
        if offset is not None:
            return FutexWait(tid, offset, bool(operation & _PRIVATE))
    return None


def futex_waits(pid: int, maps: tuple[Mapping, ...]) -> tuple[FutexWait, ...] | None:
    """Every thread of ``pid`` asleep on a word of the segment; None if this user may not know."""
    found = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        for thread in threads:
            with open(f"/proc/{pid}/task/{thread}/syscall", "rb", buffering=0) as file:
                wait = parse_syscall(file.read(256), maps, int(thread))
            if wait is not None:
                found.append(wait)
    except PermissionError:
        return None
    except (FileNotFoundError, ProcessLookupError):
        pass
    return tuple(found)


def in_system_call(pid: int) -> bool | None:
    """Whether every thread of ``pid`` is in the kernel by a call of its own, asleep or stopped
    there; None if this user may not know. One that runs, or was stopped while it ran, is not;
    nor is one that wakes others, since it is stopped on its way out of a post.
    """
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/syscall", "rb", buffering=0) as file:
                fields = file.read(256).split()
            if not fields[0].isdigit():
                return False
            if int(fields[0]) == _FUTEX and int(fields[2], 16) & _FUTEX_COMMANDS not in _WAITS:
                return False
    except PermissionError:
        return None
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return False
    return True


def stopped(pid: int) -> bool:
    """Whether every thread of ``pid`` is stopped by a signal, or it has ended."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", "rb", buffering=0) as file:
                if parse_stat(file.read(1024)).state not in "TtZX":
                    return False
    except (FileNotFoundError, ProcessLookupError):
        pass
    return True


def parse_stat(raw: bytes) -> ProcessStat:
    """Read a /proc/PID/stat line; the name in it may hold spaces and parentheses.

    >>> parse_stat(b"7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 3 1 0 0 20 0 2 0 99 0").name
    'a) b'
    """
    start, end = raw.index(b"("), raw.rindex(b")")
    fields = raw[end + 2 :].split()
    return ProcessStat(
        name=raw[start + 1 : end].decode("utf-8", "surrogateescape"),
        state=fields[0].decode("ascii"),
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        threads=int(fields[17]),
        start_time=int(fields[19]),
    )


def boot_time() -> float:
    """When the machine started, seconds since the epoch; start times count from it."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def started_at(ticks: int) -> float:
    """When a process started, seconds since the epoch, from its start time in clock ticks."""
    return boot_time() + ticks / _TICKS


def owner_of(pid: int) -> int | None:
    """The effective user of ``pid``, or None once it is gone."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None


def sleeps_on_futex(pid: int) -> bool | None:
    """Whether the main thread sleeps on some futex, by its wait channel; None if hidden."""
    try:
        with open(f"/proc/{pid}/wchan", "rb", buffering=0) as file:
            channel = file.read(64)
    except OSError:
        return None
    return channel.startswith(b"futex") if channel not in {b"", b"0"} else None


class StatFile:
    """A kept descriptor of /proc/PID/stat: reading it again costs a tenth of opening it."""

    __slots__ = ("_fd",)

    def __init__(self, pid: int) -> None:
        self._fd: int | None = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> ProcessStat | None:
        """The line as it stands, or None once the process is gone."""
        if self._fd is None:
            return None
        try:
            raw = os.pread(self._fd, 1024, 0)
        except ProcessLookupError:
            return None
        return parse_stat(raw) if raw else None

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def turns(pid: int) -> bytes | None:
    """Something that changes with each turn that ``pid``'s main thread gets on a processor; None
    where the kernel does not count them, or it is gone.
    """
    try:
        with open(f"/proc/{pid}/schedstat", "rb", buffering=0) as file:
            return file.read(128) or None
    except OSError:
        return None


def command(pid: int) -> str | None:
    """The command line, as typed; hostile bytes are possible. None if it is gone or hidden."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        words = file.read(4096).rstrip(b"\0").split(b"\0")
        return " ".join(word.decode("utf-8", "surrogateescape") for word in words) or None
    return None


def process_name(pid: int) -> str:
    """What ``ps`` calls it: the command's name, hostile bytes and all; empty once it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", "rb") as file:
        return file.read(64).rstrip(b"\n").decode("utf-8", "surrogateescape")
    return ""


def mappers(identity: FileIdentity) -> dict[int, tuple[Mapping, ...]]:
    """Every process that maps the file, as far as this user may see, by PID."""
    found = {}
    for pid in processes():
        maps = mappings(pid, identity)
        if maps:
            found[pid] = maps
    return found


def map_lines(pid: int) -> list[bytes] | None:
    """The lines of /proc/PID/maps; none where it is gone, None where this user may not know."""
    try:
        with open(f"/proc/{pid}/maps", "rb", buffering=0) as file:
            return file.readall().splitlines()
    except PermissionError:
        return None
    except (FileNotFoundError, ProcessLookupError):
        return []


def libc_of(pid: int) -> Libc | None:
    """The C library that ``pid`` runs on, by the files it maps or, where it maps none, by its
    own; None if it cannot be told.

    musl's loader is its libc: one file, ``ld-musl-*.so.1`` or ``libc.musl-*``.
    """
    for line in map_lines(pid) or ():
        name = line.rsplit(b"/", 1)[-1]
        if name.startswith((b"ld-musl-", b"libc.musl-")) or b"musl/" in line:
            return Libc.MUSL
        if name.startswith((b"libc.so.6", b"libc-2.", b"ld-linux")):
            return Libc.GLIBC
    return static_libc(f"/proc/{pid}/exe")


def named_semaphores_of(pid: int, folder: str) -> tuple[str, ...]:
    """The named semaphores in ``folder`` that ``pid`` has open, by the names that they have now.

    The name in its maps is of no use: libc makes a semaphore under another name and links
    it to its own, so that its creator seems to map a deleted file. The inode tells.
    """
    device = Path(folder).stat().st_dev
    key = b" %02x:%02x " % (os.major(device), os.minor(device))
    mapped = {int(line.split(maxsplit=5)[4]) for line in map_lines(pid) or () if key in line}
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("sem.") and entry.inode() in mapped:
                names.append("/" + entry.name.removeprefix("sem."))
    return tuple(sorted(names))


def thread_count(pid: int) -> int:
    """How many threads ``pid`` has; 0 once it is gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def uses(identity: FileIdentity) -> list[int]:
    """PIDs that map the file, sorted."""
    return sorted(mappers(identity))


class MapperWatch:
    """Keeps up with who maps a file, a slice of /proc at a time.

    Reading every process's maps at every look costs tens of milliseconds on a
    busy machine. A new process is looked at in each of its first looks, one known
    not to map the file once in ``ROUND`` looks, a mapper each time.
    """

    ROUND: Final = 8
    YOUNG: Final = 6

    def __init__(self, identity: FileIdentity) -> None:
        self._identity = identity
        self._maps: dict[int, tuple[Mapping, ...]] = {}
        self._age: dict[int, int] = {}
        self._looks = 0
        self.hidden: set[int] = set()
        """Processes that could not be read, and so may map the file unseen."""

    @property
    def maps(self) -> dict[int, tuple[Mapping, ...]]:
        """The mappers found so far."""
        return self._maps

    def look(self, *, all_of_them: bool = False, but: Set[int] = frozenset()) -> None:
        """Look at a slice; the first look takes in all. ``but`` are left out: those of whom it
        is known otherwise what they have to do with the file.
        """
        self._looks += 1
        present = set(processes()) - but
        self.hidden &= present
        for gone in self._age.keys() - present:
            del self._age[gone]
            self._maps.pop(gone, None)
        for pid in present:
            age = self._age.get(pid, 0)
            self._age[pid] = age + 1
            due = all_of_them or age < self.YOUNG or (pid + self._looks) % self.ROUND == 0
            if due or pid in self._maps:
                self._examine(pid)

    def _examine(self, pid: int) -> None:
        maps = mappings(pid, self._identity)
        if maps is None:
            self.hidden.add(pid)
        if maps:
            self._maps[pid] = maps
        else:
            self._maps.pop(pid, None)
