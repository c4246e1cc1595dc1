"""What the measurements were made on, and with."""

import os
import platform
import re
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from shmtui import __version__
from tests.benchmarks.programs import find
from tests.benchmarks.tables import MISSING, Table

PACKAGES: Final = ("textual", "msgspec", "posix_ipc", "psutil", "click")
TOOLS: Final = {
    "htop": "--version",
    "btop": "--version",
    "top": "-V",
    "glances": "-V",
    "strace": "-V",
    "gdb": "--version",
    "gcc": "--version",
}


def processor() -> str:
    """The model, as the kernel tells it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def package(name: str) -> str:
    """Its version."""
    try:
        return version(name)
    except PackageNotFoundError:
        return MISSING


def tool(name: str, option: str) -> str:
    """The first number with a point in what it says of its version; that it is missing, else."""
    path = find(name)
    if path is None:
        return "not installed"
    done = subprocess.run([path, option], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found.group() if found else "?"


def table(load_before: float) -> Table:
    """Everything that a figure depends on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = f"{load_before:.1f} at the start, {os.getloadavg()[0]:.1f} at the end"
    rows = (
        ("date", time.strftime("%Y-%m-%d")),
        ("processor", f"{processor()}, {len(os.sched_getaffinity(0))} cores"),
        ("memory", f"{memory:.0f} GiB"),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("C library", os.confstr("CS_GNU_LIBC_VERSION") or "musl"),
        ("Python", sys.version.split()[0]),
        ("shmtui", __version__),
        ("packages", ", ".join(f"{name} {package(name)}" for name in PACKAGES)),
        ("beside", ", ".join(f"{name} {tool(name, option)}" for name, option in TOOLS.items())),
        ("load average", load),
    )
    return Table("Machine and versions", ("what", ""), rows)
