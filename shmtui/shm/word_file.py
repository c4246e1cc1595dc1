"""Words of a file under /dev/shm, written one by one by compare-and-swap.

Python has no such operation of its own. On x86-64 it is one instruction, which is put into a page
of its own and called through :mod:`ctypes`; on other machines libatomic's function is called, where
that library is installed (it comes with a compiler). Each is used only after a trial on memory of
this process.
"""

import contextlib
import ctypes
import mmap
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final, Self

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.libc import FUTEX_NUMBERS
from shmtui.shm.segment import FileIdentity
from shmtui.shm.word_change import WordChange

_TYPES: Final = {4: ctypes.c_uint32, 8: ctypes.c_uint64}
Swap = Callable[[int, int, int], bool]
"""``swap(address, before, after)``: whether the word was ``before``, and is ``after`` now."""

_X86_64: Final = {
    # mov eax, esi; lock cmpxchg [rdi], edx; sete al; movzx eax, al; ret
    4: bytes.fromhex("89f0 f00fb117 0f94c0 0fb6c0 c3"),
    # The same with 64-bit registers.
    8: bytes.fromhex("4889f0 f0480fb117 0f94c0 0fb6c0 c3"),
}
"""Intel SDM, CMPXCHG: compares with eax or rax, and locks the bus for other processors."""
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
                text = _("{path} is another file by now, so nothing is written: look again")
                raise ShmtuiError(text.format(path=path))
            self._fd = os.open(f"/proc/self/fd/{handle}", os.O_RDWR | os.O_CLOEXEC)
        finally:
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._fd)

    def read(self, offset: int, size: int) -> bytes:
        """Read ``size`` bytes. ShmtuiError: the file ends before."""
        raw = os.pread(self._fd, size, offset)
        if len(raw) < size:
            text = _("{path} ends before its semaphore does: was it truncated?")
            raise ShmtuiError(text.format(path=self.path))
        return raw

    def holds(self, change: WordChange) -> bool:
        """Whether the word is what ``change`` makes of it."""
        return int.from_bytes(self.read(change.offset, change.size), sys.byteorder) == change.after

    def swap(self, change: WordChange) -> bool:
        """Set a word if it is what it has to be before; returns whether it was.

        It is one step where this machine offers that (`operations`). Where not, it is read
        and then written, so everybody who uses the word has to be stopped meanwhile.
        """
        with self._mapped(change.offset, change.size) as address:
            operation = operations().get(change.size)
            if operation is not None:
                return operation(address, change.before, change.after)
            word = _TYPES[change.size].from_address(address)
            done: bool = word.value == change.before
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


@cache
def operations() -> dict[int, Swap]:
    """The operation for each word size that this machine offers one for."""
    found = {}
    for size in _TYPES:
        for make in (_machine_code, _libatomic):
            made = make(size)
            if made is not None and _works(made, size):
                found[size] = made
                break
    return found


def _machine_code(size: int) -> Swap | None:
    """The instruction in an executable page; None on another machine, or where such a page is
    refused (SELinux, ``execmem``).
    """
    if os.uname().machine != "x86_64":
        return None
    try:
        page = mmap.mmap(
            -1, mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
            mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC,
        )  # fmt: skip
    except OSError:
        return None
    page.write(_X86_64[size])
    memory = ctypes.c_char.from_buffer(page)
    word = _TYPES[size]
    function = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, word, word)(
        ctypes.addressof(memory)
    )

    def swap_word(address: int, before: int, after: int, _keep: object = memory) -> bool:
        return bool(function(address, before, after))

    return swap_word


def _libatomic(size: int) -> Swap | None:
    """``__atomic_compare_exchange_N`` (gcc's manual, "__atomic builtins")."""
    word, sequentially_consistent = _TYPES[size], 5
    try:
        function = ctypes.PyDLL("libatomic.so.1")[f"__atomic_compare_exchange_{size}"]
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_bool
    function.argtypes = (ctypes.c_void_p, ctypes.c_void_p, word, ctypes.c_int, ctypes.c_int)

    def swap_word(address: int, before: int, after: int) -> bool:
        expected = word(before)
        order = sequentially_consistent
        return bool(function(address, ctypes.byref(expected), after, order, order))

    return swap_word


def _works(operation: Swap, size: int) -> bool:
    """Whether it does what it is used for, with every byte of the words involved."""
    first, second = (int.from_bytes(bytes(range(at, at + size)), "little") for at in (1, 0xF0))
    memory = (_TYPES[size] * 3)(second, first, second)
    address = ctypes.addressof(memory) + size
    done = operation(address, first, second), operation(address, first, first)
    return done == (True, False) and list(memory) == [second] * 3
