"""A position that a user types, on the time line of a recording. Pure but for what it reads of it."""

import re
import time
from collections.abc import Iterator
from typing import Final

from shmtui.i18n import _
from shmtui.recording.reader import Recording

_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_DAYS: Final = 400
"""Days of a recording that a time of day is looked for on."""


def position_of(
    text: str,
    recording: Recording,
    near: float,
    *,
    length: float | None = None,
    start: float = 0.0,
) -> float:
    """Seconds on the time line: ``90s``, ``5m`` and ``2h`` from the start, ``50%`` of it, or a local time of
    day, on the day of ``near`` (seconds since the epoch) if that is there.

    ``length``: of a time line that has more than the recording, which begins at ``start`` on it.
    ValueError: it is none of these, or not in the recording; the text says which.
    """
    text = text.strip()
    length = recording.index.length if length is None else length
    if found := re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smh]?)", text):
        seconds = float(found[1]) * _UNITS[found[2]]
    elif found := re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%", text):
        seconds = float(found[1]) / 100 * length
    elif found := re.fullmatch(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]{1,6})?))?", text):
        hour, minute, second = int(found[1]), int(found[2]), float(found[3] or 0)
        return start + _at_time_of_day(hour * 3600 + minute * 60 + second, recording, near)
    else:
        raise ValueError(_("write 13:04:05, 90s, 5m, 2h or 50%"))
    if not 0 <= seconds <= length + 1:
        raise ValueError(_("the recording is {length:.1f} s long").format(length=length))
    return min(seconds, length)


def _at_time_of_day(wanted: float, recording: Recording, near: float) -> float:
    for midnight in _midnights(recording, near):
        number = recording.number_at_time(midnight + wanted)
        if number is not None:
            return recording.digest(number).seconds
    index = recording.index
    first, last = (
        time.strftime("%H:%M:%S", time.localtime(at))
        for at in (index.first_times[0], index.last_times[-1])
    )
    wrong = _("the recording is from {first} to {last}")
    raise ValueError(wrong.format(first=first, last=last))


def _midnights(recording: Recording, near: float) -> Iterator[float]:
    """The starts of the days of the recording, in local time, that of ``near`` first."""
    index = recording.index
    for at in (near, *(index.first_times[0] + 86400.0 * day for day in range(_LONGEST_DAYS))):
        if at > index.last_times[-1] + 86400.0:
            return
        day = time.localtime(at)
        yield time.mktime((day.tm_year, day.tm_mon, day.tm_mday, 0, 0, 0, 0, 0, -1))
