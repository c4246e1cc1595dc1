"""The panel of the list of what processes share: filter, order, groups, cursor."""

from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType

from shmtui.i18n import N_, _
from shmtui.monitor.shared_object import Judged, SharedObject, Survey
from shmtui.report.segment_table import totals_line
from shmtui.snapshot import Health
from shmtui.tui.draw.keys import list_footer
from shmtui.tui.draw.object_columns import ObjectColumn, column_at, columns_for
from shmtui.tui.draw.picker import (
    CHANGE_STYLES,
    filter_line,
    group_detail,
    header_line,
    name_width,
    object_detail,
    object_line,
)
from shmtui.tui.object_rows import (
    GROUP_CYCLE,
    ORDERS,
    Change,
    GroupRow,
    ListChoices,
    ObjectRow,
    ObjectRows,
    Row,
    in_groups,
)
from shmtui.tui.screens.holders import Holder, holders_of
from shmtui.tui.screens.layouts import FilterPanel
from shmtui.tui.spans import Line, line, wrap, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding

_TOTALS_LINES: Final = 2


class PickerPanel(FilterPanel[Row]):
    """Everything that processes share, live."""

    title = N_("Shared memory of this machine")

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("list.sort_next", "order(1)"),
        binding("list.sort_before", "order(-1)"),
        binding("list.group_next", "group(1)"),
        binding("list.group_before", "group(-1)"),
    ]

    def __init__(self, view: ViewModel, choices: ListChoices) -> None:
        super().__init__(view)
        self._listed = ObjectRows()
        self._totals = ""
        self._choices = choices
        self._matching = 0
        """How many objects match the filter."""
        self._longest = 0
        self._titles_at = 0
        self._open_when_listed = False
        """Whether enter was pressed before the list was there."""

    @property
    def chosen_object(self) -> SharedObject | None:
        """What the cursor is on; None where that is a group or nothing."""
        return self.chosen.each if isinstance(self.chosen, ObjectRow) else None

    @property
    def shown(self) -> frozenset[str]:
        """The targets of the rows in view."""
        rows = self.items[self._first : self._first + self._rows_shown]
        return frozenset(row.each.target for row in rows if isinstance(row, ObjectRow))

    def take(self, survey: Survey, now: float) -> None:
        """Show a look of the moment ``now``, in seconds; the cursor stays on its row."""
        first = self._listed.total is None
        self._listed.take(survey.objects, now)
        self._totals = totals_line(survey)
        self._filter(quiet=True, best=first)
        if self._open_when_listed:
            self.action_open()

    def judge(self, health: dict[Judged, Health]) -> None:
        if self._listed.judge(health):
            self._filter(quiet=True)

    def write(self, text: str) -> None:
        """Typing puts the cursor on the best match, wherever a change of the list had taken it.

        Where the filter is cleared, it stays on what was found.
        """
        self._open_when_listed = False
        self.typed = text
        self._filter(best=bool(text.strip()))

    def action_open(self) -> None:
        """Choose the row; before the list is there, the first that will match. A group is folded, or
        unfolded.
        """
        self._open_when_listed = self._listed.total is None
        if isinstance(self.chosen, GroupRow):
            self._choices.folded ^= {(self._choices.group, self.chosen.group.key)}
            self._filter()
        else:
            super().action_open()

    def action_order(self, by: int) -> None:
        self._take_order(ORDERS[(ORDERS.index(self._choices.order) + by) % len(ORDERS)])

    def _take_order(self, order: str) -> None:
        self._choices.order = order
        self._filter()

    def action_group(self, by: int) -> None:
        at = GROUP_CYCLE.index(self._choices.group) + by
        self._choices.group = GROUP_CYCLE[at % len(GROUP_CYCLE)]
        self._filter()

    def columns(self, width: int) -> tuple[ObjectColumn, ...]:
        """The chosen columns that fit into ``width`` cells."""
        return columns_for(width, self._longest, self._choices.columns)

    def switch_column(self, name: str) -> None:
        """Show a column or hide it; the name stays."""
        columns = self._choices.columns
        left = tuple(c for c in columns if c != name)
        self._choices.columns = left if name in columns else (*columns, name)
        self._filter()

    def on_click(self, event: events.Click) -> None:
        """A click on a title asks for the order by that column."""
        at = self.inside(event)
        if self.items and at[1] == self._titles_at:
            event.prevent_default()
            event.stop()
            width = self.inner_size[0] - 2
            column = column_at(at[0] - 2, self.columns(width))
            if column is not None:
                self._take_order(column.order)
        else:
            super().on_click(event)

    def _filter(self, quiet: bool = False, best: bool = False) -> None:
        before = self.chosen
        rows = self._listed.rows(self.typed, self._choices.order)
        self._matching = len(rows)
        self.items = in_groups(rows, self._choices)
        self._longest = name_width(self.items, self.view.glyphs)
        self.at = self._best() if best else self._nearest(self._place_of(before))
        if quiet and self._listed.total is not None:
            self.draw_anew()
        else:
            self.say("")

    def _best(self) -> int:
        """What has the very name that was typed, else the first object."""
        objects = [
            (at, row.each) for at, row in enumerate(self.items) if isinstance(row, ObjectRow)
        ]
        typed = self.typed.strip().removeprefix("/")
        named = (at for at, each in objects if typed and typed == each.target.removeprefix("/"))
        return next(named, objects[0][0] if objects else 0)

    def _place_of(self, row: Row | None) -> int:
        """Where a row is now, or its object under another group; else the next object from where the
        cursor was.
        """
        places = {each.key: at for at, each in enumerate(self.items)}
        if row is not None and row.key in places:
            return places[row.key]
        objects = [at for at, each in enumerate(self.items) if isinstance(each, ObjectRow)]
        known = row.key[1] if row is not None else None
        same = (at for at in objects if self.items[at].key[1] == known)
        return next(same, next((at for at in objects if at >= self.at), self.at))

    def holders(self, key: tuple[str, object]) -> tuple[Holder, ...]:
        """The live processes that have the row of this key, an object or a program."""
        row = next((row for row in self.items if row.key == key), None)
        if isinstance(row, GroupRow):
            return holders_of(row.group.objects, row.group.pids) if row.group.pids else ()
        # The filter may hide it by now, as one for a word of its health.
        every = self._listed.rows("", self._choices.order)
        its = next((each for each in every if each.key[1] == key[1]), None)
        return () if its is None or its.change is Change.GONE else holders_of((its.each,))

    def _depends_on(self) -> object:
        choices = self._choices
        return self.items, self.at, self.typed, self.message, choices.order, self._totals

    def _above(self, width: int) -> list[Line]:
        glyphs = self.view.glyphs
        total = self._listed.total or 0
        first = filter_line(self.typed, self._matching, total, width, glyphs, self._choices)
        texts = wrap(glyphs.inert(self._totals), width)
        last = _TOTALS_LINES - 1
        texts = [*texts[:last], " ".join(texts[last:])] if len(texts) > last else texts
        above = [*(line((glyphs.clip(each, width), "muted")) for each in texts), first]
        self._titles_at = len(above)
        if self.items:
            titles = header_line(self.columns(width - 2), width - 2, glyphs, self._choices.order)
            return [*above, line("  ", *titles)]
        return [*above, (), *wrapped(self._why_empty(), width, "muted")]

    def _why_empty(self) -> str:
        if self._listed.total is None:
            return _("looking") + self.view.glyphs.ellipsis
        if self._listed.total:
            return _("nothing matches: backspace deletes a letter, ctrl+u all of them")
        return _(
            "Nothing is shared: no segment, no semaphore and no message queue. Start the program "
            "whose buffer you want to see, or shmtui run in another terminal."
        )

    def _row(self, at: int, width: int) -> Line:
        """The cursor and the mark of a change stand before the row."""
        row, glyphs = self.items[at], self.view.glyphs
        change = row.change if isinstance(row, ObjectRow) else Change.NONE
        cursor = glyphs.cursor if at == self.at else " "
        mark = (f"{change.value:1}", CHANGE_STYLES.get(change, "text"))
        return line((cursor, "accent"), mark, *self._choice(at, width - 2))

    def _choice(self, at: int, width: int) -> Line:
        return object_line(self.items[at], self.columns(width), width, self.view.glyphs)

    def _below(self, width: int) -> list[Line]:
        message = self._message_lines(width)
        row, glyphs = self.chosen, self.view.glyphs
        if row is None:
            return message
        if isinstance(row, GroupRow):
            return [(), *group_detail(row.group, width, 3, glyphs), *message]
        return [(), *object_detail(row.each, width, 4, glyphs), *message]

    def _footer(self, width: int) -> str:
        return list_footer(width - 4, self.view)
