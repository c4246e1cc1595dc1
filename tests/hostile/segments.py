"""Segments as somebody makes them who means harm, or whose program runs wild.

Everything comes from a seed: what a test finds can be made again.
"""

import os
import socket
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.shm.layout import ITEM_TYPES, Layout, seed_layout
from shmtui.shm.layout_spec import layout_option
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.semaphore import SemaphoreWords, encode
from tests.conftest import index_offsets

EDGES: Final = (0, 1, 2, 5, 127, 128, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1)
"""32-bit words at which something ends."""
GIANT: Final = 100 * 10**9
"""Bytes of a sparse file: more than any machine that runs this has memory."""
SEEDS: Final = tuple(
    seed_layout(slots, ITEM_TYPES[item], libc)
    for slots in (1, 2, 5, 6, 64, 500)
    for item in ("int8", "int32", "int64", "double")
    for libc in Libc
)


class Hostile(msgspec.Struct, frozen=True):
    """A segment that was made, and ways to look at it that its owner might be talked into."""

    path: Path
    kind: str
    options: tuple[str, ...] = ()
    """Values of ``--layout``; without one its layout is inferred."""
    slots: int | None = None


def word(random: Random) -> int:
    """A 32-bit word, at an edge or anywhere."""
    return random.choice(EDGES) if random.random() < 0.6 else random.getrandbits(32)


def semaphore(random: Random, libc: Libc, *, sound: bool) -> bytes:
    """A ``sem_t``: initialised and shared, or any bytes in its fields."""
    if sound:
        words = SemaphoreWords(
            random.choice((0, 1, 2, 5, 5, 64)), random.choice((0, 0, 1, 3)), True
        )
        return encode(words, libc).ljust(32, b"\0")
    raw = struct.pack("=III", word(random), word(random), random.choice((0, 0x80, word(random))))
    return raw.ljust(32, random.choice((b"\0", b"\0", b"\xff")))


def fields(random: Random, layout: Layout) -> bytes:
    """A buffer of that layout with any value in any field."""
    raw = bytearray(layout.size)
    if random.random() < 0.5:
        raw[:] = random.randbytes(layout.size)
    for at in index_offsets(layout):
        value = random.randrange(layout.slots + 1) if random.random() < 0.6 else word(random)
        struct.pack_into("=I", raw, at, value)
    sound = random.random() < 0.6
    for role in SemaphoreRole:
        offset = layout.semaphore_offset(role)
        assert offset is not None
        raw[offset : offset + 32] = semaphore(random, layout.libc, sound=sound)
    if random.random() < 0.2:
        raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
    return bytes(raw)


def near(random: Random, layout: Layout) -> str:
    """``--layout`` for that layout, or for one that is a little wrong."""
    changes: tuple[Callable[[], Layout], ...] = (
        lambda: layout,
        lambda: replace(layout, in_=layout.out, out=layout.in_),
        lambda: replace(layout, slots=max(1, layout.slots - random.randrange(4))),
        lambda: replace(layout, index_code=random.choice("bBhHiI")),
        lambda: replace(layout, mutex=layout.full, full=layout.mutex),
        lambda: replace(layout, mutex=None, empty=None),
        lambda: replace(layout, item=ITEM_TYPES["float" if layout.item.size >= 4 else "uint8"]),
    )
    return layout_option(random.choice(changes)())


# -- kinds of segments ----------------------------------------------------------------------------


def noise(random: Random, path: Path, size: int | None = None) -> Hostile:
    """Random bytes of a size from 0 to 4096."""
    size = random.randrange(4097) if size is None else size
    path.write_bytes(random.randbytes(size))
    return Hostile(path, "noise", slots=random.choice((None, 1, 5, 500)))


def zeros(random: Random, path: Path, size: int | None = None) -> Hostile:
    """Nothing but zero bytes, of a size from 0 to 4096."""
    size = random.randrange(4097) if size is None else size
    path.write_bytes(bytes(size))
    return Hostile(path, "zeros", slots=random.choice((None, 1, 5, 500)))


def buffer(random: Random, path: Path) -> Hostile:
    """The exercise's layout with any value in any field."""
    layout = random.choice(SEEDS)
    path.write_bytes(fields(random, layout))
    return Hostile(path, "buffer", (near(random, layout), near(random, layout)), layout.slots)


def scattered(random: Random, path: Path) -> Hostile:
    """Three or more semaphores anywhere in a segment, so that its layout is guessed at."""
    size = 8 * random.randrange(13, 513)
    raw = bytearray(random.randbytes(size) if random.random() < 0.3 else bytes(size))
    for _ in range(random.choice((3, 3, 3, 3, 2, 4))):
        at = 8 * random.randrange((size - 32) // 8 + 1)
        raw[at : at + 32] = semaphore(random, Libc.GLIBC, sound=random.random() < 0.9)
    path.write_bytes(raw)
    return Hostile(path, "scattered")


def sparse(random: Random, path: Path) -> Hostile:
    """A claim of many bytes and few of them there."""
    size = random.choice((10**6, 2**20, 2**20 + 1, 2**31, 2**32 + 5, GIANT))
    layout = random.choice(SEEDS)
    with path.open("wb") as file:
        file.truncate(size)
        file.write(fields(random, layout))
        file.seek(size - 128)
        file.write(random.randbytes(64))
    wide = f"byte[{min(size // 2, 999_999_999)}]"
    most = min(size // 8, 2**31 - 1)
    far = size - 32
    return Hostile(
        path,
        "sparse",
        (
            near(random, layout),
            f"data=128:{most}xbyte[4],in=20:int32,out=24,mutex=32,empty=64,full=96",
            f"data=128:1x{wide},in=20:int32,out=24,mutex=32,empty=64,full=96",
            f"data=16:{most}xint32,in=0:int32,out=4,mutex={far - 64},empty={far - 32},full={far}",
        ),
        most,
    )


def locked(random: Random, path: Path) -> Hostile:
    """Mode 000: root reads it all the same, others are refused."""
    hostile = buffer(random, path)
    path.chmod(0)
    return replace(hostile, kind="locked")


def link(random: Random, path: Path) -> Hostile:
    """A symbolic link: out of the folder, to its neighbour, to itself, to nothing."""
    targets = ("/etc/passwd", "/proc/self/mem", "/dev/zero", path.name, "nowhere", "..", "/proc/1")
    path.symlink_to(random.choice(targets))
    return Hostile(path, "link")


def fifo(_random: Random, path: Path) -> Hostile:
    """A FIFO: whoever opens it waits."""
    os.mkfifo(path)
    return Hostile(path, "fifo")


def folder(_random: Random, path: Path) -> Hostile:
    """A directory."""
    path.mkdir()
    return Hostile(path, "folder")


def listener(_random: Random, path: Path) -> Hostile:
    """A socket; its address has room for short paths only, so it is bound through a descriptor."""
    parent = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(f"/proc/self/fd/{parent}/{path.name}")
    os.close(parent)
    return Hostile(path, "socket")


def device(random: Random, path: Path) -> Hostile:
    """A device, where this user may make one: endless zeros, a full disk, the terminal."""
    number = random.choice(((1, 5), (1, 7), (1, 3), (5, 0)))
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(*number))
    except PermissionError:
        return fifo(random, path)
    return Hostile(path, "device")


USUAL: Final = (buffer, buffer, buffer, scattered, scattered, noise, zeros, sparse)
RARE: Final = (locked, link, fifo, folder, listener, device)


def make(random: Random, home: Path, number: int) -> Hostile:
    """The next one; each of the sizes from 0 to 4096 comes in turn too."""
    name = f"{number}" if random.random() < 0.95 else f"sem.{number}"
    path = home / name
    if number % 2:
        of_size = random.choice((noise, zeros))
        return of_size(random, path, number // 2 % 4097)
    return random.choice(USUAL if random.random() < 0.85 else RARE)(random, path)


def remove(hostile: Hostile) -> None:
    """Take it away again."""
    if hostile.kind == "folder":
        hostile.path.rmdir()
    else:
        hostile.path.unlink(missing_ok=True)
