"""``shmtui ls``: everything that processes of this machine share."""

import shutil
import sys

import click

from shmtui.cli.parameters import Parsed
from shmtui.cli.shared_options import folder_of, pid_option
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode
from shmtui.i18n import _

KINDS = (
    "posix", "memfd", "anon", "sysv", "hugetlb", "tmpfs", "sem", "semset", "mqueue", "msgqueue",
)  # fmt: skip
"""The values of ObjectKind: the help of a command loads nothing."""

COLUMNS = (
    "name", "kind", "size", "in-use", "owner", "mode", "age", "mappers", "waiting", "health", "looks",
)  # fmt: skip
"""The columns of a list, for the same reason."""

SORTS = COLUMNS[:-1]
"""The orders of a list, for the same reason."""

GROUPS = ("kind", "program")
"""What a list is grouped by, for the same reason."""


def _columns(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        wrong = _("{name!a} is not a column: give some of {columns}, with commas between")
        raise click.BadParameter(wrong.format(name=unknown[0], columns=",".join(COLUMNS)))
    return names


columns_option = click.option(
    "--columns", type=Parsed("name,size,...", _columns), help="Show only these columns."
)

sort_option = click.option("--sort", type=click.Choice(SORTS), help="Sort the rows by this.")
group_option = click.option(
    "--group",
    type=click.Choice(GROUPS),
    help="Group the rows by this, and say how much memory each group takes.",
)


@click.command("ls", cls=TranslatedCommand, short_help="List everything that processes share")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(KINDS),
    multiple=True,
    help="Only this kind; can be repeated.",
)
@click.option("--orphans", is_flag=True, help="Only what no process maps or has open any more.")
@sort_option
@group_option
@columns_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@pid_option
def command(
    kinds: tuple[str, ...],
    orphans: bool,
    sort: str | None,
    group: str | None,
    columns: tuple[str, ...] | None,
    as_json: bool,
    pid: int | None,
) -> int:
    """List what processes of this machine share, and who has it: POSIX segments, those that lost
    their name, memfd, memory of forked processes, System V segments, huge pages, semaphores and
    message queues. A name can be given to the other commands as it is printed.

    HEALTH is ok, or what was found, with a question mark where that is only likely. A question
    mark alone means that nothing is decided so far, and a dot that there is nothing to judge.

    \b
    Examples:
      shmtui ls
      shmtui ls --kind sysv --kind semset
      shmtui ls --orphans --sort in-use           what can be freed, the largest first
      shmtui ls --group program                   who maps what
      shmtui ls --columns name,in-use,mappers
      shmtui ls --json | jq 'select(.orphan)'
      shmtui ls --pid 4711                        what a program in a container sees
    """
    from shmtui.monitor.discovery import survey
    from shmtui.report import segment_table as table

    if as_json and group:
        raise click.UsageError(
            _(
                "--json has no groups: leave out --group; a row has its kind, and its mappers by name"
            )
        )

    if as_json and columns:
        raise click.UsageError(
            _("--json has all that is known of a row: leave out --columns, and choose with jq")
        )

    found = survey(folder_of(pid))
    shown = [
        e for e in found.objects if (not kinds or e.kind in kinds) and (e.orphan or not orphans)
    ]
    if sort is not None:
        shown.sort(key=table.SORTS[sort])
    if as_json:
        from shmtui.report import snapshot_json as json

        click.echo("".join(json.line(json.object_json(each)) + "\n" for each in shown), nl=False)
        return ExitCode.OK
    width = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else None
    empty = table.nothing_line(found, filtered=bool(kinds or orphans), queues="mqueue" in kinds)
    if group and shown:
        from shmtui.report.object_groups import group_lines

        lines = [*group_lines(shown, group, width, columns or COLUMNS)]
    else:
        lines = [*table.listing_lines(shown, width, empty, columns or COLUMNS)]
    click.echo("\n".join((*lines, table.totals_line(found))))
    return ExitCode.OK
