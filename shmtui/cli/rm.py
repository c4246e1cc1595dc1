"""``shmtui rm``: unlinks a segment with its control block and semaphores."""

import click

from shmtui.cli.parameters import SEGMENT_NAME
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode


@click.command("rm", cls=TranslatedCommand, short_help="Unlink a segment and what belongs to it")
@click.argument("name", type=SEGMENT_NAME)
@click.option("--force", is_flag=True, help="Even while live processes map it.")
def command(name: str, force: bool) -> int:
    """Unlink a segment with its control block and semaphores, or a named semaphore.

    \b
    Example:
      shmtui rm /shm_buffer
    """
    from shmtui.session.cleanup import remove

    click.echo(f"shmtui: {remove(name, force=force)}")
    return ExitCode.OK
