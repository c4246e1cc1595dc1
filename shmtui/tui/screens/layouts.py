"""The dialog that attaches: what all of its kind have in common, and the list of the layouts that fit
one segment.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Generic

from shmtui.errors import ShmtuiError
from shmtui.i18n import N_, _, ngettext
from shmtui.layouts.describe import option_words
from shmtui.layouts.options import AmbiguousLayoutError
from shmtui.session.opener import Attachment, SegmentOpener
from shmtui.tui.draw.picker import filter_line
from shmtui.tui.screens.dialog import ChoicePanel, Typed, TypingDialog
from shmtui.tui.spans import Line, line, wrapped
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.moving_panels import Item


class FilterPanel(Typed, ChoicePanel[Item], Generic[Item]):
    """Items that match the filter, which is typed."""

    def write(self, text: str) -> None:
        self.typed = text
        self._filter()

    def _filter(self) -> None:
        raise NotImplementedError

    def _depends_on(self) -> object:
        return self.items, self.at, self.typed, self.message


class LayoutsPanel(FilterPanel[str]):
    """Layouts in words, by their values of ``--layout``; none is chosen in the last row: raw bytes."""

    title = N_("Which layout is it?")

    def __init__(self, name: str, options: tuple[str, ...], view: ViewModel, why: str) -> None:
        super().__init__(view)
        self._segment = name
        self._why = why
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
            return [*wrapped(glyphs.inert(self._why), width)[:6], ()]
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
        return self.view.naming(_("{open} chooses it, {close} goes back"))


class AttachDialog(TypingDialog[Attachment | None]):
    """Returns an attachment; None where none was chosen."""

    leaves_lesson = False

    def __init__(self, opener: SegmentOpener, panel: FilterPanel[Any]) -> None:
        super().__init__(panel)
        self._opener = opener
        self._choices: FilterPanel[Any] = panel
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
    """The layouts ``options`` of the segment ``name``. ``why`` is shown where there are none: no one is sure."""

    def __init__(
        self,
        opener: SegmentOpener,
        name: str,
        options: tuple[str, ...],
        view: ViewModel,
        why: str = "",
    ) -> None:
        self._panel = LayoutsPanel(name, options, view, why)
        super().__init__(opener, self._panel)
        self._panel.choose = self.choose
        self._segment = name

    def choose(self) -> None:
        layout = self._panel.chosen
        attach = (
            partial(self._opener.open_raw, self._segment)
            if layout is None
            else partial(self._opener.open, self._segment, layout)
        )
        self._attach_by(_("attaching"), attach)
