"""Options that several commands share, and what is made of their values."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec.structs import replace

from shmtui.cli.parameters import FIELD_MAP, HEADER_FILE, HERTZ, SEGMENT_NAME, SEMAPHORE_PLACE
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.sanitize import inert
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import SHM_DIR, segment_name

if TYPE_CHECKING:
    from shmtui.layouts.options import LayoutOptions
    from shmtui.monitor.sampler import Sampler

Command = TypeVar("Command", bound=Callable[..., Any])


def stacked(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """A decorator that gives a command these options, in this order in its help."""

    def give(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return give


pid_option = click.option(
    "--pid", type=click.IntRange(1), metavar="PID",
    help="Look in the /dev/shm of this process, such as one in a container.",
)  # fmt: skip
layout_options = stacked(
    click.option("--header", type=HEADER_FILE, metavar="FILE[:PATH]",
                 help="Where the segment's struct is declared: a header or source (.h .hpp .c .cpp), "
                      "which the compiler reads, or an object file or program with debug "
                      "information. PATH names the struct or a member of it: Segment.rings[1]."),
    click.option("--cc", "compiler", metavar="PROGRAM",
                 help="The compiler for --header; by default $CC, or cc and c++."),
    click.option("-I", "--include", type=click.Path(path_type=Path), multiple=True,
                 metavar="DIR", help="Another folder for the header's own includes."),
    click.option("-D", "--define", multiple=True, metavar="NAME[=VALUE]",
                 help="A macro that the program was built with."),
    click.option("--map", "mapping", type=FIELD_MAP, metavar="ROLE=MEMBER,...",
                 help="Which members play data, in, out, mutex, empty, full; - for none."),
    click.option("--slots", type=int, metavar="N",
                 help="Slots of a segment in the layout of the classical exercise; of another struct, "
                      "by --header or debug information, how many of its array are used."),
    click.option("--item", metavar="TYPE",
                 help="Its item type: int32 (the default) … double, char[N], byte[N]."),
    click.option("--mutex", type=SEMAPHORE_PLACE, metavar="/NAME|MEMBER",
                 help="The lock: a named semaphore, or a member of the struct."),
    click.option("--empty", type=SEMAPHORE_PLACE, metavar="/NAME|MEMBER",
                 help="The semaphore of free slots."),
    click.option("--full", type=SEMAPHORE_PLACE, metavar="/NAME|MEMBER",
                 help="The semaphore of items."),
    click.option("--index-segment", type=SEGMENT_NAME, metavar="/NAME",
                 help="The segment that holds in and out, where that is another one."),
    click.option("--layout", metavar="SPEC",
                 help="All offsets, as in data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,"
                      "full=96."),
    click.option("--raw", is_flag=True, help="Show it as bytes, not as a bounded buffer."),
    click.option("--shmat", is_flag=True,
                 help="Attach a System V segment read-only, where it can be read in no other way: nattch, "
                      "atime and lpid change."),
    pid_option,
)  # fmt: skip
"""The options that say what the bytes of a segment mean."""
exact_option = click.option(
    "--exact", is_flag=True,
    help="Count every item by hardware breakpoints, while their hits cost less than 1 % of a processor.",
)  # fmt: skip
dashboard_options = stacked(
    click.option("--refresh", "refresh_hz", type=HERTZ,
                 help="Frames per second of the dashboard; by default 10, or as in config.toml."),
    click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only."),
)  # fmt: skip
record_option = click.option(
    "--record", type=click.Path(path_type=Path), metavar="FILE",
    help="Write every snapshot to a file, for shmtui replay.",
)  # fmt: skip
_AS_GIVEN = (
    "include",
    "define",
    "compiler",
    "slots",
    "item",
    "index_segment",
    "layout",
    "raw",
    "shmat",
)
"""The layout options that a command hands on as they are."""


def open_options(given: dict[str, Any]) -> tuple[Any, str]:
    """The LayoutOptions in a command's arguments, and the folder to look in.

    Takes its own out of ``given``.
    """
    from shmtui.layouts.options import LayoutOptions

    header, struct = given.pop("header") or (None, None)
    mapping = given.pop("mapping") or ()
    pid = given.pop("pid")
    folder = folder_of(pid)
    names = []
    for role in SemaphoreRole:
        place = given.pop(role)
        if place is not None and place.startswith("semset:"):
            names.append((role, place))
        elif place is not None and _is_a_member(place, folder, beside_header=header is not None):
            mapping += ((str(role), place),)
        elif place is not None:
            names.append((role, segment_name(place)))
    options = LayoutOptions(
        header=header,
        struct=struct,
        mapping=mapping,
        names=tuple(names),
        progress=lambda text: click.echo(inert(text), err=True),
        pid=pid,
        **{name: given.pop(name) for name in _AS_GIVEN},
    )
    return options, folder


def _is_a_member(place: str, folder: str, *, beside_header: bool) -> bool:
    """Whether a semaphore is one of the struct's members; a name that has no slash may be either."""
    if place.startswith(("/", "pid:")):
        return False
    from shmtui.shm.semaphore import named_semaphore_path

    path = named_semaphore_path(segment_name(place), folder)
    return beside_header or not os.path.lexists(path)


def sampler_or_raw(name: str, options: "LayoutOptions", folder: str) -> "Sampler":
    """A sampler of the segment; as raw bytes where several layouts fit and the user names none."""
    from shmtui.layouts.options import AmbiguousLayoutError
    from shmtui.monitor.sampler import Sampler

    try:
        return Sampler(name, options, folder=folder)
    except AmbiguousLayoutError as error:
        if replace(options, shmat=False).words or not error.candidates:
            raise
        from shmtui.session.terminal import note

        for text in error.missed:
            note(text)
        # What was told of the first try holds for this one.
        return Sampler(name, replace(options, raw=True, progress=None), folder=folder)


def folder_of(pid: int | None) -> str:
    """The /dev/shm to look in: ours, or another process's, which may be a container's.

    ShmtuiError: it cannot be seen.
    """
    if pid is None:
        return SHM_DIR
    root = f"/proc/{pid}/root"
    folder = root + SHM_DIR
    try:
        # Where it is a link, it would be followed in our files and not in its own.
        astray = any(map(os.path.islink, (f"{root}/dev", folder)))
        Path(folder).stat()
    except PermissionError:
        wrong = _("this user may not look into the /dev/shm of PID {pid}: run shmtui as root")
    except OSError:
        wrong = _("cannot see the /dev/shm of PID {pid}: is it running, and does it have one?")
    else:
        if not astray:
            return folder
        wrong = _("the /dev/shm of PID {pid} is a symbolic link, and those are not followed")
    raise ShmtuiError(wrong.format(pid=pid))


def split_command(text: str) -> tuple[str, ...]:
    """A command as a shell would split it; nothing in it is expanded or run by a shell."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        wrong = _("the command {text!r} cannot be split: {error}")
        raise click.UsageError(wrong.format(text=text, error=error)) from None
    if not words:
        raise click.UsageError(_("an empty command: name a program, such as ./produtor"))
    return words
