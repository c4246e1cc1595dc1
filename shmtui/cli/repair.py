"""``shmtui repair``: the plan, its execution with ``--yes``, and its way back with ``--undo``."""

import contextlib
import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from shmtui.cli.parameters import TARGET, Parsed
from shmtui.cli.shared_options import layout_options, open_options, stacked
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode
from shmtui.i18n import _
from shmtui.sanitize import inert
from shmtui.shm.protocol import Role

if TYPE_CHECKING:
    from shmtui.repair.executor import Repairer


def _process_role(text: str) -> tuple[int, Role]:
    pid, _equals, role = text.partition("=")
    if not pid.isdecimal() or role not in (Role.PRODUCER, Role.CONSUMER):
        wrong = _("{value!r} is not understood: write PID=producer or PID=consumer")
        raise click.BadParameter(wrong.format(value=text))
    return int(pid), Role(role)


_options = stacked(
    click.option("--yes", is_flag=True, help="Carry the plan out."),
    click.option("--permits", is_flag=True,
                 help="Set empty and full too where that is right only if every program keeps to "
                      "the protocol."),
    click.option("--lock", is_flag=True,
                 help="Your word that the holder of mutex is dead and that no program is yet to "
                      "post it."),
    click.option("--assume-idle", type=click.IntRange(1), multiple=True, metavar="PID",
                 help="Your word that this process holds neither mutex nor a permit."),
    click.option("--role", "roles", type=Parsed("pid=role", _process_role), multiple=True,
                 metavar="PID=producer|consumer",
                 help="Your word on which side this process works."),
    click.option("--undo", is_flag=True, help="Put back what the last repair changed."),
    layout_options,
)  # fmt: skip


@click.command("repair", cls=TranslatedCommand, short_help="Get a stuck segment going again")
@click.argument("name", type=TARGET)
@_options
def command(
    name: str,
    yes: bool,
    permits: bool,
    lock: bool,
    assume_idle: tuple[int, ...],
    roles: tuple[tuple[int, Role], ...],
    undo: bool,
    **layout: Any,
) -> int:
    """Show what it takes to get a stuck segment going again; with --yes, do it.

    The plan says what is wrong, which words change from what to what, who is stopped for
    a moment, and what it rests on. mutex is set where its holder was seen to die, or with
    --lock; empty and full where their right values are proved, or with --permits; a
    pthread mutex where its owner is dead and nobody else is awake. Nothing is
    changed without --yes, and nothing where the state can be read in two ways. The old
    values are kept, and --undo puts them back as long as nothing has moved. Exit 0:
    healthy; 1: something is still wrong, or left open; 2: refused.

    \b
    Examples:
      shmtui repair /shm_buffer
      shmtui repair /shm_buffer --slots 5 --lock --yes
      shmtui repair /shm_buffer --slots 5 --assume-idle 4711 --permits --yes
    """
    from shmtui.repair.consent import Consent
    from shmtui.repair.executor import Repairer

    options, folder = open_options(layout)
    repairer = Repairer(
        name,
        options,
        folder,
        consent=Consent(permits, frozenset(assume_idle), roles, lock, typed_command()),
        progress=lambda text: click.echo(inert(text) + " …", err=True),
    )
    return take_back(repairer) if undo else repair(repairer, yes=yes)


def typed_command() -> str:
    """What the user typed, without what a second run would add or take away."""
    left_out = {"--yes", "--undo"}
    return shlex.join(["shmtui", *(word for word in sys.argv[1:] if word not in left_out)])


def repair(repairer: "Repairer", *, yes: bool) -> int:
    """Print the plan and, with ``yes``, carry it out; returns the exit code."""
    from shmtui.repair.plan import Refusal, proposal_lines
    from shmtui.session.terminal import note_signals, noted_signal

    with repairer.alone() if yes else contextlib.nullcontext():
        found = repairer.propose()
        for text in proposal_lines(found):
            click.echo(inert(text))
        if found is None:
            return ExitCode.OK
        if isinstance(found, Refusal):
            return ExitCode.FINDINGS if found.harmless else ExitCode.CANNOT
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
    left = done.outcome.remaining or done.outcome.still_private or done.plan.permits_left
    return ExitCode.FINDINGS if left else ExitCode.OK


def take_back(repairer: "Repairer") -> int:
    """Put back what the last repair changed; returns the exit code."""
    from shmtui.repair.plan import Refusal, proposal_lines
    from shmtui.session.terminal import note_signals, noted_signal

    note_signals()
    done = repairer.undo()
    for text in proposal_lines(done) if isinstance(done, Refusal) else done.lines:
        click.echo(inert(text))
    if (number := noted_signal()) is not None:
        return 128 + number
    return ExitCode.CANNOT if isinstance(done, Refusal) else ExitCode.OK
