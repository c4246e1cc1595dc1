"""What the measurements become: medians with their spread, ratios of pairs, Markdown. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

MISSING: Final = "–"


@dataclass(frozen=True, slots=True)
class Figures:
    """Measurements of one thing, in the order in which they were made; none where it failed."""

    values: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        """The one in the middle. ValueError: there is none."""
        if not self.values:
            raise ValueError("nothing was measured")
        return median(self.values)

    def over(self, others: "Figures") -> "Figures":
        """Each divided by the one that was measured beside it.

        >>> Figures((2.0, 9.0)).over(Figures((1.0, 3.0))).values
        (2.0, 3.0)
        """
        pairs = zip(self.values, others.values, strict=False)
        return Figures(tuple(mine / other for mine, other in pairs if other))

    def text(self, scale: float = 1.0) -> str:
        """Median and, where there are several, the least and the greatest.

        >>> Figures((1.0, 3.0, 2.0)).text(), Figures((1234.5,)).text(), Figures().text()
        ('2.00 (1.00…3.00)', '1,230', '–')
        """
        if not self.values:
            return MISSING
        middle = number(self.median * scale)
        if len(self.values) == 1:
            return middle
        least, greatest = min(self.values) * scale, max(self.values) * scale
        return f"{middle} ({number(least)}…{number(greatest)})"


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is printed, with what has to be known to read it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def number(value: float) -> str:
    """Three digits that count, thousands apart.

    >>> [number(v) for v in (0, 0.01234, 0.5, 1.0, 12.34, 123.4, 45_678.0, 3_900_000.0)]
    ['0', '0.0123', '0.500', '1.00', '12.3', '123', '45,700', '3,900,000']
    """
    if value == 0:
        return "0"
    digits = 3 - len(f"{int(abs(value))}") if abs(value) >= 1 else 3
    if digits < 0:
        return f"{round(value, digits):,.0f}"
    return f"{value:,.{digits}f}" if abs(value) >= 0.1 else f"{value:.3g}"


def markdown(table: Table) -> str:
    r"""The table as Markdown; figures are aligned to the right.

    >>> print(markdown(Table("T", ("a", "b"), (("x|y", "1"),), ("note",))))
    ### T
    <BLANKLINE>
    | a | b |
    |---|--:|
    | x\|y | 1 |
    <BLANKLINE>
    note
    """
    lines = [f"### {table.title}", "", row(table.columns)]
    lines.append("|---|" + "--:|" * (len(table.columns) - 1))
    lines += [row(cells) for cells in table.rows]
    for note in table.notes:
        lines += ["", note]
    return "\n".join(lines)


def row(cells: Sequence[str]) -> str:
    """One line of a table; a bar in a cell stays in it."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
