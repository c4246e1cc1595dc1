"""The Textual application: its life, its keys as actions, its dialogs.

It owns a `Dashboard` (what is watched) and a `MainScreen` (what is drawn). It ends by ``q``, by a
signal or with its terminal, each with the exit code that a shell expects.
"""

import asyncio
import contextlib
import functools
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Event, Key, Resize
from textual.geometry import Size
from textual.screen import Screen

from shmtui.errors import ShmtuiError
from shmtui.i18n import _, speak_plainly
from shmtui.sanitize import inert
from shmtui.session.terminal import ending_signals
from shmtui.tui import tty
from shmtui.tui.configuration import KEPT_COLUMNS, USUAL, Configuration
from shmtui.tui.dashboard_state import Dashboard
from shmtui.tui.frames import Frames
from shmtui.tui.glyphs import choose
from shmtui.tui.kept_results import bound_kept_results
from shmtui.tui.key_availability import available, why_off
from shmtui.tui.keys import KEYS
from shmtui.tui.main_screen import MainScreen
from shmtui.tui.opening_texts import replay_notes
from shmtui.tui.other_keys import OTHER_KEYS
from shmtui.tui.spans import wrapped
from shmtui.tui.textual_private import (
    OneReader,
    Palette,
    frame_queue,
    show_title,
)
from shmtui.tui.themes import adopt_theme, keep_theme
from shmtui.tui.worker_commands import WorkerActions

if TYPE_CHECKING:
    from textual.actions import ActionParseResult
    from textual.dom import DOMNode

    from shmtui.lessons.lesson import Lesson
    from shmtui.recording.recorder import Recorder
    from shmtui.session.opener import Attachment, SegmentOpener
    from shmtui.shm.item_counts import Audit
    from shmtui.tui.object_rows import ListChoices
    from shmtui.tui.spans import Line
    from shmtui.tui.widgets.schedule import StepsPanel
    from shmtui.tui.widgets.time_bar import TimeBar

# ruff: noqa: PLC0415 - a dialog is imported when it opens: the first frame waits for none

_MESSAGE_SECONDS: Final = 4.0
_STEPS: Final = {key.action: key.needs for key in KEYS if key.action.startswith("steps(")}
"""What the keys of a schedule need: without it they do something else."""


class DashboardApp(App[int], inherit_bindings=False):
    """The dashboard on ``attachment``.

    Without one it opens with the list of segments, or with the layouts of ``choice`` (a name
    and the ``--layout`` options that fit it), and ends where none is chosen.
    """

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "shmtui"
    ENABLE_COMMAND_PALETTE = True
    ALLOW_SELECT = False
    """No text is marked by the mouse: Textual raises where what is clicked has just been closed."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.help, show=False, priority=True)
        for key in KEYS
        if key.priority
    ]

    def __init__(
        self,
        attachment: "Attachment | None",
        *,
        refresh_hz: float = 10.0,
        ascii_only: bool = False,
        opener: "SegmentOpener | None" = None,
        choice: tuple[str, tuple[str, ...]] | None = None,
        lesson: "Lesson | None" = None,
        listing: "ListChoices | None" = None,
        recorder: "Recorder | None" = None,
        served: bool = False,
        configuration: Configuration = USUAL,
    ) -> None:
        """ShmtuiError: the configuration names no theme that there is."""
        # Read before Textual reads it. Only with ANSI colours does Textual send no colour at all.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        bound_kept_results()
        glyphs = choose(ascii_only)
        self.dashboard = Dashboard(
            glyphs,
            refresh_hz,
            attachment,
            opener,
            has_lesson=lesson is not None,
            recorder=recorder,
            served=served,
            keys=configuration.keys,
            other_keys=configuration.other_keys,
        )
        changed = {
            key.id: key.keys
            for key, usual in zip(configuration.other_keys, OTHER_KEYS, strict=True)
            if key != usual
        }
        if changed:
            self.set_keymap(changed)
        for key in configuration.keys:
            if not key.priority:
                self.bind(key.keys, key.action, description=key.label or key.help, show=False)
        self._lesson = lesson
        self._configuration = configuration
        replay = self.dashboard.replay
        self.main = MainScreen(
            self.dashboard.view,
            lesson,
            recordings=len(replay.sides) if replay else 0,
            held=self.dashboard.schedule is not None,
        )
        self.main.open_by(self._open_text, self._open_slots, self._choose_layout)
        chosen = configuration.process_columns or configuration.kept_process_columns
        self.main.table.columns = chosen
        self._listing = listing
        """How the list of shared objects is shown, also the next time; None: it was never open."""
        self.last_message = ""
        """The last message to the user."""
        self._message_time = 0.0
        self._worker_actions = WorkerActions(self)
        self._signals = contextlib.ExitStack()
        self._choice = choice
        self.frames = Frames(self, refresh_hz)
        self._audit_shown: Audit | None = None
        self.leaving = False
        """Whether the app is about to end."""
        self.set_class(glyphs.ascii_only, "-ascii-only")
        if glyphs.ascii_only:
            speak_plainly()
        # A browser has all colours, whatever terminal shmtui was started in.
        adopt_theme(self, "truecolor" if served else self.console.color_system, configuration)

    # Life.

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice, which is another one in a browser."""
        chosen = super().get_driver_class()
        return OneReader if chosen is LinuxDriver else chosen

    def get_default_screen(self) -> MainScreen:
        return self.main

    def compose(self) -> ComposeResult:
        yield from self.main.widgets()

    def on_mount(self) -> None:
        """Sample before the first frame, then at each interval."""
        leave = ending_signals(asyncio.get_running_loop(), lambda number: self.leave(128 + number))
        self._signals.enter_context(leave)
        # What the terminal showed meanwhile is not what Textual drew last.
        self.app_resume_signal.subscribe(self, lambda _app: self.action_redraw())
        self.theme_changed_signal.subscribe(self, lambda theme: self._keep_theme(theme.name))
        self.dashboard.start()
        self.dashboard.sample()
        self.main.place(self.dashboard.view)
        self.show_title()
        self._show()
        if self.dashboard.replay is not None:
            for text in replay_notes(self.dashboard.replay):
                self.tell(text)
        self.frames.start()
        if self.dashboard.attachment is None and self.dashboard.opener is not None:
            self.action_attach(self._choice)

    def _keep_theme(self, name: str) -> None:
        """Keep what was chosen for the next time, and say where that fails. A browser's is not kept."""
        if not self.dashboard.view.served:
            told = keep_theme(name, self._configuration.theme)
            if told:
                self.tell(told)

    def on_unmount(self) -> None:
        self.frames.stop()
        self._signals.close()
        self.dashboard.stop()

    def leave(self, code: int) -> None:
        """End with this exit code; the first one given stays."""
        if not self.leaving:
            self.leaving = True
            tty.drop_frames(frame_queue(self))
            self.exit(code, return_code=code)

    action_leave = leave

    def action_redraw(self) -> None:
        """Draw every cell again, since another program may have written over them."""
        self.refresh(layout=True)

    def on_resize(self) -> None:
        self.main.place_again()

    # Frames.

    def nobody_there(self, now: float) -> bool:
        """Whether it is known that nobody looks at the screen."""
        return self.frames.nobody_at_the_terminal(now)

    def tick(self) -> None:
        """Sample, and draw every panel."""
        self.frames.look()

    def follow_size(self) -> None:
        """Take the terminal's size, where Textual has missed it: it reads it in a handler of
        SIGWINCH, and where a second signal interrupts that, the older size comes last.
        """
        if self.driver_class is OneReader and not self.is_headless:
            size = Size(*shutil.get_terminal_size())
            if size != self.size:
                self.post_message(Resize(size, size))

    def show_title(self) -> None:
        """Have the terminal's title name what is watched."""
        show_title(self, inert(f"shmtui {self.dashboard.latest.segment.name}".rstrip()))

    def refresh_now(self) -> None:
        """Show what a command did, without waiting for the interval."""
        self.frames.sample_now()
        self.draw()

    def draw(self, slow: bool = True) -> None:
        """Draw the dashboard's view model, unless the display is frozen. A new audit opens."""
        audit = self.dashboard.latest.audit
        new = audit is not self._audit_shown and self.dashboard.replay is None
        if audit is not None and new and len(self.screen_stack) == 1:
            self._show_audit(audit)
        self._audit_shown = audit
        if not self.dashboard.view.frozen:
            self._read_bytes()
            self.main.place(self.dashboard.view)
            self._show(slow)

    def _show(self, slow: bool = True) -> None:
        view = self.dashboard.view
        self.main.show(view, slow)
        show_view = getattr(self.screen_stack[-1], "show_view", None)
        if show_view is not None:
            show_view(view)
        self.dashboard.want_values(self.main.ring.values_wanted())

    def _read_bytes(self) -> None:
        size = self.dashboard.view.snapshot.segment.size
        self.dashboard.read_bytes(self.main.bytes_wanted(size))

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: "DOMNode | None" = None,
        namespaces: "Mapping[str, DOMNode] | None" = None,
    ) -> bool:
        """Run an action. If the key of this action is off, tell the user why instead."""
        if isinstance(action, str) and default_namespace in {None, self}:
            replays = self.dashboard.replay is not None or not action.startswith("replay(")
            steps = action not in _STEPS or _STEPS[action] not in self.dashboard.view.missing
            if not (replays and steps):
                return False  # The same key does something else here.
            reason = why_off(action, self.dashboard.view)
            if reason is not None:
                self.tell(reason)
                return True
        return await super().run_action(action, default_namespace, namespaces)

    def tell(self, text: str) -> None:
        """Show a message to the user for a moment, unless it is shown already."""
        text, now = self.dashboard.view.glyphs.inert(text), time.monotonic()
        if text != self.last_message or now - self._message_time >= _MESSAGE_SECONDS:
            self.last_message, self._message_time = text, now
            self.notify(text, severity="warning", timeout=_MESSAGE_SECONDS, markup=False)

    # Actions of the keys.

    def action_workers(self, name: str) -> None:
        """Something that changes the workers or the buffer, by its name in `WorkerActions`."""
        self._worker_actions.run(name)

    def action_logs(self) -> None:
        from shmtui.tui.screens.logs import LogScreen

        if self.dashboard.supervisor is not None:
            self.push_screen(LogScreen(self.dashboard.supervisor, self.dashboard.view))

    def action_attach(self, choice: tuple[str, tuple[str, ...]] | None = None) -> None:
        """Open the list of segments; or the layouts of ``choice``, a segment and what fits it."""
        from shmtui.tui.column_choice import keep
        from shmtui.tui.object_rows import USUAL_COLUMNS, ListChoices
        from shmtui.tui.screens.layouts import LayoutScreen
        from shmtui.tui.screens.picker import PickerScreen

        opener, view = self.dashboard.opener, self.dashboard.view
        if opener is None:
            return
        if choice is None:
            said = self._configuration
            usual = said.columns or said.kept_columns or USUAL_COLUMNS
            self._listing = self._listing or ListChoices(columns=usual)
            chosen = functools.partial(keep, self, KEPT_COLUMNS, said.columns)
            listed = PickerScreen(opener, view, self._listing, self.dashboard.supervisor, chosen)
            self.push_screen(listed, self._go_over)
        else:
            self.push_screen(LayoutScreen(opener, *choice, view), self._go_over)

    def _go_over(self, attachment: "Attachment | None") -> None:
        """Go over to another segment, or end where there is none to stay with."""
        if attachment is None:
            if self.dashboard.attachment is None and self.dashboard.view.served:
                self.action_attach()
            elif self.dashboard.attachment is None:
                self.leave(0)
        elif self.dashboard.attach(attachment):
            self.refresh_now()
            # Only once the panels have their sizes is it known which bytes and values to read.
            self.call_after_refresh(self.refresh_now)

    def action_freeze(self) -> None:
        self.dashboard.toggle_frozen()
        if self.dashboard.view.frozen:
            self._show()
        else:
            self.refresh_now()
            self.frames.start()

    def action_replay(self, name: str) -> None:
        """Something that moves a replay, by its name in `replay_commands`."""
        from shmtui.tui.replay_commands import move

        if self.dashboard.replay is not None:
            move(self, self.dashboard.replay, name)

    def action_steps(self, to: str | int) -> None:
        """Something that moves the programs of a schedule, by its name in `step_commands`."""
        from shmtui.tui.step_commands import move

        if self.dashboard.schedule is not None:
            move(self, self.dashboard.schedule, to)

    async def on_event(self, event: Event) -> None:
        """Tick off in a lesson what is pressed, before that has its effect."""
        if isinstance(event, Key) and not event.is_forwarded and self._lesson is not None:
            from shmtui.tui.lesson_commands import note_key

            note_key(self, event.key)
        await super().on_event(event)

    def action_lesson(self, name: str) -> None:
        """Leave for another lesson, by its name in `shmtui.lessons.lesson.Leave`."""
        from shmtui.tui.lesson_commands import leave_for

        if self._lesson is not None:
            leave_for(self, self._lesson, name)

    def on_steps_panel_moved(self, message: "StepsPanel.Moved") -> None:
        self.action_steps(message.by)

    def on_time_bar_chosen(self, message: "TimeBar.Chosen") -> None:
        from shmtui.tui.replay_commands import move_to

        if self.dashboard.replay is not None:
            move_to(self, self.dashboard.replay, message.part)

    def action_record(self) -> None:
        """Begin or end a recording. ShmtuiError is told: the screen stays."""
        dashboard = self.dashboard
        if dashboard.attachment is None:
            return
        try:
            if dashboard.recorder is None:
                self.tell(dashboard.start_recording())
            else:
                self.tell(dashboard.stop_recording())
        except ShmtuiError as error:
            self.tell(str(error))
        self.refresh_now()

    def action_report(self) -> None:
        """Write an incident report and its capsule, in a thread."""
        from shmtui.tui.report_command import write_report

        self.run_worker(write_report(self), group="report", exclusive=False)

    def action_exact(self) -> None:
        self.dashboard.toggle_exact()
        self.refresh_now()
        exact = self.dashboard.latest.exact
        if exact is not None and exact.refused:
            self.tell(_("no exact counts: {why}").format(why=exact.refused))

    def action_main(self, method: str, *facts: str | int) -> None:
        """Something that changes what is on show, by the name of a method of `MainScreen`."""
        getattr(self.main, method)(*facts)

    def action_interpret(self) -> None:
        if self.main.bytes is not None:
            self.main.bytes.interpret()

    def action_go_to(self) -> None:
        from shmtui.tui.screens.text_screens import OffsetScreen

        panel = self.main.bytes
        if panel is not None:
            self.push_screen(
                OffsetScreen(self.dashboard.view),
                lambda offset: None if offset is None else panel.go_to(offset),
            )

    def action_copy(self) -> None:
        """Copy the chosen row: by OSC 52, and to a file, since not every terminal takes that."""
        from shmtui.tui.clipboard_file import copy

        copy(self)

    def action_columns(self) -> None:
        from shmtui.tui.column_choice import choose_process_columns

        choose_process_columns(self, self._configuration.process_columns)

    def action_dismiss(self) -> None:
        """Take the chosen process off the table, or all of a group; those alone that have ended."""
        from shmtui.tui.worker_commands import label_of, members_of

        row = self.main.table.chosen
        reason = self.dashboard.dismiss(label_of(row), members_of(row))
        if reason:
            self.tell(reason)
        self.main.place(self.dashboard.view)
        self._show()

    def action_filter(self) -> None:
        from shmtui.tui.screens.text_screens import FilterScreen

        self.push_screen(FilterScreen(self.main.narrowed))

    def action_graph(self) -> None:
        from shmtui.tui.screens.graph import GraphScreen

        attachment = self.dashboard.attachment
        if attachment is not None:
            self.push_screen(GraphScreen(self.dashboard, attachment.sampler.folder))

    def action_help(self) -> None:
        from shmtui.tui.screens.text_screens import HelpScreen

        self.push_screen(HelpScreen(self.dashboard.view))

    # What panels ask for.

    def _choose_layout(self) -> None:
        snapshot = self.dashboard.view.snapshot
        options = tuple(c.removeprefix("--layout ") for c in snapshot.layout.candidates)
        self.action_attach((snapshot.segment.name, options))

    def _open_slots(self) -> None:
        from shmtui.tui.screens.slots import SlotsScreen
        from shmtui.tui.slot_reader import SlotReader

        read = SlotReader(self.dashboard)
        self.push_screen(SlotsScreen(read.slots, read.in_full, self.dashboard.view))

    def on_bytes_panel_moved(self) -> None:
        """Read what is in view now, in a frozen display too."""
        self._read_bytes()
        self.main.show(self.dashboard.view)

    def _open_text(self, title: str, text: Callable[[int], "list[Line]"]) -> None:
        from shmtui.tui.screens.text_screens import DetailScreen

        self.push_screen(DetailScreen(title, text, self.dashboard.view))

    def _show_audit(self, audit: "Audit") -> None:
        from shmtui.diagnosis.audit import audit_report

        def text(width: int) -> "list[Line]":
            return [row for part in audit_report(audit) for row in wrapped(part, width)]

        self._open_text(_("Audit"), text)

    def get_system_commands(self, _screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the keys do, from the same table, and what has no key."""
        for key in available(self.dashboard.view):
            if key.action != "command_palette":
                run = functools.partial(self.run_action, key.action)
                yield SystemCommand(_(key.help), _("Key: {key}").format(key=key.shown), run)
        yield SystemCommand(_("Theme"), _("Choose other colours"), self.action_change_theme)
        if not self.dashboard.view.served:
            save = _("Save this screen as SVG in this folder")
            yield SystemCommand(_("Screenshot"), save, self.action_screenshot)

    def action_screenshot(self, *_arguments: str | None) -> None:
        """Write the screen to a new file in the current folder, and say where."""
        from shmtui.tui.screenshot import save_screen

        save_screen(self)

    def action_command_palette(self) -> None:
        """The palette, which asks in the user's language."""
        if not isinstance(self.screen, Palette):
            asks = _("Search for commands") + self.dashboard.view.glyphs.ellipsis
            self.push_screen(Palette(placeholder=asks, id="--command-palette"))

    def search_themes(self) -> None:
        from textual.theme import ThemeProvider

        asks = _("Search for themes") + self.dashboard.view.glyphs.ellipsis
        self.push_screen(Palette(providers=[ThemeProvider], placeholder=asks))
