"""What serving commands share: the address that they listen on, and a process prepared for a long life."""

import resource
import socket
from typing import Final

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.session.heap_tuning import settle_memory
from shmtui.session.terminal import note_signals

WAITING_MOST: Final = 64
"""Connections that may wait to be accepted."""


class Address(msgspec.Struct, frozen=True):
    """Where to listen."""

    host: str
    """An IPv4 or IPv6 address, or a name."""
    port: int
    """0: one that is free."""

    def __str__(self) -> str:
        """As an URL has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def prepare() -> None:
    """Settle this process for a long life with many files, before segments are opened. For the main
    thread.
    """
    note_signals(but_ignored=True)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    settle_memory()


def listening_socket(address: Address) -> socket.socket:
    """A TCP socket that listens there. ShmtuiError: it cannot be had."""
    try:
        # As bytes it does not go through IDNA, whose tables take a while to load.
        host = address.host.encode() if address.host.isascii() else address.host
        family, _kind, _number, _name, where = socket.getaddrinfo(
            host, address.port, type=socket.SOCK_STREAM
        )[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            listening.listen(WAITING_MOST)
        except OSError:
            listening.close()
            raise
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        wrong = _("cannot listen on {address}: {why}; give another address with --listen")
        raise ShmtuiError(wrong.format(address=address, why=why)) from None
    return listening
