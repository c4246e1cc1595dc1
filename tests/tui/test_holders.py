"""Ending a process that has an object of the list: who is offered, the question, which signal is sent."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shmtui.monitor.shared_object import SharedObject
from shmtui.procfs.identity import start_time
from shmtui.session.opener import SegmentOpener
from shmtui.shm.segment import create_segment, unlink_segment
from shmtui.tui.app import DashboardApp
from shmtui.tui.object_rows import Change, ListChoices
from shmtui.tui.screens.holders import HoldersPanel, HoldersScreen, holders_of
from shmtui.tui.screens.object_list import PickerPanel
from shmtui.tui.screens.picker import PickerScreen
from shmtui.tui.screens.text_screens import KillQuestion
from shmtui.tui.view_model import ViewModel
from tests.tui.dashboards import foreign_process, shows
from tests.tui.records import entry
from tests.tui.test_picker import picker
from tests.waiting import until

DEAF = """
import mmap, os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
view = mmap.mmap(os.open("/dev/shm" + sys.argv[1], os.O_RDWR), 0)
print("mapped", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def segment(name: str) -> Iterator[str]:
    """A segment of this machine's /dev/shm."""
    create_segment(name, 8192)
    yield name
    unlink_segment(name)


async def opened(app: DashboardApp, segment: str, pid: int) -> HoldersPanel:
    """The dialog on a segment, once the process is in it."""
    panel = app.screen.query_one(PickerPanel)

    def listed() -> bool:
        each = panel.chosen_object
        return each is not None and pid in {p for p, _name in each.mappers}

    panel.write(segment)
    await until(listed, "the segment with its process")
    await app.run_action("screen.end")
    await until(lambda: isinstance(app.screen, HoldersScreen), "the dialog")
    await shows(app, f"{pid} ")
    return app.screen.query_one(HoldersPanel)


@pytest.mark.parametrize(("answer", "ends"), [("y", True), ("n", False), ("escape", False)])
async def test_a_holder_is_ended_after_a_question(segment: str, answer: str, ends: bool) -> None:
    """Only a plain yes sends SIGTERM; then its row is gone."""
    with foreign_process(segment) as process, picker(SegmentOpener()) as app:
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(app, segment, process.pid)
            await pilot.press("t", "t", "t")
            await until(lambda: isinstance(app.screen, KillQuestion), "the question")
            await shows(app, f"End python ({process.pid})")
            assert process.poll() is None
            await pilot.press(answer)
            if ends:
                assert process.wait(30) == -signal.SIGTERM
                await shows(app, "nobody is seen to have it any more")
            else:
                assert process.poll() is None
            assert isinstance(app.screen, HoldersScreen)
            await pilot.press("escape")
            await until(lambda: isinstance(app.screen, PickerScreen), "the list")


async def test_one_that_stays_is_offered_to_be_killed(segment: str) -> None:
    """By the same key."""
    with (
        subprocess.Popen(
            [sys.executable, "-c", DEAF, segment],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as process,
        picker(SegmentOpener()) as app,
    ):  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"mapped\n"
        async with app.run_test(size=(80, 24)) as pilot:
            try:
                await opened(app, segment, process.pid)
                await pilot.press("t", "y")
                await shows(app, "t again offers to kill it")
                assert process.poll() is None
                await pilot.press("t")
                await shows(app, f"Kill python ({process.pid})")
                await pilot.press("y")
                assert process.wait(30) == -signal.SIGKILL
            finally:
                process.kill()


async def test_without_the_right_it_is_one_line(
    segment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's refusal, as an ordinary user gets it for another's process."""

    def refused(pidfd: int, number: int) -> None:
        raise PermissionError

    with foreign_process(segment) as process, picker(SegmentOpener()) as app:
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(app, segment, process.pid)
            monkeypatch.setattr(signal, "pidfd_send_signal", refused)
            await pilot.press("t", "y")
            await shows(app, "this user may not")
            assert process.poll() is None


async def test_what_nobody_has_offers_nobody(segment: str) -> None:
    """And shmtui itself is not ended."""
    with picker(SegmentOpener()) as app:
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, "(Shmem)")
            await pilot.press(*segment, "f9")
            await shows(app, "choose an object that processes have")
            assert isinstance(app.screen, PickerScreen)


def test_what_is_known_of_waits() -> None:
    """One that waits on any of the objects waits; what cannot be seen is not called no."""
    with subprocess.Popen(["sleep", "600"]) as process:
        me, other = os.getpid(), process.pid
        both = entry("/x", mappers=((me, "a"), (other, "b")), waiting=(me,))
        hidden = entry("/y", mappers=((me, "a"), (other, "b")), waiting=None)
        counted = entry("/z", mappers=((me, "a"),), waiters=1)
        try:
            assert _waits([both]) == {me: True, other: False}
            assert _waits([hidden, both]) == {me: True, other: None}
            assert _waits([counted]) == {me: None}
            assert [h.process.pid for h in holders_of([both], among=(other,))] == [other]
            (only,) = holders_of([entry("/w", mappers=((me, "a"), (2**22 + 1, "gone")))])
            assert only.process.start_time == start_time(me)
        finally:
            process.kill()


def _waits(objects: list[SharedObject]) -> dict[int, bool | None]:
    return {holder.process.pid: holder.waits for holder in holders_of(objects)}


def test_holders_are_those_of_the_last_look() -> None:
    """Also where the filter hides the row by now. What is gone stays on show for some seconds, and its
    processes may live on without it: none is offered.
    """
    panel, each = (
        PickerPanel(ViewModel(), ListChoices()),
        entry("/x", mappers=((os.getpid(), "a"),)),
    )
    panel._listed.take([each], 0)
    (row,) = panel._listed.rows("", "name")
    assert len(panel.holders(row.key)) == 1
    panel._listed.take([], 1)
    assert [row.change for row in panel._listed.rows("", "name")] == [Change.GONE]
    assert not panel.holders(row.key)
