"""How often the kernel is asked who is at the locks of a segment: it takes longer than the rest of a look."""

import os
from collections.abc import Callable

import pytest

from shmtui.monitor.process_table import COUNT_NS, ProcessTable
from shmtui.monitor.tracked_process import SCAN_NS
from shmtui.monitor.unseen_processes import UnseenProcesses
from shmtui.procfs.credentials import FileAccess
from shmtui.shm.segment import FileIdentity, segment_path
from tests.conftest import MakeBuffer


def test_where_it_has_come_to_rest_and_else_now_and_then(
    make_buffer: MakeBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes to hold a lock changes a word; in what moves no finding rests on who is there."""
    with open(segment_path(make_buffer().name), "rb") as opened:
        status = os.fstat(opened.fileno())
    access = FileAccess(status.st_uid, status.st_gid, status.st_mode & 0o777)
    table = ProcessTable(FileIdentity.of(status), None)
    asked: list[bool] = []

    def account(_unseen: UnseenProcesses, nobody_else: Callable[[], bool] | None) -> None:
        asked.append(nobody_else is not None)

    monkeypatch.setattr(UnseenProcesses, "account", account)
    now = 10 * COUNT_NS
    for position in "A", "B", "C", "C", "C", "D", "D":
        table.read((), now, access, position=position)
        now += SCAN_NS
    assert asked == [True, False, False, True, False, False, True]
    table.read((), now + COUNT_NS, access, position="E")
    table.read((), now + COUNT_NS + SCAN_NS, access, position="F", thorough=True)
    table.read((), now + COUNT_NS + 2 * SCAN_NS, access, position=None)
    assert asked[7:] == [True, True, True]
