"""The dashboard for browsers: a page, and over WebSockets what a broadcast shows.

`websockets` answers both. The page is ours, and textual-serve is not used: it starts a program for each
viewer, asks nobody for a token and no page where it comes from, and what it has of xterm.js cannot be had
without its page. No package has xterm.js by itself, and rows of styled text need no terminal.

Each address has one of two random tokens: that of who presents, whose keys move the screen, or that of
who only looks. Whoever has neither is told nothing.
"""

import asyncio
import contextlib
import hmac
import html
import ipaddress
import logging
import re
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Final

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from shmtui.i18n import _, language_in_use
from shmtui.session.broadcast import Broadcast
from shmtui.session.listening import Address, listening_socket

MOST_VIEWERS: Final = 100
"""At a time; one more is refused."""
LONGEST_MESSAGE: Final = 64
"""Bytes of a message of a viewer: the name of a key."""
LIVE: Final = "live"
"""The path of the WebSocket, behind the token."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page loads and runs what this server has, and nothing else; nobody puts it in a frame."""
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_PAGE: Final = Path(__file__).with_name("web_page")
_KINDS: Final = {"": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
_LOG: Final = logging.getLogger("shmtui.web")
"""Of what viewers do wrong nothing is printed: it is theirs."""
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


class WebOptions(msgspec.Struct, frozen=True):
    """What ``serve`` was asked for."""

    listen: Address
    title: str = ""
    """Of the page: what it shows."""
    font_size: int = 0
    """In pixels, at the start; 0: as large as fits the window."""


class WebServer:
    """Serves a broadcast. ``press`` takes the keys of those who present.

    ShmtuiError: it cannot listen there.
    """

    def __init__(
        self, options: WebOptions, broadcast: Broadcast, press: Callable[[str], None]
    ) -> None:
        self._listening = listening_socket(options.listen)
        port = self._listening.getsockname()[1]
        self._address = Address(reachable_host(options.listen.host), port)
        self._names = own_names(options.listen.host)
        self._broadcast = broadcast
        self._press = press
        self._presenting, self._looking = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self._files = {drives: _files(options, drives=drives) for drives in (False, True)}
        self.viewers = 0
        """How many look now."""

    @property
    def presenter_url(self) -> str:
        return f"http://{self._address}/{self._presenting}/"

    @property
    def viewer_url(self) -> str:
        return f"http://{self._address}/{self._looking}/"

    def close(self) -> None:
        """Listen no more, where it has not been :meth:`serving`."""
        self._listening.close()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer until the end of the block, which closes all connections."""
        async with serve(
            self._view,
            sock=self._listening,
            process_request=self._answer,
            compression=None,  # Each would compress the same for itself.
            max_size=LONGEST_MESSAGE,
            close_timeout=1,
            server_header=None,
            logger=_LOG,
        ):
            yield

    # Requests.

    def _answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        """The response to a request; None: it may become a WebSocket."""
        hosts, origins = request.headers.get_all("Host"), request.headers.get_all("Origin")
        token, slash, name = request.path.partition("?")[0].removeprefix("/").partition("/")
        drives = self._drives(token)
        if len(hosts) != 1 or not is_own(hosts[0], self._names):
            return _refused(
                _("that is not a name of this machine: use the address that shmtui printed")
            )
        if any(origin.lower() != f"http://{hosts[0]}".lower() for origin in origins):
            return _refused(_("pages of other sites are refused"))
        if drives is None:
            return _refused(_("the address is not complete: use the one that shmtui printed"))
        if name == LIVE:
            if not origins:
                return _refused(_("the header Origin is missing: open the page in a browser"))
            if self.viewers >= MOST_VIEWERS:
                why = _("{count} browsers are connected, and no more may connect").format(
                    count=self.viewers
                )
                return _said(HTTPStatus.SERVICE_UNAVAILABLE, why)
            return None
        if not slash:
            return _response(HTTPStatus.PERMANENT_REDIRECT, b"", Location=f"/{token}/")
        if name not in _KINDS:
            return _said(HTTPStatus.NOT_FOUND, _("there is no such page"))
        body = self._files[drives][name]
        return _response(HTTPStatus.OK, body, **{"Content-Type": f"{_KINDS[name]}; charset=utf-8"})

    def _drives(self, token: str) -> bool | None:
        """Whether who has this token presents; None: it is none."""
        given = token.encode("utf-8", "surrogateescape")
        if hmac.compare_digest(given, self._presenting.encode()):
            return True
        return False if hmac.compare_digest(given, self._looking.encode()) else None

    # Viewers.

    async def _view(self, connection: ServerConnection) -> None:
        """Tell a viewer what changes, and take the keys of one who presents, while it is there."""
        assert connection.request is not None
        drives = self._drives(connection.request.path.split("/")[1])
        telling = asyncio.create_task(self._tell(connection))
        self.viewers += 1
        try:
            async for message in connection:
                if drives and isinstance(message, str):
                    self._press(message)
        except ConnectionClosed:
            pass
        finally:
            self.viewers -= 1
            telling.cancel()

    async def _tell(self, connection: ServerConnection) -> None:
        """`send` waits while the viewer has not taken 32 KiB; meanwhile nothing is kept for it."""
        version = 0
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._broadcast.newer(version)
                message, version = self._broadcast.since(version), self._broadcast.version
                await connection.send(message)


def _response(status: HTTPStatus, body: bytes, **headers: str) -> Response:
    plain = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))}
    given = Headers(HEADERS | plain | headers | {"Connection": "close"})
    return Response(status, status.phrase, given, body)


def _said(status: HTTPStatus, text: str) -> Response:
    return _response(status, f"shmtui: {text}\n".encode())


def _refused(why: str) -> Response:
    return _said(HTTPStatus.FORBIDDEN, why)


def _files(options: WebOptions, *, drives: bool) -> dict[str, bytes]:
    """What the page consists of, by name."""
    texts = {
        "lang": language_in_use(),
        "title": f"shmtui {options.title}".strip(),
        "font": str(options.font_size),
        "drives": "yes" if drives else "",
        "role": _("presenter: your keys and clicks move the screen of all")
        if drives
        else _("viewer: the presenter moves this screen"),
        "lost": _("no connection: shmtui has ended, or the network is down; trying again"),
        "smaller": _("smaller"),
        "larger": _("larger"),
        "fit": _("fit"),
    }
    page = Template((_PAGE / "page.html").read_text(encoding="utf-8"))
    files = {name: (_PAGE / name).read_bytes() for name in _KINDS if name}
    return files | {"": page.substitute({k: html.escape(v) for k, v in texts.items()}).encode()}


# -- addresses --------------------------------------------------------------------------------------


def own_names(host: str) -> frozenset[str]:
    """The names by which this machine may be asked for, listening on ``host``."""
    return frozenset({"localhost", host.lower(), socket.gethostname().lower()})


def is_own(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header names this machine: by an address, or one of these names.

    Any other name may be of a site that has it point here, whose page would be of one origin with ours
    (DNS rebinding). Behind a tunnel the port is another one.

    >>> is_own("127.0.0.1:9756", frozenset()), is_own("[::1]:80", frozenset())
    (True, True)
    >>> is_own("evil.example:9756", frozenset({"localhost"})), is_own("localhost", frozenset({"localhost"}))
    (False, True)
    """
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?", host)
    if found is None:
        return False
    name = (found[1] or found[2]).lower()
    if name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def reachable_host(host: str) -> str:
    """The host for an URL: of an address that stands for all of this machine's, one of those."""
    try:
        given = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not given.is_unspecified:
        return host
    family = socket.AF_INET if given.version == 4 else socket.AF_INET6
    # Nothing is sent: the kernel only chooses the address that it would send from.
    anywhere = "192.0.2.1" if given.version == 4 else "2001:db8::1"
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect((anywhere, 9))
        chosen: str = asking.getsockname()[0]
        return chosen
    return socket.gethostname()
