"""Processes with threads asleep on a private futex, where no other process can wake them.

A signal that stops and continues such a process restarts the wait, which reads the word anew. It
returns if a permit is there. If not, the thread sleeps privately again, and has to be interrupted
once more.
"""

from collections.abc import Sequence

from shmtui.repair.protocol_positions import Place, ProtocolPosition
from shmtui.snapshot import Process, Snapshot


class PrivateSleepers:
    """The processes of a repaired segment that still sleep privately, sample by sample.

    Where their waits cannot be read, one counts as asleep until it was interrupted while a permit
    was there and no semaphore of its keeps both a permit and a waiter since.
    """

    def __init__(self, planned: Sequence[ProtocolPosition]) -> None:
        """``planned``: those that slept privately when the plan was made."""
        self._asleep = tuple(planned)
        self._unreadable = {p.process.pid: p for p in planned if not p.readable}
        self._interrupted: set[int] = set()

    def update(self, positions: Sequence[ProtocolPosition], snapshot: Snapshot) -> None:
        """Take in a sample and where the processes stand in it."""
        found = []
        for position in positions:
            planned = self._unreadable.get(position.process.pid)
            if position.private:
                found.append(position)
            if planned is None or position.place is not Place.HIDDEN:
                continue
            if position.process.pid not in self._interrupted or _wakeable(planned, snapshot):
                found.append(planned)
        self._asleep = tuple(found)

    def wakeable(self, snapshot: Snapshot) -> tuple[Process, ...]:
        """Those that an interruption lets go on, because a permit is there."""
        found = tuple(p.process for p in self._asleep if _wakeable(p, snapshot))
        self._interrupted.update(process.pid for process in found)
        return found

    @property
    def pending(self) -> tuple[Process, ...]:
        return tuple(p.process for p in self._asleep)


def _wakeable(position: ProtocolPosition, snapshot: Snapshot) -> bool:
    """Whether a semaphore that it sleeps on privately has a permit, and counts a waiter."""
    states = [snapshot.semaphores[role] for role, private in position.asleep if private]
    return any(state.value and state.waiters for state in states)
