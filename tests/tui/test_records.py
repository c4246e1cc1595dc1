"""What lies between a snapshot and a panel: rows, flow, history, places, themes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region

from shmtui.shm.item_counts import Method, Throughput
from shmtui.shm.protocol import Role
from shmtui.snapshot import Health, ProcessState, Status
from shmtui.tui.panel_layout import PANELS, arrange
from shmtui.tui.process_rows import Group, table_rows
from shmtui.tui.rate_history import RateHistory
from shmtui.tui.status_line import AGREEING, Activity, Debounced, flow, status_word
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.processes import ProcessesPanel
from tests.tui.records import process, snapshot


def test_flow_comes_from_the_snapshot_alone() -> None:
    """Full and empty first, then whether anything moves, and unknown stays unknown."""
    assert flow(snapshot(occupancy=5)) is Activity.FULL
    assert flow(snapshot(occupancy=0)) is Activity.EMPTY
    assert flow(snapshot()) is Activity.FLOWING
    assert flow(snapshot(throughput=Throughput(0.0, 0.0, Method.COUNTERS))) is Activity.IDLE
    assert flow(snapshot(throughput=Throughput())) is Activity.UNKNOWN


def test_health_speaks_once_it_has_been_judged() -> None:
    """Until then the flow does."""
    assert status_word(snapshot(health=Health(Status.CRITICAL))).text == "critical"
    assert status_word(snapshot()).text == "flowing"


def test_a_verdict_changes_when_samples_agree() -> None:
    """A buffer at the edge does not make the title flicker."""
    steady: Debounced[str] = Debounced()
    assert steady.update("full") == "full"
    assert [steady.update("flowing") for _ in range(AGREEING)][-2:] == ["full", "flowing"]


def _apart(one: Region, other: Region) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


@given(
    st.integers(0, 260),
    st.integers(0, 80),
    st.none() | st.sampled_from(PANELS),
    st.integers(2, 40),
)
def test_no_two_panels_overlap(width: int, height: int, maximised: str | None, rows: int) -> None:
    """Every cell of the screen belongs to one panel at most, and none hangs over the edge."""
    placed = list(arrange(width, height, maximised, rows).values())
    for at, box in enumerate(placed):
        assert min(box.x, box.y) >= 0
        assert min(box.width, box.height) > 0
        assert box.x + box.width <= width
        assert box.y + box.height <= height
        assert all(_apart(box, other) for other in placed[at + 1 :])


@pytest.mark.parametrize("size", [(80, 24), (120, 38), (120, 40), (200, 60), (72, 22)])
def test_all_panels_show_from_80_by_24_on(size: tuple[int, int]) -> None:
    """And the table has room for a few processes."""
    boxes = arrange(*size)
    assert set(PANELS) <= set(boxes)
    assert boxes["processes"].height >= 6


def test_50_by_20_keeps_what_matters() -> None:
    """Occupancy, rates and processes."""
    assert {"ring", "throughput", "processes"} <= set(arrange(50, 20))


def test_the_choice_follows_its_process() -> None:
    """And where it is gone, stays where the eye is."""
    panel = ProcessesPanel()

    def show(*pids: int) -> list[str | int]:
        processes = tuple(process(pid, Role.PRODUCER) for pid in pids)
        panel.show(ViewModel(snapshot(processes=processes)))
        return [row.key for row in panel.items]

    assert show(1, 2, 3) == ["producers", 1, 2, 3, "consumers"]
    panel.go(3)
    show(1, 3)
    assert panel.at == 2
    show(1, 4, 5)
    assert panel.at == 2
    panel.go(3)
    show()
    assert panel.at == 1


def test_a_group_totals_its_members_and_counts_the_living() -> None:
    """Items of the dead were produced all the same; their rate is gone."""
    dead = process(2, Role.PRODUCER, state=ProcessState.ENDED, ending="exit code 3")
    group = table_rows(snapshot(processes=(process(1, Role.PRODUCER), dead)))[0]
    assert isinstance(group, Group)
    assert (len(group.alive), group.rate, group.items) == (1, 1.0, 20)


def test_strangers_have_a_group_of_their_own() -> None:
    """Only where there are any."""
    rows = table_rows(snapshot(processes=(process(1, Role.UNKNOWN), process(2, Role.OBSERVER))))
    assert [row.key for row in rows] == ["producers", "consumers", "others", 1, 2]


def test_history_keeps_a_minute_in_a_fixed_number_of_buckets() -> None:
    """Old samples leave, and gaps stay gaps."""
    history = RateHistory()
    for tenth in range(2000):
        history.add(tenth * 10**8, float(tenth), 1.0)
    series = history.series(60)
    assert len(series) == 60
    assert series[0] is not None
    assert 1380 <= series[0][0] <= 1420
    assert series[-1] is not None
    assert series[-1][0] == pytest.approx(1995, abs=10)
    assert history.peak()[0] == pytest.approx(1999, abs=2)
    history.add(10**12, None, None)
    assert set(history.series(60)) == {None}
    assert history.peak() == (0.0, 0.0)


def test_history_columns_do_not_shimmer() -> None:
    """What a column showed it still shows one place further left."""
    history = RateHistory()
    for tenth in range(600):
        history.add(tenth * 10**8, float(tenth % 37), 1.0)
    before = history.series(60)
    for tenth in range(600, 610):
        history.add(tenth * 10**8, float(tenth % 37), 1.0)
    after = history.series(60)
    assert after[:-2] == before[1:-1]


@given(st.integers(0, 10**13), st.integers(2, 600), st.integers(1, 2))
def test_history_gives_as_many_columns_as_asked(start: int, columns: int, group: int) -> None:
    """For any width of graph, wherever the clock stands."""
    history = RateHistory()
    history.add(start, 1.0, 2.0)
    series = history.series(columns, group)
    assert len(series) == columns
    assert (1.0, 2.0) in series[-2 * group :]
