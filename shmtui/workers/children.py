"""The live children of a supervisor: signalled, watched by an event loop, reaped, ended."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Final

from shmtui.procfs.interpreter import module_command, module_environment
from shmtui.workers.child import Child, group_members

END_SECONDS: Final = 1.8
"""Time between SIGTERM and SIGKILL for a child that does not end, and for what it started."""
GROUP_SECONDS: Final = 0.05
"""Interval at which the processes that a program started are looked for once it was told to end."""
LEFT_SECONDS: Final = 0.5
"""The same where the program has ended by itself."""


class GroupGuard:
    """Ends the user's programs, and what they started, if the supervisor is killed: it runs
    :mod:`shmtui.workers.group_helper` from the first program on.

    The kernel ends a program with its supervisor (PR_SET_PDEATHSIG), but not what the program has
    started, nor one that ignores SIGTERM. A supervisor that ends in good order ends all itself.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run the helper. Before a program is started: what that starts at once would else outlive a supervisor that is
        killed while the helper starts. OSError: none can be started.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                module_command("shmtui.workers.group_helper", site=False),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                # In a session of its own: a signal to the terminal's or the shell's job misses it.
                start_new_session=True,
                env=module_environment(),
            )

    @property
    def pipe(self) -> int | None:
        """Descriptor in which a program names its process group; None: no helper runs."""
        if self._process is None or self._process.stdin is None:
            return None
        return self._process.stdin.fileno()

    def forget(self, group: int) -> None:
        """Tell it that the group is gone: its number may be another's by now."""
        if self.pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self.pipe, f"-{group}\n".encode())

    def close(self) -> None:
        """End the helper, once all programs have ended."""
        if self._process is not None and self._process.stdin is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process = None


class Children:
    """Live children by PID. ``on_end`` is called with each that has been reaped, and its status."""

    def __init__(self, on_end: Callable[[Child, int], None]) -> None:
        self._on_end = on_end
        self.by_pid: dict[int, Child] = {}
        """In the order in which they were started."""
        self._guard = GroupGuard()
        self.before_signal: Callable[[Child, signal.Signals], None] | None = None
        """Called before a program of the user's gets a signal, so that it is not held then."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def __iter__(self) -> Iterator[Child]:
        return iter(tuple(self.by_pid.values()))

    def start_guard(self) -> int | None:
        """Run what ends the programs with this process, before one is started. Returns the descriptor in
        which each names its process group.
        """
        with contextlib.suppress(OSError):  # Without a guard it still ends with its supervisor.
            self._guard.start()
        return self._guard.pipe

    def add(self, child: Child) -> None:
        """Take in a child that has just been started."""
        self.by_pid[child.pid] = child
        if self._loop is not None:
            self._watch(child)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have ``loop`` read what the children print and reap those that end, at once."""
        self._loop = loop
        for child in self:
            self._watch(child)

    def _watch(self, child: Child) -> None:
        assert self._loop is not None
        self._loop.add_reader(child.pidfd, self._reap, child)
        self._loop.add_reader(child.output, self._read, child)

    def _read(self, child: Child) -> None:
        if not child.read_output() and self._loop is not None:
            self._loop.remove_reader(child.output)

    def signal(self, child: Child, number: signal.Signals) -> None:
        """Send a signal; a child that has ended meanwhile is none to send it to.

        A worker gets it through its pidfd, so no other process that has the PID by then is hit.
        A program of the user's may be a script: what it started gets the signal too. The group
        has the program's PID, which no other process can have until the program is reaped.
        """
        if child.program and self.before_signal is not None:
            self.before_signal(child, number)
        with contextlib.suppress(ProcessLookupError):
            if child.program:
                os.killpg(child.pid, number)
            else:
                signal.pidfd_send_signal(child.pidfd, number)

    def end(self, child: Child) -> None:
        """SIGTERM, to a stopped or sleeping child too."""
        child.term_sent_at = time.monotonic()
        self.signal(child, signal.SIGTERM)
        self.signal(child, signal.SIGCONT)
        child.record.wakeup.post()

    def reap(self, seconds: float) -> None:
        """Reap the children that have ended; wait up to ``seconds`` until there is one."""
        watched = {child.pidfd: child for child in self if not child.leader_ended}
        leaderless = [child for child in self if child.leader_ended]
        poller = select.poll()
        for fd in watched:
            poller.register(fd, select.POLLIN)
        patience = min(seconds, GROUP_SECONDS) if leaderless else seconds
        ended = [watched[fd] for fd, _event in poller.poll(patience * 1000)]
        for child in (*leaderless, *ended):
            self._reap(child)

    def close(self) -> None:
        """End all: SIGTERM, and SIGKILL after `END_SECONDS`. Waits that long once more at most.

        Works without the event loop, so that it can clean up after one that failed.
        """
        self._loop = None
        for child in self:
            self.end(child)
        self._reap_until(time.monotonic() + END_SECONDS)
        for child in self:
            self.signal(child, signal.SIGKILL)
        self._reap_until(time.monotonic() + END_SECONDS)
        self._guard.close()

    def _reap_until(self, deadline: float) -> None:
        while self.by_pid and (left := deadline - time.monotonic()) > 0:
            self.reap(left)

    def _reap(self, child: Child) -> None:
        """Reap a child that has ended, unless something that it started still runs."""
        if child.pid not in self.by_pid or self._group_still_runs(child):
            return
        status = child.process.wait()
        if child.program:
            self._guard.forget(child.pid)
        child.read_rest()
        if self._loop is not None:
            self._loop.remove_reader(child.pidfd)
            self._loop.remove_reader(child.output)
        child.close()
        del self.by_pid[child.pid]
        self._on_end(child, status)

    def _group_still_runs(self, child: Child) -> bool:
        """Whether something that a program started outlives it: it is ended with the program, and
        has as long for that as the program had. Until then the program is not reaped, so that
        no other process gets its PID, which is the group's too.
        """
        if not child.program or not group_members(child.pid):
            return False
        told = child.term_sent_at
        if told is not None and time.monotonic() - told > END_SECONDS:
            self.signal(child, signal.SIGKILL)
            return False
        child.leader_ended = True
        if self._loop is not None:
            self._loop.remove_reader(child.pidfd)
            pause = LEFT_SECONDS if told is None else GROUP_SECONDS
            self._loop.call_later(pause, self._reap, child)
        return True
