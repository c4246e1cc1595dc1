"""One word of a file, from what to what. Pure."""

import msgspec


class WordChange(msgspec.Struct, frozen=True):
    """A word of a file, from what to what."""

    offset: int
    size: int
    """4 or 8 bytes; the offset is a multiple of 4."""
    before: int
    after: int

    @property
    def back(self) -> "WordChange":
        """The change that puts the word back."""
        return WordChange(self.offset, self.size, self.after, self.before)
