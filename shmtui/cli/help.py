"""``shmtui help``: what ``--help`` says, of a command or of all."""

from typing import cast

import click

from shmtui.cli.translation import COMMANDS, CommandGroup, TranslatedCommand
from shmtui.errors import ExitCode


@click.command("help", cls=TranslatedCommand, short_help="Show the help of a command")
@click.argument(
    "name", required=False, metavar="[COMMAND]",
    shell_complete=lambda _context, _name, typed: [c for c in COMMANDS if c.startswith(typed)],
)  # fmt: skip
@click.pass_context
def command(context: click.Context, name: str | None) -> int:
    """Show the help of a command, as its own --help does.

    \b
    Examples:
      shmtui help
      shmtui help repair
    """
    outer = cast("click.Context", context.parent)
    group = cast("CommandGroup", outer.command)
    if name is None:
        click.echo(group.get_help(outer))
    else:
        _name, shown, _rest = group.resolve_command(outer, [name])
        assert shown is not None
        click.echo(shown.get_help(click.Context(shown, info_name=name, parent=outer)))
    return ExitCode.OK
