"""Executions in which somebody waits for ever, as one may whose peers have ended: two of them show whether that is
a mistake. Pure.
"""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shmtui.control.judge import HANG, Finding, waiting_words
from shmtui.control.operation import Kind
from shmtui.control.run import End, Run
from shmtui.i18n import _
from shmtui.shm.protocol import Role

if TYPE_CHECKING:
    from shmtui.control.places import Names

Command = tuple[str, ...]


class Hangs:
    """What all executions of a search have shown. ``commands``: those of the programs by their names."""

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self._commands = commands
        self._all_end = False
        """Whether there was one in which all ended."""
        self._shortest: Run | None = None
        self._without_twin: dict[Command, Run] = {}
        """The shortest in which one consumer waits, and another of the same command has ended."""
        self._taken: dict[Command, set[int]] = {}
        """After how many items consumers have ended."""

    def note(self, run: Run) -> None:
        """An execution."""
        ended = self._consumers(run, run.ends)
        for name in ended:
            if run.ends[name] == 0:
                self._taken.setdefault(self._commands[name], set()).add(_waits(run, name))
        if run.end is End.FINISHED and not run.blocked:
            self._all_end = True
        elif run.end is End.FINISHED and not run.parked and not run.foreign:
            self._shortest = _shorter(run, self._shortest)
            ends = {self._commands[name] for name in ended if run.ends[name] == 0}
            for name in self._consumers(run, dict(run.blocked)):
                command = self._commands[name]
                if command in ends:
                    self._without_twin[command] = _shorter(run, self._without_twin.get(command))

    @property
    def leaves_one(self) -> bool:
        """Whether a consumer waits, and another of the same command has ended."""
        return bool(self._without_twin)

    def _consumers(self, run: Run, tasks: Mapping[str, object]) -> list[str]:
        """Those of the tasks that are programs on their own, and not threads or children."""
        return [t for t in tasks if t in self._commands and run.roles[t] is Role.CONSUMER]

    def finding(self, names: "Names") -> tuple[Finding, Run] | None:
        """Somebody waits for ever in one order, and in another all programs end; or one that ends after as many items
        as the order has it waits where another like it has ended.
        """
        if self._all_end and self._shortest is not None:
            text = _("in another order all programs end; here {who}")
            return _hang(text, self._shortest, names)
        for command, run in self._without_twin.items():
            if len(self._taken[command]) > 1:
                text = _(
                    "what ends one consumer does not reach the other, which is the same program; nobody is left to let "
                    "it go on: {who}"
                )
                return _hang(text, run, names)
        return None


def _hang(text: str, run: Run, names: "Names") -> tuple[Finding, Run]:
    return Finding(HANG, text.format(who=waiting_words(run, names)), len(run.steps) - 1), run


def _shorter(run: Run, other: Run | None) -> Run:
    return run if other is None or len(run.steps) < len(other.steps) else other


def _waits(run: Run, task: str) -> int:
    """How often a task went through the wait that it went through most often."""
    sites = Counter(
        step.operation.site
        for step in run.steps
        if step.task == task and step.operation.kind in {Kind.WAIT, Kind.SET}
    )
    return max(sites.values(), default=0)
