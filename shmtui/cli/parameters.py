"""The command line's own types and the options that several commands share."""

import math
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.faults import Fault, FaultOrder, fault_name, parse_fault
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment import SHM_DIR, segment_name

Command = TypeVar("Command", bound=Callable[..., Any])
Value = TypeVar("Value")


class Parsed(click.ParamType[Value]):
    """A type by the function that reads what was typed. BadParameter, ShmtuiError: it is refused.

    A value that is no text has been read already.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[str], Value],
        complete: Callable[[str], Iterable[CompletionItem]] = lambda _typed: (),
    ) -> None:
        self.name = name
        self._read = read
        self._complete = complete

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Value:
        return self._read(value) if isinstance(value, str) else cast("Value", value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return list(self._complete(incomplete))


def _segments(typed: str) -> Iterator[CompletionItem]:
    """The segments there are; named semaphores and control blocks are no segments."""
    bare = typed.removeprefix("/")
    slash = typed[: len(typed) - len(bare)]
    for name in sorted(os.listdir(SHM_DIR)):
        no_segment = name.startswith("sem.") or name.endswith(".shmtui")
        if name.startswith(bare) and not no_segment and name.isprintable():
            yield CompletionItem(slash + name)


def _target(text: str) -> str:
    from shmtui.procfs.target import target

    return target(text)


def _looked_at(text: str) -> str | int:
    number = text.removeprefix("semset:")
    return (
        int(number) if number != text and number.isascii() and number.isdigit() else _target(text)
    )


def _removable(text: str) -> str:
    from shmtui.session.object_removal import is_object

    return text if is_object(text) else segment_name(text)


def _lesson(text: str) -> str:
    from shmtui.lessons.lesson_texts import BY_NAME

    if text not in BY_NAME:
        wrong = _("there is no lesson {name!r}: one of {names}")
        raise click.BadParameter(wrong.format(name=text, names=", ".join(BY_NAME)))
    return text


def _lessons(typed: str) -> Iterator[CompletionItem]:
    from shmtui.lessons.lesson_texts import LESSONS

    for lesson in LESSONS:
        if lesson.name.startswith(typed):
            yield CompletionItem(lesson.name, help=_(lesson.title))


def _number(text: str, least: float, most: float, wrong: str) -> float:
    """The number in ``text``; BadParameter, by the sentence ``wrong``: it is out of the range."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise click.BadParameter(wrong.format(value=text))
    return number


def _rate(text: str) -> float:
    wrong = _("{value!r} is not a rate: give items per second from 0.001 to 1000000, or max")
    return math.inf if text == "max" else _number(text, 0.001, 1e6, wrong)


def _seconds(text: str) -> float:
    return _number(text, 0.001, 1e9, _("{value!r} is not a time in seconds greater than 0"))


def _hertz(text: str) -> float:
    wrong = _("{value!r} is not a frame rate: give frames per second from 0.1 to 60")
    return _number(text, 0.1, 60, wrong)


def _fault(text: str) -> FaultOrder:
    try:
        return parse_fault(text)
    except ShmtuiError as error:
        raise click.BadParameter(str(error)) from None


def _faults(typed: str) -> Iterator[CompletionItem]:
    """The faults, behind what is typed of whose they are."""
    whose, colon, what = typed.rpartition(":")
    both = (Role.PRODUCER, Role.CONSUMER)
    roles = [role for role in both if whose.startswith(role)] or both
    names = {fault_name(fault, role): None for role in roles for fault in Fault if fault}
    for name in names:
        if name.startswith(what):
            yield CompletionItem(whose + colon + name)


def _mode(text: str) -> int:
    if not re.fullmatch(r"0?[0-7]{3}", text):
        wrong = _("{value!r} is not a mode: give octal permission bits, such as 0600")
        raise click.BadParameter(wrong.format(value=text))
    return int(text, 8)


def _header_file(text: str) -> tuple[Path, str | None]:
    """Split behind the longest beginning that is a file; at the first colon where none is."""
    colons = [at for at, letter in enumerate(text) if letter == ":"]
    for at in (len(text), *reversed(colons)):
        if Path(text[:at]).exists():
            return Path(text[:at]), text[at + 1 :] or None
    file, _colon, path = text.partition(":")
    return Path(file), path or None


def _semaphore_place(text: str) -> str:
    """A name of a semaphore is checked; a member's is looked up once the struct is known, and one of a
    System V set, ``semset:ID:NUMBER``, once the segment is.
    """
    return segment_name(text) if text.startswith("/") else text


def _field_map(text: str) -> tuple[tuple[str, str], ...]:
    roles = ("data", "in", "out", "count", *SemaphoreRole)
    pairs = []
    for part in text.split(","):
        role, equals, member = part.strip().partition("=")
        if not equals or role not in roles or not member:
            wrong = _("{part!r} is not understood: write role=member, with a role of {roles}")
            raise click.BadParameter(wrong.format(part=part, roles=" ".join(roles)))
        pairs.append((role, member))
    return tuple(pairs)


SEGMENT_NAME = Parsed("name", segment_name, _segments)
"""A POSIX segment name, with or without its leading slash."""
TARGET = Parsed("target", _target, _segments)
"""A segment's name, or memory without one: ``sysv:SHMID``, ``pid:PID:INODE``."""
LOOKED_AT: Parsed[str | int] = Parsed("target", _looked_at, _segments)
"""A target, or the number of a System V set of semaphores."""
REMOVABLE = Parsed("name", _removable, _segments)
"""Whatever ``ls`` lists."""
LESSON_NAME = Parsed("name", _lesson, _lessons)
RATE = Parsed("rate", _rate)
"""Items per second, or ``max``."""
SECONDS = Parsed("seconds", _seconds)
FAULT = Parsed("fault", _fault, _faults)
"""A mistake for workers to make, and whose."""
MODE = Parsed("mode", _mode)
_HERTZ = Parsed("hertz", _hertz)
_HEADER_FILE = Parsed(
    "file[:path]", _header_file, lambda typed: [CompletionItem(typed, type="file")]
)
"""``FILE`` or ``FILE:PATH``; a path may hold colons: ``ring.hpp:ipc::Ring``."""
_SEMAPHORE_PLACE = Parsed("name", _semaphore_place)
"""``/NAME`` of a named semaphore; beside a header also a member's name."""
_FIELD_MAP = Parsed("role=member,...", _field_map)
"""``in=head,out=tail,data=buf``."""


def stacked(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """A decorator that gives a command these options, in this order in its help."""

    def give(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return give


pid_option = click.option(
    "--pid", type=click.IntRange(1), metavar="PID",
    help="In the /dev/shm of that process, such as one in a container.",
)  # fmt: skip

layout_options = stacked(
    click.option("--header", type=_HEADER_FILE, metavar="FILE[:PATH]",
                 help="Where the segment's struct is declared: a header or source (.h .hpp .c .cpp), "
                      "which the compiler reads, or an object file or program with debug "
                      "information. PATH names the struct or a member of it: Segment.rings[1]."),
    click.option("--cc", "compiler", metavar="PROGRAM",
                 help="The compiler for --header; by default $CC, or cc and c++."),
    click.option("-I", "--include", type=click.Path(path_type=Path), multiple=True,
                 metavar="DIR", help="Another folder for the header's own includes."),
    click.option("-D", "--define", multiple=True, metavar="NAME[=VALUE]",
                 help="A macro that the program was built with."),
    click.option("--map", "mapping", type=_FIELD_MAP, metavar="ROLE=MEMBER,...",
                 help="Which members play data, in, out, mutex, empty, full; - for none."),
    click.option("--slots", type=int, metavar="N",
                 help="Slots of a segment in the layout of the classical exercise; beside --header, "
                      "how many of its array are used."),
    click.option("--item", metavar="TYPE",
                 help="Its item type: int32 (the default) … double, char[N], byte[N]."),
    click.option("--mutex", type=_SEMAPHORE_PLACE, metavar="/NAME|MEMBER",
                 help="The lock: a named semaphore, or a member of the header's struct."),
    click.option("--empty", type=_SEMAPHORE_PLACE, metavar="/NAME|MEMBER",
                 help="The semaphore of free slots."),
    click.option("--full", type=_SEMAPHORE_PLACE, metavar="/NAME|MEMBER",
                 help="The semaphore of items."),
    click.option("--index-segment", type=SEGMENT_NAME, metavar="/NAME",
                 help="The segment that holds in and out, where that is another one."),
    click.option("--layout", metavar="SPEC",
                 help="All offsets, as in data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,"
                      "full=96."),
    click.option("--raw", is_flag=True, help="As bytes, no bounded buffer."),
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
    click.option("--refresh", "refresh_hz", type=_HERTZ, default="10", show_default=True,
                 help="Frames per second of the dashboard."),
    click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only."),
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
    names = []
    for role in SemaphoreRole:
        place = given.pop(role)
        if place is not None and place.startswith("semset:"):
            names.append((role, place))
        elif place is not None and header is not None and not place.startswith("/"):
            mapping += ((str(role), place),)
        elif place is not None:
            names.append((role, segment_name(place)))
    pid = given.pop("pid")
    folder = folder_of(pid)
    options = LayoutOptions(
        header=header,
        struct=struct,
        mapping=mapping,
        names=tuple(names),
        progress=lambda text: click.echo(text, err=True),
        pid=pid,
        **{name: given.pop(name) for name in _AS_GIVEN},
    )
    return options, folder


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
        wrong = _("cannot see the /dev/shm of PID {pid}: is it running, and has it one?")
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
