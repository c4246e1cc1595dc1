"""Numbers in the form in which they are shown. Pure.

None is unknown, and never looks like a number.
"""

import math
import time

from shmtui.i18n import N_, _
from shmtui.sanitize import inert
from shmtui.shm.item_counts import Method
from shmtui.shm.protocol import format_rate as exact_rate
from shmtui.shm.value import Value, value_text
from shmtui.tui.glyphs import UNICODE, Glyphs

_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))


def _thousands(count: int) -> str:
    return f"{count:,}".replace(",", " ")


def format_count(count: int | None, glyphs: Glyphs = UNICODE) -> str:
    """A whole number with its thousands apart; from a billion on with a prefix.

    >>> format_count(0), format_count(1204331), format_count(None), format_count(12_340_000_000)
    ('0', '1 204 331', '—', '12.34 G')
    """
    if count is None:
        return glyphs.dash
    if abs(count) < 1_000_000_000:
        return _thousands(count)
    unit, prefix = next((u, p) for u, p in _PREFIXES if abs(count) >= u)
    if abs(count) / unit < 100_000:
        return f"{count / unit:.2f} {prefix}"
    return f"{float(count):.3g}" if abs(count) < 1e300 else "huge"


def format_rate(rate: float | None, glyphs: Glyphs = UNICODE) -> str:
    """A measured rate, in the digits that matter.

    >>> [format_rate(r) for r in (None, 0.0, 0.5, 4.25, 42.04, 4998.4, 1_234_567.0, math.inf)]
    ['—', '0', '0.50', '4.2', '42', '4 998', '1.23 M', 'max']
    """
    if rate is None or math.isnan(rate):
        return glyphs.dash
    if rate == 0 or math.isinf(rate):
        return "max" if rate else "0"
    for unit, prefix in _PREFIXES:
        if rate >= unit:
            return f"{rate / unit:.2f} {prefix}"
    if rate >= 9.95:
        return _thousands(round(rate))
    return f"{rate:.2f}" if rate < 0.995 else f"{rate:.1f}"


def format_target(rate: float | None, glyphs: Glyphs = UNICODE) -> str:
    """A rate that was set, in all its digits, with the thousands apart.

    >>> [format_target(r) for r in (None, 0.1, 5.0, 2500.0, 1234.5678, math.inf)]
    ['—', '0.1', '5', '2 500', '1 234.5678', 'max']
    """
    if rate is None or math.isnan(rate):
        return glyphs.dash
    whole, point, digits = exact_rate(rate).partition(".")
    return _thousands(int(whole)) + point + digits if whole.isdecimal() else whole


def format_axis(value: float) -> str:
    """A label on the axis of the graph.

    >>> [format_axis(v) for v in (0, 0.5, 8, 2500, 8000, 2_000_000)]
    ['0', '0.5', '8', '2.5 k', '8 k', '2 M']
    """
    for unit, prefix in (*_PREFIXES, (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g} {prefix}"
    return f"{value:g}"


def nice_ceiling(value: float) -> float:
    """The smallest 1, 2, 4, 5 or 8 times a power of ten that is not below ``value``, nor below
    0.001 a second, the slowest rate of a worker.

    >>> [nice_ceiling(v) for v in (0, 1e-300, 0.3, 1, 3, 7.9, 2100, 8001)]
    [1.0, 0.001, 0.4, 1.0, 4.0, 8.0, 4000.0, 10000.0]
    """
    if not value > 0 or math.isinf(value):
        return 1.0
    value = max(value, 0.001)
    power = 10.0 ** math.floor(math.log10(value))
    fitting = (step for step in (1, 2, 4, 5, 8) if value <= step * power * (1 + 1e-9))
    return float(f"{next(fitting, 10) * power:.1g}")


def format_bytes(size: int) -> str:
    """A size in binary units.

    >>> format_bytes(128), format_bytes(4096), format_bytes(16_777_216)
    ('128 B', '4.0 KiB', '16.0 MiB')
    """
    if size < 4096:
        return f"{size} B"
    scaled = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if scaled < 1024:
            return f"{scaled:.1f} {unit}"
        scaled /= 1024
    return f"{scaled:.1f} TiB"


def format_uptime(seconds: float) -> str:
    """Hours, minutes and seconds; days where there are any.

    >>> format_uptime(221.9), format_uptime(90061)
    ('00:03:41', '1d 01:01:01')
    """
    whole = max(0, int(seconds))
    days, rest = divmod(whole, 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}d {clock}" if days else clock


def format_clock(epoch: float) -> str:
    """Local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(epoch))


def format_date(epoch: float) -> str:
    """Local day and time of day, without the year."""
    return time.strftime("%m-%d %H:%M", time.localtime(epoch))


def format_wait(seconds: float | None) -> str:
    """How long something has waited; empty for the first second.

    >>> format_wait(None), format_wait(0.4), format_wait(3.6), format_wait(190)
    ('', '', '3 s', '3 min')
    """
    if seconds is None or seconds < 1:
        return ""
    return f"{int(seconds)} s" if seconds < 120 else f"{int(seconds // 60)} min"


def format_percent(part: int, whole: int) -> str:
    """A share in per cent: 0 % only for no part, and 100 % only for the whole.

    >>> format_percent(3, 5), format_percent(1, 10_000), format_percent(9_999, 10_000)
    ('60 %', '<1 %', '>99 %')
    """
    if whole <= 0:
        return "0 %"
    share = 100 * part / whole
    if 0 < share < 1:
        return "<1 %"
    return ">99 %" if 99 < share < 100 else f"{share:.0f} %"


def format_value(value: Value, ascii_only: bool = False) -> str:
    r"""The value of a slot, in short.

    >>> format_value(41), format_value(0.1 + 0.2), format_value(None), format_value("a\n")
    ('41', '0.3', '?', 'a␊')
    """
    if value is None:
        return "?"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value_text(value) if isinstance(value, tuple | bytes) else str(value)
    return inert(text, ascii_only)


_METHODS = {
    Method.COUNTERS: N_("exact"),
    Method.BREAKPOINTS: N_("exact"),
    Method.SEQUENCE: N_("exact, by sequence"),
    Method.INDEX: N_("by index"),
    Method.ESTIMATE: N_("estimate"),
    Method.LOWER_BOUND: N_("lower bound"),
    Method.UNKNOWN: N_("unknown"),
}


def method_words(method: Method) -> str:
    """How a rate was measured."""
    return _(_METHODS[method])


def known_rate(rate: float | None, method: Method, glyphs: Glyphs = UNICODE) -> str:
    """A measured rate, by how it was measured.

    A lower bound is marked, and an unknown rate is not a number. A lower bound of 0 is unknown.

    >>> known_rate(12.0, Method.COUNTERS), known_rate(12.0, Method.LOWER_BOUND)
    ('12', '≥ 12')
    >>> known_rate(12.0, Method.UNKNOWN), known_rate(0.0, Method.LOWER_BOUND)
    ('unknown', 'unknown')
    """
    if rate is None or method is Method.UNKNOWN or (method is Method.LOWER_BOUND and not rate):
        return _("unknown")
    if method is Method.ESTIMATE and rate < 10:
        return f"{glyphs.about} {rate:.1f}"
    text = format_rate(rate, glyphs)
    marks = {Method.LOWER_BOUND: glyphs.at_least, Method.ESTIMATE: glyphs.about}
    return f"{marks[method]} {text}" if method in marks else text
