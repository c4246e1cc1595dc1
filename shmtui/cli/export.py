"""``shmtui export``: metrics of segments for Prometheus, and what belongs to them there."""

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from shmtui.cli.parameters import ADDRESS, SECONDS, TARGET
from shmtui.cli.shared_options import layout_options, open_options
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode
from shmtui.i18n import _

if TYPE_CHECKING:
    from shmtui.session.listening import Address

PRINTED: Final = ("rules", "dashboard", "prometheus", "federation")
"""The files of `shmtui.report.prometheus`: the help of a command loads nothing."""


@click.command("export", cls=TranslatedCommand, short_help="Export metrics for Prometheus")
@click.argument("targets", type=TARGET, nargs=-1, metavar="[TARGET]...")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="All segments under /dev/shm and of System V, also those that come later.",
)
@click.option(
    "--listen",
    type=ADDRESS,
    metavar="[HOST:]PORT",
    help="Answer scrapes there; without HOST, those of this machine only (127.0.0.1).",
)
@click.option(
    "--textfile",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write FILE anew at each look, whole at any time, for node_exporter's textfile "
    "collector, which wants it to end in .prom. It is removed at the end.",
)
@click.option(
    "--interval",
    type=SECONDS,
    default="1",
    show_default=True,
    help="How many seconds from look to look; more where that would take 5 % of a processor.",
)
@click.option("--processes", is_flag=True, help="Also a series for each process.")
@click.option(
    "--print",
    "printed",
    type=click.Choice(PRINTED),
    help="Print alert rules, a Grafana dashboard, or a configuration of Prometheus, and "
    "do nothing else.",
)
@layout_options
def command(
    targets: tuple[str, ...],
    everything: bool,
    listen: "Address | None",
    textfile: Path | None,
    interval: float,
    processes: bool,
    printed: str | None,
    **layout: Any,
) -> int:
    """Export metrics of segments for Prometheus, read-only, until SIGTERM or Ctrl+C ends it.

    A segment that is not there has shmtui_segment_up 0, and is found when it comes. What is
    unknown has no series. Options of the layout hold for all segments that are named.

    \b
    Examples:
      shmtui export --all --listen 9755
      shmtui export /jobs --header jobs.h --listen 127.0.0.1:9755 --processes
      shmtui export --all --textfile /var/lib/prometheus/node-exporter/shmtui.prom
      shmtui export --print rules > shmtui-rules.yml       alerts: a killed holder, stuck, ...
      shmtui export --print dashboard > shmtui.json        for Grafana
      shmtui export --print federation                     many machines
    """
    if printed is not None:
        from shmtui.report.prometheus import shipped

        click.echo(shipped(printed), nl=False)
        return ExitCode.OK
    from shmtui.monitor.segment_watch import SegmentWatch, says_layout

    options, folder = open_options(layout)
    if bool(targets) is everything:
        raise click.UsageError(_("say what to export: names of segments, or --all"))
    if listen is None and textfile is None:
        raise click.UsageError(
            _("say where to: --listen 127.0.0.1:9755 for scrapes, or --textfile FILE")
        )
    if everything and says_layout(options):
        raise click.UsageError(
            _("--all takes no layout: name the segments that have it, in an exporter of their own")
        )
    from shmtui.report.exposition import CONTENT_TYPE, exposition
    from shmtui.session.exporter import ExportOptions, export
    from shmtui.session.listening import prepare

    prepare()
    with contextlib.closing(SegmentWatch(targets, options, folder)) as watch:
        return export(
            watch,
            ExportOptions(listen, textfile, interval, CONTENT_TYPE),
            partial(exposition, processes=processes),
        )
