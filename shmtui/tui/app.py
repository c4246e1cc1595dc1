"""The dashboard: what its keys do.

It ends by ``q``, by a signal or with its terminal, each with the code that a shell
expects, and raises nothing on the way.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import ClassVar

from textual.app import SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from shmtui.i18n import _
from shmtui.sanitize import inert
from shmtui.shm.faults import Fault
from shmtui.shm.protocol import Role
from shmtui.tui.desk import Desk
from shmtui.tui.keys import CHANGING_ACTIONS, NEEDS, available, bindings
from shmtui.tui.widgets import EventsPanel, ProcessesPanel
from shmtui.tui.worker_commands import Reason, Targets


class DashboardApp(Desk, inherit_bindings=False):
    """Every key of the table, as an action."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]

    def action_freeze(self) -> None:
        """Hold the display, or let it go on."""
        self._view = replace(self._view, frozen=not self._view.frozen)
        if self._view.frozen:
            self._show()
        else:
            self._look_soon()

    # Orders.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No action without what it needs; in read-only mode none that changes anything."""
        del parameters
        if self._steering is None and action in CHANGING_ACTIONS:
            return False
        return NEEDS.get(action) not in self._view.missing

    def _targets(self) -> Targets:
        # A worker that has just been started is in the events before it is in the table.
        self._look_soon()
        return (
            self._commands.targets(self._table.chosen)
            if self._commands is not None
            else Targets("")
        )

    def _answer(self, reason: Reason) -> None:
        if reason is not None:
            self._say(reason)
        self._look_soon()

    def _say(self, text: str) -> None:
        said = inert(text, self._view.glyphs.ascii_only)
        self.notify(said, severity="warning", timeout=4, markup=False)

    def action_add(self, role: str) -> None:
        """One more worker."""
        if self._steering is not None:
            self._steering.add(Role(role))
            self._look_soon()

    def action_faster(self) -> None:
        """One rung up."""
        if self._commands is not None:
            self._answer(self._commands.faster(self._targets()))

    def action_slower(self) -> None:
        """One rung down."""
        if self._commands is not None:
            self._answer(self._commands.slower(self._targets()))

    def action_unthrottle(self) -> None:
        """No pacing."""
        if self._commands is not None:
            self._answer(self._commands.unthrottle(self._targets()))

    def action_reset_rate(self) -> None:
        """The rate it started with."""
        if self._commands is not None:
            self._answer(self._commands.reset_rate(self._targets()))

    def action_toggle_pause(self) -> None:
        """Pause or resume."""
        if self._commands is not None:
            self._answer(self._commands.toggle_pause(self._targets()))

    def action_terminate(self) -> None:
        """End it in good order."""
        if self._commands is not None:
            self._answer(self._commands.terminate(self._targets()))

    def action_kill(self) -> None:
        """End it wherever it is; ask first unless it is ours."""
        commands, targets = self._commands, self._targets()
        if commands is None:
            return
        if targets.ours or not targets.others:
            commands.kill(targets.ours)
            self._answer(None if targets.ours else commands.terminate(targets))
            return

        def kill() -> None:
            commands.kill(targets.others)
            self._look_soon()

        self._dialogs.kill(targets.label, self._view, kill)

    def action_step(self) -> None:
        """The next protocol step."""
        if self._commands is not None:
            self._answer(self._commands.step(self._targets()))

    def action_faults(self) -> None:
        """Choose a mistake for them to make."""
        commands, targets = self._commands, self._targets()
        if commands is None:
            return
        reason = commands.why_no_fault(targets)
        if reason is not None:
            self._answer(reason)
            return

        def make(fault: Fault | None) -> None:
            if fault is not None:
                self._answer(commands.set_fault(targets, fault))

        self._dialogs.faults(targets, self._view, make)

    def action_audit(self) -> None:
        """Compare what went in with what came out."""
        if self._auditor is not None:
            self._auditor.begin()
            self._look_soon()

    def action_repair(self) -> None:
        """The plan, and its carrying out if the user agrees."""
        steering, mender = self._steering, self._mender
        if steering is not None and mender is not None:
            self._dialogs.repair(mender(), steering, self._view)

    # Screens above, palette, end.

    def action_attach(self) -> None:
        """Choose another segment."""
        if self._opener is not None:
            self._dialogs.attach(self._opener, self._view, self._opened)

    def on_bytes_panel_layouts_wanted(self) -> None:
        """Choose how to read the bytes on show."""
        snapshot = self._view.snapshot
        options = tuple(c.removeprefix("--layout ") for c in snapshot.layout.candidates)
        if self._opener is not None:
            name = snapshot.segment.name
            self._dialogs.layouts(self._opener, name, options, self._view, self._opened)

    def on_bytes_panel_moved(self) -> None:
        """Read what is in view now, in a frozen display too."""
        self._view = replace(self._view, window=self._read_window(self._view.snapshot))
        self._panels["bytes"].show(self._view)

    def action_interpret(self) -> None:
        """Read the bytes as another type."""
        if self._bytes is not None:
            self._bytes.interpret()

    def action_go_to(self) -> None:
        """Ask for an offset and go there."""
        panel = self._bytes
        if panel is not None:

            def go(offset: int | None) -> None:
                if offset is not None:
                    panel.go_to(offset)

            self._dialogs.offset(self._view, go)

    def action_logs(self) -> None:
        """What the user's programs print."""
        if self._steering is not None:
            self._dialogs.logs(self._steering, self._view)

    def on_events_panel_opened(self, message: EventsPanel.Opened) -> None:
        """A finding or an event in full."""
        self._dialogs.detail(message.title, message.text, self._view)

    def on_processes_panel_opened(self, message: ProcessesPanel.Opened) -> None:
        """A process in full."""
        self._dialogs.process(message.process, self._view)

    def action_help(self) -> None:
        """All keys."""
        self._dialogs.help(self._view)

    def action_leave(self, code: int) -> None:
        """Quit."""
        self.leave(code)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: what the keys do, from the same table, and what has no key."""
        del screen
        for key in available(self._view.read_only, self._view.missing):
            if key.action != "command_palette":
                keys = _("Key: {key}").format(key=key.shown)
                yield SystemCommand(_(key.help), keys, self._runner(key.action))
        yield SystemCommand(_("Theme"), _("Choose other colours"), self.action_change_theme)
        yield SystemCommand(_("Screenshot"), _("Save this screen as SVG"), self.deliver_screenshot)

    def action_command_palette(self) -> None:
        """The palette, which asks in the reader's language."""
        from shmtui.tui.screens.commands import Commands  # noqa: PLC0415 - opens rarely

        if not isinstance(self.screen, Commands):
            asks = _("Search for commands") + self._view.glyphs.ellipsis
            self.push_screen(Commands(placeholder=asks, id="--command-palette"))

    def search_themes(self) -> None:
        """The themes, to choose one."""
        from textual.theme import ThemeProvider  # noqa: PLC0415

        from shmtui.tui.screens.commands import Commands  # noqa: PLC0415

        asks = _("Search for themes") + self._view.glyphs.ellipsis
        self.push_screen(Commands(providers=[ThemeProvider], placeholder=asks))

    def _runner(self, action: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.run_action(action)

        return run
