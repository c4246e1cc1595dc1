"""The panel of the process table: rows, a cursor that follows a process, scrolling.

Textual's DataTable is not used: it costs several times as much for each frame, and its cursor
stays on a row number while processes come and go.
"""

from textual import events

from shmtui.i18n import N_, _, ngettext
from shmtui.snapshot import EMPTY
from shmtui.tui.draw.process_columns import table_for
from shmtui.tui.draw.processes import header_line, protocol_lines, row_line, title_at
from shmtui.tui.process_rows import (
    PROCESS_ORDERS,
    PRODUCERS,
    GroupMember,
    Row,
    RowKey,
    narrowed,
    switched,
    table_rows,
    without_workers,
)
from shmtui.tui.spans import Line, plain_text
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.moving_panels import NarrowedPanel

_COPIED = 200
"""Cells of a row that is copied: room for all columns."""


class ProcessesPanel(NarrowedPanel[Row]):
    """The processes that map the segment, and the row that keys apply to."""

    title = N_("Processes")
    number = "4"

    items = table_rows(EMPTY)
    # The first key a newcomer tries is ``+``; on the producers it shows at once.
    _key: RowKey = PRODUCERS
    columns: tuple[str, ...] = ()
    """Those that were chosen, of `PROCESS_COLUMNS`; none: as they fit."""

    @property
    def orders(self) -> tuple[str, ...]:
        """Those of the columns that there is room for now."""
        shown = table_for(self.inner_size[0], self._foreign, self.columns).titles
        return tuple(order for order in PROCESS_ORDERS if order in {"", "process", *shown})

    def show(self, view: ViewModel) -> None:
        """Draw the processes; the cursor follows its process."""
        self.view = view
        self.items = table_rows(
            narrowed(view.listed, self.words, self.order, backwards=self.backwards)
        )
        self.follow(lambda row: row.key == self._key)

    def go(self, at: int) -> None:
        """Put the cursor on a row; from then on it follows the process."""
        self.at = self._nearest(at)
        if self.items:
            self._key = self.items[self.at].key
        self.draw()

    def _depends_on(self) -> object:
        return self.items, self.at, self._first, self.columns

    @property
    def _foreign(self) -> bool:
        return self.view.raw or without_workers(self.items)

    def _above(self, width: int) -> list[Line]:
        return [header_line(width, self.view.glyphs, self._foreign, self.columns)]

    def _row(self, at: int, width: int) -> Line:
        row, glyphs = self.items[at], self.view.glyphs
        return row_line(row, width, at == self.at, glyphs, self._foreign, self.columns)

    def _below(self, width: int) -> list[Line]:
        """Where stepped workers are in the protocol, if rows have room beside it."""
        places = protocol_lines(self.view.snapshot.processes, width, self.view.glyphs)
        return places if self.inner_size[1] > len(places) + 3 else []

    def shown_columns(self) -> tuple[str, ...]:
        return table_for(self.inner_size[0], self._foreign, self.columns).keys

    def switch_column(self, name: str) -> None:
        """Show a column or hide it. Where none was chosen, those in view are; without any, as before."""
        self.columns = switched(self.columns or self.shown_columns(), name)
        self.draw_anew()

    def chosen_text(self) -> str:
        glyphs, row = self.view.glyphs, self.chosen
        if row is None:
            return ""
        lines = [header_line(_COPIED, glyphs, self._foreign, self.columns)]
        lines.append(row_line(row, _COPIED, False, glyphs, self._foreign, self.columns))
        return plain_text(lines)

    def _header(self) -> str:
        return self._chosen_rows()

    def _footer(self, _width: int) -> str:
        count = sum(p.ending is None for p in self.view.snapshot.processes)
        text = ngettext("{count} maps it", "{count} map it", count).format(count=count)
        text += _(", and others may") if self.view.snapshot.unseen else ""
        if in_part := self.view.snapshot.read_in_part:
            text += _("; {read:,} of {threads:,} threads looked at").format(
                read=sum(p.threads_read or 0 for p in in_part),
                threads=sum(p.threads or 0 for p in in_part),
            )
        ended = sum(not p.alive for p in self.view.listed.processes)
        if not ended or self.view.replay is not None:
            return text
        hint = ngettext("{count} ended: {key}", "{count} ended: {key}", ended)
        hint = hint.format(count=ended, key=self.view.key("dismiss"))
        return f"{text} {self.view.glyphs.dot} {hint}"

    def action_open(self) -> None:
        """Show the chosen process in full, as it is now; on a group, go to its first process."""
        if isinstance(self.chosen, GroupMember):
            # Opens rarely, and the first frame does not wait for it.
            from shmtui.tui.draw.process_details import details_now, details_then  # noqa: PLC0415

            process, glyphs, replay = self.chosen.process, self.view.glyphs, self.view.replay
            if replay is None:
                text = details_now(process, glyphs)
            else:
                text = details_then(process, glyphs, replay.incident)
            self.open_text(_("Process"), text)
        elif self.chosen is not None and self.chosen.members:
            self.action_move(1)

    def on_click(self, event: events.Click) -> None:
        """Choose the row under the pointer, or sort by the title there; elsewhere as in any panel."""
        # Without prevent_default Textual calls the base class's handler too.
        at = self.row_under(event)
        x, y = self.inside(event)
        title = title_at(x, self.inner_size[0], self._foreign, self.columns) if y == 0 else None
        if title in PROCESS_ORDERS:
            event.prevent_default()
            self.sort_by(title)
        elif at is not None:
            event.prevent_default()
            self.go(at)
