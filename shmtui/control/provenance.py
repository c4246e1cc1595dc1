"""Who stored each word and who has loaded it since: what was overwritten unread, or taken twice. Pure.

By the words of the slots alone, never by what a program prints.
"""

from dataclasses import dataclass, field

from shmtui.control.happens_before import WORD
from shmtui.control.operation import Kind, Operation, Place


@dataclass(slots=True)
class Word:
    """The last store to a word, and the loads since."""

    task: str
    site: int
    step: int
    loads: dict[tuple[str, int], int] = field(default_factory=dict)
    """Steps by task and instruction."""


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A store over one that nobody else had loaded."""

    place: Place
    task: str
    step: int
    by: str
    by_step: int


@dataclass(frozen=True, slots=True)
class LoadedTwice:
    """Two loads by the same instruction, of the same or two tasks, and no store between."""

    place: Place
    first: str
    first_step: int
    second: str
    second_step: int


class Provenance:
    """The words of one execution."""

    def __init__(self) -> None:
        self._words: dict[Place, Word] = {}
        self.overwritten: list[Overwritten] = []
        self.twice: list[LoadedTwice] = []

    def access(self, task: str, operation: Operation, step: int) -> None:
        """A task loads or stores, as step number ``step``."""
        assert operation.place is not None
        first = operation.place.offset - operation.place.offset % WORD
        for offset in range(first, operation.place.offset + max(operation.width, 1), WORD):
            place = Place(operation.place.segment, offset)
            word = self._words.get(place)
            if operation.kind is not Kind.STORE and word is not None:
                for (other, site), at in word.loads.items():
                    if site == operation.site:
                        self.twice.append(LoadedTwice(place, other, at, task, step))
                word.loads[task, operation.site] = step
            if operation.kind is not Kind.LOAD:
                unread = word is not None and not any(name != word.task for name, _site in word.loads)
                if word is not None and unread and (word.task != task or word.site == operation.site):
                    self.overwritten.append(Overwritten(place, word.task, word.step, task, step))
                self._words[place] = Word(task, operation.site, step)

    def unread(self) -> dict[Place, Word]:
        """The words that nobody but who stored them has loaded."""
        return {
            place: word
            for place, word in self._words.items()
            if not any(name != word.task for name, _site in word.loads)
        }

    def state(self) -> int:
        """What a later finding depends on."""
        words = ((place, word.task, word.site, frozenset(word.loads)) for place, word in self._words.items())
        return hash((frozenset(words), len(self.overwritten), len(self.twice)))
