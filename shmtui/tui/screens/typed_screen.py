"""A dialog that the user types into, and what each key makes of the text."""

from typing import Generic, TypeVar

from textual import events
from textual.screen import ModalScreen

Answer = TypeVar("Answer")

LONGEST = 200


def typed(text: str, key: str, character: str | None) -> str | None:
    """The text after a key; None where the key does not write.

    >>> typed("ab", "c", "c"), typed("ab", "backspace", None), typed("ab cd", "ctrl+w", None)
    ('abc', 'a', 'ab ')
    >>> typed("ab", "ctrl+u", None), typed("ab", "up", None)
    ('', None)
    """
    if key in {"backspace", "ctrl+h"}:
        return text[:-1]
    if key == "ctrl+u":
        return ""
    if key == "ctrl+w":
        stripped = text.rstrip()
        return stripped[: stripped.rfind(" ") + 1]
    if character is not None and character.isprintable() and len(character) == 1:
        return (text + character)[:LONGEST]
    return None


def pasted(text: str, more: str) -> str:
    r"""The text after a paste: its first line, without what does not print.

    >>> pasted("/shm", "_x\ny")
    '/shm_x'
    """
    first = more.splitlines()[0] if more.splitlines() else ""
    return (text + "".join(c for c in first if c.isprintable()))[:LONGEST]


class TypedScreen(ModalScreen[Answer], Generic[Answer]):
    """The screen handles keys and pastes, since its panel has no focus yet when it opens."""

    @property
    def written(self) -> str:
        """The text."""
        raise NotImplementedError

    def write(self, text: str) -> None:
        """Set the text."""
        raise NotImplementedError

    def on_key(self, event: events.Key) -> None:
        """A key that changes the text."""
        text = typed(self.written, event.key, event.character)
        if text is not None:
            event.stop()
            event.prevent_default()
            self.write(text)

    def on_paste(self, event: events.Paste) -> None:
        """Add the first line of what is pasted."""
        event.stop()
        self.write(pasted(self.written, event.text))
