"""Programs and libraries by the names that they give to what they share."""

import re
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
        (r"/PostgreSQL\.\d+", N_("PostgreSQL: memory of parallel workers")),
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


@lru_cache(maxsize=1024)
def program_behind(name: str) -> str:
    """Who gives such names, in words; empty where it is not known.

    >>> program_behind("/PostgreSQL.2837465"), program_behind("/jobs")
    ('PostgreSQL: memory of parallel workers', '')
    """
    if not _ANY.fullmatch(name):
        return ""
    return next(_(text) for pattern, text in _NAMES if pattern.fullmatch(name))


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


@lru_cache(maxsize=1024)
def _program(name: str) -> str:
    return next((_(text) for pattern, text in _PROGRAMS if pattern.fullmatch(name)), "")
