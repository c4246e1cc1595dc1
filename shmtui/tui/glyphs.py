"""The glyphs that panels draw with, once for Unicode and once for ASCII. Pure."""

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass

from shmtui.events import Severity
from shmtui.sanitize import inert
from shmtui.snapshot import ProcessState
from shmtui.tui.spans import Line, clip, clip_line, fit, fit_line


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Glyphs:
    """Every character outside ASCII which a panel may draw. Each is one cell wide.

    Tables are compared by identity, so that drawn lines can be cached by them.
    """

    ascii_only: bool
    top_left: str
    top_right: str
    bottom_left: str
    bottom_right: str
    horizontal: str
    vertical: str
    thumb: str
    """The part of a frame's right edge that is in view."""
    dashed_horizontal: str
    dashed_vertical: str
    """Edge and side of a box that is empty."""
    full: str
    eighths: str
    """Bars of 0/8 to 8/8 of a cell, from the left."""
    rest: str
    """The part of a bar that is not filled."""
    shades: str
    """Groups of slots: none full, some, half, most, all."""
    pip: str
    no_pip: str
    up: str
    down: str
    left: str
    both: str
    """Where ``in`` and ``out`` point at one slot."""
    tee: str
    """A process under its group, others following."""
    last: str
    """The last process under its group."""
    tick: str
    """An axis where it carries a label."""
    ellipsis: str
    dot: str
    """Between facts."""
    no_character: str
    """A byte that is no character."""
    times: str
    dash: str
    at_least: str
    at_most: str
    nearly: str
    bars: str
    """From none to a full cell, each higher than the last."""
    yes: str
    no: str
    maybe: str
    cursor: str
    space_key: str
    states: Mapping[ProcessState, str]
    severities: Mapping[Severity, str]

    def __repr__(self) -> str:
        return "ASCII" if self.ascii_only else "UNICODE"

    def inert(self, text: str) -> str:
        """Text from elsewhere, safe to show: see `shmtui.sanitize`."""
        return inert(text, self.ascii_only)

    def clip(self, text: str, width: int) -> str:
        """At most ``width`` cells."""
        return clip(text, width, self.ellipsis)

    def fit(self, text: str, width: int, align: str = "<") -> str:
        """Exactly ``width`` cells."""
        return fit(text, width, align, self.ellipsis)

    def clip_line(self, spans: Line, width: int) -> Line:
        """At most ``width`` cells."""
        return clip_line(spans, width, self.ellipsis)

    def fit_line(self, spans: Line, width: int) -> Line:
        """Exactly ``width`` cells."""
        return fit_line(spans, width, self.ellipsis)


UNICODE = Glyphs(
    ascii_only=False,
    top_left="╭",
    top_right="╮",
    bottom_left="╰",
    bottom_right="╯",
    horizontal="─",
    vertical="│",
    thumb="┃",
    dashed_horizontal="╌",
    dashed_vertical="┆",
    full="█",
    eighths=" ▏▎▍▌▋▊▉█",
    rest="─",
    shades="·░▒▓█",
    pip="●",
    no_pip="○",
    up="▲",
    down="▼",
    left="←",
    both="◆",
    tee="├",
    last="└",
    tick="┤",
    ellipsis="…",
    dot="·",
    no_character="·",
    times="×",
    dash="—",
    at_least="≥",
    at_most="≤",
    nearly="≈",
    bars=" ▁▂▃▄▅▆▇█",
    yes="✓",
    no="✗",
    maybe="~",
    cursor="▌",
    space_key="␣",
    states=dict(zip(ProcessState, "◌●○■◐▶◧✗?", strict=True)),
    severities=dict(zip(Severity, "›✓▲✗", strict=True)),
)

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
    pip="#",
    no_pip=".",
    up="^",
    down="v",
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
    at_most="<=",
    nearly="~",
    bars=" .:-=+*#",
    yes="ok",
    no="NO",
    maybe="~",
    cursor=">",
    space_key="spc",
    states=dict(zip(ProcessState, ".*o#=>%x?", strict=True)),
    severities=dict(zip(Severity, ">+!x", strict=True)),
)


def choose(ascii_only: bool) -> Glyphs:
    """The glyphs for this terminal. The Linux console claims UTF-8 and has no glyph for most of it."""
    encoding = locale.getencoding().lower().replace("-", "").replace("_", "")
    plain = ascii_only or encoding != "utf8" or os.environ.get("TERM") == "linux"
    return ASCII if plain else UNICODE
