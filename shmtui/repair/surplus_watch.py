"""Watches ``mutex`` after a repair that rests on the user's word, and takes a surplus permit back.

If a process that was assumed to be idle held ``mutex`` after all, it posts it once more. A lock
with two permits lets two processes in, so one of them is taken back as soon as both are seen: only
while the value is above 1, and by compare-and-swap.
"""

import threading
import time
from typing import Final, Self

from shmtui.i18n import _
from shmtui.repair.written_words import Place
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

    def __init__(self, place: Place) -> None:
        path, identity, self._offset = place.of(SemaphoreRole.MUTEX)
        self._libc = place.layout.libc
        self._file = WordFile(path, identity)
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
        self._file.__exit__()

    def watch_to_the_end(self) -> None:
        """Wait until it has been watched for `WATCHED_SECONDS`."""
        self._over.wait(max(self._since + WATCHED_SECONDS - time.monotonic(), 0))

    @property
    def lines(self) -> tuple[str, ...]:
        """What was seen, a sentence each."""
        if not self.taken_after:
            text = _("mutex was watched for {seconds:g} s: nobody posted it once too often")
            return (text.format(seconds=WATCHED_SECONDS),)
        text = _(
            "{seconds:.1f} s later mutex had a permit too many: its holder was alive. It was taken "
            "back"
        )
        return tuple(text.format(seconds=after) for after in self.taken_after)

    def _watch(self) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            self._look()

    def _look(self) -> None:
        """Take one permit back where there is more than one."""
        raw = self._file.read(self._offset, SEM_SIZE)
        words = decode(raw, self._libc)
        if words.value <= 1:
            return
        fewer = SemaphoreWords(words.value - 1, words.waiters, words.shared)
        (change,) = word_changes(raw, fewer, self._libc, self._offset)
        if self._file.swap(change):
            self.taken_after.append(time.monotonic() - self._since)
