"""Types of debug information: what a member's type is, its size, its dimensions, its text in C."""

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.layouts.declaring_files import declared_in, declares_sync_types
from shmtui.layouts.dwarf_entries import Entry
from shmtui.layouts.dwarf_forms import DamagedError, uleb
from shmtui.layouts.dwarf_names import (
    AGGREGATES,
    MAX_STEPS,
    TYPEDEFS,
    WRAPPERS,
    Names,
    follow,
    is_c,
)
from shmtui.layouts.struct_members import SYNC_TYPES
from shmtui.shm.sync_object import RUST_MUTEX, SYNC_SIZES

MAX_SIZE: Final = 1 << 56
_QUALIFIERS: Final = frozenset(
    {"const_type", "volatile_type", "restrict_type", "atomic_type", "packed_type",
     "immutable_type", "shared_type"}
)  # fmt: skip
_RUST_MUTEX: Final = re.compile(r"std::sys::.*(mutex::futex|futex_mutex)::Mutex")
"""The word in std::sync::Mutex that its threads sleep on, by Rust 1.62 to 1.95 (library/std/src/sys)."""
_PLAIN_NAMES: Final = {
    "short int": "short",
    "short unsigned int": "unsigned short",
    "long int": "long",
    "long unsigned int": "unsigned long",
    "long long int": "long long",
    "long long unsigned int": "unsigned long long",
    "__int128 unsigned": "unsigned __int128",
}
"""Names of base types as gcc writes them in DWARF, and as C programmers do."""


class Type(msgspec.Struct, frozen=True):
    """A type without its typedefs and qualifiers; ``entry`` None: ``void``."""

    entry: Entry | None
    aliases: tuple[Entry, ...] = ()
    """Its typedefs, outermost first."""
    wrapper: str = ""
    """The class of a library that it stands for: ``std::mutex`` for a ``pthread_mutex_t``."""


class Types(msgspec.Struct, eq=False):
    """Types of one or more files."""

    names: Names = msgspec.field(default_factory=Names)
    users_own: Callable[[str], bool] | None = None
    """Whether a file is one of the user's own; None: that is not known."""

    def type_of(self, entry: Entry) -> Type:
        """The type of a member, element or base class."""
        aliases: list[Entry] = []
        target = follow(entry, "type")
        for _step in range(MAX_STEPS):
            if target is None or target.tag not in _QUALIFIERS | TYPEDEFS:
                return self._unwrapped(Type(target, tuple(aliases)))
            if target.tag in TYPEDEFS:
                aliases.append(target)
            target = follow(target, "type")
        raise DamagedError

    def _unwrapped(self, found: Type) -> Type:
        """What a class of a library wraps: a semaphore, an atomic integer, an array."""
        entry = found.entry
        if entry is None or entry.tag not in {"structure_type", "class_type"} or self.sync(found):
            return found
        if not self.names.name_of(entry).startswith(WRAPPERS):
            return found
        sized = [(part, self.type_of(part)) for part in self.laid(entry)]
        sized = [(part, of) for part, of in sized if part.tag == "member" or not self._empty(of)]
        if len(sized) != 1:
            return found
        ((part, inner),) = sized
        whole = offset_of(part) == 0 and self.size(inner) == entry.number("byte_size")
        if not whole or "bit_size" in part.attributes:
            return found
        return replace(inner, wrapper=self.names.name_of(entry))

    def _empty(self, of: Type) -> bool:
        entry = of.entry
        return entry is not None and entry.tag in AGGREGATES and not any(self.laid(entry))

    def laid(self, entry: Entry) -> Iterator[Entry]:
        """Members and base classes that take room in a struct; static members take none."""
        for child in entry.below():
            attributes = child.attributes
            if child.tag == "member":
                # What the compiler adds, such as the pointer to virtual functions, is no member.
                if not attributes.keys() & {"external", "declaration", "artificial"}:
                    yield child
            elif child.tag == "inheritance" and offset_of(child) is not None:
                yield child

    def size(self, of: Type) -> int:
        """``sizeof``; 0 for what has none. DamagedError: it is larger than any memory."""
        entry = of.entry
        if entry is None:
            return 0
        size = entry.number("byte_size")
        if entry.tag == "array_type" and size is None:
            size = self.size(self.type_of(entry))
            for length in self.lengths(entry):
                size *= length or 0
        elif size is None and entry.tag == "ptr_to_member_type":
            target = self.type_of(entry).entry
            wide = target is not None and target.tag == "subroutine_type"
            size = entry.unit.address_size * (2 if wide else 1)
        elif size is None and entry.tag in {
            "pointer_type", "reference_type", "rvalue_reference_type", "unspecified_type",
        }:  # fmt: skip
            size = entry.unit.address_size
        size = size or 0
        if not 0 <= size < MAX_SIZE:
            raise DamagedError
        return size

    def lengths(self, entry: Entry) -> list[int | None]:
        """An array's dimensions, outermost first; None: it is left open."""
        found: list[int | None] = []
        for child in entry.below():
            if child.tag not in {"subrange_type", "enumeration_type", "generic_subrange"}:
                continue
            count, upper = child.number("count"), child.number("upper_bound")
            if count is None and upper is not None:
                open_ = upper in {2**32 - 1, 2**64 - 1} or upper < 0
                count = 0 if open_ else upper - (child.number("lower_bound") or 0) + 1
            if count is not None and not 0 <= count < MAX_SIZE:
                raise DamagedError
            found.append(count)
        return found or [None]

    def sync(self, of: Type) -> str:
        """Which of the POSIX sync types it is; empty: none."""
        for alias in of.aliases:
            if alias.name in SYNC_TYPES and self._by_the_system(alias):
                return alias.name
        entry = of.entry
        if entry is None or entry.tag not in AGGREGATES:
            return ""
        if entry.name == "Mutex" and _RUST_MUTEX.fullmatch(self.names.name_of(entry)):
            return RUST_MUTEX if entry.number("byte_size") == SYNC_SIZES[RUST_MUTEX] else ""
        if entry.name not in SYNC_TYPES:
            return ""
        # Rust's libc declares it as a struct of its own.
        return entry.name if self.names.name_of(entry).startswith("libc::") else ""

    def opaque(self, of: Type) -> bool:
        """Whether the members are the C library's own concern."""
        return bool(self.sync(of)) or any(
            alias.name.startswith("pthread_") and self._by_the_system(alias) for alias in of.aliases
        )

    def _by_the_system(self, alias: Entry) -> bool:
        file, _line = declared_in(alias)
        if self.users_own is not None:
            return not self.users_own(file)
        return declares_sync_types(file)

    def text(self, of: Type) -> str:
        """The type as C writes it: ``int[5]``, ``sem_t``, ``Item *``; the typedef's name of a
        struct that has one.
        """
        entry = of.entry
        if entry is None:
            return "void"
        if sync := self.sync(of):
            return sync
        if entry.tag == "array_type":
            text, suffix = self.text(self.type_of(entry)), dimensions(self.lengths(entry))
            head, bracket, tail = text.partition("[")
            return f"{head}{suffix}{bracket}{tail}"
        if entry.tag == "base_type":
            return _PLAIN_NAMES.get(entry.name, entry.name)
        if entry.tag in {*AGGREGATES, "enumeration_type"}:
            return self._tagged(entry)
        if entry.tag == "subroutine_type":
            return "function"
        mark = {"reference_type": "&", "rvalue_reference_type": "&&"}.get(entry.tag, "*")
        return f"{self.text(self.type_of(entry))} {mark}"

    def _tagged(self, entry: Entry) -> str:
        name, typedefs = self.names.name_of(entry), self.names.typedefs_of(entry)
        if name and not is_c(entry):
            return name
        if typedefs:
            return next((each for each in typedefs if not each.startswith("_")), typedefs[0])
        word = {"union_type": "union", "enumeration_type": "enum"}.get(entry.tag, "struct")
        return f"{word} {name}".strip()


def offset_of(part: Entry) -> int | None:
    """Bytes from the start of the struct; None: known when the program runs only (a virtual base)."""
    found = part.attributes.get("data_member_location", 0)
    if isinstance(found, int):
        return found
    if isinstance(found, bytes) and found[:1] == b"\x23":  # DW_OP_plus_uconst
        return uleb(found, 1)[0]
    return None if part.tag == "inheritance" else 0


def dimensions(lengths: list[int | None]) -> str:
    """An array's dimensions as C writes them: ``[3][]``."""
    return "".join(f"[{'' if length is None else length}]" for length in lengths)
