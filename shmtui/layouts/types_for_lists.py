"""What small programs' debug information says of many segments, in little time: for lists."""

import time
from collections.abc import Sequence
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.layouts.elf_sections import debug_size, section_sizes
from shmtui.layouts.mapping_programs import Peers
from shmtui.layouts.options import LayoutOptions
from shmtui.procfs.process_libc import program_of
from shmtui.shm.layout import Layout
from shmtui.shm.segment_reader import SegmentReader


class QuickTypes:
    """Layouts of segments by small programs' debug information, in ``seconds`` for all of them."""

    MOST_BYTES: Final = 1_000_000
    """Of debug information, for one program."""

    def __init__(self, folder: str, seconds: float) -> None:
        self._folder = folder
        self._left = seconds

    def layout(self, name: str, pids: Sequence[int]) -> tuple[Layout, str] | None:
        """The only layout that fits the segment, and the program that tells it; None: there is
        none, or no time is left to find it.
        """
        small = [pid for pid in pids if 0 < debug_size(section_sizes(program_of(pid))) <= self.MOST_BYTES]  # fmt: skip
        if not small or self._left <= 0:
            return None
        from shmtui.layouts import debug_info, struct_sources  # noqa: F401, PLC0415 - heavy

        start = time.monotonic()
        try:
            return self._layout(name, small)
        except ShmtuiError:
            return None
        finally:
            self._left -= time.monotonic() - start

    def _layout(self, name: str, pids: Sequence[int]) -> tuple[Layout, str] | None:
        from shmtui.layouts import program_types, struct_sources  # noqa: PLC0415 - heavy

        reader = SegmentReader(name, self._folder)
        try:
            peers, options = Peers.among(pids, self._folder), LayoutOptions()
            sources = program_types.sources(peers, reader.status().size, options)
            found = struct_sources.agreed(reader, options, peers, sources)
        finally:
            reader.close()
        return None if found is None else (found[1].layout, found[0].origin)
