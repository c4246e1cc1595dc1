"""The shared files of an execution: in a /dev/shm of its own where the kernel allows it, the same at each begin."""

import contextlib
import os
import signal
import stat
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shmtui.control.namespaces import NEW_IPC, NEW_MOUNTS, NEW_USER, make_namespaces, mount
from shmtui.control.operation import Operation, Place
from shmtui.control.semaphore_sets import PREFIX, SemaphoreSets
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.procfs.maps import MapsLine
from shmtui.procfs.sysvipc import by_number, sysv_segments
from shmtui.shm.segment import SHM_DIR

if TYPE_CHECKING:
    from shmtui.control.task import Task


def make_private() -> bool:
    """Give this process a /dev/shm of its own, empty, seen by it and its children alone.

    False where this user may make no namespaces (user_namespaces(7), or a limit of the machine's).
    """
    try:
        make_namespaces(NEW_MOUNTS | NEW_IPC | (NEW_USER if os.getuid() else 0))
        mount("shmtui", SHM_DIR, "tmpfs", data="mode=1777")
    except OSError:
        return False
    return True


_FIRST_TOLD: Final = 1 << 40
"""No file system has so many files."""


class SharedFiles:
    """The shared files of an execution, by the names that the programs give them."""

    def __init__(self, *, private: bool) -> None:
        self.private = private
        """Whether /dev/shm is this process's own."""
        self.contents: dict[str, bytes] = {}
        """Files of /dev/shm that are there at the begin of each execution."""
        self.sizes: dict[str, int] = {}
        """Bytes of what the last execution mapped."""
        self.sets = SemaphoreSets()
        self.descriptors: dict[str, int] = {}
        """Descriptors of what the programs map, by name, as far as it could be opened."""
        self.replaced: set[str] = set()
        """Names of /dev/shm that an execution has given to a second file, while somebody had mapped the first one."""
        self._names: dict[tuple[int, int], str] = {}
        self._semaphores: set[str] = set()
        """Files of musl's named semaphores, whose names are those of segments."""
        self._made: set[str] = set()
        self._taken: Final = frozenset() if private else frozenset(os.listdir(SHM_DIR))
        self._sweeper = None if private else Sweeper()

    def prepare(self) -> None:
        """Put everything where it is at the begin. ShmtuiError: a name is another's."""
        self._close_files()
        for name, raw in self.contents.items():
            self._claim(name)
            file = Path(SHM_DIR, name)
            file.write_bytes(raw)
            file.chmod(0o666)

    def told_number(self, device: int, number: int) -> int:
        """The number that a file has for the programs, the same in each execution."""
        if device != Path(SHM_DIR).stat().st_dev:
            return number
        name = next((e.name for e in os.scandir(SHM_DIR) if e.inode() == number), None)
        return number if name is None else _FIRST_TOLD + zlib.crc32(os.fsencode(name))

    def _claim(self, name: str) -> None:
        if name in self._made:
            return
        if name in self._taken:
            text = _(
                "{name} is there already, and this user may make no /dev/shm apart: remove it "
                "(shmtui rm {name}), or have the programs use another"
            )
            raise ShmtuiError(text.format(name=f"/{name}"))
        self._made.add(name)
        if self._sweeper is not None:
            self._sweeper.note(name)

    def note_name(self, function: str, name: bytes, *, is_musl: bool) -> None:
        """A program opens something by its name."""
        text = os.fsdecode(name.lstrip(b"/"))
        if text and "/" not in text:
            if function == "sem_open" and is_musl:
                self._semaphores.add(text)
            self._claim(f"sem.{text}" if function == "sem_open" and not is_musl else text)

    def name_of(self, line: MapsLine) -> str:
        """The name of a mapped file: that in /dev/shm, or the kernel's own word for it."""
        key = (line.device, line.inode)
        if key not in self._names:
            file = mapped_name(line)
            name = f"sem.{file}" if file in self._semaphores else file
            twins = sum(other.partition(" #")[0] == name for other in self._names.values())
            if twins and line.path.startswith(f"{SHM_DIR}/".encode()):
                self.replaced.add(name)
            self._names[key] = name if not twins else f"{name} #{twins + 1}"
            self._open(self._names[key], file, key)
        self.sizes[self._names[key]] = line.end - line.start + line.offset
        return self._names[key]

    def target_of(self, segment: str, pid: int) -> str | None:
        """What `shmtui.procfs.target` calls memory that process ``pid`` maps; None where it is not known."""
        if segment in self.descriptors and self._has_its_name(segment):
            return f"/{segment}"
        number = next((k[1] for k, known in self._names.items() if known == segment), None)
        if number is None:
            return None
        return f"sysv:{number}" if segment.startswith("SYSV") else f"pid:{pid}:{number}"

    def _has_its_name(self, segment: str) -> bool:
        """Whether it is still there by the name by which it was first mapped, and was not renamed or removed."""
        with contextlib.suppress(OSError):
            now = Path(SHM_DIR, segment).stat()
            return os.path.samestat(now, os.fstat(self.descriptors[segment]))
        return False

    def size_of(self, segment: str) -> int:
        """Bytes that a mapped file has, or is to have; those that are mapped, where that is not known."""
        if segment in self.descriptors:
            return os.fstat(self.descriptors[segment]).st_size
        if not segment.startswith("SYSV"):
            return self.sizes[segment]
        own = by_number(sysv_segments(), next(k[1] for k, s in self._names.items() if s == segment))
        return self.sizes[segment] if own is None else own.size

    def listing(self) -> tuple[tuple[str, int], ...]:
        """The names that programs have made or asked for, as far as they are there, with their bytes."""
        found = []
        for name in sorted(self._made):
            with contextlib.suppress(OSError):
                found.append((name, Path(SHM_DIR, name).stat().st_size))
        return tuple(found)

    def semaphore_files(self) -> list[bytes]:
        """Device and inode of each named semaphore, as glibc keeps them in memory."""
        found = []
        for name in self._made:
            if name.startswith("sem."):
                with contextlib.suppress(OSError):
                    status = Path(SHM_DIR, name).stat()
                    found.append(struct.pack("<QQ", status.st_dev, status.st_ino))
        return found

    def _open(self, name: str, file: str, key: tuple[int, int]) -> None:
        with contextlib.suppress(OSError):
            descriptor = os.open(Path(SHM_DIR, file), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) == key:
                self.descriptors[name] = descriptor
            else:
                os.close(descriptor)

    def _close_files(self) -> None:
        for descriptor in self.descriptors.values():
            os.close(descriptor)
        self.descriptors.clear()
        self._names.clear()

    def clean(self) -> None:
        """Remove what the execution made."""
        self._close_files()
        if self.private:
            self.sets.clean()
        for name in self._made:
            _unlink(name)

    def close(self) -> None:
        """Remove what is left in a /dev/shm that others share."""
        self.clean()
        if self._sweeper is not None:
            self._sweeper.close()


def mapped_name(line: MapsLine) -> str:
    """The name of a mapped file in /dev/shm, or the kernel's own word for it."""
    path = os.fsdecode(line.path.removesuffix(b" (deleted)"))
    name = path.rpartition("/")[2]
    if path.startswith(SHM_DIR) and not Path(path).exists():
        # sem_open maps a name of the moment, and links it to the real one.
        return next((e.name for e in os.scandir(SHM_DIR) if e.inode() == line.inode), name)
    return name


def _unlink(name: str) -> None:
    with contextlib.suppress(OSError):
        file = Path(SHM_DIR, name)
        if stat.S_ISREG(file.lstat().st_mode):
            file.unlink()


class Sweeper:
    """Helper process: removes the registered files when its parent ends, killed or not."""

    def __init__(self) -> None:
        reading, self._pipe = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            try:
                os.setsid()
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                os.closerange(0, reading)
                os.closerange(reading + 1, 4096)
                with open(reading, "rb") as names:
                    for name in set(names.read().split(b"\0")) - {b""}:
                        _unlink(os.fsdecode(name))
            finally:
                os._exit(0)
        os.close(reading)

    def note(self, name: str) -> None:
        """Register a file to remove."""
        os.write(self._pipe, os.fsencode(name) + b"\0")

    def close(self) -> None:
        """Have it remove them now."""
        os.close(self._pipe)
        os.waitpid(self._pid, 0)


class SharedBytes:
    """The bytes of the shared files: by their descriptors, or as a living task sees them."""

    def __init__(self, files: "SharedFiles", tasks: "list[Task]") -> None:
        self._files, self._tasks = files, tasks

    def raw(self, segment: str, offset: int, size: int) -> bytes:
        """Bytes of a shared file; empty where nobody has it any more. Of a System V set: a value."""
        if segment.startswith(PREFIX):
            value = self._files.sets.value(segment, offset)
            return b"" if value is None else value.to_bytes(4, "little")
        if segment in self._files.descriptors:
            return os.pread(self._files.descriptors[segment], size, offset)
        found = b""
        for task in self._tasks:
            if task.ended is None and not task.foreign:
                for begin, end, place in task.space.shared:
                    within = place.offset <= offset < place.offset + end - begin
                    if place.segment == segment and within and len(found) < size:
                        read = task.space.read(begin + offset - place.offset, size)
                        found = max(found, read, key=len)
        return found

    def put(self, place: Place, raw: bytes) -> bool:
        """Write to a shared file; False where it cannot be opened."""
        file = self._files.descriptors.get(place.segment)
        if file is not None:
            os.pwrite(file, raw, place.offset)
        return file is not None

    def word(self, operation: Operation) -> int | None:
        """The word that an operation is about; None where it is about none that is shared."""
        if operation.place is None:
            return None
        width = min(operation.width or 4, 8)
        place = operation.place
        return int.from_bytes(self.raw(place.segment, place.offset, width), "little")

    def bytes_of(self, operation: Operation) -> bytes:
        """All that an operation is about."""
        place = operation.place
        return b"" if place is None else self.raw(place.segment, place.offset, operation.width)

    def segments(self) -> dict[str, int]:
        """Bytes of what living tasks map, by name: up to the last one that any of them maps."""
        found: dict[str, int] = {}
        for task in self._tasks:
            for begin, end, place in task.space.shared if task.ended is None else ():
                size = place.offset + end - begin
                found[place.segment] = max(found.get(place.segment, 0), size)
        return found
