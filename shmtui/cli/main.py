"""The command line: reads options, wires the rooms together, and turns errors into one line.

Commands import what they need when they run, so that ``--help`` and ``stat`` start fast
and only a dashboard loads Textual.
"""

import contextlib
import io
import os
import random
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from shmtui import __version__
from shmtui.cli.parameters import (
    FaultOption,
    LessonName,
    Mode,
    Rate,
    Seconds,
    SegmentName,
    folder_of,
    layout_options,
    open_options,
    pid_option,
    split_command,
)
from shmtui.cli.translation import RunByDefault, spoken
from shmtui.errors import ExitCode, ShmtuiError, shortage
from shmtui.i18n import _
from shmtui.sanitize import inert
from shmtui.shm.layout import ITEM_TYPES, SemaphoreKind
from shmtui.shm.libc import require_supported_platform
from shmtui.shm.protocol import Role

if TYPE_CHECKING:
    from shmtui.monitor.sampler import Sampler
    from shmtui.shm.faults import FaultOrder
    from shmtui.snapshot import Snapshot

DEFAULT_NAME = "/shm_buffer"
_SHELLS = ("bash", "zsh", "fish")
CHECK_SECONDS = 0.1
WATCH_SECONDS = 0.05
"""How often a stream looks at a buffer whose items nobody counts, between two lines."""


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=RunByDefault, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="shmtui")
def main() -> None:
    """The htop of shared-memory IPC: a live dashboard for POSIX bounded buffers.

    Without a command, shmtui runs `run`: it makes /shm_buffer, starts a producer
    and a consumer over it, and shows them.

    \b
    Examples:
      shmtui                          watch a producer and a consumer
      shmtui run --slots 64 --producers 4 --consumers 3
      shmtui stat /shm_buffer --json  one look, for a script
    """


@main.command(short_help="Make a buffer and run workers over it")
@click.argument("name", type=SegmentName(), default=DEFAULT_NAME)
@click.option("--slots", type=int, default=5, show_default=True, help="Slots of the ring.")
@click.option(
    "--item",
    "item",
    metavar="TYPE",
    shell_complete=lambda _ctx, _param, typed: [t for t in ITEM_TYPES if t.startswith(typed)],
    default="int32",
    show_default=True,
    help="Item type: " + " ".join(ITEM_TYPES) + ".",
)
@click.option(
    "--producers",
    type=click.IntRange(0, 512),
    help="Producers to start with; 1, or 0 beside --producer.",
)
@click.option(
    "--consumers",
    type=click.IntRange(0, 512),
    help="Consumers to start with; 1, or 0 beside --consumer.",
)
@click.option(
    "--produce-rate",
    type=Rate(),
    default="1",
    show_default=True,
    help="Items per second of each producer, or max.",
)
@click.option(
    "--consume-rate",
    type=Rate(),
    default="0.5",
    show_default=True,
    help="Items per second of each consumer, or max.",
)
@click.option(
    "--semaphores",
    type=click.Choice([k.value for k in SemaphoreKind]),
    default="embedded",
    show_default=True,
    help="Inside the segment (sem_init) or beside it (sem_open).",
)
@click.option(
    "--mode", type=Mode(), default="0600", show_default=True, help="Permission bits of the segment."
)
@click.option(
    "--producer", multiple=True, metavar="CMD", help="A program of your own; can be repeated."
)
@click.option(
    "--consumer", multiple=True, metavar="CMD", help="A program of your own; can be repeated."
)
@click.option(
    "--fault",
    "faults",
    type=FaultOption(),
    multiple=True,
    metavar="[ROLE[N]:]FAULT",
    help="A mistake for workers to make, as no-mutex or consumer2:die-at=read; can be repeated.",
)
@click.option("--headless", is_flag=True, help="No screen; a summary at the end.")
@click.option("--duration", type=Seconds(), help="End after this many seconds.")
@click.option("--keep", is_flag=True, help="Leave the segment in /dev/shm at the end.")
@click.option(
    "--json", "as_json", is_flag=True, help="With --headless: the summary as one JSON object."
)
@click.option(
    "--refresh",
    type=click.FloatRange(0.1, 60),
    default=10.0,
    show_default=True,
    help="Frames per second of the dashboard.",
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def run(**options: Any) -> int:
    """Make a bounded buffer, run producers and consumers over it, and show them.

    NAME is the segment's name, /shm_buffer by default. A C program with the same
    struct can join at any time on either side.

    \b
    Examples:
      shmtui run
      shmtui run /jobs --slots 1024 --produce-rate max --consume-rate max
      shmtui run --producer ./produtor --consumer ./consumidor
      shmtui run --headless --duration 10 --json
    """
    from shmtui.cli.run import run as launch
    from shmtui.session.run_options import RunOptions

    if options["as_json"] and not options["headless"]:
        raise click.UsageError(_("--json goes with --headless: the dashboard prints nothing"))
    for role in ("producer", "consumer"):
        commands = tuple(split_command(text) for text in options.pop(role))
        options[f"{role}_commands"] = commands
        if options[f"{role}s"] is None:
            options[f"{role}s"] = 0 if commands else 1
    if options["producers"] + options["consumers"] > 512:
        raise click.UsageError(_("at most 512 workers can live at a time: ask for fewer"))
    _require_faulty(options["faults"], options["producers"], options["consumers"])
    options["json"] = options.pop("as_json")
    options["refresh_hz"] = options.pop("refresh")
    options["semaphores"] = SemaphoreKind(options["semaphores"])
    if options["duration"] is not None and not options["headless"]:
        raise click.UsageError(_("--duration goes with --headless: end the dashboard with q"))
    return launch(RunOptions(**options))


def _require_faulty(faults: "Sequence[FaultOrder]", producers: int, consumers: int) -> None:
    """A fault whose worker is not started would be forgotten in silence."""
    for role, number, _fault in faults:
        there = {Role.PRODUCER: producers, Role.CONSUMER: consumers}
        most = max(there.values()) if role is None else there[role]
        if not most or (number is not None and not 1 <= number <= most):
            whose = f"{role or 'worker'}{'' if number is None else f' {number}'}"
            raise click.UsageError(
                _("--fault is for {whose}, and there is none to start with").format(whose=whose)
            )


@main.command(short_help="List all segments and named semaphores")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pid_option
def ls(as_json: bool, pid: int | None) -> int:
    """List every POSIX segment and named semaphore of this machine, and who maps it.

    \b
    Examples:
      shmtui ls
      shmtui ls --json | jq 'select(.orphan)'
      shmtui ls --pid 4711                        what a program in a container sees
    """
    from shmtui.monitor.discovery import discover
    from shmtui.report import segment_table as listing
    from shmtui.report import snapshot_json as json

    entries = discover(folder_of(pid))
    if as_json:
        for entry in entries:
            click.echo(json.line(json.entry_json(entry)))
        return ExitCode.OK
    width = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else None
    for text in listing.listing_lines(entries, width):
        click.echo(text)
    return ExitCode.OK


@main.command(short_help="Take a look at a segment")
@click.argument("name", type=SegmentName())
@click.option("--json", "as_json", is_flag=True, help="The snapshot as one line of JSON.")
@click.option("--interval", type=Seconds(), help="Look again every so many seconds.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many looks.")
@click.option(
    "--slots-shown",
    type=click.IntRange(0),
    default=64,
    show_default=True,
    help="How many slots' values to show.",
)
@layout_options
def stat(
    name: str,
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
    """
    from shmtui.monitor.sampler import Sampler

    options, folder = open_options(layout)
    sampler = Sampler(name, options, folder=folder)
    sampler.slots_shown = slots_shown
    say = _say_json if as_json else _say_text
    looks = count or (1 if interval is None else None)
    due = time.monotonic()
    try:
        while True:
            say(sampler.sample())
            looks = None if looks is None else looks - 1
            if looks == 0:
                return ExitCode.OK
            due += interval or 1.0
            watch_until(sampler, due)
    finally:
        sampler.close()


def _say_json(snapshot: "Snapshot") -> None:
    from shmtui.report import snapshot_json as json

    click.echo(json.line(json.snapshot_json(snapshot)))


def _say_text(snapshot: "Snapshot") -> None:
    from shmtui.report import snapshot_text as text

    click.echo("\n".join(text.snapshot_lines(snapshot)))


@main.command(short_help="Say what is wrong with a segment")
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
def check(name: str, seconds: float, as_json: bool, **layout: Any) -> int:
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


@main.command(short_help="Get a stuck segment going again")
@click.argument("name", type=SegmentName())
@click.option("--yes", is_flag=True, help="Carry the plan out.")
@layout_options
def repair(name: str, yes: bool, **layout: Any) -> int:
    """Show what it takes to get a stuck segment going again; with --yes, do it.

    The plan says what is wrong, which words change from what to what, who is nudged, and
    what it rests on. Nothing is changed without --yes, and nothing where the state can be
    read in two ways. Exit 0: healthy; 1: something is still wrong; 2: refused.

    \b
    Examples:
      shmtui repair /shm_buffer
      shmtui repair /shm_buffer --slots 5 --yes
    """
    from shmtui.cli.repair import repair_by_command

    options, folder = open_options(layout)
    return repair_by_command(name, options, folder, yes=yes, say=click.echo)


def watch_until(sampler: "Sampler", due: float) -> None:
    """Wait until ``due``; look meanwhile at what only looks can count."""
    while (left := due - time.monotonic()) > 0:
        if sampler.counts_exactly:
            time.sleep(left)
        else:
            # Uneven, so that no pace of the buffer's can keep step with it.
            time.sleep(min(left, WATCH_SECONDS * random.uniform(0.5, 1.5)))
            sampler.sample_ring()


@main.command(short_help="Open the dashboard on an existing segment")
@click.argument("name", type=SegmentName(), required=False)
@click.option("--write", is_flag=True, help="Let producers and consumers be added to it.")
@click.option("--wait", is_flag=True, help="Wait for a segment that does not exist yet.")
@click.option(
    "--produce-rate", type=Rate(), default="1", show_default=True, help="Of producers added."
)
@click.option(
    "--consume-rate", type=Rate(), default="0.5", show_default=True, help="Of consumers added."
)
@click.option(
    "--refresh",
    type=click.FloatRange(0.1, 60),
    default=10.0,
    show_default=True,
    help="Frames per second.",
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@layout_options
def attach(name: str | None, refresh: float, **given: Any) -> int:
    """Open the dashboard on a segment that exists, without touching it.

    Without NAME, a list to pick from. The layout is taken from shmtui's own control
    block, from --header, from the other options, or inferred from the live bytes;
    where several fit, you choose. Nothing is written unless --write is given.

    \b
    Examples:
      shmtui attach
      shmtui attach /shm_buffer --slots 5
      shmtui attach /jobs --header jobs.h:Queue --map in=head,out=tail
    """
    from shmtui.cli.attach import attach as carry_out
    from shmtui.session.opener import AttachOptions

    layout, folder = open_options(given)
    return carry_out(
        AttachOptions(name=name, layout=layout, folder=folder, refresh_hz=refresh, **given)
    )


@main.command(short_help="Start a prepared lesson")
@click.argument("name", type=LessonName(), required=False)
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def lab(name: str | None, ascii_only: bool) -> int:
    """Start a prepared scene with a text beside it: what you see, why, what to press.

    Without NAME, the list of lessons. A lesson has a segment of its own, runs real
    processes over it, and takes all of it away at the end.

    \b
    Examples:
      shmtui lab                the lessons
      shmtui lab hang           the course's two programs hang, and are rescued
      shmtui lab no-mutex --lang pt
    """
    from shmtui.cli.lab import listing, start

    if name is None:
        for text in listing():
            click.echo(text)
        return ExitCode.OK
    return start(name, ascii_only=ascii_only)


@main.command(short_help="Unlink a segment and what belongs to it")
@click.argument("name", type=SegmentName())
@click.option("--force", is_flag=True, help="Even while live processes map it.")
def rm(name: str, force: bool) -> int:
    """Unlink a segment with its control block and semaphores.

    \b
    Example:
      shmtui rm /shm_buffer
    """
    from shmtui.session.cleanup import remove

    click.echo(f"shmtui: {remove(name, force=force)}")
    return ExitCode.OK


@main.command(short_help="Print the completion script of a shell")
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> int:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(shmtui completion bash)"         in ~/.bashrc
      eval "$(shmtui completion zsh)"          in ~/.zshrc
      shmtui completion fish > ~/.config/fish/completions/shmtui.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "shmtui", "_SHMTUI_COMPLETE").source())
    return ExitCode.OK


def run_cli(arguments: Sequence[str]) -> int:
    """Run a command in the reader's language; returns the exit code."""
    _make_streams_writable()
    with spoken(main, arguments):
        return _run(arguments)


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
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ShmtuiError, click.ClickException) as error:
        _complain(str(error) if isinstance(error, ShmtuiError) else _usage_line(error))
        return ExitCode.CANNOT
    except (OSError, MemoryError) as error:
        lacking = shortage(error)
        if lacking is None:
            raise
        # What could not be written shall not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _complain(lacking)
        return ExitCode.CANNOT
    return int(result or 0)


def _complain(text: str) -> None:
    """One line on stderr; where there is none, the exit code has to do."""
    with contextlib.suppress(OSError):
        click.echo(f"shmtui: {inert(' '.join(text.split()))}", err=True)


def _usage_line(error: click.ClickException) -> str:
    """A usage error in one line, with the way to the help."""
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "shmtui"
    message = error.format_message().rstrip(".")
    return _("{message} (see {command} --help)").format(message=message, command=where)
