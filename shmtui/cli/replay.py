"""``shmtui replay``: the dashboard on a recording."""

import contextlib
from pathlib import Path

import click

from shmtui.cli.shared_options import dashboard_options
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode
from shmtui.i18n import _


@click.command(
    "replay", cls=TranslatedCommand, short_help="Open the dashboard on a recording or a schedule"
)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path), required=False)
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write a line of numbers for each snapshot instead; - for standard output.",
)
@click.option(
    "--align",
    type=click.Choice(["wall", "start"]),
    help="How two recordings are lined up: by the time of day, as by default where they have any in common, or by the time since the start of each.",
)
@click.option(
    "--headless", is_flag=True,
    help="Of a schedule: execute it 20 times, compare every step and output with it, and print its order.",
)  # fmt: skip
@dashboard_options
def command(
    file: Path,
    other: Path | None,
    table: Path | None,
    align: str | None,
    headless: bool,
    refresh_hz: float | None,
    ascii_only: bool,
) -> int:
    """Show a recording as it was seen: play, pause, step, go to a time or to the next finding.

    It needs nothing of what was recorded, and changes nothing. FILE is what shmtui record,
    --record, the key W or shmtui report --capsule wrote. With OTHER both are shown side by side at
    the same instant, what differs is marked, and all keys move both.

    FILE may also be a schedule of shmtui explore: its programs are run up to the step that shows
    the finding and held there, step by step on or back, with their source lines and output.

    \b
    Examples:
      shmtui replay night.rec
      cat jobs.rec.1 jobs.rec > both.rec; shmtui replay both.rec
      shmtui replay night.rec --csv night.csv
      shmtui replay monday.rec tuesday.rec --align start
      shmtui replay lost.shmsched
    """
    from shmtui.control.schedule import is_schedule
    from shmtui.session.replay_source import PairSource, Replayed, ReplaySource
    from shmtui.session.terminal import ignore_signals, note_signals, require_terminal

    if is_schedule(file):
        if other is not None or table is not None or align is not None:
            raise click.UsageError(_("a schedule is replayed by itself: leave the others out"))
        return _replay_schedule(file, headless, refresh_hz, ascii_only)
    if headless:
        text = _("{file} is not a schedule of shmtui explore, and --headless replays only those")
        raise click.UsageError(text.format(file=file))
    if table is not None and other is not None:
        raise click.UsageError(_("--csv writes one recording: give one FILE"))
    if align is not None and other is None:
        raise click.UsageError(_("--align is for two recordings: give another FILE"))
    if table is not None:
        return _export(file, table)
    with contextlib.ExitStack() as cleaning:
        source: Replayed
        if other is None:
            source = ReplaySource(file)
        else:
            by_wall = None if align is None else align == "wall"
            source = PairSource(file, other, by_wall=by_wall)
        cleaning.callback(source.close)
        from shmtui.cli.open_dashboard import configured, show_dashboard

        configuration = configured(refresh_hz)
        require_terminal(_("write it as a table with --csv FILE"))
        note_signals()
        cleaning.callback(ignore_signals)
        from shmtui.session.opener import Attachment

        return show_dashboard(
            Attachment(source), None, configuration=configuration, ascii_only=ascii_only
        )


def _replay_schedule(file: Path, headless: bool, refresh_hz: float | None, ascii_only: bool) -> int:
    if headless:
        from shmtui.cli.explore import verify_schedule

        return verify_schedule(file, as_json=False)
    from shmtui.cli.open_dashboard import configured, show_dashboard
    from shmtui.session.held_schedule import HeldSchedule
    from shmtui.session.opener import Attachment
    from shmtui.session.terminal import ignore_signals, note_signals, require_terminal

    configuration = configured(refresh_hz)
    require_terminal(_("check it with --headless"))
    with contextlib.ExitStack() as cleaning:
        # The programs are held before the dashboard has threads: only a process without any may
        # make a /dev/shm of its own.
        source = HeldSchedule.of_file(file)
        cleaning.callback(source.close)
        note_signals()
        cleaning.callback(ignore_signals)
        return show_dashboard(
            Attachment(source), None, configuration=configuration, ascii_only=ascii_only
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
