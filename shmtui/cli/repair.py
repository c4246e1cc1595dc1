"""``shmtui repair``: the plan, and its execution with ``--yes``."""

from typing import TYPE_CHECKING, Any

import click

from shmtui.cli.parameters import SegmentName, layout_options, open_options
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode
from shmtui.i18n import _
from shmtui.sanitize import inert

if TYPE_CHECKING:
    from shmtui.layouts.options import LayoutOptions


@click.command("repair", cls=TranslatedCommand, short_help="Get a stuck segment going again")
@click.argument("name", type=SegmentName())
@click.option("--yes", is_flag=True, help="Carry the plan out.")
@layout_options
def command(name: str, yes: bool, **layout: Any) -> int:
    """Show what it takes to get a stuck segment going again; with --yes, do it.

    The plan says what is wrong, which words change from what to what, which processes
    are interrupted so that they wake, and what it rests on. Nothing is changed without
    --yes, and nothing where the state can be read in two ways. Exit 0: healthy; 1:
    something is still wrong; 2: refused.

    \b
    Examples:
      shmtui repair /shm_buffer
      shmtui repair /shm_buffer --slots 5 --yes
    """
    options, folder = open_options(layout)
    return repair(name, options, folder, yes=yes)


def repair(name: str, options: "LayoutOptions", folder: str, *, yes: bool) -> int:
    """Print the plan and, with ``yes``, carry it out; returns the exit code."""
    from shmtui.repair.executor import Repairer
    from shmtui.repair.plan import Refusal, proposal_lines
    from shmtui.session.terminal import note_signals, noted_signal

    repairer = Repairer(name, options, folder)
    found = repairer.propose()
    for text in proposal_lines(found):
        click.echo(inert(text))
    if found is None:
        return ExitCode.OK
    if isinstance(found, Refusal):
        return ExitCode.CANNOT
    if not yes:
        click.echo(_("nothing was changed: add --yes to carry it out"))
        return ExitCode.FINDINGS
    # A signal in the middle waits until every stopped process is continued.
    note_signals()
    done = repairer.carry_out(found)
    if isinstance(done, Refusal):
        for text in proposal_lines(done):
            click.echo(inert(text))
        return ExitCode.CANNOT
    for text in done.lines:
        click.echo(inert(text))
    if (number := noted_signal()) is not None:
        return 128 + number
    return ExitCode.FINDINGS if done.remaining or done.still_private else ExitCode.OK
