"""The command line's entry: the commands by name, and the one edge where errors become a line.

A command's module is loaded when the command is asked for, so that ``stat`` and ``--help``
start fast and only a dashboard loads Textual.
"""

import contextlib
import io
import os
import sys
from collections.abc import Sequence

import click

from shmtui import __version__
from shmtui.cli.translation import CommandGroup, translated
from shmtui.errors import ExitCode, ShmtuiError, shortage
from shmtui.i18n import _
from shmtui.sanitize import inert
from shmtui.shm.libc import require_supported_platform

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=CommandGroup, context_settings=_CONTEXT)
@click.version_option(__version__, "-V", "--version", prog_name="shmtui")
def main() -> None:
    """The htop of shared-memory IPC: a live dashboard for POSIX bounded buffers.

    Without a command, shmtui runs `run`: it makes /shm_buffer, starts a producer
    and a consumer over it, and shows them.

    \b
    Examples:
      shmtui                          watch a producer and a consumer
      shmtui run --slots 64 --producers 4 --consumers 3
      shmtui stat /shm_buffer --json  one look, for a script
      shmtui help stat                all that a command takes
    """


def run_cli(arguments: Sequence[str]) -> int:
    """Run a command in the reader's language; returns the exit code."""
    _make_streams_writable()
    with translated(main, arguments):
        code = _run(arguments)
    _give_up_unwritten()
    return code


def _make_streams_writable() -> None:
    """A closed stream takes whatever is written, and one of few characters takes all of them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # Descriptors are given out from the lowest: this takes the place of the closed one.
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for as long as we run
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(arguments: Sequence[str]) -> int:
    """Run a command; the one edge where an error becomes a line on stderr and an exit code."""
    try:
        require_supported_platform()
        result = main.main(
            list(arguments),
            prog_name="shmtui",
            standalone_mode=False,
            complete_var="_SHMTUI_COMPLETE",
        )
        sys.stdout.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:  # Whoever read our output has enough.
        return 141
    except (ShmtuiError, click.ClickException) as error:
        complain(str(error) if isinstance(error, ShmtuiError) else _usage_line(error))
        return ExitCode.CANNOT
    except (OSError, MemoryError) as error:
        lacking = shortage(error)
        if lacking is None:
            raise
        complain(lacking)
        return ExitCode.CANNOT
    return int(result or 0)


def _give_up_unwritten() -> None:
    """Leave nothing for Python to write at its end: where it cannot, it ends with 120 for the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def complain(text: str) -> None:
    """One line on stderr; where there is none, the exit code has to do."""
    with contextlib.suppress(OSError):
        click.echo(f"shmtui: {inert(' '.join(text.split()))}", err=True)


def _usage_line(error: click.ClickException) -> str:
    """A usage error in one line, with the way to the help."""
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "shmtui"
    message = error.format_message().rstrip(".")
    return _("{message} (see {command} --help)").format(message=message, command=where)
