"""The command line's own types and the options that several commands share."""

import math
import os
import re
import shlex
from collections.abc import Callable
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


class SegmentName(click.ParamType[str]):
    """A POSIX segment name, with or without its leading slash."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Normalise it, or refuse in one line."""
        return segment_name(str(value))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The segments there are; named semaphores and control blocks are no segments."""
        bare = incomplete.removeprefix("/")
        slash = incomplete[: len(incomplete) - len(bare)]
        return [
            CompletionItem(slash + name)
            for name in sorted(os.listdir(SHM_DIR))
            if name.startswith(bare)
            and not name.startswith("sem.")
            and not name.endswith(".shmtui")
            and name.isprintable()
        ]


class LessonName(click.ParamType[str]):
    """A lesson by its name; the lessons are read when one is asked for."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what is none, and say which there are."""
        from shmtui.lessons.lesson_texts import BY_NAME

        if value not in BY_NAME:
            text = _("there is no lesson {name!r}: one of {names}")
            self.fail(text.format(name=value, names=", ".join(BY_NAME)))
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The lessons, with what each is about."""
        from shmtui.lessons.lesson_texts import LESSONS

        return [
            CompletionItem(lesson.name, help=_(lesson.title))
            for lesson in LESSONS
            if lesson.name.startswith(incomplete)
        ]


class Rate(click.ParamType[float]):
    """Items per second, or ``max``."""

    name = "rate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it; refuse what no worker can keep to."""
        if isinstance(value, float):
            return value
        if value == "max":
            return math.inf
        try:
            rate = float(value)
        except ValueError:
            rate = math.nan
        if not 0.001 <= rate <= 1e6:
            self.fail(
                _(
                    "{value!r} is not a rate: give items per second from 0.001 to 1000000, or max"
                ).format(value=value)
            )
        return rate


class FaultOption(click.ParamType[FaultOrder]):
    """A mistake for workers to make, and whose."""

    name = "fault"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> FaultOrder:
        """Read it."""
        if not isinstance(value, str):
            return cast("FaultOrder", value)
        try:
            return parse_fault(value)
        except ShmtuiError as error:
            self.fail(str(error))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The faults, behind what is typed of whose they are."""
        whose, colon, what = incomplete.rpartition(":")
        roles = [role for role in (Role.PRODUCER, Role.CONSUMER) if whose.startswith(role)]
        names = {
            fault_name(fault, role): None
            for role in roles or (Role.PRODUCER, Role.CONSUMER)
            for fault in Fault
            if fault
        }
        return [CompletionItem(whose + colon + name) for name in names if name.startswith(what)]


class Mode(click.ParamType[int]):
    """Permission bits in octal."""

    name = "mode"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        if isinstance(value, int):
            return value
        if not re.fullmatch(r"0?[0-7]{3}", value):
            self.fail(
                _("{value!r} is not a mode: give octal permission bits, such as 0600").format(
                    value=value
                )
            )
        return int(value, 8)


class Seconds(click.ParamType[float]):
    """A positive time in seconds."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0.001 <= seconds <= 1e9:
            self.fail(_("{value!r} is not a time in seconds greater than 0").format(value=value))
        return seconds


class Hertz(click.ParamType[float]):
    """Frames per second, from 0.1 to 60."""

    name = "hertz"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it; NaN is refused as anything else that is not in the range."""
        try:
            rate = float(value)
        except ValueError:
            rate = math.nan
        if not 0.1 <= rate <= 60:
            self.fail(
                _("{value!r} is not a frame rate: give frames per second from 0.1 to 60").format(
                    value=value
                )
            )
        return rate


class HeaderFile(click.ParamType[tuple[Path, str | None]]):
    """``FILE`` or ``FILE:PATH``; a path may hold colons: ``ring.hpp:ipc::Ring``."""

    name = "file[:path]"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """A file: the shell knows how to find one."""
        return [CompletionItem(incomplete, type="file")]

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Path, str | None]:
        """Split it behind the longest beginning that is a file; at the first colon where none is."""
        if isinstance(value, tuple):
            return value
        colons = [at for at, letter in enumerate(value) if letter == ":"]
        for at in (len(value), *reversed(colons)):
            if Path(value[:at]).exists():
                return Path(value[:at]), value[at + 1 :] or None
        file, _colon, path = value.partition(":")
        return Path(file), path or None


class SemaphorePlace(click.ParamType[str]):
    """``/NAME`` of a named semaphore; beside a header also a member's name."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """A name of a semaphore is checked; a member's is looked up once the struct is known."""
        return segment_name(str(value)) if str(value).startswith("/") else str(value)


class FieldMap(click.ParamType[tuple[tuple[str, str], ...]]):
    """``in=head,out=tail,data=buf``."""

    name = "role=member,..."
    _roles = ("data", "in", "out", *SemaphoreRole)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[str, str], ...]:
        """Read the pairs."""
        if isinstance(value, tuple):
            return value
        pairs = []
        for part in value.split(","):
            role, equals, member = part.strip().partition("=")
            if not equals or role not in self._roles or not member:
                self.fail(
                    _(
                        "{part!r} is not understood: write role=member, with a role of {roles}"
                    ).format(part=part, roles=" ".join(self._roles))
                )
            pairs.append((str(role), member))
        return tuple(pairs)


_LAYOUT_OPTIONS = (
    click.option("--header", type=HeaderFile(), metavar="FILE[:PATH]",
                 help="Where the segment's struct is declared: a header or source (.h .hpp .c .cpp), "
                      "which the compiler reads, or an object file or program with debug "
                      "information. PATH names the struct or a member of it: Segment.rings[1]."),
    click.option("--cc", "compiler", metavar="PROGRAM",
                 help="The compiler for --header; by default $CC, or cc and c++."),
    click.option("-I", "--include", type=click.Path(path_type=Path), multiple=True,
                 metavar="DIR", help="Another folder for the header's own includes."),
    click.option("-D", "--define", multiple=True, metavar="NAME[=VALUE]",
                 help="A macro that the program was built with."),
    click.option("--map", "mapping", type=FieldMap(), metavar="ROLE=MEMBER,...",
                 help="Which members play data, in, out, mutex, empty, full; - for none."),
    click.option("--slots", type=int, metavar="N",
                 help="Slots of a segment in the layout of the classical exercise; beside --header, "
                      "how many of its array are used."),
    click.option("--item", metavar="TYPE",
                 help="Its item type: int32 (the default) … double, char[N], byte[N]."),
    click.option("--mutex", type=SemaphorePlace(), metavar="/NAME|MEMBER",
                 help="The lock: a named semaphore, or a member of the header's struct."),
    click.option("--empty", type=SemaphorePlace(), metavar="/NAME|MEMBER",
                 help="The semaphore of free slots."),
    click.option("--full", type=SemaphorePlace(), metavar="/NAME|MEMBER",
                 help="The semaphore of items."),
    click.option("--index-segment", type=SegmentName(), metavar="/NAME",
                 help="The segment that holds in and out, where that is another one."),
    click.option("--layout", metavar="SPEC",
                 help="All offsets, as in data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,"
                      "full=96."),
    click.option("--raw", is_flag=True, help="As bytes, no bounded buffer."),
)  # fmt: skip


pid_option = click.option(
    "--pid", type=click.IntRange(1), metavar="PID",
    help="In the /dev/shm of that process, such as one in a container.",
)  # fmt: skip


_DASHBOARD_OPTIONS = (
    click.option("--refresh", type=Hertz(), default="10", show_default=True,
                 help="Frames per second of the dashboard."),
    click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only."),
)  # fmt: skip


def dashboard_options(command: Command) -> Command:
    """Give ``command`` the options of the dashboard."""
    for option in reversed(_DASHBOARD_OPTIONS):
        command = option(command)
    return command


def layout_options(command: Command) -> Command:
    """Give ``command`` the options that say what the bytes of a segment mean."""
    for option in reversed((*_LAYOUT_OPTIONS, pid_option)):
        command = option(command)
    return command


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
        if place is not None and header is not None and not place.startswith("/"):
            mapping += ((str(role), place),)
        elif place is not None:
            names.append((role, segment_name(place)))
    pid = given.pop("pid")
    folder = folder_of(pid)
    options = LayoutOptions(
        header=header,
        struct=struct,
        include=given.pop("include"),
        define=given.pop("define"),
        compiler=given.pop("compiler"),
        mapping=mapping,
        slots=given.pop("slots"),
        item=given.pop("item"),
        names=tuple(names),
        index_segment=given.pop("index_segment"),
        progress=lambda text: click.echo(text, err=True),
        layout=given.pop("layout"),
        raw=given.pop("raw"),
        pid=pid,
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
        raise ShmtuiError(
            _("this user may not look into the /dev/shm of PID {pid}: run shmtui as root").format(
                pid=pid
            )
        ) from None
    except OSError:
        raise ShmtuiError(
            _("cannot see the /dev/shm of PID {pid}: is it running, and has it one?").format(
                pid=pid
            )
        ) from None
    if astray:
        raise ShmtuiError(
            _("the /dev/shm of PID {pid} is a symbolic link, and those are not followed").format(
                pid=pid
            )
        )
    return folder


def split_command(text: str) -> tuple[str, ...]:
    """A command as a shell would split it; nothing in it is expanded or run by a shell."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise click.UsageError(
            _("the command {text!r} cannot be split: {error}").format(text=text, error=error)
        ) from None
    if not words:
        raise click.UsageError(_("an empty command: name a program, such as ./produtor"))
    return words
