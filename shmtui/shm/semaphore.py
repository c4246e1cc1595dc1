"""Semaphores, embedded in a segment or named: waiting, posting, and the bytes of ``sem_t``.

``sem_t`` on 64-bit systems (glibc ``nptl/internaltypes.h``, musl ``sem_init.c``):

======  =====================================  ===============================
libc    +0, 8 bytes                            +8, 4 bytes
======  =====================================  ===============================
glibc   low word value, high word waiters      0x80 shared, 0 process-private
musl    +0 value (bit 31: waited for),         0 shared, 128 process-private
        +4 waiters
======  =====================================  ===============================

A semaphore has no owner: no word of it says which process took its permits.
"""

import ctypes
import errno
import os
import struct
import sys
from typing import Final

import msgspec
import posix_ipc

from shmtui.errors import MissingSegmentError, NameInUseError, ShmtuiError
from shmtui.i18n import _
from shmtui.shm import fast_semaphore
from shmtui.shm import libc as c
from shmtui.shm.layout import SEM_SIZE
from shmtui.shm.libc import SEM_VALUE_MAX, Libc
from shmtui.shm.segment import require_text, unlink
from shmtui.shm.word_change import WordChange

_GLIBC_SHARED: Final = 0x80
_MUSL_PRIVATE: Final = 0x80


class SemaphoreWords(msgspec.Struct, frozen=True):
    """The words of a ``sem_t``."""

    value: int
    waiters: int
    """Below 0 where sem_init ran while threads waited, and these have gone on since."""
    shared: bool
    """Between processes. False: no other process can wake its waiters."""


def decode(raw: bytes, libc: Libc) -> SemaphoreWords:
    """Read a ``sem_t`` from its first 12 bytes.

    >>> decode(struct.pack("=QI", 3 | 2 << 32, 0x80), Libc.GLIBC)
    SemaphoreWords(value=3, waiters=2, shared=True)
    """
    if libc is Libc.GLIBC:
        both, private = struct.unpack_from("=QI", raw)
        return SemaphoreWords(both & 0xFFFF_FFFF, _signed(both >> 32), private == _GLIBC_SHARED)
    value, waiters, private = struct.unpack_from("=III", raw)
    # An older musl stores -1 while somebody waits; a newer one sets bit 31 above the value.
    value = 0 if value == 0xFFFF_FFFF else value & SEM_VALUE_MAX
    return SemaphoreWords(value, _signed(waiters), private != _MUSL_PRIVATE)


def may_be_semaphore(raw: bytes) -> bool:
    """Whether a C library can have written these first 12 bytes of a ``sem_t``, or nobody has.

    >>> may_be_semaphore(bytes(12)), may_be_semaphore(struct.pack("=QI", 1, 2))
    (True, False)
    """
    return int.from_bytes(raw[8:12], sys.byteorder) in {0, _GLIBC_SHARED, _MUSL_PRIVATE}


def _signed(word: int) -> int:
    return word - 2**32 if word >> 31 else word


def encode(words: SemaphoreWords, libc: Libc) -> bytes:
    """The first 12 bytes of a ``sem_t`` with these words.

    musl marks a value that is waited for. The mark is left out here: every waiter reads the value
    when it is continued, and marks it again.

    >>> decode(encode(SemaphoreWords(3, 2, True), Libc.MUSL), Libc.MUSL)
    SemaphoreWords(value=3, waiters=2, shared=True)
    """
    if libc is Libc.GLIBC:
        private = _GLIBC_SHARED if words.shared else 0
        return struct.pack("=QI", words.value | (words.waiters & 0xFFFF_FFFF) << 32, private)
    private = 0 if words.shared else _MUSL_PRIVATE
    return struct.pack("=III", words.value, words.waiters & 0xFFFF_FFFF, private)


def word_changes(
    raw: bytes, after: SemaphoreWords, libc: Libc, offset: int
) -> tuple[WordChange, ...]:
    """What to write where the ``sem_t`` at byte ``offset`` is ``raw`` and has to be ``after``.

    The word that says who may be woken comes first: a permit that another process can see has
    waiters that can be woken. glibc's value and waiters are one word, which it changes as one.

    >>> held = struct.pack("=QI", 0 | 2 << 32, 0x80)
    >>> word_changes(held, SemaphoreWords(1, 2, True), Libc.GLIBC, 32)
    (WordChange(offset=32, size=8, before=8589934592, after=8589934593),)
    """
    now = raw[:12]
    if decode(now, libc) == after:
        return ()
    pieces = [(8, 4), (0, 8)] if libc is Libc.GLIBC else [(8, 4), (4, 4), (0, 4)]
    want = encode(after, libc)

    def number(of: bytes, at: int, size: int) -> int:
        return int.from_bytes(of[at : at + size], sys.byteorder)

    return tuple(
        WordChange(offset + at, size, number(now, at, size), number(want, at, size))
        for at, size in pieces
        if now[at : at + size] != want[at : at + size]
    )


def at_maximum() -> OverflowError:
    """The error of a post to a semaphore that has the largest value."""
    return OverflowError(_("a semaphore is at its maximum of {most}").format(most=SEM_VALUE_MAX))


class Semaphore:
    """A ``sem_t`` at an address that is valid for as long as this object lives."""

    __slots__ = ("_address", "_libc", "_pointer", "acquire", "release")

    def __init__(self, address: int, libc: Libc) -> None:
        self._address, self._libc = address, libc
        self._pointer = ctypes.c_void_p(address)
        self.acquire, self.release = fast_semaphore.calls(address)
        """``acquire(False)`` takes a permit if there is one, ``release()`` posts one (ValueError at
        SEM_VALUE_MAX): for the worker's inner loop. Others use the methods."""

    def try_wait(self) -> bool:
        """Take a permit if there is one; never sleeps."""
        return self.acquire(False)

    def wait(self) -> bool:
        """Take a permit, or return False on a signal."""
        return c.sem_wait(self._pointer)

    def wait_until(self, deadline_ns: int) -> bool:
        """Take a permit, or return False at the deadline (CLOCK_MONOTONIC) or on a signal."""
        return c.sem_wait_until(self._pointer, deadline_ns)

    def post(self) -> None:
        """Post a permit. OverflowError: the value is SEM_VALUE_MAX."""
        try:
            self.release()
        except ValueError:
            raise at_maximum() from None

    def make_private(self) -> None:
        """Mark it as ``sem_init`` with pshared 0 does: no other process can wake later waiters.

        Value and waiters stay. A named semaphore cannot be marked, and nothing happens.
        """

    def words(self) -> SemaphoreWords:
        """Its value, waiters and sharing now."""
        return decode(ctypes.string_at(self._address, SEM_SIZE), self._libc)


class EmbeddedSemaphore(Semaphore):
    """A ``sem_t`` inside a mapped segment, which it keeps mapped."""

    __slots__ = ("_memory",)

    def __init__(self, mapping: memoryview, offset: int, libc: Libc) -> None:
        self._memory = (ctypes.c_char * SEM_SIZE).from_buffer(mapping, offset)
        super().__init__(ctypes.addressof(self._memory), libc)

    def init(self, value: int) -> None:
        """Initialise it, shared between processes. A process that waits on it now is never woken."""
        c.sem_init(self._pointer, value, shared=True)

    def make_private(self) -> None:
        """Set the word that says so."""
        word = 0 if self._libc is Libc.GLIBC else _MUSL_PRIVATE
        ctypes.c_uint32.from_buffer(self._memory, 8).value = word


class NamedSemaphore(Semaphore):
    """A named semaphore, a file under /dev/shm. MissingSegmentError: there is none of that name.

    ShmtuiError: this user may not open it.
    """

    __slots__ = ()

    def __init__(self, name: str) -> None:
        try:
            super().__init__(c.sem_open(name), c.running_libc())
        except FileNotFoundError:
            text = _("no semaphore named {name}: was it unlinked?")
            raise MissingSegmentError(text.format(name=name)) from None
        except OSError as error:
            text = _("cannot open the semaphore {name}: {strerror}")
            raise ShmtuiError(text.format(name=name, strerror=error.strerror)) from None


def create_named(name: str, value: int, mode: int) -> None:
    """Make a named semaphore with exactly this mode, whatever the umask.

    NameInUseError: the name is taken. ShmtuiError: it cannot be made.
    """
    require_text(name)
    old_umask = os.umask(0)
    try:
        posix_ipc.Semaphore(name, posix_ipc.O_CREX, mode=mode, initial_value=value).close()
    except posix_ipc.ExistentialError:
        raise NameInUseError(
            _(
                "a semaphore named {name} exists already: choose another NAME, or remove {file} if "
                "nothing uses it"
            ).format(name=name, file=named_semaphore_path(name))
        ) from None
    except (posix_ipc.Error, OSError) as error:
        text = _("cannot create the semaphore {name}: {error}; is /dev/shm writable?")
        if getattr(error, "errno", None) == errno.ENOSPC:
            text = _("/dev/shm has no room for the semaphore {name}: free some with shmtui rm")
        raise ShmtuiError(text.format(name=name, error=error)) from None
    finally:
        os.umask(old_umask)


def named_semaphore_path(name: str, folder: str = "/dev/shm") -> str:
    """The file that glibc and musl keep a named semaphore in.

    >>> named_semaphore_path("/jobs")
    '/dev/shm/sem.jobs'
    """
    return f"{folder}/sem.{name.removeprefix('/')}"


def unlink_named(name: str) -> bool:
    """Remove a named semaphore's name; False if there was none. ShmtuiError: not this user's."""
    text = _("cannot remove the semaphore {name}: {error}")
    return unlink(named_semaphore_path(name), name, text)
