"""The list of segments and semaphores as a table of text. Pure."""

from collections.abc import Iterator, Sequence

from shmtui.i18n import N_, _
from shmtui.monitor.discovery import Entry
from shmtui.report.segment_rows import age_text, mappers_text, size_text
from shmtui.sanitize import inert

_HEADS = (
    N_("NAME"),
    N_("SIZE"),
    N_("OWNER"),
    N_("MODE"),
    N_("AGE"),
    N_("MAPPED BY"),
    N_("WHAT IT LOOKS LIKE"),
)
_RIGHT = (1, 4)


def listing_lines(entries: Sequence[Entry], width: int | None = None) -> Iterator[str]:
    """The table, cut to ``width`` columns where that is given; one line where there is nothing."""
    if not entries:
        yield _("nothing in /dev/shm: no segment and no named semaphore exists")
        return
    rows = [tuple(_(head) for head in _HEADS), *(entry_cells(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    widths[0] = min(widths[0], 40)
    widths[5] = min(widths[5], 32)
    for row in rows:
        cells = [
            _fit(cell, size).rjust(size) if column in _RIGHT else _fit(cell, size).ljust(size)
            for column, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        text = "  ".join(cells).rstrip()
        yield text if width is None else _fit(text, width)


def entry_cells(entry: Entry) -> tuple[str, ...]:
    """An entry's row."""
    return (
        inert(entry.name),
        size_text(entry.size),
        inert(entry.owner),
        f"{entry.mode:04o}",
        age_text(entry.age),
        inert(mappers_text(entry)),
        inert(entry.looks),
    )


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
