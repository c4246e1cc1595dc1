"""``shmtui check``: what is wrong with a segment, what was judged, and what was left undecided."""

import contextlib
import time
from typing import TYPE_CHECKING, Any

import click

from shmtui.cli.parameters import SECONDS, TARGET
from shmtui.cli.shared_options import layout_options, open_options
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode

if TYPE_CHECKING:
    from shmtui.diagnosis.wait_graph import WaitGraph
    from shmtui.monitor.sampler import Sampler
    from shmtui.snapshot import Snapshot

CHECK_SECONDS = 0.1
SAMPLES_PER_SECOND = 3
MOST_SAMPLES = 12
"""So many samples are taken at least, on a busy machine too, where they take longer than asked."""


@click.command("check", cls=TranslatedCommand, short_help="Say what is wrong with a segment")
@click.argument("name", type=TARGET)
@click.option(
    "--for", "seconds", type=SECONDS, default="3", show_default=True, help="How long to watch."
)
@click.option("--json", "as_json", is_flag=True, help="The last snapshot as one line of JSON.")
@click.option(
    "--graph", is_flag=True, help="Also who waits for what held by whom, over all their segments."
)
@layout_options
def command(name: str, seconds: float, as_json: bool, graph: bool, **layout: Any) -> int:
    """Say what is wrong with a segment, if anything is.

    Exit 0: nothing, and all was judged. Exit 1: findings. Exit 2: it cannot look, or
    what it saw leaves something undecided; it says what, and what would settle it.

    \b
    Examples:
      shmtui check /shm_buffer
      shmtui check /jobs --header jobs.h --for 10 || echo stuck
      shmtui check /jobs --graph
    """
    from shmtui.monitor.sampler import Sampler
    from shmtui.report import snapshot_json as json
    from shmtui.report import snapshot_text as text
    from shmtui.report.graph_text import graph_json, graph_lines

    options, folder = open_options(layout)
    with contextlib.closing(Sampler(name, options, folder=folder)) as sampler:
        end = time.monotonic() + seconds
        snapshot, left = sampler.sample(), min(seconds * SAMPLES_PER_SECOND, MOST_SAMPLES)
        while time.monotonic() < end or left > 0:
            rest = end - time.monotonic()
            time.sleep(min(CHECK_SECONDS, rest) if rest > 0 else CHECK_SECONDS)
            snapshot, left = sampler.sample(), left - 1
        found = _graph(sampler, snapshot, folder) if graph else None
    if as_json:
        record = json.snapshot_json(snapshot)
        if found is not None:
            record["graph"] = graph_json(found)
        click.echo(json.line(record))
    else:
        click.echo("\n".join(text.check_lines(snapshot, seconds)))
        if found is not None:
            click.echo("\n".join(("", *graph_lines(found))))
    if snapshot.health.findings or (found is not None and found.cycles):
        return ExitCode.FINDINGS
    return ExitCode.CANNOT if snapshot.health.undecided else ExitCode.OK


def _graph(sampler: "Sampler", snapshot: "Snapshot", folder: str) -> "WaitGraph":
    """The graph of the processes of ``snapshot``, over all segments that they use."""
    from shmtui.diagnosis.wait_graph import wait_graph
    from shmtui.monitor.related_segments import RelatedSegments, process_of

    with RelatedSegments(snapshot, folder) as related:
        related.sample()
        time.sleep(CHECK_SECONDS)
        return wait_graph((sampler.sample(), *related.sample()), process_of)
