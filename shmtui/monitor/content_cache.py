"""What files and memory were found to hold, kept from look to look, and the time that a look may spend on it."""

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from shmtui.layouts.program_files import ProgramFiles
from shmtui.monitor.segment_content import GUESS_SIZE, Found, SeenFile, content_of, typed_content
from shmtui.monitor.shared_object import Content
from shmtui.shm.segment import SHM_DIR, FileIdentity

if TYPE_CHECKING:
    from shmtui.layouts.program_types import QuickTypes

_TYPES_SECONDS: Final = 0.1
"""Reading programs' debug information takes no more CPU than this in all."""
_GUESS_SECONDS: Final = 0.3
"""Inferring the layouts of unknown segments takes no more CPU than this in all."""
_KEPT_SECONDS: Final = 30.0
"""How long a guess is kept."""


class _Kept(msgspec.Struct):
    """What a look at a file of some size told, and until when that is taken for true."""

    size: int
    until: float
    found: Found
    asked: bool = True
    """Whether the present look asked for it."""


class ContentCache:
    """What files and memory hold. What debug information or a name tells stays; what was guessed is
    guessed anew now and then, since bytes may tell more later; the value of a semaphore is read at
    every look. A change of size asks for all of it anew. Debug information is not asked again of the same
    programs where none of their structs may be of that size.
    """

    def __init__(self) -> None:
        self._known: dict[FileIdentity, _Kept] = {}
        self._untold: dict[FileIdentity, object] = {}
        """The size and the programs that tell nothing of it, whatever bytes it holds."""
        self._stamps: Mapping[int, object] = {}
        self._programs = ProgramFiles()

    def budget(self, processes: Mapping[int, object]) -> "GuessBudget":
        """That of a look. ``processes``: by PID, what is another where a process may run another program
        than at the last look, or map other libraries.
        """
        self._stamps = processes
        self._programs.keep(processes)
        return GuessBudget(self._programs)

    def of(self, seen: SeenFile, pids: list[int], budget: "GuessBudget") -> Found:
        """What a file holds, which these PIDs map."""
        size = seen.status.st_size
        kept = self._kept(seen.identity, size)
        if kept is not None and not seen.name.startswith("sem."):
            return kept
        guess = time.thread_time() < budget.guess_until
        found = content_of(seen, guess=guess)
        if not found.sure and pids:
            target = "/" + seen.name
            found = self._typed(seen.identity, seen.folder, target, size, pids, budget) or found
        return self._keep(seen.identity, size, found, budget.spent(seen.folder))

    def of_memory(
        self, identity: FileIdentity, target: str, size: int, pids: list[int], budget: "GuessBudget"
    ) -> Found | None:
        """What memory without a name holds, by the debug information of who maps it; None where
        that does not tell.
        """
        found = self._kept(identity, size)
        if found is None:
            if size <= GUESS_SIZE:
                found = self._typed(identity, SHM_DIR, target, size, pids, budget)
            found = found or Found(Content.UNKNOWN, "", sure=False)
            self._keep(identity, size, found, budget.spent(SHM_DIR))
        return found if found.sure else None

    def _kept(self, identity: FileIdentity, size: int) -> Found | None:
        kept = self._known.get(identity)
        if kept is None or kept.size != size or time.monotonic() >= kept.until:
            return None
        kept.asked = True
        return kept.found

    def _keep(self, identity: FileIdentity, size: int, found: Found, spent: bool) -> Found:
        until = math.inf
        if not found.sure:
            # Where there was no time to ask all, the next look goes on.
            until = 0.0 if spent else time.monotonic() + _KEPT_SECONDS
        self._known[identity] = _Kept(size, until, found)
        return found

    def _typed(
        self,
        identity: FileIdentity,
        folder: str,
        name: str,
        size: int,
        pids: list[int],
        budget: "GuessBudget",
    ) -> Found | None:
        stamps = (*map(self._stamps.get, pids),)
        asked = size, (*pids,), stamps
        if self._untold.get(identity) == asked:
            return None
        types = budget.types(folder)
        if not types.may_tell(pids, size):
            if None not in stamps:
                self._untold[identity] = asked
            return None
        typed = types.layout(name, pids, size, without_ring=True)
        return None if typed is None else Found(*typed_content(*typed))

    def forget(self) -> None:
        """Drop what the last look did not ask for."""
        self._known = {key: kept for key, kept in self._known.items() if kept.asked}
        self._untold = {key: asked for key, asked in self._untold.items() if key in self._known}
        for kept in self._known.values():
            kept.asked = False


class GuessBudget:
    """The time that one look may spend on guessing."""

    def __init__(self, programs: ProgramFiles) -> None:
        self.guess_until = time.thread_time() + _GUESS_SECONDS
        self._programs = programs
        self._types: dict[str, QuickTypes] = {}

    def types(self, folder: str) -> "QuickTypes":
        """Reads the debug information of programs, for as long as there is time."""
        from shmtui.layouts.program_types import QuickTypes  # noqa: PLC0415 - few need it

        if folder not in self._types:
            self._types[folder] = QuickTypes(folder, _TYPES_SECONDS, self._programs)
        return self._types[folder]

    def spent(self, folder: str) -> bool:
        """Whether no time is left for it."""
        return folder in self._types and self._types[folder].spent
