"""``shmtui ls``: every segment and named semaphore of this machine."""

import shutil
import sys

import click

from shmtui.cli.parameters import folder_of, pid_option
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode


@click.command("ls", cls=TranslatedCommand, short_help="List all segments and named semaphores")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pid_option
def command(as_json: bool, pid: int | None) -> int:
    """List every POSIX segment and named semaphore of this machine, and who maps it; also
    segments that lost their name while processes map them.

    \b
    Examples:
      shmtui ls
      shmtui ls --json | jq 'select(.orphan)'
      shmtui ls --pid 4711                        what a program in a container sees
    """
    from shmtui.monitor.discovery import survey
    from shmtui.report import segment_table as listing
    from shmtui.report import snapshot_json as json

    entries, unlinked = survey(folder_of(pid))
    if as_json:
        for entry in entries:
            click.echo(json.line(json.entry_json(entry)))
        for each in unlinked:
            click.echo(json.line(json.unlinked_json(each)))
        return ExitCode.OK
    width = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else None
    for text in listing.listing_lines(entries, unlinked, width):
        click.echo(text)
    return ExitCode.OK
