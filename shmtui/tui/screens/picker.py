"""The live list of what processes share, to look at and to attach by."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final

from textual.binding import BindingType

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.options import AmbiguousLayoutError
from shmtui.monitor.shared_object import ObjectKind, Survey
from shmtui.report.object_cells import shown_name, why_not
from shmtui.session.opener import Attachment, SegmentOpener
from shmtui.tui.draw.keys import folded, list_help
from shmtui.tui.draw.object_columns import COLUMNS
from shmtui.tui.key_availability import not_in_browser
from shmtui.tui.object_rows import GroupRow, ListChoices
from shmtui.tui.screens.columns import ColumnsScreen, TableColumns
from shmtui.tui.screens.holders import HoldersScreen
from shmtui.tui.screens.layouts import AttachDialog, LayoutScreen
from shmtui.tui.screens.object_list import PickerPanel
from shmtui.tui.screens.semaphore_set import SemaphoreSetScreen
from shmtui.tui.screens.text_screens import DetailScreen, RemoveQuestion
from shmtui.tui.view_model import ViewModel
from shmtui.tui.widgets.bindings import binding
from shmtui.workers.supervisor import Supervisor

LOOK_SECONDS: Final = 1.0
"""How often the list is read."""


class PickerScreen(AttachDialog):
    """Everything that processes share, to look at and to attach to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(binding(key, "close") for key in ("list.close", "dialog.close")),
        binding("list.reload", "reload"),
        binding("list.remove", "remove"),
        binding("list.columns", "columns"),
        binding("list.end", "end"),
        binding("list.help", "help"),
    ]

    def __init__(
        self,
        opener: SegmentOpener,
        view: ViewModel,
        choices: ListChoices | None = None,
        supervisor: Supervisor | None = None,
        keep_columns: Callable[[tuple[str, ...]], None] = lambda _columns: None,
    ) -> None:
        """``keep_columns`` is told which columns were chosen."""
        self._listing = choices or ListChoices()
        self._panel = PickerPanel(view, self._listing)
        super().__init__(opener, self._panel)
        self._panel.choose = self.choose
        self._supervisor = supervisor
        self._keep_columns = keep_columns
        self._judges = opener.list_health()
        self._asked_for = ""
        """The target that was last chosen."""

    def on_mount(self) -> None:
        self.action_reload()
        self.set_interval(LOOK_SECONDS, self._look_again)

    def action_reload(self) -> None:
        self.run_worker(self._reload(), exclusive=True, group="reload")

    def _look_again(self) -> None:
        if not self._works("reload"):
            self.action_reload()

    async def _reload(self) -> None:
        """In a thread: it takes up to a second on a busy machine."""
        try:
            survey = await asyncio.to_thread(self._opener.survey)
        except (ShmtuiError, OSError) as error:
            self._panel.say(str(error), "bad")
            return
        self._panel.take(survey, time.monotonic())
        if not self._works("judge"):
            self.run_worker(self._judge(survey), group="judge")

    async def _judge(self, survey: Survey) -> None:
        """In another thread: the list does not wait for it."""
        self._panel.judge(await asyncio.to_thread(self._judges.look, survey, self._panel.shown))

    def _works(self, group: str) -> bool:
        return any(worker.group == group and worker.is_running for worker in self.workers)

    def on_unmount(self) -> None:
        self._judges.stop()
        self._opener.rest()

    def action_help(self) -> None:
        text = list_help(self._panel.view)
        self.app.push_screen(
            DetailScreen(_("Help"), lambda width: folded(text, width), self._panel.view)
        )

    def action_close(self) -> None:
        """Clear the filter; where it is empty, close."""
        if self._panel.typed:
            self._panel.write("")
        else:
            self.dismiss(None)

    def action_columns(self) -> None:
        panel, listing = self._panel, self._listing
        columns = TableColumns(
            {name: column.title for name, column in COLUMNS.items() if name != "name"},
            lambda: listing.columns,
            lambda: tuple(each.key for each in panel.columns(panel.inner_size[0] - 2)),
            panel.switch_column,
        )
        screen = ColumnsScreen(columns, panel.view)
        self.app.push_screen(screen, lambda _closed: self._keep_columns(listing.columns))

    def action_end(self) -> None:
        """Offer to end those that have what the cursor is on."""
        row = self._panel.chosen
        if row is None or self._is_off("list.end"):
            return
        if not self._panel.holders(row.key):
            text = _("choose an object that processes have, or a program: {key} ends one of them")
            self._panel.say(text.format(key=self._panel.view.key("list.end")), "bad")
            return
        label = row.group.title if isinstance(row, GroupRow) else shown_name(row.each)
        holders = partial(self._panel.holders, row.key)
        self.app.push_screen(HoldersScreen(label, holders, self._supervisor, self._panel.view))

    def action_remove(self) -> None:
        """Ask whether the orphan under the cursor shall go."""
        each = self._panel.chosen_object
        if each is None or self._is_off("list.remove"):
            return
        target = each.target
        if not each.orphan:
            self._panel.say(_("{name} is not an orphan: it stays").format(name=target), "bad")
            return

        def answered(sure: bool | None) -> None:
            if sure:
                self.run_worker(self._remove(target), exclusive=True, group="remove")

        self.app.push_screen(RemoveQuestion(target, self._panel.view), answered)

    def _is_off(self, key: str) -> bool:
        """Whether a key that changes something is off, which is said."""
        if self._panel.view.served:
            self._panel.say(not_in_browser(self._panel.view.key(key)), "bad")
        return self._panel.view.served

    async def _remove(self, target: str) -> None:
        try:
            self._panel.say(await asyncio.to_thread(self._opener.remove, target), "good")
        except (ShmtuiError, OSError) as error:
            self._panel.say(str(error), "bad")
        self.action_reload()

    def choose(self) -> None:
        each = self._panel.chosen_object
        if each is None:
            return
        if each.kind is ObjectKind.SYSV_SET and each.inode is not None:
            self.app.push_screen(SemaphoreSetScreen(each.inode, self._panel.view))
            return
        if reason := why_not(each):
            self._panel.say(_("cannot attach: {reason}").format(reason=reason), "bad")
            return
        self._asked_for = each.target
        text = _("attaching to {name}").format(name=each.target)
        self._attach_by(text, partial(self._opener.open, each.target))

    def _answer(self, opened: Attachment) -> None:
        """The layouts' screen is still above this one while it gives its own answer."""
        self.dismiss(opened)

    def _ambiguous(self, error: AmbiguousLayoutError) -> None:
        def chosen(opened: Attachment | None) -> None:
            if opened is not None:
                self.call_later(self._answer, opened)

        self._panel.say("")
        layouts = LayoutScreen(
            self._opener, self._asked_for, error.options, self._panel.view, str(error)
        )
        self.app.push_screen(layouts, chosen)
