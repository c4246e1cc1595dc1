"""Small dialogs: help, a finding or process in full, the question before a kill, an offset, a filter."""

import signal
from collections.abc import Callable
from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType

from shmtui.i18n import N_, _
from shmtui.tui.draw.bytes import parse_offset
from shmtui.tui.draw.keys import folded, help_lines
from shmtui.tui.screens.dialog import Dialog, Typed, TypingDialog
from shmtui.tui.spans import Line, line, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.moving_panels import NarrowedPanel, TextPanel
from shmtui.tui.widgets.panel import Content, Panel


class DetailScreen(Dialog[None]):
    """One text that scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("dialog.leave", "dismiss"),
        binding("rows.open", "dismiss"),
    ]

    def __init__(self, title: str, text: Callable[[int], list[Line]], view: ViewModel) -> None:
        super().__init__(TextPanel(title, text, view.naming(_("{close} closes")), view))

    def on_click(self) -> None:
        self.dismiss()


class HelpScreen(DetailScreen):
    """All keys, made from the table that binds them."""

    opened_by = ("help",)

    def __init__(self, view: ViewModel) -> None:
        text = help_lines(view)
        super().__init__(_("Help"), lambda width: folded(text, width), view)


class Question(Dialog[bool]):
    """Returns True only for y or a click on ``yes``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("dialog.yes", "dismiss(True)"),
        *(binding(key, "dismiss(False)") for key in ("dialog.no", "dialog.leave", "rows.open")),
    ]

    def __init__(self, title: str, asks: Line, why: str, yes: str, view: ViewModel) -> None:
        self._yes = f"  {view.key('dialog.yes')}  {yes}  "
        self._no = f"  {view.key('dialog.no')}  {_('Leave it')}  "

        def text(width: int) -> list[Line]:
            buttons = line((self._yes, "banner"), "   ", (self._no, "key"))
            return [asks, (), *wrapped(why, width, "muted"), (), buttons]

        super().__init__(TextPanel(title, text, "", view))

    def on_click(self, event: events.Click) -> None:
        region = self._shown.region
        x, y = event.screen_x - region.x - 2, event.screen_y - region.y
        yes, no = len(self._yes), len(self._no)
        if y == region.height - 2 and 0 <= x < yes:
            self.dismiss(True)
        elif y == region.height - 2 and yes + 3 <= x < yes + 3 + no:
            self.dismiss(False)


def asked(verb: str, label: str, view: ViewModel) -> Line:
    """The line of a question: what to do, to what, which is text of another process."""
    return line(verb + " ", (view.glyphs.clip(view.glyphs.inert(label), 40), "strong"), "?")


class KillQuestion(Question):
    """Before a signal to a process that shmtui did not start."""

    def __init__(
        self, label: str, view: ViewModel, number: signal.Signals = signal.SIGKILL
    ) -> None:
        kills = number is signal.SIGKILL
        verb = _("Kill") if kills else _("End")
        why = _("shmtui did not start it.") if kills else _("It gets SIGTERM.")
        danger = _("If it holds a lock when it dies, the others wait for ever.")
        super().__init__(
            _("Kill a foreign process") if kills else _("End a process"),
            asked(verb, label, view),
            f"{why} {danger}",
            verb,
            view,
        )


class RemoveQuestion(Question):
    """Before an object that nobody has is removed."""

    def __init__(self, label: str, view: ViewModel) -> None:
        super().__init__(
            _("Remove an orphan"),
            asked(_("Remove"), label, view),
            _("No process has it. What it holds is gone for good."),
            _("Remove"),
            view,
        )


class OffsetPanel(Typed, Panel, can_focus=True):
    """The offset that is typed; below it the bounds, or what is wrong."""

    title = N_("Go to")
    wrong = ""

    def _depends_on(self) -> object:
        return self.typed, self.wrong

    def _content(self, _width: int, _height: int) -> Content:
        last = max(0, self.view.snapshot.segment.size - 1)
        hint = _("decimal or 0x..., up to {last} (0x{last:x})").format(last=last)
        return self._asked(_("offset"), hint)

    def _asked(self, label: str, hint: str) -> Content:
        glyphs = self.view.glyphs
        text = glyphs.inert(self.typed)
        rows = [
            line((f"{label} ", "muted"), (text, "strong"), (glyphs.full, "accent")),
            (),
            line((self.wrong, "bad")) if self.wrong else line((hint, "muted")),
        ]
        return Content(rows, self.view.naming(_("{open} goes there, {close} closes")))

    def write(self, text: str) -> None:
        self.typed, self.wrong = text, ""
        self.draw()


class TimePanel(OffsetPanel):
    """The time that is typed."""

    def _content(self, _width: int, _height: int) -> Content:
        return self._asked(_("time"), _("a time of day 13:04:05, 90s 5m 2h, or 50%"))


class TimeScreen(TypingDialog[float | None]):
    """Returns a position in a recording; None where none was typed."""

    BINDINGS: ClassVar[list[BindingType]] = [binding("rows.open", "go")]

    def __init__(self, view: ViewModel, position: Callable[[str], float]) -> None:
        self._panel = TimePanel(view)
        self._position = position
        super().__init__(self._panel)

    def action_go(self) -> None:
        panel = self._panel
        try:
            self.dismiss(self._position(panel.typed) if panel.typed.strip() else None)
        except ValueError as error:
            panel.wrong = str(error)
            panel.draw()


class OffsetScreen(TypingDialog[int | None]):
    """Returns an offset in the segment; None where none was typed."""

    BINDINGS: ClassVar[list[BindingType]] = [binding("rows.open", "go")]

    def __init__(self, view: ViewModel) -> None:
        self._panel = OffsetPanel(view)
        super().__init__(self._panel)

    def action_go(self) -> None:
        panel = self._panel
        try:
            size = panel.view.snapshot.segment.size
            self.dismiss(parse_offset(panel.typed, size) if panel.typed.strip() else None)
        except ValueError as error:
            panel.wrong = str(error)
            panel.draw()


class FilterField(Typed, Panel, can_focus=True):
    """The words that rows have to have."""

    title = N_("Filter")

    def __init__(self, narrowed: NarrowedPanel[Any]) -> None:
        super().__init__(narrowed.view)
        self._narrowed = narrowed
        self.typed = narrowed.words

    def _depends_on(self) -> object:
        return self.typed

    def _content(self, _width: int, _height: int) -> Content:
        glyphs = self.view.glyphs
        row = line((glyphs.inert(self.typed), "strong"), (glyphs.full, "accent"))
        return Content([row], self.view.naming(_("{open} keeps it, {close} shows all rows")))

    def write(self, text: str) -> None:
        self.typed = text
        self._narrowed.narrow(text)
        self.draw()


class FilterScreen(TypingDialog[None]):
    """Filters the rows of a panel, which stays in view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("rows.open", "dismiss(None)"),
        binding("dialog.close", "all_rows"),
    ]

    def __init__(self, narrowed: NarrowedPanel[Any]) -> None:
        super().__init__(FilterField(narrowed))

    def action_all_rows(self) -> None:
        self._field.write("")
        self.dismiss(None)
