"""The course's two programs: compiled here where there is a C compiler, in Python elsewhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.lessons import programs
from shmtui.lessons.lesson import Steps
from shmtui.shm.protocol import Role

COMPILERS: Final = ("cc", "gcc", "clang")
COMPILE_SECONDS: Final = 30
"""How long a compiler may take for one program."""

Command = tuple[str, ...]


def course_programs(segment: str, folder: Path) -> tuple[Command, Command]:
    """The commands of a producer and a consumer of ``segment`` that never call sem_init.

    C programs, compiled into ``folder``. Where there is no compiler, or its output cannot be
    run, Python programs of the same layout and the same steps.
    """
    sources = Path(programs.__file__).parent
    commands: list[Command] = []
    for stem in ("produtor", "consumidor"):
        binary = folder / stem
        if not _compile(sources / f"{stem}.c", binary, segment):
            peer = (sys.executable, "-P", "-m", "shmtui.workers.sample_peer")
            return (*peer, Role.PRODUCER, segment), (*peer, Role.CONSUMER, segment)
        commands.append((str(binary),))
    return commands[0], commands[1]


def step_programs(steps: Steps, segment: str, folder: Path) -> list[tuple[Role, Command]]:
    """The commands of a lesson's programs, compiled into ``folder`` with their debug information.

    ShmtuiError: there is no C compiler, or it fails.
    """
    sources = Path(programs.__file__).parent
    flags = ("-g", "-O0", *(f"-D{each}" for each in steps.define))
    found: list[tuple[Role, Command]] = []
    for role, stems in ((Role.PRODUCER, steps.producers), (Role.CONSUMER, steps.consumers)):
        for stem in stems:
            binary = folder / stem
            if not _compile(sources / f"{stem}.c", binary, segment, *flags):
                text = _("this lesson's programs are in C, and no compiler is found that works: "
                         "install gcc or clang")  # fmt: skip
                raise ShmtuiError(text)
            found.append((role, (str(binary),)))
    return found


def _compile(source: Path, binary: Path, segment: str, *flags: str) -> bool:
    """Whether there is a program at ``binary`` now that can be started."""
    compiler = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    if compiler is None:
        return False
    command = [compiler, "-O1", *flags, f'-DSEGMENT="{segment}"', "-o", str(binary), str(source)]
    try:
        done = subprocess.run(
            [*command, "-lrt", "-pthread"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMPILE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and os.access(binary, os.X_OK)
