"""Bounds on the results that Textual and Rich keep: of texts that they cut and measured, of regions that they
met.

They keep up to 16,384 of a function, by `functools.lru_cache`. That is for texts that come again, as those of an
editor. Of figures that change all the time each is another text: a list of segments that come and go
came to hold 20 MB of texts that nobody will see again.
"""

import functools
from typing import Any, Final

import rich.cells
import rich.segment
from rich.segment import Segment
from textual.geometry import Region

MOST: Final = 1024
"""Results of one function: some more than a frame of a large terminal asks for."""
_Cached: Final = type(functools.lru_cache(len))


def bound_kept_results() -> None:
    """Have their functions keep `MOST` results each. Those that keep fewer stay as they are."""
    for owner in (Segment, Region, rich.cells, rich.segment):
        for name, found in [*vars(owner).items()]:
            of_class = isinstance(found, classmethod)
            cached = found.__func__ if isinstance(found, classmethod) else found
            if isinstance(cached, _Cached) and (cached.cache_info().maxsize or 0) > MOST:
                fewer: Any = functools.lru_cache(MOST)(cached.__wrapped__)
                setattr(owner, name, classmethod(fewer) if of_class else fewer)
