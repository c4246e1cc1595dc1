"""Programs and libraries by the names that they give to what they share."""

import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from shmtui.i18n import N_, _

_NAMES: Final = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"/torch_\d+_\d+(_\d+)?", N_("a tensor of PyTorch (file_system sharing)")),
        (r"/nccl-\w+", N_("NCCL: GPUs' processes of one machine")),
        (r"/\.?(org\.chromium\.Chromium|com\.google\.Chrome|com\.microsoft\.Edge)\.\w+", "Chromium"),
        (r"/\.?org\.mozilla\.ipc\.\d+\.\d+", "Firefox"),
        (r"/PostgreSQL\.\d+", N_("PostgreSQL: statistics, or memory of parallel queries")),
        (r"/(fastrtps|fastdds)_\w+", "Fast DDS"),
        (r"/iox2_\w+.*", "iceoryx2"),
        (r"/iceoryx_mgmt|/iox1_.*", "iceoryx"),
        (r"/wine-[0-9a-f]+-(f|e|nt)sync", N_("wine: locks of its programs")),
        (r"/pulse-shm-\d+", "PulseAudio"),
        (r"/jack(_sem|_db)?[-.].*|/jack-\d+.*", "JACK"),
        (r"/(vader_segment|sm_segment)\..*", N_("Open MPI: messages of one machine")),
        (r"/ucx_shm_.*", "UCX"),
        (r"/(psm|wnsm)_[0-9a-f]+", "Python multiprocessing.shared_memory"),
        (r"/pym-\d+-\w+", N_("Python multiprocessing: an arena of its heap")),
        (r"/mp-\w+", N_("Python multiprocessing: a Lock, Semaphore or Queue")),
        (r"/lttng-ust-.*", "LTTng"),
        (r"/qipc_.*", "Qt: QSharedMemory"),
        (r"memfd:pulseaudio", "PulseAudio"),
        (r"memfd:pipewire-memfd.*", "PipeWire"),
        (r"memfd:(mozilla-ipc|MozSharedMemory).*", "Firefox"),
        (r"memfd:xshmfence", N_("X: a fence of drawing")),
        (r"memfd:(wayland-shm|wayland-cursor|gdk-wayland|wl_shm).*", N_("Wayland: a buffer of pixels")),
        (r"memfd:wine.*", "wine"),
    )
)  # fmt: skip
"""By each project's own sources and documentation; each pattern matches a whole name."""
_ANY: Final = re.compile("|".join(pattern.pattern for pattern, _text in _NAMES))
"""Most names are none of these."""


@lru_cache(maxsize=256)
def program_behind(name: str) -> str:
    """Who gives such names, in words; empty where it is not known.

    >>> program_behind("/PostgreSQL.2837465"), program_behind("/jobs")
    ('PostgreSQL: statistics, or memory of parallel queries', '')
    """
    if not _ANY.fullmatch(name):
        return ""
    return next(_(text) for pattern, text in _NAMES if pattern.fullmatch(name))


_MANAGED: Final = 2
"""The first word of a managed segment of Boost.Interprocess once it is made (InitializedSegment of
managed_open_or_create_impl.hpp)."""
_USER_OFFSETS: Final = (8, 16, 32, 64)
"""Where its segment manager may begin: the word, rounded up to an alignment."""
HEAD: Final = 256
"""So many first bytes tell it: the manager's header lies there (rbtree_best_fit.hpp)."""


def managed_by(head: bytes, size: int) -> str:
    """Which library's header a segment of ``size`` bytes begins with, in words; empty where none is known.

    A managed segment of Boost begins with the word 2; its allocator keeps the size of what it manages,
    which is all that lies behind that word.
    """
    if int.from_bytes(head[:4], sys.byteorder) != _MANAGED or any(head[4:8]):
        return ""
    words = {int.from_bytes(head[at : at + 8], sys.byteorder) for at in range(8, len(head) - 7, 8)}
    if words.isdisjoint(size - at for at in _USER_OFFSETS if size > HEAD):
        return ""
    return _("Boost.Interprocess: managed_shared_memory, by its header")


UNLIMITED: Final = 2**31 - 1
"""The first value of the semaphore that counts the room of a multiprocessing.Queue without a limit:
SEM_VALUE_MAX."""
_MOST_ITEMS: Final = 1 << 24


def semaphore_of(file: str, value: int | None = None) -> str:
    """Whose semaphore it is, by the name of its file, or that which it had; empty where it is not known, or has none:
    a program's own may be unlinked as well. ``value``: as it stands, where that is known.

    >>> semaphore_of("sem.mp-fq3_x0ab", 1)
    'Python multiprocessing: a Lock, Semaphore or Queue'
    >>> semaphore_of("sem.mp-fq3_x0ab", 2**31 - 4)
    'Python multiprocessing: the room of a Queue without a limit, 3 items in it'
    >>> semaphore_of("", 2**31 - 4), semaphore_of("sem.jobs", 2**31 - 4)
    ('', '')
    """
    known = program_behind("/" + file.removeprefix("sem.")) if file else ""
    if known and value is not None and 0 <= UNLIMITED - value < _MOST_ITEMS:
        text = _(
            "Python multiprocessing: the room of a Queue without a limit, {count:,} items in it"
        )
        return text.format(count=UNLIMITED - value)
    return known


_PROGRAMS: Final = (
    (re.compile(r"postgres"), "PostgreSQL"),
    (re.compile(r"Xorg|Xwayland|Xvfb"), N_("X: pictures that a program shares with it (MIT-SHM)")),
    (re.compile(r"chrome|chromium|headless_shell"), "Chromium"),
    (re.compile(r"wineserver|wine(64)?-preloader"), "wine"),
    (re.compile(r"oracle.*|ora_.*"), "Oracle"),
)


def owner_program(names: Iterable[str]) -> str:
    """Whose memory without a telling name it is, by the names of the processes that have it.

    >>> owner_program(["sh", "postgres"])
    'PostgreSQL'
    """
    return next((text for name in names if (text := _program(name))), "")


@lru_cache(maxsize=256)
def _program(name: str) -> str:
    return next((_(text) for pattern, text in _PROGRAMS if pattern.fullmatch(name)), "")
