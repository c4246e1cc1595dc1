"""Two recordings side by side: a line for each fact, one column for each recording. Pure.

What differs has a mark and is lit: the mark stands where there are no colours.
"""

from typing import Final

from shmtui.i18n import _
from shmtui.tui.comparison import Fact, SlotPair, facts, slot_pairs
from shmtui.tui.draw.time_bar import clock, elapsed
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, cells, line
from shmtui.tui.view_model import Comparison, Side

LETTERS: Final = ("A", "B")
"""What the two are called on the screen."""
_LABEL_MOST: Final = 14
_GAP: Final = 2
"""Cells between the columns, and of the mark."""
_PER_LINE: Final = (20, 16, 10, 8, 5, 4, 2, 1)
"""How many slots a line may have."""
_VALUE_MOST: Final = 12


def comparison_lines(
    comparison: Comparison, width: int, glyphs: Glyphs
) -> tuple[list[Line], list[Line]]:
    """The heads of the columns, and the lines below them, for this width."""
    above, below = facts(comparison, glyphs)
    labels = [cells(fact.label) for fact in (*above, *below)]
    label = min(_LABEL_MOST, max(labels), max(4, width // 4))
    column = max(1, (width - label - 3 * _GAP) // 2)
    heads = [_head(comparison, label, column, glyphs), _times(comparison, label, column, glyphs)]
    return heads, [
        *(_fact_line(fact, label, column, glyphs) for fact in above),
        *_slot_lines(slot_pairs(comparison, glyphs), label, column, glyphs),
        *(_fact_line(fact, label, column, glyphs) for fact in below),
    ]


def summary(comparison: Comparison, glyphs: Glyphs) -> str:
    """How much differs."""
    if not comparison.both_there:
        return _("nothing to compare at this time")
    above, below = facts(comparison, glyphs)
    differing = sum(fact.differs for fact in (*above, *below))
    differing += sum(pair.differs for pair in slot_pairs(comparison, glyphs))
    if not differing:
        return _("nothing differs")
    return f"{glyphs.differs} " + _("{count} differ").format(count=differing)


def alignment(comparison: Comparison) -> str:
    """What is the same instant of both, in words."""
    return _("the same time of day") if comparison.by_wall else _("as long after each start")


def title(comparison: Comparison, width: int, glyphs: Glyphs) -> Line:
    """The title line of the two."""
    names = [
        f"{letter} {glyphs.inert(side.name)}"
        for letter, side in zip(LETTERS, comparison.sides, strict=True)
    ]
    parts = line(
        (" shmtui ", "brand"), "  ", (names[0], "strong"), ("  ", "muted"), (names[1], "strong"),
        (f"  {alignment(comparison)}", "warn"),
    )  # fmt: skip
    return glyphs.fit_line(parts, width)


def _row(mark: str, label: str, first: Line, second: Line, widths: tuple[int, int],
         glyphs: Glyphs) -> Line:  # fmt: skip
    label_width, column = widths
    return line(
        (glyphs.fit(mark, _GAP), "warn-strong"),
        (glyphs.fit(label, label_width), "muted"),
        " " * _GAP,
        *glyphs.fit_line(first, column),
        " " * _GAP,
        *glyphs.fit_line(second, column),
    )


def _head(comparison: Comparison, label: int, column: int, glyphs: Glyphs) -> Line:
    one, other = (
        line((f"{letter}  ", "accent"), (glyphs.inert(side.name), "title"))
        for letter, side in zip(LETTERS, comparison.sides, strict=True)
    )
    return _row("", "", one, other, (label, column), glyphs)


def _times(comparison: Comparison, label: int, column: int, glyphs: Glyphs) -> Line:
    one, other = (_time(side, glyphs) for side in comparison.sides)
    return _row("", _("time"), one, other, (label, column), glyphs)


def _time(side: Side, glyphs: Glyphs) -> Line:
    """The time of day and since the start of the frame; or that there is none."""
    place = side.replay
    within = place.seconds - place.start
    if not side.there:
        return line((_("not begun") if within < 0 else _("over"), "warn"))
    after = f"  {elapsed(within)} {glyphs.dot} {place.number + 1}"
    return line((clock(side.snapshot.time), "strong"), (after, "muted"))


def _fact_line(fact: Fact, label: int, column: int, glyphs: Glyphs) -> Line:
    style = "warn-strong" if fact.differs else "text"
    one, other = (line((text, style)) for text in fact.texts)
    mark = glyphs.differs if fact.differs else ""
    return _row(mark, fact.label, one, other, (label, column), glyphs)


def _slot_lines(slots: list[SlotPair], label: int, column: int, glyphs: Glyphs) -> list[Line]:
    """As many slots a line as fit, each with a mark where it differs."""
    if not slots:
        return []
    wide = min(_VALUE_MOST, column, max(cells(text) for pair in slots for text in pair.texts))
    fitting = (count for count in _PER_LINE if count * (wide + 2) <= column)
    count = min(next(fitting, 1), len(slots))
    rows: list[Line] = []
    for at in range(0, len(slots), count):
        part = slots[at : at + count]
        numbers = str(part[0].index)
        if len(part) > 1:
            numbers += f"-{part[-1].index}"
        mark = glyphs.differs if any(pair.differs for pair in part) else ""
        words = _("slot {numbers}").format(numbers=numbers)
        one, other = (_slots(part, side, wide, glyphs) for side in (0, 1))
        rows.append(_row(mark, words, one, other, (label, column), glyphs))
    return rows


def _slots(part: list[SlotPair], side: int, wide: int, glyphs: Glyphs) -> Line:
    spans: list[Span] = []
    for pair in part:
        full = pair.full[side]
        style = "strong" if full else "faint" if full is False else "text"
        spans += [
            Span(glyphs.differs if pair.differs else " ", "warn-strong"),
            Span(glyphs.fit(pair.texts[side], wide, ">"), "warn-strong" if pair.differs else style),
            Span(" "),
        ]
    return tuple(spans)
