"""A box for programs that are not trusted: namespaces, limits, and a watch over what they take.

Its first process is PID 1 of a PID namespace: no signal of a program ends it, and one kill(-1,
SIGKILL) of its own ends all the others at once, a fork bomb too (pid_namespaces(7)). The programs
have no network. Where a student's folder is graded, a copy of it lies on a file system of a bounded
size, and everything else is read-only, but for a layer over /tmp that is kept there too.
"""

import contextlib
import json
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.grading.cgroup import ControlGroup
from shmtui.grading.namespaces import (
    copy_folder,
    give_up_rights,
    may_be_apart,
    mount_proc,
    place_to_write,
    set_dumpable,
    unshare,
)
from shmtui.grading.resource_use import processor_seconds, taken, used
from shmtui.shm.libc import die_with_parent

_WALL: Final = 0x40000000
_LOOK_SECONDS: Final = 0.05
_PATIENCE: Final = 10
"""Times as long as it may run that work may last by the clock."""
_MOST_ANSWER: Final = 64 << 20


class Limits(msgspec.Struct, frozen=True):
    """What the programs of a box may take, all together: bytes, and threads of all processes.

    Shared memory counts once for each that has it.
    """

    memory: int = 1 << 30
    processes: int = 256
    disk: int = 128 << 20


class BoxAnswer(msgspec.Struct, frozen=True):
    """What work in a process of its own told, or why it told nothing."""

    text: str = ""
    over: str = ""
    """``time``, ``memory``, ``processes`` or ``disk``: what it took too much of; ``ended``: it was killed."""


class Inside:
    """What the first process of a box has: a place to write, and processes that it watches."""

    def __init__(
        self, limits: Limits, room: Path, group: ControlGroup | None, *, apart: bool
    ) -> None:
        self.limits, self.room, self.apart = limits, room, apart
        self._group = group

    def run(self, work: Callable[[], str], seconds: float) -> BoxAnswer:
        """What ``work`` returns in a process of its own. Nothing that it started is left running.

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
            if not over and self._group is not None:
                over = self._group.over()
            return BoxAnswer(raw.decode("utf-8", "replace")[:500], over or "ended")
        return BoxAnswer(raw.decode("utf-8", "replace").rstrip("\n"))

    def _work(self, work: Callable[[], str], writing: int) -> NoReturn:
        try:
            os.setsid()
            set_dumpable(on=True)
            die_with_parent(signal.SIGKILL)
            give_up_rights(self.limits.disk, self.limits.processes, apart=self.apart)
            text = work()
            with open(writing, "w", encoding="utf-8", errors="replace") as answer:
                answer.write(text + "\n")
        finally:
            error = sys.exc_info()[1]
            if error is not None:  # Without the end of a line: no answer, but what is known.
                os.write(writing, f"{type(error).__name__}: {error}".encode()[:500])
            os._exit(0)

    def _over(self, pid: int, seconds: float, end: float) -> str:
        if time.monotonic() > end or processor_seconds(pid) > seconds:
            return "time"
        if self.apart:
            processes = {int(name) for name in os.listdir("/proc") if name.isdecimal()} - {1, pid}
            if sum(map(processor_seconds, {pid, *processes})) > seconds:
                return "time"
            found = [taken(each) for each in processes]
            if sum(each["Threads"] for each in found) > self.limits.processes:
                return "processes"
            if sum(each["RssAnon"] + each["RssShmem"] for each in found) > self.limits.memory:
                return "memory"
            if used(Path(f"/proc/{pid}/root/dev/shm")) > self.limits.memory:
                return "memory"
            if used(self.room) >= 0.98 * self.limits.disk:
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
        self._group = ControlGroup.made(limits.memory, limits.processes, limits.disk)
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
                if self._group is not None:
                    with contextlib.suppress(OSError):  # Then the watch alone limits it.
                        self._group.join()
                if processor is not None:
                    os.sched_setaffinity(0, {processor})
                _enter(work, limits, folder, room, writing, self._group, apart=apart)
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
        if self._group is not None:
            self._group.close()
        if self._temporary is not None:
            self._temporary.cleanup()


def _enter(work: Callable[[Inside, Callable[[Any], None]], None], limits: Limits,
           folder: Path | None, room: Path | None, writing: int, group: ControlGroup | None, *,
           apart: bool) -> None:  # fmt: skip
    """In the child: become the first process of a box, and work."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if apart:
        unshare()
        pid = os.fork()
        if pid:
            os.close(writing)
            os.waitpid(pid, 0)
            os._exit(0)
        die_with_parent(signal.SIGKILL)
        mount_proc()
    with open(writing, "w", encoding="utf-8") as answers:

        def send(record: Any) -> None:
            answers.write(json.dumps(record) + "\n")
            answers.flush()

        try:
            if apart:
                room = place_to_write(limits.disk, folder)
            assert room is not None
            if folder is not None:
                copy_folder(folder, room / "submission")
                os.chdir(room / "submission")
            (room / "tmp").mkdir()
            os.environ["TMPDIR"] = str(room / "tmp")
            # In namespaces of their own programs have none of its rights, and so may not look into it. To hide
            # it from them would hide it from this user too, whose other programs could not tell what it maps.
            if not apart:
                set_dumpable(on=False)
            work(Inside(limits, room, group, apart=apart), send)
        except ShmtuiError as error:
            send({"error": str(error)})
        finally:
            failure = sys.exc_info()[1]
            if failure is not None:
                send({"error": f"{type(failure).__name__}: {failure}"})
    os._exit(0)
