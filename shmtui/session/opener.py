"""Attaches to segments that exist, read-only unless told otherwise.

Read-only is not a matter of hidden keys: without ``--write`` there is no supervisor,
no control block, and no descriptor that could be written to.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import msgspec
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.identity import own_identity
from shmtui.session.cleanup import drop_dead_control
from shmtui.session.live_source import LiveSource
from shmtui.shm.layout import Layout
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role
from shmtui.shm.ring import why_no_worker
from shmtui.shm.segment import SHM_DIR, FileIdentity, identity_at, segment_path
from shmtui.workers.supervisor import Supervisor

if TYPE_CHECKING:
    from shmtui.monitor.discovery import Surveyor
    from shmtui.monitor.list_health import ListHealth
    from shmtui.monitor.shared_object import Survey
    from shmtui.session.held_schedule import HeldSchedule
    from shmtui.session.replay_source import Replayed


class AttachOptions(msgspec.Struct, frozen=True):
    """What ``attach`` was asked for."""

    name: str | None = None
    layout: LayoutOptions = msgspec.field(default_factory=LayoutOptions)
    folder: str = SHM_DIR
    write: bool = False
    wait: bool = False
    exact: bool = False
    """Whether items are counted by breakpoints from the start."""
    produce_rate: float = 1.0
    consume_rate: float = 0.5
    ascii_only: bool = False
    record: Path | None = None
    """The file that all samples are written to."""


class Attachment(msgspec.Struct, frozen=True):
    """An open segment, by the source of its snapshots."""

    source: "Sampler | LiveSource | Replayed | HeldSchedule"
    no_workers: str = ""
    """Why no worker can be added to a segment that may be written; empty where one can, and where
    nothing may be written.
    """

    @property
    def live(self) -> LiveSource | None:
        """The run over it; None where no worker can be added."""
        return self.source if isinstance(self.source, LiveSource) else None

    @property
    def sampler(self) -> Sampler:
        """What reads its bytes; a replay has none, nor has a schedule."""
        source = self.source.sampler if isinstance(self.source, LiveSource) else self.source
        assert isinstance(source, Sampler)
        return source

    @property
    def replay(self) -> "Replayed | None":
        """The recording that is shown; None where there is none."""
        if self.watches:
            return None
        from shmtui.session.replay_source import Replayed  # noqa: PLC0415 - a segment needs none

        return self.source if isinstance(self.source, Replayed) else None

    @property
    def schedule(self) -> "HeldSchedule | None":
        """The schedule whose programs are held; None where there is none."""
        if isinstance(self.source, (Sampler, LiveSource)):
            return None
        from shmtui.session.replay_source import Replayed  # noqa: PLC0415 - a segment needs none

        return None if isinstance(self.source, Replayed) else self.source

    @property
    def watches(self) -> bool:
        """Whether it is a segment that is there and goes its own way."""
        return isinstance(self.source, (Sampler, LiveSource))

    @property
    def writable(self) -> bool:
        """Whether it may be repaired."""
        return bool(self.live or self.no_workers)


class SegmentOpener:
    """Attaches to segments for the dashboard, and undoes it all at the end."""

    def __init__(
        self, options: AttachOptions | None = None, home: Attachment | None = None
    ) -> None:
        self._options = options or AttachOptions()
        self._joined = {} if home is None else {home.sampler.name: home}
        self._surveyor: Surveyor | None = None
        self._cleaning = contextlib.ExitStack()
        # Weakly: the dashboard closes what it leaves, and of what is closed nothing is kept.
        self._samplers: WeakSet[Sampler] = WeakSet()
        self._judges: WeakSet[ListHealth] = WeakSet()
        self._cleaning.callback(self._close_opened)

    def _close_opened(self) -> None:
        with contextlib.ExitStack() as closing:
            for sampler in self._samplers:
                closing.callback(sampler.close)
            for judge in self._judges:
                closing.callback(judge.stop)

    def survey(self) -> "Survey":
        """Everything that processes share, as it stands."""
        if self._surveyor is None:
            from shmtui.monitor.discovery import Surveyor  # noqa: PLC0415 - for that list alone

            self._surveyor = Surveyor(self._options.folder)
        return self._surveyor.look()

    def rest(self) -> None:
        """Give back what looks at everything keep open; the list is closed."""
        if self._surveyor is not None:
            self._surveyor.rest()

    def list_health(self) -> "ListHealth":
        """What judges the rings of a list that is open; stopped with the list."""
        from shmtui.monitor.list_health import ListHealth  # noqa: PLC0415 - for that list alone

        judge = ListHealth(self._options.folder)
        self._judges.add(judge)
        return judge

    def remove(self, target: str) -> str:
        """Remove what the list shows and nobody has; returns what was done.

        ShmtuiError: it is in use, not this user's, or does not lie in this machine's /dev/shm, where
        another may have its name.
        """
        from shmtui.session.object_removal import remove_listed  # noqa: PLC0415 - for one key alone

        if self._options.folder != SHM_DIR:
            wrong = _("{name} lies in another /dev/shm: remove it from inside")
            raise ShmtuiError(wrong.format(name=target))
        return remove_listed(target)

    def open(self, name: str, layout: str | None = None) -> Attachment:
        """Attach to a segment; the one that this run made is the run itself.

        One that workers can be added to is joined once and found again. What was said of
        the layout of one segment is not held of another.
        AmbiguousLayoutError: several layouts fit. ShmtuiError: it cannot be attached to.
        """
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
        self._samplers.add(sampler)
        sampler.count_exactly(on=self._options.exact)
        # From here on the dashboard has the screen.
        told = replace(self._options.layout, progress=None)
        self._options = replace(self._options, layout=told)
        if not self._options.write:
            return Attachment(sampler)
        return self._join(name, sampler)

    def open_raw(self, name: str) -> Attachment:
        sampler = Sampler(name, LayoutOptions(raw=True), folder=self._options.folder)
        self._samplers.add(sampler)
        return Attachment(sampler)

    def _join(self, name: str, sampler: Sampler) -> Attachment:
        """Make it possible to add workers, by a control block beside the segment, and to repair it.

        One that no worker can use is opened all the same: it can be repaired.
        """
        layout, path = sampler.layout, segment_path(name)
        identity = identity_at(path)
        if layout is None:
            wrong = _(
                "{name} is not recognised as a bounded buffer, so no worker can join it: say its layout with --header or --layout, or look without --write"
            )
        elif sampler.dispute:
            wrong = _(
                "no worker can join {name}: {why}; say the layout with --map or --layout, or look "
                "without --write"
            )
        elif identity is None or self._options.folder != SHM_DIR:
            wrong = _("--write needs a segment of this /dev/shm: leave out --pid")
        elif not os.access(path, os.R_OK | os.W_OK):
            wrong = _("this user may not write to {name}: look at it without --write")
        elif why := why_no_worker(layout):
            return Attachment(sampler, why)
        else:
            joined = self._joined[name] = self._start(sampler, layout, identity)
            return joined
        raise ShmtuiError(wrong.format(name=name, why=sampler.dispute))

    def _start(self, sampler: Sampler, layout: Layout, identity: FileIdentity) -> Attachment:
        name = sampler.name
        drop_dead_control(name)
        buffer = OwnedBuffer.adopt(name, layout, identity, own_identity(), assumed=sampler.assumed)
        self._cleaning.callback(buffer.remove)
        producing, consuming = self._options.produce_rate, self._options.consume_rate
        supervisor = Supervisor(buffer, {Role.PRODUCER: producing, Role.CONSUMER: consuming})
        self._cleaning.callback(supervisor.close)
        sampler.reopen_control_block()
        return Attachment(LiveSource(sampler, supervisor))

    def close(self) -> None:
        """End the workers that were added, remove their control blocks, close what was opened."""
        self._cleaning.close()


def show_run(live: LiveSource, show: Callable[[Attachment, SegmentOpener], int]) -> int:
    """Have ``show`` run over a run of ours, with the way to other segments; returns its result."""
    home = Attachment(live)
    with contextlib.closing(SegmentOpener(home=home)) as opener:
        return show(home, opener)
