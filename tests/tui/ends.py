"""More in-memory ends for the dashboard: a way to segments, a segment of bytes, programs that print."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shmtui.errors import ShmtuiError
from shmtui.layouts.options import AmbiguousLayoutError
from shmtui.monitor.discovery import Entry, Kind
from shmtui.shm.layout import ITEM_TYPES, seed_layout
from shmtui.shm.libc import Libc
from shmtui.snapshot import (
    LayoutInfo,
    LayoutSource,
    Method,
    Offsets,
    SegmentInfo,
    Snapshot,
    Throughput,
)
from shmtui.tui.app import DashboardApp
from shmtui.tui.ports import Auditor, Repairer, Steering
from tests.tui.bench import FakeSource, FakeSteering, snapshot
from tests.waiting import until

FIVE = "data=0:5xint32,in=20:int32,out=24,mutex=32,empty=64,full=96"
SIX = "data=0:6xint32,in=24:int32,out=28,mutex=32,empty=64,full=96"


def entry(name: str, kind: Kind = Kind.UNKNOWN, **changes: object) -> Entry:
    """A readable entry that one process maps, but for ``changes``."""
    facts: dict[str, object] = {
        "looks": str(kind),
        "size": 128,
        "owner": "ana",
        "mode": 0o600,
        "age": 61.0,
        "mappers": ((412, "produtor"),),
        "orphan": False,
        "readable": True,
    }
    return Entry(name=name, kind=kind, **{**facts, **changes})  # type: ignore[arg-type]


def raw_snapshot(name: str = "/x", size: int = 4096, **changes: Any) -> Snapshot:
    """A segment of which only the bytes are known."""
    facts: dict[str, Any] = {
        "segment": SegmentInfo(name, size, 31, 0o600, "ana"),
        "layout": LayoutInfo(LayoutSource.RAW, 0, "", 0, Offsets(0, 0, 0), ""),
        "semaphores": {},
        "processes": (),
        "throughput": Throughput(None, None, Method.UNKNOWN),
        "uptime": None,
        "totals": None,
    }
    return snapshot(**{"slots": 0, "in_": None, "out": None, "occupancy": None, **facts, **changes})


class BytesSource(FakeSource):
    """A segment whose bytes a test writes; notes what is read of it."""

    def __init__(self, data: bytes, *, size: int | None = None, **changes: Any) -> None:
        super().__init__(self._make)
        self.data = bytearray(data)
        self.size = size
        self.changes = changes
        self.now_ns = 10**12
        self.reads: list[tuple[int, int]] = []
        self.closed = False

    def _make(self, _shown: int) -> Snapshot:
        size = len(self.data) if self.size is None else self.size
        return raw_snapshot(size=size, monotonic_ns=self.now_ns, **self.changes)

    def read(self, offset: int, length: int) -> bytes:
        """The bytes, fewer where they end."""
        self.reads.append((offset, length))
        return bytes(self.data[offset : offset + length])

    def close(self) -> None:
        """Noted."""
        self.closed = True


@dataclass
class FakeOpened:
    """What attaching gave."""

    source: FakeSource
    steering: Steering | None = None
    make_repairer: Callable[[], Repairer] | None = None
    auditor: Auditor | None = None


@dataclass
class FakeOpener:
    """A /dev/shm made to order. Names it knows open; others are refused in a sentence."""

    there: tuple[Entry, ...] = ()
    ambiguous: dict[str, tuple[str, ...]] = field(default_factory=dict)
    opened: list[tuple[str, str | None]] = field(default_factory=list)
    sources: list[FakeSource] = field(default_factory=list)
    looked: int = 0
    threads: set[int] = field(default_factory=set)
    held: threading.Event | None = None
    """Until this is set, looking takes its time."""

    def entries(self) -> tuple[Entry, ...]:
        """What is there."""
        self.looked += 1
        if self.held is not None:
            assert self.held.wait(60)
        self.threads.add(threading.get_ident())
        return self.there

    def open(self, name: str, layout: str | None = None) -> FakeOpened:
        """Attach, unless the layout is not sure."""
        self.threads.add(threading.get_ident())
        if layout is None and name in self.ambiguous:
            layouts = tuple(
                seed_layout(slots, ITEM_TYPES["int32"], Libc.GLIBC) for slots in (5, 6)
            )[: len(self.ambiguous[name])]
            raise AmbiguousLayoutError(f"the layout of {name} is not sure", layouts)
        if name not in {e.name for e in self.there}:
            raise ShmtuiError(f"{name} vanished: " + chr(27) + "[31m")
        self.opened.append((name, layout))
        segment = SegmentInfo(name, 128, 77, 0o600, "ana")
        source = FakeSource(lambda shown: snapshot(segment=segment, shown=shown))
        self.sources.append(source)
        return FakeOpened(source)

    def open_raw(self, name: str) -> FakeOpened:
        """Attach to its bytes."""
        self.opened.append((name, "raw"))
        source = BytesSource(bytes(range(256)) * 16)
        self.sources.append(source)
        return FakeOpened(source)


@dataclass
class FakeLog:
    """A program that printed so many lines."""

    name: str
    pid: int
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=10_000))
    lines_read: int = 0

    def say(self, *lines: str) -> None:
        """Print more."""
        self.lines.extend(lines)
        self.lines_read += len(lines)


@dataclass
class ProgramSteering(FakeSteering):
    """Programs besides workers."""

    programs: list[FakeLog] = field(default_factory=list)

    def logs(self) -> list[FakeLog]:
        """What they printed."""
        return self.programs


def screen_text(app: DashboardApp) -> str:
    """All that is on the screen."""
    return "\n".join(row.text for row in app.screen._compositor.render_strips())


async def shows(app: DashboardApp, text: str) -> str:
    """The screen, once it shows ``text``."""

    def found() -> str:
        if app._exception is not None:
            raise app._exception
        screen = screen_text(app)
        return screen if text in screen else ""

    return await until(found, f"{text!r} on the screen")
