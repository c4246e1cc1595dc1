"""Which columns a table shows: chosen on a screen, and kept for the next time."""

from typing import TYPE_CHECKING

from shmtui.tui.configuration import KEPT_PROCESS_COLUMNS, keep_columns
from shmtui.tui.draw.process_columns import COLUMNS
from shmtui.tui.screens.columns import ColumnsScreen, TableColumns

if TYPE_CHECKING:
    from shmtui.tui.app import DashboardApp


def choose_process_columns(app: "DashboardApp", configured: tuple[str, ...]) -> None:
    """Open the screen for the table of processes. ``configured``: as of `keep`."""
    table = app.main.table
    columns = TableColumns(
        {name: column.title for name, column in COLUMNS.items()},
        lambda: table.columns or table.shown_columns(),
        table.shown_columns,
        table.switch_column,
    )

    def closed(_nothing: None) -> None:
        keep(app, KEPT_PROCESS_COLUMNS, configured, table.columns)

    app.push_screen(ColumnsScreen(columns, app.dashboard.view), closed)


def keep(
    app: "DashboardApp", name: str, configured: tuple[str, ...], columns: tuple[str, ...]
) -> None:
    """Keep what was chosen, and say where that fails. A browser's is not kept. ``configured``: the columns
    that the user's configuration names.
    """
    if not app.dashboard.view.served:
        told = keep_columns(name, columns, configured)
        if told:
            app.tell(told)
