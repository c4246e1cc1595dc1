"""One picture of a screen for any number of viewers.

No viewer has a queue. Each is told what has changed since the picture that it has, once it has taken
that: a slow one misses pictures in between, holds up nobody, and costs no memory.
"""

import asyncio
import json
from collections.abc import Sequence

Piece = tuple[str, str, int]
"""Declarations of CSS, text, and the cells that it takes all together; 0: one for each character."""
Row = tuple[Piece, ...]
Rows = Sequence[Row]


class Broadcast:
    """The newest picture, and since when each of its rows is as it is."""

    def __init__(self) -> None:
        self.version = 0
        """Of the picture; 0: there is none yet."""
        self._rows: list[Row] = []
        self._changed: list[int] = []
        """By row: the version that brought it."""
        self._messages: dict[int, str] = {}
        """What those are told who have that version: most have the same."""
        self._newer = asyncio.Event()

    def show(self, rows: Rows) -> None:
        """Replace the picture. Where it is as before nobody is told."""
        before = self._rows if len(self._rows) == len(rows) else [None] * len(rows)
        changed = [y for y, row in enumerate(rows) if before[y] != row]
        if not changed:
            return
        self.version += 1
        since = self._changed if len(self._changed) == len(rows) else [0] * len(rows)
        for y in changed:
            since[y] = self.version
        self._changed, self._rows = since, list(rows)
        self._messages.clear()
        self._newer.set()
        self._newer = asyncio.Event()

    async def newer(self, version: int) -> None:
        """Wait for a picture newer than that."""
        while self.version <= version:
            await self._newer.wait()

    def since(self, version: int) -> str:
        """What makes the newest picture of that version, in JSON; of 0: the whole picture.

        ``rows`` is the number of all rows, ``styles`` are declarations of CSS, ``changed`` has the rows by
        number, each a list of pieces: the number of its style, its text, and its cells unless each
        character has one.
        """
        if version not in self._messages:
            self._messages[version] = self._message(version)
        return self._messages[version]

    def _message(self, version: int) -> str:
        styles: dict[str, int] = {}
        changed = {
            y: [_piece(piece, styles) for piece in row]
            for y, row in enumerate(self._rows)
            if self._changed[y] > version
        }
        told = {"rows": len(self._rows), "styles": list(styles), "changed": changed}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _piece(piece: Piece, styles: dict[str, int]) -> list[int | str]:
    style, text, cells = piece
    number = styles.setdefault(style, len(styles))
    return [number, text] if cells == 0 else [number, text, cells]
