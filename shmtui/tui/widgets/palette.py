"""The colours of all roles, worked out once for all panels."""

from typing import ClassVar

from rich.style import Style
from textual.widget import Widget

from shmtui.tui.spans import OWN_BACKGROUND, ROLES


class RoleStyles(Widget):
    """Never on show: it only carries the component classes.

    Were they each panel's own, Textual would match two dozen of them against
    the style sheet for every panel, before the first frame.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {*(f"role--{role}" for role in ROLES), "role--cursor"}

    def style(self, role: str, base: Style, chosen: bool) -> Style:
        """The style of a role on the background of ``base``, or on that of the cursor."""
        style = self.get_component_rich_style(f"role--{role}")
        if chosen:
            cursor = self.get_component_rich_style("role--cursor")
            # Reversed, every role would be a block of its own colour.
            if cursor.reverse:
                return cursor + Style(bold=style.bold)
            return style + Style(bgcolor=cursor.bgcolor)
        return style if role in OWN_BACKGROUND else style + Style(bgcolor=base.bgcolor)
