"""Records from a dashboard: a thread writes, so that no slow disk holds up the screen."""

import queue
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.events import Event
from shmtui.i18n import _, ngettext
from shmtui.recording.schema import RecordingError
from shmtui.recording.writer import RecordingWriter
from shmtui.snapshot import Snapshot

RECORDED_SLOTS: Final = 64
"""How many slots of a ring a recording holds at the least, the first ones."""
_WAITING: Final = 300
"""Snapshots that may wait for the disk: half a minute's at 10 Hz."""
_END_SECONDS: Final = 5.0
"""How long the end waits for a disk."""


class Recorder:
    """Writes snapshots in a thread of its own. ShmtuiError: it cannot be started."""

    def __init__(self, writer: RecordingWriter) -> None:
        self._writer = writer
        self._due: queue.Queue[tuple[Snapshot, Sequence[Event]] | None]
        self._due = queue.Queue(_WAITING)
        self.wrong = ""
        """Why it records no longer; empty while it does."""
        self.missed = 0
        """Snapshots that are not in the file, since the disk did not keep up."""
        self._thread = threading.Thread(target=self._write, daemon=True, name="recorder")
        try:
            self._thread.start()
        except RuntimeError:
            writer.close()
            wrong = _("no thread may be started to record: raise the limit (ulimit -u)")
            raise ShmtuiError(wrong) from None

    @property
    def path(self) -> Path:
        return self._writer.path

    def add(self, snapshot: Snapshot, events: Sequence[Event]) -> None:
        """Have a snapshot written, with the events since the one before; returns at once."""
        try:
            self._due.put_nowait((snapshot, events))
        except queue.Full:
            self.missed += 1

    def close(self) -> None:
        """Write what waits, and end the file."""
        try:
            self._due.put(None, timeout=_END_SECONDS)
        except queue.Full:
            self.wrong = _("the disk takes nothing")
        self._thread.join(_END_SECONDS)

    def __str__(self) -> str:
        """What the file holds, in words."""
        return held(self._writer, self.missed)

    def _write(self) -> None:
        while (found := self._due.get()) is not None:
            if self.wrong:
                continue
            try:
                self._writer.add(*found)
            except RecordingError as error:
                self.wrong = str(error)
        self._writer.close()


def new_path(name: str, now: float, ending: str = ".rec") -> Path:
    """A file in the current folder for a recording of a segment, begun at that time.

    >>> str(new_path("/my jobs", 0.0))[:-19], len(str(new_path("/x", 0.0)))
    ('shmtui-my-jobs-', 28)
    """
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-.")[:60]
    return Path(f"shmtui-{plain}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}{ending}")


def held(writer: RecordingWriter, missed: int = 0) -> str:
    """How many snapshots a recording holds, and where it is."""
    text = ngettext("{count} snapshot in {path}", "{count} snapshots in {path}", writer.frames)
    text = text.format(count=writer.frames, path=writer.path)
    if missed:
        more = _("; {count} are missing, since the disk did not keep up")
        text += more.format(count=missed)
    return text
