"""When the dashboard looks and draws: at each interval what the pace has due, and at once what was asked for."""

import time
from typing import TYPE_CHECKING, Final

from shmtui.tui import tty
from shmtui.tui.main_screen import SLOW_HZ
from shmtui.tui.pace import Pace
from shmtui.tui.textual_private import Interval, frame_queue, last_input

if TYPE_CHECKING:
    from shmtui.tui.app import DashboardApp

BACKGROUND_HZ: Final = 2.0
"""How often a run is sampled while another segment is on the screen."""
TERMINAL_SECONDS: Final = 1.0
"""How often the terminal is looked after where nothing is drawn: whether it is there, and of what size."""
FROZEN_SECONDS: Final = 0.5
"""Between two intervals while the display is frozen: only a key has it go on."""
WATCHED_SECONDS: Final = 10.0
"""How long after its start, and after a key, the screen counts as seen, whatever the terminal is in: a
program may press the keys, and read the screen.
"""


class Frames:
    """The frames of one app, by one interval of the event loop."""

    def __init__(self, app: "DashboardApp", refresh_hz: float) -> None:
        """``refresh_hz``: the frames a second that the user wants."""
        self._app = app
        self._refresh_hz = refresh_hz
        self._pace = Pace(refresh_hz)
        self._interval = Interval(app, self.on_interval)
        # An interval that comes a little early counts.
        self._slow_seconds = 0.95 / SLOW_HZ if refresh_hz > SLOW_HZ else 0.0
        self._slow_after = self._background_after = self._terminal_after = 0.0
        """When the slow panels are drawn again, the runs that are not on the screen sampled, and the terminal
        looked after.
        """
        self._stalled = False
        """Whether the terminal took nothing any more when it was last looked after."""
        self._multiplexer = None if app.dashboard.view.served else tty.multiplexer()

    def start(self) -> None:
        """Have frames from the next interval on."""
        self._interval.start(1 / self._refresh_hz)

    def stop(self) -> None:
        """Have none any more."""
        self._interval.stop()

    def on_interval(self) -> float:
        """Look where it is due; returns the seconds until the next interval."""
        app = self._app
        if not app.leaving:
            self._frame(time.monotonic(), always=False)
        if app.dashboard.view.frozen and not app.dashboard.needs_samples:
            return FROZEN_SECONDS
        return self._pace.pause(time.monotonic())

    def look(self) -> None:
        """Sample, and draw every panel, whatever the pace says."""
        self._frame(time.monotonic(), always=True)

    def sample_now(self) -> None:
        """Sample for a command of the user's: what follows is looked at as what moves."""
        dashboard = self._app.dashboard
        dashboard.sample()
        self._pace.looked(time.monotonic(), moved=True)
        dashboard.rest(None)

    def nobody_at_the_terminal(self, now: float) -> bool:
        """Whether it is known that nobody looks at it: it is in a multiplexer that nobody is attached to."""
        watched = now - last_input(self._app) < WATCHED_SECONDS
        return not watched and self._multiplexer is not None and self._multiplexer.detached()

    def _frame(self, now: float, *, always: bool) -> None:
        app, dashboard = self._app, self._app.dashboard
        listed = dashboard.attachment is None  # A list covers all, and draws itself.
        look = always or listed or self._pace.due(now, self._moved, unseen=self._is_unseen(now))
        if look or now >= self._terminal_after:
            self._terminal_after = now + TERMINAL_SECONDS
            if not dashboard.view.served and tty.hung_up():
                app.leave(tty.HUNG_UP)
                return
            self._stalled = tty.behind(frame_queue(app))
            if not self._stalled:
                app.follow_size()
                app.show_title()
        if look and not listed:
            self._look(now, slow=always)
        elif not listed and dashboard.seen_again() and not self._stalled:
            app.draw(slow=False)

    def _moved(self) -> bool:
        """Whether a glance shows that something has changed. What lies over the panels may draw what is in
        no sample, and is drawn at each interval.
        """
        app = self._app
        return app.dashboard.moved() or hasattr(app.screen_stack[-1], "show_view")

    def _is_unseen(self, now: float) -> bool:
        """Whether nobody sees what would be drawn, and nothing but the screen needs each sample."""
        app = self._app
        if app.dashboard.needs_samples:
            return False
        if app.dashboard.view.frozen or (self._stalled and tty.behind(frame_queue(app))):
            return True
        return app.nobody_there(now)

    def _look(self, now: float, *, slow: bool) -> None:
        """Sample, and draw unless the terminal takes nothing."""
        app, dashboard = self._app, self._app.dashboard
        if now >= self._background_after:
            self._background_after = now + 1 / BACKGROUND_HZ
            dashboard.sample_background()
        self._pace.looked(now, moved=dashboard.sample())
        dashboard.rest(1 / self._pace.seconds(now) if self._pace.rests(now) else None)
        if self._stalled:
            return
        slow = slow or now >= self._slow_after
        if slow:
            self._slow_after = now + self._slow_seconds
        app.draw(slow)
