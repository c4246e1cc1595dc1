"""``shmtui attach``: the dashboard on a segment that exists, read-only unless told otherwise."""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from shmtui.cli.parameters import RATE, TARGET
from shmtui.cli.shared_options import (
    dashboard_options,
    exact_option,
    layout_options,
    open_options,
    record_option,
)
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import MissingSegmentError
from shmtui.i18n import _

if TYPE_CHECKING:
    from shmtui.session.opener import AttachOptions, SegmentOpener
    from shmtui.tui.configuration import Configuration

WAIT_SECONDS: Final = 0.1
"""SECONDS between two checks for a segment that does not exist yet."""


@click.command(
    "attach", cls=TranslatedCommand, short_help="Open the dashboard on an existing segment"
)
@click.argument("name", type=TARGET, required=False)
@click.option(
    "--write", is_flag=True, help="Allow repairs, and producers and consumers to be added."
)
@click.option("--wait", is_flag=True, help="Wait for a segment that does not exist yet.")
@click.option(
    "--produce-rate",
    type=RATE,
    default="1",
    show_default=True,
    help="Rate of the producers that you add.",
)
@click.option(
    "--consume-rate",
    type=RATE,
    default="0.5",
    show_default=True,
    help="Rate of the consumers that you add.",
)
@exact_option
@record_option
@dashboard_options
@layout_options
def command(name: str | None, refresh_hz: float | None, **given: Any) -> int:
    """Open the dashboard on a segment that exists, without touching it.

    Without NAME, a list to pick from. The layout is taken from shmtui's own control
    block, from --header or the other options, from the debug information of the programs
    that map it, from a header beside them, or inferred from the live bytes;
    where several fit, you choose. Nothing is written unless --write is given.

    \b
    Examples:
      shmtui attach
      shmtui attach /shm_buffer --slots 5
      shmtui attach /jobs --header jobs.h:Queue --map in=head,out=tail
    """
    from shmtui.cli.open_dashboard import configured
    from shmtui.diagnosis.wording import command_target
    from shmtui.session.opener import AttachOptions, SegmentOpener
    from shmtui.session.terminal import ignore_signals, note_signals, noted_signal, require_terminal

    layout, folder = open_options(given)
    options = AttachOptions(name=name, layout=layout, folder=folder, **given)
    configuration = configured(refresh_hz)
    if name is None:
        require_terminal(_("list it once with shmtui ls"))
    else:
        stat = f"shmtui stat {command_target(name, layout.words)}"
        require_terminal(_("look with {command}").format(command=stat))
    note_signals()
    if name is not None and options.wait and not wait_for(name, folder):
        return 128 + (noted_signal() or 0)
    with contextlib.ExitStack() as cleaning:
        opener = SegmentOpener(options)
        cleaning.callback(opener.close)
        cleaning.callback(ignore_signals)
        return _show(options, opener, configuration)


def _show(options: "AttachOptions", opener: "SegmentOpener", configuration: "Configuration") -> int:
    from shmtui.cli.open_dashboard import show_dashboard
    from shmtui.layouts.options import AmbiguousLayoutError

    attachment = None
    choice: tuple[str, tuple[str, ...]] | None = None
    if options.name is not None:
        try:
            attachment = opener.open(options.name)
        except AmbiguousLayoutError as error:
            if not error.options:
                raise  # The structs to choose from are in it, as options of a command.
            choice = (options.name, error.options)
        except MissingSegmentError as error:
            wrong = _("{error}; --wait waits for it")
            raise MissingSegmentError(wrong.format(error=error)) from None
    return show_dashboard(
        attachment,
        opener,
        configuration=configuration,
        ascii_only=options.ascii_only,
        record=options.record,
        choice=choice,
    )


def wait_for(name: str, folder: str) -> bool:
    """Wait until the segment exists and has a size; False where a signal came first. Memory without a
    name is there, or never will be.
    """
    from shmtui.procfs.target import has_name
    from shmtui.session.terminal import note, noted_signal
    from shmtui.shm.segment import segment_path

    if not has_name(name):
        return True
    path = segment_path(name, folder)
    told = False
    while noted_signal() is None:
        with contextlib.suppress(OSError):
            if Path(path).lstat().st_size:
                return True
        if not told:
            note(_("waiting for {name}; Ctrl+C gives up").format(name=name))
            told = True
        time.sleep(WAIT_SECONDS)
    return False
