"""What the drawing functions promise at every size, for every buffer and every name."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.events import Event, Severity
from shmtui.procfs.identity import describe_exit
from shmtui.sanitize import inert
from shmtui.shm.item_counts import Method, Throughput
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, SemaphoreRole, step_name
from shmtui.shm.segment_info import SegmentInfo, SemaphoreState
from shmtui.shm.sync_object import SyncObject
from shmtui.snapshot import Health, ProcessState, Status
from shmtui.tui.draw import ring
from shmtui.tui.draw import ring_strip as strip
from shmtui.tui.draw.graph import graph_lines
from shmtui.tui.draw.keys import folded, help_lines, key_bar, list_help
from shmtui.tui.draw.processes import header_line, protocol_lines, row_line
from shmtui.tui.draw.ring_slots import GRID_MOST
from shmtui.tui.draw.ring_strip import mark_line
from shmtui.tui.draw.semaphores import footer as semaphores_footer
from shmtui.tui.draw.semaphores import semaphore_lines
from shmtui.tui.draw.throughput import now_lines, throughput_lines
from shmtui.tui.draw.title import title_line
from shmtui.tui.glyphs import ASCII, UNICODE, Glyphs
from shmtui.tui.key import LIVE_BYTES, REPLAY
from shmtui.tui.keys import KEYS
from shmtui.tui.process_rows import GroupMember, table_rows
from shmtui.tui.rate_history import RateHistory
from shmtui.tui.spans import Line, cells, clip, fit, fit_line, plain, width_of
from shmtui.tui.status_line import status_word
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.events import event_line
from tests.tui.records import NOON, process, snapshot

WIDTHS = st.integers(20, 250)
HEIGHTS = st.integers(1, 60)
GLYPHS = st.sampled_from([UNICODE, ASCII])
NAMES = st.text(st.characters(), max_size=40)


def check(lines: list[Line], width: int, height: int, glyphs: Glyphs) -> None:
    """No line is too wide, none too many, and ASCII means ASCII."""
    assert len(lines) <= height
    for drawn in lines:
        assert width_of(drawn) <= width
        assert "\n" not in plain(drawn)
        assert not glyphs.ascii_only or plain(drawn).isascii()


Ring = tuple[int, int | None, int | None, int | None]


@st.composite
def rings(draw: st.DrawFn) -> Ring:
    """Slots, in, out, occupancy: sound, unknown, or out of bounds."""
    slots = draw(st.integers(1, 10**7) | st.integers(1, 70))
    out = draw(st.integers(0, slots - 1))
    occupancy = draw(st.none() | st.integers(0, slots))
    in_ = (out + (occupancy or 0)) % slots
    stray = st.none() | st.integers(-(2**31), 2**31 - 1)
    return slots, draw(st.just(in_) | stray), draw(st.just(out) | stray), occupancy


@given(rings(), WIDTHS, HEIGHTS, GLYPHS)
def test_a_ring_of_any_length_fits_its_panel(
    facts: Ring, width: int, height: int, glyphs: Glyphs
) -> None:
    """Whatever the indices say, the ring draws inside its box and does not raise."""
    slots, in_, out, occupancy = facts
    wanted = ring.values_wanted(slots, width, height)
    assert wanted <= GRID_MOST
    s = snapshot(slots, in_, out, occupancy, shown=wanted)
    check(ring.ring_lines(s, width, height, glyphs), width, height, glyphs)
    assert isinstance(ring.footer(s, width, height, glyphs), str)
    check(semaphore_lines(s, True, width, height, glyphs), width, height, glyphs)


@given(st.integers(1, 3000), st.data())
def test_groups_count_what_the_slots_hold(slots: int, data: st.DataObject) -> None:
    """The arithmetic agrees with counting the slots one by one."""
    out = data.draw(st.integers(0, slots - 1))
    occupancy = data.draw(st.integers(0, slots))
    size = data.draw(st.integers(1, slots))
    full = [(index - out) % slots < occupancy for index in range(slots)]
    groups = [full[at : at + size] for at in range(0, slots, size)]
    expected = [sum(group) / len(group) for group in groups]
    assert strip.group_fill(slots, out, occupancy, size) == pytest.approx(expected)


@given(st.integers(1, 10**7), WIDTHS, st.integers(1, 50))
def test_every_slot_has_a_glyph_and_every_row_fits(slots: int, width: int, rows: int) -> None:
    """All slots are shown, and no row is longer than the panel is wide."""
    plan = strip.strip_shape(slots, width, rows)
    groups = strip.ceil_div(slots, plan.size)
    assert plan.per_row * plan.pitch <= width
    assert strip.ceil_div(groups, plan.per_row) <= rows


@given(st.integers(0, 79), st.integers(0, 79), st.integers(20, 80), GLYPHS)
def test_both_marks_are_readable(in_x: int, out_x: int, width: int, glyphs: Glyphs) -> None:
    """Two arrows, or one where both point at the same cell."""
    in_x, out_x = in_x % width, out_x % width
    drawn = plain(mark_line(in_x, out_x, width, glyphs))
    assert cells(drawn) == width
    assert drawn[in_x] == drawn[out_x] == glyphs.up
    assert drawn.count(glyphs.up) == (1 if in_x == out_x else 2)


def test_marks_on_one_slot_keep_both_words() -> None:
    """Where in and out meet is the moment that matters: it is said in words."""
    drawn = ring.ring_lines(snapshot(5, 2, 2, 5, shown=5), 60, 8, UNICODE)
    assert any("out ▲ in" in plain(row) for row in drawn)


def test_an_unknown_occupancy_is_said_and_not_guessed() -> None:
    """No figure, no bar, and every slot is a question."""
    rows = [plain(row) for row in ring.ring_lines(snapshot(9000, 3, 3, None), 60, 8, UNICODE)]
    assert "occupancy unknown" in rows[-1]
    assert "?" in rows[0]
    assert not any("█" in row or "·" in row for row in rows)


def test_an_index_out_of_bounds_is_named() -> None:
    """It points at no slot, so it is written down instead."""
    text = ring.footer(snapshot(5, 7, 1, None), 60, 8, UNICODE)
    assert "in 7 is outside 0..4" in text


@given(NAMES, st.integers(0, 60), st.sampled_from("<>^"))
def test_fitted_text_takes_exactly_its_room(name: str, width: int, align: str) -> None:
    """Wide characters included."""
    assert cells(fit(inert(name), width, align)) == width
    assert cells(clip(inert(name), width)) <= width


@given(NAMES, WIDTHS, GLYPHS, st.sampled_from(list(ProcessState)))
def test_hostile_names_keep_the_columns(
    name: str, width: int, glyphs: Glyphs, state: ProcessState
) -> None:
    """Whatever a process calls itself, its row is as wide as the others."""
    ending = name if state is ProcessState.ENDED else None
    p = process(
        7, Role.PRODUCER, name=name, state=state, blocked_on=SemaphoreRole.EMPTY, ending=ending
    )
    s = snapshot(processes=(p, process(8, Role.OBSERVER, name=name, target_rate=math.inf)))
    rows = [fit_line(row_line(row, width, True, glyphs), width) for row in table_rows(s)]
    rows.append(fit_line(header_line(width, glyphs), width))
    assert {width_of(row) for row in rows} == {width}
    check(semaphore_lines(s, False, width, 8, glyphs), width, 8, glyphs)
    check([event_line(Event(NOON, Severity.BAD, name), width, glyphs)], width, 1, glyphs)


@given(st.integers(1, 250), st.booleans(), st.booleans(), GLYPHS, NAMES)
def test_the_title_is_one_full_line(
    width: int, frozen: bool, read_only: bool, glyphs: Glyphs, name: str
) -> None:
    """At any width, and the status_word is never what gives way."""
    segment = SegmentInfo(name, 128, 27, 0o600, "me", unlinked=True)
    view = ViewModel(
        snapshot=snapshot(segment=segment),
        glyphs=glyphs,
        frozen=frozen,
        read_only=read_only,
        status_word=status_word(snapshot()),
    )
    drawn = title_line(view, width)
    assert width_of(drawn) == width
    assert width < 12 or "flowing" in plain(drawn)


def test_the_title_names_everything_where_there_is_room() -> None:
    """Name, shape, size, mode, inode, rate of refresh, uptime."""
    text = plain(
        title_line(ViewModel(snapshot=snapshot(), status_word=status_word(snapshot())), 120)
    )
    for fact in ("/shm_buffer", "5 × int32", "128 B", "0600", "inode 27", "10 Hz", "00:03:41"):
        assert fact in text
    assert "read-only" in plain(title_line(ViewModel(snapshot=snapshot(), read_only=True), 120))


def test_the_title_says_what_became_of_the_name() -> None:
    """Unlinked is one thing; that another segment has the name now is worse."""
    for replaced, word in ((False, " unlinked"), (True, " replaced")):
        segment = SegmentInfo("/x", 128, 27, 0o600, "me", unlinked=True, replaced=replaced)
        assert word in plain(title_line(ViewModel(snapshot=snapshot(segment=segment)), 80))


@given(
    st.lists(st.none() | st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), max_size=200),
    WIDTHS,
    HEIGHTS,
    GLYPHS,
)
def test_a_graph_fills_its_box(
    series: list[tuple[float, float] | None], width: int, height: int, glyphs: Glyphs
) -> None:
    """Odd heights are used up; every line is exactly as wide as asked."""
    drawn = graph_lines(series, width, height, glyphs)
    assert all(width_of(row) == width for row in drawn)
    assert len(drawn) in {0, height - (height + 1) % 2}
    check(drawn, width, height, glyphs)


@given(WIDTHS, HEIGHTS, GLYPHS, st.sampled_from(list(Method)))
def test_throughput_fits(width: int, height: int, glyphs: Glyphs, method: Method) -> None:
    """In every layout of its panel, by every method."""
    s = snapshot(throughput=Throughput(5214.0, None, method))
    history = RateHistory()
    history.add(10**12, 5214.0, 5198.0)
    rows = throughput_lines(s, history, width, height, glyphs)
    check(rows, width, height, glyphs)


def test_a_lower_bound_is_never_a_plain_number_and_unknown_no_number() -> None:
    """How a figure is known decides how it is written."""

    def text(method: Method) -> str:
        s = snapshot(throughput=Throughput(50.0, 50.0, method), totals=None)
        return "\n".join(plain(row) for row in now_lines(s, (50.0, 50.0), 9, UNICODE))

    assert "≥ 50 /s" in text(Method.LOWER_BOUND)
    assert text(Method.UNKNOWN).count("unknown") == 2  # once a side
    assert "50" not in text(Method.UNKNOWN)
    assert "exact" in text(Method.COUNTERS)


def test_a_total_is_one_of_all_items_or_is_not_there() -> None:
    """Where programs of others took part, the workers' own count is none of the ring."""

    def text(**changes: bool) -> str:
        s = snapshot(throughput=Throughput(0.0, 0.0, Method.COUNTERS), **changes)
        return "\n".join(plain(row) for row in now_lines(s, (50.0, 50.0), 9, UNICODE))

    assert "consumed in all" in text()
    assert "consumed in all" not in text(guests=True)


def test_waiters_are_named() -> None:
    """A count alone does not tell whom to look at."""
    waiting = process(
        9,
        Role.CONSUMER,
        name="consumer 2",
        state=ProcessState.BLOCKED,
        blocked_on=SemaphoreRole.FULL,
    )
    semaphores = {**snapshot().semaphores, SemaphoreRole.FULL: SemaphoreState(0, 2, True)}
    s = snapshot(processes=(waiting,), semaphores=semaphores)
    text = "\n".join(plain(row) for row in semaphore_lines(s, True, 60, 8, UNICODE))
    assert "2 waiting ← consumer 2 +1" in text


def test_that_waiters_are_private_is_not_cut() -> None:
    """Where there is little room, the word that goes is *waiting*."""
    semaphores = {**snapshot().semaphores, SemaphoreRole.FULL: SemaphoreState(0, 2, False)}
    text = [semaphore_lines(snapshot(semaphores=semaphores), True, w, 8, UNICODE) for w in (60, 36)]
    wide, narrow = ("\n".join(map(plain, rows)) for rows in text)
    assert "2 waiting (private!)" in wide
    assert "2 (private!)" in narrow


def permits_text(settled: bool, **changes: Any) -> str:
    """The semaphores of a buffer that differs by ``changes``."""
    rows = semaphore_lines(snapshot(**changes), settled, 60, 8, UNICODE)
    return "\n".join(plain(row) for row in rows)


def test_the_invariant_is_claimed_only_where_it_is_known() -> None:
    """A tick and a cross need every holder known; else a weaker line stands there."""
    assert "✓ empty 2 + full 3 + in flight 0 = 5" in permits_text(True)
    assert "✗ empty 2 + full 3 + in flight 1 = 6, not 5" in permits_text(True, in_flight=1)
    unknown = permits_text(True, in_flight=None)
    assert "in flight unknown" in unknown
    assert "✓" not in unknown


def test_one_wrong_sample_is_no_contradiction() -> None:
    """Samples are not atomic: only several that agree make a cross."""
    text = permits_text(False, in_flight=1)
    assert "✗" not in text
    assert "~" in text


@given(st.integers(1, 250), st.booleans(), GLYPHS)
def test_the_key_bar_fits_and_its_buttons_lie_in_it(
    width: int, read_only: bool, glyphs: Glyphs
) -> None:
    """Help and quit are the last to go."""
    drawn, buttons = key_bar(width, ViewModel(read_only=read_only, glyphs=glyphs))
    assert width_of(drawn) == width
    assert all(0 <= t.start < t.stop <= width for t in buttons)
    if width >= 20:
        assert "Help" in plain(drawn)
        assert "Quit" in plain(drawn)


def test_what_repairs_is_in_the_key_bar_as_long_as_something_is_critical() -> None:
    """On 80 columns it is left out else."""
    for status in Status:
        view = ViewModel(snapshot=snapshot(health=Health(status)))
        assert ("Repair" in plain(key_bar(80, view)[0])) == (status is Status.CRITICAL)


def test_help_lists_every_binding() -> None:
    """Help is made from the table, so nothing that a key does is left out."""
    text = "\n".join(plain(row) for row in help_lines(ViewModel()))
    for key in KEYS:
        assert key.help in text
        assert key.shown in text


def test_help_names_a_key_once_where_two_have_it() -> None:
    """In a recording g asks for a time, so it goes to no first row there."""

    def first_row(missing: frozenset[str]) -> list[str]:
        rows = (plain(row) for row in help_lines(ViewModel(missing=missing)))
        return next(row for row in rows if "First row, last row" in row).split()

    assert "g" in first_row(frozenset({REPLAY, LIVE_BYTES}))
    assert "g" not in first_row(frozenset({LIVE_BYTES}))


def test_help_names_keys_by_what_can_be_printed() -> None:
    """Unicode has control characters by the names tab and delete: one of them would move the cursor."""
    text = "".join(plain(row) for row in (*help_lines(ViewModel()), *list_help(ViewModel())))
    assert text.isprintable()


@pytest.mark.parametrize("width", [32, 46, 72, 200])
def test_help_is_whole_at_any_width(width: int) -> None:
    """What has no room goes on below."""
    rows = folded(help_lines(ViewModel()), width)
    assert all(width_of(row) <= width for row in rows if len(row) > 1)
    text = " ".join(" ".join(plain(row) for row in rows).split())
    for key in KEYS:
        assert key.help in text


def test_read_only_help_lists_nothing_that_changes_anything() -> None:
    """What is off is not shown."""
    text = "\n".join(plain(row) for row in help_lines(ViewModel(read_only=True)))
    assert not [key.help for key in KEYS if key.changes and key.help in text]


def test_an_ended_process_says_how() -> None:
    """In the place of what it no longer does."""
    dead = process(2, Role.PRODUCER, state=ProcessState.ENDED, ending="killed by SIGKILL")
    assert "killed by SIGKILL" in plain(row_line(GroupMember(dead, True), 116, False, UNICODE))
    told = process(2, Role.PRODUCER, state=ProcessState.ENDED, ending=describe_exit(0), items=41)
    row = plain(row_line(GroupMember(told, True), 116, False, UNICODE))
    assert row.count("ended") == 1
    assert "41" in row


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=repr)
@pytest.mark.parametrize("width", [44, 76, 118])
def test_places_in_the_protocol(width: int, glyphs: Glyphs) -> None:
    """Each stepped worker is drawn before its step, at any width, and nobody else is."""
    mark = glyphs.states[ProcessState.STEPPING]
    for role in (Role.PRODUCER, Role.CONSUMER):
        for step in PROTOCOL_STEPS:
            name = step_name(role, step)
            crew = (
                process(1, role, name=f"{role} 1", state=ProcessState.STEPPING, step=name),
                process(2, role, name=f"{role} 2", step=name),
            )
            (drawn,) = protocol_lines(crew, width, glyphs)
            assert width_of(drawn) <= width
            text = plain(drawn)
            assert f"{mark}{name}" in text
            assert str(role) in text
            assert "2" not in text
    assert protocol_lines((process(2, Role.PRODUCER),), width, glyphs) == []


@pytest.mark.parametrize(
    ("width", "shown"), [(60, "empty=vazio"), (44, "empty=vazio"), (34, "empty ")]
)
def test_a_role_has_the_programs_own_name_where_there_is_room(width: int, shown: str) -> None:
    """Beside the word for the role; a name that is that word stands once."""
    sync = (
        SyncObject("vazio", "sem_t", SemaphoreRole.EMPTY, 64, 0),
        SyncObject("mutex", "sem_t", SemaphoreRole.MUTEX, 32, 1),
    )
    s = snapshot(sync=sync)
    text = "\n".join(plain(row) for row in semaphore_lines(s, True, width, 8, UNICODE))
    assert shown in text
    assert "mutex=" not in text


def test_every_lock_is_listed_by_its_own_name() -> None:
    """Those without a role in the ring, and a word that no layout explains, with who sleeps there."""
    sync = (
        SyncObject("log", "pthread_mutex_t", None, 128, 0, owner=77, owner_dead=True),
        SyncObject("done[1]", "sem_t", None, 168, 0, waiters=1),
    )
    one = process(9, Role.UNKNOWN, name="writer", state=ProcessState.BLOCKED, sleeps_on=("log",))
    two = replace(one, pid=10, name="odd", sleeps_on=("byte 400",))
    s = snapshot(processes=(one, two), sync=sync)
    text = "\n".join(plain(row) for row in semaphore_lines(s, True, 70, 9, UNICODE))
    assert "log      mutex held by 77 ✗ it died  ← writer" in text
    assert "done[1]  semaphore 0  1 waiting" in text
    assert "byte 400  ← odd" in text
    assert text.startswith("mutex "), "the three roles stand first"


def test_the_indices_of_a_ring_without_a_lock() -> None:
    """In the place of semaphores: what each index is called and holds, and who stores it if that was
    seen; that nothing tells who waits.
    """
    producer = process(7, Role.PRODUCER, name="feed", state=ProcessState.SPINNING)
    other = process(8, Role.UNKNOWN, name="log", state=ProcessState.ASLEEP)
    s = snapshot(processes=(producer, other), semaphores={}, in_=12, out=9)
    layout = replace(s.layout, slots=8, lock_free=True, index_names=("head\x1b", "tail"))
    s = replace(s, layout=layout)
    rows = [plain(row) for row in semaphore_lines(s, True, 60, 5, UNICODE)]
    assert rows[0].endswith("12  ← feed")
    assert "\x1b" not in rows[0]
    assert rows[1:] == ["out (tail) 9  ← unknown", "no lock is known: nothing tells who waits"]
    assert semaphores_footer(s) == "indices that run on"
