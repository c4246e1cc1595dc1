"""``shmtui report``: an incident report for a ticket, or all of the incident in a file."""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from shmtui.cli.parameters import SECONDS, TARGET_OR_FILE
from shmtui.cli.shared_options import layout_options, open_options, sampler_or_raw
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode
from shmtui.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shmtui.recording.incident import Incident
    from shmtui.recording.schema import Frame


@click.command("report", cls=TranslatedCommand, short_help="Write an incident report of a segment")
@click.argument("name", type=TARGET_OR_FILE)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file to write; by default the text is printed, and a capsule gets a name of its own.",
)
@click.option(
    "--capsule",
    is_flag=True,
    help="One file with the bytes of the segment, its processes and the last seconds, for another machine.",
)
@click.option("--seconds", type=SECONDS, default="5", show_default=True, help="How long to watch.")
@click.option(
    "--redact",
    is_flag=True,
    help="Leave out command lines, user names, the host's name and all values.",
)
@click.option("--force", is_flag=True, help="Replace a file that has the name.")
@layout_options
def command(
    name: str | Path,
    output: Path | None,
    capsule: bool,
    seconds: float,
    redact: bool,
    force: bool,
    **layout: Any,
) -> int:
    """Write all that an incident ticket needs about a segment, as Markdown, without touching it.

    When and where, the layout, the ring, its locks, each process with its threads and what these
    wait on, the findings with their evidence, what a repair would do, the last events. With --capsule
    the file is a recording of what was watched, with the bytes of the segment (up to 16 MiB that are
    not zeros) and all of this besides: shmtui replay, stat, check and report read it on any
    machine. Both are readable by you alone; --redact leaves out who, where and the values.

    \b
    Examples:
      shmtui report /jobs                              Markdown, to be pasted
      shmtui report /jobs --capsule -o jobs.capsule
      shmtui report ./jobs.capsule                     its Markdown, there
      shmtui report /jobs --redact -o jobs.md
    """
    if isinstance(name, Path):
        return _of_file(name, output, layout, redact=redact, force=force)
    from shmtui.recording.recorder import new_path
    from shmtui.recording.redaction import redacted
    from shmtui.recording.writer import require_free
    from shmtui.session import incident_report
    from shmtui.session.terminal import note

    options, folder = open_options(layout)
    path = output or new_path(name, time.time(), ".capsule")
    with contextlib.closing(sampler_or_raw(name, options, folder)) as sampler:
        if capsule:
            require_free(path, force=force)
        elif output is not None:
            incident_report.require_no_file(output, force=force)
        note(_("watching {name} for {seconds:g} s").format(name=name, seconds=seconds))
        frames = incident_report.watch(sampler, seconds)
        found = incident_report.gather(sampler, frames[-1].snapshot, seconds)
        if capsule:
            found, stretches = (found, ()) if redact else incident_report.with_bytes(sampler, found)
            incident_report.write_capsule(
                path, frames, found, stretches, redact=redact, force=force
            )
    if not capsule:
        if redact:
            frames, found = redacted(frames, found)
        return _write(frames, found, output, force=force)
    if found.copied < found.size:
        text = _("of the {size:,} bytes of {name} the first {copied:,} are in it")
        note(text.format(size=found.size, name=name, copied=found.copied))
    note(_("written to {path}; shmtui report {path} prints its text").format(path=path))
    return ExitCode.OK


def _of_file(
    path: Path, output: Path | None, layout: dict[str, Any], *, redact: bool, force: bool
) -> int:
    """The Markdown of what a recording or a capsule holds."""
    from shmtui.cli.recorded import recorded_in
    from shmtui.recording.redaction import redacted
    from shmtui.recording.schema import Frame
    from shmtui.report.recorded_text import recorded_text

    look = recorded_in(path, "capsule", "seconds", **layout)
    frames, incident = [Frame(look.snapshot, look.events[::-1])], look.incident
    if redact:
        frames, incident = redacted(frames, incident)
    origin = recorded_text(replace(look, incident=incident))
    return _write(frames, incident, output, force=force, origin=origin)


def _write(
    frames: "Sequence[Frame]",
    incident: "Incident",
    output: Path | None,
    *,
    force: bool,
    origin: str = "",
) -> int:
    """Print the Markdown, or write it to a file."""
    from shmtui.report.incident_markdown import incident_lines
    from shmtui.session.incident_report import write_text
    from shmtui.session.terminal import note

    events = [event for frame in frames for event in frame.events][::-1]
    lines = incident_lines(frames[-1].snapshot, incident, events, origin)
    if output is None:
        click.echo("\n".join(lines))
    else:
        write_text(output, lines, force=force)
        note(_("written to {path}").format(path=output))
    return ExitCode.OK
