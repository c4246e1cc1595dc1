"""A buffer that shmtui makes: control block, segment and semaphores, made and removed together."""

import struct
import time

import msgspec

from shmtui.errors import NameInUseError
from shmtui.i18n import _
from shmtui.shm.control_block import ControlBlock
from shmtui.shm.control_format import Flags, control_name
from shmtui.shm.control_records import ControlHeader
from shmtui.shm.layout import SEM_SIZE, Layout
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.ring import initialise, semaphore_names
from shmtui.shm.segment import (
    FileIdentity,
    create_segment,
    identity_at,
    map_segment,
    require_free_name,
    require_free_space,
    segment_path,
    unlink_segment,
)
from shmtui.shm.semaphore import decode, named_semaphore_path, unlink_named


class OwnedBuffer(msgspec.Struct, frozen=True):
    """A buffer that this process has made, or a foreign one that it has put a control block beside."""

    name: str
    layout: Layout
    identity: FileIdentity
    control: ControlBlock
    foreign: bool = False
    """The segment is somebody else's: :meth:`remove` leaves it."""

    @classmethod
    def create(
        cls, name: str, layout: Layout, creator: tuple[int, int], mode: int
    ) -> "OwnedBuffer":
        """Make control block, segment and semaphores, or none of them.

        ``creator`` is this process's PID and start time. NameInUseError: the name is taken.
        ShmtuiError: there is no room, or no permission.
        """
        require_free_name(name)
        require_free_space(name, layout.size)
        control = ControlBlock.create(name, layout, creator, time.time_ns())
        made_segment = False
        try:
            identity = create_segment(name, layout.size, mode)
            made_segment = True
            control.bind_segment(identity)
            initialise(map_segment(name, identity), layout, mode)
        except BaseException:
            if made_segment:
                unlink_segment(name)
            unlink_segment(control.name)
            raise
        return cls(name, layout, identity, control)

    @classmethod
    def adopt(
        cls,
        name: str,
        layout: Layout,
        identity: FileIdentity,
        creator: tuple[int, int],
        *,
        assumed: bool = False,
    ) -> "OwnedBuffer":
        """Put a control block beside somebody else's segment, so that workers can join it.

        ``assumed``: the layout is only the likeliest of those that fit. NameInUseError: another
        shmtui has put one there.
        """
        flags = Flags.FOREIGN | Flags.ASSUMED if assumed else Flags.FOREIGN
        try:
            control = ControlBlock.create(name, layout, creator, time.time_ns(), flags)
        except NameInUseError:
            text = _(
                "{name} has workers of another shmtui already: add yours there, or end it first"
            )
            raise NameInUseError(text.format(name=name)) from None
        control.bind_segment(identity)
        return cls(name, layout, identity, control, foreign=True)

    def held_at(self) -> bytes:
        """The indices as they are now, where mutex is 0; empty where it is free, or a file is gone."""
        layout, mutex = self.layout, SemaphoreRole.MUTEX
        name, at = layout.semaphore_name(mutex), layout.semaphore_offset(mutex) or 0
        try:
            raw = _read(
                segment_path(self.name) if name is None else named_semaphore_path(name),
                at,
                SEM_SIZE,
            )
            if decode(raw, layout.libc).value:
                return b""
            indices = (each for each in (layout.in_, layout.out) if each is not None)
            return b"".join(
                _read(segment_path(self.name), each, layout.index_size) for each in indices
            )
        except (OSError, struct.error):
            return b""

    def remove(self) -> None:
        """Unlink all that this process made. A segment that has taken the name since is left.

        The control block's words are not read for this: other processes can have written to it.
        """
        if not self.foreign:
            _unlink_buffer(self.name, self.identity, self.layout)
        unlink_segment(self.control.name)


def _read(path: str, offset: int, size: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


def _unlink_buffer(name: str, identity: FileIdentity, layout: Layout) -> None:
    """Unlink a segment that shmtui made, with its semaphores.

    Their names are made from the segment's. Other semaphores in the layout are somebody else's.
    """
    if identity_at(segment_path(name)) == identity:
        unlink_segment(name)
    for _role, semaphore in set(layout.names) & set(semaphore_names(name)):
        unlink_named(semaphore)


def remove_buffer(name: str, header: ControlHeader) -> None:
    """Unlink the segment that ``header`` describes, its semaphores and its control block.

    Of a segment that is somebody else's, only the control block.
    """
    if not header.flags & Flags.FOREIGN:
        _unlink_buffer(name, header.segment, header.layout)
    unlink_segment(control_name(name))
