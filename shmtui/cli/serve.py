"""``shmtui serve``: the dashboard in browsers, one screen for all who look."""

import contextlib
import importlib.util
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from shmtui.cli.parameters import ADDRESS, SCREEN_SIZE, TARGET_OR_FILE
from shmtui.cli.shared_options import dashboard_options, layout_options, open_options
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ShmtuiError
from shmtui.i18n import _

if TYPE_CHECKING:
    from shmtui.session.listening import Address

LIBRARY: Final = "websockets>=14,<18"
"""The extra ``web``, as in pyproject.toml."""


def _installing(library: str) -> str:
    """The command that installs it beside this program: pipx and uv make environments without pip."""
    if importlib.util.find_spec("pip") is not None:
        return shlex.join([sys.executable, "-m", "pip", "install", library])
    if Path(sys.prefix, "pipx_metadata.json").exists():
        return shlex.join(["pipx", "inject", "shmtui", library])
    return shlex.join(["uv", "pip", "install", "--python", sys.executable, library])


@click.command("serve", cls=TranslatedCommand, short_help="Show the dashboard in browsers")
@click.argument("shown", type=TARGET_OR_FILE, required=False, metavar="[TARGET|FILE]")
@click.option(
    "--listen",
    type=ADDRESS,
    default="127.0.0.1:9756",
    show_default=True,
    metavar="[HOST:]PORT",
    help="Where browsers connect; without HOST, from this machine only (127.0.0.1).",
)
@click.option(
    "--size",
    type=SCREEN_SIZE,
    default="120x40",
    show_default=True,
    metavar="COLUMNSxROWS",
    help="The size of the screen that all see; each page scales it to its window.",
)
@click.option(
    "--font-size",
    type=click.IntRange(6, 200),
    metavar="PIXELS",
    help="The size of the letters at the start, as for a projector; by default as large as fits. The buttons of each page change it, and so do a viewer's keys + and -; 0 fits it again.",
)
@dashboard_options
@layout_options
def command(
    shown: str | Path | None,
    listen: "Address",
    size: tuple[int, int],
    font_size: int | None,
    refresh_hz: float | None,
    ascii_only: bool,
    **layout: Any,
) -> int:
    """Show the dashboard of a segment, or of a recording, in browsers, until SIGTERM or Ctrl+C ends it.
    Without TARGET it begins with the list of all that processes share.

    All browsers show one screen. Two addresses are printed, each with a random token: that of the
    presenter, whose keys and clicks move the screen, and that of viewers, who only look. No browser
    can change, write or end anything. The connection is not encrypted: from outside a network that
    you trust, use ssh -L.

    \b
    Examples:
      shmtui serve /jobs
      shmtui serve /jobs --listen 0.0.0.0:9756 --font-size 22   for a class in this network
      shmtui serve night.rec                                    a recording
      ssh -t -L 9756:127.0.0.1:9756 HOST shmtui serve /jobs     of another machine, in a browser here
    """
    if importlib.util.find_spec("websockets") is None:
        wrong = _("shmtui serve needs the package websockets: {command}")
        raise ShmtuiError(wrong.format(command=_installing(LIBRARY)))
    from shmtui.cli.open_dashboard import configured, serve_dashboard
    from shmtui.session.listening import prepare
    from shmtui.session.opener import Attachment, AttachOptions, SegmentOpener

    configuration = configured(refresh_hz)
    options, folder = open_options(layout)
    prepare()
    with contextlib.ExitStack() as cleaning:
        attachment = opener = None
        if isinstance(shown, Path):
            from shmtui.session.replay_source import ReplaySource

            source = ReplaySource(shown)
            cleaning.callback(source.close)
            attachment = Attachment(source)
        else:
            opener = SegmentOpener(AttachOptions(shown, options, folder))
            cleaning.callback(opener.close)
            if shown is not None:
                # Who looks at one segment has no way to others.
                attachment, opener = opener.open(shown), None
        from shmtui.session.web_server import WebOptions

        return serve_dashboard(
            attachment,
            opener,
            WebOptions(listen, "" if shown is None else str(shown), font_size or 0),
            size=size,
            configuration=configuration,
            ascii_only=ascii_only,
        )
