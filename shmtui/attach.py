"""``shmtui attach``: a dashboard on a segment that exists, read-only unless told otherwise.

Read-only is not a matter of hidden keys: without ``--write`` there is no supervisor,
no control block, and no descriptor that could be written to.
"""

import contextlib
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shmtui.auditing import Auditor
from shmtui.errors import MissingSegmentError, ShmtuiError
from shmtui.housekeeping import drop_dead_control
from shmtui.ipc.buffer import OwnBuffer
from shmtui.ipc.process import own_identity
from shmtui.ipc.protocol import Role
from shmtui.ipc.segment import SHM_DIR, identity_at, segment_path
from shmtui.language import _
from shmtui.observe.layout_choice import AmbiguousLayoutError, LayoutOptions
from shmtui.observe.sampler import Sampler
from shmtui.observe.snapshot import Origin, Snapshot
from shmtui.observe.trials import Trials
from shmtui.session import (
    ignore_signals,
    note,
    note_signals,
    noted_signal,
    require_terminal,
    run_dashboard,
)
from shmtui.workers.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from shmtui.observe.discovery import Entry
    from shmtui.repair import Repairer

PUBLISH_NS: Final = 500_000_000
WAIT_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class AttachOptions:
    """What ``attach`` was asked for."""

    name: str | None = None
    layout: LayoutOptions = field(default_factory=LayoutOptions)
    folder: str = SHM_DIR
    write: bool = False
    wait: bool = False
    produce_rate: float = 1.0
    consume_rate: float = 0.5
    refresh_hz: float = 10.0
    ascii_only: bool = False


class SteeredSource:
    """The dashboard's view of a run: samples, and publishes the rates it measured."""

    def __init__(self, sampler: Sampler, supervisor: Supervisor) -> None:
        self._sampler = sampler
        self._supervisor = supervisor
        self._trials = Trials()
        self.auditor = Auditor(sampler, supervisor)
        """Compares what went in with what came out, when it is asked to."""
        self._published_ns = 0
        self.foreign_seen = False
        """Whether anybody took part whose items nobody counts."""
        self.last: Snapshot | None = None

    @property
    def name(self) -> str:
        """The segment's."""
        return self._sampler.name

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the segment."""
        return self._sampler.read(offset, length)

    def close(self) -> None:
        """Give the descriptors back; the workers go on."""
        self._sampler.close()

    @property
    def slots_shown(self) -> int:
        """How many slots' values the samples carry."""
        return self._sampler.slots_shown

    @slots_shown.setter
    def slots_shown(self, count: int) -> None:
        self._sampler.slots_shown = count

    def sample(self) -> Snapshot:
        """Look once."""
        snapshot = self._sampler.sample()
        if any(p.origin is not Origin.WORKER for p in snapshot.processes):
            self.foreign_seen = True
        self.last = snapshot
        self.auditor.look(snapshot, foreign=self.foreign_seen)
        for tone, text in self._trials.look(snapshot):
            self._supervisor.tell(tone, text)
        if snapshot.monotonic_ns - self._published_ns >= PUBLISH_NS:
            self._published_ns = snapshot.monotonic_ns
            rates = snapshot.throughput
            self._supervisor.publish(
                snapshot.monotonic_ns,
                rates.produced_per_s,
                rates.consumed_per_s,
                {p.pid: p.rate for p in snapshot.processes if p.rate is not None},
            )
        return snapshot


@dataclass(frozen=True, slots=True)
class Attached:
    """What attaching gave: something to look through, and the workers that may be added."""

    source: "Sampler | SteeredSource"
    steering: Supervisor | None = None
    mender: "Callable[[], Repairer] | None" = None
    """Makes what repairs it; absent where nothing may be written."""

    @property
    def auditor(self) -> Auditor | None:
        """Compares what went in with what came out, where there are workers to count."""
        return self.source.auditor if isinstance(self.source, SteeredSource) else None


def repairer(name: str) -> "Repairer":
    """What repairs a segment that has a control block, which tells the layout."""
    from shmtui.repair import Repairer  # noqa: PLC0415 - for a key that is pressed rarely

    return Repairer(name)


class SegmentOpener:
    """Attaches to segments for the dashboard, and undoes it all at the end."""

    def __init__(self, options: AttachOptions | None = None, home: Attached | None = None) -> None:
        self._options = options or AttachOptions()
        self._home = home
        self._joined: dict[str, Attached] = {}
        self._cleaning = contextlib.ExitStack()

    def entries(self) -> "tuple[Entry, ...]":
        """Everything under /dev/shm."""
        from shmtui.observe.discovery import discover  # noqa: PLC0415 - for the picker alone

        return discover(self._options.folder)

    def open(self, name: str, layout: str | None = None) -> Attached:
        """Attach to a segment; the one that this run made is the run itself.

        One that workers can be added to is joined once and found again. What was said of
        the layout of one segment is not held of another.
        AmbiguousLayoutError: several layouts fit. ShmtuiError: it cannot be attached to.
        """
        if self._home is not None and name == self._home.source.name:
            return self._home
        if name in self._joined:
            return self._joined[name]
        options = self._options.layout
        if self._options.name not in {None, name}:
            options = LayoutOptions()
        if layout is not None:
            options = replace(options, layout=layout, header=None, slots=None, raw=False)
        sampler = Sampler(
            name, options, read_only=not self._options.write, folder=self._options.folder
        )
        self._cleaning.callback(sampler.close)
        if not self._options.write:
            return Attached(sampler)
        return self._join(name, sampler)

    def open_raw(self, name: str) -> Attached:
        """Attach to a segment and show its bytes."""
        sampler = Sampler(name, LayoutOptions(raw=True), folder=self._options.folder)
        self._cleaning.callback(sampler.close)
        return Attached(sampler)

    def _join(self, name: str, sampler: Sampler) -> Attached:
        """Make it possible to add workers: a control block beside the segment."""
        layout = sampler.layout
        if layout is None:
            raise ShmtuiError(
                _(
                    "{name} is no bounded buffer that is recognised, so no worker can join it: say its "
                    "layout with --header or --layout, or look without --write"
                ).format(name=name)
            )
        path = segment_path(name)
        identity = identity_at(path)
        if identity is None or self._options.folder != SHM_DIR:
            raise ShmtuiError(_("--write needs a segment of this /dev/shm: leave out --pid"))
        if not os.access(path, os.R_OK | os.W_OK):
            raise ShmtuiError(
                _("{name} may not be written by this user: look at it without --write").format(
                    name=name
                )
            )
        drop_dead_control(name)
        buffer = OwnBuffer.adopt(name, layout, identity, own_identity(), assumed=sampler.assumed)
        self._cleaning.callback(buffer.remove)
        rates = {
            Role.PRODUCER: self._options.produce_rate,
            Role.CONSUMER: self._options.consume_rate,
        }
        supervisor = Supervisor(buffer, rates)
        self._cleaning.callback(supervisor.close)
        sampler.rejoin()
        joined = self._joined[name] = Attached(
            SteeredSource(sampler, supervisor),
            supervisor,
            lambda: repairer(name),
        )
        return joined

    def close(self) -> None:
        """End the workers that were added, remove their control blocks, close what was opened."""
        self._cleaning.close()


def attach(options: AttachOptions) -> int:
    """Carry out ``shmtui attach``; returns the exit code. ShmtuiError: it cannot be attached to."""
    require_terminal(_("look with shmtui stat NAME"))
    note_signals()
    if options.name is not None and options.wait and not wait_for(options.name, options.folder):
        return 128 + (noted_signal() or 0)
    with contextlib.ExitStack() as cleaning:
        opener = SegmentOpener(options)
        cleaning.callback(opener.close)
        cleaning.callback(ignore_signals)
        return _dashboard(options, opener)


def _dashboard(options: AttachOptions, opener: SegmentOpener) -> int:
    opened: Attached | None = None
    choice: tuple[str, tuple[str, ...]] | None = None
    if options.name is not None:
        try:
            opened = opener.open(options.name)
        except AmbiguousLayoutError as error:
            choice = (options.name, error.options)
        except MissingSegmentError as error:
            raise MissingSegmentError(
                _("{error}; --wait waits for it").format(error=error)
            ) from None
    from shmtui.tui.app import DashboardApp  # noqa: PLC0415 - only a dashboard pays for Textual

    app = DashboardApp(
        None if opened is None else opened.source,
        None if opened is None else opened.steering,
        refresh_hz=options.refresh_hz,
        ascii_only=options.ascii_only,
        mender=None if opened is None else opened.mender,
        auditor=None if opened is None else opened.auditor,
        opener=opener,
        choice=choice,
    )
    return run_dashboard(app)


def wait_for(name: str, folder: str) -> bool:
    """Wait until the segment exists and has been given a size; False where a signal came first."""
    path = segment_path(name, folder)
    told = False
    while noted_signal() is None:
        with contextlib.suppress(OSError):
            if Path(path).lstat().st_size:
                return True
        if not told:
            note(_("waiting for {name}; Ctrl+C gives up").format(name=name))
            told = True
        time.sleep(WAIT_SECONDS)
    return False
