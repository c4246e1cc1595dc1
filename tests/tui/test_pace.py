"""The dashboard looks seldom while nothing moves, sees the first change at once, and says how often it looks."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from shmtui.monitor.sampler import Sampler
from shmtui.recording.recorder import Recorder
from shmtui.recording.writer import RecordingWriter
from shmtui.session.opener import Attachment
from shmtui.tui.app import DashboardApp
from shmtui.tui.pace import GLANCE_SECONDS, REST_AFTER, REST_SECONDS, UNSEEN_SECONDS, Pace
from shmtui.tui.served_dashboard import ServedDashboard
from tests.conftest import MakeBuffer, join
from tests.tui.dashboards import NEVER_HZ, panel_text, watching

LENGTH = 20.0
"""Seconds that are counted, by a clock that the test turns."""


class Time:
    """The clock of the app, which stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The time that the app goes by."""
    found = Time()
    monkeypatch.setattr("shmtui.tui.frames.time", found)
    return found


def samples_in(app: DashboardApp, clock: Time, seconds: float) -> int:
    """How many samples it takes in so many seconds, by its own intervals."""
    taken, sample = 0, app.dashboard.sample

    def counting() -> bool:
        nonlocal taken
        taken += 1
        return sample()

    app.dashboard.sample = counting  # type: ignore[method-assign]
    end = clock.now + seconds
    while clock.now < end:
        clock.now += app.frames.on_interval()
    app.dashboard.sample = sample  # type: ignore[method-assign]
    return taken


def shown_hz(app: DashboardApp) -> float | None:
    """The rate in the title; None where there is none."""
    found = re.search(r"([0-9.]+) Hz", panel_text(app, "title"))
    return None if found is None else float(found[1])


def dashboard(app: DashboardApp) -> DashboardApp:
    """The app at the usual rate. Its own timer is stopped: the test calls the intervals."""
    app.frames.stop()
    app.frames._pace = Pace(10.0)
    app.frames._slow_seconds = 0.0
    app.dashboard.view = replace(app.dashboard.view, refresh_hz=10.0)
    return app


async def test_at_rest_it_looks_as_often_as_it_says(make_buffer: MakeBuffer, clock: Time) -> None:
    """And with the first change it is at the full rate again, in the interval that sees it."""
    buffer = make_buffer(5)
    ring = join(buffer)
    with watching(buffer.name) as made:
        async with made.run_test(size=(120, 40)):
            app = dashboard(made)
            samples_in(app, clock, 2 * REST_AFTER)
            count = samples_in(app, clock, LENGTH)
            assert shown_hz(app) == 1 / REST_SECONDS
            assert count == pytest.approx(LENGTH / REST_SECONDS, abs=1)
            assert "at rest" in panel_text(app, "title")
            assert ring.put(7)
            assert app.frames.on_interval() <= GLANCE_SECONDS
            assert app.dashboard.latest.occupancy == 1
            assert shown_hz(app) == 10.0
            assert "1 of 5 full" in panel_text(app, "ring")


async def test_while_items_move_each_interval_looks(make_buffer: MakeBuffer, clock: Time) -> None:
    """At the rate that the title has."""
    buffer = make_buffer(5)
    ring = join(buffer)
    with watching(buffer.name) as made:
        async with made.run_test(size=(120, 40)):
            app = dashboard(made)
            count = 0
            for _interval in range(100):
                assert ring.put(1)
                count += samples_in(app, clock, 0.05)
                assert ring.get() == 1
                count += samples_in(app, clock, 0.05)
            assert shown_hz(app) == 10.0
            assert count == pytest.approx(200, abs=2)


async def test_a_frozen_display_is_sampled_seldom_and_says_no_rate(
    make_buffer: MakeBuffer, clock: Time
) -> None:
    """Whatever moves: nothing of it is drawn. Thawed, it shows what is there."""
    buffer = make_buffer(5)
    ring = join(buffer)
    with watching(buffer.name) as made:
        async with made.run_test(size=(120, 40)):
            app = dashboard(made)
            samples_in(app, clock, 1)
            app.action_freeze()
            assert ring.put(7)
            assert samples_in(app, clock, LENGTH) <= LENGTH / UNSEEN_SECONDS + 1
            assert "FROZEN" in panel_text(app, "title")
            assert shown_hz(app) is None
            assert "0 of 5 full" in panel_text(app, "ring")
            app.action_freeze()
            assert "1 of 5 full" in panel_text(app, "ring")
            assert shown_hz(app) == 10.0
            app.frames.stop()


async def test_a_served_screen_is_sampled_seldom_while_no_browser_looks(
    make_buffer: MakeBuffer, clock: Time
) -> None:
    """Whatever moves. Who comes sees it as it is, within an interval."""
    buffer = make_buffer(5)
    ring = join(buffer)
    viewers = 0
    with contextlib.closing(Sampler(buffer.name)) as sampler:
        made = ServedDashboard(Attachment(sampler), show=lambda _rows: None, refresh_hz=NEVER_HZ)
        made.viewers = lambda: viewers
        async with made.run_test(size=(120, 40)):
            app = dashboard(made)
            samples_in(app, clock, 1)
            assert ring.put(7)
            assert samples_in(app, clock, LENGTH) <= LENGTH / UNSEEN_SECONDS + 1
            assert shown_hz(app) == 1 / UNSEEN_SECONDS
            samples_in(app, clock, 1)
            assert ring.put(8)
            viewers = 1
            app.frames.on_interval()
            assert "2 of 5 full" in panel_text(app, "ring")
            assert shown_hz(app) == 10.0


async def test_a_recording_has_each_change_while_the_display_is_frozen(
    make_buffer: MakeBuffer, clock: Time, tmp_path: Path
) -> None:
    """Somebody may have frozen it to read, and wants to see later what came meanwhile."""
    buffer = make_buffer(5)
    ring = join(buffer)
    with watching(buffer.name) as made:
        async with made.run_test(size=(120, 40)):
            app = dashboard(made)
            app.dashboard.recorder = Recorder(RecordingWriter(tmp_path / "frozen.rec"))
            app.action_freeze()
            for item in range(5):
                assert ring.put(item)
                samples_in(app, clock, 0.1)
                assert app.dashboard.latest.occupancy == item + 1


async def test_what_settles_the_status_needs_no_look(make_buffer: MakeBuffer, clock: Time) -> None:
    """A glance that shows the last sample again agrees with it."""
    buffer = make_buffer(5)
    ring = join(buffer)
    with watching(buffer.name) as made:
        async with made.run_test(size=(120, 40)):
            app = dashboard(made)
            samples_in(app, clock, 2 * REST_AFTER)
            assert ring.put(1)
            app.frames.on_interval()
            assert samples_in(app, clock, 0.4) == 0
            assert app.dashboard.view.balance_settled


@pytest.mark.parametrize(
    ("hz", "unseen", "wanted"),
    [(10, False, 1.0), (1, False, 1.0), (0.5, False, 2.0), (60, True, 2.5)],
)
def test_the_pace_at_rest(hz: float, unseen: bool, wanted: float) -> None:
    """It is never faster than the user wants."""
    pace, now = Pace(hz), 0.0
    seen: list[float] = []
    while now < 60:
        if pace.due(now, never, unseen=unseen):
            pace.looked(now)
            seen.append(now)
        now += pace.pause(now)
    late = [at for at in seen if at > 2 * REST_AFTER]
    apart = (late[-1] - late[0]) / (len(late) - 1)
    assert apart == pytest.approx(wanted, rel=0.1)
    assert pace.seconds(now) == wanted


def test_who_comes_back_sees_it_as_it_is() -> None:
    """Without waiting for the next look that would have been due."""
    pace = Pace(10)
    assert pace.due(0.0, never, unseen=True)
    pace.looked(0.0)
    assert not pace.due(0.2, never, unseen=True)
    assert pace.due(0.4, never)


never: Callable[[], bool] = bool
"""Nothing has moved."""
