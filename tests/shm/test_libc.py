"""What the C library is asked for."""

import os

from shmtui.shm.libc import current_processor


def test_the_current_processor_is_the_one_that_is_left() -> None:
    """Where a thread may run on one alone, on each in turn."""
    allowed = os.sched_getaffinity(0)
    try:
        for processor in sorted(allowed):
            os.sched_setaffinity(0, {processor})
            assert current_processor() == processor
    finally:
        os.sched_setaffinity(0, allowed)
