"""A dialogue that one types into."""

from typing import Generic, TypeVar

from textual import events
from textual.screen import ModalScreen

from shmtui.tui.draw.line_edit import pasted, typed

Answer = TypeVar("Answer")


class TypedScreen(ModalScreen[Answer], Generic[Answer]):
    """Takes keys and pastes here and not in its panel, which has no focus yet when it opens."""

    @property
    def written(self) -> str:
        """What stands there."""
        raise NotImplementedError

    def write(self, text: str) -> None:
        """Have this stand there."""
        raise NotImplementedError

    def on_key(self, event: events.Key) -> None:
        """A key that writes."""
        text = typed(self.written, event.key, event.character)
        if text is not None:
            event.stop()
            event.prevent_default()
            self.write(text)

    def on_paste(self, event: events.Paste) -> None:
        """The first line of what is pasted."""
        event.stop()
        self.write(pasted(self.written, event.text))
