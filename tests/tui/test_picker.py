"""Attaching from the dashboard: the list of segments, the layouts to choose from, going over."""

import contextlib
import gc
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.layouts.describe import option_words
from shmtui.monitor.sampler import Sampler
from shmtui.monitor.shared_object import Content, Survey
from shmtui.report.object_groups import ObjectGroup
from shmtui.sanitize import inert
from shmtui.session.opener import Attachment, AttachOptions, SegmentOpener
from shmtui.shm.protocol import Role
from shmtui.tui.app import DashboardApp
from shmtui.tui.draw.object_columns import COLUMNS, columns_for
from shmtui.tui.draw.picker import (
    filter_line,
    group_detail,
    header_line,
    name_width,
    object_detail,
    object_line,
)
from shmtui.tui.glyphs import ASCII, UNICODE, Glyphs
from shmtui.tui.object_rows import Change, GroupRow, ObjectRow
from shmtui.tui.screens.layouts import LayoutScreen
from shmtui.tui.screens.object_list import PickerPanel
from shmtui.tui.screens.picker import PickerScreen
from shmtui.tui.spans import cells, plain, width_of, wrap
from tests.conftest import MakeBuffer
from tests.tui.dashboards import (
    NEVER_HZ,
    open_descriptors,
    opener_of,
    panel_text,
    reports,
    ring_bytes,
    running,
    screen_text,
    shows,
    tells,
)
from tests.tui.records import entry
from tests.waiting import until

EVIL = "[bold]\x1b[31m\n\u202e\udcff" + "x" * 200
SIZES = [(120, 38), (80, 24), (50, 20)]
FIVE = "data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,full=96"
SIX = "data=0:6xint32,in=24:int32,out=28,mutex=32,empty=64,full=96"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of segments, as /dev/shm is one: two buffers and a named semaphore."""
    there = tmp_path / "shm"
    there.mkdir()
    (there / "jobs").write_bytes(ring_bytes())
    (there / "shm_buffer").write_bytes(ring_bytes())
    (there / "sem.app_mutex").write_bytes(ring_bytes()[32:64])
    return there


@contextlib.contextmanager
def picker(
    opener: SegmentOpener,
    ascii_only: bool = False,
    choice: tuple[str, tuple[str, ...]] | None = None,
) -> Iterator[DashboardApp]:
    """A dashboard with nothing open yet; what it opens is closed afterwards."""
    with contextlib.closing(opener):
        yield DashboardApp(
            None, refresh_hz=NEVER_HZ, ascii_only=ascii_only, opener=opener, choice=choice
        )


@pytest.mark.parametrize("size", SIZES)
async def test_without_a_segment_it_opens_with_the_list(
    folder: Path, size: tuple[int, int]
) -> None:
    """What one can attach to stands first; the rest says why not."""
    (folder / "odd").mkdir()
    with picker(opener_of(folder)) as app:
        async with app.run_test(size=size) as pilot:
            text = await shows(app, "/app_mutex")
            assert isinstance(app.screen, PickerScreen)
            assert text.index("/shm_buffer") < text.index("/app_mutex")
            assert "orphan" in text
            await until(lambda: "nothing open" in panel_text(app, "title"), "the title beneath")
            await pilot.press("end", "enter")
            await shows(app, "cannot attach")
        assert app.return_code in {None, 0}


async def test_leaving_the_list_with_nothing_open_ends_it_well(folder: Path) -> None:
    """There is nothing else to show."""
    with picker(opener_of(folder)) as app:
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, "/jobs")
            await pilot.press("escape")
            await until(lambda: app.return_code is not None, "the end")
        assert app.return_code == 0


async def test_the_list_is_read_again_on_request(folder: Path) -> None:
    """What has come and gone since."""
    with picker(opener_of(folder)) as app:
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, "/jobs")
            (folder / "other").write_bytes((folder / "jobs").read_bytes())
            (folder / "jobs").unlink()
            await pilot.press("ctrl+r")
            text = await shows(app, "/other")
            (gone,) = (line for line in text.splitlines() if "/jobs " in line)
            assert "gone:" in gone


async def test_typing_filters_and_escape_takes_it_back(folder: Path) -> None:
    """Every word counts."""
    with picker(opener_of(folder)) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            await shows(app, "/app_mutex")
            await pilot.press(*"128 buffer shm_")
            text = screen_text(app)
            assert "/jobs" not in text
            await pilot.press("ctrl+u", *"zzz")
            assert "nothing matches" in screen_text(app)
            await pilot.press("backspace", "backspace", "backspace", *"jobs")
            # The machine has other objects, too.
            assert re.search(r"1 of \d+", screen_text(app))
            await pilot.press("escape")
            assert isinstance(app.screen, PickerScreen)
            assert "type to filter" in screen_text(app)


async def test_enter_attaches_and_the_events_say_so(folder: Path) -> None:
    """Read-only, with what the layout is known from."""
    with picker(opener_of(folder, slots=5)) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            await shows(app, "/jobs")
            await pilot.press(*"jobs", "enter")
            await reports(app, "attached to /jobs (layout as told")
            text = await shows(app, "5 × int32")
            assert "read-only" in text
            assert "3 of 5 full" in text


@pytest.mark.parametrize("typed", ["/jobs", "jobs"])
async def test_enter_takes_the_name_that_was_typed(folder: Path, typed: str) -> None:
    """Wherever the cursor was, and whatever else matches before it."""
    (folder / "app_jobs").write_bytes(ring_bytes())
    (folder / "sem.jobs_mutex").write_bytes(ring_bytes()[32:64])
    with picker(opener_of(folder, slots=5)) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            await shows(app, "/jobs_mutex")
            await pilot.press("end", *typed, "enter")
            await reports(app, "attached to /jobs (layout as told")


async def test_typing_leads_to_the_first_that_matches(folder: Path) -> None:
    """Not to what stands where the cursor was; the filter taken back, it stays on what was found."""
    (folder / "sem.jobs_mutex").write_bytes(ring_bytes()[32:64])
    with picker(opener_of(folder)) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            await shows(app, "/jobs_mutex")
            panel = app.screen.query_one(PickerPanel)
            await pilot.press("end", *"jobs")
            assert panel.chosen_object is not None
            assert panel.chosen_object.target == "/jobs"
            await pilot.press("down", "ctrl+u")
            assert panel.chosen_object.target == "/jobs_mutex"


async def test_enter_opens_a_named_semaphore(folder: Path) -> None:
    """Its value and its bytes, as ``attach`` shows it."""
    with picker(opener_of(folder)) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            await shows(app, "/app_mutex")
            await pilot.press(*"app_mutex", "enter")
            await reports(app, "attached to /app_mutex")
            await shows(app, "/app_mutex  semaphore 1")


class SlowOpener(SegmentOpener):
    """An opener on a machine that takes its time to list segments."""

    def __init__(self, options: AttachOptions) -> None:
        super().__init__(options)
        self.may_go_on = threading.Event()
        self.threads: set[int] = set()

    def survey(self) -> Survey:
        """The list, when the test lets it go on."""
        self.threads.add(threading.get_ident())
        assert self.may_go_on.wait(60)
        return super().survey()


async def test_enter_before_the_list_is_there_is_kept(folder: Path) -> None:
    """No key is lost while the list is read, which happens in another thread."""
    options = opener_of(folder, slots=5)._options
    opener = SlowOpener(options)
    with picker(opener) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            try:
                await shows(app, "looking")
                await pilot.press(*"jobs", "enter")
                assert app.dashboard.attachment is None
            finally:
                opener.may_go_on.set()
            await reports(app, "attached to /jobs")
            assert threading.get_ident() not in opener.threads


async def test_the_mouse_chooses_and_attaches(folder: Path) -> None:
    """One click chooses a row, the next takes it."""
    with picker(opener_of(folder, slots=5)) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            rows = (await shows(app, " /jobs")).splitlines()
            row = next(at for at, text in enumerate(rows) if " /jobs" in text)
            panel = app.screen.query_one(PickerPanel)
            at = (8, row - panel.region.y)
            await pilot.click(panel, offset=at)
            assert panel.chosen_object is not None
            name = panel.chosen_object.name
            await pilot.click(panel, offset=at)
            await reports(app, f"attached to {name}")


async def test_a_refusal_is_a_line_and_no_crash(folder: Path) -> None:
    """With its escape sequences as pictures."""
    evil = folder / "a\x1b[31m"
    evil.write_bytes(ring_bytes())
    with picker(opener_of(folder, slots=5)) as app:
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, "/jobs")
            evil.unlink()
            await pilot.press(*"31m", "enter")
            text = await shows(app, "does not exist")
            assert "a␛[31" in text
            assert "\x1b" not in text
            assert isinstance(app.screen, PickerScreen)


async def test_layouts_that_fit_are_a_list_to_choose_from(folder: Path) -> None:
    """Five slots or six: these bytes do not tell."""
    (folder / "jobs").write_bytes(ring_bytes(full=0, in_flight=1))
    with picker(opener_of(folder)) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            await shows(app, "/jobs")
            await pilot.press(*"jobs", "enter")
            await until(lambda: isinstance(app.screen, LayoutScreen), "the layouts")
            await pilot.press("enter")
            await reports(app, "attached to /jobs")


async def test_structs_to_choose_from_are_named(folder: Path) -> None:
    """Where several structs fit and no layout of bytes does, the options that pick one are shown."""
    (folder / "jobs").write_bytes(ring_bytes(full=0, in_flight=1))
    with picker(opener_of(folder)) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            await shows(app, "/jobs")
            why = "several structs fit /jobs: say which, as --header a:Fila, --header a:Outra"
            view = app.dashboard.view
            app.push_screen(LayoutScreen(opener_of(folder), "/jobs", (), view, why))
            await shows(app, "--header a:Outra")
            await pilot.press("escape")


@pytest.mark.parametrize("size", SIZES)
async def test_a_choice_at_the_start_is_the_list_of_layouts(
    folder: Path, size: tuple[int, int]
) -> None:
    """Raw is the last row; leaving the list with nothing open ends the dashboard."""
    choice = ("/shm_buffer", (FIVE, SIX))
    with picker(opener_of(folder), choice=choice) as app:
        async with app.run_test(size=size) as pilot:
            await shows(app, "2 layouts fit")
            assert isinstance(app.screen, LayoutScreen)
            await pilot.press("end", "enter")
            await reports(app, "shown as bytes")
    with picker(opener_of(folder), choice=choice) as left:
        async with left.run_test(size=size) as pilot:
            await shows(left, "2 layouts fit")
            await pilot.press("escape")
            await until(lambda: left.return_code is not None, "the end")
        assert left.return_code == 0


async def test_layouts_are_shown_in_words_and_filtered_by_them(folder: Path) -> None:
    """Each with the option that picks it."""
    with picker(opener_of(folder), choice=("/jobs", (FIVE, SIX))) as app:
        async with app.run_test(size=(120, 38)) as pilot:
            text = await shows(app, "2 layouts fit")
            assert option_words(FIVE) in text
            assert option_words(SIX) in text
            assert "--layout data=0:5xint32" in text
            await pilot.press(*"at 28")
            text = screen_text(app)
            assert option_words(SIX) in text
            assert option_words(FIVE) not in text
            await pilot.press("enter")
            await reports(app, "attached to /jobs")
            assert app.dashboard.latest.layout.slots == 6


async def test_going_over_closes_what_was_only_watched(folder: Path) -> None:
    """And keeps nothing of it. The graph starts anew, the events stay."""
    (folder / "bytes").write_bytes(bytes(range(64)))
    with contextlib.closing(opener_of(folder, slots=5)) as opener:
        app = DashboardApp(opener.open_raw("/bytes"), refresh_hz=NEVER_HZ, opener=opener)
        async with app.run_test(size=(120, 38)) as pilot:
            assert open_descriptors(folder / "bytes") == 1
            await pilot.press("o")
            await shows(app, "/jobs")
            await pilot.press(*"jobs", "enter")
            await reports(app, "attached to /jobs")
            assert open_descriptors(folder / "bytes") == 0
            gc.collect()
            samplers = [each.name for each in gc.get_objects() if type(each) is Sampler]
            assert "/bytes" not in samplers
            assert any("attached to /bytes" in e.text for e in app.dashboard.view.events)


async def test_going_over_leaves_a_run_going(make_buffer: MakeBuffer, folder: Path) -> None:
    """It is sampled beside the other segment, takes no commands meanwhile, and can be found again."""
    with running(make_buffer(), [Role.PRODUCER]) as run:
        home = run.app.dashboard.attachment
        assert isinstance(home, Attachment)
        with contextlib.closing(opener_of(folder, slots=5)) as opener:
            run.app.dashboard.opener = opener
            async with run.app.run_test(size=(120, 38)) as pilot:
                await pilot.press("o")
                await shows(run.app, "/jobs")
                await pilot.press(*"jobs", "enter")
                await reports(run.app, "attached to /jobs")
                await pilot.press("p")
                assert len(run.supervisor.pids) == 1
                before = home.source.sample().monotonic_ns
                run.app.tick()
                last = getattr(home.source, "last", None)
                assert last is not None
                assert last.monotonic_ns > before
                assert run.supervisor.on_event is not None
                assert run.app.dashboard.attach(home)
                run.app.tick()
                assert run.app.dashboard.latest.segment.name == run.buffer.name


async def test_without_a_way_to_segments_the_key_says_so() -> None:
    """It is not in the bar and not in the palette."""
    app = DashboardApp(None, refresh_hz=NEVER_HZ)
    async with app.run_test(size=(120, 38)) as pilot:
        for key, reason in (("o", "no way to other"), ("i", "bytes are shown"), ("n", "no lesson")):
            await pilot.press(key)
            await tells(app, reason)
        assert len(app.screen_stack) == 1
        assert "Open" not in screen_text(app)
        offered = {command.title for command in app.get_system_commands(app.screen)}
        assert "Attach to another segment, from a list" not in offered


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ascii_only", [False, True])
async def test_hostile_names_stay_inert(
    tmp_path: Path, size: tuple[int, int], ascii_only: bool
) -> None:
    """In the list and below it."""
    Path(os.fsencode(tmp_path).decode() + "/" + EVIL).write_bytes(bytes(64))
    with picker(opener_of(tmp_path), ascii_only) as app:
        async with app.run_test(size=size):
            text = await shows(app, "[bold]")
            codes = {ord(char) for char in text} - {10}
            assert not any(c < 32 or c == 0x202E or 0xD800 <= c < 0xE000 for c in codes)
            assert not ascii_only or text.isascii()


async def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    """Instead of an empty list."""
    with picker(opener_of(tmp_path)) as app:
        async with app.run_test(size=(80, 24)):
            assert "shmtui run" in await shows(app, "Nothing is shared")


NAMES = st.text(st.characters(), max_size=60)


@given(
    NAMES,
    NAMES,
    st.integers(1, 200),
    st.sampled_from([UNICODE, ASCII]),
    st.sampled_from(Content),
    st.sampled_from(Change),
    st.permutations(list(COLUMNS)).flatmap(
        lambda names: st.integers(1, 11).map(lambda n: names[:n])
    ),
)
def test_every_row_fits(
    name: str,
    owner: str,
    width: int,
    glyphs: Glyphs,
    kind: Content,
    change: Change,
    chosen: list[str],
) -> None:
    """Whatever things are called."""
    e = ObjectRow(entry(name, kind, owner=owner, looks=name, mappers=((7, owner),)), change)
    group = ObjectGroup("program", owner, (e.each, replace(e.each, mappers=((7, owner), (8, "x")))))
    longest = name_width([e, GroupRow(group)], glyphs)
    columns = columns_for(width, longest, tuple(chosen))
    rows = [object_line(GroupRow(group, folded=bool(owner)), columns, width, glyphs)]
    rows += group_detail(group, width, 3, glyphs)
    rows += [object_line(e, columns, width, glyphs), header_line(columns, width, glyphs)]
    rows += [*object_detail(e.each, width, 3, glyphs), filter_line(name, 3, 5, width, glyphs)]
    for drawn in rows:
        assert width_of(drawn) <= max(2, width)
        assert not glyphs.ascii_only or plain(drawn).isascii()
    assert sum(c.width for c in columns) <= max(2, width)


def test_columns_as_chosen() -> None:
    """In their order, the name first and what it looks like last; those that leave first go first."""
    wide = columns_for(140, 20, ("looks", "mode", "health", "kind"))
    assert [c.title for c in wide] == ["name", "mode", "health", "kind", "looks like"]
    narrow = columns_for(50, 20, ("looks", "mode", "health", "kind"))
    assert [c.title for c in narrow] == ["name", "health", "looks like"]
    assert [c.title for c in columns_for(10, 20, ("mode",))] == ["name"]


async def test_columns_are_switched_and_kept(folder: Path) -> None:
    """At once, and for the next time that the list opens."""
    with picker(opener_of(folder, slots=5)) as app:
        async with app.run_test(size=(160, 30)) as pilot:
            await shows(app, "/jobs")
            assert " mode " not in screen_text(app)
            await pilot.press("f2")
            await shows(app, "[ ] mode")
            await pilot.press(*["down"] * 4, "space", "end", "space", "escape")
            await until(lambda: isinstance(app.screen, PickerScreen), "the list")
            text = await shows(app, " mode ")
            assert "looks like" not in text
            await pilot.press(*"jobs", "enter")
            await reports(app, "attached to /jobs")
            await pilot.press("o")
            assert "looks like" not in await shows(app, " mode ")


@pytest.mark.parametrize("width", [48, 78, 118])
def test_names_that_are_alike_at_the_start_are_told_apart(width: int) -> None:
    """Another column goes before the end of a name does."""
    alike = [ObjectRow(entry(f"/acme-queue-10234-{at}-buffer")) for at in (1, 2)]
    longest = name_width(alike, UNICODE)
    for e in alike:
        assert e.each.name in plain(object_line(e, columns_for(width, longest), width, UNICODE))


@given(NAMES, st.integers(2, 80))
def test_wrapped_text_keeps_every_word(text: str, width: int) -> None:
    """No line is too wide, and nothing is lost but blanks."""
    safe = inert(text)
    lines = wrap(safe, width)
    assert all(cells(part) <= width for part in lines)
    assert "".join("".join(lines).split()) == "".join(safe.split())


def test_a_candidate_reads_as_a_sentence() -> None:
    """As the list shows it."""
    text = "7 × 4-byte items at 0, in at 28, out at 32, mutex 40, empty 72, full 104"
    assert option_words("data=0:7xint32,in=28:int32,out=32,mutex=40,empty=72,full=104") == text
    assert option_words("nonsense") == "nonsense"
