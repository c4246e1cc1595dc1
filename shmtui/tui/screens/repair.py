"""The dialog of a repair: its plan, the question whether to do it, and the outcome."""

import asyncio
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from shmtui.errors import ShmtuiError
from shmtui.events import Severity
from shmtui.i18n import _
from shmtui.repair.choices import Choice, choices
from shmtui.repair.executor import Repairer
from shmtui.repair.plan import Plan, Refusal, proposal_lines
from shmtui.sanitize import inert
from shmtui.tui.cell_text import clip, wrap
from shmtui.tui.screens.text_screens import WrappedPanel
from shmtui.tui.spans import Line, line
from shmtui.tui.view_model import ViewModel
from shmtui.workers.supervisor import Supervisor


class RepairScreen(ModalScreen[None]):
    """Repairs nothing before the key y, and then only if the plan still holds."""

    AUTO_FOCUS = "WrappedPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "carry_out", show=False),
        *(Binding(key, f"choose('{key}')", show=False) for key in "pioc"),
        Binding("n,escape,q,enter", "dismiss", show=False),
    ]

    def __init__(self, repairer: Repairer, supervisor: Supervisor, view: ViewModel) -> None:
        super().__init__()
        self._repairer = repairer
        self._supervisor = supervisor
        self._view = view
        self._plan: Plan | None = None
        self._said: tuple[str, ...] = (_("looking for what is wrong") + view.glyphs.ellipsis,)
        self._question = ""
        self._choices: tuple[Choice, ...] = ()

    def compose(self) -> ComposeResult:
        """One panel."""
        yield WrappedPanel(_("Repair"), self._lines, _("esc closes"), self._view)

    def on_mount(self) -> None:
        """Make the plan, in a thread: the buffer is watched for seconds."""
        self.run_worker(self._propose(), exclusive=True, group="repair")

    def on_click(self, event: events.Click) -> None:
        """A click on an answer gives it."""
        panel = self.query_one(WrappedPanel)
        row = event.screen_y - panel.region.y - 1 + panel.scroll_position()[0]
        answers = [*(choice.key for choice in self._choices), *("y" if self._question else "")]
        first = len(self._lines(panel.inner_size[0])) - len(answers)
        if not first <= row < first + len(answers):
            return
        key = answers[row - first]
        if key == "y":
            self.action_carry_out()
        else:
            self.action_choose(key)

    def _lines(self, width: int) -> list[Line]:
        rows: list[Line] = []
        for text in self._said:
            inner = inert(text.strip(), self._view.glyphs.ascii_only)
            indent = text.startswith(" ")
            for piece in wrap(inner, width - 2 * indent):
                rows.append(line("  " * indent, (piece, "text" if indent else "strong")))
        if self._question or self._choices:
            rows.append(())
        for choice in self._choices:
            text = f"  {choice.key}  {choice.text}"
            rows.append(line((clip(inert(text, self._view.glyphs.ascii_only), width), "key")))
        if self._question:
            rows.append(line((self._question, "banner")))
        return rows

    def _say(self, *texts: str, question: str = "", choices: tuple[Choice, ...] = ()) -> None:
        self._said, self._question, self._choices = texts, question, choices
        panel = self.query_one(WrappedPanel)
        panel.below = _("y carries it out, esc leaves it") if question else _("esc closes")
        panel.refresh(layout=True)
        panel.draw_anew()

    async def _propose(self) -> None:
        try:
            found = await asyncio.to_thread(self._repairer.propose)
        except (ShmtuiError, OSError) as error:
            self._say(str(error))
            return
        self._plan = found if isinstance(found, Plan) else None
        question = _("  y  Carry it out  ") if isinstance(found, Plan) else ""
        left = choices(found, self._repairer.consent)
        self._say(*proposal_lines(found), question=question, choices=left)

    def action_choose(self, key: str) -> None:
        """Say what a choice says, and make the plan anew."""
        for choice in self._choices:
            if choice.key == key:
                self._repairer.consent, self._plan = choice.consent, None
                self._say(_("looking for what is wrong") + self._view.glyphs.ellipsis)
                self.run_worker(self._propose(), exclusive=True, group="repair")

    def action_carry_out(self) -> None:
        """Carry the plan out."""
        plan, self._plan = self._plan, None
        if plan is not None:
            self._say(_("repairing") + self._view.glyphs.ellipsis)
            self.run_worker(self._carry_out(plan), exclusive=True, group="repair")

    async def _carry_out(self, plan: Plan) -> None:
        try:
            done = await asyncio.to_thread(self._repairer.carry_out, plan)
        except (ShmtuiError, OSError) as error:
            self._supervisor.emit(Severity.BAD, _("the repair failed: {error}").format(error=error))
            self._say(str(error))
            return
        if isinstance(done, Refusal):
            self._supervisor.emit(Severity.WARN, _("repair refused: {why}").format(why=done.why))
            self._say(*proposal_lines(done))
            return
        self._supervisor.emit(Severity.GOOD, done.text)
        self._say(*done.lines)
