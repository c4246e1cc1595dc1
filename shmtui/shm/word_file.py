"""Words of a file under /dev/shm, written one by one by compare-and-swap."""

import contextlib
import ctypes
import mmap
import os
import sys
from collections.abc import Iterator
from typing import Final, Self

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.compare_and_swap import swap
from shmtui.shm.futex_number import FUTEX_NUMBERS
from shmtui.shm.segment import FileIdentity
from shmtui.shm.word_change import WordChange

_TYPES: Final = {4: ctypes.c_uint32, 8: ctypes.c_uint64}
_FUTEX_WAKE: Final = 1


class WordFile:
    """A file that was looked at, opened to change words of it.

    OSError: it may not be opened for writing, or is gone. ShmtuiError: another file has the name.
    """

    def __init__(self, path: str, identity: FileIdentity) -> None:
        self.path = path
        # O_PATH opens nothing that could act on being opened, and a link in /proc leads to that
        # very file: one that takes the name between two steps is never written.
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if FileIdentity.of(os.fstat(handle)) != identity:
                raise ShmtuiError(
                    _("{path} is another file by now, so nothing is written: look again").format(
                        path=path
                    )
                )
            self._fd = os.open(f"/proc/self/fd/{handle}", os.O_RDWR | os.O_CLOEXEC)
        finally:
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._fd)

    def read(self, offset: int, size: int) -> bytes:
        """So many bytes. ShmtuiError: the file ends before."""
        raw = os.pread(self._fd, size, offset)
        if len(raw) < size:
            raise ShmtuiError(
                _("{path} ends before its semaphore does: was it truncated?").format(path=self.path)
            )
        return raw

    def holds(self, change: WordChange) -> bool:
        """Whether the word is what ``change`` makes of it."""
        return int.from_bytes(self.read(change.offset, change.size), sys.byteorder) == change.after

    def swap(self, change: WordChange) -> bool:
        """Set a word if it is what it has to be before; returns whether it was.

        It is one step where this machine offers that (`compare_and_swap`). Where not, it is read
        and then written, so everybody who uses the word has to be stopped meanwhile.
        """
        with self._mapped(change.offset, change.size) as address:
            done = swap(address, change.size, change.before, change.after)
            if done is None:
                word = _TYPES[change.size].from_address(address)
                done = word.value == change.before
                if done:
                    word.value = change.after
        return done

    def wake(self, offset: int) -> None:
        """Wake one thread that sleeps on a word of 4 bytes, of any process (FUTEX_WAKE, futex(2))."""
        number = FUTEX_NUMBERS.get(os.uname().machine)
        if number is not None:
            with self._mapped(offset, 4) as address:
                ctypes.CDLL(None).syscall(number, ctypes.c_void_p(address), _FUTEX_WAKE, 1, 0, 0, 0)

    @contextlib.contextmanager
    def _mapped(self, offset: int, size: int) -> Iterator[int]:
        """The address of a word, as long as the block lasts. ShmtuiError: the file ends before."""
        self.read(offset, size)  # Past the end, a mapping would be SIGBUS.
        start = offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        with mmap.mmap(self._fd, offset + size - start, offset=start) as memory:
            word = _TYPES[size].from_buffer(memory, offset - start)
            try:
                yield ctypes.addressof(word)
            finally:
                del word  # The mapping cannot be closed while it is used.
