"""``shmtui config``: a whole configuration file of the dashboard."""

import click

from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode


@click.command("config", cls=TranslatedCommand, short_help="Print a configuration file to edit")
def command() -> int:
    """Print a whole configuration of the dashboard: theme, frames per second, columns of the list,
    keys, each with a comment and as it is without a file.

    \b
    Examples:
      shmtui config
      mkdir -p ~/.config/shmtui && shmtui config > ~/.config/shmtui/config.toml
    """
    from shmtui.tui.configuration import printed

    click.echo("\n".join(printed()))
    return ExitCode.OK
