"""Whether each fault that a worker made had its expected finding. Pure."""

from collections.abc import Iterator
from typing import Final

import msgspec

from shmtui.events import Severity
from shmtui.i18n import _
from shmtui.shm.faults import Fault, expected_outcome, fault_name
from shmtui.snapshot import Finding, Process, Snapshot

PATIENCE_NS: Final = 10_000_000_000
"""Nanoseconds after a fault without its finding until an event says so."""
QUIET_NS: Final = 5_000_000_000
"""Nanoseconds without a finding until an event says that none came, as expected."""


class _MadeFault(msgspec.Struct):
    """A fault that a worker made."""

    who: str
    expected: str | None
    since_ns: int
    before: frozenset[str]
    """Codes of the findings that were there before it."""
    reminded: bool = False


class FaultOutcomes(msgspec.Struct):
    """Compares the faults made with the findings of each snapshot; reports each outcome once."""

    _open: dict[tuple[int, Fault], _MadeFault] = msgspec.field(default_factory=dict)
    _made: set[tuple[int, Fault]] = msgspec.field(default_factory=set)

    def update(self, snapshot: Snapshot) -> Iterator[tuple[Severity, str]]:
        """The outcomes that ``snapshot`` settles, as events."""
        for process in snapshot.processes:
            if process.fault is not Fault.NONE:
                self._note(process, snapshot)
        found = {finding.code: finding for finding in snapshot.health.findings}
        for key, made in tuple(self._open.items()):
            outcome = _outcome(made, found, snapshot.monotonic_ns - made.since_ns)
            if outcome is None:
                continue
            made.reminded = True
            if outcome[0] is Severity.GOOD or made.expected is None:
                del self._open[key]
            yield outcome

    def _note(self, process: Process, snapshot: Snapshot) -> None:
        """Record a fault that has just been made. A fault that is ordered again counts again."""
        key = process.pid, process.fault
        if not process.faulted:
            self._made.discard(key)
        elif key not in self._made:
            self._made.add(key)
            who = f"{process.name}, {fault_name(process.fault, process.role)}"
            expected = expected_outcome(process.fault, process.role).finding
            codes = frozenset(f.code for f in snapshot.health.findings) - {expected or ""}
            self._open[key] = _MadeFault(who, expected, snapshot.monotonic_ns, codes)


def _outcome(
    made: _MadeFault, found: dict[str, Finding], age_ns: int
) -> tuple[Severity, str] | None:
    """The event about a fault that is due at ``age_ns``; None while it is open."""
    if made.expected is None:
        others = sorted(found.keys() - made.before)
        if others:
            text = _("{who}: no finding was expected, but there is {codes}")
            return Severity.WARN, text.format(who=made.who, codes=", ".join(others))
        if age_ns >= QUIET_NS:
            return Severity.GOOD, _("{who}: no finding, as expected").format(who=made.who)
        return None
    finding = found.get(made.expected)
    if finding is not None:
        text = _("{who}: {code}, as expected: {claim}")
        return Severity.GOOD, text.format(who=made.who, code=finding.code, claim=finding.claim)
    if age_ns >= PATIENCE_NS and not made.reminded:
        text = _("{who}: no {code} yet; v pauses the workers and compares the counts")
        return Severity.WARN, text.format(who=made.who, code=made.expected)
    return None
