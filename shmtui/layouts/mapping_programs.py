"""A segment and the programs that map it: their C library, word size, threads and semaphores."""

import os
from collections.abc import Iterable
from functools import cached_property

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions
from shmtui.layouts.plain_layouts import MAX_SIZE, signatures
from shmtui.layouts.program_files import ProgramFiles
from shmtui.layouts.vocabulary import roles_by_name
from shmtui.procfs.futex import futex_sleepers, futex_waits
from shmtui.procfs.maps import mappings, named_semaphores_of
from shmtui.procfs.process import process_name, stopped, thread_count
from shmtui.procfs.shared_mappings import SharedMappings
from shmtui.procfs.thread_calls import MANY
from shmtui.shm.libc import Libc, running_libc
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import FileIdentity
from shmtui.shm.segment_reader import SegmentReader, read_start


class Peers(msgspec.Struct, frozen=True):
    """The processes that map a segment, as far as this user can see."""

    pids: tuple[int, ...]
    """In order."""
    libcs: frozenset[Libc]
    narrow: tuple[int, ...]
    """PIDs of 32-bit programs: their ``sem_t`` and ``long`` differ from those of the others."""
    folder: str
    files: ProgramFiles
    """What they run."""

    @classmethod
    def among(cls, pids: Iterable[int], folder: str, files: ProgramFiles | None = None) -> "Peers":
        """Processes that map the file; ``folder`` is their /dev/shm. ``files``: what is known of them."""
        pids, files = tuple(sorted(pids)), files or ProgramFiles()
        libcs = frozenset(libc for pid in pids if (libc := files.of(pid).libc) is not None)
        narrow = tuple(pid for pid in pids if files.of(pid).narrow)
        return cls(pids, libcs, narrow, folder, files)

    @property
    def libc(self) -> Libc:
        """Their C library; this interpreter's where none is known, or they differ."""
        return next(iter(self.libcs)) if len(self.libcs) == 1 else running_libc()

    @property
    def threads(self) -> int:
        """How many threads they have, at least 1."""
        return max(sum(thread_count(pid) for pid in self.pids), 1)

    def waits_on(self, identity: FileIdentity) -> set[int]:
        """The bytes of the segment that their threads sleep on, as far as this user can see."""
        found: set[int] = set()
        for pid in self.pids:
            found |= {wait.offset for wait in futex_waits(pid, mappings(pid, identity) or ()) or ()}
        return found

    def hidden_sleepers(self) -> range:
        """How many of their threads may sleep on some futex, of those of which this user may not read on which: where
        one is stopped, it is not known.
        """
        hidden = [pid for pid in self.pids if futex_waits(pid, ()) is None]
        least = sum(futex_sleepers(pid, MANY) or 0 for pid in hidden)
        return range(least, least + sum(thread_count(pid) for pid in hidden if stopped(pid)) + 1)

    @property
    def semaphores(self) -> tuple[str, ...]:
        """Named semaphores that they map, too."""
        names = (named_semaphores_of(pid, self.folder) for pid in self.pids)
        return tuple(sorted(set().union(*names)))

    @property
    def semaphore_roles(self) -> tuple[tuple[SemaphoreRole, str], ...]:
        """Those semaphores whose names tell a role."""
        return roles_by_name(list(self.semaphores))

    def require_one_word_size(self, segment: str) -> tuple[str, ...]:
        """What disputes a layout of 64-bit programs, where some of them are 32-bit programs.

        ShmtuiError: all of them are, so that no layout of a 64-bit program is theirs.
        """
        if not self.narrow:
            return ()
        pid = self.narrow[0]
        text = _(
            "PID {pid} ({program}) is a 32-bit program: its sem_t is 16 bytes, so its fields lie "
            "elsewhere; the layout shown is that of the 64-bit programs"
        )
        if self.narrow == self.pids:
            text = _(
                "PID {pid} ({program}) is a 32-bit program: its sem_t is 16 bytes, so no 64-bit "
                "layout fits {name}; --raw shows the bytes"
            )
        text = text.format(pid=pid, program=process_name(pid), name=segment)
        if self.narrow == self.pids:
            raise ShmtuiError(text)
        return (text,)


class MappedSegment(msgspec.Struct, frozen=True, dict=True):
    """A segment whose layout is asked for."""

    reader: SegmentReader
    peers: Peers
    options: LayoutOptions

    @property
    def name(self) -> str:
        """As ``/shm_buffer``."""
        return self.reader.name

    @cached_property
    def size(self) -> int:
        """Bytes, as they are when it is first asked: of memory without a file, all who have it tell it."""
        return self.reader.status().size

    @property
    def marked_elsewhere(self) -> bool:
        """Whether one of its processes maps another segment that holds shared semaphores: they may
        guard this one.
        """
        own, prefix = self.reader.identity, f"{self.peers.folder}/"
        maps = SharedMappings()
        mappings = (each for pid in self.peers.pids for each in maps.of(pid) or ())
        paths = {os.fsdecode(m.path) for m in mappings if m.inode != own.inode}
        others = (path for path in paths if path.startswith(prefix))
        return any(signatures(read_start(path, MAX_SIZE), self.peers.libc) for path in others)
