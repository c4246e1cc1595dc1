"""The command palette: Textual's, which may be opened in a terminal that has no room for its list."""

from textual.command import CommandList, CommandPalette


class Commands(CommandPalette):
    """Where the list has no cell to be drawn in, the keys that move in it do nothing.

    Textual's list counts its lines once it has room for them, and pages by that count.
    """

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)
