"""``shmtui rm``: removes a segment with its control block and semaphores, or another object."""

import click

from shmtui.cli.parameters import REMOVABLE
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode


@click.command("rm", cls=TranslatedCommand, short_help="Remove a segment and what belongs to it")
@click.argument("name", type=REMOVABLE)
@click.option("--force", is_flag=True, help="Even while live processes use it.")
def command(name: str, force: bool) -> int:
    """Remove a segment with its control block and semaphores, a named semaphore, a System V object
    or a message queue.

    \b
    Examples:
      shmtui rm /shm_buffer
      shmtui rm sysv:32769
    """
    from shmtui.sanitize import inert
    from shmtui.session.object_removal import remove_listed

    click.echo(f"shmtui: {inert(remove_listed(name, force=force))}")
    return ExitCode.OK
