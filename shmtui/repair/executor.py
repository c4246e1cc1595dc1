"""Carrying out a repair: stop who takes part, look again, write, let go, and see that it moves.

Nothing is written before everybody is stopped and the plan, made anew from what stands there
then, still ends the same findings. Whoever was stopped here is continued, whatever happens.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _, ngettext
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.process_table import named_files
from shmtui.monitor.sampler import Sampler
from shmtui.repair.plan import Change, Plan, Refusal, plan
from shmtui.repair.positions import Standing, participants, standing
from shmtui.repair.stop_processes import Freeze, Guard, nudge
from shmtui.shm.layout import Layout
from shmtui.shm.layout_spec import layout_option
from shmtui.shm.segment import SHM_DIR, FileIdentity, identity_at, segment_path
from shmtui.shm.semaphore import SemaphoreWords, named_semaphore_path, overwrite
from shmtui.snapshot import Finding, LayoutSource, Snapshot

WATCH_SECONDS: Final = 2.5
"""How long a buffer is watched for findings before a plan is made."""
PATIENT_SECONDS: Final = 6.0
"""How long where nothing was found by then: in a busy buffer few looks tell."""
PATIENT_LOOKS: Final = 30
"""How many looks have to be taken by then, however long that takes on a busy machine."""
LOOK_SECONDS: Final = 0.1
TRIES: Final = 60
"""How often everybody is stopped to find them all where they can be told."""
MOVING_SECONDS: Final = 4.0
"""How long is watched afterwards: whether it moves, and whether anybody still sleeps privately."""
NUDGE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Report:
    """What a repair did, and what came of it."""

    plan: Plan
    stopped: int
    """Processes that were stopped and continued."""
    nudges: int
    """How often a process was stopped and continued to get it off a private futex."""
    moved: bool
    """Whether indices or values have changed since."""
    still_private: tuple[str, ...]
    """Who still sleeps where nobody can wake it."""
    remaining: tuple[Finding, ...]
    """What is found now."""

    @property
    def text(self) -> str:
        """One line: before, after, and whether it moves."""
        changes = "; ".join(change.text for change in self.plan.changes) or _("no word changed")
        return _("repaired {findings}: {changes}; {result}").format(
            findings=self._ended, changes=changes, result=self._result
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """The same in lines, with who was stopped and what is left to do."""
        title = _("repaired {findings}; {result}").format(findings=self._ended, result=self._result)
        changes = [change.text for change in self.plan.changes] or [_("no word changed")]
        stopped = ngettext(
            "{count} process stopped and continued",
            "{count} processes stopped and continued",
            self.stopped,
        ).format(count=self.stopped)
        nudged = _("; {nudges} nudges").format(nudges=self.nudges) if self.nudges else ""
        asleep = [
            _(
                "{name} still sleeps where nobody can wake it: repair again once there is "
                "something for it"
            ).format(name=name)
            for name in self.still_private
        ]
        found = [f"{finding.code}: {finding.claim}" for finding in self.remaining]
        return (title, *(f"  {said}" for said in (*changes, stopped + nudged, *asleep, *found)))

    @property
    def _ended(self) -> str:
        return ", ".join(finding.code for finding in self.plan.findings)

    @property
    def _result(self) -> str:
        return _("items move again") if self.moved else _("nothing has moved yet")


class Repairer:
    """Makes and carries out plans for one segment. Every method may block for seconds."""

    def __init__(
        self, name: str, options: LayoutOptions | None = None, folder: str = SHM_DIR
    ) -> None:
        self._name = name
        self._options = options or LayoutOptions()
        self._folder = folder

    def propose(self, seconds: float = WATCH_SECONDS) -> Plan | Refusal | None:
        """Watch, and say what would be done; nothing is touched. None: nothing is wrong."""
        with self._sampler(self._options) as sampler:
            findings = watch(sampler, seconds) or watch(
                sampler, PATIENT_SECONDS - seconds, 1, PATIENT_LOOKS
            )
            for attempt in range(TRIES):
                found = plan(sampler.sample(), findings, self._standings(sampler))
                if not isinstance(found, Refusal) or not found.passing or attempt == TRIES - 1:
                    return found
                time.sleep(LOOK_SECONDS / 4)
        return None

    def carry_out(self, agreed: Plan) -> Report | Refusal:
        """Do what was agreed, if it still is what is needed. A refusal has changed no byte."""
        with self._sampler(self._options) as sampler:
            layout, source = sampler.layout, sampler.source
        if layout is None:
            return Refusal(_("its layout is not known"), _("say it with --layout"))
        options = self._options
        if source is LayoutSource.INFERRED:
            # What was told from the bytes once is not asked of them again: they are to change.
            options = LayoutOptions(layout=layout_option(layout))
        with Guard() as guard:
            return self._attempt(options, layout, agreed, guard)

    def _attempt(
        self, options: LayoutOptions, layout: Layout, agreed: Plan, guard: Guard
    ) -> Report | Refusal:
        """Try again and again to find everybody where they can be told."""
        why = Refusal(_("it never stood still"), _("pause who runs, and try again"))
        for _attempt in range(TRIES):
            with self._sampler(options) as sampler, Freeze(guard) as freeze:
                done = self._try(sampler, layout, agreed, freeze)
            if isinstance(done, Plan):
                return self._see_through(options, done, freeze.count, guard)
            why = done
            if not done.passing:
                break
            time.sleep(LOOK_SECONDS / 10)
        return why

    def _try(
        self, sampler: Sampler, layout: Layout, agreed: Plan, freeze: Freeze
    ) -> Plan | Refusal:
        """Stop everybody, look, and write where it may be done."""
        refusal = freeze.stop(sampler.sample())
        if refusal is not None:
            return refusal
        # A fresh look at all of /proc: somebody may have come meanwhile.
        snapshot = sampler.sample(thorough=True)
        if freeze.lacks(snapshot):
            return Refusal(_("somebody new came"), _("try again"), passing=True)
        now = plan(snapshot, agreed.findings, self._standings(sampler, snapshot))
        if now is None:
            return Refusal(_("nothing is wrong any more"), _("look again"))
        if isinstance(now, Plan):
            for change in now.changes:
                self._write(layout, change, sampler.identity)
        return now

    def _write(self, layout: Layout, change: Change, identity: FileIdentity) -> None:
        """Set one semaphore's words."""
        words = SemaphoreWords(change.after.value or 0, change.after.waiters or 0, True)
        offset = layout.semaphore_offset(change.semaphore)
        named = layout.semaphore_name(change.semaphore)
        path = segment_path(self._name, self._folder)
        if offset is None:
            assert named is not None
            path, offset = named_semaphore_path(named, self._folder), 0
        elif identity_at(path) != identity:
            raise ShmtuiError(
                _("{name} is another file by now, so nothing is written").format(name=self._name)
            )
        overwrite(path, offset, words, layout.libc)

    def _see_through(
        self, options: LayoutOptions, done: Plan, stopped_count: int, guard: Guard
    ) -> Report:
        """Nudge who still sleeps privately, and watch whether it moves."""
        nudges = 0
        with self._sampler(options) as sampler:
            first = _position(sampler.sample())
            moved = False
            private: tuple[Standing, ...] = ()
            end = time.monotonic() + MOVING_SECONDS
            while time.monotonic() < end:
                time.sleep(NUDGE_SECONDS)
                snapshot = sampler.sample(thorough=True)
                moved = moved or _position(snapshot) != first
                private = tuple(s for s in self._standings(sampler, snapshot) if s.private)
                ready = [s for s in private if _has_permit(s, snapshot)]
                for s in ready:
                    nudges += nudge(s.process.pid, guard)
                if moved and not private:
                    break
            remaining = watch(sampler, WATCH_SECONDS / 2)
        names = tuple(f"{s.process.name} (PID {s.process.pid})" for s in private)
        return Report(done, stopped_count, nudges, moved, names, remaining)

    def _standings(
        self, sampler: Sampler, snapshot: Snapshot | None = None
    ) -> tuple[Standing, ...]:
        layout = sampler.layout
        if layout is None:
            return ()
        named = named_files(layout, self._folder)
        processes = participants((snapshot or sampler.sample()).processes)
        return tuple(standing(p, sampler.identity, layout, named) for p in processes)

    @contextlib.contextmanager
    def _sampler(self, options: LayoutOptions) -> Iterator[Sampler]:
        with contextlib.closing(Sampler(self._name, options, folder=self._folder)) as sampler:
            yield sampler


def watch(
    sampler: Sampler, seconds: float, enough: int | None = None, looks: int = 0
) -> tuple[Finding, ...]:
    """What is found in ``seconds`` of looking, and in so many looks; ``enough`` findings end it
    sooner.
    """
    end, taken = time.monotonic() + seconds, 1
    snapshot = sampler.sample()
    while time.monotonic() < end or taken < looks:
        if enough is not None and len(snapshot.health.findings) >= enough:
            break
        time.sleep(LOOK_SECONDS)
        snapshot, taken = sampler.sample(), taken + 1
    return snapshot.health.findings


def _has_permit(s: Standing, snapshot: Snapshot) -> bool:
    """Whether what it privately sleeps on has a permit for it by now."""
    return any(private and snapshot.semaphores[role].value for role, private in s.asleep)


def _position(snapshot: Snapshot) -> tuple[object, ...]:
    return (snapshot.in_, snapshot.out)
