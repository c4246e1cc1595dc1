"""Compare-and-swap of a word in memory that other processes use.

Python has none of its own. On x86-64 it is one instruction, which is put into a page of its own
and called through :mod:`ctypes`; on other machines libatomic's function is called, where that
library is installed (it comes with a compiler). Each is used only after a trial on memory of this
process.
"""

import ctypes
import mmap
import os
from collections.abc import Callable
from functools import cache
from typing import Final

Swap = Callable[[int, int, int], bool]
"""``swap(address, before, after)``: whether the word was ``before``, and is ``after`` now."""

_TYPES: Final = {4: ctypes.c_uint32, 8: ctypes.c_uint64}
_X86_64: Final = {
    # mov eax, esi; lock cmpxchg [rdi], edx; sete al; movzx eax, al; ret
    4: bytes.fromhex("89f0 f00fb117 0f94c0 0fb6c0 c3"),
    # The same with 64-bit registers.
    8: bytes.fromhex("4889f0 f0480fb117 0f94c0 0fb6c0 c3"),
}
"""Intel SDM, CMPXCHG: compares with eax or rax, and locks the bus for other processors."""


def swap(address: int, size: int, before: int, after: int) -> bool | None:
    """Set the word of ``size`` bytes (4 or 8) at ``address`` to ``after`` if it is ``before``.

    Returns whether it was. None: this machine offers no such operation, and nothing was done.
    """
    operation = operations().get(size)
    return None if operation is None else operation(address, before, after)


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
