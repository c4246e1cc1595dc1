"""``shmtui replay``: the dashboard on a recording."""

import contextlib
from pathlib import Path

import click

from shmtui.cli.shared_options import dashboard_options
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode
from shmtui.i18n import _


@click.command("replay", cls=TranslatedCommand, short_help="Open the dashboard on a recording")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write a line of numbers for each snapshot instead; - for standard output.",
)
@dashboard_options
def command(file: Path, table: Path | None, refresh_hz: float, ascii_only: bool) -> int:
    """Show a recording as it was seen: play, pause, step, go to a time or to the next finding.

    It needs nothing of what was recorded, and changes nothing. FILE is what shmtui record,
    --record, the key W or shmtui report --capsule wrote.

    \b
    Examples:
      shmtui replay night.rec
      cat jobs.rec.1 jobs.rec > both.rec; shmtui replay both.rec
      shmtui replay night.rec --csv night.csv
    """
    from shmtui.session.replay_source import ReplaySource
    from shmtui.session.terminal import ignore_signals, note_signals, require_terminal

    if table is not None:
        return _export(file, table)
    with contextlib.ExitStack() as cleaning:
        source = ReplaySource(file)
        cleaning.callback(source.close)
        require_terminal(_("write it as a table with --csv FILE"))
        note_signals()
        cleaning.callback(ignore_signals)
        from shmtui.cli.open_dashboard import show_dashboard
        from shmtui.session.opener import Attachment

        return show_dashboard(
            Attachment(source), None, refresh_hz=refresh_hz, ascii_only=ascii_only
        )


def _export(file: Path, table: Path) -> int:
    from shmtui.recording.reader import Recording
    from shmtui.report.recording_csv import write_table
    from shmtui.session.terminal import note

    with contextlib.closing(Recording(file)) as recording:
        count = write_table(recording, None if str(table) == "-" else table)
        if recording.note:
            note(recording.note)
    if str(table) != "-":
        note(_("{count} snapshots written to {path}").format(count=count, path=table))
    return ExitCode.OK
