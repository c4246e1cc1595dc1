"""Rings inside other structs, and arrays whose length a header leaves open."""

from pathlib import Path

import pytest

from shmtui.errors import ShmtuiError
from shmtui.layouts.member_roles import assign_roles
from shmtui.layouts.options import LayoutOptions
from shmtui.layouts.struct_choice import choose_struct
from shmtui.layouts.struct_layout import OpenArrayError, buffer_layout, layout_of_structs
from shmtui.layouts.struct_members import Struct
from shmtui.shm.layout import Layout
from shmtui.shm.libc import Libc
from tests.layouts.reading import read

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


def test_a_path_names_a_ring_in_an_array_of_structs_without_a_name(tmp_path: Path) -> None:
    """It is declared where it stands, also within another such array."""
    text = """\
#include <semaphore.h>
typedef struct {
    int version;
    struct { int id; struct { int data[6]; int in, out; sem_t empty, full; } lanes[2]; sem_t mutex; } roads[3];
} network;
"""
    structs = read(tmp_path, text)
    found = layout(choose_struct(structs, "network.roads[2].lanes[1]", 0, {}))
    road, lane = 8 + 2 * 232, 8 + 96
    assert (found.data, found.in_, found.full) == (road + lane, road + lane + 24, road + lane + 64)
    assert {"full", "roads[2].mutex", "roads[0].lanes[1].full"} <= {x.name for x in found.sync}
    with pytest.raises(ShmtuiError, match=r"from \[0\] to \[2\]"):
        choose_struct(structs, "network.roads[3].lanes[1]", 0, {})
    with pytest.raises(ShmtuiError, match=r"say which, as network\.roads\[0\]"):
        choose_struct(structs, "network.roads", 0, {})


@pytest.mark.parametrize(
    "kind", ["lane", "struct { char data[4][8]; int in, out; sem_t mutex, empty, full; }"]
)
def test_a_path_names_a_ring_in_an_array_of_arrays(tmp_path: Path, kind: str) -> None:
    """With an index for each dimension; all its locks and those of arrays of arrays are known by theirs."""
    text = f"""\
#include <semaphore.h>
typedef struct {{ char data[4][8]; int in, out; sem_t mutex, empty, full; }} lane;
typedef struct {{ int version; {kind} lanes[2][3]; sem_t gates[2][2]; }} network;
"""
    structs = read(tmp_path, text)
    found = layout(choose_struct(structs, "network.lanes[1][2]", 0, {}))
    at = 8 + 5 * 136
    assert (found.data, found.in_, found.full, found.size) == (at, at + 32, at + 104, at + 136)
    places = {each.name: each.offset for each in found.sync}
    assert (places["full"], places["lanes[0][1].mutex"]) == (at + 104, 8 + 136 + 40)
    assert (places["gates[0][0]"], places["gates[1][1]"]) == (8 + 6 * 136, 8 + 6 * 136 + 96)
    for path, says in (
        ("lanes", r"has 2 of them: say which, as network\.lanes\[0\]"),
        ("lanes[1]", r"has 3 of them: say which, as network\.lanes\[1\]\[0\]"),
        ("lanes[1][3]", r"lanes\[1\]\[3\] does not exist: network\.lanes\[1\] has 3"),
        ("lanes[2][0]", r"lanes\[2\] does not exist: lanes has 2"),
        ("lanes[1][2][0]", r"lanes\[1\]\[2\]\[0\] is not a struct"),
    ):
        with pytest.raises(ShmtuiError, match=says):
            choose_struct(structs, f"network.{path}", 0, {})
    if kind == "lane":
        with pytest.raises(ShmtuiError, match=r"buffer\.h:network\.lanes\[1\]\[2\]"):
            choose_struct(structs[:2], None, structs[1].size, {})


def test_the_locks_of_the_rings_beside_it_are_known(tmp_path: Path) -> None:
    """A thread asleep on one of them is blocked on that, and none of a stranger's words."""
    structs = read(tmp_path, CHANNELS)
    found = layout(choose_struct(structs, "segment.channels[1]", 0, {})).sync
    names = {each.name: each.offset for each in found}
    assert (names["full"], names["channels[0].full"]) == (104 + 128, 104)
    assert names["more.control.mutex"] == 40 + 3 * 128
    assert len(names) == len(found) == 12


def test_the_locks_in_an_array_of_structs_are_known(tmp_path: Path) -> None:
    """Also where nobody says a path: a thread that sleeps on one of them is no stranger."""
    text = """\
#include <semaphore.h>
typedef struct { int slot; sem_t wake; } backend;
typedef struct { sem_t mutex; int in, out; int items[4]; struct { backend procs[2]; int count; } crews[2]; } pool;
"""
    found = layout(choose_struct(read(tmp_path, text), "pool", 0, {})).sync
    places = {each.name: each.offset for each in found}
    assert places == {
        "mutex": 0, "crews[0].procs[0].wake": 64, "crews[0].procs[1].wake": 104,
        "crews[1].procs[0].wake": 152, "crews[1].procs[1].wake": 192,
    }  # fmt: skip


def test_a_long_array_of_locks_is_known_and_not_all_listed(tmp_path: Path) -> None:
    """One waits on the last of them: that is no other struct. The values of the first are shown."""
    text = """\
#include <semaphore.h>
typedef struct { int slot; sem_t wake; } backend;
typedef struct { backend procs[100]; sem_t mutex; int in, out; int items[4]; } pool;
"""
    found = layout(choose_struct(read(tmp_path, text), "pool", 0, {})).sync
    assert {"procs[99].wake", "mutex"} <= {each.name for each in found}
    assert [each.name for each in found if each.listed][-2:] == ["procs[63].wake", "mutex"]


def test_a_ring_that_lies_inside_another_struct_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    """Where the segment may be the outer struct, which of its rings is meant has to be said."""
    structs = read(tmp_path, CHANNELS)
    assert choose_struct(structs, None, 128, {}).names == ("channel",)
    for size in (520, 4096):
        with pytest.raises(ShmtuiError, match=r"buffer\.h:segment\.channels\[1\]") as refusal:
            choose_struct(structs, None, size, {})
        assert "segment.more.control" in str(refusal.value)
        assert ("buffer.h:channel" in str(refusal.value)) == (size != 520)
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
        ("segment.channels[3]", r"does not exist: channels has 3, from \[0\] to \[2\]"),
        ("segment.version", "is not a struct"),
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
    with pytest.raises(
        OpenArrayError, match=r"readings of ring .* say --slots N; there is room for 21"
    ) as caught:
        layout_of_structs(structs, LayoutOptions(), Libc.GLIBC, size)
    found = caught.value.found.layout
    assert (found.slots, found.data, found.size) == (21, ring.size, size)
    said = layout_of_structs(structs, LayoutOptions(slots=13), Libc.GLIBC, size)
    assert said.layout.slots == 13


def test_slots_and_items_beside_a_header_refine_it(tmp_path: Path) -> None:
    """Fewer slots than the array has, other items of the same size; bytes are cut into items."""
    channels = read(tmp_path, CHANNELS)

    def refined(structs: tuple[Struct, ...], **said: object) -> Layout:
        options = LayoutOptions(struct=structs[0].names[-1], **said)  # type: ignore[arg-type]
        return layout_of_structs(structs, options, Libc.GLIBC, 4096).layout

    assert refined(channels, slots=4).slots == 4
    assert refined(channels, item="float").item.name == "float"
    with pytest.raises(ShmtuiError, match=r"has room for 6 slots of int32, but --slots says 7"):
        refined(channels, slots=7)
    with pytest.raises(ShmtuiError, match=r"items have 4 bytes, and --item double has 8"):
        refined(channels, item="double")
    pool = read(tmp_path, "struct pool { long in, out; unsigned char data[100]; };")
    cut = refined(pool, item="char[20]")
    assert (cut.slots, cut.item.size) == (5, 20)
    assert refined(pool, item="char[20]", slots=4).slots == 4
    with pytest.raises(
        ShmtuiError, match=r"has room for 5 slots of char\[20\], but --slots says 6"
    ):
        refined(pool, item="char[20]", slots=6)
