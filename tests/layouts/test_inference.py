"""Reading a layout from the bytes alone: few candidates, the exercise first, none invented."""

import random
import struct
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.layouts.inference import MAX_CANDIDATES, Elimination, Inference
from shmtui.layouts.plain_layouts import signatures
from shmtui.layouts.ring_values import Reading
from shmtui.layouts.role_evidence import swapped
from shmtui.shm.layout import ITEM_TYPES, Layout, seed_layout
from shmtui.shm.libc import Libc

LIBC = Libc.GLIBC
PICTURE = struct.pack("<4I", 0x31474D49, 16, 8, 3) + bytes(range(255, -1, -1))


def infer(readings: Sequence[Reading], libc: Libc, takers: int) -> Inference:
    """The layouts that none of ``readings`` contradicts."""
    elimination = Elimination(readings[0], libc, takers)
    for reading in readings[1:]:
        elimination.add(reading)
    return elimination.result


def ring(layout: Layout, out: int, items: int, word: int = 0x80) -> bytes:
    """A ring at rest with so many items, each slot written once."""
    raw = bytearray(layout.size)
    slots, size = layout.slots, layout.item.size
    for slot in range(slots):
        raw[layout.data + slot * size : layout.data + (slot + 1) * size] = bytes([slot + 1]) * size
    assert layout.in_ is not None
    assert layout.out is not None
    struct.pack_into("<i", raw, layout.in_, (out + items) % slots)
    struct.pack_into("<i", raw, layout.out, out)
    values = (1, slots - items, items)
    for at, value in zip((layout.mutex, layout.empty, layout.full), values, strict=True):
        assert at is not None
        struct.pack_into("<3I", raw, at, value, 0, word)
    return bytes(raw)


@given(
    st.integers(1, 64), st.sampled_from(["int8", "int16", "int32", "int64"]), st.integers(0, 64),
    st.integers(0, 64), st.sampled_from(list(Libc)),
)  # fmt: skip
def test_the_right_layout_is_among_few(
    slots: int, item: str, out: int, items: int, libc: Libc
) -> None:
    """Whatever is in the ring; what is taken alone is right, or fits the very same bytes."""
    layout = seed_layout(slots, ITEM_TYPES[item], libc)
    raw = ring(layout, out % slots, items % (slots + 1), 0x80 if libc is Libc.GLIBC else 0)
    found = infer([Reading.whole(raw)], libc, takers=2)
    assert 1 <= len(found.candidates) <= MAX_CANDIDATES
    if found.layout is not None:
        assert layout == found.layout


def test_the_exercise_comes_first() -> None:
    """Where it fits; N = 6 and other orders have the same size and may fit, too."""
    exercise = seed_layout(5, ITEM_TYPES["int32"], LIBC)
    for raw in (ring(exercise, 2, 3), ring(exercise, 0, 0), bytes(exercise.size)):
        found = infer([Reading.whole(raw)], LIBC, takers=2)
        assert found.candidates[0] == exercise


def test_what_moves_leaves_one() -> None:
    """Items that go round show which slots are written, and how many there are."""
    exercise = seed_layout(5, ITEM_TYPES["int32"], LIBC)
    seen = []
    for turn in range(80):
        # Two items stay in the ring: one is put in, then one is taken out.
        for taken, made in ((turn, turn + 3), (turn + 1, turn + 3)):
            raw = bytearray(ring(exercise, taken % 5, made - taken))
            for item in range(max(made - 5, 0), made):
                struct.pack_into("<i", raw, 4 * (item % 5), item)
            seen.append(Reading.whole(bytes(raw)))
    found = infer(seen, LIBC, takers=2)
    assert found.layout == exercise
    assert swapped(exercise) not in found.candidates


@pytest.mark.parametrize("tail", [0, 96, 100, 128, 512])
def test_zeros_behind_other_content_are_no_semaphores(tail: int) -> None:
    """A picture, an array, a queue without locks: none of them is a ring."""
    rows = [PICTURE, struct.pack("<40d", *range(40)), struct.pack("<QQ", 3, 1) + b"job" * 32]
    for row in rows:
        for raw in (row + bytes(tail), bytes(tail) + row):
            assert infer([Reading.whole(raw)], LIBC, takers=2).candidates == ()


@given(st.binary(min_size=1, max_size=400))
def test_other_bytes_are_no_ring(raw: bytes) -> None:
    """Bytes without three semaphores give few candidates or none, and never one that is sure."""
    found = infer([Reading.whole(raw)], LIBC, takers=2)
    assert len(found.candidates) <= MAX_CANDIDATES
    if len(signatures(raw, LIBC)) not in {0, 3}:
        assert not found.candidates


def test_full_slots_were_written() -> None:
    """No layout whose items were never written, while free slots of it were."""
    layout = seed_layout(8, ITEM_TYPES["int32"], LIBC)
    raw = bytearray(ring(layout, 0, 3))
    raw[12 : 8 * 4] = bytes(20)  # Three items were ever put there.
    assert layout.in_ is not None
    found = infer([Reading.whole(bytes(raw))], LIBC, takers=2)
    assert layout in found.candidates
    assert swapped(layout) not in found.candidates


def test_large_segments_are_left_alone() -> None:
    """A megabyte is read at the most, and random bytes take no longer than a ring."""
    noise = random.Random(1).randbytes(1 << 20)
    assert infer([Reading.whole(noise)], LIBC, takers=2).candidates == ()
    assert infer([Reading.whole(bytes(1 << 21))], LIBC, takers=2).candidates == ()


def test_candidates_differ() -> None:
    """Nobody has to choose between two that are the same."""
    found = infer([Reading.whole(bytes(128))], LIBC, takers=2).candidates
    assert all(one != other for one, other in pairwise(found))
