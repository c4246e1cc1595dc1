"""``shmtui record``: writes every snapshot of a segment to a file."""

import contextlib
from pathlib import Path
from typing import Any

import click

from shmtui.cli.parameters import AGE, BYTES, HERTZ, SECONDS, TARGET
from shmtui.cli.shared_options import exact_option, layout_options, open_options
from shmtui.cli.translation import TranslatedCommand
from shmtui.i18n import _


@click.command("record", cls=TranslatedCommand, short_help="Record a segment to replay it later")
@click.argument("name", type=TARGET)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The file to write.",
)
@click.option("--duration", type=SECONDS, help="End after this many seconds.")
@click.option("--rate", type=HERTZ, default="10", show_default=True, help="Snapshots per second.")
@click.option(
    "--max-size",
    type=BYTES,
    metavar="SIZE",
    help="Past this size, such as 100M, FILE becomes FILE.1, and a new FILE is begun.",
)
@click.option(
    "--max-age", type=AGE, metavar="TIME", help="The same past this age: 90s, 30m, 8h or 7d."
)
@click.option("--force", is_flag=True, help="Replace a recording that has the name.")
@exact_option
@layout_options
def command(
    name: str,
    output: Path,
    duration: float | None,
    rate: float,
    max_size: int | None,
    max_age: float | None,
    force: bool,
    exact: bool,
    **layout: Any,
) -> int:
    """Record a segment, without touching it, until Ctrl+C or for as long as you say.

    The file holds every snapshot whole, with all events and findings, and can be read while it grows and
    however it ended: by shmtui replay, and as lines of JSON by zcat. Values that the segment holds
    are in it, and the names and users of processes: it is readable by you alone.

    \b
    Examples:
      shmtui record /shm_buffer -o night.rec
      shmtui record /jobs -o jobs.rec --max-age 8h     the last 8 hours at the least, in two files
      zcat night.rec | jq .occupancy
    """
    from shmtui.monitor.sampler import Sampler
    from shmtui.recording.writer import RecordingWriter
    from shmtui.session.headless_recording import record
    from shmtui.session.terminal import note, note_signals

    options, folder = open_options(layout)
    note_signals()
    with contextlib.closing(Sampler(name, options, folder=folder)) as sampler:
        sampler.count_exactly(on=exact)
        writer = RecordingWriter(output, force=force, max_size=max_size, max_age=max_age)
        if duration is None:
            note(_("recording {name}; Ctrl+C ends it").format(name=name))
        return record(sampler, writer, rate=rate, duration=duration)
