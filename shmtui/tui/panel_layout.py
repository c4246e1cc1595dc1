"""Where the panels go on a screen of any size. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

PANELS = ("ring", "semaphores", "throughput", "processes", "events")
"""In the order of the data flow, and of the keys 1 to 5."""

RAW_PANELS = ("bytes", "processes", "events")
"""The panels of a segment without a ring. The keys 1 to 3 go to the bytes."""

TITLE, KEY_BAR, LESSON = "title", "keys", "lesson"

LESSON_LEAST, LESSON_MOST = 42, 60
"""Columns of a lesson beside the panels."""

SIDE_BY_SIDE = 72
"""Columns from which ring and semaphores share a row."""

EVENTS_BESIDE = 170
"""Columns from which the events are beside the processes."""

SEMAPHORES_MOST = 70
PROCESSES_ENOUGH = 128
"""Columns in which the process table shows all it has."""


class Box(NamedTuple):
    """A panel's place in cells."""

    x: int
    y: int
    width: int
    height: int


def arrange(
    width: int,
    height: int,
    maximised: str | None = None,
    rows: int = 6,
    *,
    findings: int = 0,
    raw: bool = False,
) -> Mapping[str, Box]:
    """A box for each panel on show; panels that are missing have no room.

    ``rows`` is how many the process table would like to show, ``findings`` how many
    the events begin with. No two boxes overlap and none leaves the screen, at any size.

    >>> sorted(arrange(120, 38)) == sorted((*PANELS, TITLE, KEY_BAR))
    True
    >>> sorted(arrange(20, 5)), sorted(arrange(20, 5, "events"))
    (['keys', 'ring', 'title'], ['events', 'keys', 'title'])
    """
    boxes: dict[str, Box] = {}
    if width <= 0 or height <= 0:
        return boxes
    boxes[TITLE] = Box(0, 0, width, 1)
    if height >= 3:
        boxes[KEY_BAR] = Box(0, height - 1, width, 1)
    body = height - 2
    if body < 1:
        return boxes
    if maximised is not None:
        boxes[maximised] = Box(0, 1, width, body)
    elif raw:
        _place_raw(boxes, width, body, rows)
    elif width >= SIDE_BY_SIDE and body >= 18:
        _place_wide(boxes, width, body, rows, findings)
    else:
        _place_narrow(boxes, width, body)
    return boxes


def lesson_width(width: int) -> int:
    """The columns that a lesson takes beside the panels; 0 where it has to lie over them.

    >>> [lesson_width(columns) for columns in (80, 120, 200)]
    [0, 42, 60]
    """
    taken = min(LESSON_MOST, max(LESSON_LEAST, width * 35 // 100))
    return taken if width - taken >= SIDE_BY_SIDE else 0


def beside_lesson(
    boxes: Mapping[str, Box], width: int, height: int, taken: int
) -> Mapping[str, Box]:
    """The boxes of panels that were given ``width - taken`` columns, with the lesson beside them.

    The title and the keys keep the whole width.
    """
    bars = {name: boxes[name]._replace(width=width) for name in (TITLE, KEY_BAR) if name in boxes}
    return {**boxes, **bars, LESSON: Box(width - taken, 1, taken, max(0, height - 2))}


def _place_raw(boxes: dict[str, Box], width: int, body: int, rows: int) -> None:
    """The bytes get what processes and events leave."""
    events = 0 if body < 14 else max(3, min(6, body // 6))
    table = 0 if body < 8 else max(4, min(rows + 3, body // 3))
    heights = {"bytes": body - table - events, "processes": table, "events": events}
    y = 1
    for name in RAW_PANELS:
        if heights[name]:
            boxes[name] = Box(0, y, width, heights[name])
            y += heights[name]


def _place_wide(boxes: dict[str, Box], width: int, body: int, rows: int, findings: int = 0) -> None:
    """Ring and semaphores above, throughput in the middle, processes and events below."""
    beside = width >= EVENTS_BESIDE
    top = 10 if body >= 34 else 8 if body >= 27 else 6 if body >= 20 else 5
    events = 0 if beside else max(3, min(12, body // 8))
    if findings and not beside:
        events = max(events, min(findings + 3, body // 4))
    rest = body - top - events
    graph = max(5, min(22, rest * 11 // 24))
    # A table with few rows leaves what it does not need to the graph, a long one takes from it.
    wanted = rows + 3
    table = rest - graph
    if table > wanted:
        graph = min(22, graph + (table - wanted) // 2)
    elif table < wanted:
        graph = max(5 if body < 30 else 9, graph - (wanted - table))
    graph -= (graph + 1) % 2
    semaphores = min(SEMAPHORES_MOST, width * (46 if width >= 100 else 50) // 100)
    y = 1
    boxes["ring"] = Box(0, y, width - semaphores, top)
    boxes["semaphores"] = Box(width - semaphores, y, semaphores, top)
    y += top
    boxes["throughput"] = Box(0, y, width, graph)
    y += graph
    table = rest - graph
    if beside:
        boxes["processes"] = Box(0, y, PROCESSES_ENOUGH, table)
        boxes["events"] = Box(PROCESSES_ENOUGH, y, width - PROCESSES_ENOUGH, table)
        return
    boxes["processes"] = Box(0, y, width, table)
    boxes["events"] = Box(0, y + table, width, events)


_NARROW = (
    ("ring", 3, 5),
    ("throughput", 4, 5),
    ("processes", 5, 99),
    ("events", 3, 5),
    ("semaphores", 5, 7),
)
"""In order of importance: the least height that is of use, and the most that is."""

_STACKED = ("ring", "semaphores", "throughput", "processes", "events")


def _place_narrow(boxes: dict[str, Box], width: int, body: int) -> None:
    """All panels under each other, as many as there is room for."""
    heights: dict[str, int] = {}
    left = body
    for name, least, _most in _NARROW:
        if left >= least:
            heights[name] = least
            left -= least
    if not heights:
        boxes["ring"] = Box(0, 1, width, body)
        return
    for name, _least, most in _NARROW:
        if name in heights and name != "processes":
            wish = min(left, most - heights[name], 2)
            heights[name] += wish
            left -= wish
    taker = "processes" if "processes" in heights else "ring"
    heights[taker] += left
    y = 1
    for name in _STACKED:
        if name in heights:
            boxes[name] = Box(0, y, width, heights[name])
            y += heights[name]
