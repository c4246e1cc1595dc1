"""``shmtui repair``: the plan, and its execution with ``--yes``."""

from collections.abc import Callable

from shmtui.errors import ExitCode
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions
from shmtui.repair.executor import Repairer
from shmtui.repair.plan import Refusal, proposal_lines
from shmtui.sanitize import inert
from shmtui.session.terminal import note_signals, noted_signal


def repair_by_command(
    name: str, options: LayoutOptions, folder: str, *, yes: bool, say: Callable[[str], None]
) -> int:
    """Carry out ``shmtui repair``; returns the exit code."""
    repairer = Repairer(name, options, folder)
    found = repairer.propose()
    for text in proposal_lines(found):
        say(inert(text))
    if found is None:
        return ExitCode.OK
    if isinstance(found, Refusal):
        return ExitCode.CANNOT
    if not yes:
        say(_("nothing was changed: add --yes to carry it out"))
        return ExitCode.FINDINGS
    # While others are stopped, an end in the middle would leave them so.
    note_signals()
    done = repairer.carry_out(found)
    if isinstance(done, Refusal):
        for text in proposal_lines(done):
            say(inert(text))
        return ExitCode.CANNOT
    for text in done.lines:
        say(inert(text))
    if (number := noted_signal()) is not None:
        return 128 + number
    return ExitCode.FINDINGS if done.remaining or done.still_private else ExitCode.OK
