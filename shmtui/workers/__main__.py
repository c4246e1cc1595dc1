"""A worker's process: ``python -m shmtui.workers SEGMENT RECORD SUPERVISOR-PID``.

The supervisor starts it. It joins the buffer that the control block describes, ends with its
supervisor, and prints one line on stderr where it fails.
"""

import gc
import os
import signal
import sys

from shmtui.errors import ShmtuiError
from shmtui.i18n import language_of, use_language
from shmtui.shm import libc
from shmtui.shm.control_block import ControlBlock
from shmtui.shm.control_format import Field, control_name
from shmtui.shm.protocol import Role
from shmtui.shm.ring import Ring
from shmtui.shm.segment import map_segment
from shmtui.workers.worker import run_worker

EXIT_TROUBLE = 3


def main(segment: str, index: int, supervisor: int) -> int:
    """Run the worker of record ``index``; returns the exit code."""
    libc.die_with_parent(signal.SIGTERM)
    if os.getppid() != supervisor:
        return 0  # The supervisor died before the line above took effect.
    control = ControlBlock.open(control_name(segment))
    header = control.header
    record = control.record(index)
    role = Role.PRODUCER if record.words[Field.ROLE] == 1 else Role.CONSUMER
    libc.name_process(f"{role} {record.words[Field.NUMBER]}")
    libc.minimise_timer_slack()
    ring = Ring.open(segment, map_segment(segment, header.segment), header.layout)
    gc.freeze()
    gc.disable()
    run_worker(record, ring, role)
    return 0


if __name__ == "__main__":
    use_language(language_of(os.environ))
    try:
        code = main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    except (ShmtuiError, OverflowError) as error:
        print(f"shmtui worker: {error}", file=sys.stderr)  # noqa: T201 - stderr is its report
        code = EXIT_TROUBLE
    sys.stderr.flush()
    # A normal exit would fail to close the mapping: semaphores and views point into it.
    os._exit(code)
