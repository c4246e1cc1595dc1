"""What came of the faults that workers were told to make, beside what had to come of them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from shmtui.events import Severity
from shmtui.i18n import _
from shmtui.shm.faults import Fault, expected_outcome, fault_name
from shmtui.snapshot import Finding, Process, Snapshot

PATIENCE_NS: Final = 10_000_000_000
"""How long after a fault was made its finding may take before that is told."""
QUIET_NS: Final = 5_000_000_000
"""How long nothing has to be found where nothing had to be."""


@dataclass(slots=True)
class _Trial:
    """A fault that was made."""

    who: str
    expected: str | None
    since_ns: int
    before: frozenset[str]
    """What was found before it could lead to anything."""
    reminded: bool = False


@dataclass(slots=True)
class Trials:
    """Compares, look by look; each outcome is told once."""

    _open: dict[tuple[int, Fault], _Trial] = field(default_factory=dict)
    _made: set[tuple[int, Fault]] = field(default_factory=set)

    def look(self, snapshot: Snapshot) -> Iterator[tuple[Severity, str]]:
        """What has to be told by now."""
        for process in snapshot.processes:
            if process.fault is not Fault.NONE:
                self._note(process, snapshot)
        found = {finding.code: finding for finding in snapshot.health.findings}
        for key, trial in tuple(self._open.items()):
            outcome = _outcome(trial, found, snapshot.monotonic_ns - trial.since_ns)
            if outcome is None:
                continue
            trial.reminded = True
            if outcome[0] is Severity.GOOD or trial.expected is None:
                del self._open[key]
            yield outcome

    def _note(self, process: Process, snapshot: Snapshot) -> None:
        """Take up a fault that has just been made; one that is told anew can be made anew."""
        key = process.pid, process.fault
        if not process.faulted:
            self._made.discard(key)
        elif key not in self._made:
            self._made.add(key)
            who = f"{process.name}, {fault_name(process.fault, process.role)}"
            expected = expected_outcome(process.fault, process.role).finding
            codes = frozenset(f.code for f in snapshot.health.findings) - {expected or ""}
            self._open[key] = _Trial(who, expected, snapshot.monotonic_ns, codes)


def _outcome(trial: _Trial, found: dict[str, Finding], age_ns: int) -> tuple[Severity, str] | None:
    """What to tell of a trial now, if anything."""
    if trial.expected is None:
        others = sorted(found.keys() - trial.before)
        if others:
            text = _("{who}: nothing was expected, but there is {codes}")
            return Severity.WARN, text.format(who=trial.who, codes=", ".join(others))
        if age_ns >= QUIET_NS:
            return Severity.GOOD, _("{who}: nothing came of it, as expected").format(who=trial.who)
        return None
    finding = found.get(trial.expected)
    if finding is not None:
        text = _("{who}: {code} came of it, as expected: {claim}")
        return Severity.GOOD, text.format(who=trial.who, code=finding.code, claim=finding.claim)
    if age_ns >= PATIENCE_NS and not trial.reminded:
        text = _("{who}: {code} is not to be seen yet; v settles the workers and compares")
        return Severity.WARN, text.format(who=trial.who, code=trial.expected)
    return None
