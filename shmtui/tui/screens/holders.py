"""The processes that have an object of the list, each to be ended after a question."""

import signal
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar, Final

import msgspec
from textual.binding import BindingType

from shmtui.i18n import N_, _
from shmtui.monitor.shared_object import SharedObject
from shmtui.procfs.futex import system_calls
from shmtui.procfs.identity import start_time
from shmtui.procfs.process import owner_of, process_name, started_at
from shmtui.shm.protocol import Role
from shmtui.shm.segment_reader import user_name
from shmtui.snapshot import Process, ProcessState
from shmtui.tui.screens.dialog import ChoicePanel, Dialog
from shmtui.tui.screens.text_screens import KillQuestion
from shmtui.tui.spans import Line, line, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.worker_commands import named, send_one
from shmtui.workers.supervisor import Supervisor

_AGAIN_SECONDS: Final = 0.5
_WAITS: Final = {True: N_("waits on it"), False: "-", None: "?"}


class Holder(msgspec.Struct, frozen=True):
    """A live process that has something; whether it waits on it, None where that is not known."""

    process: Process
    waits: bool | None


def holders_of(objects: Iterable[SharedObject], among: Iterable[int] = ()) -> tuple[Holder, ...]:
    """The live processes that have one of ``objects``, by PID; of those in ``among``, if any are.

    Name and start time are read together, so that a signal reaches the process that is shown.
    """
    waits: dict[int, bool | None] = {}
    for each in objects:
        for pid, _name in each.mappers:
            known = _waits(each, pid)
            before = waits.get(pid, False)
            waits[pid] = True if known or before else None if None in {known, before} else False
    chosen = set(among) or waits.keys()
    found = (_process(pid) for pid in sorted(chosen & waits.keys()))
    return tuple(Holder(p, waits[p.pid]) for p in found if p is not None)


def _waits(each: SharedObject, pid: int) -> bool | None:
    if pid in (each.waiting or ()):
        return True
    hidden = each.waiting is None or (each.waiters or 0) > len(each.waiting)
    return None if hidden or system_calls(pid) is None else False


def _process(pid: int) -> Process | None:
    ticks, owner = start_time(pid), owner_of(pid)
    if ticks is None or owner is None:
        return None
    return Process(
        pid, process_name(pid), Role.UNKNOWN, ProcessState.UNKNOWN,
        user=user_name(owner), since=started_at(ticks), start_time=ticks,
    )  # fmt: skip


class HoldersPanel(ChoicePanel[Holder]):
    """Who has it, at this moment."""

    title = N_("Who has it")

    def __init__(self, label: str, view: ViewModel) -> None:
        super().__init__(view)
        self._label = label

    def _depends_on(self) -> object:
        return self.items, self.at, self.message

    def take(self, holders: tuple[Holder, ...]) -> None:
        """Show them; the cursor stays on its process."""
        chosen = self.chosen
        self.items = holders
        self.follow(lambda each: chosen is not None and each.process.pid == chosen.process.pid)

    def _above(self, width: int) -> list[Line]:
        glyphs = self.view.glyphs
        titles = f"  {_('PID'):>8}  {_('process'):<16}  {_('user'):<10}  {_('waiting')}"
        label = line((glyphs.inert(self._label), "strong"))
        nobody = [(), *wrapped(_("nobody is seen to have it any more"), width, "muted")]
        rows = [line((titles, "muted"))] if self.items else nobody
        return [glyphs.clip_line(row, width) for row in (label, *rows)]

    def _choice(self, at: int, width: int) -> Line:
        process, glyphs = self.items[at].process, self.view.glyphs
        waits = _WAITS[self.items[at].waits]
        return glyphs.clip_line(
            line(
                f"{process.pid:>8}  ",
                (glyphs.fit(glyphs.inert(process.name), 16), "strong"),
                f"  {glyphs.fit(glyphs.inert(process.user or '?'), 10)}  ",
                (
                    _(waits) if len(waits) > 1 else waits,
                    "warn" if self.items[at].waits else "muted",
                ),
            ),
            width,
        )

    def _below(self, width: int) -> list[Line]:
        return self._message_lines(width)

    def _footer(self, width: int) -> str:
        text = _("{end} ends one, {kill} kills it, each asks first, {close} closes")
        long = self.view.naming(text)
        short = self.view.naming(_("{end} ends, {kill} kills, {close} closes"))
        return long if width >= len(long) + 4 else short


class HoldersScreen(Dialog[None]):
    """Ends a process that has something, by SIGTERM; one that was told so, by SIGKILL."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("dialog.end", "end"),
        binding("dialog.kill", "end(True)"),
        binding("dialog.leave", "dismiss(None)"),
    ]

    def __init__(
        self,
        label: str,
        holders: Callable[[], tuple[Holder, ...]],
        supervisor: Supervisor | None,
        view: ViewModel,
    ) -> None:
        self._panel = HoldersPanel(label, view)
        super().__init__(self._panel)
        self._panel.choose = self.choose
        self._holders = holders
        self._supervisor = supervisor
        self._told: set[tuple[int, int]] = set()
        """PID and start time of those that were sent SIGTERM."""

    def on_mount(self) -> None:
        self._look()
        self.set_interval(_AGAIN_SECONDS, self._look)

    def _look(self) -> None:
        self._panel.take(self._holders())

    def choose(self) -> None:
        self.action_end()

    def action_end(self, kill: bool = False) -> None:
        holder, view = self._panel.chosen, self._panel.view
        if holder is None:
            return
        process = holder.process
        kill = kill or (process.pid, process.start_time) in self._told
        number = signal.SIGKILL if kill else signal.SIGTERM
        self.app.push_screen(
            KillQuestion(named(process), view, number), partial(self._answered, process, number)
        )

    def _answered(self, process: Process, number: signal.Signals, sure: bool | None) -> None:
        if not sure:
            return
        reason = send_one(process, number, self._supervisor)
        if reason is not None:
            self._panel.say(reason, "bad")
            return
        text = _("{who}: {signal} sent")
        if number is signal.SIGTERM:
            self._told.add((process.pid, process.start_time))
            text = _("{who}: {signal} sent; if it stays, {end} again offers to kill it")
        who, end = named(process), self._panel.view.key("dialog.end")
        self._panel.say(text.format(who=who, signal=number.name, end=end), "good")
        self._look()
