"""``shmtui check``: the findings about a segment, and an exit code that says whether there are any."""

import time
from typing import Any

import click

from shmtui.cli.parameters import Seconds, SegmentName, layout_options, open_options
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode
from shmtui.i18n import _

CHECK_SECONDS = 0.1


@click.command("check", cls=TranslatedCommand, short_help="Say what is wrong with a segment")
@click.argument("name", type=SegmentName())
@click.option(
    "--for",
    "seconds",
    type=Seconds(),
    default="3",
    show_default=True,
    help="How long to watch.",
)
@click.option("--json", "as_json", is_flag=True, help="The last snapshot as one line of JSON.")
@layout_options
def command(name: str, seconds: float, as_json: bool, **layout: Any) -> int:
    """Say what is wrong with a segment, if anything is; exit 0 healthy, 1 findings, 2 cannot.

    \b
    Examples:
      shmtui check /shm_buffer
      shmtui check /jobs --header jobs.h --for 10 || echo stuck
    """
    from shmtui.monitor.sampler import Sampler
    from shmtui.report import snapshot_json as json
    from shmtui.report import snapshot_text as text
    from shmtui.snapshot import word

    options, folder = open_options(layout)
    sampler = Sampler(name, options, folder=folder)
    try:
        end = time.monotonic() + seconds
        snapshot = sampler.sample()
        while time.monotonic() < end:
            time.sleep(min(CHECK_SECONDS, max(end - time.monotonic(), 0)))
            snapshot = sampler.sample()
    finally:
        sampler.close()
    if as_json:
        click.echo(json.line(json.snapshot_json(snapshot)))
    else:
        for finding in snapshot.health.findings:
            click.echo("\n".join(text.finding_lines(finding)))
        if not snapshot.health.findings:
            verdict = _("{status}: no findings in {seconds:g} s")
            click.echo(verdict.format(status=word(snapshot.health.status), seconds=seconds))
    return ExitCode.FINDINGS if snapshot.health.findings else ExitCode.OK
