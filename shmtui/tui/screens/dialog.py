"""What dialogs have in common: one panel, a list to choose from, a text that the user types."""

from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from shmtui.tui.spans import Line, Span, line, wrapped
from shmtui.tui.textual_private import ClosesOnce, bind_on
from shmtui.tui.widgets.bindings import binding
from shmtui.tui.widgets.moving_panels import CursorPanel, Item
from shmtui.tui.widgets.panel import Panel

Answer = TypeVar("Answer")

LONGEST = 200
"""Characters that can be typed."""


class Dialog(ModalScreen[Answer], ClosesOnce[Answer], Generic[Answer]):
    """A panel above the main screen; escape answers None."""

    AUTO_FOCUS = "Panel"
    leaves_lesson: ClassVar[bool] = True
    """Whether a lesson stays in view beside it."""
    BINDINGS: ClassVar[list[BindingType]] = [binding("dialog.close", "dismiss(None)")]
    opened_by: ClassVar[tuple[str, ...]] = ()
    """The keys that open it close it too, by their identifiers."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._shown = panel
        for key_id in self.opened_by:
            bind_on(self, panel.view.bound(key_id).keys, "dismiss(None)")

    def compose(self) -> ComposeResult:
        yield self._shown

    def show_anew(self) -> None:
        """Draw its panel, as high as what it holds is now. Once it closes there is no panel any more."""
        if self._shown.is_attached:
            self._shown.refresh(layout=True)
            self._shown.draw_anew()

    def on_mount(self) -> None:
        self._leave_lesson()

    def on_resize(self) -> None:
        self._leave_lesson()

    def _leave_lesson(self) -> None:
        """Stay beside the lesson, or below what to press."""
        main = getattr(self.app, "main", None)
        if self.leaves_lesson and main is not None:
            above, right = main.lesson_margin()
            self.styles.clear_rule("align_vertical")
            self.styles.clear_rule("align_horizontal")
            if above:
                self.styles.align_vertical = "bottom"
            if right:
                self.styles.align_horizontal = "left"
            width, height = self.app.size
            self._shown.styles.max_width = width - right
            self._shown.styles.max_height = height - above
            main.place_again()


class ChoicePanel(CursorPanel[Item], Generic[Item]):
    """Rows to choose from, and below them the last message. Enter on a row, or a second click, chooses it: at once,
    as a message to the dialog would come after a key that closes it.
    """

    choose: Callable[[], None]
    """What is done with the `chosen` row. Its dialog sets it."""
    message = Span("", "muted")

    def say(self, text: str, style: str = "muted") -> None:
        self.message = Span(text, style)
        self.draw_anew()

    def _message_lines(self, width: int) -> list[Line]:
        text = self.view.glyphs.inert(self.message.text)
        return wrapped(text, width, self.message.style)[:4] if text else []

    def _choice(self, at: int, width: int) -> Line:
        """A row, without its cursor."""
        raise NotImplementedError

    def _row(self, at: int, width: int) -> Line:
        mark = self.view.glyphs.cursor if at == self.at else ""
        return line((f"{mark:<2}", "accent"), *self._choice(at, width - 2))

    def action_open(self) -> None:
        if self._count:
            self.choose()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to a row; choose the row that has the cursor already."""
        event.prevent_default()
        event.stop()
        at = self.row_under(event)
        if at is not None and at == self.at:
            self.action_open()
        elif at is not None:
            self.go(at)


class Typed:
    """A text that the user types: the part of a panel that a `TypingDialog` writes to."""

    typed = ""

    def write(self, text: str) -> None:
        raise NotImplementedError


class TypingDialog(Dialog[Answer], Generic[Answer]):
    """The screen handles keys and pastes, since its panel has no focus yet when it opens."""

    @property
    def _field(self) -> Typed:
        assert isinstance(self._shown, Typed)
        return self._shown

    def on_key(self, event: events.Key) -> None:
        text = after_key(self._field.typed, event.key, event.character)
        if text is not None:
            event.stop()
            event.prevent_default()
            self._field.write(text)

    def on_paste(self, event: events.Paste) -> None:
        """Add the first line of what is pasted, without what does not print."""
        event.stop()
        first = next(iter(event.text.splitlines()), "")
        more = "".join(c for c in first if c.isprintable())
        self._field.write((self._field.typed + more)[:LONGEST])


def after_key(text: str, key: str, character: str | None) -> str | None:
    """The text after a key; None where the key does not write.

    >>> [after_key("ab cd", *key) for key in (("e", "e"), ("backspace", None), ("ctrl+w", None))]
    ['ab cde', 'ab c', 'ab ']
    >>> after_key("ab", "ctrl+u", None), after_key("ab", "up", None)
    ('', None)
    """
    match key:
        case "backspace" | "ctrl+h":
            return text[:-1]
        case "ctrl+u":
            return ""
        case "ctrl+w":
            return text[: text.rstrip().rfind(" ") + 1]
    writes = character is not None and character.isprintable() and len(character) == 1
    return f"{text}{character}"[:LONGEST] if writes else None
