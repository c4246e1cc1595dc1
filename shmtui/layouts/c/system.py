"""What a header takes from the system's own headers: types, macros. Pure.

Stated here instead of read from /usr/include, so that a result does not depend on what
this machine has installed, and so that a musl program can be watched from a glibc one.
"""

import platform
from typing import Final

from shmtui.layouts.c.types import (
    Aggregate,
    CType,
    Field,
    Opaque,
    Packing,
    Pointer,
    Primitive,
    lay_out,
)
from shmtui.shm.libc import Libc

ARM: Final = platform.machine() == "aarch64"
"""Its char is unsigned and two of its glibc's types are larger; the rest is as on x86-64."""

_CHAR: Final = Primitive("char", 1, 1, "B" if ARM else "b")
_PRIMITIVES: Final = (
    (_CHAR, "char"),
    (Primitive("signed char", 1, 1, "b"), "char signed"),
    (Primitive("unsigned char", 1, 1, "B"), "char unsigned"),
    (Primitive("short", 2, 2, "h"), "short", "int short", "short signed", "int short signed"),
    (Primitive("unsigned short", 2, 2, "H"), "short unsigned", "int short unsigned"),
    (Primitive("int", 4, 4, "i"), "int", "signed", "int signed"),
    (Primitive("unsigned int", 4, 4, "I"), "unsigned", "int unsigned"),
    (Primitive("long", 8, 8, "q"), "long", "int long", "long signed", "int long signed"),
    (Primitive("unsigned long", 8, 8, "Q"), "long unsigned", "int long unsigned"),
    (Primitive("long long", 8, 8, "q"), "long long", "int long long", "long long signed",
     "int long long signed"),
    (Primitive("unsigned long long", 8, 8, "Q"), "long long unsigned", "int long long unsigned"),
    (Primitive("float", 4, 4, "f"), "float"),
    (Primitive("double", 8, 8, "d"), "double"),
    (Primitive("long double", 16, 16), "double long"),
    (Primitive("__int128", 16, 16), "__int128", "__int128 signed"),
    (Primitive("unsigned __int128", 16, 16), "__int128 unsigned"),
    (Primitive("_Bool", 1, 1, "?"), "_Bool"),
    (Opaque("void", 0, 1), "void"),
)  # fmt: skip
SPECIFIERS: Final[dict[str, CType]] = {
    words: kind for kind, *spellings in _PRIMITIVES for words in spellings
}
"""Primitive types by their specifiers in alphabetical order."""

_ALIASES: Final = {
    "signed char": "int8_t int_least8_t int_fast8_t atomic_schar",
    "char": "atomic_char",
    "unsigned char": "uint8_t uint_least8_t uint_fast8_t u_char u_int8_t __u8 atomic_uchar",
    "short": "int16_t int_least16_t __s16 atomic_short",
    "unsigned short": "uint16_t uint_least16_t u_short ushort u_int16_t __u16 atomic_ushort "
    "sa_family_t in_port_t char16_t",
    "int": "int32_t int_least32_t pid_t clockid_t key_t sig_atomic_t __s32 wchar_t atomic_int "
    "pthread_spinlock_t pthread_once_t",
    "unsigned int": "uint32_t uint_least32_t uid_t gid_t mode_t id_t useconds_t u_int uint "
    "u_int32_t __u32 pthread_key_t atomic_uint wint_t in_addr_t char32_t socklen_t",
    "long": "int64_t int_least64_t int_fast16_t int_fast32_t int_fast64_t intptr_t intmax_t "
    "ptrdiff_t ssize_t off_t off64_t time_t clock_t suseconds_t blksize_t blkcnt_t "
    "atomic_long atomic_intptr_t atomic_ptrdiff_t atomic_intmax_t",
    "long long": "__s64 atomic_llong",
    "unsigned long": "uint64_t uint_least64_t uint_fast16_t uint_fast32_t uint_fast64_t size_t "
    "uintptr_t uintmax_t ulong u_long u_int64_t dev_t ino_t nlink_t rlim_t nfds_t pthread_t "
    "atomic_ulong atomic_size_t atomic_uintptr_t atomic_uintmax_t",
    "unsigned long long": "__u64 atomic_ullong",
    "_Bool": "bool atomic_bool",
}
_OPAQUE: Final = (
    ("pthread_mutex_t", 48 if ARM else 40, 8), ("pthread_mutexattr_t", 8 if ARM else 4, 4),
    ("pthread_cond_t", 48, 8), ("pthread_condattr_t", 8 if ARM else 4, 4),
    ("pthread_rwlock_t", 56, 8), ("pthread_barrier_t", 32, 8),
    ("pthread_barrierattr_t", 8 if ARM else 4, 4), ("pthread_attr_t", 64 if ARM else 56, 8),
    ("sigset_t", 128, 8), ("timer_t", 8, 8), ("max_align_t", 32, 16), ("atomic_flag", 1, 1),
    ("FILE", 0, 1), ("DIR", 0, 1), ("va_list", 32 if ARM else 24, 8),
)  # fmt: skip
_MUSL_SIZES: Final = {
    "pthread_mutexattr_t": 4, "pthread_condattr_t": 4, "pthread_barrierattr_t": 4,
    "pthread_attr_t": 56, "pthread_mutex_t": 40,
}  # fmt: skip


def system_types(libc: Libc) -> dict[str, CType]:
    """The typedefs that a header may use without declaring them."""
    by_name = {kind.name: kind for kind, *_ in _PRIMITIVES}
    found: dict[str, CType] = {
        alias: by_name[name] for name, aliases in _ALIASES.items() for alias in aliases.split()
    }
    musl = libc is Libc.MUSL
    for name, size, align in _OPAQUE:
        found[name] = Opaque(name, _MUSL_SIZES.get(name, size) if musl else size, align)
    # glibc's is a union with a long, musl's an array of int: 32 bytes both (facts of each libc).
    found["sem_t"] = Opaque("sem_t", 32, 4 if musl else 8)
    found["pthread_rwlockattr_t"] = Opaque("pthread_rwlockattr_t", 8, 4 if musl else 8)
    return found


def system_structs() -> dict[str, Aggregate]:
    """The structs of the system that an item may hold, by tag; new ones at each call."""
    long_, int_ = SPECIFIERS["long"], SPECIFIERS["int"]
    pointer = Pointer(SPECIFIERS["char"])
    tm = [f"tm_{n}" for n in ("sec", "min", "hour", "mday", "mon", "year", "wday", "yday", "isdst")]
    members: dict[str, list[tuple[str, CType]]] = {
        "timespec": [("tv_sec", long_), ("tv_nsec", long_)],
        "timeval": [("tv_sec", long_), ("tv_usec", long_)],
        "tm": [*((name, int_) for name in tm), ("tm_gmtoff", long_), ("tm_zone", pointer)],
    }
    found = {}
    for tag, pairs in members.items():
        found[tag] = Aggregate(False, tag, "")
        lay_out(found[tag], [Field(name, kind) for name, kind in pairs], Packing())
    return found


_MACHINE: Final = (
    "__aarch64__ 1\n__CHAR_UNSIGNED__ 1" if ARM else
    "__x86_64__ 1\n__x86_64 1\n__amd64__ 1\n__amd64 1"
)  # fmt: skip
PREDEFINED: Final = f"""\
{_MACHINE}
__linux__ 1
__linux 1
linux 1
__unix__ 1
__unix 1
unix 1
__gnu_linux__ 1
__ELF__ 1
__LP64__ 1
_LP64 1
__STDC__ 1
__STDC_HOSTED__ 1
__STDC_VERSION__ 201710L
__GNUC__ 12
__GNUC_MINOR__ 2
__GNUC_PATCHLEVEL__ 0
__CHAR_BIT__ 8
__INT_MAX__ 0x7fffffff
__LONG_MAX__ 0x7fffffffffffffffL
__BIGGEST_ALIGNMENT__ 16
__ORDER_LITTLE_ENDIAN__ 1234
__ORDER_BIG_ENDIAN__ 4321
__ORDER_PDP_ENDIAN__ 3412
__BYTE_ORDER__ __ORDER_LITTLE_ENDIAN__
__SIZEOF_SHORT__ 2
__SIZEOF_INT__ 4
__SIZEOF_LONG__ 8
__SIZEOF_LONG_LONG__ 8
__SIZEOF_POINTER__ 8
__SIZEOF_SIZE_T__ 8
__SIZEOF_PTRDIFF_T__ 8
__SIZEOF_WCHAR_T__ 4
__SIZEOF_WINT_T__ 4
__SIZEOF_FLOAT__ 4
__SIZEOF_DOUBLE__ 8
__SIZEOF_LONG_DOUBLE__ 16
__SIZEOF_INT128__ 16
"""
"""What the compiler defines itself; the version is of no known consequence."""

_LIMITS: Final = """\
CHAR_BIT 8
SCHAR_MAX 127
SCHAR_MIN (-127 - 1)
UCHAR_MAX 255
SHRT_MAX 32767
SHRT_MIN (-32767 - 1)
USHRT_MAX 65535
INT_MAX 2147483647
INT_MIN (-2147483647 - 1)
UINT_MAX 4294967295U
LONG_MAX 9223372036854775807L
LONG_MIN (-9223372036854775807L - 1)
ULONG_MAX 18446744073709551615UL
LLONG_MAX 9223372036854775807LL
LLONG_MIN (-9223372036854775807LL - 1)
ULLONG_MAX 18446744073709551615ULL
NAME_MAX 255
PATH_MAX 4096
PIPE_BUF 4096
LINE_MAX {line_max}
SEM_VALUE_MAX 2147483647
"""
_STDINT: Final = """\
INT8_MAX 127
INT16_MAX 32767
INT32_MAX 2147483647
INT64_MAX 9223372036854775807L
UINT8_MAX 255
UINT16_MAX 65535
UINT32_MAX 4294967295U
UINT64_MAX 18446744073709551615UL
SIZE_MAX 18446744073709551615UL
"""
_PATHS: Final = "PATH_MAX 4096\nNAME_MAX 255\n"
_NULL: Final = "NULL ((void*)0)\n"
_OFFSETOF: Final = "offsetof(t, m) __builtin_offsetof(t, m)\n"
HEADER_MACROS: Final = {
    "limits.h": _LIMITS,
    "linux/limits.h": _PATHS,
    "stdint.h": _STDINT,
    "inttypes.h": _STDINT,
    "stddef.h": _NULL + _OFFSETOF,
    "stdlib.h": _NULL,
    "stdio.h": _NULL + "BUFSIZ {bufsiz}\n",
    "string.h": _NULL,
    "unistd.h": _NULL,
    "time.h": _NULL,
    "pthread.h": "",
    "semaphore.h": "",
    "stdatomic.h": "",
    "stdalign.h": "alignas _Alignas\nalignof _Alignof\n__alignas_is_defined 1\n"
    "__alignof_is_defined 1\n",
    "stdbool.h": "bool _Bool\ntrue 1\nfalse 0\n__bool_true_false_are_defined 1\n",
    "assert.h": "static_assert _Static_assert\n",
    "threads.h": "static_assert _Static_assert\nthread_local _Thread_local\n",
    "stdnoreturn.h": "noreturn _Noreturn\n",
}
"""The macros of a layout's concern, by the header that defines them."""


def macros_of(header: str, libc: Libc) -> list[str]:
    """The definitions that ``#include <header>`` brings."""
    text = HEADER_MACROS.get(header, "")
    musl = libc is Libc.MUSL
    text = text.replace("{bufsiz}", "1024" if musl else "8192")
    return text.replace("{line_max}", "4096" if musl else "2048").splitlines()


def loose_macros(libc: Libc) -> dict[str, str]:
    """Macros that hold though the header does not include what defines them: the program
    may have done so first. Whether they are *defined* is then not known.
    """
    return {
        line.split(" ", 1)[0].split("(")[0]: line
        for header in HEADER_MACROS
        if header not in {"stdbool.h", "stdalign.h", "stdnoreturn.h", "threads.h"}
        for line in macros_of(header, libc)
    }
