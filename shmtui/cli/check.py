"""``shmtui check``: what is wrong with a segment, what was judged, and what was left undecided."""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shmtui.cli.parameters import SECONDS, TARGET_OR_FILE
from shmtui.cli.shared_options import layout_options, open_options
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode

if TYPE_CHECKING:
    from shmtui.diagnosis.wait_graph import WaitGraph
    from shmtui.monitor.sampler import Sampler
    from shmtui.snapshot import Snapshot

CHECK_SECONDS = 0.1
SAMPLES_PER_SECOND = 3
ENOUGH_SAMPLES = 12
"""On a busy machine it watches on until it has so many, or as many as its seconds ask for if those are fewer."""


@click.command("check", cls=TranslatedCommand, short_help="Say what is wrong with a segment")
@click.argument("name", type=TARGET_OR_FILE)
@click.option(
    "--for", "seconds", type=SECONDS, default="3", show_default=True, help="How long to watch."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the last snapshot as one line of JSON."
)
@click.option(
    "--graph",
    is_flag=True,
    help="Also show who waits for what, and who holds it, over all segments of these processes.",
)
@layout_options
def command(name: str | Path, seconds: float, as_json: bool, graph: bool, **layout: Any) -> int:
    """Say what is wrong with a segment, if anything is; or what was, at the end of a recording or a
    capsule.

    Exit 0: nothing, and all was judged. Exit 1: findings. Exit 2: it cannot look, or
    what it saw leaves something undecided; it says what, and what would settle it.

    \b
    Examples:
      shmtui check /shm_buffer
      shmtui check /jobs --header jobs.h --for 10 || echo stuck
      shmtui check /jobs --graph
      shmtui check ./incident.capsule
    """
    if isinstance(name, Path):
        return _recorded(name, layout, as_json=as_json, graph=graph)
    from shmtui.monitor.sampler import SLOTS_JUDGED, Sampler
    from shmtui.report import snapshot_json as json
    from shmtui.report import snapshot_text as text

    options, folder = open_options(layout)
    with contextlib.closing(Sampler(name, options, folder=folder)) as sampler:
        sampler.all_threads = True
        sampler.slots_shown = SLOTS_JUDGED
        end = time.monotonic() + seconds
        snapshot, left = sampler.sample(), min(seconds * SAMPLES_PER_SECOND, ENOUGH_SAMPLES)
        while time.monotonic() < end or left > 0:
            rest = end - time.monotonic()
            time.sleep(min(CHECK_SECONDS, rest) if rest > 0 else CHECK_SECONDS)
            snapshot, left = sampler.sample(), left - 1
        found = _graph(sampler, snapshot, folder) if graph else None
    if as_json:
        _print_json(json.snapshot_json(snapshot), found)
    else:
        _print(text.check_lines(snapshot, seconds), found)
    return _verdict(snapshot, found)


def _print_json(record: dict[str, Any], graph: "WaitGraph | None") -> None:
    from shmtui.report.graph_text import graph_json
    from shmtui.report.snapshot_json import line

    click.echo(line(record if graph is None else record | {"graph": graph_json(graph)}))


def _print(lines: Iterable[str], graph: "WaitGraph | None") -> None:
    from shmtui.report.graph_text import graph_lines

    click.echo("\n".join((*lines, *(() if graph is None else ("", *graph_lines(graph))))))


def _verdict(snapshot: "Snapshot", graph: "WaitGraph | None") -> int:
    if snapshot.health.findings or (graph is not None and graph.cycles):
        return ExitCode.FINDINGS
    return ExitCode.CANNOT if snapshot.health.undecided else ExitCode.OK


def _recorded(path: Path, layout: dict[str, Any], *, as_json: bool, graph: bool) -> int:
    """What a recording or a capsule says, with the exit code that the segment had."""
    from shmtui.cli.recorded import recorded_in
    from shmtui.diagnosis.wait_graph import wait_graph
    from shmtui.report.recorded_text import as_recorded, recorded_lines
    from shmtui.report.snapshot_json import snapshot_json
    from shmtui.report.snapshot_text import check_lines

    look = recorded_in(path, "seconds", **layout)
    snapshot, its = look.snapshot, look.incident
    found = wait_graph((snapshot, *its.related), its.process_of) if graph else None
    if as_json:
        _print_json(as_recorded(snapshot_json(snapshot), look), found)
    else:
        lines = check_lines(snapshot, its.seconds, its.host, its.version)
        _print(recorded_lines(look, lines), found)
    return _verdict(snapshot, found)


def _graph(sampler: "Sampler", snapshot: "Snapshot", folder: str) -> "WaitGraph":
    """The graph of the processes of ``snapshot``, over all segments that they use."""
    from shmtui.diagnosis.wait_graph import wait_graph
    from shmtui.monitor.related_segments import RelatedSegments, process_of

    with RelatedSegments(snapshot, folder) as related:
        related.sample()
        time.sleep(CHECK_SECONDS)
        return wait_graph((sampler.sample(), *related.sample()), process_of)
