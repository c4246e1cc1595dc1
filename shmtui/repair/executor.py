"""Carries out a repair, or undoes it: lock, diagnose again, stop the participants, plan again, write, watch.

Nothing is written before the segment is locked against a second repair, the findings are found
again, every participant is stopped, and a new plan, made from what is there then, does what was
agreed. What is written is kept first. Every process that was stopped is continued, whatever
happens.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from shmtui.diagnosis.at_rest import LONGER_S
from shmtui.diagnosis.wording import command_target
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions
from shmtui.monitor.process_states import named_files
from shmtui.monitor.sampler import SLOTS_JUDGED, Sampler
from shmtui.procfs.clock import SYSTEM_CLOCK, Clock
from shmtui.repair import written_words
from shmtui.repair.consent import NO_WORD, Consent
from shmtui.repair.earlier_repair import interrupted, left_open
from shmtui.repair.follow_up import follow_up
from shmtui.repair.observation import (
    PATIENT_SECONDS,
    SAMPLE_SECONDS,
    WATCH_SECONDS,
    Observation,
    disturbed_by_a_stop,
    moved_since,
    words,
)
from shmtui.repair.observed_plan import plan_now
from shmtui.repair.plan import Plan, Refusal
from shmtui.repair.plan_certainty import may_hold
from shmtui.repair.planner import with_deaths_seen
from shmtui.repair.protocol_positions import with_earlier, with_earlier_waits
from shmtui.repair.record import RepairRecord, State, latest, mark, note_moved
from shmtui.repair.report import Report, Undone
from shmtui.repair.resume_guard import ResumeGuard
from shmtui.repair.segment_lock import SegmentLock
from shmtui.repair.stop_processes import ProcessStopper, stopping
from shmtui.repair.surplus_watch import SurplusWatch
from shmtui.repair.vouched import by_word
from shmtui.repair.written_words import Written
from shmtui.shm.layout_spec import layout_option
from shmtui.shm.segment import SHM_DIR
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import Finding

TRIES: Final = 60
"""How often the participants are stopped to find all of them at a place that is known."""


class Repairer:
    """Makes and carries out plans for one segment. Every method may block for seconds."""

    def __init__(
        self,
        name: str,
        options: LayoutOptions | None = None,
        folder: str = SHM_DIR,
        *,
        consent: Consent = NO_WORD,
        progress: Callable[[str], None] = lambda _text: None,
        seen: Sequence[Finding] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """``progress`` gets a line before each thing that takes a while. ``seen``: the findings of a longer watch, up
        to now: they would not outlive that this opens the segment.
        """
        self._name = name
        self._options = options or LayoutOptions()
        self.consent = consent
        if not consent.command:
            self.consent = replace(consent, command=f"shmtui repair {self._target}")
        self._folder = folder
        self._progress = progress
        self._seen = seen
        self._clock = clock
        self._lock: SegmentLock | None = None
        self._fresh: Plan | None = None
        """A plan that was made under the lock that is still held."""

    @property
    def _target(self) -> str:
        """The segment and what is said of its layout, as a command names them."""
        return command_target(self._name, self._options.words)

    @contextlib.contextmanager
    def alone(self) -> Iterator[SegmentLock]:
        """Keep every other repair of this segment away for as long as the block lasts.

        ShmtuiError: one is at work.
        """
        if self._lock is not None:
            yield self._lock
            return
        with SegmentLock(self._name, self._folder) as lock:
            self._lock = lock
            try:
                yield lock
            finally:
                self._lock = self._fresh = None

    def propose(self, seconds: float = WATCH_SECONDS) -> Plan | Refusal | None:
        """Watch for ``seconds``, longer where nothing is found by then, and make a plan.

        Nothing is touched. None: nothing is wrong.
        """
        found: Plan | Refusal | None = None
        with self._observed(self._options) as observed:
            earlier = interrupted(observed)
            text = _(
                "watching {name} for {seconds:g} s, or up to {most:g} s while nothing is found"
            )
            most = max(seconds, LONGER_S)
            self._progress(text.format(name=self._name, seconds=seconds, most=most))
            findings = observed.findings(seconds) if earlier is None else earlier.findings
            findings += left_open(observed, findings, self.consent)
            findings += by_word(observed, findings, self.consent)
            findings = with_deaths_seen(findings, self._seen)
            for attempt in range(TRIES):
                snapshot = observed.sampler.sample()
                self.consent = replace(self.consent, names=snapshot.own_names)
                found = plan_now(observed, snapshot, findings, earlier, self.consent)
                if not isinstance(found, Refusal) or not found.transient or attempt == TRIES - 1:
                    break
                self._clock.sleep(SAMPLE_SECONDS / 4)
        if isinstance(found, Plan):
            found = replace(found, disturbed=tuple(disturbed_by_a_stop(found.participants)))
            self._fresh = found if self._lock is not None else None
        return found

    def carry_out(self, agreed: Plan) -> Report | Refusal:
        """Do what was agreed, if it is still what is needed. A refusal has changed no byte, but one that
        says so.

        ShmtuiError: another repair is at work, the file is locked, the guard does not run, the file cannot be
        written, another file has the name by now, or what would be changed cannot be kept.
        """
        with self.alone() as lock:
            with self._observed(self._options) as observed:
                layout, source = observed.sampler.layout, observed.sampler.source
                if layout is None:
                    return Refusal(_("its layout is not known"), _("say it with --layout"))
                if agreed is not self._fresh and not self._found_again(agreed, observed):
                    return _passed()
                if agreed.watched_first and not self._nobody_comes(observed):
                    return _passed()
            options = self._options
            if source is LayoutSource.INFERRED:
                # The repair changes the bytes that the layout was inferred from: it is kept.
                options = LayoutOptions(layout=layout_option(layout))
            with ResumeGuard() as guard:
                return self._attempt(options, agreed, guard, lock)

    def undo(self) -> Undone | Refusal:
        """Put back what the last repair of this segment wrote. A refusal has changed no byte, but one that
        says so.

        ShmtuiError: as for :meth:`carry_out`, and where no repair of it is kept.
        """
        with self.alone() as lock:
            record = latest(lock.identity, self._folder)
            if record is None or record.state is State.UNDONE:
                raise ShmtuiError(
                    _("no repair of {name} is kept that could be undone").format(name=self._name)
                )
            with (
                self._observed(self._options) as observed,
                lock.of_file(),
                ResumeGuard() as guard,
                ProcessStopper(guard) as stopper,
            ):
                refusal = stopper.stop_participants(observed.sampler.sample(thorough=True))
                if refusal is not None:
                    return refusal
                moved = record.moved or moved_since(record, observed.sampler.sample())
                done = Written.NONE if moved else written_words.put_back(record, stopper.all_held)
                if done is Written.ALL:
                    return Undone(record.texts, stopper.count)
                if done is Written.SOME:
                    return self._half_written()
        return Refusal(
            _("the words are no longer those that the repair wrote, or items have moved since"),
            _("look at it as it is now: shmtui check {name}").format(name=self._target),
        )

    def _found_again(self, agreed: Plan, observed: Observation) -> bool:
        """Whether the findings of a plan are found now, under the lock."""
        earlier = interrupted(observed)
        known = left_open(observed, (), self.consent) if earlier is None else earlier.findings
        wanted = {finding.code for finding in agreed.findings}
        if observed.still_found(wanted - {finding.code for finding in known}):
            return True
        return wanted == {finding.code for finding in by_word(observed, (), self.consent)}

    def _nobody_comes(self, observed: Observation) -> bool:
        """Whether nobody gives a lock back in its dead owner's place."""
        text = _("watching for {seconds:g} s that nobody gives the lock back")
        self._progress(text.format(seconds=PATIENT_SECONDS))
        return observed.stands_still()

    def _attempt(
        self, options: LayoutOptions, agreed: Plan, guard: ResumeGuard, lock: SegmentLock
    ) -> Report | Refusal:
        """Stop the participants again and again, until all of them are at a known place."""
        refusal = Refusal(
            _("it never stood still"), _("pause the processes that run, and try again")
        )
        self._progress(stopping(len(agreed.participants)))
        for _attempt in range(TRIES):
            with (
                self._observed(options) as observed,
                lock.of_file(),
                ProcessStopper(guard) as stopper,
            ):
                done = self._try(observed, agreed, stopper)
            if not isinstance(done, Refusal):
                plan, kept, watch = done
                with watch or contextlib.nullcontext():
                    return self._finish(options, plan, kept, watch, stopper.count, guard)
            refusal = done
            if not done.transient:
                break
            self._clock.sleep(SAMPLE_SECONDS / 10)
        return refusal

    def _try(
        self, observed: Observation, agreed: Plan, stopper: ProcessStopper
    ) -> tuple[Plan, RepairRecord | None, SurplusWatch | None] | Refusal:
        """Stop the participants, plan again, and write where that may be done."""
        sampler = observed.sampler
        named = named_files(sampler.layout, self._folder)
        before = sampler.sample()
        places_before = observed.positions(before)
        refusal = stopper.stop_participants(before)
        if refusal is not None:
            return refusal
        # All of /proc is searched again: a process may have come meanwhile.
        snapshot = sampler.sample(thorough=True)
        if stopper.misses_a_participant(snapshot):
            return Refusal(_("another process came meanwhile"), _("try again"), transient=True)
        if not stopper.all_held():
            return _continued_meanwhile()
        still = words(before) == words(snapshot)
        if still:
            snapshot = with_earlier_waits(snapshot, before)
        positions = observed.positions(snapshot)
        if still:
            positions = with_earlier(positions, places_before)
        earlier = interrupted(observed)
        plan = plan_now(observed, snapshot, agreed.findings, earlier, self.consent, positions)
        if not isinstance(plan, Plan):
            return _passed() if plan is None else plan
        if not agreed.is_still(plan):
            return Refusal(
                _("the words are no longer those that were shown"), _("look again"), transient=True
            )
        if not plan.texts:
            return plan, None, None
        assert sampler.layout is not None
        place = written_words.SegmentFiles(
            self._name, self._folder, sampler.identity, sampler.layout, named
        )
        with contextlib.ExitStack() as until_written:
            watch = None
            suspects = self.consent.assume_idle
            if self.consent.lock:
                holding = may_hold(snapshot, positions, self.consent)
                suspects |= {p.process.pid for p in holding}
            if suspects and plan.lock:
                watch = SurplusWatch(place, suspects, plan.names)
                until_written.callback(watch.close)
            kept = written_words.write(plan, place, earlier, stopper.all_held)
            if isinstance(kept, Written):
                return self._half_written() if kept is Written.SOME else _continued_meanwhile()
            until_written.pop_all()
        return plan, kept, watch

    def _half_written(self) -> Refusal:
        return Refusal(
            _(
                "it was suspended while it wrote, and a process went on: some of its words are written"
            ),
            _("end what it began: shmtui repair {name}").format(name=self._target),
        )

    def _finish(
        self,
        options: LayoutOptions,
        plan: Plan,
        kept: RepairRecord | None,
        watch: SurplusWatch | None,
        stopped: int,
        guard: ResumeGuard,
    ) -> Report:
        """Mark it as done, and watch what it changes."""
        if kept is not None:
            kept = mark(kept, State.DONE)
        self._progress(_("watching whether items move"))
        with self._observed(options) as observed:
            outcome = follow_up(observed, plan, guard, self._clock)
            if kept is not None and outcome.moved:
                note_moved(kept)
            if watch is not None:
                self._progress(
                    _("watching whether {mutex} is posted once too often").format(**plan.names)
                )
                watch.watch_to_the_end()
        return Report(
            plan=plan,
            stopped=stopped,
            outcome=outcome,
            kept=None if kept is None else kept.path,
            undo=self.consent.with_option("--undo"),
            permits="" if self.consent.permits else self.consent.with_option("--permits"),
            notes=() if watch is None else watch.lines,
        )

    @contextlib.contextmanager
    def _observed(self, options: LayoutOptions) -> Iterator[Observation]:
        with contextlib.closing(
            Sampler(self._name, options, folder=self._folder, clock=self._clock)
        ) as sampler:
            sampler.slots_shown = SLOTS_JUDGED
            yield Observation(sampler, self._folder, self._clock)


def _continued_meanwhile() -> Refusal:
    return Refusal(
        _("a word changed, or another process continued one that was stopped"),
        _("try again"),
        transient=True,
    )


def _passed() -> Refusal:
    return Refusal(_("what was found is not found any more"), _("look again"))
