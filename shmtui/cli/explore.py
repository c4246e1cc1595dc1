"""``shmtui explore``: every order of the steps of the user's own programs."""

import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shmtui.cli.parameters import SECONDS, SEGMENT_NAME
from shmtui.cli.progress_line import ProgressLine
from shmtui.cli.shared_options import layout_options, open_options, split_command
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode, ShmtuiError
from shmtui.i18n import _

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from shmtui.control.exploration import Workshop
    from shmtui.shm.protocol import Role

_REPLAYS = 20
_MOST_PROGRAMS = 16
_SHRINK_SHARE = 0.2
"""Of the budget, for a shorter order, at the least."""


@click.command(
    "explore", cls=TranslatedCommand, short_help="Try every order of your programs' steps"
)
@click.option(
    "--producer",
    "producers",
    multiple=True,
    metavar="CMD",
    help="A producer; once for each. Alone: a program whose children or threads do both.",
)
@click.option(
    "--consumer", "consumers", multiple=True, metavar="CMD", help="A consumer; once for each."
)
@click.option(
    "--items", type=click.IntRange(1, 1000), default=6, show_default=True, metavar="N",
    help="How many items each producer makes before it is held.",
)  # fmt: skip
@click.option(
    "--init", "initialise", is_flag=True,
    help="Make the segment and initialise its semaphores beforehand: mutex 1, empty N, full 0.",
)  # fmt: skip
@click.option(
    "--name",
    type=SEGMENT_NAME,
    metavar="/NAME",
    help="The segment that holds the ring, where there are several.",
)
@click.option(
    "--fine", is_flag=True,
    help="Every order of their loads and stores, and not of their semaphores and locks alone.",
)  # fmt: skip
@click.option(
    "--start", type=click.Choice(["given", "any"]), default="given", show_default=True,
    help="Start the programs in the order given here, or in every order: also while others make "
    "the segment and its semaphores.",
)  # fmt: skip
@click.option(
    "--budget", type=SECONDS, default="30", show_default=True, help="How long to search at most."
)
@click.option(
    "--shrink", is_flag=True,
    help="Make the order that shows a finding as short as possible, in what is left of the budget.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The report as one line of JSON.")
@click.option(
    "--schedule", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the order that shows a finding to a file, for shmtui replay.",
)  # fmt: skip
@click.option(
    "--replay", "replayed", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Execute a schedule 20 times, and compare every step and output with it.",
)  # fmt: skip
@layout_options
def command(producers: tuple[str, ...], consumers: tuple[str, ...], items: int, initialise: bool,
            name: str | None, fine: bool, start: str, budget: float, shrink: bool, as_json: bool, schedule: Path | None,
            replayed: Path | None, **layout: Any) -> int:  # fmt: skip
    """Run your own programs, unmodified, through every order of their steps.

    One of them runs at a time, up to its next step: a semaphore or lock, or a load or
    store of shared memory. Each order is another execution from the start. sleep takes
    no time. It finds deadlocks, items overwritten or taken twice, crashes, semaphores
    not initialised or not shared, and stores that nothing orders, and says what it
    covered. The programs run in a /dev/shm of their own where the system allows it, and are started
    in the order given here, producers first, unless --start any says otherwise.

    Exit 0: nothing found. Exit 1: findings. Exit 2: it cannot be done, or the programs
    do not do the same twice in the same order.

    \b
    Examples:
      shmtui explore --producer ./produtor --consumer ./consumidor --init
      shmtui explore --producer ./p --producer ./p --consumer ./c --fine --budget 60
      shmtui explore --producer ./p --consumer ./c --schedule lost.shmsched
      shmtui replay lost.shmsched
    """
    from shmtui.control.exploration import explore, shorten
    from shmtui.report.exploration import exploration_json, exploration_lines, progress_line
    from shmtui.report.snapshot_json import line
    from shmtui.session.terminal import note
    from shmtui.shm.protocol import Role

    options, _folder = open_options(layout)
    if replayed is not None:
        if producers or consumers:
            raise click.UsageError(
                _("--replay has the programs from its file: leave the others out")
            )
        return verify_schedule(replayed, as_json=as_json)
    if not producers and not consumers:
        raise click.UsageError(
            _("name your programs: --producer ./produtor --consumer ./consumidor")
        )
    commands = [(Role.PRODUCER, split_command(text)) for text in producers]
    commands += [(Role.CONSUMER, split_command(text)) for text in consumers]
    if len(commands) > _MOST_PROGRAMS:
        text = _("{count} programs are too many: {most} at most")
        raise click.UsageError(text.format(count=len(commands), most=_MOST_PROGRAMS))
    interrupted = _Interrupted()
    with _held(commands, items) as workshop, ProgressLine() as progress:
        result = explore(
            workshop, options, name=name, initialise=initialise, fine=fine, budget=budget,
            progress=lambda outcome: progress.show(progress_line(outcome)),
            stopped=interrupted, starts=start == "any",
        )  # fmt: skip
        if shrink:
            left = max(budget - result.outcome.seconds, _SHRINK_SHARE * budget)
            shorten(workshop, result, calls_alone=not fine, budget=left, stopped=interrupted)
    if schedule is not None and result.schedule is not None:
        result.schedule.write(schedule)
    if as_json:
        click.echo(line(exploration_json(result)))
    else:
        click.echo("\n".join(exploration_lines(result)))
    if schedule is not None and result.schedule is None:
        note(_("{file} is not written: there is no order to show").format(file=schedule))
    return ExitCode.FINDINGS if result.outcome.found else ExitCode.OK


def verify_schedule(path: Path, *, as_json: bool) -> int:
    """Execute a schedule 20 times, and print its order. ShmtuiError: one was not as it says."""
    from shmtui.control.exploration import replay, shown_by
    from shmtui.control.schedule import read_schedule
    from shmtui.report.exploration import order_lines
    from shmtui.report.snapshot_json import line
    from shmtui.sanitize import inert

    schedule = read_schedule(path)
    commands = [(p.role, p.command) for p in schedule.programs]
    with _held(commands, schedule.items) as workshop:
        run, same = replay(workshop, schedule, _REPLAYS)
        finding, names = shown_by(run, workshop.names, schedule), workshop.names
    if finding is None or same < _REPLAYS:
        text = _(
            "{same} of {times} executions were the same as in {file}: the programs, or what they read, have changed"
        )
        raise ShmtuiError(text.format(same=same, times=_REPLAYS, file=path))
    if as_json:
        record = {
            "finding": finding.kind,
            "claim": finding.claim,
            "same": same,
            "times": _REPLAYS,
        }
        click.echo(line(record))
        return ExitCode.FINDINGS
    text = _("{same} of {times} executions were the same in every step and output")
    lines = [
        text.format(same=same, times=_REPLAYS),
        f"✗ {finding.kind}: {inert(finding.claim)}",
        "",
    ]
    click.echo("\n".join([*lines, *order_lines(run, names, finding.step)]))
    return ExitCode.FINDINGS


@contextlib.contextmanager
def _held(commands: "Sequence[tuple[Role, Sequence[str]]]", items: int) -> "Iterator[Workshop]":
    """The programs, held. ShmtuiError: they cannot be, or one of their processes was killed meanwhile."""
    from shmtui.control.exploration import Workshop

    try:
        with Workshop(commands, items) as workshop:
            yield workshop
    except (ProcessLookupError, ChildProcessError):
        text = _("one of the programs' processes was killed by another: nothing is judged")
        raise ShmtuiError(text) from None


class _Interrupted:
    """Whether Ctrl+C was pressed; pressed again, it ends the program."""

    def __init__(self) -> None:
        self._pressed = False
        signal.signal(signal.SIGINT, self._press)

    def _press(self, number: int, frame: "FrameType | None") -> None:
        self._pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __call__(self) -> bool:
        return self._pressed
