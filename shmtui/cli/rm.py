"""``shmtui rm``: removes segments with their control blocks and semaphores, or other objects."""

import click

from shmtui.cli.parameters import REMOVABLE
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode, ShmtuiError


@click.command("rm", cls=TranslatedCommand, short_help="Remove a segment and what belongs to it")
@click.argument("names", type=REMOVABLE, nargs=-1, required=True, metavar="NAME...")
@click.option("--force", is_flag=True, help="Remove it even while live processes use it.")
def command(names: tuple[str, ...], force: bool) -> int:
    """Remove a segment with its control block and semaphores, a named semaphore, a System V object
    or a message queue.

    Of several names, it removes all that it can; exit 2 if one could not be removed.

    \b
    Examples:
      shmtui rm /shm_buffer
      shmtui rm /jobs sem.jobs_mutex sysv:32769
    """
    from shmtui.cli.main import complain
    from shmtui.sanitize import inert
    from shmtui.session.object_removal import remove_listed

    code = ExitCode.OK
    for name in dict.fromkeys(names):
        try:
            click.echo(f"shmtui: {inert(remove_listed(name, force=force))}")
        except ShmtuiError as error:
            complain(str(error))
            code = ExitCode.CANNOT
    return code
