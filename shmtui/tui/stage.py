"""The stage: the panels, their places, the focus, the colours. Knows no source and no worker."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App, ComposeResult

from shmtui.i18n import speak_plainly
from shmtui.tui import tty as terminal
from shmtui.tui.panel_layout import (
    KEY_BAR,
    LESSON,
    PANELS,
    RAW_PANELS,
    TITLE,
    arrange,
    beside_lesson,
    lesson_width,
)
from shmtui.tui.themes import DARK, LIGHT, starting_theme
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets import (
    EventsPanel,
    Ground,
    KeyBar,
    Panel,
    ProcessesPanel,
    RingPanel,
    RoleStyles,
    SemaphoresPanel,
    ThroughputPanel,
    TitleBar,
)

if TYPE_CHECKING:
    from shmtui.lessons.lesson import Lesson
    from shmtui.tui.widgets.bytes import BytesPanel

SLOW = frozenset({"processes", "throughput"})
SLOW_HZ = 2.0
"""How often figures and graph are drawn, whatever the rest does: no eye reads them faster, they
cost the most, and the frames in between repaint the top of the screen only. What a key does is
drawn at once."""


class Stage(App[int], inherit_bindings=False):
    """A screen of panels that draw the view they are shown."""

    # Absolute, since Textual looks for it beside the module of a subclass otherwise.
    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "shmtui"
    AUTO_FOCUS = "#processes"
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, view: ViewModel, lesson: "Lesson | None" = None) -> None:
        # Read before Textual looks: only with ANSI colours does it drop colour altogether.
        plain = "NO_COLOR" in os.environ
        super().__init__(ansi_color=True if plain else None)
        self._view = view
        self._maximised: str | None = None
        self._arranged: object = None
        self._raw = False
        self._bytes: BytesPanel | None = None
        self._ground = Ground(id="_default")
        self._ring = RingPanel(id="ring")
        self._table = ProcessesPanel(id="processes")
        self._panels: dict[str, Panel] = {
            TITLE: TitleBar(id=TITLE),
            "ring": self._ring,
            "semaphores": SemaphoresPanel(id="semaphores"),
            "throughput": ThroughputPanel(id="throughput"),
            "processes": self._table,
            "events": EventsPanel(id="events"),
            KEY_BAR: KeyBar(id=KEY_BAR),
        }
        self._lesson_shown = lesson is not None
        self._covered = False
        if lesson is not None:
            from shmtui.tui.widgets.lesson import LessonPanel  # noqa: PLC0415 - for lessons alone

            self._panels[LESSON] = LessonPanel(lesson, view)
            self._panels[LESSON].id = LESSON
        self.set_class(view.glyphs.ascii_only, "-ascii-only")
        if view.glyphs.ascii_only:
            speak_plainly()
        self._adopt_theme()

    def _adopt_theme(self) -> None:
        """Start in the right theme, without drawing in another one first.

        Setting ``theme`` once the app runs parses every style sheet a second time.
        """
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        wanted = starting_theme(os.environ, self.console.color_system)
        if self.get_theme(wanted) is None:
            wanted = DARK.name
        self.theme = wanted
        self.stylesheet.set_variables(self.get_css_variables())

    def get_default_screen(self) -> Ground:
        """The ground that the panels stand on."""
        return self._ground

    def compose(self) -> ComposeResult:
        """All panels, hidden ones included."""
        yield RoleStyles()
        yield from self._panels.values()

    def leave(self, code: int) -> None:
        """End with this exit code; the first one given stays."""
        if not self._exit:
            terminal.let_go(self._driver)
            self.exit(code, return_code=code)

    def _show(self, slow: bool = True) -> None:
        """Have the panels draw; the slow ones only where that is asked for."""
        with self._ground.at_once():
            for name, panel in self._panels.items():
                if slow or name not in SLOW:
                    panel.show(self._view)

    def on_resize(self) -> None:
        """Find new places."""
        self._place()
        self.call_after_refresh(self._show)

    def _place(self) -> None:
        """Put the panels where they belong at this size."""
        rows = min(40, len(self._view.snapshot.processes) + 2)
        findings = min(8, len(self._view.snapshot.health.findings))
        raw = self._view.raw
        if raw != self._raw:
            self._change_scene(raw)
        covered = self._lesson_covers
        maximised = LESSON if covered else self._maximised
        beside = 0
        if self._lesson_shown and maximised is None:
            beside = lesson_width(self.size.width)
        arranged = (self.size, maximised, rows, findings, raw, beside)
        if arranged == self._arranged:
            return
        self._arranged = arranged
        width, height = self.size
        boxes = arrange(width - beside, height, maximised, rows, findings=findings, raw=raw)
        if beside:
            boxes = beside_lesson(boxes, width, height, beside)
        for name, panel in self._panels.items():
            box = boxes.get(name)
            panel.display = box is not None
            if box is not None:
                panel.styles.offset = (box.x, box.y)
                panel.styles.width = box.width
                panel.styles.height = box.height
        if covered != self._covered:
            # Whoever is on show hears the keys that scroll.
            self._covered = covered
            self._focus(LESSON if covered else "processes")

    @property
    def _lesson_covers(self) -> bool:
        """Whether the lesson is on show and has no room beside the panels."""
        return self._lesson_shown and not lesson_width(self.size.width)

    def action_lesson(self) -> None:
        """Show the lesson's text, or send it away."""
        if LESSON not in self._panels:
            return
        self._lesson_shown = not self._lesson_shown
        self._maximised = None
        self._place()
        if not self._lesson_shown:
            self._focus("processes")
        self.call_after_refresh(self._show)

    def _change_scene(self, raw: bool) -> None:
        """Bytes in the place of the ring, or the ring again."""
        self._raw = raw
        self._maximised = None
        if raw and self._bytes is None:
            # Most runs never show bytes, and the first frame does not wait for the panel.
            from shmtui.tui.widgets.bytes import BytesPanel  # noqa: PLC0415

            self._bytes = self._panels["bytes"] = BytesPanel(id="bytes")
            self.screen_stack[0].mount(self._bytes)
        self._panels["bytes" if raw else "processes"].focus()

    @property
    def _scene(self) -> tuple[str, ...]:
        """The panels that there are now."""
        panels = RAW_PANELS if self._raw else PANELS
        return (*panels, LESSON) if self._lesson_shown else panels

    def _focused_panel(self) -> str | None:
        name = self.focused.id if self.focused is not None else None
        return name if name in self._scene else None

    def _focus(self, name: str) -> None:
        """At once: `Widget.focus` waits for its turn, and the next key would go elsewhere."""
        self.screen_stack[0].set_focus(self._panels[name])

    def _maximise(self, name: str | None) -> None:
        self._maximised = name
        self._place()
        if name is not None:
            self._focus(name)
        self.call_after_refresh(self._show)

    def action_maximise(self) -> None:
        """The focused panel, or back."""
        self._maximise(None if self._maximised else self._focused_panel() or "processes")

    def action_restore(self) -> None:
        """All panels."""
        if self._lesson_covers:
            self.action_lesson()
        elif self._maximised:
            self._maximise(None)

    def action_panel(self, name: str) -> None:
        """Go to a panel; one that has no room here comes up maximised."""
        if name not in self._scene:
            name = self._scene[0]
        if self._maximised is not None or not self._panels[name].display:
            self._maximise(name)
        else:
            self._focus(name)

    def action_next_panel(self) -> None:
        """The one after the focused."""
        self._step_panel(1)

    def action_previous_panel(self) -> None:
        """The one before the focused."""
        self._step_panel(-1)

    def _step_panel(self, by: int) -> None:
        scene = self._scene
        at = scene.index(self._focused_panel() or scene[0])
        around = [scene[(at + by * steps) % len(scene)] for steps in range(1, len(scene))]
        if self._maximised is not None:
            self._maximise(around[0])
            return
        visible = [name for name in around if self._panels[name].display]
        if visible:
            self._focus(visible[0])

    def on_panel_maximise_toggled(self, message: Panel.MaximiseToggled) -> None:
        """A title was clicked twice."""
        name = message.panel.id
        if name in self._scene:
            self._maximise(None if self._maximised else name)
