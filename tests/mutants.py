"""Damage to a file that a program reads back: to its bytes, its gzip members, its JSON. Pure.

For recordings, and for whatever else is written as JSON in gzip. All that happens comes from the
generator of random numbers that is passed in, so a number names a mutant.
"""

import random
import zlib
from collections.abc import Sequence
from typing import Any, Final

GZIP: Final = b"\x1f\x8b\x08"
"""What a member of gzip begins with."""
DEEP: Final = 100_000
"""Lists within lists."""
LEAVES: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    2**63,
    10**30,
    10**4000,
    1e308,
    -1.0,
    "inf",
    "nan",
    "",
    "\x1b]0;x\x07",
    "=1+2",
    [],
    {},
    [[]],
    "x" * 3000,
    [0] * 5000,
)
"""What a field may hold in place of its value."""


def damaged(raw: bytes, chance: random.Random, header: int = 10) -> bytes:
    """One or a few of: bits turned, bytes set, a part taken out, doubled or moved, an end cut off, a
    byte set in the ``header`` bytes that a member of gzip begins with.
    """
    data = bytearray(raw)
    for _change in range(chance.choice((1, 1, 1, 2, 5))):
        if not data:
            break
        at, length = chance.randrange(len(data)), chance.randrange(1, 300)
        match chance.randrange(7):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                data[at : at + 8] = chance.randbytes(8)
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length]
            case 5:
                del data[at:]
            case 6:
                # There the sizes, counts and times are.
                start = data.find(GZIP, at)
                if start >= 0 and start + header <= len(data):
                    data[start + chance.randrange(header)] = chance.randrange(256)
    return bytes(data)


def members(raw: bytes) -> list[bytes]:
    """The members of a whole file of gzip.

    >>> import gzip
    >>> [len(each) for each in members(gzip.compress(b"a") + gzip.compress(b"b"))]
    [21, 21]
    """
    found = []
    while raw:
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        inflate.decompress(raw)
        rest = inflate.unused_data
        found.append(raw[: len(raw) - len(rest)])
        raw = rest
    return found


def rearranged(parts: Sequence[bytes], chance: random.Random) -> bytes:
    """The parts with some swapped, doubled, left out or cut off."""
    found = list(parts)
    for _change in range(chance.choice((1, 1, 2, 4))):
        if not found:
            break
        at, other = chance.randrange(len(found)), chance.randrange(len(found))
        match chance.randrange(4):
            case 0:
                found[at], found[other] = found[other], found[at]
            case 1:
                found.insert(other, found[at])
            case 2:
                del found[at]
            case 3:
                found[at] = found[at][: chance.randrange(len(found[at]) + 1)]
    return b"".join(found)


def spoiled(record: Any, chance: random.Random) -> Any:
    """The JSON with one leaf or branch replaced."""
    if isinstance(record, dict) and record and chance.random() < 0.9:
        key = chance.choice(sorted(record))
        return record | {key: spoiled(record[key], chance)}
    if isinstance(record, list) and record and chance.random() < 0.9:
        at = chance.randrange(len(record))
        return [*record[:at], spoiled(record[at], chance), *record[at + 1 :]]
    return chance.choice(LEAVES)


def bombs(size: int) -> tuple[bytes, ...]:
    """Texts that deflate to a thousandth, of ``size`` bytes each: as they are, and as JSON."""
    return (
        *(fill * (size // len(fill)) for fill in (b"\n", b" ", b"[", b"{}\n", b"0")),
        b"[" + b"[]," * (size // 3) + b"0]\n",
        b"[" * DEEP + b"]" * DEEP + b"\n",
        b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"\n",
        b'"' + b"x" * size + b'"\n',
        b"9" * size + b"\n",
    )
