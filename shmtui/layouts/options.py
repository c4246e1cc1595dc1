"""What the user said about a layout, and what came of it. Light: every dashboard loads this."""

from dataclasses import dataclass
from pathlib import Path

from shmtui.errors import ShmtuiError
from shmtui.shm.layout import Layout
from shmtui.shm.protocol import SemaphoreRole
from shmtui.snapshot import LayoutSource


@dataclass(frozen=True, slots=True)
class LayoutOptions:
    """What the user said about the layout."""

    header: Path | None = None
    struct: str | None = None
    include: tuple[Path, ...] = ()
    mapping: tuple[tuple[str, str], ...] = ()
    slots: int | None = None
    item: str | None = None
    names: tuple[tuple[SemaphoreRole, str], ...] = ()
    layout: str | None = None
    raw: bool = False

    @property
    def given(self) -> bool:
        """Whether anything was said that fixes the layout."""
        return bool(self.header or self.slots is not None or self.layout or self.raw)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A layout and its source. ``layout`` is None for raw; ``candidates`` are what else fits."""

    layout: Layout | None
    source: LayoutSource
    candidates: tuple[Layout, ...] = ()
    by_convention: tuple[str, ...] = ()
    """What rests on names that programs use both ways, as ``--map`` has it: ``in=head``."""
    assumed: bool = False
    """Only the likeliest of several that fit: by the segment's name and size."""

    @property
    def candidate_options(self) -> tuple[str, ...]:
        """The candidates as options that pick them."""
        from shmtui.shm.layout_spec import layout_option  # noqa: PLC0415 - rarely needed

        return tuple(f"--layout {layout_option(layout)}" for layout in self.candidates)


class AmbiguousLayoutError(ShmtuiError):
    """Several layouts fit, or none is sure; ``candidates`` holds them, the likeliest first."""

    def __init__(self, text: str, candidates: tuple[Layout, ...]) -> None:
        super().__init__(text)
        self.candidates = candidates

    @property
    def options(self) -> tuple[str, ...]:
        """The candidates as ``--layout`` writes them."""
        from shmtui.shm.layout_spec import layout_option  # noqa: PLC0415 - rarely needed

        return tuple(layout_option(layout) for layout in self.candidates)
