"""The dialogs to attach by: the live list of what processes share, and that of the layouts that fit
one.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final, Generic

from textual import events
from textual.binding import Binding, BindingType

from shmtui.errors import ShmtuiError
from shmtui.i18n import N_, _, ngettext
from shmtui.layouts.describe import option_words
from shmtui.layouts.options import AmbiguousLayoutError
from shmtui.monitor.shared_object import Survey
from shmtui.report.segment_table import totals_line, why_not
from shmtui.session.opener import Attachment, SegmentOpener
from shmtui.tui.draw.picker import (
    column_at,
    filter_line,
    header_line,
    name_width,
    object_detail,
    object_line,
)
from shmtui.tui.object_rows import ORDERS, ObjectRow, ObjectRows
from shmtui.tui.screens.dialog import ChoicePanel, Typed, TypingDialog
from shmtui.tui.spans import Line, line, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.moving_panels import Item

LOOK_SECONDS: Final = 1.0
"""How often the list is read."""
_HELD_SECONDS: Final = 0.5
"""Presses of one key that follow each other faster are one that is held down."""


class FilterPanel(Typed, ChoicePanel[Item], Generic[Item]):
    """Items that match the filter, which is typed."""

    def write(self, text: str) -> None:
        self.typed = text
        self._filter()

    def _filter(self) -> None:
        raise NotImplementedError

    def _depends_on(self) -> object:
        return self.items, self.at, self.typed, self.message


class PickerPanel(FilterPanel[ObjectRow]):
    """Everything that processes share, live."""

    title = N_("Shared memory of this machine")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "order(1)", show=False),
        Binding("left", "order(-1)", show=False),
    ]

    def __init__(self, view: ViewModel) -> None:
        super().__init__(view)
        self._listed = ObjectRows()
        self._totals = ""
        self._order = ORDERS[0]
        self._longest = 0
        self._titles_at = 0
        self._open_when_listed = False
        """Whether enter was pressed before the list was there."""

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
        """Choose the row; before the list is there, the first that will match."""
        self._open_when_listed = self._listed.total is None
        super().action_open()

    def action_order(self, by: int) -> None:
        """Take the next order, or the one before."""
        self._take_order(ORDERS[(ORDERS.index(self._order) + by) % len(ORDERS)])

    def _take_order(self, order: str) -> None:
        self._order = order
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
        target = self.chosen.each.target if self.chosen is not None else None
        self.items = self._listed.rows(self.typed, self._order)
        self._longest = name_width(self.items, self.view.glyphs)
        targets = [row.each.target for row in self.items]
        self.at = targets.index(target) if target in targets else min(self.at, len(targets))
        if quiet and self._listed.total is not None:
            self.draw_anew()
        else:
            self.say("")

    def _depends_on(self) -> object:
        return self.items, self.at, self.typed, self.message, self._order, self._totals

    def _above(self, width: int) -> list[Line]:
        glyphs = self.view.glyphs
        total = self._listed.total or 0
        first = filter_line(self.typed, self._count, total, width, glyphs, self._order)
        totals = [glyphs.clip_line(line((glyphs.inert(self._totals), "muted")), width)]
        above = [*(totals if self._totals else []), first]
        self._titles_at = len(above)
        if self.items:
            titles = header_line(width - 2, glyphs, self._longest, self._order)
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
        if self.chosen is None:
            return message
        return [(), *object_detail(self.chosen.each, width, 3, self.view.glyphs), *message]

    def _footer(self, width: int) -> str:
        long = _("enter attaches, left and right sort, delete removes an orphan, esc closes")
        return long if width >= len(long) + 4 else _("enter attaches, esc closes")


class LayoutsPanel(FilterPanel[str]):
    """Layouts in words, by their values of ``--layout``; none is chosen in the last row: raw bytes."""

    title = N_("Which layout is it?")

    def __init__(self, name: str, options: tuple[str, ...], view: ViewModel) -> None:
        super().__init__(view)
        self._segment = name
        self._options = self.items = options

    @property
    def _count(self) -> int:
        return len(self.items) + 1

    def _filter(self) -> None:
        words = self.typed.casefold().split()
        self.items = tuple(
            o for o in self._options if all(word in option_words(o).casefold() for word in words)
        )
        self.at = 0
        self.say("")

    def _words(self, at: int) -> str:
        raw = at == len(self.items)
        words = _("show as bytes (raw)") if raw else option_words(self.items[at])
        return self.view.glyphs.inert(words)

    def _above(self, width: int) -> list[Line]:
        glyphs, count = self.view.glyphs, len(self._options)
        name = glyphs.inert(self._segment)
        if not count:
            why = _("The programs that map {name} disagree on its layout.").format(name=name)
            return [*wrapped(why, width)[:3], ()]
        why = ngettext(
            "{count} layout fits the bytes of {name} so far. Choose the one that its program uses; "
            "its header says for sure: shmtui attach --header FILE",
            "{count} layouts fit the bytes of {name} so far. Choose the one that its program uses; "
            "its header says for sure: shmtui attach --header FILE",
            count,
        ).format(count=count, name=name)
        found = filter_line(self.typed, len(self.items), count, width, glyphs)
        return [*wrapped(why, width)[:3], found]

    def _choice(self, at: int, width: int) -> Line:
        return self.view.glyphs.clip_line(line(self._words(at)), width)

    def _below(self, width: int) -> list[Line]:
        chosen, words = self.chosen, self._words(self.at)
        option = "--raw" if chosen is None else f"--layout {chosen}"
        return [
            (),
            *(wrapped(words, width)[:3] if len(words) > width - 2 else []),
            *wrapped(self.view.glyphs.inert(option), width, "muted")[:3],
            *self._message_lines(width)[:3],
        ]

    def _footer(self, _width: int) -> str:
        return _("enter chooses it, esc goes back")


class AttachDialog(TypingDialog[Attachment | None]):
    """Returns an attachment; None where none was chosen."""

    def __init__(self, opener: SegmentOpener, panel: PickerPanel | LayoutsPanel) -> None:
        super().__init__(panel)
        self._opener = opener
        self._choices: PickerPanel | LayoutsPanel = panel
        self._ellipsis = panel.view.glyphs.ellipsis

    def _attach_by(self, text: str, attach: Callable[[], Attachment]) -> None:
        self._choices.say(text + self._ellipsis, "accent")
        self.run_worker(self._attach_in_thread(attach), exclusive=True, group="open")

    async def _attach_in_thread(self, attach: Callable[[], Attachment]) -> None:
        """To find the layout, the bytes are watched for a second."""
        try:
            self.dismiss(await asyncio.to_thread(attach))
        except AmbiguousLayoutError as error:
            self._ambiguous(error)
        except (ShmtuiError, OSError) as error:
            self._choices.say(str(error), "bad")

    def _ambiguous(self, error: AmbiguousLayoutError) -> None:
        self._choices.say(str(error), "bad")


class LayoutScreen(AttachDialog):
    """The layouts ``options`` of the segment ``name``."""

    def __init__(
        self, opener: SegmentOpener, name: str, options: tuple[str, ...], view: ViewModel
    ) -> None:
        self._panel = LayoutsPanel(name, options, view)
        super().__init__(opener, self._panel)
        self._segment = name

    def on_choice_panel_chosen(self) -> None:
        layout = self._panel.chosen
        attach = (
            partial(self._opener.open_raw, self._segment)
            if layout is None
            else partial(self._opener.open, self._segment, layout)
        )
        self._attach_by(_("attaching"), attach)


class PickerScreen(AttachDialog):
    """Everything that processes share, to look at and to attach to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("ctrl+r,f5", "reload", show=False),
        Binding("delete", "remove", show=False),
    ]

    def __init__(self, opener: SegmentOpener, view: ViewModel) -> None:
        self._panel = PickerPanel(view)
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

    def action_close(self) -> None:
        """Clear the filter; where it is empty, close."""
        if self._panel.typed:
            self._panel.write("")
        else:
            self.dismiss(None)

    def action_remove(self) -> None:
        """Ask whether the orphan under the cursor shall go; asked so already, remove it."""
        row = self._panel.chosen
        # A key that is held down repeats, and has not read the question.
        asked, pressed = self._pressed, time.monotonic()
        self._pressed = pressed
        if row is None:
            return
        target = row.each.target
        if not row.each.orphan:
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
        row = self._panel.chosen
        if row is None:
            return
        if reason := why_not(row.each):
            self._panel.say(_("cannot attach: {reason}").format(reason=reason), "bad")
            return
        self._asked_for = row.each.target
        text = _("attaching to {name}").format(name=row.each.target)
        self._attach_by(text, partial(self._opener.open, row.each.target))

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
