"""The slots one by one: named columns, times as dates, one value in full; only what is in view is read."""

import contextlib
import os
import re
from pathlib import Path

import pytest

from shmtui.shm.segment_info import Slot
from shmtui.shm.value import Fields, Value
from shmtui.snapshot import Snapshot
from shmtui.tui.draw.slot_values import cell_text, columns_of, date_of, full_lines
from shmtui.tui.glyphs import ASCII, UNICODE
from shmtui.tui.screens.slots import SlotsScreen
from shmtui.tui.slot_reader import SlotReader
from shmtui.tui.spans import plain_text
from tests.tui.dashboards import (
    draw,
    drawing,
    opener_of,
    panel_text,
    ring_bytes,
    screen_text,
    shows,
)
from tests.tui.records import snapshot

from shmtui.tui.app import DashboardApp  # isort: skip

NEVER_HZ = 0.001
SECOND = 1_700_000_000
READ_AT = 5000.0
EVENT = Fields(
    (
        ("id", 7),
        ("at", Fields((("tv_sec", SECOND), ("tv_nsec", 250_000_000)))),
        ("where", Fields((("x", 1.5), ("y", -2)))),
        ("name", "ana \x1b[31m"),
    )
)


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("created", SECOND, SECOND),
        ("sent_ms", SECOND * 1000, SECOND),
        ("ts", SECOND * 10**6, SECOND),
        ("time_ns", SECOND * 10**9, SECOND),
        ("sent_ms", SECOND, None),  # In milliseconds that is a day of January 1970.
        ("wait_us", 1_000_000, None),
        ("id", SECOND, None),
        ("status", SECOND, None),
        ("time", True, None),
        ("time", float("nan"), None),
        ("at", Fields((("tv_sec", SECOND), ("tv_nsec", 0))), SECOND),
        ("at", Fields((("tv_sec", SECOND), ("tv_nsec", 10**9))), None),
        ("at", Fields((("tv_sec", 12), ("tv_usec", 0))), None),
    ],
)
def test_a_date_is_what_its_name_and_its_size_say(
    name: str, value: Value, seconds: float | None
) -> None:
    """Anything else stays the number that it is."""
    assert date_of(name, value) == seconds


def test_members_are_columns_and_text_is_inert() -> None:
    """Nested ones by their path; a time is one column."""
    columns = columns_of([EVENT], 0, UNICODE)
    assert columns.names == ("id", "at", "where.x", "where.y", "name")
    assert columns_of([EVENT], 3, UNICODE).names == ("where.y", "name")
    assert "\x1b" not in cell_text("name", "ana \x1b[31m", UNICODE)
    assert cell_text("at", EVENT[1][1], ASCII).endswith(".25")


def test_a_value_in_full_has_a_line_for_each_member() -> None:
    """All of a long array; a time of the monotonic clock only with its *if*."""
    value = Fields(
        (
            *EVENT,
            ("samples", tuple(range(300))),
            ("raw", bytes(range(20))),
            ("t_ns", 4_999_500_000_000),
        )
    )
    text = plain_text(full_lines(value, READ_AT, 80, UNICODE))
    assert "299]" in text
    assert "\x1b" not in text
    assert "0010  10 11 12 13" in text
    assert "if CLOCK_MONOTONIC: 0.500 s before this look" in text
    assert ".25" in text
    assert all(len(row) <= 80 for row in text.splitlines())


async def test_enter_on_the_ring_shows_its_slots_and_one_in_full(name: str, tmp_path: Path) -> None:
    """They follow the ring: what is written is there with the next frame."""
    file = tmp_path / name[1:]
    file.write_bytes(ring_bytes())
    opened = opener_of(tmp_path, slots=5).open(name)
    with contextlib.closing(opened.source):
        app = DashboardApp(opened, refresh_hz=NEVER_HZ)
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.press("1")
            assert "enter: slots" in panel_text(app, "ring")
            await pilot.press("enter")
            assert isinstance(app.screen, SlotsScreen)
            await shows(app, "value")
            fd = os.open(file, os.O_WRONLY)
            os.pwrite(fd, (4711).to_bytes(4, "little"), 4)
            os.close(fd)
            app.tick()
            await shows(app, "4711")
            await pilot.press("g", "down", "enter")
            shown = await shows(app, "Slot 1")
            assert "full" in shown
            await pilot.press("escape", "escape")
            assert len(app.screen_stack) == 1


EVENTS_C = """
#include <semaphore.h>
#include <stdint.h>
struct event { uint32_t id; uint64_t sent_ms; int16_t samples[200]; char name[16]; };
struct queue { struct event slots[5000]; int in, out; sem_t mutex, empty, full; };
"""


async def test_a_long_ring_is_read_where_it_is_looked_at(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more slots than the screen has rows, wherever the cursor is; the value in full has all."""
    header = tmp_path / "queue.h"
    header.write_text(EVENTS_C)
    size = 5000 * 432 + 8 + 96
    folder = tmp_path / "shm"
    folder.mkdir()
    data = bytearray(size)
    data[4999 * 432 : 4999 * 432 + 4] = (77).to_bytes(4, "little")
    data[4999 * 432 + 414 : 4999 * 432 + 416] = (1234).to_bytes(2, "little")
    (folder / name[1:]).write_bytes(data)
    opened = opener_of(folder, header=header, struct="queue").open(name)
    app = DashboardApp(opened, refresh_hz=NEVER_HZ)
    reads: list[int] = []
    real = SlotReader.slots

    def counted(self: SlotReader, first: int, count: int) -> tuple[Slot, ...]:
        reads.append(count)
        return real(self, first, count)

    monkeypatch.setattr(SlotReader, "slots", counted)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("1", "enter", "end")
        shown = await shows(app, "4999")
        assert "sent_ms" in shown
        assert "samples" in shown
        assert max(reads) < 40
        await pilot.press("enter")
        shown = await shows(app, "Slot 4999")
        assert "1234]" in shown
    opened.source.close()


async def test_what_is_not_known_is_said() -> None:
    """As in a recording that has the first slots only."""
    app = drawing()
    async with app.run_test(size=(100, 30)) as pilot:
        draw(app, snapshot(slots=9, shown=3, occupancy=None))
        await pilot.press("1", "enter")
        await pilot.pause()
        await pilot.press("G", "enter")
        assert "its value is not known" in await shows(app, "Slot 8")
        await pilot.press("escape")
        await pilot.press("g", "enter")
        assert "40" in await shows(app, "Slot 0")


async def test_what_is_full_is_known_of_slots_without_a_value() -> None:
    """By the indices, as a recording has them."""
    app = drawing()
    async with app.run_test(size=(100, 30)) as pilot:
        draw(app, snapshot(slots=9, shown=3, in_=8, out=6, occupancy=2))
        await pilot.press("1", "enter")
        await pilot.pause()
        rows = re.findall(r" (\d) . ([●○])  \?", await shows(app, "value"))
        assert rows == [(str(at), "●" if at in {6, 7} else "○") for at in range(3, 9)]


async def test_slots_that_are_gone_are_no_rows() -> None:
    """The ring is a shorter one while the table is open."""
    app = drawing()
    async with app.run_test(size=(100, 30)) as pilot:
        draw(app, snapshot(slots=9, shown=9, in_=8, out=7, occupancy=1))
        await pilot.press("1", "enter", "G")
        await pilot.pause()
        shorter: Snapshot = snapshot(
            slots=3, shown=3, in_=1, out=0, occupancy=1, monotonic_ns=10**12 + 1
        )
        draw(app, shorter)
        await pilot.pause()
        assert "48" not in screen_text(app).replace("48;", "")
