"""Findings: in the title, among the events, in full, and as news when they come and go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.events import Event, Severity
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import LayoutInfo, LayoutSource, Offsets, Slot
from shmtui.shm.value import Fields
from shmtui.snapshot import Certainty, Finding, Health, Origin, ProcessState, Snapshot, Status
from shmtui.tui.draw.processes import header_line, row_line
from shmtui.tui.draw.ring import ring_lines, values_wanted
from shmtui.tui.glyphs import ASCII, UNICODE, Glyphs
from shmtui.tui.process_rows import table_rows, without_workers
from shmtui.tui.screens.text_screens import DetailScreen
from shmtui.tui.spans import fit_line, plain, width_of
from shmtui.tui.status_line import AGREEING, status_word
from shmtui.tui.widgets.events import EventsPanel, event_text, finding_line, finding_text
from tests.conftest import MakeBuffer
from tests.tui.dashboards import draw, drawing, panel_text, running, screen_text
from tests.tui.records import NOON, process, snapshot

SIZES = [(120, 40), (80, 24), (50, 20)]


def finding(
    code: str = "dead-holder", severity: Status = Status.CRITICAL, **changes: str
) -> Finding:
    """Something wrong."""
    return Finding(
        code,
        severity,
        changes.get("claim", f"{code} it is"),
        (changes.get("evidence", "value 0 for 6 samples"), "and nothing moved"),
        Certainty.LIKELY,
        changes.get("remedy", "post it with r"),
        subject=changes.get("subject", ""),
    )


def health(*findings: Finding) -> Health:
    """The health that these make."""
    critical = any(f.severity is Status.CRITICAL for f in findings)
    worst = Status.CRITICAL if critical else Status.WARNING
    return Health(worst if findings else Status.OK, findings)


DEAD = finding()
GHOST = finding("ghost-waiter", Status.WARNING, subject="full")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("found", "badge"),
    [
        ((), "● healthy"),
        ((GHOST,), "▲ warning: ghost-waiter"),
        ((GHOST, finding("orphan", Status.WARNING)), "▲ 2 warnings"),
        ((DEAD,), "✗ critical: dead-holder"),
        ((DEAD, GHOST), "✗ critical: dead-holder +1"),
    ],
)
async def test_the_title_wears_the_badge(
    size: tuple[int, int], found: tuple[Finding, ...], badge: str
) -> None:
    """At every size."""
    app = drawing()
    async with app.run_test(size=size) as pilot:
        draw(app, snapshot(health=health(*found)))
        await pilot.pause()
        assert badge in panel_text(app, "title")


async def test_the_key_bar_offers_the_repair_once_something_is_critical(
    make_buffer: MakeBuffer,
) -> None:
    """In few columns too, and no longer than that: the bar is drawn anew."""
    with running(make_buffer(), []) as run:
        async with run.app.run_test(size=(72, 24)) as pilot:
            for found, offers in ((), False), ((DEAD,), True), ((GHOST,), False):
                draw(run.app, snapshot(health=health(*found)))
                await pilot.pause()
                assert ("r Repair" in panel_text(run.app, "keys")) == offers


def test_unjudged_health_leaves_the_word_to_the_flow() -> None:
    """Unknown is not healthy."""
    assert status_word(snapshot(health=Health())).text == "flowing"


@pytest.mark.parametrize("size", SIZES)
async def test_findings_stand_above_the_events(size: tuple[int, int]) -> None:
    """One line each, as long as they hold; both ends are events."""
    app = drawing()
    async with app.run_test(size=size) as pilot:
        draw(app, snapshot(health=Health()))
        await pilot.pause()
        draw(app, snapshot(health=health(DEAD)))
        await pilot.pause()
        rows = panel_text(app, "events").splitlines()
        assert "1 finding" in rows[0]
        assert "✗ dead-holder likely: dead-hold" in rows[1]
        assert app.dashboard.view.events[0].text == "dead-holder: dead-holder it is"
        for _sample in range(AGREEING):
            draw(app, snapshot(health=Health(Status.OK)))
        await pilot.pause()
        assert "✓ dead-holder is over" in panel_text(app, "events").splitlines()[1]
        assert "healthy" in panel_text(app, "title")


@pytest.mark.parametrize("size", SIZES)
async def test_enter_shows_evidence_and_remedy(size: tuple[int, int]) -> None:
    """Of the finding under the cursor."""
    app = drawing()
    async with app.run_test(size=size) as pilot:
        draw(app, snapshot(health=health(DEAD, GHOST)))
        await pilot.press("5", "down", "enter")
        assert isinstance(app.screen, DetailScreen)
        await pilot.pause()
        text = screen_text(app)
        for fact in ("ghost-waiter", "warning, likely", "value 0 for 6 samples", "post it with r"):
            assert fact in text
        await pilot.press("escape")
        assert not isinstance(app.screen, DetailScreen)


async def test_a_click_on_a_finding_opens_it() -> None:
    """One is enough."""
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot(health=health(DEAD)))
        await pilot.click("#events", offset=(6, 1))
        await pilot.pause()
        assert "post it with r" in screen_text(app)
        await pilot.click(offset=(2, 2))
        assert not isinstance(app.screen, DetailScreen)


async def test_an_event_too_long_for_its_line_opens_too() -> None:
    """By enter, as a finding does."""
    app = drawing()
    async with app.run_test(size=(50, 20)) as pilot:
        draw(app, snapshot(limits=("a long story " * 9 + "with an end",)))
        await pilot.press("5", "enter")
        await pilot.pause()
        assert "with an end" in screen_text(app)


async def test_the_cursor_stays_with_its_row() -> None:
    """While findings and events come in above it."""
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot(health=health(GHOST)))
        await pilot.press("5", "end")
        panel = app.query_one(EventsPanel)
        chosen = panel.chosen
        draw(app, snapshot(health=health(DEAD, GHOST)))
        await pilot.pause()
        assert panel.chosen is chosen
        await pilot.press("home")
        assert panel.chosen == DEAD


async def test_limits_are_told_once() -> None:
    """What this user may not see is an event, and the table says that there may be more."""
    limit = "what PID 9 waits on is hidden: run shmtui as root"
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        for _sample in range(5):
            draw(app, snapshot(limits=(limit,), unseen=True))
        await pilot.pause()
        assert [e.text for e in app.dashboard.view.events].count(limit) == 1
        assert "and others may" in panel_text(app, "processes")


async def test_who_comes_and_goes_is_an_event() -> None:
    """Of foreign processes; of our workers the supervisor tells."""
    worker = process(101, Role.PRODUCER)
    first = process(9, Role.UNKNOWN, name="./produtor", origin=Origin.FOREIGN)
    second = process(10, Role.CONSUMER, name="[b]x\x1b", origin=Origin.FOREIGN)
    app = drawing()
    async with app.run_test(size=(120, 40)) as pilot:
        draw(app, snapshot(processes=(worker, first)))
        draw(app, snapshot(processes=(worker, first, second)))
        await pilot.pause()
        assert "[b]x␛ (PID 10) joined as consumer?" in panel_text(app, "events")
        draw(app, snapshot(processes=(worker,)))
        await pilot.pause()
        assert "./produtor (PID 9) left" in panel_text(app, "events")


def blocked(**changes: object) -> Snapshot:
    """The course's producer, asleep where nobody can wake it."""
    p = process(
        41333,
        Role.PRODUCER,
        name="./produtor",
        origin=Origin.FOREIGN,
        state=ProcessState.BLOCKED,
        blocked_on=SemaphoreRole.EMPTY,
        wakeable=False,
        user="ana",
        threads=3,
        since=NOON,
        **changes,
    )
    return snapshot(processes=(p,))


@pytest.mark.parametrize(
    ("width", "said"), [(116, "empty ✗ can't wake"), (46, "empty ✗ can't wake")]
)
def test_who_cannot_be_woken_is_marked(width: int, said: str) -> None:
    """In words where there is room, by colour and glyph always."""
    rows = table_rows(blocked())
    assert without_workers(rows)
    drawn = row_line(rows[1], width, False, UNICODE, True)
    assert said in plain(drawn)
    assert any(span.style == "bad" for span in drawn)


def test_foreign_processes_show_what_proc_knows() -> None:
    """User, threads, since when: they keep no record of items."""
    rows = table_rows(blocked())
    titles = plain(header_line(116, UNICODE, True))
    assert all(word in titles for word in ("user", "threads", "since", "libc"))
    assert "ana" in plain(row_line(rows[1], 116, False, UNICODE, True))
    mixed = table_rows(snapshot())
    assert not without_workers(mixed)


@given(st.integers(1, 250), st.booleans(), st.sampled_from([UNICODE, ASCII]))
def test_both_tables_keep_their_columns(width: int, foreign: bool, glyphs: Glyphs) -> None:
    """Every row is as wide as the titles at most."""
    for row in table_rows(blocked(libc=None)):
        drawn = fit_line(row_line(row, width, True, glyphs, foreign), width, glyphs.ellipsis)
        assert width_of(drawn) == width
        assert not glyphs.ascii_only or plain(drawn).isascii()
    assert width_of(header_line(width, glyphs, foreign)) <= width


def structs(slots: int, value: object, shown: int) -> Snapshot:
    """A ring of structs."""
    layout = LayoutInfo(LayoutSource.HEADER, slots, "struct Job", 40, Offsets(0, 400, 404))
    values = tuple(Slot(i, value, i in {1, 2, 3}) for i in range(min(shown, slots)))  # type: ignore[arg-type]
    return replace(snapshot(slots, 4, 1, 3, layout=layout), slots=values)


def test_structs_are_listed_a_line_each() -> None:
    """With index, full or empty, and where in and out point."""
    value = Fields((("id", 7), ("name", "ana"), ("xs", (1, 2))))
    assert values_wanted(5, 60, 8, compound=True) == 5
    rows = [plain(row).rstrip() for row in ring_lines(structs(5, value, 5), 60, 8, UNICODE)]
    assert '1 ● {id: 7, name: "ana", xs: [1, 2]} ← out' in rows
    assert any(row.startswith("4 ○ {id: 7") and row.endswith("← in") for row in rows)
    assert values_wanted(500, 60, 8, compound=True) == 0


@given(
    st.text(st.characters(), max_size=80) | st.tuples(st.integers(), st.text(max_size=20)),
    st.integers(1, 40),
    st.integers(8, 160),
    st.integers(1, 40),
    st.sampled_from([UNICODE, ASCII]),
)
def test_hostile_items_stay_in_their_lines(
    value: object, slots: int, width: int, height: int, glyphs: Glyphs
) -> None:
    """A string in a struct is as hostile as a name."""
    rows = ring_lines(structs(slots, value, slots), width, height, glyphs)
    assert len(rows) <= height
    for drawn in rows:
        assert width_of(drawn) <= width
        assert not any(ord(c) < 32 for c in plain(drawn))
        assert not glyphs.ascii_only or plain(drawn).isascii()


TEXTS = st.text(st.characters(), max_size=120)


@given(TEXTS, TEXTS, TEXTS, st.integers(1, 150), st.sampled_from([UNICODE, ASCII]))
def test_findings_fit_and_are_inert(
    claim: str, evidence: str, remedy: str, width: int, glyphs: Glyphs
) -> None:
    """Their texts quote names of processes."""
    f = finding(claim=claim, evidence=evidence, remedy=remedy)
    assert width_of(finding_line(f, width, glyphs)) <= width
    rows = [
        *finding_text(f, max(40, width), glyphs),
        *event_text(Event(NOON, Severity.BAD, claim), 40, glyphs),
    ]
    for drawn in rows:
        assert width_of(drawn) <= max(40, width)
        assert not any(ord(c) < 32 for c in plain(drawn))
        assert not glyphs.ascii_only or plain(drawn).isascii()
