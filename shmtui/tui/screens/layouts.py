"""The dialog that lists the layouts that fit a segment."""

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from shmtui.errors import ShmtuiError
from shmtui.i18n import N_, _, ngettext
from shmtui.layouts.describe import option_words
from shmtui.sanitize import inert
from shmtui.session.opener import Attachment, SegmentOpener
from shmtui.tui.cell_text import wrap
from shmtui.tui.draw.picker import filter_line
from shmtui.tui.screens.rows_panel import RowsPanel
from shmtui.tui.screens.typed_screen import TypedScreen
from shmtui.tui.spans import Line, clip_line, line
from shmtui.tui.view_model import ViewModel

RAW_WORDS = N_("show as bytes (raw)")


class LayoutsPanel(RowsPanel):
    """A row for each layout in words, and one for raw bytes."""

    title = N_("Which layout is it?")

    def __init__(self, name: str, options: tuple[str, ...], view: ViewModel) -> None:
        super().__init__(view)
        self._segment = name
        self._options = options
        self.wanted = ""
        self._shown = options
        self.said: tuple[str, str] = ("", "muted")

    @property
    def count(self) -> int:
        """The layouts that match the filter, and raw."""
        return len(self._shown) + 1

    @property
    def chosen(self) -> str | None:
        """The value of ``--layout``; None for raw."""
        return self._shown[self.at] if self.at < len(self._shown) else None

    def want(self, text: str) -> None:
        """Show the layouts whose text contains all of these words."""
        self.wanted = text
        words = text.casefold().split()
        self._shown = tuple(
            o for o in self._options if all(word in option_words(o).casefold() for word in words)
        )
        self.at = 0
        self.say("", "muted")

    def say(self, text: str, style: str) -> None:
        """Show a message below the list."""
        self.said = (text, style)
        self.draw_anew()

    def depends_on(self) -> object:
        """All that can change in it."""
        return self.at, self.said, self.wanted

    def _words(self, at: int) -> str:
        words = _(RAW_WORDS) if at == len(self._shown) else option_words(self._shown[at])
        return inert(words, self.view.glyphs.ascii_only)

    def above(self, width: int) -> list[Line]:
        """The segment, and why its layout is not known."""
        glyphs = self.view.glyphs
        name = inert(self._segment, glyphs.ascii_only)
        count = len(self._options)
        if not count:
            why = _("The programs that map {name} disagree on its layout.").format(name=name)
            return [*(line(text) for text in wrap(why, width)[:3]), ()]
        why = ngettext(
            "{count} layout fits the bytes of {name} so far. Choose the one that its program uses; "
            "its header says for sure: shmtui attach --header FILE",
            "{count} layouts fit the bytes of {name} so far. Choose the one that its program uses; "
            "its header says for sure: shmtui attach --header FILE",
            count,
        ).format(count=count, name=name)
        shown = filter_line(self.wanted, len(self._shown), count, width, glyphs)
        return [*(line(text) for text in wrap(why, width)[:3]), shown]

    def row(self, at: int, width: int) -> Line:
        """A layout in words."""
        return clip_line(line(self._words(at)), width, self.view.glyphs.ellipsis)

    def below(self, width: int) -> list[Line]:
        """The chosen layout in full with its option, then the last error."""
        ascii_only = self.view.glyphs.ascii_only
        chosen = self.chosen
        option = "--raw" if chosen is None else f"--layout {chosen}"
        rows: list[Line] = [()]
        words = self._words(self.at)
        if len(words) > width - 2:
            rows += [line(text) for text in wrap(words, width)[:3]]
        rows += [line((text, "muted")) for text in wrap(inert(option, ascii_only), width)[:3]]
        text, style = self.said
        if text:
            rows += [line((part, style)) for part in wrap(inert(text, ascii_only), width)[:3]]
        return rows

    def footer(self, width: int, height: int) -> str:
        """Its keys."""
        del width, height
        return _("enter chooses it, esc goes back")


class LayoutScreen(TypedScreen[Attachment | None]):
    """Returns the attachment by the chosen layout; None where none was chosen."""

    AUTO_FOCUS = "LayoutsPanel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+q", "dismiss(None)", show=False),
    ]

    def __init__(
        self, opener: SegmentOpener, name: str, options: tuple[str, ...], view: ViewModel
    ) -> None:
        super().__init__()
        self._opener = opener
        self._segment = name
        self._view = view
        self._panel = LayoutsPanel(name, options, view)

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

    def on_rows_panel_chosen(self) -> None:
        """Attach by the chosen layout."""
        self._panel.say(_("attaching") + self._view.glyphs.ellipsis, "accent")
        self.run_worker(self._open(self._panel.chosen), exclusive=True, group="open")

    async def _open(self, layout: str | None) -> None:
        try:
            if layout is None:
                opened = await asyncio.to_thread(self._opener.open_raw, self._segment)
            else:
                opened = await asyncio.to_thread(self._opener.open, self._segment, layout)
        except (ShmtuiError, OSError) as error:
            self._panel.say(str(error), "bad")
        else:
            self.dismiss(opened)
