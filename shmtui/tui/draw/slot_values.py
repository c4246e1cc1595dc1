"""The values of slots: members of a struct as named columns, a value in full, times as dates. Pure."""

import re
import time
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from shmtui.i18n import _
from shmtui.shm.value import Fields, Value, value_text
from shmtui.tui.formatting import format_uptime
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, cells, line, width_of, wrap

WIDEST: Final = 26
"""Cells of a column, at the most."""
_UNITS: Final = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""How many of each a second has."""
_SUFFIXES: Final = {
    "sec": "s",
    "secs": "s",
    "seconds": "s",
    "msec": "ms",
    "usec": "us",
    "nsec": "ns",
}
_TIME_WORDS: Final = {
    "time", "stamp", "timestamp", "ts", "when", "at", "date", "created", "updated", "changed", "sent",
    "received", "deadline", "expires", "expiry", "epoch", "since", "until", "hora", "instante", "tempo",
    *_UNITS, *_SUFFIXES,
}  # fmt: skip
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_FIRST, _LAST = 946_684_800, 4_102_444_800
"""2000 and 2100, in seconds since the epoch: numbers outside are no dates."""
_LATELY: Final = 86_400
"""Seconds before a look within which a time of CLOCK_MONOTONIC is told."""
_PARTS: Final[dict[tuple[str, ...], float]] = {
    ("tv_sec", "tv_nsec"): 1e9,
    ("tv_sec", "tv_usec"): 1e6,
}
"""struct timespec and struct timeval."""
_ROW: Final = 16
"""Bytes in a line."""


def members(value: Value) -> tuple[tuple[str, Value], ...]:
    """The members of a struct by their paths; any other value is one without a name.

    >>> members(Fields((("id", 3), ("at", Fields((("x", 1), ("y", 2)))))))
    (('id', 3), ('at.x', 1), ('at.y', 2))
    >>> members(7)
    (('', 7),)
    """
    if not isinstance(value, Fields) or _seconds_of(value) is not None:
        return (("", value),)
    return tuple(
        (f"{name}.{path}" if path else name, part)
        for name, member in value
        for path, part in members(member)
    )


def _seconds_of(value: Value) -> float | None:
    """The seconds of a struct timespec or timeval; None: it is none."""
    if not isinstance(value, Fields):
        return None
    per_second = _PARTS.get(tuple(name for name, _part in value))
    if per_second is None:
        return None
    (_sec, whole), (_fraction, part) = value
    return whole + part / per_second if 0 <= part < per_second else None


def date_of(name: str, value: Value) -> float | None:
    """A value as seconds since the epoch; None: its name does not say that it is a time, or the number
    is none between 2000 and 2100 in any unit.

    >>> date_of("created_ms", 1_700_000_000_500), date_of("count", 1_700_000_000)
    (1700000000.5, None)
    >>> date_of("sentAt", 1_700_000_000), date_of("wait_us", 1_700_000_000)
    (1700000000.0, None)
    """
    seconds = _seconds_of(value)
    if seconds is not None:
        return seconds if _FIRST <= seconds < _LAST else None
    words = [word.lower() for word in _WORD.findall(name.rpartition(".")[2])]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not any(word in _TIME_WORDS or word.endswith(("time", "stamp")) for word in words):
        return None
    said = [unit for word in words if (unit := _SUFFIXES.get(word, word)) in _UNITS]
    for unit in said or _UNITS:
        if _FIRST <= value / _UNITS[unit] < _LAST:
            return value / _UNITS[unit]
    return None


def date_text(epoch: float, *, year: bool = True) -> str:
    """Local day and time of day, in microseconds as far as there are any.

    >>> date_text(0.25).endswith(":00.25"), date_text(1_700_000_000)[:4]
    (True, '2023')
    """
    whole, fraction = divmod(round(epoch * 1e6), 1_000_000)
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(whole))
    rest = f".{fraction:06}".rstrip("0").rstrip(".")
    return (text if year else text[5:]) + rest


def _explained(name: str, value: Value, read_at: float) -> str:
    """What a number stands for if it is a time; empty: it is not known to be one."""
    date = date_of(name, value)
    if date is not None:
        return date_text(date)
    seconds = _seconds_of(value)
    if seconds is None and isinstance(value, int) and not isinstance(value, bool):
        words = [_SUFFIXES.get(w, w) for w in re.findall("[a-z]+", name.lower())]
        unit = next((word for word in words if word in {"ns", "us", "ms"}), None)
        seconds = None if unit is None else value / _UNITS[unit]
    if seconds is None or not read_at - _LATELY <= seconds <= read_at:
        return ""
    ago = read_at - seconds
    text = f"{ago:.3f} s" if ago < 60 else format_uptime(ago)
    return _("if CLOCK_MONOTONIC: {time} before this look").format(time=text)


def cell_text(name: str, value: Value, glyphs: Glyphs) -> str:
    """A member in its column."""
    date = date_of(name, value)
    text = value_text(value) if date is None else date_text(date, year=False)
    return glyphs.inert(text)


class Columns(msgspec.Struct, frozen=True):
    """The columns of some values: name and width of each."""

    names: tuple[str, ...]
    widths: tuple[int, ...]


def columns_of(values: Sequence[Value], shift: int, glyphs: Glyphs) -> Columns:
    """The columns that show these values, without the first ``shift``; the last always stays."""
    found: dict[str, int] = {}
    for value in values:
        for name, part in () if value is None else members(value):
            width = min(WIDEST, max(cells(name), cells(cell_text(name, part, glyphs))))
            found[name] = max(found.get(name, cells(title_of(name))), width)
    names = tuple(found)[min(shift, max(0, len(found) - 1)) :]
    return Columns(names, tuple(min(WIDEST, found[name]) for name in names))


def title_of(name: str) -> str:
    """The title of a column; what is no struct has no names."""
    return name or _("value")


def header_spans(columns: Columns, glyphs: Glyphs) -> Iterator[Span]:
    """The titles."""
    for name, width in zip(columns.names, columns.widths, strict=True):
        yield Span("  " + glyphs.fit(glyphs.inert(title_of(name)), width), "muted")


def value_spans(value: Value, columns: Columns, style: str, glyphs: Glyphs) -> Iterator[Span]:
    """A value in its columns; a question mark where it is not known."""
    if value is None:
        yield Span("  ?", "warn")
        return
    parts = dict(members(value))
    alone = len(columns.names) == 1 and isinstance(value, Fields) is False
    for name, width in zip(columns.names, columns.widths, strict=True):
        part = parts.get(name)
        text = "" if name not in parts else cell_text(name, part, glyphs)
        number = isinstance(part, int | float) and date_of(name, part) is None and not alone
        yield Span("  " + glyphs.fit(text, width, ">" if number else "<"), style)


def full_lines(value: Value, read_at: float, width: int, glyphs: Glyphs) -> list[Line]:
    """A value in full: a member a line, what is in it indented. ``read_at``: seconds of CLOCK_MONOTONIC."""
    return list(_lines("", value, read_at, width, glyphs, 0))


def _lines(
    name: str, value: Value, read_at: float, width: int, glyphs: Glyphs, indent: int
) -> Iterator[Line]:
    label = " " * indent + (glyphs.inert(name) + "  " if name else "")
    inside = _inside(value)
    if inside is not None:
        if name:
            yield line((label.rstrip(), "title"))
        longest = max((cells(each) for each, _part in inside), default=0)
        for each, part in inside:
            padded = f"{each:<{min(longest, WIDEST)}}" if _inside(part) is None else each
            yield from _lines(padded, part, read_at, width, glyphs, indent + 2 * bool(name))
        return
    explained = _explained(name, value, read_at)
    if isinstance(value, bytes):
        texts = list(_bytes_lines(value))
    else:
        texts = wrap(glyphs.inert(value_text(value)), max(8, width - cells(label))) or [""]
    blank = " " * cells(label)
    rows = [
        line((blank if at else label, "muted"), (text, "text")) for at, text in enumerate(texts)
    ]
    if explained and width_of(rows[-1]) + cells(explained) + 2 <= width:
        rows[-1] = line(*rows[-1], ("  " + explained, "good"))
    elif explained:
        room = max(8, width - cells(blank))
        rows += [line(blank, (text, "good")) for text in wrap(explained, room)]
    yield from rows


def _inside(value: Value) -> tuple[tuple[str, Value], ...] | None:
    """What a value has on lines of its own: members, or the elements of an array of compound ones; None:
    it is a line by itself.
    """
    if isinstance(value, Fields):
        return None if _seconds_of(value) is not None else tuple(value)
    if isinstance(value, tuple) and any(isinstance(part, tuple) for part in value):
        return tuple((f"[{number}]", part) for number, part in enumerate(value))
    return None


def _bytes_lines(value: bytes) -> Iterator[str]:
    """Offset, hexadecimal, and ASCII."""
    for at in range(0, len(value), _ROW):
        part = value[at : at + _ROW]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"{at:04x}  {part.hex(' '):<{3 * _ROW - 1}}  {text}"
