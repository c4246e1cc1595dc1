"""Shared memory that no process maps shared, or that this user may not look into, is accounted for."""

import mmap
import os
import shutil
import subprocess
import sys
from pathlib import Path

from shmtui.monitor.discovery import survey
from shmtui.monitor.shared_object import ObjectKind, Survey
from shmtui.procfs.initial_files import initial_files
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


def test_the_sum_is_explained() -> None:
    """What rows do not account for is in processes that may not be read, up to that, or in nothing seen."""
    mine = Survey((), "/dev/shm", 0, 0, 100 << 20, (1, 2), unlisted_unread=6 << 20)
    parts = "= 0 B in rows + up to 6.0 M in 2 unreadable processes + 94.0 M in nothing"
    assert parts in totals_line(mine)
    assert "up to" not in totals_line(Survey((), "/dev/shm", 0, 0, 100 << 20, ()))


def test_rows_add_up_to_the_kernels_count() -> None:
    """With the files of other file systems in memory, and what is not this user's to see."""
    for _try in range(20):
        found = survey()
        assert found.unlisted_unread <= found.unlisted
        listed = found.in_rows[0] + found.in_file_systems[0]
        assert found.shared is not None
        if not found.unlisted and abs(found.shared - listed) < max(found.shared // 20, 2 << 20):
            return
        if found.unlisted_unread:
            return
    raise AssertionError(totals_line(found))


def test_files_that_the_machine_started_from() -> None:
    """Where they are in memory, there is a row for them, which never is more than the kernel counts."""
    found = survey()
    mine = [e.in_use for e in found.objects if e.target == "tmpfs:rootfs"]
    assert mine == ([initial_files()] if initial_files() else [])
    assert found.shared is not None
    assert initial_files() <= found.shared


def test_shared_memory_of_a_process_is_counted_by_the_kernel() -> None:
    """As it maps it: pages that it touched."""
    before, size = resident_shared(os.getpid()), 8 << 20
    with mmap.mmap(-1, size) as memory:
        memory[:] = b"x" * size
        assert resident_shared(os.getpid()) >= before + size // 2
    assert resident_shared(0) == 0
