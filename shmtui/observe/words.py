"""The words for what a snapshot holds, for people; JSON has the values themselves. Pure."""

from typing import Final

from shmtui.ipc.protocol import Role
from shmtui.language import N_, _
from shmtui.observe.snapshot import Certainty, LayoutSource, Method, ProcessState, Status

_WORDS: Final = (
    # States of a process.
    N_("starting"), N_("running"), N_("pacing"), N_("blocked"), N_("paused"), N_("stepping"),
    N_("stopped"), N_("ended"),
    # Roles.
    N_("producer"), N_("consumer"), N_("observer"),
    # Health.
    N_("ok"), N_("warning"), N_("critical"),
    # Certainty.
    N_("certain"), N_("likely"), N_("unknown"),
    # Where a layout is known from.
    N_("control"), N_("header"), N_("options"), N_("inferred"), N_("raw"),
    # How throughput is known.
    N_("counters"), N_("sequence"), N_("index"), N_("lower-bound"),
)  # fmt: skip
"""Every value that :func:`word` is asked for: a catalogue is made from what stands here."""


def word(value: Role | ProcessState | Status | Certainty | LayoutSource | Method) -> str:
    """The value in the language in use.

    >>> all(v in _WORDS for kind in (Role, ProcessState, Status, Certainty, Method) for v in kind)
    True
    """
    return _(value.value)
