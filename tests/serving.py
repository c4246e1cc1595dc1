"""A real ``shmtui serve`` beside a test, and who looks at it without a browser."""

import contextlib
import json
import re
from collections.abc import AsyncIterator

from websockets.asyncio.client import ClientConnection, connect

from tests.listening import Listening
from tests.waiting import PATIENCE

Told = list[tuple[str, str]]
"""A row as it is told: declarations of CSS, and text."""


class Serving(Listening):
    """``shmtui serve ARGUMENTS`` on a free port; it is over after the block."""

    def __init__(self, *arguments: str) -> None:
        super().__init__(
            "serve", *arguments, "--listen", "0", says=r"presenter: (\S+/)\n.*viewers: (\S+/)\n"
        )
        self.presenting = self.looking = ""
        """The two addresses."""

    def begun(self, said: re.Match[str]) -> None:
        self.presenting, self.looking = said[1], said[2]


class Viewer:
    """Who looks, with the rows as told so far."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.told_rows: list[Told] = []
        self.styles: list[str] = []
        self.told = 0
        """How many messages have come."""

    async def take(self) -> None:
        """Take the next message in."""
        message = await self.connection.recv()
        self.told += 1
        apply(self.told_rows, self.styles, message)

    async def shows(self, text: str) -> str:
        """The screen, once it shows ``text``."""
        while text not in self.text:
            await self.take()
        return self.text

    @property
    def text(self) -> str:
        """All rows."""
        return "\n".join(self.rows)

    @property
    def rows(self) -> list[str]:
        """The text of each."""
        return ["".join(text for _css, text in row) for row in self.told_rows]


def apply(rows: list[Told], styles: list[str], message: str | bytes) -> None:
    """Make the changes that a message tells."""
    told = json.loads(message)
    del rows[told["rows"] :]
    rows += [[]] * (told["rows"] - len(rows))
    assert told["from"] <= len(styles)
    styles[told["from"] :] = told["styles"]
    for number, pieces in told["changed"].items():
        rows[int(number)] = [(styles[piece[0]], piece[1]) for piece in pieces]


@contextlib.asynccontextmanager
async def looking(url: str, **options: int | None) -> AsyncIterator[Viewer]:
    """Look as the page at that address does."""
    origin = re.match(r"http://[^/]+", url)
    assert origin is not None
    live = url.replace("http", "ws", 1) + "live"
    how = {"max_size": None, "open_timeout": PATIENCE, "compression": None, **options}
    async with connect(live, origin=origin[0], **how) as connection:  # type: ignore[arg-type]
        yield Viewer(connection)
