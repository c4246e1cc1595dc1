"""Control blocks as nobody's shmtui wrote them: other values in every field, other files."""

import json
import os
import struct
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from shmtui.shm.control_format import (
    CAPACITY,
    HEADER_SIZE,
    LAYOUT_ROOM,
    MAGIC,
    RECORD_SIZE,
    VERSION,
    Flags,
    RecordState,
)
from shmtui.shm.item_shape import Array, Bits, Part, Record, Scalar, Shape, Text
from shmtui.shm.layout import ITEM_TYPES, ItemType, Layout, seed_layout
from shmtui.shm.layout_spec import layout_text
from shmtui.shm.libc import running_libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import FileIdentity

DEAD: Final = (2**22 - 1, 1)
"""PID and start time of nobody."""
WORDS: Final = (0, 1, 2, 255, 511, 512, 513, 4096, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
SHAPE: Final[Shape] = Record(
    (
        Part("id", 0, Scalar("i", 4)),
        Part("flags", 4, Bits(Scalar("I", 4), 3, 7)),
        Part("name", 8, Text(16)),
        Part("xs", 24, Array(Array(Scalar("d", 8), 2), 3)),
    ),
    72,
)
LAYOUTS: Final = (
    seed_layout(5, ITEM_TYPES["int32"], running_libc()),
    seed_layout(500, ITEM_TYPES["int8"], running_libc()),
    seed_layout(9, ItemType("struct item", "", SHAPE), running_libc()),
    seed_layout(
        5,
        ITEM_TYPES["double"],
        running_libc(),
        tuple((role, f"/nobodys-{role}") for role in SemaphoreRole),
    ),
)


def block(
    name: str,
    segment: FileIdentity,
    text: str,
    creator: tuple[int, int] = DEAD,
    flags: int = 0,
    version: int = VERSION,
    records: bytes = b"",
) -> bytes:
    """The bytes of a control block, sound but for what is given."""
    bare, layout = os.fsencode(name), text.encode("utf-8", "surrogatepass")[:LAYOUT_ROOM]
    count = len(records) // RECORD_SIZE
    header = struct.pack(
        "=8s10Q2d6Q", MAGIC, version, RECORD_SIZE, CAPACITY, count, *creator,
        segment.device, segment.inode, 1, 0, 0.0, 0.0, 0, 0, 0, 0, 0, flags,
    )  # fmt: skip
    header += struct.pack(f"=Q256sQ{LAYOUT_ROOM}s", len(bare), bare[:256], len(layout), layout)
    return header + records.ljust(CAPACITY * RECORD_SIZE, b"\0")


def record(random: Random, pid: int, start: int) -> bytes:
    """A worker's record that claims to be some process, with any value in any other field."""
    words = [
        random.choice(WORDS) if random.random() < 0.5 else random.getrandbits(64)
        for _ in range(RECORD_SIZE // 8)
    ]
    words[0], words[1], words[2] = pid, start, random.choice((1, 2, 2, 3))
    words[4] = random.choice((RecordState.LIVE, RecordState.LIVE, RecordState.ENDED, 7))
    words[16] = random.choice((0, 1, 4, 6, 7, 8, 0x105, 0x203, 0x802, 2**64 - 1))
    return struct.pack(f"={len(words)}Q", *words)


# -- another layout -------------------------------------------------------------------------------

_LEAVES: Final[tuple[Any, ...]] = (
    0, 1, -1, 2**31, 2**62, 2**62 - 1, 2**64, 10**300, 1.5, float("inf"), True, None, "", "int32",
    "\ud800", "a\0b", "\x1b[31m", "/", "/../../etc/passwd", "x" * 300, [], {}, [[]], {"a": 1}, "q",
)  # fmt: skip


def other_layout(random: Random, text: str) -> str:
    """The layout's text with leaves, keys or characters changed."""
    if random.random() < 0.2:
        at = random.randrange(len(text))
        return text[:at] + chr(random.randrange(32, 127)) * random.randrange(3) + text[at + 1 :]
    if random.random() < 0.05:
        return "[" * random.choice((10, 3000)) + text
    value = json.loads(text)
    for _ in range(random.choice((1, 1, 2))):
        _change(random, value)
    return json.dumps(value)


def _change(random: Random, value: Any) -> None:
    """Change one thing somewhere inside."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return
    key = random.choice(keys)
    inner = value[key]
    if isinstance(inner, (dict, list)) and inner and random.random() < 0.8:
        _change(random, inner)
    elif random.random() < 0.1:
        del value[key]
    else:
        value[key] = deepcopy(random.choice(_LEAVES))


# -- another block --------------------------------------------------------------------------------


def other_block(random: Random, name: str, segment: FileIdentity, layout: Layout) -> bytes:
    """The block of a segment, changed where somebody might have it changed."""
    text = layout_text(layout)
    pids = [(os.getpid(), 1), (1, 0), DEAD, (os.getppid(), 2**63), (2**63, 5)]
    records = b"".join(record(random, *random.choice(pids)) for _ in range(random.randrange(6)))
    sound = block(name, segment, text, random.choice(pids), random.getrandbits(4), records=records)

    def words() -> bytes:
        raw = bytearray(sound)
        for _ in range(random.choice((1, 1, 3))):
            at = 8 * random.randrange(53 if random.random() < 0.8 else 53 + 256)
            struct.pack_into("=Q", raw, at, random.choice(WORDS))
        return bytes(raw)

    def noise() -> bytes:
        raw = bytearray(sound)
        start = random.randrange(HEADER_SIZE)
        length = random.choice((1, 8, 300, 5000))
        raw[start : start + length] = random.randbytes(length)
        return bytes(raw)

    changes: tuple[Callable[[], bytes], ...] = (
        words,
        words,
        noise,
        lambda: block(name, segment, other_layout(random, text), records=records),
        lambda: block(name, segment, other_layout(random, text), records=records),
        lambda: block(name, segment, text, version=random.choice((0, 1, 3, 2**64 - 1))),
        lambda: sound[: random.choice((0, 7, 100, HEADER_SIZE - 1, HEADER_SIZE, 5000))],
        lambda: random.randbytes(random.choice((0, 100, 8192))),
        lambda: MAGIC + random.randbytes(8192),
        lambda: block(random.choice(("/other", "", "\udcff", "/" + "x" * 255)), segment, text),
        lambda: block(name, replace(segment, inode=segment.inode + 1), text),
        lambda: block(name, segment, layout_text(replace(layout, size=layout.size * 10**9))),
        lambda: sound,
    )
    return random.choice(changes)()


# -- another file ---------------------------------------------------------------------------------


def group_writable(path: Path) -> None:
    """Others of its group may write to it."""
    path.chmod(0o660)


def world_writable(path: Path) -> None:
    """Everybody may write to it."""
    path.chmod(0o602)


def somebody_elses(path: Path) -> None:
    """Another user's, which only root can make it."""
    os.chown(path, 4242, 4242)


def twice_there(path: Path) -> None:
    """Under a second name too: somebody may have linked here what another had elsewhere."""
    os.link(path, path.with_name(path.name + ".elsewhere"))


def a_link(path: Path) -> None:
    """A symbolic link to a block that would be believed."""
    elsewhere = path.with_name(path.name + ".elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere.name)


def a_fifo(path: Path) -> None:
    """A FIFO: whoever opens it waits."""
    path.unlink()
    os.mkfifo(path)


FILES: Final = (group_writable, world_writable, somebody_elses, twice_there, a_link, a_fifo)
"""What makes a block one that is not believed, whatever stands in it."""

KEPT: Final = int(Flags.KEEP)
