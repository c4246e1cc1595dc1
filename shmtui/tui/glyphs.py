"""The glyphs that panels draw with, once for Unicode and once for ASCII. Pure."""

import locale
import os
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

import msgspec

from shmtui.events import Severity
from shmtui.sanitize import inert
from shmtui.snapshot import ProcessState
from shmtui.tui.spans import Line, clip, clip_line, fit, fit_line

Kind = TypeVar("Kind", bound=StrEnum)


class Glyphs(msgspec.Struct, frozen=True, eq=False):
    """Every character outside ASCII which a panel may draw: in Unicode where nothing else is said.
    Each is one cell wide.

    Tables are compared by identity, so that drawn lines can be cached by them.
    """

    ascii_only: bool = False
    top_left: str = "╭"
    top_right: str = "╮"
    bottom_left: str = "╰"
    bottom_right: str = "╯"
    horizontal: str = "─"
    vertical: str = "│"
    thumb: str = "┃"
    """The part of a frame's right edge that is in view."""
    dashed_horizontal: str = "╌"
    """The edge of a box that is empty."""
    dashed_vertical: str = "┆"
    full: str = "█"
    eighths: str = " ▏▎▍▌▋▊▉█"
    """Bars of 0/8 to 8/8 of a cell, from the left."""
    rest: str = "─"
    """The part of a bar that is not filled."""
    shades: str = "·░▒▓█"
    """Groups of slots: none full, some, half, most, all."""
    bars: str = " ▁▂▃▄▅▆▇█"
    """From none to a full cell, each higher than the last."""
    pip: str = "●"
    no_pip: str = "○"
    up: str = "▲"
    down: str = "▼"
    paused: str = "‖"
    folded: str = "▶"
    """A group without its rows; with them it has ``down``."""
    left: str = "←"
    both: str = "◆"
    """Where ``in`` and ``out`` point at one slot."""
    tee: str = "├"
    """A process under its group, others following."""
    last: str = "└"
    """The last process under its group."""
    tick: str = "┤"
    """An axis where it carries a label."""
    ellipsis: str = "…"
    dot: str = "·"
    """Between facts."""
    no_character: str = "·"
    """A byte that is no character."""
    times: str = "×"
    dash: str = "—"
    at_least: str = "≥"
    about: str = "≈"
    at_most: str = "≤"
    nearly: str = "≈"
    yes: str = "✓"
    no: str = "✗"
    maybe: str = "~"
    differs: str = "≠"
    """Before what is another one in the other of two recordings."""
    cursor: str = "▌"
    space_key: str = "␣"
    states: Mapping[ProcessState, str] = msgspec.field(
        default_factory=lambda: _each(ProcessState, "◌●○■◐▶◧✗?◉◎∘")
    )
    severities: Mapping[Severity, str] = msgspec.field(
        default_factory=lambda: _each(Severity, "›✓▲✗")
    )

    def __repr__(self) -> str:
        return "ASCII" if self.ascii_only else "UNICODE"

    def inert(self, text: str) -> str:
        """Text from elsewhere, safe to show: see `shmtui.sanitize`."""
        return inert(text, self.ascii_only)

    def clip(self, text: str, width: int) -> str:
        return clip(text, width, self.ellipsis)

    def fit(self, text: str, width: int, align: str = "<") -> str:
        return fit(text, width, align, self.ellipsis)

    def clip_line(self, spans: Line, width: int) -> Line:
        return clip_line(spans, width, self.ellipsis)

    def fit_line(self, spans: Line, width: int) -> Line:
        return fit_line(spans, width, self.ellipsis)


def _each(kind: type[Kind], glyphs: str) -> Mapping[Kind, str]:
    """A glyph for each member of an enumeration, in its order."""
    return dict(zip(kind, glyphs, strict=True))


UNICODE = Glyphs()

ASCII = Glyphs(
    ascii_only=True,
    top_left="+",
    top_right="+",
    bottom_left="+",
    bottom_right="+",
    horizontal="-",
    vertical="|",
    thumb="#",
    dashed_horizontal=".",
    dashed_vertical=":",
    full="#",
    eighths="    =====",
    rest="-",
    shades=".:-=#",
    bars=" .:-=+*#",
    pip="#",
    no_pip=".",
    up="^",
    down="v",
    paused="=",
    folded=">",
    left="<-",
    both="*",
    tee="|",
    last="`",
    tick="+",
    ellipsis="~",
    dot="|",
    no_character=".",
    times="x",
    dash="-",
    at_least=">=",
    about="~",
    at_most="<=",
    nearly="~",
    yes="ok",
    no="NO",
    differs="!",
    cursor=">",
    space_key="spc",
    states=_each(ProcessState, ".*o#=>%x?@~z"),
    severities=_each(Severity, ">+!x"),
)


def choose(ascii_only: bool) -> Glyphs:
    """The glyphs for this terminal. The Linux console claims UTF-8 and has no glyph for most of it."""
    encoding = locale.getencoding().lower().replace("-", "").replace("_", "")
    plain = ascii_only or encoding != "utf8" or os.environ.get("TERM") == "linux"
    return ASCII if plain else UNICODE
