"""The lines that a child has printed: the last of them are kept, all of them are counted."""

import codecs
from collections import deque
from typing import Final

LONGEST: Final = 4096
"""Characters kept of a line; the rest of a longer one is dropped."""


class OutputLines:
    """Cuts bytes into lines, as they come. Empty lines are left out. The text stays hostile."""

    def __init__(self, kept: int) -> None:
        self.lines: deque[str] = deque(maxlen=kept)
        """The last lines, the oldest first."""
        self.count = 0
        """Lines in all, those no longer kept included."""
        self._unfinished = ""
        # Keeps the first bytes of a character until its last ones are read.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, data: bytes) -> None:
        """Take in what was read next; no bytes at all are the end of the output."""
        text = self._unfinished + self._decoder.decode(data, final=not data)
        *whole, rest = text.split("\n")
        for line in whole:
            self._keep(line.removesuffix("\r"))
        self._unfinished = rest[:LONGEST]
        if not data:
            self._keep(self._unfinished)
            self._unfinished = ""

    def _keep(self, line: str) -> None:
        if line:
            self.lines.append(line[:LONGEST])
            self.count += 1
