"""Shared memory that no process maps shared, or that this user may not look into, is accounted for."""

import mmap
import os
import shutil
import subprocess
import sys
from pathlib import Path

from shmtui.monitor.discovery import survey
from shmtui.monitor.shared_object import ObjectKind, Survey
from shmtui.procfs.process import resident_shared
from shmtui.procfs.process_memory import ProcessMemory
from shmtui.report.segment_table import totals_line
from tests.waiting import poll

FROM_MEMORY = """
import os, sys
fd = os.memfd_create(sys.argv[1])
with open(sys.argv[2], "rb") as file:
    os.write(fd, file.read())
os.execv(f"/proc/self/fd/{fd}", ["from-memory", "600"])
"""


def test_a_program_that_runs_from_memory_is_listed(name: str) -> None:
    """Its mappings are private, and its descriptor closed when it began to run."""
    title, sleep = name.strip("/"), shutil.which("sleep")
    assert sleep is not None
    arguments = [sys.executable, "-c", FROM_MEMORY, title, sleep]
    with subprocess.Popen(arguments) as program:
        try:
            link = Path(f"/proc/{program.pid}/exe")
            poll(lambda: title in str(link.readlink()), "it runs from memory")
            (each,) = (e for e in survey().objects if e.name == title)
            assert each.kind is ObjectKind.MEMFD
            assert [pid for pid, _name in each.mappers] == [program.pid]
            assert each.in_use == link.stat().st_blocks * 512
            assert each.size == Path(sleep).stat().st_size
            assert each.inode is not None
            memory = ProcessMemory(program.pid, each.inode)
            assert memory.read(0, 4) == b"\x7fELF"
            memory.close()
        finally:
            program.kill()


def test_what_may_not_be_read_is_a_bound() -> None:
    """And never more than what no row accounts for."""
    mine = Survey((), "/dev/shm", 0, 0, 100 << 20, (1,), unlisted_unread=6 << 20)
    assert "100.0 M of it in none of these, up to 6.0 M in processes of others" in totals_line(mine)
    assert "up to" not in totals_line(Survey((), "/dev/shm", 0, 0, 100 << 20, ()))
    found = survey()
    assert found.unlisted_unread <= found.unlisted


def test_shared_memory_of_a_process_is_counted_by_the_kernel() -> None:
    """As it maps it: pages that it touched."""
    before, size = resident_shared(os.getpid()), 8 << 20
    with mmap.mmap(-1, size) as memory:
        memory[:] = b"x" * size
        assert resident_shared(os.getpid()) >= before + size // 2
    assert resident_shared(0) == 0
