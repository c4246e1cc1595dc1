"""A worker's process: ``python -m shmtui.workers SEGMENT RECORD SUPERVISOR-PID``.

The supervisor starts it; it is of no use by hand. It joins the buffer through the
control block, dies with its supervisor, and reports trouble in one line.
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
        return 0  # It died before the line above: nobody is left to send the signal.
    control = ControlBlock.open(control_name(segment))
    header = control.header
    record = control.record(index)
    role = Role.PRODUCER if record.words[Field.ROLE] == 1 else Role.CONSUMER
    libc.name_process(f"{role} {record.words[Field.NUMBER]}")
    libc.sharpen_timers()
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
    # The mapping has exported pointers into it, which a normal exit would trip over.
    os._exit(code)
