"""The user's programs of a run that are stepped from where they are, beside workers that run on."""

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.events import Severity
from shmtui.i18n import _
from shmtui.session.held_task import HeldTask
from shmtui.session.source_lines import is_newer, source_lines
from shmtui.shm.layout import Layout
from shmtui.shm.protocol import Role
from shmtui.snapshot import Process, ProcessState, Snapshot
from shmtui.workers.child import Child, group_members
from shmtui.workers.supervisor import Supervisor

if TYPE_CHECKING:
    from shmtui.control.live_program import LiveProgram
    from shmtui.control.live_task import LiveTask
    from shmtui.control.places import Names

POLL_SECONDS: Final = 0.02
"""Between two looks at what has stopped, while a program is stepped."""
OUTPUT_LINES: Final = 20
"""Lines of a program's output that are shown beside it."""
_GENTLE: Final = {signal.SIGSTOP, signal.SIGCONT}
"""Signals after which a program runs on, at some time."""
_PREFIXES: Final = {Role.PRODUCER: "P", Role.CONSUMER: "C"}


class _Stepped(msgspec.Struct):
    """A program that is stepped."""

    child: Child
    live: "LiveProgram"


class SteppedView(msgspec.Struct, frozen=True):
    """What the panel of programs draws."""

    tasks: tuple[HeldTask, ...] = ()
    mover: str = ""
    """Who took the last step."""
    taken: tuple[str, ...] = ()
    """Who took the last steps, the oldest first."""


class SteppedPrograms:
    """Takes the user's programs step by step: it is what their supervisor's orders come to."""

    def __init__(self, supervisor: Supervisor, segment: str, layout: Layout | None) -> None:
        self._supervisor = supervisor
        self._segment, self._layout = segment.lstrip("/"), layout
        self._programs: dict[int, _Stepped] = {}
        self._taken: list[str] = []
        self._ticking = False
        supervisor.step_program, supervisor.let_go = self.step, self.let_go

    @property
    def active(self) -> bool:
        return bool(self._programs)

    def step(self, child: Child) -> None:
        """Hold a program before its next step, or let it do the one that it is held before.

        ShmtuiError: it cannot be stepped; it runs on.
        """
        found = self._programs.get(child.pid)
        if found is None or found.live.leaving:
            self._hold(child)
            return
        said = [self._words(task) for task in found.live.tasks if task.held]
        if not said:
            return
        found.live.step()
        self._taken += found.live.taken
        found.live.taken.clear()
        del self._taken[:-OUTPUT_LINES]
        for words in said:
            self._supervisor.emit(Severity.INFO, f"{child.name}: {words}")

    def _hold(self, child: Child) -> None:
        from shmtui.control.live_program import LiveProgram  # noqa: PLC0415 - few runs step any

        try:
            live = LiveProgram(
                f"{_PREFIXES[child.role]}{child.number}", child.pid, group_members(child.pid)
            )
        except ShmtuiError as error:
            text = _("{name} cannot be stepped: {why}")
            raise ShmtuiError(text.format(name=child.name, why=error)) from None
        self._programs[child.pid] = _Stepped(child, live)
        text = _("{name} stops before its next step; a step back: explore --schedule, then replay")
        self._supervisor.emit(Severity.WARN, text.format(name=child.name))
        live.poll(POLL_SECONDS)
        self._tick()

    def _tick(self) -> None:
        """Have the stops dealt with by the event loop, where there is one."""
        if not self._ticking:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().call_later(POLL_SECONDS, self._on_tick)
                self._ticking = True

    def _on_tick(self) -> None:
        self._ticking = False
        self.poll()
        if self._programs:
            self._tick()

    def poll(self) -> None:
        """Deal with what has stopped, and forget those that are let go or have ended."""
        for pid, stepped in tuple(self._programs.items()):
            stepped.live.poll()
            if not stepped.live.traced:
                stepped.live.close()
                del self._programs[pid]

    def let_go(self, child: Child, number: signal.Signals) -> None:
        """Have a program run on by itself, before it gets a signal."""
        stepped = self._programs.get(child.pid)
        if stepped is not None:
            stepped.live.let_go(gently=number in _GENTLE)
            self.poll()

    # What is shown.

    def shown_in(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the steps that they are held before."""
        self.poll()
        if not self._programs:
            return snapshot
        return replace(snapshot, processes=tuple(map(self._shown, snapshot.processes)))

    def _shown(self, process: Process) -> Process:
        stepped = self._programs.get(process.pid)
        if stepped is None or stepped.live.leaving or not process.alive:
            return process
        task = next(iter(stepped.live.tasks), None)
        step = None if task is None else self._names(task).step(task.operation, None, None)
        if not stepped.live.held:
            return replace(process, step=step)
        return replace(
            process, state=ProcessState.STEPPING, step=step, blocked_on=None, blocked_for=None,
            waits=(), sleeps_on=(), wakeable=None,
        )  # fmt: skip

    def view(self) -> SteppedView | None:
        """The programs where they are held; None where none is stepped."""
        shown = [s for s in self._programs.values() if not s.live.leaving]
        if not shown:
            return None
        tasks = tuple(self._task(s.child, task) for s in shown for task in s.live.tasks)
        return SteppedView(tasks, self._taken[-1] if self._taken else "", tuple(self._taken))

    def _task(self, child: Child, task: "LiveTask") -> HeldTask:
        names, starting = self._names(task), not task.operation.site
        path, line = names.source(task.name, task.operation)
        step = names.step(task.operation, None, None)
        if not task.held:
            step = _("now: {step}").format(step=step)
        if starting:
            step = _("runs to its next step")
        executable = task.process.code.executable
        return HeldTask(
            task.name, child.role, task.tid, child.program[0], step,
            task.held and task.would_wait, False, False,
            path, -1 if starting else line, source_lines(path) if path else (),
            bool(path) and is_newer(path, executable),
            tuple(child.printed.lines)[-OUTPUT_LINES:], not task.held,
        )  # fmt: skip

    def _words(self, task: "LiveTask") -> str:
        """The step and its line."""
        names = self._names(task)
        words, line = names.step(task.operation, None, None), names.line(task.name, task.operation)
        return f"{words}, {line}" if line else words

    def _names(self, task: "LiveTask") -> "Names":
        from shmtui.control.places import Names  # noqa: PLC0415 - few runs step any
        from shmtui.control.ring_layout import ring_of  # noqa: PLC0415

        layout = self._layout
        ring = None
        if layout is not None and layout.slots and layout.item.size:
            ring = ring_of(self._segment, layout, plain=layout.has_indices)
        return Names(ring, [task])
