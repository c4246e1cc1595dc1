"""The dialog that lists all segments, to attach to one."""

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from shmtui.errors import ShmtuiError
from shmtui.i18n import N_, _
from shmtui.layouts.options import AmbiguousLayoutError
from shmtui.monitor.discovery import Entry
from shmtui.report.segment_table import by_interest, matches, why_not
from shmtui.sanitize import inert
from shmtui.session.opener import Attachment, SegmentOpener
from shmtui.tui.cell_text import wrap
from shmtui.tui.draw.picker import entry_detail, entry_line, filter_line, header_line, name_width
from shmtui.tui.screens.rows_panel import RowsPanel
from shmtui.tui.screens.typed_screen import TypedScreen
from shmtui.tui.spans import Line, line
from shmtui.tui.view_model import ViewModel


class PickerPanel(RowsPanel):
    """The entries that match the filter."""

    title = N_("Attach to a segment")

    def __init__(self, view: ViewModel) -> None:
        super().__init__(view)
        self.wanted = ""
        self.said: tuple[str, str] = ("", "muted")
        """A message to the user, and its style."""
        self._entries: tuple[Entry, ...] | None = None
        self._shown: tuple[Entry, ...] = ()
        self._longest = 0
        self._open_when_listed = False
        """Whether enter was pressed before the list was there."""

    @property
    def count(self) -> int:
        """The entries that match the filter."""
        return len(self._shown)

    @property
    def chosen(self) -> Entry | None:
        """The entry under the cursor."""
        return self._shown[self.at] if self.at < len(self._shown) else None

    def take(self, entries: tuple[Entry, ...]) -> None:
        """Show these entries; the cursor stays on its name."""
        self._entries = tuple(sorted(entries, key=by_interest))
        self._filter()
        if self._open_when_listed:
            self.action_open()

    def want(self, text: str) -> None:
        """Show the entries that match ``text``."""
        self.wanted = text
        self.said = ("", "muted")
        self._open_when_listed = False
        self._filter()

    def say(self, text: str, style: str = "muted") -> None:
        """Show a message below the list."""
        self.said = (text, style)
        self.draw_anew()

    def action_open(self) -> None:
        """Choose the row; before the list is there, the first entry that will match."""
        self._open_when_listed = self._entries is None
        super().action_open()

    def _filter(self) -> None:
        name = self.chosen.name if self.chosen is not None else None
        self._shown = tuple(e for e in self._entries or () if matches(e, self.wanted))
        self._longest = name_width(self._shown, self.view.glyphs)
        names = [entry.name for entry in self._shown]
        self.at = names.index(name) if name in names else 0
        self.draw_anew()

    def depends_on(self) -> object:
        """All that can change in it."""
        return self._shown, self.at, self.wanted, self.said

    def above(self, width: int) -> list[Line]:
        """The filter, then the titles of the columns."""
        glyphs = self.view.glyphs
        total = len(self._entries or ())
        first = filter_line(self.wanted, self.count, total, width, glyphs)
        if self._shown:
            return [first, line("  ", *header_line(width - 2, glyphs, self._longest))]
        return [first, (), *(line((text, "muted")) for text in wrap(self._nothing(), width))]

    def _nothing(self) -> str:
        """Why the list is empty, and what to do about it."""
        if self._entries is None:
            return _("looking") + self.view.glyphs.ellipsis
        if self._entries:
            return _("nothing matches: backspace deletes a letter, ctrl+u all of them")
        return _(
            "There is nothing in /dev/shm: no segment and no named semaphore. Start the program "
            "whose buffer you want to see, or shmtui run in another terminal; then ctrl+r."
        )

    def row(self, at: int, width: int) -> Line:
        """An entry."""
        return entry_line(self._shown[at], width, self.view.glyphs, self._longest)

    def below(self, width: int) -> list[Line]:
        """The chosen entry in full, then the last error."""
        text, style = self.said
        said = wrap(inert(text, self.view.glyphs.ascii_only), width)[:4] if text else []
        if self.chosen is None:
            return [line((part, style)) for part in said]
        detail = entry_detail(self.chosen, width, 3, self.view.glyphs)
        return [(), *detail, *(line((part, style)) for part in said)]

    def footer(self, width: int, height: int) -> str:
        """Its keys."""
        del height
        long = _("enter attaches, ctrl+r lists again, esc closes")
        return long if width >= len(long) + 4 else _("enter attaches, esc closes")


class PickerScreen(TypedScreen[Attachment | None]):
    """Returns the attachment; None where no segment was chosen."""

    AUTO_FOCUS = "PickerPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("ctrl+q", "dismiss(None)", show=False),
        Binding("ctrl+r,f5", "reload", show=False),
    ]

    def __init__(self, opener: SegmentOpener, view: ViewModel) -> None:
        super().__init__()
        self._opener = opener
        self._view = view
        self._panel = PickerPanel(view)

    def compose(self) -> ComposeResult:
        """One panel."""
        yield self._panel

    @property
    def written(self) -> str:
        """The filter."""
        return self._panel.wanted

    def write(self, text: str) -> None:
        """Set the filter."""
        self._panel.want(text)

    def on_mount(self) -> None:
        """List the segments."""
        self.action_reload()

    def action_reload(self) -> None:
        """List the segments again."""
        self._panel.say(_("looking") + self._view.glyphs.ellipsis)
        self.run_worker(self._reload(), exclusive=True, group="reload")

    async def _reload(self) -> None:
        """In a thread: it takes up to a second on a busy machine."""
        try:
            entries = await asyncio.to_thread(self._opener.entries)
        except (ShmtuiError, OSError) as error:
            self._panel.say(str(error), "bad")
            return
        self._panel.said = ("", "muted")
        self._panel.take(entries)

    def action_close(self) -> None:
        """Clear the filter; where it is empty, close."""
        if self._panel.wanted:
            self._panel.want("")
        else:
            self.dismiss(None)

    def on_rows_panel_chosen(self) -> None:
        """Attach to the chosen entry, or show why not."""
        entry = self._panel.chosen
        if entry is None:
            return
        if reason := why_not(entry):
            self._panel.say(_("cannot attach: {reason}").format(reason=reason), "bad")
            return
        text = _("attaching to {name}").format(name=entry.name)
        self._panel.say(text + self._view.glyphs.ellipsis, "accent")
        self.run_worker(self._open(entry.name), exclusive=True, group="open")

    async def _open(self, name: str) -> None:
        """In a thread: to find the layout, the bytes are watched for a second."""
        try:
            opened = await asyncio.to_thread(self._opener.open, name)
        except AmbiguousLayoutError as error:
            self._panel.say("")
            self._choose_layout(name, error.options)
        except (ShmtuiError, OSError) as error:
            self._panel.say(str(error), "bad")
        else:
            self.dismiss(opened)

    def _choose_layout(self, name: str, options: tuple[str, ...]) -> None:
        from shmtui.tui.screens.layouts import LayoutScreen  # noqa: PLC0415 - opens rarely

        def chosen(opened: Attachment | None) -> None:
            if opened is not None:
                self.dismiss(opened)

        self.app.push_screen(LayoutScreen(self._opener, name, options, self._view), chosen)
