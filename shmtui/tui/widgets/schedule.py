"""The panels of a schedule: its steps, and the programs where they are held."""

from dataclasses import dataclass

from textual.message import Message

from shmtui.i18n import N_, _
from shmtui.tui.draw.schedule import position_text, program_lines, step_rows
from shmtui.tui.widgets.moving_panels import MovingPanel
from shmtui.tui.widgets.panel import Content, Panel


class StepsPanel(MovingPanel):
    """The steps; to move in the list is to move the programs."""

    title = N_("Steps")
    number = "3"

    @dataclass
    class Moved(Message):
        """The user asks for this many steps on, or back."""

        by: int

    def _depends_on(self) -> object:
        return self.view.held

    def _content(self, width: int, height: int) -> Content:
        held = self.view.held
        if held is None:
            return Content([])
        rows = step_rows(held, width, height, self.view.glyphs)
        return Content(
            rows.lines, header=position_text(held), cursor=rows.cursor, first=rows.first,
            total=rows.total,
        )  # fmt: skip

    def action_move(self, by: int) -> None:
        self.post_message(self.Moved(by))


class ProgramsPanel(Panel, can_focus=True):
    """Source, next step and output of each program."""

    title = N_("Programs")
    number = "4"

    def _depends_on(self) -> object:
        return self.view.held, self.view.stepped

    def _content(self, width: int, height: int) -> Content:
        held, stepped, glyphs = self.view.held, self.view.stepped, self.view.glyphs
        if held is not None:
            taken = [step.task for step in held.steps[: held.at]]
            return Content(program_lines(held.tasks, taken, held.mover, width, height, glyphs))
        if stepped is None:
            return Content([])
        lines = program_lines(stepped.tasks, stepped.taken, stepped.mover, width, height, glyphs)
        return Content(lines, _("{key}: a step on").format(key=self.view.key("step")))
