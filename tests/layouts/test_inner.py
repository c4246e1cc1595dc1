"""Rings inside other structs, and arrays whose length a header leaves open."""

from pathlib import Path

import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts.header import Struct, read_structs
from shmtui.layouts.member_paths import check_length, room_for, with_length
from shmtui.layouts.struct_choice import assign_roles, buffer_layout, choose_struct
from shmtui.shm.layout import Layout
from shmtui.shm.libc import Libc

CHANNELS = """\
#include <semaphore.h>
typedef struct { int data[6]; int in, out; sem_t mutex, empty, full; } channel;
typedef struct { int version; channel channels[3]; struct { channel control; } more; } segment;
"""
OPEN = """\
#include <semaphore.h>
typedef struct { int id; float value; } reading;
typedef struct { unsigned in, out; sem_t mutex, empty, full; reading readings[]; } ring;
"""


def read(folder: Path, text: str) -> tuple[Struct, ...]:
    """The structs of a header."""
    header = folder / "b.h"
    header.write_text(text)
    return read_structs(header, Libc.GLIBC)


def layout(struct: Struct) -> Layout:
    """The layout of a buffer's struct."""
    return buffer_layout(struct, assign_roles(struct, {}), Libc.GLIBC)


def test_a_path_names_a_ring_inside_a_segment(tmp_path: Path) -> None:
    """Offsets count from the segment's start, in an array and in a struct without a name."""
    structs = read(tmp_path, CHANNELS)
    found = [
        layout(choose_struct(structs, f"segment.{path}", 0, {}))
        for path in ("channels[0]", "channels[2]", "more.control")
    ]
    assert [ring.data for ring in found] == [8, 8 + 2 * 128, 8 + 3 * 128]
    assert [ring.full for ring in found] == [104, 104 + 2 * 128, 104 + 3 * 128]
    assert [ring.size for ring in found] == [136, 136 + 2 * 128, 136 + 3 * 128]


def test_a_ring_that_lies_inside_another_struct_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    """Where the segment may be the outer struct, which of its rings is meant has to be said."""
    structs = read(tmp_path, CHANNELS)
    assert choose_struct(structs, None, 128, {}).names == ("channel",)
    for size in (520, 4096):
        with pytest.raises(ShmtuiError, match=r"b\.h:segment\.channels\[1\]") as refusal:
            choose_struct(structs, None, size, {})
        assert "segment.more.control" in str(refusal.value)
        assert ("b.h:channel" in str(refusal.value)) == (size != 520)
    one = read(
        tmp_path, CHANNELS.replace("channels[3]", "channels[1]").replace(" control", " c[1]")
    )
    with pytest.raises(ShmtuiError, match=r"segment\.more\.c\[0\]"):
        choose_struct(one, None, one[-1].size, {})


def test_the_only_ring_of_a_segment_is_found_inside_it(tmp_path: Path) -> None:
    """An outer struct of the segment's very size that holds one ring leaves no choice."""
    text = CHANNELS.split("typedef struct { int version", maxsplit=1)[0]
    structs = read(tmp_path, text + "struct all { long magic; channel only[1]; char name[8]; };")
    assert layout(choose_struct(structs, None, structs[-1].size, {})).data == 8


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("segment.channel", "no member channel: it has version, channels, more"),
        ("segment.channels", r"has 3 of them: say which, as segment\.channels\[0\]"),
        ("segment.channels[3]", "is no struct"),
        ("segment.version", "is no struct"),
        ("segment.channels[x]", "no member"),
        ("other.channels[0]", "no struct other"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, path: str, says: str) -> None:
    """With what there is instead."""
    with pytest.raises(ShmtuiError, match=says):
        choose_struct(read(tmp_path, CHANNELS), path, 0, {})


def test_an_open_array_is_as_long_as_is_said(tmp_path: Path) -> None:
    """The header leaves it open, the segment's size only bounds it: the user says it."""
    structs = read(tmp_path, OPEN)
    ring = structs[-1]
    size = ring.size + 21 * 8
    assert room_for(ring, size) == 21
    longer = with_length(ring, 21)
    assert (layout(longer).slots, layout(longer).data, layout(longer).size) == (21, ring.size, size)
    data = assign_roles(longer, {}).data
    check_length(ring, data, 21, "/b", size)
    with pytest.raises(ShmtuiError, match=r"readings of ring .* say --slots N; /b has room for 21"):
        check_length(ring, data, None, "/b", size)


def test_slots_that_the_header_contradicts_are_refused(tmp_path: Path) -> None:
    """Two words for one thing have to agree."""
    channel = read(tmp_path, CHANNELS)[0]
    data = assign_roles(channel, {}).data
    check_length(channel, data, 6, "/b", 128)
    with pytest.raises(ShmtuiError, match=r"data of channel .* has 6 slots, and --slots says 7"):
        check_length(channel, data, 7, "/b", 128)
