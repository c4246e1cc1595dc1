"""Records of a struct as a compiler laid it out: its name, size, members, their offsets and types.

They come from debug information (:mod:`shmtui.layouts.debug_info`), be it a program's own or
that of a header which :mod:`shmtui.layouts.compiler` compiled.
"""

from dataclasses import dataclass
from typing import Final

from shmtui.shm.item_shape import Shape

SYNC_TYPES: Final = frozenset(
    ("sem_t", "pthread_mutex_t", "pthread_cond_t", "pthread_rwlock_t", "pthread_barrier_t",
     "pthread_spinlock_t")
)  # fmt: skip
"""POSIX types that processes wait on. A C++ or Rust wrapper of one counts as the one it wraps."""


@dataclass(frozen=True, slots=True)
class Element:
    """The element of an array member."""

    type_name: str
    shape: Shape
    system: str = ""
    """One of `SYNC_TYPES`, or empty."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a struct. Members of an anonymous struct or union, and those of a base class,
    count as members of the struct around them.
    """

    name: str
    offset: int
    """Bytes from the start of the outermost struct."""
    shape: Shape
    type_name: str
    """As C writes it: ``int[5]``, ``sem_t``."""
    integer: bool = False
    """Whether it is an integer of its own: no bit-field, no truth value, no enum."""
    system: str = ""
    """One of `SYNC_TYPES`, or empty. A type that the user's own file declares is none of them."""
    length: int | None = None
    """Elements, for an array; 0 for one whose length is left open."""
    element: Element | None = None
    """For an array."""
    members: tuple["Member", ...] = ()
    """For a struct or union."""


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct or class with a name, laid out."""

    names: tuple[str, ...]
    """C: its tag, then its typedefs. C++ and Rust: its short names, then the qualified one."""
    members: tuple[Member, ...]
    size: int
    """``sizeof``, in bytes."""
    place: str
    """``file:line`` of its declaration."""
    c_name: str = ""
    """What a program calls it: ``struct buffer``, or ``Buffer`` where it has no tag."""
    word_size: int = 8
    """Bytes of a pointer: 4 in a 32-bit program."""
