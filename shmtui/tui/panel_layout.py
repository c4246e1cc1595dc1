"""Where the panels go on a screen of any size. Pure."""

from collections.abc import Mapping
from typing import Final

from textual.geometry import Region

PANELS: Final[tuple[str, ...]] = ("ring", "semaphores", "throughput", "processes", "events")
"""In the order of the data flow, and of the keys 1 to 5."""

RAW_PANELS: Final[tuple[str, ...]] = ("bytes", "semaphores", "processes", "events")
"""The panels of a segment without a ring; the semaphores only where locks are known. The keys of
those that are missing go to the bytes."""

HELD_PANELS: Final[tuple[str, ...]] = ("ring", "semaphores", "steps", "programs")
"""The panels of a schedule whose programs are held; ring and semaphores only where a ring is known."""

TABLE_LEAST = 5
"""Lines of the process table, frame and heads included, beside programs that are stepped."""

TITLE, KEY_BAR, LESSON, TIME_BAR = "title", "keys", "lesson", "time"
COMPARISON = "comparison"

LESSON_LEAST, LESSON_MOST = 42, 60
"""Columns of a lesson beside the panels."""

SIDE_BY_SIDE = 72
"""Columns from which ring and semaphores share a row."""

EVENTS_BESIDE = 170
"""Columns from which the events are beside the processes."""

SEMAPHORES_MOST = 70
PROCESSES_ENOUGH = 128
"""Columns in which the process table shows all it has."""


def arrange(
    width: int,
    height: int,
    maximised: str | None = None,
    rows: int = 6,
    *,
    findings: int = 0,
    raw: bool = False,
    locks: int = 0,
) -> Mapping[str, Region]:
    """The place in cells of each panel on show; panels that are missing have no room.

    ``rows`` is how many the process table would like to show, ``findings`` how many
    the events begin with, ``locks`` how many are known of a segment shown ``raw``. No two
    boxes overlap and none leaves the screen, at any size.

    >>> sorted(arrange(120, 38)) == sorted((*PANELS, TITLE, KEY_BAR))
    True
    >>> sorted(arrange(20, 5)), sorted(arrange(20, 5, "events"))
    (['keys', 'ring', 'title'], ['events', 'keys', 'title'])
    """
    if width <= 0 or height <= 0:
        return {}
    bars = {TITLE: Region(0, 0, width, 1)}
    if height >= 3:
        bars[KEY_BAR] = Region(0, height - 1, width, 1)
    body = height - 2
    if body < 1:
        return bars
    if maximised is not None:
        panels = _stacked({maximised: body}, width)
    elif raw:
        events = 0 if body < 14 else max(3, min(6, body // 6))
        table = 0 if body < 8 else max(4, min(rows + 3, body // 3))
        shown = 0 if not locks or body < 12 else min(locks + 2, body // 3)
        heights = {"bytes": body - table - events - shown, "semaphores": shown}
        heights |= {"processes": table, "events": events}
        panels = _stacked(heights, width)
    elif width >= SIDE_BY_SIDE and body >= 18:
        panels = _wide(width, body, rows, findings)
    else:
        panels = _stacked(_narrow(body), width)
    return bars | panels


def arrange_held(
    width: int, height: int, maximised: str | None = None, *, ring: bool, steps: int
) -> Mapping[str, Region]:
    """The places of the panels of a schedule of so many steps; ``ring``: whether one is known.

    >>> boxes = arrange_held(80, 24, ring=True, steps=100)
    >>> [(name, boxes[name].height) for name in HELD_PANELS]
    [('ring', 6), ('semaphores', 6), ('steps', 7), ('programs', 9)]
    """
    boxes = dict(arrange(width, height, maximised or "steps"))
    body = height - 2
    if maximised is not None or body < 6:
        return boxes
    wide = width >= SIDE_BY_SIDE
    tops = {34: 10, 27: 8, 20: 6, 16: 5} if wide else {26: 11, 20: 8, 12: 3}
    top = next((rows for least, rows in tops.items() if body >= least), 0) if ring else 0
    listed = max(3, min(steps + 3, (body - top) * 46 // 100))
    heights = {"ring": top, "steps": listed, "programs": body - top - listed}
    if top > 3 and not wide:
        heights = {"ring": top - 5, "semaphores": 5, **heights} | {"ring": top - 5}
    boxes |= _stacked(heights, width)
    if top and wide:
        half = min(SEMAPHORES_MOST, width // 2)
        box = boxes["ring"]
        boxes["ring"] = box._replace(width=width - half)
        boxes["semaphores"] = box._replace(x=width - half, width=half)
    return boxes


def with_programs(boxes: Mapping[str, Region], height: int) -> Mapping[str, Region]:
    """The boxes of a screen of this height. The stepped programs take the place of the throughput, and the
    lines that the processes below can spare.

    >>> with_programs(arrange(80, 24), 24)["programs"].height
    8
    """
    found = {name: box for name, box in boxes.items() if name != "throughput"}
    box = boxes.get("throughput")
    if box is None:
        return found
    below = found.get("processes")
    spare = 0
    if below is not None and (below.x, below.width) == (box.x, box.width) and below.y == box.bottom:
        spare = max(0, min(below.height - TABLE_LEAST, height // 2 - box.height))
        found["processes"] = below._replace(y=below.y + spare, height=below.height - spare)
    return {**found, "programs": box._replace(height=box.height + spare)}


def lesson_width(width: int) -> int:
    """The columns that a lesson takes beside the panels; 0 where it has to lie over them.

    >>> [lesson_width(columns) for columns in (80, 120, 200)]
    [0, 42, 60]
    """
    taken = min(LESSON_MOST, max(LESSON_LEAST, width * 35 // 100))
    return taken if width - taken >= SIDE_BY_SIDE else 0


def beside_lesson(
    boxes: Mapping[str, Region], width: int, height: int, taken: int
) -> Mapping[str, Region]:
    """The boxes of panels that were given ``width - taken`` columns, with the lesson beside them.

    The title and the keys keep the whole width.
    """
    bars = {name: boxes[name]._replace(width=width) for name in (TITLE, KEY_BAR) if name in boxes}
    return {**boxes, **bars, LESSON: Region(width - taken, 1, taken, max(0, height - 2))}


def below_lesson(
    boxes: Mapping[str, Region], width: int, rows: int, taken: int
) -> Mapping[str, Region]:
    """The boxes of panels that were given ``rows`` rows, with ``taken`` rows of the lesson above them;
    the title stays.

    >>> below_lesson(arrange(80, 18), 80, 18, 6)["keys"].y
    23
    """
    moved = {
        name: box if name == TITLE else box._replace(y=box.y + taken) for name, box in boxes.items()
    }
    return {**moved, LESSON: Region(0, 1, width, taken)} if rows > 0 else boxes


def above_time_bar(
    boxes: Mapping[str, Region], width: int, height: int, rows: int = 1
) -> Mapping[str, Region]:
    """The boxes of panels that were given ``height - rows`` rows, with the times of a replay below them,
    and the keys below those.

    >>> {name: box.y for name, box in above_time_bar(arrange(80, 23, "ring"), 80, 24).items()}
    {'title': 0, 'keys': 23, 'ring': 1, 'time': 22}
    """
    keys = {KEY_BAR: Region(0, height - 1, width, 1)} if KEY_BAR in boxes else {}
    rows = min(rows, height - 1)
    time = {TIME_BAR: Region(0, height - rows - len(keys), width, rows)} if rows > 0 else {}
    return {**boxes, **keys, **time}


def _stacked(heights: Mapping[str, int], width: int) -> dict[str, Region]:
    """The panels that have a height, from the second line of the screen down."""
    boxes, y = {}, 1
    for name, height in heights.items():
        if height:
            boxes[name] = Region(0, y, width, height)
            y += height
    return boxes


def _wide(width: int, body: int, rows: int, findings: int) -> dict[str, Region]:
    """Ring and semaphores above, throughput in the middle, processes and events below."""
    beside = width >= EVENTS_BESIDE
    top = 10 if body >= 34 else 8 if body >= 27 else 6 if body >= 20 else 5
    events = 0 if beside else max(3, min(12, body // 8))
    if findings and not beside:
        events = max(events, min(findings + 3, body // 4))
    rest = body - top - events
    graph = max(5, min(22, rest * 11 // 24))
    # A table with few rows leaves what it does not need to the graph, a long one takes from it.
    unused = rest - graph - (rows + 3)
    if unused > 0:
        graph = min(22, graph + unused // 2)
    elif unused < 0:
        graph = max(5 if body < 30 else 9, graph + unused)
    graph -= (graph + 1) % 2
    heights = {"ring": top, "throughput": graph, "processes": rest - graph, "events": events}
    boxes = _stacked(heights, width)
    semaphores = min(SEMAPHORES_MOST, width * (46 if width >= 100 else 50) // 100)
    ring, table = boxes["ring"], boxes["processes"]
    boxes["ring"] = ring._replace(width=width - semaphores)
    boxes["semaphores"] = ring._replace(x=width - semaphores, width=semaphores)
    if beside:
        boxes["processes"] = table._replace(width=PROCESSES_ENOUGH)
        boxes["events"] = table._replace(x=PROCESSES_ENOUGH, width=width - PROCESSES_ENOUGH)
    return boxes


_NARROW = {
    "ring": (3, 5),
    "throughput": (4, 5),
    "processes": (5, 5),
    "events": (3, 5),
    "semaphores": (5, 7),
}
"""In order of importance: the least height that is of use, and the most; the processes get what
is left.
"""


def _narrow(body: int) -> dict[str, int]:
    """Heights of as many panels under each other as there is room for."""
    heights: dict[str, int] = {}
    left = body
    for name, (least, _most) in _NARROW.items():
        if left >= least:
            heights[name] = least
            left -= least
    for name, (least, most) in _NARROW.items():
        if name in heights:
            wish = min(left, most - least)
            heights[name] += wish
            left -= wish
    taker = "processes" if "processes" in heights else "ring"
    heights[taker] = heights.get(taker, 0) + left
    return {name: heights.get(name, 0) for name in PANELS}
