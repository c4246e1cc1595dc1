"""Which instruction of a process first stores into a word, by a hardware breakpoint.

perf_event_open(2) with PERF_TYPE_BREAKPOINT uses the processor's debug registers: nothing is
stopped, and nothing is written into the process. A user may watch the processes that he may trace.
Only x86-64: on ARM a store-exclusive that is stepped over fails, and is tried again for ever.
"""

import contextlib
import errno
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from shmtui.procfs.maps import map_lines, split_line
from shmtui.procfs.perf_events import ATTRIBUTES, RING_SIZE, USER_ONLY, open_event, records
from shmtui.procfs.process import threads_of

_MACHINE: Final = "x86_64"
_BREAKPOINT: Final = 5
_SAMPLED: Final = 1 | 2 | 4
"""PERF_SAMPLE_IP, _TID, _TIME."""
_WRITES: Final = 2
_WORD: Final = 4
_SAMPLE: Final = struct.Struct("=QIIQ")
_SAMPLE_KIND: Final = 9
_SYMBOL: Final = struct.Struct("=I4xQQ")
"""Name, address and size in an ``Elf64_Sym`` (elf(5))."""


class Write(msgspec.Struct, frozen=True, order=True):
    """A store that has been carried out."""

    time: int
    """Nanoseconds of the kernel's clock: an order among the threads."""
    tid: int
    instruction: int
    """The address behind the store."""


class WriteBreakpoint:
    """Watches four bytes at each of ``addresses`` in every thread that ``pid`` has now.

    OSError: the system refuses it: perf_event_paranoid, another user's process, no debug register
    left, another kind of machine.
    """

    def __init__(self, pid: int, addresses: Iterable[int]) -> None:
        self._pid = pid
        self._threads = set(threads_of(pid))
        self._rings: list[mmap.mmap] = []
        with contextlib.ExitStack() as opened:
            for tid in self._threads:
                for address in addresses:
                    fd = open_breakpoint(tid, address)
                    opened.callback(os.close, fd)
                    # Never emptied, so that it keeps the first stores: 128 of them.
                    ring = mmap.mmap(fd, RING_SIZE)
                    opened.callback(ring.close)
                    self._rings.append(ring)
            self._opened = opened.pop_all()

    def close(self) -> None:
        self._opened.close()

    @property
    def one_thread(self) -> bool:
        """Whether the process has had one thread only, as far as can be told."""
        return len(self._threads) == 1 and not self.has_new_threads

    @property
    def has_new_threads(self) -> bool:
        """Whether a thread came that is not watched."""
        try:
            return not self._threads.issuperset(threads_of(self._pid))
        except OSError:
            return False

    def first(self) -> Write | None:
        """The first store; None before it."""
        # Twice: a ring that was read as empty may have got an earlier store than one read later.
        found = [write for _time in range(2) for ring in self._rings for write in _writes(ring)]
        return min(found, default=None)


def open_breakpoint(
    tid: int, address: int, *, size: int = _WORD, period: int = 1, flags: int = 0
) -> int:
    """The descriptor of a breakpoint on the user's stores into ``size`` bytes, in one thread; 0: this one.

    ``period`` 0 counts only. ``flags``: of ``struct perf_event_attr``. OSError: the system refuses it.
    """
    if os.uname().machine != _MACHINE:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    attributes = ATTRIBUTES.pack(
        _BREAKPOINT, ATTRIBUTES.size, 0, period, _SAMPLED, 0, USER_ONLY | flags, 0, _WRITES, address,
        size,
    )  # fmt: skip
    return open_event(attributes, tid)


def _writes(ring: mmap.mmap) -> Iterator[Write]:
    for kind, start in records(ring):
        if kind == _SAMPLE_KIND:
            instruction, _pid, tid, time = _SAMPLE.unpack_from(ring, start)
            yield Write(time, tid, instruction)


def function_at(pid: int, instruction: int) -> str | None:
    """The exported function of a library of ``pid`` whose code holds the address.

    By the library's dynamic symbols, which strip(1) leaves. None: a static or a 32-bit
    program, a function that is not exported, or a file that cannot be read.
    """
    for line in map_lines(pid) or ():
        its = split_line(line)
        # The address is behind the store, so that a function may have ended there.
        if its.start < instruction <= its.end and b"x" in its.rights and its.path:
            at = instruction - 1 - its.start + its.offset
            return _exported(f"/proc/{pid}/root{os.fsdecode(its.path)}", its.inode, at)
    return None


def _exported(path: str, inode: int, at: int) -> str | None:
    """The exported function at a byte of an ELF file."""
    from elftools.common.exceptions import ELFError  # noqa: PLC0415 - 60 ms, for who needs it
    from elftools.construct import ConstructError  # noqa: PLC0415
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415
    from elftools.elf.sections import SymbolTableSection  # noqa: PLC0415

    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_ino != inode:
                return None
            elf = ELFFile(file)
            symbols = elf.get_section_by_name(".dynsym")
            loaded = next(
                s for s in elf.iter_segments("PT_LOAD")
                if s["p_offset"] <= at < s["p_offset"] + s["p_filesz"]
            )  # fmt: skip
            address = at - loaded["p_offset"] + loaded["p_vaddr"]
            if elf.elfclass != 64 or not isinstance(symbols, SymbolTableSection):
                return None
            # pyelftools takes 1 s for the 3,000 of a libc one by one.
            raw = symbols.data()
            for name, start, size in _SYMBOL.iter_unpack(raw[: len(raw) // 24 * 24]):
                if start <= address < start + size:
                    return str(symbols.stringtable.get_string(name))
    except (OSError, ELFError, ConstructError, StopIteration, ValueError, struct.error):
        pass
    return None
