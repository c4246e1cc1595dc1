"""The server for browsers: who is let in, what each may do, and that a slow one costs nobody anything."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus

from shmtui.session import web_server
from shmtui.session.broadcast import Broadcast
from shmtui.session.listening import Address
from shmtui.session.web_server import HEADERS, WebOptions, WebServer, reachable_host
from tests.serving import looking
from tests.waiting import until

ROW = (("color:#ffffff;background:#000000", "hello", 0),)


@dataclass
class Served:
    """A server over a broadcast that a test fills."""

    server: WebServer
    broadcast: Broadcast
    pressed: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        found = re.search(r":(\d+)/", self.server.viewer_url)
        assert found is not None
        return int(found[1])

    async def ask(self, path: str, *headers: str, host: str = "") -> tuple[int, str]:
        """Status, and the whole response."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [f"GET {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{self.port}'}", *headers]
        writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        text = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        return int(text.split()[1]), text

    def path(self, name: str = "", *, drives: bool = False) -> str:
        url = self.server.presenter_url if drives else self.server.viewer_url
        return "/" + url.split("/")[3] + "/" + name


@contextlib.asynccontextmanager
async def serving(font_size: int = 0) -> AsyncIterator[Served]:
    """A server with one picture."""
    broadcast = Broadcast()
    broadcast.show([ROW])
    pressed: list[str] = []
    options = WebOptions(Address("127.0.0.1", 0), "</title><script>", font_size)
    server = WebServer(options, broadcast, pressed.append)
    async with server.serving():
        yield Served(server, broadcast, pressed)


UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)


async def test_who_is_refused() -> None:
    """Without a token, from another site's page, by another's name; and each is told as little."""
    async with serving() as served:
        own = f"Origin: http://127.0.0.1:{served.port}"
        live, page = served.path("live"), served.path()
        refused = [
            await served.ask("/"),
            await served.ask("/favicon.ico"),
            await served.ask(f"/{'A' * 22}/"),
            await served.ask(f"/{'A' * 22}/live", own, *UPGRADE),
            await served.ask(page[:-2] + "/"),
            await served.ask(live, "Origin: http://evil.example", *UPGRADE),
            await served.ask(live, "Origin: null", *UPGRADE),
            await served.ask(live, *UPGRADE),
            await served.ask(live, own, own.replace("127.0.0.1", "evil.example"), *UPGRADE),
            await served.ask(page, "Origin: http://evil.example"),
            await served.ask(page, host=f"evil.example:{served.port}"),
            await served.ask(page, host=""" localhost@evil.example"""),
            await served.ask(page, "Host: 127.0.0.1"),
        ]
        assert [status for status, _text in refused] == [403] * len(refused)
        secrets = (served.path().strip("/"), served.path(drives=True).strip("/"))
        for _status, text in refused:
            assert not [secret for secret in secrets if secret in text]
        assert served.server.viewers == 0


async def test_who_is_let_in() -> None:
    """By an address of this machine, a name of its own, or a tunnel with a port of its own."""
    async with serving(font_size=22) as served:
        for host in ("", "localhost", "localhost:8000", "[::1]:8000", "192.0.2.7:80"):
            status, text = await served.ask(served.path(), host=host)
            assert status == 200
            assert 'data-font="22"' in text
            # What it shows is a name that somebody else may have chosen.
            assert "</title><script>" not in text
        for name in ("page.js", "page.css"):
            assert (await served.ask(served.path(name)))[0] == 200
        status, text = await served.ask(served.path().rstrip("/"))
        assert (status, f"Location: {served.path()}\r\n" in text) == (308, True)
        assert (await served.ask(served.path("../page.js")))[0] == 404


async def test_every_answer_has_the_policy() -> None:
    """Also one that refuses: no page of ours runs, loads or is framed by anything else."""
    async with serving() as served:
        for path in ("/", served.path(), served.path("none"), served.path("page.js")):
            _status, text = await served.ask(path)
            assert not [
                name for name, value in HEADERS.items() if f"{name}: {value}\r\n" not in text
            ]


async def test_the_page_takes_nothing_from_elsewhere() -> None:
    """No address of another machine, and nothing that the policy would forbid."""
    async with serving() as served:
        for name in ("", "page.js", "page.css"):
            text = (await served.ask(served.path(name)))[1].partition("\r\n\r\n")[2]
            assert "//" not in re.sub(r"^\s*//.*|// [A-Z].*|/\^http/", "", text, flags=re.MULTILINE)
            assert not re.search(r"innerHTML|eval|\son\w+=\"|style=\"|<script>", text)


async def test_only_who_presents_drives() -> None:
    """What others send is not taken; what is too long for a key ends the connection."""
    async with serving() as served:
        async with (
            looking(served.server.viewer_url) as other,
            looking(served.server.presenter_url) as one,
        ):
            await other.shows("hello")
            await one.shows("hello")
            await other.connection.send("q")
            await one.connection.send("ArrowUp")
            await other.connection.send("x" * 1000)
            await until(lambda: served.pressed, "a key has come")
            with pytest.raises(ConnectionClosedError):
                await other.take()
            assert served.pressed == ["ArrowUp"]
        await until(lambda: served.server.viewers == 0, "they are gone")


async def test_one_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """And let in once another has gone."""
    monkeypatch.setattr(web_server, "MOST_VIEWERS", 1)
    async with serving() as served:
        async with looking(served.server.viewer_url) as one:
            await one.take()
            with pytest.raises(InvalidStatus, match="503"):
                async with looking(served.server.viewer_url):
                    pass
        await until(lambda: served.server.viewers == 0, "it is gone")
        async with looking(served.server.viewer_url) as another:
            await another.shows("hello")


async def test_a_slow_viewer_misses_pictures() -> None:
    """It holds up nobody, nothing is kept for it, and then it has the newest picture at once."""
    pictures, size = 40, 1 << 20  # More than a socket takes.
    async with (
        serving() as served,
        looking(served.server.viewer_url, max_queue=1) as slow,
        looking(served.server.viewer_url) as fast,
    ):
        await slow.take()
        await fast.take()
        for number in range(pictures):
            text = f"picture {number} ".ljust(size, "x")
            served.broadcast.show([(("color:#ffffff", text, 0),)])
            await fast.shows(f"picture {number} ")
        assert fast.told == 1 + pictures
        await slow.shows(f"picture {pictures - 1} ")
        assert slow.told < pictures / 2


async def test_who_looks_is_told_of_the_end() -> None:
    """The connection is closed as one that goes away; the end waits for nobody."""
    async with contextlib.AsyncExitStack() as viewing:
        async with serving() as served:
            viewer = await viewing.enter_async_context(looking(served.server.viewer_url))
            await viewer.take()
        with pytest.raises(ConnectionClosedOK, match="1001"):
            await viewer.take()


def test_an_address_for_all_is_printed_as_one_of_them() -> None:
    """As one that another machine can ask for; others are printed as given."""
    assert reachable_host("0.0.0.0") not in {"0.0.0.0", ""}
    assert reachable_host("::1") == "::1"
    assert reachable_host("somewhere") == "somewhere"
