"""``shmtui rm``: removes a segment with its control block and semaphores, or another object."""

import click

from shmtui.cli.parameters import REMOVABLE
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode


@click.command("rm", cls=TranslatedCommand, short_help="Remove a segment and what belongs to it")
@click.argument("names", metavar="NAME...", type=REMOVABLE, nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Even while live processes use it.")
def command(names: tuple[str, ...], force: bool) -> int:
    """Remove a segment with its control block and semaphores, a named semaphore, a System V object
    or a message queue. Of several names each is removed that can be; exit 2 if one could not be.

    \b
    Examples:
      shmtui rm /shm_buffer
      shmtui rm sysv:32769 /jobs sem.jobs_mutex
    """
    from shmtui.errors import ShmtuiError
    from shmtui.sanitize import inert
    from shmtui.session.object_removal import remove_listed

    code = ExitCode.OK
    for name in dict.fromkeys(names):
        try:
            click.echo(f"shmtui: {inert(remove_listed(name, force=force))}")
        except ShmtuiError as error:
            click.echo(f"shmtui: {inert(' '.join(str(error).split()))}", err=True)
            code = ExitCode.CANNOT
    return code
