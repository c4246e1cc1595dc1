"""Whether the terminal is still there, and whether it keeps up."""

import contextlib
import queue
import select
import sys
import termios

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL

_BACKLOG_MOST = 12
"""Frames queued for the terminal before drawing is put off. Textual's queue holds 30, and
whoever puts a 31st in waits inside the event loop, deaf to signals."""


def hung_up() -> bool:
    """Whether standard input was a terminal that has hung up since.

    SIGHUP says so to the session's own processes only; for all others a dead
    terminal reads as end of file for ever, which Textual takes for "nothing yet".
    """
    stdin = sys.__stdin__
    if stdin is None or stdin.closed:
        return False
    poll = select.poll()
    try:
        poll.register(stdin.fileno(), 0)
        return any(happened & _GONE for _, happened in poll.poll(0))
    except (OSError, ValueError):
        return False


def behind(driver: object) -> bool:
    """Whether the terminal takes frames more slowly than they are drawn.

    Looks at a queue that Textual keeps to itself; where it is not found the
    terminal counts as keeping up.
    """
    frames = _queue(driver)
    return frames is not None and frames.qsize() > _BACKLOG_MOST


def let_go(driver: object) -> None:
    """Make sure that leaving does not wait for a terminal that takes nothing any more.

    Textual says goodbye through the same queue and joins the thread behind it.
    Where the terminal is gone that thread is dead, so the queue is given room for all;
    where it stalls, the frames that nobody will see are thrown away, in the queue and
    in the kernel.
    """
    frames = _queue(driver)
    if frames is None:
        return
    gone = hung_up()
    if not gone and not behind(driver):
        return
    frames.maxsize = 0
    with contextlib.suppress(queue.Empty):
        while True:
            frames.get_nowait()
    if not gone and sys.__stderr__ is not None:
        with contextlib.suppress(termios.error, OSError, ValueError):
            termios.tcflush(sys.__stderr__.fileno(), termios.TCOFLUSH)


def _queue(driver: object) -> "queue.Queue[str | None] | None":
    found = getattr(getattr(driver, "_writer_thread", None), "_queue", None)
    return found if isinstance(found, queue.Queue) else None
