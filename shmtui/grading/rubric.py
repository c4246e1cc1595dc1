"""The rubric of an exercise, read from TOML: which checks count how much, and what each demands."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.i18n import _

DEFAULT: Final = Path(__file__).with_name("default.toml")
CHECKS: Final = (
    "builds", "runs", "either-order", "semaphores", "exclusion", "items-kept", "taken-once", "order",
    "ring-used", "no-busy-wait", "no-deadlock", "no-crash", "many", "restart", "killed-peer",
    "clean-up", "prints", "memory", "time", "limits",
)  # fmt: skip
"""In the order in which they are shown."""
_DEMANDS: Final = ("between", "always")
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_MOST_BYTES: Final = 1 << 20
_MOST_POINTS: Final = 1000


class Weight(msgspec.Struct, frozen=True):
    """What a check counts."""

    points: float = 0
    required: bool = False
    demand: str = "between"
    produced: str = ""
    consumed: str = ""
    most: float = 0
    """Bytes of the memory check, seconds of the time check."""


class Rubric(msgspec.Struct, frozen=True):
    """What an exercise asks for."""

    producers: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    build: str = ""
    flags: tuple[str, ...] = ()
    initialise: bool = False
    name: str = ""
    items: int = 6
    memory: int = 1 << 30
    processes: int = 256
    disk: int = 128 << 20
    checks: Mapping[str, Weight] = msgspec.field(default_factory=dict)


def read_rubric(path: Path) -> Rubric:
    """ShmtuiError: the file cannot be read, or is no rubric."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES)
        record = tomllib.loads(raw.decode())
    except OSError as error:
        text = _("cannot read {file}: {error}")
        raise ShmtuiError(text.format(file=path, error=error.strerror)) from None
    except (ValueError, RecursionError) as error:
        text = _("{file} is not TOML: {error}")
        raise ShmtuiError(text.format(file=path, error=error)) from None
    try:
        return _rubric(record)
    except _WrongError as error:
        text = _("the rubric {file}: {wrong}; shmtui grade --print-rubric shows how it is written")
        raise ShmtuiError(text.format(file=path, wrong=error)) from None


class _WrongError(Exception):
    """What is wrong in a rubric."""


class _Table:
    """A table of the rubric, from which each entry is taken once."""

    def __init__(self, name: str, record: Any) -> None:
        self._name = name
        if not isinstance(record, dict):
            raise _WrongError(_("{name} is not a table").format(name=name))
        self._left = dict(record)

    def take(self, key: str, kind: type | tuple[type, ...], default: Any) -> Any:
        """An entry of that kind."""
        value = self._left.pop(key, default)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wrong = type(value) not in kinds
        if wrong or (isinstance(value, list) and not all(isinstance(v, str) for v in value)):
            text = _("{name}.{key} cannot be {value!r}")
            raise _WrongError(text.format(name=self._name, key=key, value=value))
        return value

    def number(self, key: str, default: float, most: float) -> Any:
        """A number from 0 to ``most``."""
        value = self.take(key, (int, float), default)
        if not 0 <= value <= most:
            text = _("{name}.{key} is {value}, and has to be from 0 to {most}")
            raise _WrongError(text.format(name=self._name, key=key, value=value, most=most))
        return value

    def bytes(self, key: str, default: str) -> int:
        """A size with K, M or G."""
        value = self.take(key, str, default)
        found = re.fullmatch(r"([0-9]{1,9})([KMG]?)", value)
        if found is None:
            text = _("{name}.{key} is {value!r}: give a size such as 64M")
            raise _WrongError(text.format(name=self._name, key=key, value=value))
        return int(found[1]) * _UNITS[found[2]]

    def end(self) -> None:
        """Refuse keys that are left over."""
        if self._left:
            text = _("{name} has no {key!r}")
            raise _WrongError(text.format(name=self._name, key=next(iter(self._left))))


def _rubric(record: dict[str, Any]) -> Rubric:
    top = _Table(_("the rubric"), record)
    programs = _Table("programs", top.take("programs", dict, {}))
    trials = _Table("trials", top.take("trials", dict, {}))
    checks = _Table("checks", top.take("checks", dict, {}))
    weights = {}
    for name in CHECKS:
        given = checks.take(name, (int, float, bool, dict), False)
        if given is not False:
            weights[name] = _weight(name, given)
    checks.end()
    found = Rubric(
        tuple(programs.take("producer", list, [])), tuple(programs.take("consumer", list, [])),
        tuple(programs.take("before", list, [])), programs.take("build", str, ""), tuple(programs.take("flags", list, [])),
        programs.take("initialise", bool, False), programs.take("name", str, ""),
        int(trials.number("items", 6, 100)), trials.bytes("memory", "1G"),
        int(trials.number("processes", 256, 10_000)), trials.bytes("disk", "128M"), weights,
    )  # fmt: skip
    for table in (programs, trials, top):
        table.end()
    if not weights:
        raise _WrongError(_("no check counts"))
    return found


def _weight(name: str, given: Any) -> Weight:
    table = _Table(f"checks.{name}", given if isinstance(given, dict) else {"points": given})
    weight = Weight(
        table.number("points", 0, _MOST_POINTS), table.take("required", bool, False),
        table.take("demand", str, "between"), _pattern(table, "produced"), _pattern(table, "consumed"),
        table.bytes("most", "0") if name == "memory" else table.number("most", 0, 1e6),
    )  # fmt: skip
    table.end()
    if weight.demand not in _DEMANDS:
        text = _("checks.{check}.demand has to be one of {words}")
        raise _WrongError(text.format(check=name, words=", ".join(_DEMANDS)))
    if name == "prints" and not (weight.produced and weight.consumed):
        raise _WrongError(_("checks.prints needs the patterns produced and consumed"))
    return weight


def _pattern(table: _Table, key: str) -> str:
    text: str = table.take(key, str, "")
    try:
        groups = re.compile(text).groups
    except re.error as error:
        wrong = _("{key} is not a pattern: {error}")
        raise _WrongError(wrong.format(key=key, error=error)) from None
    if text and groups != 1:
        raise _WrongError(_("{key} needs one group: (...)").format(key=key))
    return text
