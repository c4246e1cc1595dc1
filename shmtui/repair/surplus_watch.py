"""Watches ``mutex`` after a repair that rests on the user's word, and takes a surplus permit back.

If a process that was assumed to be idle, or to wait for a permit without the lock, held ``mutex``
after all, it posts it once more. A lock with two permits lets two processes in, so one of them is
taken back by compare-and-swap as soon as both are seen. A hardware breakpoint tells, where one can be had, what each such process did first;
no permit is taken back for that alone: one that posts for another held nothing.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Final, Self

from shmtui.i18n import _
from shmtui.repair.first_operation import FirstOperation, Operation
from shmtui.repair.written_words import SegmentFiles
from shmtui.shm.layout import SEM_SIZE
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.semaphore import SemaphoreWords, decode, word_changes
from shmtui.shm.word_file import WordFile

PAUSE_SECONDS: Final = 0.002
"""Between two reads of the word."""
WATCHED_SECONDS: Final = 10.0
"""How long it is watched."""


class SurplusWatch:
    """Watches from the start of the block to its end, in a thread.

    OSError, ShmtuiError: the file of ``mutex`` may not be written, or is gone.
    """

    def __init__(self, place: SegmentFiles, pids: Iterable[int], names: Mapping[str, str]) -> None:
        """``pids``: the processes that are assumed not to hold it. ``names``: as `Snapshot.own_names`."""
        self._names = names
        path, identity, self._offset = place.of(SemaphoreRole.MUTEX)
        self._libc = place.layout.libc
        self._refused = ""
        self._first: list[FirstOperation] = []
        self._file = WordFile(path, identity)
        try:
            for pid in sorted(pids):
                self._first.append(FirstOperation(pid, identity, self._offset))
        except OSError as error:
            self._refused = error.strerror or str(error)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._since = time.monotonic()
        self.taken_after: list[float] = []
        """When a permit was taken back, seconds after the start; one entry each."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()
        self.close()

    def close(self) -> None:
        """Give everything back; for a watch that never started too."""
        for first in self._first:
            first.close()
        self._file.__exit__()

    def watch_to_the_end(self) -> None:
        """Wait until it has been watched for `WATCHED_SECONDS`."""
        self._over.wait(max(self._since + WATCHED_SECONDS - time.monotonic(), 0))

    @property
    def lines(self) -> tuple[str, ...]:
        """How it was watched and what was seen, a sentence each."""
        if self.taken_after:
            text = _(
                "{seconds:.1f} s later {mutex} had a permit too many: its holder was alive. It was "
                "taken back"
            )
            seen = [text.format(**self._names, seconds=after) for after in self.taken_after]
        else:
            seen = [_("nobody posted {mutex} once too often").format(**self._names)]
        return (self._means, *seen, *self._answers)

    @property
    def _means(self) -> str:
        if not self._refused:
            text = _("{mutex} was watched by a hardware breakpoint for {seconds:g} s")
            return text.format(**self._names, seconds=WATCHED_SECONDS)
        text = _(
            "{mutex} was read every {pause:g} ms for {seconds:g} s: no hardware breakpoint could be set ({why})"
        )
        return text.format(
            **self._names, pause=PAUSE_SECONDS * 1000, seconds=WATCHED_SECONDS, why=self._refused
        )

    @property
    def _answers(self) -> list[str]:
        """What the first thing was that each process did with mutex, where that is known."""
        texts = {
            Operation.POST: _(
                "PID {pid} posted {mutex} before it waited for it: it seems to have held it"
            ),
            Operation.WAIT: _(
                "PID {pid} waited for {mutex} before it posted it, as one that held nothing"
            ),
        }
        answers = ((first.pid, first.look()) for first in self._first)
        return [
            texts[what].format(**self._names, pid=pid) for pid, what in answers if what in texts
        ]

    def _watch(self) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            self._look()

    def _look(self) -> None:
        """Take one permit back where there is one too many."""
        for first in self._first:
            first.look()
        raw = self._file.read(self._offset, SEM_SIZE)
        words = decode(raw, self._libc)
        if words.value <= 1:
            return
        fewer = SemaphoreWords(words.value - 1, words.waiters, words.shared)
        (change,) = word_changes(raw, fewer, self._libc, self._offset)
        if self._file.swap(change):
            self.taken_after.append(time.monotonic() - self._since)
