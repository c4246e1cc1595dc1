"""What the user says about a layout, and the layout that follows. Light: every command loads this."""

import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.shm.layout import Layout
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment_info import LayoutSource

SLOW_SECONDS: Final = 1.0


class LayoutOptions(msgspec.Struct, frozen=True):
    """What the user says about the layout."""

    header: Path | None = None
    """A header, a source, an object file or a program with debug information."""
    struct: str | None = None
    """The path of the buffer's struct in it: ``Segment.rings[1]``."""
    include: tuple[Path, ...] = ()
    define: tuple[str, ...] = ()
    """Macros for the compiler: ``SLOTS=5``."""
    compiler: str | None = None
    """The compiler for ``header``; None: the one that is at hand."""
    mapping: tuple[tuple[str, str], ...] = ()
    """(role, member) pairs."""
    slots: int | None = None
    item: str | None = None
    names: tuple[tuple[SemaphoreRole, str], ...] = ()
    index_segment: str | None = None
    """The segment that holds the indices, where that is another one."""
    layout: str | None = None
    raw: bool = False
    shmat: bool = False
    """Whether a System V segment may be attached to be read."""
    quick: tuple[int, ...] | None = None
    """Where there is no time: the processes that map it. Only their debug information tells then, as
    far as it is small.
    """
    pid: int | None = None
    """The process in whose /dev/shm the segment is; None: in this one's."""
    progress: Callable[[str], None] | None = None
    """Called with one line of what is waited for, where it takes long."""

    @contextmanager
    def said_when_slow(self, text: str) -> Iterator[None]:
        """Call ``progress`` with ``text``, once the block has taken a second."""
        if self.progress is None:
            yield
            return
        timer = threading.Timer(SLOW_SECONDS, self.progress, (text,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @property
    def words(self) -> str:
        """The options as a shell takes them, for commands that are named to the user.

        >>> LayoutOptions(header=Path("my ring.h"), struct="Bus", define=("N=5",), slots=5).words
        "--header 'my ring.h:Bus' -D N=5 --slots 5"
        """
        header = (
            None if self.header is None else ":".join(filter(None, (str(self.header), self.struct)))
        )
        single = (
            ("--header", header),
            ("--cc", self.compiler),
            *(("-I", str(folder)) for folder in self.include),
            *(("-D", macro) for macro in self.define),
            ("--map", ",".join(f"{role}={member}" for role, member in self.mapping) or None),
            ("--slots", self.slots),
            ("--item", self.item),
            *((f"--{role}", name) for role, name in self.names),
            ("--index-segment", self.index_segment),
            ("--layout", self.layout),
            ("--pid", self.pid),
        )
        words = [
            word for option, value in single if value is not None for word in (option, str(value))
        ]
        return shlex.join([*words, *(["--shmat"] if self.shmat else [])])

    def tell(self, text: str) -> None:
        """Say one line, where there is anybody to."""
        if self.progress is not None:
            self.progress(text)

    @property
    def given(self) -> bool:
        """Whether the user says enough to fix the layout."""
        return bool(self.header or self.slots is not None or self.layout or self.raw)


class ResolvedLayout(msgspec.Struct, frozen=True):
    """A layout and where it is known from."""

    layout: Layout | None
    """None: the segment is shown as bytes."""
    source: LayoutSource
    origin: str = ""
    """The program or the file that the layout is from, where the source is one of these."""
    candidates: tuple[Layout, ...] = ()
    """The layouts that the live bytes allow."""
    by_convention: tuple[str, ...] = ()
    """Roles that rest on names alone, as ``--map`` writes them: ``in=head``. Programs use such
    names both ways, and no value has told yet which way this one does."""
    assumptions: tuple[str, ...] = ()
    """What has to be true for the layout to be right, in words."""
    disputes: tuple[str, ...] = ()
    """Values or programs that fit another layout as well, in words; that of ``by_convention`` is
    the last. Nothing may be built on the layout, and nothing repaired by it."""
    slots_at: tuple[int, str] | None = None
    """Byte, and letter in :mod:`struct`, of the member that says how many slots there are, where the struct
    does not: the program may change it while it runs."""

    @property
    def assumed(self) -> bool:
        """Whether the layout is likely at most."""
        return bool(self.assumptions or self.disputes)

    def with_direction(self, layout: Layout, *assumed: str) -> "ResolvedLayout":
        """The same with the direction of the ring known: ``layout`` has it. ``assumed``: on what that rests."""
        return replace(
            self, layout=layout, by_convention=(), disputes=self.disputes[:-1],
            assumptions=(*self.assumptions, *assumed),
        )  # fmt: skip

    @property
    def candidate_options(self) -> tuple[str, ...]:
        """The candidates as options that pick them."""
        return tuple(f"--layout {option}" for option in _as_options(self.candidates))


def _as_options(layouts: tuple[Layout, ...]) -> tuple[str, ...]:
    from shmtui.shm.layout_spec import layout_option  # noqa: PLC0415 - rarely needed

    return tuple(layout_option(layout) for layout in layouts)


class AmbiguousLayoutError(ShmtuiError):
    """Several layouts fit, or none is sure; ``candidates`` holds them, the likeliest first.

    ``missed``: why no struct of the programs is one of them, in words: said first, since to settle
    that is surer than to choose among bytes.
    """

    def __init__(
        self, text: str, candidates: tuple[Layout, ...] = (), missed: tuple[str, ...] = ()
    ) -> None:
        super().__init__("; ".join((*missed, text)))
        self.candidates = candidates
        self.missed = missed

    @property
    def options(self) -> tuple[str, ...]:
        return _as_options(self.candidates)
