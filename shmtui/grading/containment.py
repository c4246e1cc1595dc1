"""A box for programs that are not trusted: namespaces, limits, and a watch over what they take.

Its first process is PID 1 of a PID namespace: no signal of a program ends it, and one kill(-1,
SIGKILL) of its own ends all the others at once, a fork bomb too (pid_namespaces(7)). The programs
have no network. Where a student's folder is graded, a copy of it lies on a file system of a bounded
size, and everything else is read-only, but for a layer over /tmp that is kept there too.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, NoReturn

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.libc import die_with_parent

_NEWNS, _NEWIPC, _NEWUSER = 0x20000, 0x8000000, 0x10000000
_NEWPID, _NEWNET = 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_REC, _MS_PRIVATE = 2, 4, 0x4000, 1 << 18
_MOUNT_SETATTR: Final = 442
_AT_RECURSIVE: Final = 0x8000
_READ_ONLY: Final = 1
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 24, 38
_CAPABILITIES: Final = 64
_WALL: Final = 0x40000000
_COVERED: Final = ("/mnt", "/media", "/srv", "/opt")
"""Folders that systems have: one of them is covered by the place to write."""
_LOOK_SECONDS: Final = 0.05
_PATIENCE: Final = 10
"""Times as long as it may run that work may last by the clock."""
_SPARE: Final = 512
"""Processes that others of this user may start meanwhile, where the kernel counts them all together."""
_MOST_ANSWER: Final = 64 << 20
_MOST_FOLDER: Final = 64 << 20
"""Bytes of a student's folder."""

_libc: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the programs of a box may take, all together: bytes, and threads of all processes.

    Shared memory counts once for each that has it.
    """

    memory: int = 512 << 20
    processes: int = 64
    disk: int = 128 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What work in a process of its own told, or why it told nothing."""

    text: str = ""
    over: str = ""
    """``time``, ``memory``, ``processes`` or ``disk``: what it took too much of; ``ended``: it was killed."""


class _Attributes(ctypes.Structure):
    """``struct mount_attr`` of <linux/mount.h>."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "namespace")]


class Inside:
    """What the first process of a box has: a place to write, and processes that it watches."""

    def __init__(self, limits: Limits, room: Path, *, apart: bool) -> None:
        self.limits, self.room, self.apart = limits, room, apart

    def run(self, work: Callable[[], str], seconds: float) -> Answer:
        """What ``work`` returns, from a process of its own; of all that it started nothing is left.

        ``seconds`` of a processor; by the clock it may last some times longer.
        """
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            self._work(work, writing)
        os.close(writing)
        raw, over, end = bytearray(), "", time.monotonic() + _PATIENCE * seconds
        try:
            while not over:
                ready = select.select([reading], [], [], _LOOK_SECONDS)[0]
                part = os.read(reading, 1 << 16) if ready else b""
                raw += part
                if ready and not part:
                    break
                over = self._over(pid, seconds, end) if len(raw) < _MOST_ANSWER else "memory"
                self._reap_orphans(pid)
        finally:
            os.close(reading)
            self._end(pid)
        if not raw.endswith(b"\n"):
            return Answer(raw.decode("utf-8", "replace")[:500], over or "ended")
        return Answer(raw.decode("utf-8", "replace").rstrip("\n"))

    def _work(self, work: Callable[[], str], writing: int) -> NoReturn:
        try:
            os.setsid()
            _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # Its own /proc files are to be written.
            die_with_parent(signal.SIGKILL)
            _give_up_rights(self.limits)
            if not self.apart:  # They are not counted from outside.
                _limit(resource.RLIMIT_NPROC, _threads_of_user() + _SPARE + self.limits.processes)
            text = work()
            with open(writing, "w", encoding="utf-8", errors="replace") as answer:
                answer.write(text + "\n")
        finally:
            error = sys.exc_info()[1]
            if error is not None:  # Without the end of a line: no answer, but what is known.
                os.write(writing, f"{type(error).__name__}: {error}".encode()[:500])
            os._exit(0)

    def _over(self, pid: int, seconds: float, end: float) -> str:
        if time.monotonic() > end or _processor_seconds(pid) > seconds:
            return "time"
        if self.apart:
            processes = {int(name) for name in os.listdir("/proc") if name.isdecimal()} - {1, pid}
            if sum(map(_processor_seconds, {pid, *processes})) > seconds:
                return "time"
            taken = [_taken(each) for each in processes]
            if sum(each["Threads"] for each in taken) > self.limits.processes:
                return "processes"
            if sum(each["RssAnon"] + each["RssShmem"] for each in taken) > self.limits.memory:
                return "memory"
            if _used(Path(f"/proc/{pid}/root/dev/shm")) > self.limits.memory:
                return "memory"
            if _used(self.room) >= 0.98 * self.limits.disk:
                return "disk"
        return ""

    def _reap_orphans(self, pid: int) -> None:
        """Wait for those of ended parents, which come to the first process of a namespace."""
        waitable = os.P_ALL if self.apart else os.P_PID
        with contextlib.suppress(ChildProcessError):
            while (
                found := os.waitid(waitable, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            ) is not None:
                if found.si_pid == pid:
                    return
                os.waitpid(found.si_pid, 0)

    def _end(self, pid: int) -> None:
        """End everything in the box but this process."""
        for target in (-1,) if self.apart else (-pid, pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(target, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1 if self.apart else pid, _WALL)[0]:
                pass


def _taken(pid: int) -> dict[str, int]:
    """Threads, and bytes of its own and of shared memory, of a process."""
    found = dict.fromkeys(("Threads", "RssAnon", "RssShmem"), 0)
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="latin-1") as file:
        for line in file:
            name, _colon, value = line.partition(":")
            if name in found:
                number, _space, unit = value.strip().partition(" ")
                found[name] = int(number) * (1024 if unit == "kB" else 1)
    return found


def _processor_seconds(pid: int) -> float:
    """What a process, and those that it has waited for, took of a processor."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _used(folder: Path) -> int:
    """Bytes in use on the file system of its own that a folder is; 0 where that cannot be seen."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def _give_up_rights(limits: Limits) -> None:
    """What this process starts gains nothing by exec, and a file of it has its limit."""
    for capability in range(_CAPABILITIES):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, limits.disk)


def _limit(which: int, most: int) -> None:
    hard = resource.getrlimit(which)[1]
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (least, least))


def _threads_of_user() -> int:
    """Threads of this user's processes: what RLIMIT_NPROC counts."""
    count = 0
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdecimal() and Path("/proc", name).stat().st_uid == os.getuid():
                count += _taken(int(name))["Threads"]
    return count


@cache
def may_be_apart() -> bool:
    """Whether this user may make the namespaces of a box: a container or an administrator may refuse."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] == 0
    try:
        _unshare()
        inner = os.fork()
        if inner:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) & 1)
        _mount_proc()
        os._exit(0)
    except OSError:
        os._exit(1)
    finally:
        os._exit(1)


def _unshare() -> None:
    """OSError: refused."""
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(_NEWUSER | _NEWNS | _NEWIPC | _NEWPID | _NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)


def _mount(source: str, target: str, kind: str | None, flags: int = 0, data: str = "") -> None:
    encoded = None if kind is None else kind.encode()
    if _libc.mount(source.encode(), target.encode(), encoded, flags, data.encode()):
        raise OSError(ctypes.get_errno(), f"mount {target}")


def _mount_proc() -> None:
    """Show the PIDs of this namespace, and have those to come be large: no number that a program counts is
    taken for one. OSError: refused.
    """
    _mount("proc", "/proc", "proc")
    most = int(Path("/proc/sys/kernel/pid_max").read_text())
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(most // 2))


class Box:
    """A process in a box, and the records that it sends.

    ``work`` runs as the first process of it, with a function that sends. With ``folder``, in a copy of it.
    ``processor``: the one that all of it runs on. OSError: no process can be made.
    """

    def __init__(self, work: Callable[[Inside, Callable[[Any], None]], None], limits: Limits,
                 folder: Path | None = None, processor: int | None = None) -> None:  # fmt: skip
        self._temporary = None
        apart = may_be_apart()
        if not apart:
            self._temporary = tempfile.TemporaryDirectory(prefix="shmtui-")
        room = None if self._temporary is None else Path(self._temporary.name)
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._raw, parent = bytearray(), os.getpid()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid:
            os.close(writing)
            return
        try:
            os.close(self._reading)
            die_with_parent(signal.SIGKILL)
            if os.getppid() == parent:
                if processor is not None:
                    os.sched_setaffinity(0, {processor})
                _enter(work, limits, folder, room, writing, apart=apart)
        finally:
            os._exit(1)

    def fileno(self) -> int:
        """Readable where something was sent, or it has ended."""
        return self._reading

    def received(self) -> Iterator[Any]:
        """The records that have come. EOFError: it has ended, and all were read."""
        try:
            part = os.read(self._reading, 1 << 20)
        except BlockingIOError:
            return
        if not part or len(self._raw) > _MOST_ANSWER:
            raise EOFError
        self._raw += part
        while (at := self._raw.find(b"\n")) >= 0:
            line = bytes(self._raw[:at])
            del self._raw[: at + 1]
            yield json.loads(line)

    def close(self) -> None:
        """End it, and everything in it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._reading)
        if self._temporary is not None:
            self._temporary.cleanup()


def _enter(work: Callable[[Inside, Callable[[Any], None]], None], limits: Limits,
           folder: Path | None, room: Path | None, writing: int, *, apart: bool) -> None:  # fmt: skip
    """In the child: become the first process of a box, and work."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if apart:
        _unshare()
        pid = os.fork()
        if pid:
            os.close(writing)
            os.waitpid(pid, 0)
            os._exit(0)
        die_with_parent(signal.SIGKILL)
        _mount_proc()
    with open(writing, "w", encoding="utf-8") as answers:

        def send(record: Any) -> None:
            answers.write(json.dumps(record) + "\n")
            answers.flush()

        try:
            if apart:
                room = _place_to_write(limits, folder)
            assert room is not None
            if folder is not None:
                _copy(folder, room / "submission")
                os.chdir(room / "submission")
            (room / "tmp").mkdir()
            os.environ["TMPDIR"] = str(room / "tmp")
            _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
            work(Inside(limits, room, apart=apart), send)
        except ShmtuiError as error:
            send({"error": str(error)})
        finally:
            failure = sys.exc_info()[1]
            if failure is not None:
                send({"error": f"{type(failure).__name__}: {failure}"})
    os._exit(0)


def _place_to_write(limits: Limits, folder: Path | None) -> Path:
    """A file system of a bounded size; where ``folder`` is graded, all the others become read-only."""
    paths = (*sys.path, sys.prefix, sys.base_prefix, folder or ".", __file__)
    needed = [Path(str(path)).resolve() for path in paths]
    covered = [
        path
        for path in map(Path, _COVERED)
        if path.is_dir() and not any(path == each or path in each.parents for each in needed)
    ]
    if not covered:
        text = _("none of {folders} can be covered by a place to write: make one of them")
        raise ShmtuiError(text.format(folders=" ".join(_COVERED)))
    room = next((path for path in covered if _is_empty(path)), covered[0])
    if folder is not None and not (
        _protect("/", _AT_RECURSIVE, set=_READ_ONLY) and _protect("/proc", 0, clear=_READ_ONLY)
    ):
        raise ShmtuiError(_("the file systems cannot be made read-only (it takes Linux 5.12)"))
    flags = _MS_NOSUID | _MS_NODEV
    _mount("shmtui", str(room), "tmpfs", flags, f"size={limits.disk},nr_inodes=100k,mode=755")
    if folder is not None:
        for name in ("changed", "work"):
            (room / name).mkdir()
        with contextlib.suppress(OSError):  # Where it is refused, /tmp is read-only too.
            layer = f"lowerdir=/tmp,upperdir={room}/changed,workdir={room}/work,userxattr"
            _mount("shmtui", "/tmp", "overlay", flags, layer)
    return room


def _is_empty(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def _protect(path: str, flags: int, **attributes: int) -> bool:
    """mount_setattr(2); whether it was done."""
    wanted = _Attributes(**attributes)
    size = ctypes.sizeof(wanted)
    done = _libc.syscall(_MOUNT_SETATTR, -100, path.encode(), flags, ctypes.byref(wanted), size)
    return int(done) == 0


def _copy(source: Path, target: Path) -> None:
    """Copy the regular files of a folder. ShmtuiError: they are too large, or cannot be read."""
    size = 0
    try:
        for folder, _folders, files in os.walk(source):
            here = target / Path(folder).relative_to(source)
            here.mkdir(parents=True, exist_ok=True)
            for name in files:
                file = Path(folder, name)
                status = file.lstat()
                if not stat.S_ISREG(status.st_mode):
                    continue
                size += status.st_size
                if size > _MOST_FOLDER:
                    text = _("the folder {folder} is larger than {most} MiB")
                    raise ShmtuiError(text.format(folder=source, most=_MOST_FOLDER >> 20))
                (here / name).write_bytes(file.read_bytes())
                (here / name).chmod(0o755 if status.st_mode & 0o111 else 0o644)
    except OSError as error:
        text = _("cannot copy {folder}: {error}")
        raise ShmtuiError(text.format(folder=source, error=error.strerror)) from None
