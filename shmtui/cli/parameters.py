"""The command line's own types of values, with what a shell completes."""

import math
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.faults import Fault, FaultOrder, fault_name, parse_fault
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment import SHM_DIR, segment_name, segment_path

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from shmtui.session.listening import Address

Value = TypeVar("Value")


class Parsed(click.ParamType[Value]):
    """A type by the function that reads what was typed. BadParameter, ShmtuiError: it is refused.

    A value that is no text has been read already.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[str], Value],
        complete: Callable[[str], "Iterable[CompletionItem]"] = lambda _typed: (),
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
    ) -> "list[CompletionItem]":
        return list(self._complete(incomplete))


def _completion(value: str, **facts: str) -> "CompletionItem":
    from click.shell_completion import CompletionItem

    return CompletionItem(value, **facts)


def _segments(typed: str) -> "Iterator[CompletionItem]":
    """The segments there are; named semaphores and control blocks are no segments."""
    bare = typed.removeprefix("/")
    slash = typed[: len(typed) - len(bare)]
    for name in sorted(os.listdir(SHM_DIR)):
        no_segment = name.startswith("sem.") or name.endswith(".shmtui")
        if name.startswith(bare) and not no_segment and name.isprintable():
            yield _completion(slash + name)


def _segments_and_files(typed: str) -> "Iterator[CompletionItem]":
    """The segments; files where a path is typed."""
    yield from _segments(typed)
    if typed.startswith(".") or "/" in typed[1:]:
        yield _completion(typed, type="file")


_WITH_NAME: Final = re.compile(r"((?:pid|sysv|semset|msgqueue):[0-9:]+) \(.*\)", re.DOTALL)


def _printed(text: str) -> str:
    """A target without the name that ``ls`` prints after it.

    >>> _printed("sysv:7 (0x0020cba5)"), _printed("/a (b)"), _printed("pid:1:2 (/old)")
    ('sysv:7', '/a (b)', 'pid:1:2')
    """
    found = _WITH_NAME.fullmatch(text)
    return text if found is None else found[1]


def _target(text: str) -> str:
    from shmtui.procfs.target import target

    _refuse_file(text)
    return target(_printed(text))


def _target_or_file(text: str) -> str | Path:
    """A recording or a capsule by its file, or a target."""
    from shmtui.session.recorded_file import recorded_file

    _refuse_schedule(text)
    return recorded_file(text) or _target(text)


def _looked_at(text: str) -> str | int | Path:
    bare = _printed(text)
    number = bare.removeprefix("semset:")
    is_set = number != bare and number.isascii() and number.isdigit()
    return int(number) if is_set else _target_or_file(text)


def _removable(text: str) -> str:
    from shmtui.session.object_removal import is_object

    if is_object(_printed(text)):
        return _printed(text)
    _refuse_file(text)
    return segment_name(text)


def _refuse_file(text: str) -> None:
    """ShmtuiError: it names a recording or a schedule, and no segment."""
    from shmtui.session.recorded_file import is_recording, recorded_file

    _refuse_schedule(text)
    file = recorded_file(text)
    if file is not None and is_recording(file):
        wrong = _(
            "{path} is a recording or a capsule, not a live segment: shmtui replay, stat, check and report read it"
        )
        raise ShmtuiError(wrong.format(path=file))


def _refuse_schedule(text: str) -> None:
    """ShmtuiError: it names a schedule, and no segment."""
    if "\0" in text or not os.path.isfile(text) or os.path.exists(segment_path(text)):  # noqa: PTH110, PTH113 - light
        return
    from shmtui.control.schedule import is_schedule

    if is_schedule(Path(text)):
        wrong = _("{path} is a schedule of shmtui explore: see it with shmtui replay {quoted}")
        raise ShmtuiError(wrong.format(path=text, quoted=shlex.quote(text)))


def _lesson(text: str) -> str:
    from shmtui.lessons.lesson_texts import BY_NAME

    if text not in BY_NAME:
        wrong = _("there is no lesson {name!r}: one of {names}")
        raise click.BadParameter(wrong.format(name=text, names=", ".join(BY_NAME)))
    return text


def _lessons(typed: str) -> "Iterator[CompletionItem]":
    from shmtui.lessons.lesson_texts import LESSONS

    for lesson in LESSONS:
        if lesson.name.startswith(typed):
            yield _completion(lesson.name, help=_(lesson.title))


_NO_UNIT: Final[Mapping[str, int]] = {"": 1}
_TIMES: Final[Mapping[str, int]] = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _number(
    text: str, least: float, most: float, wrong: str, units: Mapping[str, int] = _NO_UNIT
) -> float:
    """The number in ``text``, in ``units``; BadParameter, by the sentence ``wrong``: it is out of the range."""
    unit = text[-1:] if text[-1:] in units else ""
    try:
        number = float(text.removesuffix(unit)) * units[unit]
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise click.BadParameter(wrong.format(value=text))
    return number


def _rate(text: str) -> float:
    wrong = _("{value!r} is not a rate: give items per second from 0.001 to 1000000, or max")
    return math.inf if text == "max" else _number(text, 0.001, 1e6, wrong)


def _seconds(text: str) -> float:
    wrong = _(
        "{value!r} is not a time greater than 0: give seconds, or a unit, such as 0.5, 30s or 5m"
    )
    return _number(text, 0.001, 1e9, wrong, _TIMES)


def _hertz(text: str) -> float:
    wrong = _("{value!r} is not a frame rate: give frames per second from 0.1 to 60")
    return _number(text, 0.1, 60, wrong)


LOCAL: Final = "127.0.0.1"
_MOST_PORT: Final = 65535
_COLUMNS: Final = range(50, 401)
_ROWS: Final = range(20, 201)
_BYTES: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _bytes(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([KMG]?)", text.upper().removesuffix("B"))
    size = int(float(found[1]) * _BYTES[found[2]]) if found else 0
    if not 1 << 16 <= size < 1 << 50:
        wrong = _("{value!r} is not a size: give at least 64K, such as 100M or 2G")
        raise click.BadParameter(wrong.format(value=text))
    return size


def _age(text: str) -> float:
    wrong = _("{value!r} is not a time: give at least 1s, such as 90s, 30m, 8h or 7d")
    return _number(text, 1, 1e9, wrong, _TIMES)


def _address(text: str) -> "Address":
    """``HOST:PORT``, ``[IPV6]:PORT``, or a port of this machine alone."""
    from shmtui.session.listening import Address

    found = re.fullmatch(
        r"(?:(?:\[(?P<v6>[^][]+)\]|(?P<host>[^][:]+)):)?(?P<port>[0-9]{1,5})", text
    )
    if found is None or int(found["port"]) > _MOST_PORT:
        wrong = _("{text!a} is not an address: give HOST:PORT, such as 127.0.0.1:9755")
        raise click.BadParameter(wrong.format(text=text))
    return Address(found["v6"] or found["host"] or LOCAL, int(found["port"]))


def _screen_size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,3})[xX×]([0-9]{1,3})", text)
    columns, rows = (int(found[1]), int(found[2])) if found else (0, 0)
    if columns not in _COLUMNS or rows not in _ROWS:
        wrong = _("{text!a} is not a screen size: give COLUMNSxROWS, from 50x20 to 400x200")
        raise click.BadParameter(wrong.format(text=text))
    return columns, rows


def _fault(text: str) -> FaultOrder:
    try:
        return parse_fault(text)
    except ShmtuiError as error:
        raise click.BadParameter(str(error)) from None


def _faults(typed: str) -> "Iterator[CompletionItem]":
    """The faults, behind what is typed of whose they are."""
    whose, colon, what = typed.rpartition(":")
    both = (Role.PRODUCER, Role.CONSUMER)
    roles = [role for role in both if whose.startswith(role)] or both
    names = {fault_name(fault, role): None for role in roles for fault in Fault if fault}
    for name in names:
        if name.startswith(what):
            yield _completion(whose + colon + name)


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
TARGET_OR_FILE: Parsed[str | Path] = Parsed("target", _target_or_file, _segments_and_files)
"""A target, or the file of a recording or a capsule."""
LOOKED_AT: Parsed[str | int | Path] = Parsed("target", _looked_at, _segments_and_files)
"""The same, or the number of a System V set of semaphores."""
REMOVABLE = Parsed("name", _removable, _segments)
"""Whatever ``ls`` lists."""
LESSON_NAME = Parsed("name", _lesson, _lessons)
RATE = Parsed("rate", _rate)
"""Items per second, or ``max``."""
SECONDS = Parsed("seconds", _seconds)
BYTES = Parsed("size", _bytes)
"""The size of a file, with K, M or G."""
AGE = Parsed("time", _age)
"""A time in seconds, with s, m, h or d."""
ADDRESS = Parsed("host:port", _address)
"""Where to listen; a port alone is one of 127.0.0.1."""
SCREEN_SIZE = Parsed("columnsxrows", _screen_size)
"""``120x40``."""
FAULT = Parsed("fault", _fault, _faults)
"""A mistake for workers to make, and whose."""
MODE = Parsed("mode", _mode)
HERTZ = Parsed("hertz", _hertz)
HEADER_FILE = Parsed("file[:path]", _header_file, lambda typed: [_completion(typed, type="file")])
"""``FILE`` or ``FILE:PATH``; a path may hold colons: ``ring.hpp:ipc::Ring``."""
SEMAPHORE_PLACE = Parsed("name", _semaphore_place)
"""``/NAME`` of a named semaphore; beside a header also a member's name."""
FIELD_MAP = Parsed("role=member,...", _field_map)
"""``in=head,out=tail,data=buf``."""
