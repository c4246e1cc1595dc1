"""The glyphs that panels draw with, once for Unicode and once for ASCII. Pure."""

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass

from shmtui.events import Severity
from shmtui.snapshot import ProcessState


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Glyphs:
    """Every character outside ASCII which a panel may draw. Each is one cell wide.

    Tables are compared by identity, so that drawn lines can be cached by them.
    """

    ascii_only: bool
    corners: str
    """Top left, top right, bottom left, bottom right."""
    horizontal: str
    vertical: str
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
    times: str
    dash: str
    at_least: str
    about: str
    yes: str
    no: str
    maybe: str
    cursor: str
    space_key: str
    states: Mapping[ProcessState, str]
    severities: Mapping[Severity, str]

    def __repr__(self) -> str:
        """Its name; the whole table would be unreadable."""
        return "ASCII" if self.ascii_only else "UNICODE"


UNICODE = Glyphs(
    ascii_only=False,
    corners="╭╮╰╯",
    horizontal="─",
    vertical="│",
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
    times="×",
    dash="—",
    at_least="≥",
    about="≈",
    yes="✓",
    no="✗",
    maybe="~",
    cursor="▌",
    space_key="␣",
    states={
        ProcessState.STARTING: "◌",
        ProcessState.RUNNING: "●",
        ProcessState.PACING: "○",
        ProcessState.BLOCKED: "■",
        ProcessState.PAUSED: "◐",
        ProcessState.STEPPING: "▶",
        ProcessState.STOPPED: "◧",
        ProcessState.ENDED: "✗",
        ProcessState.UNKNOWN: "?",
    },
    severities={Severity.INFO: "›", Severity.GOOD: "✓", Severity.WARN: "▲", Severity.BAD: "✗"},
)

ASCII = Glyphs(
    ascii_only=True,
    corners="++++",
    horizontal="-",
    vertical="|",
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
    times="x",
    dash="-",
    at_least=">=",
    about="~",
    yes="ok",
    no="NO",
    maybe="~",
    cursor=">",
    space_key="spc",
    states={
        ProcessState.STARTING: ".",
        ProcessState.RUNNING: "*",
        ProcessState.PACING: "o",
        ProcessState.BLOCKED: "#",
        ProcessState.PAUSED: "=",
        ProcessState.STEPPING: ">",
        ProcessState.STOPPED: "%",
        ProcessState.ENDED: "x",
        ProcessState.UNKNOWN: "?",
    },
    severities={Severity.INFO: ">", Severity.GOOD: "+", Severity.WARN: "!", Severity.BAD: "x"},
)


def wants_ascii(encoding: str, environ: Mapping[str, str]) -> bool:
    """Whether a terminal should be sent ASCII alone.

    The Linux console claims UTF-8 and has no glyph for most of it.

    >>> wants_ascii("UTF-8", {"TERM": "xterm"}), wants_ascii("ANSI_X3.4-1968", {})
    (False, True)
    >>> wants_ascii("utf8", {"TERM": "linux"})
    True
    """
    folded = encoding.lower().replace("-", "").replace("_", "")
    return folded != "utf8" or environ.get("TERM") == "linux"


def choose(ascii_only: bool) -> Glyphs:
    """The glyphs for this terminal."""
    if ascii_only or wants_ascii(locale.getencoding(), os.environ):
        return ASCII
    return UNICODE
