"""What an x86-64 instruction does to the memory that it faulted on: loads, stores, or both. Pure.

By the opcodes of Intel's manual, volume 2, for what compilers make of C's loads and stores.
"""

import re
from typing import Final

from shmtui.control.operation import Kind

_PREFIXES: Final = frozenset(b"\x66\xf2\xf3\xf0\x2e\x36\x3e\x26\x64\x65")
_VECTOR_STORES: Final = frozenset(b"\x11\x13\x17\x29\x2b\x7e\x7f\xd6\xe7")
_VECTOR_LOADS: Final = frozenset(b"\x10\x12\x16\x28\x6e\x6f")
_HALVES: Final = frozenset(b"\x12\x13\x16\x17\xd6")
"""They move 8 bytes."""
_SCALARS: Final = frozenset(b"\x10\x11\x2a\x2c\x2d") | frozenset(range(0x51, 0x60))
"""With the prefix F3 or F2 they are about one float or double."""
_PLAIN, _WORD, _FLOAT, _DOUBLE = range(4)
"""No prefix, 66, F3 and F2, as VEX and EVEX number them."""
_SIMD_PREFIXES: Final = {0x66: _WORD, 0xF3: _FLOAT, 0xF2: _DOUBLE}
_VECTOR_PREFIXES: Final = {0xC5: 2, 0xC4: 3, 0x62: 4}
"""And their lengths in bytes; these opcodes mean nothing else in 64-bit code."""
_EXCHANGES: Final = {0xB0: 1, 0xC0: 1, 0xB1: 0, 0xC1: 0, 0xC7: 0}
_LOADS: Final = {
    0x8A: 1,
    0x84: 1,
    0xF6: 1,
    0x3A: 1,
    0x38: 1,
    0x8B: 0,
    0x85: 0,
    0x63: 4,
    0x39: 0,
    0x3B: 0,
}
_X87: Final = {0xD8: 4, 0xD9: 4, 0xDA: 4, 0xDB: 4, 0xDC: 8, 0xDD: 8, 0xDE: 2, 0xDF: 2}
"""Of the coprocessor, with the bytes of its numbers."""
_STORES: Final = {0x88: 1, 0xC6: 1, 0xAA: 1, 0xA4: 1, 0x89: 0, 0xC7: 0, 0xAB: 0, 0xA5: 0}


REGISTER: Final = 8
"""Bytes of the widest access that is not one of a vector."""
_COMPARES_BYTES: Final = re.compile(
    rb"\x66[\x40-\x4f]?\x0f[\x74\xda]|\xc5.[\x74\xda]|\xc4..[\x74\xda]|\x62...[\x26\x3e\x3f\x74\xda]",
    re.DOTALL,
)
"""pcmpeqb and pminub, those of AVX, and of AVX-512 vptestnmb and vpcmpb, too."""


def compares_bytes(code: bytes) -> bool:
    """Whether there are instructions that compare the bytes of vectors, as there are in functions that look for the end of
    a string: these look at bytes that lie behind it, too.

    >>> compares_bytes(bytes.fromhex("62e1fd286f540e0162b37d203fc200")), compares_bytes(bytes.fromhex("c5fe6f06c5fe7f07"))
    (True, False)
    """
    return _COMPARES_BYTES.search(code) is not None


def is_atomic(code: bytes) -> bool:
    """Whether the instruction locks the word: by the lock prefix, or as xchg.

    >>> is_atomic(bytes.fromhex("f00fb11a")), is_atomic(bytes.fromhex("8702")), is_atomic(bytes.fromhex("8902"))
    (True, True, False)
    """
    at, locked = 0, False
    while code[at] in _PREFIXES or code[at] & 0xF0 == 0x40:
        locked |= code[at] == 0xF0
        at += 1
    return locked or code[at] in {0x86, 0x87}


def is_masked(code: bytes) -> bool:
    """Whether a mask decides which bytes of the vector it is about (AVX-512).

    >>> is_masked(bytes.fromhex("62e17f497f00")), is_masked(bytes.fromhex("62f1fe487f07"))
    (True, False)
    """
    return code[0] == 0x62 and bool(code[3] & 7)


def access_of(code: bytes) -> tuple[Kind, int]:
    """The kind of access and its bytes, of the instruction that ``code`` begins with.

    >>> access_of(bytes.fromhex("8b5014"))  # mov edx, [rax+0x14]
    (<Kind.LOAD: 'loads'>, 4)
    >>> access_of(bytes.fromhex("f0ff00"))[0]  # lock inc dword [rax]
    <Kind.UPDATE: 'loads and stores'>
    """
    at, operand, wide, prefix = 0, 4, False, _PLAIN
    while code[at] in _PREFIXES:
        operand = 2 if code[at] == 0x66 else operand
        prefix = max(prefix, _SIMD_PREFIXES.get(code[at], _PLAIN))
        at += 1
    if code[at] & 0xF0 == 0x40:
        wide = bool(code[at] & 8)
        at += 1
    full = 8 if wide else operand
    if code[at] in _VECTOR_PREFIXES:
        return _vector(code[at:])
    opcode, following = code[at], code[at + 1]
    if opcode == 0x0F:
        return _two_bytes(following, full, prefix, wide=wide)
    if opcode in _STORES:
        return Kind.STORE, _STORES[opcode] or full
    if opcode in _LOADS:
        if opcode == 0xF6 and following >> 3 & 7 in {2, 3}:
            return Kind.UPDATE, 1
        return Kind.LOAD, _LOADS[opcode] or full
    register = following >> 3 & 7
    if opcode in _X87:
        size = 10 if opcode == 0xDB and register in {5, 7} else _X87[opcode]
        stores = (register in {2, 3} and opcode & 1 == 1) or (opcode == 0xDB and register == 7)
        return Kind.STORE if stores else Kind.LOAD, size
    if opcode in {0x80, 0x81, 0x83}:
        return Kind.LOAD if register == 7 else Kind.UPDATE, 1 if opcode == 0x80 else full
    if opcode == 0xF7:
        return Kind.UPDATE if register in {2, 3} else Kind.LOAD, full
    if opcode in {0xFE, 0xFF}:
        return Kind.UPDATE if register < 2 else Kind.LOAD, 1 if opcode == 0xFE else full
    if (opcode < 0x40 and opcode & 7 < 2) or opcode in {0x86, 0x87} or opcode in range(0xC0, 0xD4):
        return Kind.UPDATE, full if opcode & 1 else 1
    return Kind.LOAD, full if opcode & 1 else 1


def _vector(code: bytes) -> tuple[Kind, int]:
    """AVX and AVX-512, by the prefixes VEX and EVEX.

    >>> _vector(bytes.fromhex("c5f97e07")), _vector(bytes.fromhex("c5fe7f07"))  # vmovd, vmovdqu
    ((<Kind.STORE: 'stores'>, 4), (<Kind.STORE: 'stores'>, 32))
    """
    length = _VECTOR_PREFIXES[code[0]]
    bits, extended = code[length - 1], code[0] == 0x62
    width = 16 << (bits >> 5 & 3 if extended else bits >> 2 & 1)
    wide = code[0] != 0xC5 and bool(code[2] & 0x80)
    prefix = (code[2] if extended else bits) & 3
    return _simd(code[length], prefix, width, wide=wide)


def _simd(opcode: int, prefix: int, width: int, *, wide: bool) -> tuple[Kind, int]:
    """An instruction on vectors of this many bytes, or on a part of one.

    >>> _simd(0x11, _DOUBLE, 16, wide=False), _simd(0x7E, _FLOAT, 16, wide=False)  # movsd, movq
    ((<Kind.STORE: 'stores'>, 8), (<Kind.LOAD: 'loads'>, 8))
    """
    if opcode == 0x7E and prefix == _FLOAT:
        return Kind.LOAD, 8
    kind = Kind.STORE if opcode in _VECTOR_STORES else Kind.LOAD
    if opcode in {0x6E, 0x7E}:
        return kind, 8 if wide else 4
    if opcode in {0x2E, 0x2F}:
        return kind, 8 if prefix == _WORD else 4
    if opcode in _HALVES:
        return kind, 8
    if opcode in _SCALARS and prefix in {_FLOAT, _DOUBLE}:
        return kind, 4 if prefix == _FLOAT else 8
    return kind, width


def _two_bytes(opcode: int, full: int, prefix: int, *, wide: bool) -> tuple[Kind, int]:
    if opcode in {0xB6, 0xBE, 0xB7, 0xBF}:
        return Kind.LOAD, 1 if opcode & 1 == 0 else 2
    if opcode in _EXCHANGES:
        return Kind.UPDATE, _EXCHANGES[opcode] or full
    if opcode in _VECTOR_STORES | _VECTOR_LOADS | _SCALARS | {0x2E, 0x2F}:
        return _simd(opcode, prefix, 16, wide=wide)
    if 0x90 <= opcode <= 0x9F:
        return Kind.STORE, 1
    return Kind.LOAD, full
