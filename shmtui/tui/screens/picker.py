"""The live list of what processes share, to look at and to attach by."""

import asyncio
import time
from functools import partial
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType

from shmtui.errors import ShmtuiError
from shmtui.i18n import N_, _
from shmtui.layouts.options import AmbiguousLayoutError
from shmtui.monitor.shared_object import SharedObject, Survey
from shmtui.report.segment_table import totals_line, why_not
from shmtui.session.opener import Attachment, SegmentOpener
from shmtui.tui.draw.keys import list_footer, list_help
from shmtui.tui.draw.picker import (
    column_at,
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
    GroupRow,
    ListChoices,
    ObjectRow,
    ObjectRows,
    Row,
    in_groups,
)
from shmtui.tui.screens.layouts import AttachDialog, FilterPanel, LayoutScreen
from shmtui.tui.screens.text_screens import DetailScreen
from shmtui.tui.spans import Line, line, wrapped
from shmtui.tui.view_model import ViewModel

LOOK_SECONDS: Final = 1.0
"""How often the list is read."""
_HELD_SECONDS: Final = 0.5
"""Presses of one key that follow each other faster are one that is held down."""


class PickerPanel(FilterPanel[Row]):
    """Everything that processes share, live."""

    title = N_("Shared memory of this machine")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "order(1)", show=False),
        Binding("left", "order(-1)", show=False),
        Binding("tab", "group(1)", show=False),
        Binding("shift+tab", "group(-1)", show=False),
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

    def take(self, survey: Survey, now: float) -> None:
        """Show a look of the moment ``now``, in seconds; the cursor stays on its row."""
        self._listed.take(survey.objects, now)
        self._totals = totals_line(survey)
        self._filter(quiet=True)
        if self._open_when_listed:
            self.action_open()

    def write(self, text: str) -> None:
        self._open_when_listed = False
        super().write(text)

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
        """Take the next order, or the one before."""
        self._take_order(ORDERS[(ORDERS.index(self._choices.order) + by) % len(ORDERS)])

    def _take_order(self, order: str) -> None:
        self._choices.order = order
        self._filter()

    def action_group(self, by: int) -> None:
        """Take the next grouping, or the one before."""
        at = GROUP_CYCLE.index(self._choices.group) + by
        self._choices.group = GROUP_CYCLE[at % len(GROUP_CYCLE)]
        self._filter()

    def on_click(self, event: events.Click) -> None:
        """A click on a title asks for the order by that column."""
        at = self.inside(event)
        if self.items and at[1] == self._titles_at:
            event.prevent_default()
            event.stop()
            width = self.inner_size[0] - 2
            column = column_at(at[0] - 2, width, self._longest)
            if column is not None:
                self._take_order(column.order)
        else:
            super().on_click(event)

    def _filter(self, quiet: bool = False) -> None:
        before = self.chosen
        rows = self._listed.rows(self.typed, self._choices.order)
        self._matching = len(rows)
        self.items = in_groups(rows, self._choices)
        self._longest = name_width(self.items, self.view.glyphs)
        self.at = self._place_of(before)
        if quiet and self._listed.total is not None:
            self.draw_anew()
        else:
            self.say("")

    def _place_of(self, row: Row | None) -> int:
        """Where a row is now, or its object under another group; else the next object from where the
        cursor was.
        """
        places = {each.key: at for at, each in enumerate(self.items)}
        if row is not None and row.key in places:
            return places[row.key]
        objects = [at for at, each in enumerate(self.items) if isinstance(each, ObjectRow)]
        target = row.key[1] if row is not None else ""
        same = (at for at in objects if self.items[at].key[1] == target)
        return next(same, next((at for at in objects if at >= self.at), self.at))

    def _depends_on(self) -> object:
        choices = self._choices
        return self.items, self.at, self.typed, self.message, choices.order, self._totals

    def _above(self, width: int) -> list[Line]:
        glyphs = self.view.glyphs
        total = self._listed.total or 0
        first = filter_line(self.typed, self._matching, total, width, glyphs, self._choices)
        totals = [glyphs.clip_line(line((glyphs.inert(self._totals), "muted")), width)]
        above = [*(totals if self._totals else []), first]
        self._titles_at = len(above)
        if self.items:
            titles = header_line(width - 2, glyphs, self._longest, self._choices.order)
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

    def _choice(self, at: int, width: int) -> Line:
        return object_line(self.items[at], width, self.view.glyphs, self._longest)

    def _below(self, width: int) -> list[Line]:
        message = self._message_lines(width)
        row, glyphs = self.chosen, self.view.glyphs
        if row is None:
            return message
        if isinstance(row, GroupRow):
            return [(), *group_detail(row.group, width, 3, glyphs), *message]
        return [(), *object_detail(row.each, width, 3, glyphs), *message]

    def _footer(self, width: int) -> str:
        return list_footer(width - 4)


class PickerScreen(AttachDialog):
    """Everything that processes share, to look at and to attach to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("ctrl+r,f5", "reload", show=False),
        Binding("delete", "remove", show=False),
        Binding("f1", "help", show=False),
    ]

    def __init__(
        self, opener: SegmentOpener, view: ViewModel, choices: ListChoices | None = None
    ) -> None:
        self._panel = PickerPanel(view, choices or ListChoices())
        super().__init__(opener, self._panel)
        self._asked_for = ""
        """The target that was last chosen."""
        self._to_remove = ""
        """The orphan that a second press of the key removes."""
        self._pressed = 0.0
        """When that key was pressed last, by the monotonic clock."""

    def on_mount(self) -> None:
        self.action_reload()
        self.set_interval(LOOK_SECONDS, self._look_again)

    def action_reload(self) -> None:
        self.run_worker(self._reload(), exclusive=True, group="reload")

    def _look_again(self) -> None:
        if not any(worker.group == "reload" and worker.is_running for worker in self.workers):
            self.action_reload()

    async def _reload(self) -> None:
        """In a thread: it takes up to a second on a busy machine."""
        try:
            self._panel.take(await asyncio.to_thread(self._opener.survey), time.monotonic())
        except (ShmtuiError, OSError) as error:
            self._panel.say(str(error), "bad")

    def action_help(self) -> None:
        text = list_help()
        self.app.push_screen(DetailScreen(_("Help"), lambda _width: text, self._panel.view))

    def action_close(self) -> None:
        """Clear the filter; where it is empty, close."""
        if self._panel.typed:
            self._panel.write("")
        else:
            self.dismiss(None)

    def action_remove(self) -> None:
        """Ask whether the orphan under the cursor shall go; asked so already, remove it."""
        each = self._panel.chosen_object
        # A key that is held down repeats, and has not read the question.
        asked, pressed = self._pressed, time.monotonic()
        self._pressed = pressed
        if each is None:
            return
        target = each.target
        if not each.orphan:
            self._panel.say(_("{name} is no orphan: it stays").format(name=target), "bad")
        elif self._to_remove != target or pressed - asked < _HELD_SECONDS:
            self._to_remove = target
            text = _("remove {name}? delete again removes it for good")
            self._panel.say(text.format(name=target), "warn")
        else:
            self._to_remove = ""
            self.run_worker(self._remove(target), exclusive=True, group="remove")

    async def _remove(self, target: str) -> None:
        try:
            self._panel.say(await asyncio.to_thread(self._opener.remove, target), "good")
        except (ShmtuiError, OSError) as error:
            self._panel.say(str(error), "bad")
        self.action_reload()

    def on_choice_panel_chosen(self) -> None:
        each = self._panel.chosen_object
        if each is None:
            return
        if reason := why_not(each):
            self._panel.say(_("cannot attach: {reason}").format(reason=reason), "bad")
            return
        self._asked_for = each.target
        text = _("attaching to {name}").format(name=each.target)
        self._attach_by(text, partial(self._opener.open, each.target))

    def _answer(self, opened: Attachment) -> None:
        """The layouts' screen is still above this one while it gives its own answer."""
        self.dismiss(opened)

    def _ambiguous(self, error: AmbiguousLayoutError) -> None:
        def chosen(opened: Attachment | None) -> None:
            if opened is not None:
                self.call_later(self._answer, opened)

        self._panel.say("")
        layouts = LayoutScreen(self._opener, self._asked_for, error.options, self._panel.view)
        self.app.push_screen(layouts, chosen)
