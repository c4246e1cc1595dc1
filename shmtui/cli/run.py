"""``shmtui run``: makes a buffer, runs workers over it, and shows them."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from shmtui.cli.parameters import FAULT, MODE, RATE, SECONDS, SEGMENT_NAME
from shmtui.cli.shared_options import dashboard_options, record_option, split_command, stacked
from shmtui.cli.translation import TranslatedCommand
from shmtui.i18n import _
from shmtui.shm.layout import ITEM_TYPES, SemaphoreKind
from shmtui.shm.protocol import Role

if TYPE_CHECKING:
    from shmtui.session.live_source import LiveSource
    from shmtui.session.run import RunOptions
    from shmtui.shm.faults import FaultOrder
    from shmtui.tui.configuration import Configuration

DEFAULT_NAME = "/shm_buffer"


_options = stacked(
    click.option("--slots", type=int, default=5, show_default=True, help="Slots of the ring."),
    click.option("--item", metavar="TYPE", default="int32", show_default=True,
                 shell_complete=lambda _context, _option, typed: [t for t in ITEM_TYPES if t.startswith(typed)],
                 help="Item type: " + " ".join(ITEM_TYPES) + "."),
    click.option("--producers", type=click.IntRange(0, 512),
                 help="Producers to start with; 1, or 0 beside --producer."),
    click.option("--consumers", type=click.IntRange(0, 512),
                 help="Consumers to start with; 1, or 0 beside --consumer."),
    click.option("--produce-rate", type=RATE, default="1", show_default=True,
                 help="Items per second of each producer, or max."),
    click.option("--consume-rate", type=RATE, default="0.5", show_default=True,
                 help="Items per second of each consumer, or max."),
    click.option("--semaphores", type=click.Choice(["embedded", "named"]),
                 default="embedded", show_default=True,
                 help="Inside the segment (sem_init) or beside it (sem_open)."),
    click.option("--mode", type=MODE, default="0600", show_default=True,
                 help="Permission bits of the segment."),
    click.option("--producer", multiple=True, metavar="CMD",
                 help="A program of your own; can be repeated."),
    click.option("--consumer", multiple=True, metavar="CMD",
                 help="A program of your own; can be repeated."),
    click.option("--fault", "faults", type=FAULT, multiple=True, metavar="[ROLE[N]:]FAULT",
                 help="A mistake for workers to make, as no-mutex or consumer2:die-at=read; can be "
                      "repeated."),
    click.option("--headless", is_flag=True, help="No screen; a summary at the end."),
    click.option("--duration", type=SECONDS, help="End after this many seconds."),
    click.option("--keep", is_flag=True, help="Leave the segment in /dev/shm at the end."),
    click.option("--json", is_flag=True, help="With --headless: the summary as one JSON object."),
    record_option,
    dashboard_options,
)  # fmt: skip


@click.command("run", cls=TranslatedCommand, short_help="Make a buffer and run workers over it")
@click.argument("name", type=SEGMENT_NAME, default=DEFAULT_NAME)
@_options
def command(**options: Any) -> int:
    """Make a bounded buffer, run producers and consumers over it, and show them.

    NAME is the segment's name, /shm_buffer by default. A C program with the same
    struct can join at any time on either side.

    \b
    Examples:
      shmtui run
      shmtui run /jobs --slots 1024 --produce-rate max --consume-rate max
      shmtui run --producer ./produtor --consumer ./consumidor
      shmtui run --headless --duration 10 --json
    """
    from shmtui.session.run import RunOptions, run

    if options["json"] and not options["headless"]:
        raise click.UsageError(_("--json goes with --headless: the dashboard prints nothing"))
    for role in ("producer", "consumer"):
        commands = tuple(split_command(text) for text in options.pop(role))
        options[f"{role}_commands"] = commands
        if options[f"{role}s"] is None:
            options[f"{role}s"] = 0 if commands else 1
    if options["producers"] + options["consumers"] > 512:
        raise click.UsageError(_("at most 512 workers can live at a time: ask for fewer"))
    _require_faulty(options["faults"], options["producers"], options["consumers"])
    options["semaphores"] = SemaphoreKind(options["semaphores"])
    if options["duration"] is not None and not options["headless"]:
        raise click.UsageError(_("--duration goes with --headless: end the dashboard with q"))
    if options["headless"]:
        if options["refresh_hz"] is None:
            del options["refresh_hz"]
        return run(RunOptions(**options), _show_summary)
    from shmtui.cli.open_dashboard import configured

    configuration = configured(options["refresh_hz"])
    options["refresh_hz"] = configuration.rate
    return run(RunOptions(**options), functools.partial(_show_dashboard, configuration))


def _show_dashboard(
    configuration: "Configuration", options: "RunOptions", live: "LiveSource"
) -> int:
    """The run on the screen until the user ends it."""
    from shmtui.cli.open_dashboard import show_dashboard
    from shmtui.session.opener import show_run

    show = functools.partial(
        show_dashboard,
        configuration=configuration,
        ascii_only=options.ascii_only,
        record=options.record,
    )
    return show_run(live, show)


def _show_summary(options: "RunOptions", live: "LiveSource") -> int:
    """The run without a screen, and what it moved."""
    from shmtui.report.snapshot_json import line, run_json
    from shmtui.report.snapshot_text import snapshot_lines, totals_lines
    from shmtui.session.headless import run_headless

    outcome = run_headless(options, live)
    if options.json:
        click.echo(line(run_json(outcome.snapshot, outcome.totals)))
    else:
        for text in (*snapshot_lines(outcome.snapshot), *totals_lines(outcome.totals)):
            click.echo(text)
    return outcome.code


def _require_faulty(faults: "Sequence[FaultOrder]", producers: int, consumers: int) -> None:
    """A fault whose worker is not started would be forgotten in silence."""
    for role, number, _fault in faults:
        there = {Role.PRODUCER: producers, Role.CONSUMER: consumers}
        most = max(there.values()) if role is None else there[role]
        if not most or (number is not None and not 1 <= number <= most):
            whose = f"{role or 'worker'}{'' if number is None else f' {number}'}"
            wrong = _("--fault is for {whose}, and there is none to start with")
            raise click.UsageError(wrong.format(whose=whose))
