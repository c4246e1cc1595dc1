"""A key: what it does, what it needs, and how it is written. Pure; it loads nothing that draws."""

from typing import Final

import msgspec

OPENER, PROGRAMS, BYTES, LESSON = "opener", "programs", "bytes", "lesson"
LIVE, REPLAY, LIVE_BYTES, PAIR = "live", "replay", "live bytes", "pair"
STEPS, ROWS, ALONE, IN_LESSON = "steps", "rows", "steps alone", "steps in a lesson"
"""What keys can need. A view model names those that are missing."""

REPAIR: Final = "workers('repair')"
"""The action that repairs."""
_STAY_HERE = frozenset(
    {
        "leave(0)", "leave(130)", "suspend_process", "record", "report", "copy", "exact",
        "list.end", "list.remove",
    }
)  # fmt: skip
_NAMES = {
    "leave(0)": "quit",
    "leave(130)": "interrupt",
    "main('step_panel', 1)": "next_panel",
    "main('step_panel', -1)": "previous_panel",
}


class Key(msgspec.Struct, frozen=True):
    """A key, its action, and its texts."""

    keys: str
    """As Textual names them, separated by commas."""
    action: str
    label: str
    """One word for the key bar; empty: not in the key bar."""
    help: str
    rank: int = 0
    """The keys of the highest rank leave a narrow key bar first."""
    as_shown: str = ""
    """As the key bar and the help write it, in ASCII; empty: as ``keys``."""
    needs: str = ""
    """What it needs, as `OPENER` or `LIVE`; empty: nothing."""
    priority: bool = False
    """Whether it works while a dialog is open too."""
    where: str = ""
    """Where it works: one of `shmtui.tui.other_keys`; empty: on the main screen."""

    @property
    def name(self) -> str:
        """What the configuration file calls its action.

        >>> [Key("", action, "", "").name for action in ("workers('kill')", "replay('faster')", "copy")]
        ['kill', 'replay_faster', 'copy']
        """
        if self.action in _NAMES:
            return _NAMES[self.action]
        room = self.action.partition("(")[0]
        parts = [] if room in {"workers", "main"} else [room]
        return "_".join([*parts, *self.action.split("'")[1::2]])

    @property
    def id(self) -> str:
        """What tells it from all others: ``list.close``."""
        return f"{self.where}.{self.name}" if self.where else self.name

    @property
    def shown(self) -> str:
        return self.as_shown or self.keys.partition(",")[0]

    @property
    def changes(self) -> bool:
        """Whether it changes workers or the buffer: then it is off in a read-only dashboard."""
        return self.action.startswith("workers(")

    @property
    def stays_here(self) -> bool:
        """Whether it is for who sits at the machine alone: it ends shmtui, writes a file, or touches
        what others run. Then it is off in a browser.
        """
        return (self.id if self.where else self.action) in _STAY_HERE

    @property
    def for_workers(self) -> bool:
        """Whether it needs workers of ours; any process can be killed, and any buffer repaired."""
        return self.changes and self.action not in {
            "workers('kill')",
            "workers('signal')",
            REPAIR,
        }


SPOKEN = {"slash": "/", "plus": "+", "minus": "-", "equals_sign": "=", "question_mark": "?", "escape": "esc",
          "full_stop": ".", "comma": ",", "left_square_bracket": "[", "right_square_bracket": "]",
          "less_than_sign": "<", "greater_than_sign": ">", "pageup": "pgup", "pagedown": "pgdn"}  # fmt: skip
"""Keys by the names that people know, where Textual has others."""
