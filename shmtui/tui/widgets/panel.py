"""The base of all panels: a frame, lines of spans, and repainting only of changed rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from shmtui.i18n import _
from shmtui.tui.draw import frame
from shmtui.tui.spans import OWN_BACKGROUND, STYLES, Line, Span, changed_cells, join_blanks
from shmtui.tui.textual_private import DirectScreen
from shmtui.tui.view_model import ViewModel

_NOTHING: Final = ViewModel()
"""What a panel has before it is shown anything."""


class SpanStyles(Widget):
    """An invisible widget that has the component classes of all styles.

    If each panel had them, Textual would match two dozen classes against the style sheet for every
    panel before the first frame.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"style--{name}" for name in (*STYLES, "cursor")}

    def style(self, name: str, base: Style, chosen: bool) -> Style:
        """The style called ``name`` on the background of ``base``, or on that of the cursor."""
        style = self.get_component_rich_style(f"style--{name}")
        if chosen:
            cursor = self.get_component_rich_style("style--cursor")
            # Reversed, every style would be a block of its own colour.
            if cursor.reverse:
                return cursor + Style(bold=style.bold)
            return style + Style(bgcolor=cursor.bgcolor)
        return style if name in OWN_BACKGROUND else style + Style(bgcolor=base.bgcolor)


class Content(msgspec.Struct, frozen=True):
    """What a panel shows inside its frame and on its edges."""

    lines: list[Line]
    footer: str = ""
    """In the lower edge."""
    header: str = ""
    """At the right of the upper edge."""
    cursor: int | None = None
    """The line that is highlighted."""
    first: int = 0
    """The first line in view, of ``total``: the thumb of the frame shows it."""
    total: int = 0


class Panel(Widget):
    """A framed box that draws a view model, in one widget. A subclass has its `_content`.

    The frame is drawn here and not by CSS. Its footer may change with every frame, and for a
    changed border title Textual would paint the whole widget.
    """

    ALLOW_SELECT = False

    title = ""
    number = ""
    framed = True

    @dataclass
    class MaximiseToggled(Message):
        """Its title was clicked twice: maximise or restore it."""

        panel: "Panel"

    open_text: Callable[[str, Callable[[int], list[Line]]], None]
    """Shows a row in full: its title, and its lines for a width. Its screen sets it."""

    def __init__(self, view: ViewModel | None = None, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.view = view or _NOTHING
        self._rows: list[Line] = []
        self._strips: dict[int, Strip] = {}
        """Rows as they were last painted, while they stay the same."""
        self._cursor_row: int | None = None
        self._drawn_from: object = None
        self._framed_rows = False
        self._width = 0
        self._styles: dict[tuple[str, bool], Style] = {}

    # For the subclass.

    def _content(self, width: int, height: int) -> Content:
        """At most ``height`` lines for the inside of the frame, and what is on its edges."""
        raise NotImplementedError

    def _depends_on(self) -> object:
        """All that the content depends on, besides the size. While it is equal, nothing is drawn."""
        return self.view

    # Drawing.

    @property
    def inner_size(self) -> tuple[int, int]:
        """Cells inside the frame and its margin; a box too flat for a frame has none."""
        width, height = self.outer_size
        return (max(0, width - 4), max(0, height - 2)) if self._has_frame else (width, height)

    @property
    def _has_frame(self) -> bool:
        # CSS gives no panel a border, so ``outer_size`` is its size, and cheaper than ``size``.
        width, height = self.outer_size
        return self.framed and height >= 3 and width >= 8

    def show(self, view: ViewModel) -> None:
        """Draw ``view``, if it differs from what is drawn."""
        self.view = view
        self.draw()

    def draw_anew(self) -> None:
        """Draw, even if nothing that the content depends on has changed."""
        self._drawn_from = None
        self.draw()

    def draw(self) -> None:
        """Make the rows, and repaint those that changed."""
        source = (self.has_focus, self._depends_on())
        if source == self._drawn_from or not (self.is_mounted and self.display and self.outer_size):
            return
        old, old_cursor = self._rows, self._cursor_row
        self._compose_rows()
        new, cursor = self._rows, self._cursor_row
        if len(old) != len(new):
            self._strips.clear()
            self.refresh()
            return
        moved = {old_cursor, cursor} if old_cursor != cursor else set()
        changed = [y for y in range(len(new)) if old[y] != new[y] or y in moved]
        if changed:
            for y in changed:
                self._strips.pop(y, None)
            regions = [
                Region(x, y, width, 1)
                for y in changed
                for x, width in (
                    [(0, self._width)] if y in moved else changed_cells(old[y], new[y])
                )
            ]
            if isinstance(self.screen, DirectScreen):
                self.screen.repaint(self, regions)
            else:
                self.refresh(*regions)

    def _compose_rows(self) -> None:
        self._drawn_from = (self.has_focus, self._depends_on())
        width, height = self.inner_size
        content = self._content(width, height)
        fit = self.view.glyphs.fit_line
        lines = [fit(line, width) for line in content.lines[:height]]
        lines += [fit((), width)] * (height - len(lines))
        self._framed_rows, self._width = self._has_frame, self.outer_size.width
        self._rows = self._framed(lines, content) if self._framed_rows else lines
        shift = 1 if self._framed_rows else 0
        self._cursor_row = None if content.cursor is None else content.cursor + shift

    def _framed(self, lines: list[Line], content: Content) -> list[Line]:
        glyphs, focused, outer = self.view.glyphs, self.has_focus, self.outer_size.width
        first, total = content.first, content.total
        left, blank = Span(glyphs.vertical, frame.style(focused)), Span(" ")
        rows = [frame.top(self.number, _(self.title), content.header, outer, focused, glyphs)]
        for y, line in enumerate(lines):
            right = frame.side(y, len(lines), first, total, focused, glyphs)
            rows.append((left, blank, *line, blank, right))
        rows.append(frame.bottom(content.footer, outer, focused, glyphs))
        return rows

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows in view. The strip of a row is kept until the row changes.

        Textual calls this for every panel when one row changed anywhere. Its own method adds
        borders, padding and opacity, which no panel has, and costs as much as the rest of a frame.
        """
        if len(self._rows) > self.outer_size.height:
            # It has become lower, and is painted before its Resize comes: the frame has to close.
            self._strips.clear()
            self._compose_rows()
        strips = [self._strip(y) for y in crop.line_range]
        if crop.x or crop.width != self._width:
            strips = [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def _strip(self, y: int) -> Strip:
        strip = self._strips.get(y)
        if strip is None:
            strip = self._strips[y] = self.render_line(y)
        return strip

    def render_line(self, y: int) -> Strip:
        # Reading ``size`` is slow. A change of size comes with a Resize, which draws again.
        if y >= len(self._rows):
            self._strips.clear()
            self._compose_rows()
            if y >= len(self._rows):
                return Strip.blank(self.size.width, self._filtered(self.rich_style))
        row = self._rows[y]
        if y != self._cursor_row:
            styled = [(text, self._style(style, False)) for text, style in join_blanks(row)]
        else:
            # The highlight stays inside the frame.
            inside = range(1, len(row) - 1) if self._framed_rows else range(len(row))
            styled = [
                (text, self._style(style, at in inside)) for at, (text, style) in enumerate(row)
            ]
        return Strip([Segment(text, style) for text, style in styled], self._width)

    def _style(self, name: str, chosen: bool) -> Style:
        key = (name, chosen)
        style = self._styles.get(key)
        if style is None:
            palette = self.app.screen_stack[0].query_one(SpanStyles)
            style = palette.style(name, self.rich_style, chosen)
            self._styles[key] = style = self._filtered(style)
        return style

    def _filtered(self, style: Style) -> Style:
        """The style after Textual's line filters, as for NO_COLOR.

        Filters depend on styles alone, so each style is filtered once, not each text.
        """
        segments, background = [Segment(" ", style)], self.background_colors[1]
        for one in self.get_line_filters():
            segments = one.apply(segments, background)
        return segments[0].style or style

    def notify_style_update(self) -> None:
        self._styles.clear()
        self._strips.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        """Draw all rows for the new size: some may have been painted for the old one."""
        self._strips.clear()
        self.draw_anew()
        self.refresh()

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Draw the frame as focused or not.

        Not in `on_focus`: a subclass gets that before the focus has changed.
        """
        super().watch_has_focus(_has_focus)
        self.draw()

    def inside(self, event: events.Click) -> tuple[int, int]:
        """Where a click is, from the first cell inside the frame on."""
        return (event.x - 2, event.y - 1) if self._has_frame else (event.x, event.y)

    def on_click(self, event: events.Click) -> None:
        """A double click on the frame maximises; anywhere, in a panel without rows."""
        on_frame = self._has_frame and event.y in {0, self.size.height - 1}
        if event.chain == 2 and self.framed and (on_frame or self._cursor_row is None):
            event.stop()
            self.post_message(self.MaximiseToggled(self))
