"""The wait-for graph of the processes on the screen, over all segments that they use."""

import asyncio
import threading
from typing import Final

from shmtui.diagnosis.wait_graph import wait_graph
from shmtui.i18n import _
from shmtui.monitor.related_segments import RelatedSegments, process_of
from shmtui.report.graph_text import Row, graph_rows
from shmtui.tui.dashboard_state import Dashboard
from shmtui.tui.screens.text_screens import DetailScreen
from shmtui.tui.spans import Line, line, wrapped

LOOK_SECONDS: Final = 1.0
"""How often it is drawn anew."""


class GraphScreen(DetailScreen):
    """Follows the processes for as long as it is open."""

    def __init__(self, dashboard: Dashboard, folder: str) -> None:
        super().__init__(_("Who waits for whom"), self._lines, dashboard.view)
        self._dashboard = dashboard
        self._folder = folder
        self._related: RelatedSegments | None = None
        self._left = False
        self._looking = threading.Lock()
        """Held by the thread that looks: what it reads is closed after it."""
        self._said: tuple[Row, ...] = (Row("", _("looking") + dashboard.view.glyphs.ellipsis),)

    def on_mount(self) -> None:
        """Look in a thread: other segments may have to be understood first."""
        self._look()
        self.set_interval(LOOK_SECONDS, self._look)

    def on_unmount(self) -> None:
        self._left = True
        self.app.run_worker(asyncio.to_thread(self._close), group="graph")

    def _close(self) -> None:
        with self._looking:
            if self._related is not None:
                self._related.close()

    def _look(self) -> None:
        if not self._looking.locked():
            self.run_worker(self._draw(), group="graph")

    async def _draw(self) -> None:
        self._said = await asyncio.to_thread(self._drawn)
        self.show_anew()

    def _drawn(self) -> tuple[Row, ...]:
        with self._looking:
            if self._left:
                return ()
            snapshot = self._dashboard.latest
            if self._related is None:
                self._related = RelatedSegments(snapshot, self._folder)
            graph = wait_graph((snapshot, *self._related.sample()), process_of)
        ascii_only = self._dashboard.view.glyphs.ascii_only
        return tuple(graph_rows(graph, ascii_only=ascii_only))

    def _lines(self, width: int) -> list[Line]:
        rows: list[Line] = []
        for row in self._said:
            style = "bad" if row.deadlock else "text"
            rows += [
                line((row.stem if at == 0 else " " * len(row.stem), "muted"), *part)
                for at, part in enumerate(wrapped(row.text, width - len(row.stem), style))
            ]
        return rows
