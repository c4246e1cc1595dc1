"""The execution of a schedule, held at one of its steps: on by a step, or back by taking it anew up to there."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from shmtui.control.exploration import Workshop, cannot_follow, prepare, shown_by
from shmtui.control.global_variables import OWN
from shmtui.control.ring_layout import FoundRing, RingFinder
from shmtui.control.run import Run
from shmtui.control.schedule import Schedule, trace_of
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.options import LayoutOptions

if TYPE_CHECKING:
    from shmtui.control.execution import Execution


class HeldExecution:
    """The programs of a schedule at one of its steps; nobody of them runs between two moves.

    ShmtuiError: they are not those that the schedule was made with, or do otherwise than it says.
    """

    def __init__(self, workshop: Workshop, schedule: Schedule) -> None:
        prepare(workshop, schedule)
        self._schedule = schedule
        self.names = workshop.names
        self.world = workshop.execution
        self.found: FoundRing | None = None
        """The ring, where its layout is known."""
        try:
            self.whole: Run = self.world.run(schedule.order)
            self.world.run_until(self.whole, schedule.order, self._find_ring)
        except ValueError as error:
            raise cannot_follow(error) from None
        found = shown_by(self.whole, self.names, schedule)
        if found is None or trace_of(self.whole) != schedule.trace:
            text = _(
                "the programs do not follow the schedule: they, or what they read, have changed"
            )
            raise ShmtuiError(text)
        self.finding = found
        self._begin()
        self.first = self.at
        """Steps that all programs have taken once they have started: there is no going back before."""

    def _find_ring(self, world: "Execution") -> None:
        ring, option = self._schedule.ring, self._schedule.layout
        if ring is None or ring.segment.startswith(OWN):
            return  # Among the variables of one program: no segment to be shown.
        for options in (LayoutOptions(), *([LayoutOptions(layout=option)] if option else [])):
            finder = RingFinder(options, f"/{ring.segment}")
            try:
                finder.look(world)
            except ShmtuiError:
                continue  # The layout fits no more: the steps are shown without the ring.
            found = finder.found
            if found is None:
                continue
            settled = replace(found.ring, bounded=ring.bounded, in_=ring.in_, out=ring.out)
            if settled == ring:
                if ring.in_ is not None:
                    found = replace(found, layout=replace(found.layout, in_=ring.in_, out=ring.out))
                self.found = replace(found, ring=ring)
                return

    @property
    def at(self) -> int:
        """Steps that have been taken."""
        return len(self.world.result.steps)

    @property
    def end(self) -> int:
        """Steps of the whole execution."""
        return len(self.whole.steps)

    @property
    def fault(self) -> int:
        """Steps up to the finding, that one included."""
        return self.finding.step + 1

    def _begin(self) -> None:
        self.world.begin(self._schedule.order)

    def go_to(self, steps: int) -> None:
        """Hold the programs once ``steps`` steps have been taken. ShmtuiError: they do not do what they did before."""
        steps = min(max(steps, self.first), self.end)
        if steps < self.at:
            self.world.finish()
            self._begin()
        try:
            while self.at < steps and self.world.advance():
                pass
        except ValueError as error:
            raise cannot_follow(error) from None
        taken = self.world.result.steps
        if taken != self.whole.steps[:steps]:
            text = _("the programs do not repeat themselves: step {number} was another before")
            raise ShmtuiError(text.format(number=len(taken)))

    def close(self) -> None:
        self.world.finish()
