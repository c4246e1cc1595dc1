"""``shmtui stat``: snapshots of a segment, as text or as JSON."""

import contextlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from shmtui.cli.parameters import LOOKED_AT, SECONDS
from shmtui.cli.shared_options import (
    exact_option,
    layout_options,
    open_options,
    sampler_or_raw,
)
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode

if TYPE_CHECKING:
    from shmtui.monitor.sampler import Sampler
    from shmtui.monitor.semaphore_set import SemaphoreSet
    from shmtui.snapshot import Snapshot

WATCH_SECONDS = 0.05
"""How often a stream samples a buffer that has no item counters, between two lines."""
EXACT_SECONDS = 5.0
"""How long --exact watches before the first line, where nothing is known sooner."""


@click.command("stat", cls=TranslatedCommand, short_help="Show a snapshot of a segment")
@click.argument("name", type=LOOKED_AT)
@click.option("--json", "as_json", is_flag=True, help="Print the snapshot as one line of JSON.")
@click.option("--interval", type=SECONDS, help="Sample again at this interval, in seconds.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many samples.")
@click.option(
    "--slots-shown",
    type=click.IntRange(0),
    default=64,
    show_default=True,
    help="How many slots' values to show.",
)
@exact_option
@layout_options
def command(
    name: str | int | Path,
    as_json: bool,
    interval: float | None,
    count: int | None,
    slots_shown: int,
    exact: bool,
    **layout: Any,
) -> int:
    """Take a snapshot of a segment, without touching it; or show the last one in a recording or a capsule.

    A segment that shmtui made tells its layout itself. The layout of another is read from the
    debug information of the programs that map it (cc -g), or from a header beside them.
    Where there is neither, give the C header it is declared in, or --slots if it has the
    layout of the classical exercise (data[N], in, out, mutex, empty, full); else it is
    inferred from the bytes where they allow only one; where several fit, they are listed.

    \b
    Examples:
      shmtui stat /shm_buffer
      shmtui stat /shm_buffer --slots 5 --json
      shmtui stat /jobs --header jobs.h:Queue --interval 1 --count 10
      shmtui stat semset:5                        a System V set: who waits, by how much
      shmtui stat ./incident.capsule              what shmtui report --capsule saw
    """
    if isinstance(name, Path):
        click.echo(_recorded(name, layout, slots_shown, as_json=as_json))
        return ExitCode.OK
    if isinstance(name, int):
        from shmtui.monitor.semaphore_set import look_at_set

        _stream(
            lambda: _set_text(look_at_set(name), as_json=as_json),
            interval,
            count,
            lambda due: time.sleep(max(due - time.monotonic(), 0.0)),
        )
        return ExitCode.OK
    options, folder = open_options(layout)
    with contextlib.closing(sampler_or_raw(name, options, folder)) as sampler:
        sampler.slots_shown = slots_shown
        if exact:
            sampler.count_exactly(on=True)
            _wait_for_counts(sampler)
        _stream(
            lambda: _text(sampler.sample(), as_json=as_json),
            interval, count, partial(watch_until, sampler),
        )  # fmt: skip
    return ExitCode.OK


def _recorded(path: Path, layout: dict[str, Any], slots_shown: int, *, as_json: bool) -> str:
    """The last snapshot of a recording or a capsule."""
    from shmtui.cli.recorded import recorded_in
    from shmtui.report.recorded_text import as_recorded, recorded_lines
    from shmtui.report.snapshot_json import line, snapshot_json
    from shmtui.report.snapshot_text import snapshot_lines

    look = recorded_in(path, "interval", "count", "exact", **layout)
    snapshot = replace(look.snapshot, slots=look.snapshot.slots[:slots_shown])
    if as_json:
        return line(as_recorded(snapshot_json(snapshot), look))
    return "\n".join(recorded_lines(look, snapshot_lines(snapshot)))


def _stream(
    look: Callable[[], str],
    interval: float | None,
    count: int | None,
    wait_until: Callable[[float], None],
) -> None:
    """Print a look, again every ``interval`` seconds, ``count`` times; once where neither is given."""
    samples = count or (1 if interval is None else None)
    due = time.monotonic()
    while True:
        click.echo(look())
        samples = None if samples is None else samples - 1
        if samples == 0:
            return
        due += interval or 1.0
        wait_until(due)


def _wait_for_counts(sampler: "Sampler") -> None:
    """Sample until the rates are exact or that is refused, for `EXACT_SECONDS` at the most."""
    from shmtui.shm.item_counts import Method

    end = time.monotonic() + EXACT_SECONDS
    while time.monotonic() < end:
        snapshot = sampler.sample()
        refused = snapshot.exact is None or snapshot.exact.refused
        if refused or snapshot.throughput.method is Method.BREAKPOINTS:
            return
        time.sleep(2 * WATCH_SECONDS)


def _set_text(found: "SemaphoreSet", *, as_json: bool) -> str:
    from shmtui.report.semaphore_set_text import set_json, set_lines

    if as_json:
        from shmtui.report.snapshot_json import line

        return line(set_json(found))
    return "\n".join(set_lines(found))


def _text(snapshot: "Snapshot", *, as_json: bool) -> str:
    if as_json:
        from shmtui.report.snapshot_json import line, snapshot_json

        return line(snapshot_json(snapshot))
    from shmtui.report.snapshot_text import snapshot_lines

    return "\n".join(snapshot_lines(snapshot))


def watch_until(sampler: "Sampler", due: float) -> None:
    """Wait until ``due``; sample meanwhile what is counted by samples alone."""
    import random

    while (left := due - time.monotonic()) > 0:
        if sampler.counts_exactly:
            time.sleep(left)
        else:
            # Uneven, so that no pace of the buffer's can keep step with it.
            time.sleep(min(left, WATCH_SECONDS * random.uniform(0.5, 1.5)))
            sampler.sample_ring()
