"""Two recordings side by side, as a text that scrolls."""

from shmtui.i18n import N_
from shmtui.tui.draw.comparison import alignment, comparison_lines, summary
from shmtui.tui.widgets.moving_panels import MovingPanel
from shmtui.tui.widgets.panel import Content


class ComparisonPanel(MovingPanel):
    """A line for each fact; the heads of the columns stay."""

    title = N_("Comparison")
    first = 0
    """The first line in view below the heads."""

    def _depends_on(self) -> object:
        return self.first, self.view.comparison, self.view.glyphs.ascii_only

    def _content(self, width: int, height: int) -> Content:
        comparison, glyphs = self.view.comparison, self.view.glyphs
        if comparison is None:
            return Content([])
        heads, rows = comparison_lines(comparison, width, glyphs)
        room = max(0, height - len(heads))
        self.first = max(0, min(self.first, len(rows) - room))
        shown = rows[self.first : self.first + room]
        return Content(
            [*heads, *shown],
            summary(comparison, glyphs),
            alignment(comparison),
            first=self.first,
            total=len(rows) + len(heads),
        )

    def action_move(self, by: int) -> None:
        self.first += by
        self.draw()
