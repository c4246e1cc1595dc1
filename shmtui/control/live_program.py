"""A program that lives, taken step by step from where it is: held before each call by which it meets others.

It is not copied, and there is no way back: its calls are the kernel's and the C library's own, others
run on meanwhile, and who has to wait in a step waits. What it started is stepped with it.
"""

import contextlib
import time
from collections.abc import Sequence
from typing import Final

from shmtui.control import ptrace
from shmtui.control.live_task import LiveProcess, LiveTask
from shmtui.control.operation import Kind
from shmtui.errors import ShmtuiError
from shmtui.i18n import _

STEP_SECONDS: Final = 0.05
"""How long a step is waited for, so that the next frame shows where it led."""
LEAVE_SECONDS: Final = 0.5
"""How long threads are waited for that were told to stop, to be let go."""
_BUSY_SECONDS: Final = 0.02
"""How long stops are dealt with one after the other where they come thick and fast."""
_NEXT_SECONDS: Final = 0.001
"""How long the next of them is waited for."""
_PAUSE: Final = 0.0002
_ROUNDS: Final = 8
"""So often the threads are listed until there are no new ones."""


class LiveProgram:
    """The threads of a program, which lives, and of what it started.

    All calls come from one thread, which has to be the one that made it (ptrace(2)).
    """

    def __init__(self, name: str, pid: int, others: Sequence[int] = ()) -> None:
        """``pid``: a child of this process; ``others``: what it has started.

        ShmtuiError: it cannot be stepped. It runs on then.
        """
        ptrace.require_machine()
        self.name = name
        self.tasks: list[LiveTask] = []
        self.taken: list[str] = []
        """The threads that have been let take a step, one entry each."""
        self.leaving = False
        """Whether it is let go: threads are traced for only so long as they have to be."""
        self._child = pid
        self._processes: list[LiveProcess] = []
        self._count = 0
        try:
            for each in (pid, *others):
                self._take_in(each)
        except BaseException:
            self.let_go(gently=True)
            raise
        if not any(process.breakpoints for process in self._processes):
            self.let_go(gently=True)
            text = _(
                "no functions of semaphores or locks can be found by name in it: is it static and "
                "stripped, or has it not started yet?"
            )
            raise ShmtuiError(text)

    def _take_in(self, pid: int) -> None:
        try:
            process = LiveProcess(pid)
        except (OSError, ValueError) as error:
            raise ShmtuiError(_("its code cannot be read: {error}").format(error=error)) from None
        self._processes.append(process)
        for _round in range(_ROUNDS):
            known = {task.tid for task in self.tasks}
            new = [tid for tid in process.threads() if tid not in known]
            if not new:
                break
            for tid in new:
                try:
                    ptrace.seize(tid)
                except ProcessLookupError:
                    continue  # It has ended.
                except OSError as error:
                    text = _("the system does not let it be traced ({error}): another debugger has it, "
                             "or a container refuses ptrace")  # fmt: skip
                    raise ShmtuiError(text.format(error=error.strerror)) from None
                self._add(process, tid)
        process.arm()

    def _add(self, process: LiveProcess, tid: int) -> None:
        self._count += 1
        name = self.name if self._count == 1 else f"{self.name}.{self._count}"
        self.tasks.append(LiveTask(process, tid, name, is_child=tid == self._child))

    def _born(self, parent: LiveTask, tid: int, is_thread: bool) -> None:
        process = parent.process
        if not is_thread:
            process = LiveProcess(tid, parent.process)
            self._processes.append(process)
        self._add(process, tid)

    @property
    def held(self) -> bool:
        """Whether each of its threads that has come to a step is held before one."""
        met = [task.held for task in self.tasks if task.operation.kind is not Kind.START]
        return bool(met) and all(met)

    @property
    def traced(self) -> bool:
        """Whether any of its threads is still traced."""
        return bool(self.tasks)

    def step(self) -> None:
        """Let each thread that is held take its step, and hold it before its next one."""
        for task in [task for task in self.tasks if task.held]:
            self.taken.append(task.name)
            with contextlib.suppress(ProcessLookupError):
                task.go_on()
        self.poll(STEP_SECONDS)

    def poll(self, seconds: float = 0.0) -> bool:
        """Deal with the stops there are, and wait so long for those that come; whether there were any."""
        changed, now = False, time.monotonic()
        until, latest = now + seconds, now + seconds + _BUSY_SECONDS
        while True:
            happened = sum(self._look(task) for task in tuple(self.tasks)) > 0
            changed |= happened
            now = time.monotonic()
            if happened:
                until = max(until, min(now + _NEXT_SECONDS, latest))
            if now >= until or all(task.held for task in self.tasks):
                return changed
            if not happened:
                time.sleep(_PAUSE)

    def _look(self, task: LiveTask) -> bool:
        if task.held:
            return False
        try:
            stop = task.stop()
            if stop is not None and self.leaving:
                self._part(task, *stop)
            elif stop is not None:
                task.deal(*stop, self._born)
        except ProcessLookupError:
            task.traced = False  # SIGKILL ends a stopped thread, too.
        if not task.traced:
            self.tasks.remove(task)
            return True
        return stop is not None

    def _part(self, task: LiveTask, number: int, event: int) -> None:
        """Let a stopped thread go, with the signal that has stopped it."""
        if event in {ptrace.FORK, ptrace.VFORK, ptrace.CLONE}:
            self._born(task, ptrace.event_message(task.tid), event == ptrace.CLONE)
            self._processes[-1].disarm()
        trapped = not event and task.rewound() is not None
        task.leave(0 if event or trapped else number)

    def let_go(self, *, gently: bool) -> None:
        """Have it run on by itself; ``gently``: threads in calls that a stop would end are let go later, as
        `poll` finds them stopped.
        """
        self.leaving = True
        for process in self._processes:
            process.disarm()
        for task in tuple(self.tasks):
            with contextlib.suppress(ProcessLookupError):
                if task.held:
                    task.leave()
                    self.tasks.remove(task)
                else:
                    task.interrupt(gently=gently)
        until = time.monotonic() + LEAVE_SECONDS
        while any(task.interrupted for task in self.tasks) and time.monotonic() < until:
            self.poll(_PAUSE)
        if not self.tasks:
            self.close()

    def close(self) -> None:
        for process in self._processes:
            process.close()
        self._processes.clear()
