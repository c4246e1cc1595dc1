"""The terminal: whether it is there and keeps up."""

import contextlib
import os
import queue
import select
import signal
import stat
import sys
import termios
from pathlib import Path
from typing import Final

from shmtui.procfs.process import read_stat

HUNG_UP: Final = 128 + signal.SIGHUP
"""The exit code after the terminal has gone."""
_GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL
_BACKLOG_MOST: Final = 12
"""Frames that may wait for the terminal. With more of them nothing new is drawn."""

Frames = queue.Queue[str | None]
"""What Textual has drawn and the terminal has not taken."""


def hung_up() -> bool:
    """Whether standard input was a terminal that has hung up since.

    The kernel sends SIGHUP to the processes of the terminal's session only. For all others
    a dead terminal reads as end of file for ever, which Textual takes for "no input yet".
    """
    stdin = sys.__stdin__
    if stdin is None or stdin.closed:
        return False
    poll = select.poll()
    try:
        poll.register(stdin.fileno(), 0)
        return any(happened & _GONE for _fd, happened in poll.poll(0))
    except (OSError, ValueError):
        return False


class Multiplexer:
    """The tmux that shows this terminal: whether anybody is attached to it."""

    def __init__(self, socket: str) -> None:
        self._socket = Path(socket)

    def detached(self) -> bool:
        """Whether nobody is attached to any of its sessions. While somebody is, tmux gives its socket the
        right to be executed, for those who list such sockets (server_update_socket in its server.c).
        """
        try:
            return not self._socket.stat().st_mode & stat.S_IXUSR
        except OSError:
            return False


def multiplexer() -> Multiplexer | None:
    """The tmux that shows the terminal of this session; None where that cannot be told.

    A terminal that was started from a tmux has its environment as well, and is seen all the same: the
    server has to be the parent of the process that leads the session.
    """
    socket, _comma, rest = os.environ.get("TMUX", "").partition(",")
    server = rest.partition(",")[0]
    leader = None
    with contextlib.suppress(PermissionError):  # By hidepid, of another user's login.
        leader = read_stat(os.getsid(0)) if server.isdigit() else None
    return Multiplexer(socket) if leader is not None and leader.parent == int(server) else None


def _takes_more() -> bool:
    """Whether the terminal has room for a byte."""
    stderr = sys.__stderr__
    if stderr is None or stderr.closed:
        return True
    poll = select.poll()
    try:
        poll.register(stderr.fileno(), select.POLLOUT)
        return bool(poll.poll(0))
    except (OSError, ValueError):
        return True


def behind(frames: Frames | None) -> bool:
    """Whether the terminal takes frames more slowly than they are drawn.

    False where the queue is not known.
    """
    return frames is not None and frames.qsize() > _BACKLOG_MOST


def drop_frames(frames: Frames | None) -> None:
    """Throw away the frames that a stalled or dead terminal has not taken.

    Otherwise the end waits for that terminal: Textual writes its last bytes through the same
    queue, and joins the thread that empties it.
    """
    if frames is None:
        return
    gone = hung_up()
    if not gone and not behind(frames) and _takes_more():
        return
    with contextlib.suppress(queue.Empty):
        while True:
            frames.get_nowait()
    if not gone and sys.__stderr__ is not None:
        with contextlib.suppress(termios.error, OSError, ValueError):
            termios.tcflush(sys.__stderr__.fileno(), termios.TCOFLUSH)
