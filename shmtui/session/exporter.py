"""Metrics of many segments for Prometheus: over HTTP, and as a file for node_exporter.

One thread samples; each scrape is answered in a thread of its own, from the last look, which nobody
changes. So a slow reader holds up neither another one nor the sampling.
"""

import contextlib
import os
import random
import re
import socket
import socketserver
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from shmtui import __version__
from shmtui.errors import ExitCode, ShmtuiError
from shmtui.i18n import _
from shmtui.monitor.segment_watch import SegmentWatch, WatchedSegment
from shmtui.session.listening import Address, listening_socket
from shmtui.session.terminal import ENDED_WELL, note, rests

MOST_READERS: Final = 32
"""Connections at a time; one more is closed at once."""
READER_SECONDS: Final = 10.0
"""How long a reader may take over its request, and over the answer."""
LONGEST_REQUEST: Final = 16384
"""Bytes."""
PLAIN: Final = "text/plain; charset=utf-8"
SHARE: Final = 0.05
"""Looks take at most this share of a processor: those at many segments come less often."""

Watched = Sequence[WatchedSegment]
_Request = socket.socket | tuple[bytes, socket.socket]


class ExportOptions(msgspec.Struct, frozen=True):
    """What ``export`` was asked for."""

    listen: Address | None = None
    textfile: Path | None = None
    interval: float = 1.0
    """Seconds between two looks, at the least."""
    content_type: str = PLAIN


def export(watch: SegmentWatch, options: ExportOptions, render: Callable[[Watched], str]) -> int:
    """Export until a signal ends it; returns the exit code. The main thread's.

    `prepare` comes before. ShmtuiError: the address or the file cannot be used.
    """
    with contextlib.ExitStack() as cleaning:
        latest = _Latest(render)
        rest = cleaning.enter_context(rests())
        server = None
        if options.listen is not None:
            server = cleaning.enter_context(
                _listening(options.listen, latest, options.content_type)
            )
        file = None if options.textfile is None else TextFile(options.textfile)
        if file is not None:
            cleaning.callback(file.remove)
        number, told = None, False
        while number is None:
            began = time.thread_time()
            latest.take(watch.look())
            if file is not None:
                file.write(latest.text())
            if not told and server is not None:
                # Whoever asked before waits for it: no answer is better than one without segments.
                told = True
                server.serve()
                note(_("metrics at http://{address}/metrics").format(address=server.address))
            used = time.thread_time() - began - watch.opening
            # Uneven, so that no pace of a ring can keep step with it.
            pause = options.interval * random.uniform(0.75, 1.25)
            number = rest(max(pause, used / SHARE))
    return ExitCode.OK if number in ENDED_WELL else 128 + number


class _Latest:
    """The last look. One thread takes it, many read it."""

    def __init__(self, render: Callable[[Watched], str]) -> None:
        self._render = render
        self._seen: Watched = ()
        self._why: dict[str, str] = {}

    def take(self, seen: Watched) -> None:
        """Replace it; what can be read no longer is said once on stderr."""
        for each in seen:
            if each.why and self._why.get(each.target) != each.why:
                note(each.why)
        self._why = {each.target: each.why for each in seen}
        self._seen = seen

    def text(self) -> str:
        return self._render(self._seen)

    def page(self) -> str:
        """What this is, for who opens it in a browser."""
        unread = sum(each.snapshot is None for each in self._seen)
        return (
            f"shmtui {__version__}: shared memory of {socket.gethostname()}\n"
            f"{len(self._seen)} segments, {unread} of them cannot be read\n"
            "/metrics has their metrics for Prometheus\n"
        )


# -- over HTTP --------------------------------------------------------------------------------------


class _Server(socketserver.ThreadingTCPServer):
    """One thread a connection, `MOST_READERS` at the most."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Address, latest: _Latest, content_type: str) -> None:
        self.latest = latest
        self.content_type = content_type
        self._free = threading.BoundedSemaphore(MOST_READERS)
        self._thread: threading.Thread | None = None
        listening = listening_socket(address)
        self.address_family = listening.family
        super().__init__((address.host, address.port), _Scrape, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.address = Address(address.host, self.socket.getsockname()[1])

    def serve(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, name="scrapes", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Answer and listen no more."""
        if self._thread is not None:
            self.shutdown()
        self.server_close()

    def process_request(self, request: _Request, client_address: object) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # No thread may be started: the reader will ask again.
            self._free.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: _Request, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: _Request, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Scrape(socketserver.BaseRequestHandler):
    """Answers one GET or HEAD and closes the connection: HTTP/1.0, which every scraper speaks.

    By hand, since http.server takes 6 MB of memory, a quarter of what an exporter has, for what is
    not needed here (it loads the e-mail parser and OpenSSL), and lets a reader take its time over
    each byte anew.
    """

    server: _Server
    request: socket.socket

    def handle(self) -> None:
        asked = re.match(rb"(GET|HEAD) ([!-~]*) HTTP/1\.[01]\r?\n", self._head())
        if asked is None:
            status, text, kind = "400 Bad Request", "only GET and HEAD\n", PLAIN
        else:
            status, text, kind = self._answer(asked[2].partition(b"?")[0])
        body = text.encode()
        head = (
            f"HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        ).encode()
        self.request.settimeout(READER_SECONDS)  # Of sendall it is the whole time.
        self.request.sendall(head if asked is not None and asked[1] == b"HEAD" else head + body)

    def _head(self) -> bytes:
        """The request up to its empty line; what there is of it where it is too long or ends before.

        TimeoutError: it is not there in time.
        """
        head, end = b"", time.monotonic() + READER_SECONDS
        while len(head) < LONGEST_REQUEST and b"\n\r\n" not in head and b"\n\n" not in head:
            self.request.settimeout(max(end - time.monotonic(), 0.001))
            part = self.request.recv(LONGEST_REQUEST)
            if not part:
                break
            head += part
        return head

    def _answer(self, path: bytes) -> tuple[str, str, str]:
        """Status, text, and type."""
        if path == b"/metrics":
            return "200 OK", self.server.latest.text(), self.server.content_type
        if path == b"/":
            return "200 OK", self.server.latest.page(), PLAIN
        return "404 Not Found", "there are / and /metrics\n", PLAIN


@contextlib.contextmanager
def _listening(address: Address, latest: _Latest, content_type: str) -> Iterator[_Server]:
    """A server for the block. ShmtuiError: it cannot listen there."""
    server = _Server(address, latest, content_type)
    try:
        yield server
    finally:
        server.end()


# -- as a file --------------------------------------------------------------------------------------


class TextFile:
    """A file of metrics that is whole at any time: each text is written beside it and renamed.

    ShmtuiError: the path is no file's, or nothing can be written there.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))
        self._beside = self._path.with_name(f".{self._path.name}.shmtui")
        self._why = ""
        try:
            if self._path.exists() and not stat.S_ISREG(self._path.stat().st_mode):
                wrong = _(
                    "{path} is not a file: give one that may be replaced, such as shmtui.prom"
                )
                raise ShmtuiError(wrong.format(path=path))
            self._replace(b"")
        except OSError as error:
            wrong = _("cannot write {path}: {why}; give another file with --textfile")
            raise ShmtuiError(wrong.format(path=path, why=error.strerror)) from None

    def write(self, text: str) -> None:
        """Replace its content. A failure is said once on stderr: the next time it may work."""
        why = ""
        try:
            self._replace(text.encode())
        except OSError as error:
            why = error.strerror or str(error)
        if why and why != self._why:
            note(_("cannot write {path}: {why}").format(path=self._path, why=why))
        self._why = why

    def _replace(self, content: bytes) -> None:
        self._beside.unlink(missing_ok=True)  # That of one that was killed.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with open(os.open(self._beside, flags, 0o644), "wb") as file:
                file.write(content)
            self._beside.replace(self._path)
        except OSError:
            self._beside.unlink(missing_ok=True)
            raise

    def remove(self) -> None:
        """Take it away at the end: metrics of a time that nobody watches are none."""
        with contextlib.suppress(OSError):
            self._path.unlink()
