"""``shmtui top``: everything that processes of this machine share, live."""

import contextlib
from typing import Any

import click

from shmtui.cli.ls import columns_option, group_option, sort_option
from shmtui.cli.shared_options import dashboard_options, folder_of, pid_option
from shmtui.cli.translation import TranslatedCommand
from shmtui.i18n import _


@click.command("top", cls=TranslatedCommand, short_help="Watch everything that processes share")
@sort_option
@group_option
@columns_option
@dashboard_options
@pid_option
def command(
    pid: int | None,
    sort: str | None,
    group: str | None,
    columns: tuple[str, ...] | None,
    refresh_hz: float | None,
    **given: Any,
) -> int:
    """Watch what processes of this machine share, once a second: what it is, the memory that it
    takes, who has it, who waits on it. Type to filter, sort with left and right, tab groups by kind
    or by program, enter opens the dashboard on a row.

    \b
    Examples:
      shmtui top
      shmtui top --group program --sort in-use    who maps what, the largest first
      shmtui top --pid 4711                       what a program in a container sees
    """
    from shmtui.cli.open_dashboard import configured, show_dashboard
    from shmtui.session.opener import AttachOptions, SegmentOpener
    from shmtui.session.terminal import ignore_signals, note_signals, require_terminal
    from shmtui.tui.object_rows import ORDERS, USUAL_COLUMNS, ListChoices

    configuration = configured(refresh_hz)
    options = AttachOptions(folder=folder_of(pid), **given)
    require_terminal(_("list it once with shmtui ls"))
    note_signals()
    with contextlib.ExitStack() as cleaning:
        opener = SegmentOpener(options)
        cleaning.callback(opener.close)
        cleaning.callback(ignore_signals)
        return show_dashboard(
            None,
            opener,
            configuration=configuration,
            ascii_only=options.ascii_only,
            listing=ListChoices(
                sort or ORDERS[0],
                group or "",
                columns or configuration.columns or configuration.kept_columns or USUAL_COLUMNS,
            ),
        )
