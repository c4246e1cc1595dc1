"""One picture of a screen for any number of viewers.

No viewer has a queue. Each is told what has changed since the picture that it has, once it has taken
that: a slow one misses pictures in between, holds up nobody, and costs no memory.
"""

import asyncio
import json
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Final

Piece = tuple[str, str, int]
"""Declarations of CSS, text, and the cells that it takes all together; 0: one for each character."""
Row = tuple[Piece, ...]
Rows = Sequence[Row]

MOST_STYLES: Final = 2000
"""With more of them they are numbered anew: a long life with many colours takes no more memory."""


class Broadcast:
    """The newest picture, and since when each of its rows is as it is.

    A row is encoded once for all viewers: viewers that lag cost little more than others.
    """

    def __init__(self) -> None:
        self.version = 0
        """Of the picture; 0: there is none yet."""
        self._rows: list[Row] = []
        self._encoded: list[str] = []
        self._changed: list[int] = []
        """By row: the version that brought it."""
        self._styles: dict[str, int] = {}
        """All styles so far, by their numbers."""
        self._styled: list[int] = []
        """By style: the version that brought it, in ascending order."""
        self._messages: dict[int, str] = {}
        """What those are told who have that version: most have the same."""
        self._newer = asyncio.Event()

    def show(self, rows: Rows) -> None:
        """Replace the picture. Where it is as before nobody is told."""
        if list(rows) == self._rows:
            return
        self.version += 1
        if len(rows) != len(self._rows) or len(self._styles) > MOST_STYLES:
            self._styles, self._styled = {}, []
            self._rows, self._encoded, self._changed = [], [""] * len(rows), [0] * len(rows)
        for y, row in enumerate(rows):
            if not self._rows or self._rows[y] != row:
                self._encoded[y], self._changed[y] = self._encode(row), self.version
        self._rows = list(rows)
        self._messages.clear()
        self._newer.set()
        self._newer = asyncio.Event()

    async def newer(self, version: int) -> None:
        """Wait for a picture newer than that."""
        while self.version <= version:
            await self._newer.wait()

    def since(self, version: int) -> str:
        """What makes the newest picture of that version, in JSON; of 0: the whole picture.

        ``rows`` is the number of all rows, ``styles`` are declarations of CSS with the numbers from ``from``
        on, ``changed`` has the rows by number, each a list of pieces: the number of its style, its text,
        and its cells unless each character has one.
        """
        if version not in self._messages:
            self._messages[version] = self._message(version)
        return self._messages[version]

    def _message(self, version: int) -> str:
        first = bisect_right(self._styled, version)
        styles = _json(list(self._styles)[first:])
        changed = ",".join(
            f'"{y}":{row}' for y, row in enumerate(self._encoded) if self._changed[y] > version
        )
        return f'{{"rows":{len(self._encoded)},"from":{first},"styles":{styles},"changed":{{{changed}}}}}'

    def _encode(self, row: Row) -> str:
        pieces: list[list[int | str]] = []
        for style, text, cells in row:
            number = self._styles.setdefault(style, len(self._styles))
            if number == len(self._styled):
                self._styled.append(self.version)
            pieces.append([number, text, cells] if cells else [number, text])
        return _json(pieces)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
