"""Where the executions take place: a /dev/shm of their own where the kernel allows it, the same at each begin."""

import contextlib
import ctypes
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.segment import SHM_DIR

_NEWNS, _NEWUSER = 0x20000, 0x10000000
_MS_REC, _MS_PRIVATE = 0x4000, 1 << 18


def make_private() -> bool:
    """Give this process a /dev/shm of its own, empty, seen by it and its children alone.

    False where this user may make no namespaces (user_namespaces(7), or a limit of the machine's).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    flags = _NEWNS if user == 0 else _NEWNS | _NEWUSER
    if libc.unshare(flags):
        return False
    try:
        if user:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError:
        return False
    libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    return not libc.mount(b"shmtui", SHM_DIR.encode(), b"tmpfs", 0, b"mode=1777")


@dataclass(slots=True)
class Scene:
    """The shared files of an execution, by the names that the programs give them."""

    private: bool
    """Whether /dev/shm is this process's own."""
    contents: dict[str, bytes] = field(default_factory=dict)
    """Files of /dev/shm that are there at the begin of each execution."""
    names: dict[tuple[int, int], str] = field(default_factory=dict)
    """Of the shared files of the last execution, as far as they have one."""
    _made: set[str] = field(default_factory=set)
    _taken: Final[frozenset[str]] = field(default_factory=lambda: frozenset(os.listdir(SHM_DIR)))

    def prepare(self) -> None:
        """Put everything where it is at the begin. ShmtuiError: a name is another's."""
        self.names.clear()
        for name, raw in self.contents.items():
            self._claim(name)
            file = Path(SHM_DIR, name)
            file.write_bytes(raw)
            file.chmod(0o666)

    def _claim(self, name: str) -> None:
        if not self.private and name in self._taken:
            text = _("{name} is there already, and this user may make no /dev/shm apart: remove it, or give another")
            raise ShmtuiError(text.format(name=f"/{name}"))
        self._made.add(name)

    def note_name(self, function: str, name: bytes) -> None:
        """A program opens something by its name."""
        text = os.fsdecode(name.lstrip(b"/"))
        if text:
            self._claim(f"sem.{text}" if function == "sem_open" else text)

    def note(self, key: tuple[int, int], path: str) -> None:
        """A program maps a file."""
        name = path.rpartition("/")[2]
        if path.startswith(SHM_DIR) and not Path(path).exists():
            # sem_open maps a name of the moment, and links it to the real one.
            name = next((e.name for e in os.scandir(SHM_DIR) if e.inode() == key[1]), name)
        self.names[key] = name

    def left(self) -> set[str]:
        """What is there at the end of an execution that was not at its begin."""
        return {name for name in self._made - set(self.contents) if Path(SHM_DIR, name).exists()}

    def clean(self) -> None:
        """Remove what the execution made."""
        for name in self._made:
            with contextlib.suppress(OSError):
                file = Path(SHM_DIR, name)
                if stat.S_ISREG(file.lstat().st_mode):
                    file.unlink()
