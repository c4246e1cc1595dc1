"""How long to measure, how often, and in what order."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tests.benchmarks.tables import Figures

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Effort:
    """Rounds and seconds; the short form shows that it all works, and roughly how things stand."""

    short: bool = False

    def rounds(self, full: int) -> int:
        """How often each thing is measured."""
        return min(full, 2) if self.short else full

    def seconds(self, full: float) -> float:
        """How long each measurement lasts."""
        return full / 4 if self.short else full


def interleaved(
    rounds: int, contenders: Mapping[Key, Callable[[], float | None]]
) -> dict[Key, Figures]:
    """Measure everybody once, then everybody once more, so that what the machine does besides
    meets all of them. Whoever gives None is left out from then on.
    """
    values: dict[Key, list[float]] = {key: [] for key in contenders}
    out: set[Key] = set()
    for _ in range(rounds):
        for key, measure in contenders.items():
            if key in out:
                continue
            value = measure()
            if value is None:
                out.add(key)
            else:
                values[key].append(value)
    return {key: Figures(() if key in out else tuple(found)) for key, found in values.items()}


def progress(text: str) -> None:
    """Say what is going on; the tables alone go to stdout."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)  # noqa: T201
