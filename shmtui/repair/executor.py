"""Carries out a repair: stop the participants, plan again, write, continue, watch.

Nothing is written before every participant is stopped and a new plan, made from what is there
then, still ends the same findings. Every process that was stopped is continued, whatever happens.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _, ngettext
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.process_states import named_files
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.clock import SYSTEM_CLOCK, Clock
from shmtui.repair.plan import Change, Plan, Refusal
from shmtui.repair.planner import make_plan
from shmtui.repair.private_sleepers import PrivateSleepers
from shmtui.repair.protocol_positions import ProtocolPosition, locate, participants, with_earlier
from shmtui.repair.resume_guard import ResumeGuard
from shmtui.repair.stop_processes import ProcessStopper, interrupt_futex_wait
from shmtui.shm.layout_spec import layout_option
from shmtui.shm.protocol import SemaphoreRole
from shmtui.shm.segment import SHM_DIR, FileIdentity, segment_path
from shmtui.shm.semaphore import SemaphoreWords, named_semaphore_path, overwrite
from shmtui.snapshot import Finding, LayoutSource, Snapshot

WATCH_SECONDS: Final = 1.5
"""How long a buffer is watched for findings: most need 0.9 s in which nothing moves."""
PATIENT_SECONDS: Final = 6.0
"""How long where nothing was found by then: few samples of a busy buffer tell anything."""
PATIENT_SAMPLES: Final = 30
"""How many samples are taken by then at least, however long a busy machine takes for them."""
SAMPLE_SECONDS: Final = 0.1
TRIES: Final = 60
"""How often the participants are stopped to find all of them at a place that is known."""
MOVING_SECONDS: Final = 4.0
"""How long is watched afterwards: do items move, and does a process still sleep privately?"""
AFTER_SECONDS: Final = 1.25
"""How long is watched for what is still found then."""
INTERRUPT_SECONDS: Final = 0.05
"""How often a process that sleeps privately is interrupted."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a repair did, and how the buffer is since."""

    plan: Plan
    stopped: int
    """Processes that were stopped and continued."""
    interruptions: int
    """How often a process was stopped and continued to end its wait on a private futex."""
    moved: bool
    """Whether indices have changed since."""
    still_private: tuple[str, ...]
    """Processes that still sleep where no other process can wake them."""
    remaining: tuple[Finding, ...]
    """The findings now."""

    @property
    def text(self) -> str:
        """One line: what was found, what was changed, and whether items move."""
        changes = "; ".join(change.text for change in self.plan.changes) or _("no word changed")
        return _("repaired {findings}: {changes}; {result}").format(
            findings=self._ended, changes=changes, result=self._result
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """The same in lines, with how many processes were stopped and what is left to do."""
        title = _("repaired {findings}; {result}").format(findings=self._ended, result=self._result)
        changes = [change.text for change in self.plan.changes] or [_("no word changed")]
        stopped = ngettext(
            "{count} process stopped and continued",
            "{count} processes stopped and continued",
            self.stopped,
        ).format(count=self.stopped)
        if self.interruptions:
            stopped += ngettext(
                "; {count} wait on a private futex interrupted",
                "; {count} waits on a private futex interrupted",
                self.interruptions,
            ).format(count=self.interruptions)
        asleep = [
            _(
                "{name} still sleeps where no other process can wake it: run shmtui repair again "
                "once there is something for it"
            ).format(name=name)
            for name in self.still_private
        ]
        found = [f"{finding.code}: {finding.claim}" for finding in self.remaining]
        return (title, *(f"  {line}" for line in (*changes, stopped, *asleep, *found)))

    @property
    def _ended(self) -> str:
        return ", ".join(finding.code for finding in self.plan.findings)

    @property
    def _result(self) -> str:
        return _("items move again") if self.moved else _("nothing has moved yet")


class Repairer:
    """Makes and carries out plans for one segment. Every method may block for seconds."""

    def __init__(
        self,
        name: str,
        options: LayoutOptions | None = None,
        folder: str = SHM_DIR,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._name = name
        self._options = options or LayoutOptions()
        self._folder = folder
        self._clock = clock

    def propose(self, seconds: float = WATCH_SECONDS) -> Plan | Refusal | None:
        """Watch for ``seconds``, longer where nothing is found by then, and make a plan.

        Nothing is touched. None: nothing is wrong.
        """
        with self._sampler(self._options) as sampler:
            findings = self._watch(sampler, seconds) or self._watch(
                sampler, PATIENT_SECONDS - seconds, enough=1, samples=PATIENT_SAMPLES
            )
            for attempt in range(TRIES):
                snapshot = sampler.sample()
                found = make_plan(snapshot, findings, self._positions(sampler, snapshot))
                if not isinstance(found, Refusal) or not found.transient or attempt == TRIES - 1:
                    return found
                self._clock.sleep(SAMPLE_SECONDS / 4)
        return None

    def carry_out(self, agreed: Plan) -> Report | Refusal:
        """Do what was agreed, if it is still what is needed. A refusal has changed no byte.

        ShmtuiError: the guard does not run, the file cannot be written, or another file has the
        name by now.
        """
        with self._sampler(self._options) as sampler:
            layout, source = sampler.layout, sampler.source
        if layout is None:
            return Refusal(_("its layout is not known"), _("say it with --layout"))
        options = self._options
        if source is LayoutSource.INFERRED:
            # The repair changes the bytes that the layout was inferred from: it is kept.
            options = LayoutOptions(layout=layout_option(layout))
        with ResumeGuard() as guard:
            return self._attempt(options, agreed, guard)

    def _attempt(
        self, options: LayoutOptions, agreed: Plan, guard: ResumeGuard
    ) -> Report | Refusal:
        """Stop the participants again and again, until all of them are at a known place."""
        refusal = Refusal(
            _("it never stood still"), _("pause the processes that run, and try again")
        )
        for _attempt in range(TRIES):
            with self._sampler(options) as sampler, ProcessStopper(guard) as stopper:
                done = self._try(sampler, agreed, stopper)
            if isinstance(done, Plan):
                return self._follow_up(options, done, stopper.count, guard)
            refusal = done
            if not done.transient:
                break
            self._clock.sleep(SAMPLE_SECONDS / 10)
        return refusal

    def _try(self, sampler: Sampler, agreed: Plan, stopper: ProcessStopper) -> Plan | Refusal:
        """Stop the participants, plan again, and write where that may be done."""
        named = named_files(sampler.layout, self._folder)
        before = sampler.sample()
        places_before = self._positions(sampler, before)
        refusal = stopper.stop_participants(before)
        if refusal is not None:
            return refusal
        # All of /proc is searched again: a process may have come meanwhile.
        snapshot = sampler.sample(thorough=True)
        if stopper.misses_a_participant(snapshot):
            return Refusal(_("another process came meanwhile"), _("try again"), transient=True)
        positions = self._positions(sampler, snapshot)
        if _words(before) == _words(snapshot):
            positions = with_earlier(positions, places_before)
        plan = make_plan(snapshot, agreed.findings, positions)
        if plan is None:
            return Refusal(_("nothing is wrong any more"), _("look again"))
        if isinstance(plan, Plan):
            if not stopper.wait_until_stopped():
                return Refusal(
                    _("another process continued one that was stopped"),
                    _("try again"),
                    transient=True,
                )
            for change in plan.changes:
                self._write(sampler, change, named)
        return plan

    def _write(
        self, sampler: Sampler, change: Change, named: dict[SemaphoreRole, FileIdentity]
    ) -> None:
        """Set one semaphore's words, in the file that was looked at."""
        layout = sampler.layout
        assert layout is not None
        words = SemaphoreWords(change.after.value or 0, change.after.waiters or 0, True)
        offset = layout.semaphore_offset(change.semaphore)
        path, identity = segment_path(self._name, self._folder), sampler.identity
        if offset is None:
            name = layout.semaphore_name(change.semaphore)
            assert name is not None
            if change.semaphore not in named:
                raise ShmtuiError(
                    _("no semaphore named {name}: was it unlinked?").format(name=name)
                )
            path, identity = named_semaphore_path(name, self._folder), named[change.semaphore]
            offset = 0
        overwrite(path, offset, words, layout.libc, identity)

    def _follow_up(
        self, options: LayoutOptions, done: Plan, stopped: int, guard: ResumeGuard
    ) -> Report:
        """Interrupt the processes that still sleep privately, and watch whether items move."""
        sleepers = PrivateSleepers(done.private_sleepers)
        interruptions, moved = 0, False
        with self._sampler(options) as sampler:
            first = sampler.sample()
            end = self._clock.monotonic() + MOVING_SECONDS
            while self._clock.monotonic() < end:
                self._clock.sleep(INTERRUPT_SECONDS)
                snapshot = sampler.sample()
                moved = moved or _indices(snapshot) != _indices(first)
                sleepers.update(self._positions(sampler, snapshot), snapshot)
                for process in sleepers.wakeable(snapshot):
                    interruptions += interrupt_futex_wait(process.pid, process.start_time, guard)
                if moved and not sleepers.pending:
                    break
            remaining = self._watch(sampler, AFTER_SECONDS)
        still = tuple(f"{p.name} (PID {p.pid})" for p in sleepers.pending)
        return Report(done, stopped, interruptions, moved, still, remaining)

    def _watch(
        self, sampler: Sampler, seconds: float, enough: int | None = None, samples: int = 0
    ) -> tuple[Finding, ...]:
        """The findings after ``seconds`` and at least ``samples`` samples; or as soon as there
        are ``enough``.
        """
        end, taken = self._clock.monotonic() + seconds, 1
        snapshot = sampler.sample()
        while self._clock.monotonic() < end or taken < samples:
            if enough is not None and len(snapshot.health.findings) >= enough:
                break
            self._clock.sleep(SAMPLE_SECONDS)
            snapshot, taken = sampler.sample(), taken + 1
        return snapshot.health.findings

    def _positions(self, sampler: Sampler, snapshot: Snapshot) -> tuple[ProtocolPosition, ...]:
        layout = sampler.layout
        if layout is None:
            return ()
        named = named_files(layout, self._folder)
        processes = participants(snapshot.processes)
        return tuple(locate(p, sampler.identity, layout, named) for p in processes)

    @contextlib.contextmanager
    def _sampler(self, options: LayoutOptions) -> Iterator[Sampler]:
        with contextlib.closing(
            Sampler(self._name, options, folder=self._folder, clock=self._clock)
        ) as sampler:
            yield sampler


def _indices(snapshot: Snapshot) -> tuple[int | None, int | None]:
    return snapshot.in_, snapshot.out


def _words(snapshot: Snapshot) -> tuple[object, ...]:
    """Indices and every word of the semaphores: the same where no process got on."""
    return (*_indices(snapshot), snapshot.semaphores)
