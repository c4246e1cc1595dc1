"""``shmtui stat``: snapshots of a segment, as text or as JSON."""

import contextlib
import random
import time
from typing import TYPE_CHECKING, Any

import click

from shmtui.cli.parameters import LOOKED_AT, SECONDS, layout_options, open_options
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode

if TYPE_CHECKING:
    from shmtui.monitor.sampler import Sampler
    from shmtui.snapshot import Snapshot

WATCH_SECONDS = 0.05
"""How often a stream samples a buffer that has no item counters, between two lines."""


@click.command("stat", cls=TranslatedCommand, short_help="Show a snapshot of a segment")
@click.argument("name", type=LOOKED_AT)
@click.option("--json", "as_json", is_flag=True, help="The snapshot as one line of JSON.")
@click.option("--interval", type=SECONDS, help="Sample again every so many seconds.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many samples.")
@click.option(
    "--slots-shown",
    type=click.IntRange(0),
    default=64,
    show_default=True,
    help="How many slots' values to show.",
)
@layout_options
def command(
    name: str | int,
    as_json: bool,
    interval: float | None,
    count: int | None,
    slots_shown: int,
    **layout: Any,
) -> int:
    """Take a snapshot of a segment, without touching it.

    A segment that shmtui made tells its layout itself. For another, give the C header
    it is declared in, or --slots if it has the layout of the classical exercise
    (data[N], in, out, mutex, empty, full); without either, the layout is inferred from
    the bytes where they allow only one.

    \b
    Examples:
      shmtui stat /shm_buffer
      shmtui stat /shm_buffer --slots 5 --json
      shmtui stat /jobs --header jobs.h:Queue --interval 1 --count 10
      shmtui stat semset:5                        a System V set: who waits, by how much
    """
    if isinstance(name, int):
        _show_sets(name, interval, count, as_json=as_json)
        return ExitCode.OK
    from shmtui.monitor.sampler import Sampler

    options, folder = open_options(layout)
    samples = count or (1 if interval is None else None)
    due = time.monotonic()
    with contextlib.closing(Sampler(name, options, folder=folder)) as sampler:
        sampler.slots_shown = slots_shown
        while True:
            click.echo(_text(sampler.sample(), as_json=as_json))
            samples = None if samples is None else samples - 1
            if samples == 0:
                return ExitCode.OK
            due += interval or 1.0
            watch_until(sampler, due)


def _show_sets(number: int, interval: float | None, count: int | None, *, as_json: bool) -> None:
    """A System V set of semaphores, as often as asked."""
    from shmtui.monitor.semaphore_set import look_at_set
    from shmtui.report.set_text import set_json, set_lines
    from shmtui.report.snapshot_json import line

    samples = count or (1 if interval is None else None)
    while True:
        found = look_at_set(number)
        click.echo(line(set_json(found)) if as_json else "\n".join(set_lines(found)))
        samples = None if samples is None else samples - 1
        if samples == 0:
            return
        time.sleep(interval or 1.0)


def _text(snapshot: "Snapshot", *, as_json: bool) -> str:
    if as_json:
        from shmtui.report.snapshot_json import line, snapshot_json

        return line(snapshot_json(snapshot))
    from shmtui.report.snapshot_text import snapshot_lines

    return "\n".join(snapshot_lines(snapshot))


def watch_until(sampler: "Sampler", due: float) -> None:
    """Wait until ``due``; sample meanwhile what is counted by samples alone."""
    while (left := due - time.monotonic()) > 0:
        if sampler.counts_exactly:
            time.sleep(left)
        else:
            # Uneven, so that no pace of the buffer's can keep step with it.
            time.sleep(min(left, WATCH_SECONDS * random.uniform(0.5, 1.5)))
            sampler.sample_ring()
