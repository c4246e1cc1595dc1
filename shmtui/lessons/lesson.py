"""What a lesson is."""

from enum import IntEnum

import msgspec


class Leave(IntEnum):
    """How a lesson is left for another, in the place of an exit code."""

    NEXT = 1001
    BEFORE = 1002
    HELD = 1003
    """For the same one with its mistake held step by step, or back from there."""


class Steps(msgspec.Struct, frozen=True):
    """Programs that are run through the orders of their steps, and held in the one that shows the mistake."""

    producers: tuple[str, ...]
    """Their sources, by the names of the lesson's programs without ``.c``."""
    consumers: tuple[str, ...] = ("consumidor",)
    define: tuple[str, ...] = ()
    """For the compiler: ``NAME=VALUE``."""
    initialised: bool = False
    """Whether the segment and its semaphores are there, initialised, before the programs start."""
    fine: bool = False
    """Whether each load and store is a step."""
    any_start: bool = False
    """Whether the order in which they start is searched, too."""
    items: int = 1


class Scene(msgspec.Struct, frozen=True):
    """Who takes part. Rates are items per second; faults are written as ``--fault`` has them."""

    slots: int = 5
    producers: int = 1
    consumers: int = 1
    produce_rate: float = 1.0
    consume_rate: float = 0.5
    faults: tuple[str, ...] = ()
    programs: bool = False
    """The course's two programs over a segment that nobody initialised, in place of workers."""
    steps: Steps | None = None
    """Programs held step by step, in place of workers."""


class Press(msgspec.Struct, frozen=True):
    """Keys as they usually are, by the names that Textual has for them, and what pressing them does.
    The text names keys of dialogs by their actions, as in ``{leave} closes``.
    """

    keys: tuple[str, ...]
    text: str
    answers: bool = False
    """Whether they are an answer in the dialog that the keys before have opened."""


class Lesson(msgspec.Struct, frozen=True):
    """A scene and its text. The texts are marked for the catalogue: translate where shown."""

    name: str
    title: str
    see: str
    """What stands on the screen."""
    why: str
    press: tuple[Press, ...]
    theory: str
    """What it is called, and what is known of it."""
    scene: Scene
    held: Steps | None = None
    """Programs that make the same mistake, to be held at the step where it happens; None: the scene's are, or
    there is no mistake."""
    findings: tuple[str, ...] = ()
    """Codes of what the doctor has to find; empty where all is well."""
