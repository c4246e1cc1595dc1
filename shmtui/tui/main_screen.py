"""The main screen: its panels, their places, and which is focused or maximised.

It draws the view model that it is given. It knows no segment and no worker.
"""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from textual.app import ComposeResult

from shmtui.tui import panel_layout
from shmtui.tui.lesson_place import LessonPlace
from shmtui.tui.textual_private import DirectScreen
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets import display_panels
from shmtui.tui.widgets.events import EventsPanel
from shmtui.tui.widgets.moving_panels import NarrowedPanel
from shmtui.tui.widgets.panel import Panel, SpanStyles
from shmtui.tui.widgets.processes import ProcessesPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from textual.geometry import Region

    from shmtui.lessons.lesson import Lesson
    from shmtui.tui.spans import Line
    from shmtui.tui.widgets.bytes import BytesPanel

SLOW: Final = frozenset({"processes", "throughput"})
"""The panels that are drawn `SLOW_HZ` times a second, whatever the interval is.

They cost most, and nobody reads figures faster. The frames between repaint the top of the
screen only. What a key does is drawn at once.
"""
SLOW_HZ: Final = 2.0
_IN_PLACE: Final = {"throughput": "steps", "processes": "programs", "events": "programs"}
"""What the keys of panels go to that a schedule does not have."""


class _Room(NamedTuple):
    """What is on show beside the panels, or in their place."""

    covered: str | None
    """What lies over all of them."""
    maximised: str | None
    """What alone is on show."""
    beside: int
    """Columns of the lesson beside them."""
    above: int
    """Rows of the lesson above them."""


class MainScreen(DirectScreen):
    """A screen of panels that draw a view model."""

    AUTO_FOCUS = "#processes"

    def __init__(
        self,
        view: ViewModel,
        lesson: "Lesson | None" = None,
        *,
        recordings: int = 0,
        held: bool = False,
    ) -> None:
        """``recordings``: how many are replayed. ``held``: whether a schedule's programs are held."""
        super().__init__(id="_default")
        self._view = view
        self._maximised: str | None = None
        self._arranged: object = None
        """What the places of the panels were last worked out from."""
        self._raw = False
        self.bytes: BytesPanel | None = None
        """The panel of bytes, once there were bytes to show."""
        self.ring = display_panels.RingPanel(id="ring")
        self.table = ProcessesPanel(id="processes")
        self._panels: dict[str, Panel] = {
            panel_layout.TITLE: display_panels.TitleBar(id=panel_layout.TITLE),
            "ring": self.ring,
            "semaphores": display_panels.SemaphoresPanel(id="semaphores"),
            "throughput": display_panels.ThroughputPanel(id="throughput"),
            "processes": self.table,
            "events": EventsPanel(id="events"),
            panel_layout.KEY_BAR: display_panels.KeyBar(id=panel_layout.KEY_BAR),
        }
        self._recordings = recordings
        """How many are replayed."""
        if recordings:
            # Only a replay loads it.
            from shmtui.tui.widgets.time_bar import TimeBar  # noqa: PLC0415

            self._panels[panel_layout.TIME_BAR] = TimeBar(id=panel_layout.TIME_BAR)
            self.add_class("-time-bar")
        if recordings > 1:
            from shmtui.tui.widgets.comparison import ComparisonPanel  # noqa: PLC0415

            panel = ComparisonPanel(id=panel_layout.COMPARISON)
            self._panels[panel_layout.COMPARISON] = panel
        self._held = held
        if held:
            # Only a schedule loads them.
            from shmtui.tui.widgets.schedule import ProgramsPanel, StepsPanel  # noqa: PLC0415

            self._panels["steps"] = StepsPanel(id="steps")
            self._panels["programs"] = ProgramsPanel(id="programs")
        self._lesson = LessonPlace(self)
        self._covered: str | None = None
        """What lies over all panels: the lesson, or two recordings side by side."""
        if lesson is not None:
            # Only lessons load it.
            from shmtui.tui import lesson_progress  # noqa: PLC0415
            from shmtui.tui.widgets.lesson import LessonPanel  # noqa: PLC0415

            progress = lesson_progress.LessonProgress(lesson, view)
            text = self._panels[panel_layout.LESSON] = LessonPanel(lesson, progress, view)
            self._lesson = LessonPlace(self, text, progress)

    def open_by(
        self,
        text: "Callable[[str, Callable[[int], list[Line]]], None]",
        slots: "Callable[[], None]",
        layouts: "Callable[[], None]",
    ) -> None:
        """What opens a screen for a panel: a row in full, the slots, the layouts that fit. It is done at once: a message
        to the app would come after the next key, which may be one that closes.
        """
        for panel in self._panels.values():
            panel.open_text = text
        self.ring.open_slots = slots
        self._choose_layout = layouts

    def widgets(self) -> ComposeResult:
        """All panels, those included that have no room yet.

        The app composes them, not this screen, so that they are mounted before the app's Mount
        event and the first frame shows them.
        """
        yield SpanStyles()
        yield from self._panels.values()

    def show(self, view: ViewModel, slow: bool = True) -> None:
        """Draw a view model; the panels of `SLOW` only if ``slow``."""
        self._view = view
        with self.painted_at_once():
            for name, panel in self._panels.items():
                if slow or name not in SLOW:
                    panel.show(view)

    def bytes_wanted(self, size: int) -> tuple[int, int] | None:
        """Offset and length of the bytes in view, of a segment of ``size``; None: none are shown."""
        return None if self.bytes is None else self.bytes.wanted(size)

    # Places.

    def place(self, view: ViewModel) -> None:
        """Put the panels where they belong for this view model and this size of the screen. An app that
        ends, as one does that was told to before its first frame, takes no panels any more.
        """
        if not self.is_attached:
            return
        if self._held:
            self._place_held(view)
            return
        if view.raw != self._raw:
            self._change_panels(view.raw)
        # Before the first layout only the app knows the size.
        width, height = self.app.size
        room = self._room(view)
        listed = view.snapshot.processes if view.processes is None else view.processes
        rows = min(40, len(listed) + 2)
        findings = min(8, len(view.snapshot.health.findings))
        locks = len(view.snapshot.sync)
        stepped = self._has_programs(view)
        arranged = (width, height, room, rows, findings, view.raw, locks, stepped)
        if arranged == self._arranged:
            return
        self._arranged = arranged
        bar = self._recordings
        boxes = panel_layout.arrange(
            width - room.beside,
            height - bar - room.above,
            room.maximised,
            rows,
            findings=findings,
            raw=view.raw,
            locks=locks,
        )
        if stepped:
            boxes = panel_layout.with_programs(boxes, height)
        boxes = _with_lesson(boxes, width, height, room)
        if bar:
            boxes = panel_layout.above_time_bar(boxes, width, height, bar)
        self._put(boxes)
        if room.covered != self._covered:
            # The keys that scroll go to what is on show.
            self._covered = room.covered
            self._focus(room.covered or self._maximised or ("bytes" if self._raw else "processes"))

    def _put(self, boxes: "Mapping[str, Region]") -> None:
        for name, panel in self._panels.items():
            box = boxes.get(name)
            panel.display = box is not None
            if box is not None:
                panel.styles.offset = (box.x, box.y)
                panel.styles.width, panel.styles.height = box.width, box.height

    def _place_held(self, view: ViewModel) -> None:
        """The panels of a schedule; the steps have the focus at first, or a lesson that covers them."""
        width, height = self.app.size
        ring, steps = view.snapshot.layout.has_ring, len(view.held.steps) if view.held else 0
        room = self._room(view)
        arranged = (width, height, room, ring, steps)
        if arranged == self._arranged:
            return
        first, self._arranged = self._arranged is None, arranged
        boxes = panel_layout.arrange_held(
            width - room.beside, height - room.above, room.maximised, ring=ring, steps=steps
        )
        self._put(_with_lesson(boxes, width, height, room))
        if first or room.covered != self._covered:
            self._covered = room.covered
            self._focus(room.covered or self._maximised or "steps")

    def _room(self, view: ViewModel) -> _Room:
        """What lies over the panels, and what is taken of their room. Has the lesson show what goes with it."""
        covered = panel_layout.COMPARISON if view.compares else None
        if covered is None and self._lesson.covers:
            covered = panel_layout.LESSON
        maximised = covered or self._maximised
        beside, above = self._lesson.columns_beside(maximised), self._lesson.rows_above()
        if above and covered == panel_layout.LESSON:
            maximised = None
        self._lesson.show_pressing(above > 0)
        return _Room(covered, maximised, beside, above)

    def place_again(self) -> None:
        """Find new places after a change of the terminal's size."""
        self.place(self._view)
        # Panels draw for their sizes, and get those with the next layout. The app's own call
        # comes also while a dialog lies over this screen.
        self.app.call_after_refresh(lambda: self.show(self._view))

    def _change_panels(self, raw: bool) -> None:
        self._raw = raw
        self._maximised = None
        if raw and self.bytes is None:
            # Most runs never show bytes, and the first frame does not wait for the panel.
            from shmtui.tui.widgets.bytes import BytesPanel  # noqa: PLC0415

            self.bytes = self._panels["bytes"] = BytesPanel(self._choose_layout, id="bytes")
            self.mount(self.bytes)
        self._panels["bytes" if raw else "processes"].focus()

    def _has_programs(self, view: ViewModel) -> bool:
        """Whether programs are stepped, and shown in the place of the throughput."""
        stepped = view.stepped is not None
        if stepped and "programs" not in self._panels:
            from shmtui.tui.widgets.schedule import ProgramsPanel  # noqa: PLC0415 - few runs step any

            panel = self._panels["programs"] = ProgramsPanel(id="programs")
            panel.number = "3"
            self.mount(panel)
        if not stepped and self._maximised == "programs":
            self._maximised = None
        return stepped

    # The lesson.

    def note_pressed(self, key: str) -> None:
        """A key was pressed: have the lesson tick off what was done, and leave room for what that does."""
        if self._lesson.press(key):
            self.place_again()

    def lesson_margin(self) -> tuple[int, int]:
        """Rows above and columns on the right that a dialog leaves to the lesson."""
        return self._lesson.margin(self._maximised)

    def toggle_lesson(self) -> None:
        """Show the lesson's text, or hide it; nothing where there is no lesson."""
        if not self._lesson.toggle():
            return
        self._maximised = None
        self.place_again()
        if not self._lesson.open:
            self._focus("steps" if self._held else "processes")

    # Focus.

    @property
    def _names(self) -> tuple[str, ...]:
        """The panels that the number keys and tab reach now."""
        if self._held:
            held = panel_layout.HELD_PANELS
            held = held if self._view.snapshot.layout.has_ring else held[2:]
            return (*held, panel_layout.LESSON) if self._lesson.open else held
        panels = panel_layout.RAW_PANELS if self._raw else panel_layout.PANELS
        if self._raw and not self._view.snapshot.sync:
            panels = tuple(name for name in panels if name != "semaphores")
        if self._view.stepped is not None:
            panels = tuple("programs" if name == "throughput" else name for name in panels)
        return (*panels, panel_layout.LESSON) if self._lesson.open else panels

    def _focused_panel(self) -> str | None:
        name = self.focused.id if self.focused is not None else None
        return name if name in self._names else None

    def _focus(self, name: str) -> None:
        # `Widget.focus` waits for its turn, and the next key would go to the old panel.
        self.set_focus(self._panels[name])

    def _maximise(self, name: str | None) -> None:
        self._maximised = name
        self.place_again()
        if name is not None:
            self._focus(name)

    def toggle_maximised(self, name: str | None = None) -> None:
        """Maximise a panel, the focused one unless it is named; or show all panels again."""
        name = name or self._focused_panel() or ("steps" if self._held else "processes")
        self._maximise(None if self._maximised else name)

    def restore(self) -> None:
        if self._lesson.covers:
            self.toggle_lesson()
        elif self._maximised:
            self._maximise(None)

    def go_to_panel(self, name: str) -> None:
        """Focus a panel; one that has no room here comes up maximised. A lesson over all panels leaves
        them room.
        """
        if self._lesson.covers:
            self._lesson.small = True
            self.place_again()
        if self._held:
            name = _IN_PLACE.get(name, name)
        if self._view.stepped is not None and name == "throughput":
            name = "programs"
        if name not in self._names:
            name = self._names[0]
        if self._maximised is not None or not self._panels[name].display:
            self._maximise(name)
        else:
            self._focus(name)

    @property
    def narrowed(self) -> NarrowedPanel[Any]:
        """The panel that a filter and an order apply to: that of the processes, or the events' if that
        has the focus.
        """
        focused = self._panels.get(self._focused_panel() or "")
        return focused if isinstance(focused, NarrowedPanel) else self.table

    def next_order(self) -> None:
        self.narrowed.next_order()

    def reverse_order(self) -> None:
        self.narrowed.reverse_order()

    def step_panel(self, by: int) -> None:
        """Focus the next panel that is on show, or the one before (``by`` = -1)."""
        names = self._names
        at = names.index(self._focused_panel() or names[0])
        around = [names[(at + by * steps) % len(names)] for steps in range(1, len(names))]
        if self._maximised is not None:
            self._maximise(around[0])
            return
        visible = [name for name in around if self._panels[name].display]
        if visible:
            self._focus(visible[0])

    def on_panel_maximise_toggled(self, message: Panel.MaximiseToggled) -> None:
        if message.panel.id in self._names:
            self.toggle_maximised(message.panel.id)


def _with_lesson(
    boxes: "Mapping[str, Region]", width: int, height: int, room: _Room
) -> "Mapping[str, Region]":
    """The boxes of panels that left the lesson its room, with the lesson there."""
    if room.beside:
        boxes = panel_layout.beside_lesson(boxes, width, height, room.beside)
    if room.above:
        boxes = panel_layout.below_lesson(boxes, width, height - room.above, room.above)
    return boxes
