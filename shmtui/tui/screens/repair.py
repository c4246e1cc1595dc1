"""The dialog of a repair: its plan, the question whether to do it, and the outcome."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from shmtui.errors import ShmtuiError
from shmtui.events import Severity
from shmtui.i18n import _
from shmtui.repair.choices import Choice, choices
from shmtui.repair.executor import Repairer
from shmtui.repair.plan import Plan, Refusal, proposal_lines
from shmtui.tui.screens.dialog import Dialog
from shmtui.tui.spans import Line, line, wrap
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.moving_panels import TextPanel


class RepairScreen(Dialog[None]):
    """Repairs nothing before the key y, and then only if the plan still holds."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("dialog.yes", "carry_out"),
        *(Binding(key, f"choose('{key}')", show=False) for key in "plioc"),
        *(binding(key, "dismiss") for key in ("dialog.no", "dialog.leave", "rows.open")),
    ]

    def __init__(
        self, repairer: Repairer, report: Callable[[Severity, str], None], view: ViewModel
    ) -> None:
        """``report`` gets an event about the outcome."""
        closes = view.naming(_("{close} closes"))
        self._panel = TextPanel(_("Repair"), self._lines, closes, view)
        super().__init__(self._panel)
        self._repairer = repairer
        self._report = report
        self._glyphs = view.glyphs
        self._plan: Plan | None = None
        self._said: tuple[str, ...] = (
            _("looking for what is wrong; that takes some seconds") + view.glyphs.ellipsis,
        )
        self._question = ""
        self._choices: tuple[Choice, ...] = ()

    def on_mount(self) -> None:
        """Make the plan, in a thread: the buffer is watched for seconds."""
        self.run_worker(self._propose(), exclusive=True, group="repair")

    def on_click(self, event: events.Click) -> None:
        row = event.screen_y - self._panel.region.y - 1 + self._panel.first
        answers = [*(choice.key for choice in self._choices), *("y" if self._question else "")]
        first = len(self._lines(self._panel.inner_size[0])) - len(answers)
        if not first <= row < first + len(answers):
            return
        if (key := answers[row - first]) == "y":
            self.action_carry_out()
        else:
            self.action_choose(key)

    def _lines(self, width: int) -> list[Line]:
        rows: list[Line] = []
        for text in self._said:
            indent = "  " if text.startswith(" ") else ""
            style = "text" if indent else "strong"
            pieces = wrap(self._glyphs.inert(text.strip()), width - len(indent))
            rows += [line(indent, (piece, style)) for piece in pieces]
        if self._question or self._choices:
            rows.append(())
        for choice in self._choices:
            text = self._glyphs.inert(f"  {choice.key}  {choice.text}")
            rows.append(line((self._glyphs.clip(text, width), "key")))
        if self._question:
            rows.append(line((self._question, "banner")))
        return rows

    def _say(self, *texts: str, question: str = "", choices: tuple[Choice, ...] = ()) -> None:
        self._said, self._question, self._choices = texts, question, choices
        answers = _("{yes} carries it out, {close} leaves it")
        self._panel.below = self._panel.view.naming(answers if question else _("{close} closes"))
        self.show_anew()

    async def _propose(self) -> None:
        try:
            found = await asyncio.to_thread(self._repairer.propose)
        except (ShmtuiError, OSError) as error:
            self._say(str(error))
            return
        self._plan = found if isinstance(found, Plan) else None
        yes = self._panel.view.key("dialog.yes")
        question = f"  {yes}  {_('Carry it out')}  " if self._plan else ""
        left = choices(found, self._repairer.consent)
        self._say(*proposal_lines(found), question=question, choices=left)

    def action_choose(self, key: str) -> None:
        for choice in self._choices:
            if choice.key == key:
                self._repairer.consent, self._plan = choice.consent, None
                self._say(
                    _("looking for what is wrong; that takes some seconds") + self._glyphs.ellipsis
                )
                self.run_worker(self._propose(), exclusive=True, group="repair")

    def action_carry_out(self) -> None:
        plan, self._plan = self._plan, None
        if plan is not None:
            self._say(_("repairing") + self._glyphs.ellipsis)
            # It goes on when the dialog is closed, and an event says what came of it.
            self.app.run_worker(self._carry_out(plan), group="repair")

    async def _carry_out(self, plan: Plan) -> None:
        emit = self._report
        try:
            done = await asyncio.to_thread(self._repairer.carry_out, plan)
        except (ShmtuiError, OSError) as error:
            emit(Severity.BAD, _("the repair failed: {error}").format(error=error))
            self._say(str(error))
            return
        if isinstance(done, Refusal):
            emit(Severity.WARN, _("repair refused: {why}").format(why=done.why))
            self._say(*proposal_lines(done))
            return
        emit(Severity.GOOD, done.text)
        self._say(*done.lines)
