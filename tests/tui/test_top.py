"""``shmtui top``: the live list in the real program, and in a dashboard that a test drives."""

import signal
from pathlib import Path

from shmtui.shm.segment import create_segment, segment_path, unlink_segment
from shmtui.tui.object_rows import ObjectRow
from shmtui.tui.screens.object_list import PickerPanel
from tests.terminal import Terminal
from tests.tui.dashboards import foreign_process, opener_of, reports, ring_bytes, shows
from tests.tui.test_picker import folder, picker
from tests.waiting import poll, until

__all__ = ["folder"]


def test_what_comes_and_goes_is_seen(name: str) -> None:
    """Without a key; it ends by escape."""
    with Terminal("top", columns=120, rows=30) as terminal:
        terminal.wait_for("Shared memory of this machine")
        terminal.wait_for("(Shmem)")
        terminal.press(*name.removeprefix("/"))

        def gone() -> bool:
            create_segment(name, 8192)
            terminal.wait_for(f"{name} ")
            unlink_segment(name)
            # Whoever looks at it just then has it open: it is not gone, and is called otherwise.
            text = terminal.wait_for(lambda text: "gone:" in text or f"{name} " not in text)
            return "gone:" in text

        poll(gone, "what is gone is said")
        terminal.press("\x1b")
        terminal.wait_for("type to filter")
        terminal.press("\x1b")
        assert terminal.wait() == 0


def test_totals_without_room_are_seen_to_be_cut() -> None:
    """They have two lines, and the second ends in an ellipsis."""
    with Terminal("top", columns=40, rows=20) as terminal:
        screen = terminal.wait_for("(Shmem)").splitlines()
        assert screen[2].rstrip(" │┃").endswith("…")
        assert "filter" in screen[3]
        terminal.press("\x1b")
        assert terminal.wait() == 0


def test_an_orphan_is_removed_after_a_question(name: str) -> None:
    """The key alone removes nothing."""
    create_segment(name, 8192)
    with Terminal("top", columns=120, rows=30) as terminal:
        terminal.wait_for("(Shmem)")
        terminal.press(*name.removeprefix("/"))
        terminal.wait_for("1 of ")
        # A key that is held down sends many: they are one question.
        terminal.press("\x1b[3~\x1b[3~\x1b[3~")
        terminal.wait_for("Leave it")
        assert Path(segment_path(name)).exists()
        terminal.press("y")
        terminal.wait_for(f"removed {name}")
        assert not Path(segment_path(name)).exists()
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 128 + signal.SIGTERM


def titles(text: str) -> str:
    """The line of titles."""
    return next(line for line in text.splitlines() if "looks like" in line)


def first_target(panel: PickerPanel) -> str:
    """That of the first row."""
    row = panel.items[0]
    return row.each.target if isinstance(row, ObjectRow) else ""


async def test_a_change_has_a_mark_without_colours(folder: Path) -> None:
    """Before its row."""
    with picker(opener_of(folder)) as app:
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, "/jobs")
            (folder / "fresh").write_bytes(bytes(64))
            (folder / "jobs").unlink()
            await pilot.press("ctrl+r")
            text = await shows(app, "+/fresh")
            assert "-/jobs" in text
            (folder / "fresh").write_bytes(bytes(9000))
            await pilot.press("ctrl+r")
            await shows(app, "^/fresh")


async def test_sorting_by_key_and_by_click(folder: Path) -> None:
    """The cursor stays on its row."""
    (folder / "jobs").write_bytes(ring_bytes() + bytes(100_000))
    with picker(opener_of(folder)) as app:
        async with app.run_test(size=(120, 30)) as pilot:
            text = await shows(app, "/jobs")
            panel = app.screen.query_one(PickerPanel)
            assert panel.chosen_object is not None
            chosen = panel.chosen_object.target
            await pilot.press("right")
            assert panel.chosen_object.target == chosen
            at = titles(text).index("size") + 2
            row = text.splitlines().index(titles(text))
            await pilot.click(offset=(at, row))
            await until(lambda: first_target(panel) == "/jobs", "the largest is first")


async def test_nothing_of_another_folder_is_removed(folder: Path, name: str) -> None:
    """A segment of the same name in this /dev/shm stays, and so does the other."""
    create_segment(name, 4096)
    other = folder / name.removeprefix("/")
    other.write_bytes(ring_bytes())
    try:
        with picker(opener_of(folder)) as app:
            async with app.run_test(size=(120, 30)) as pilot:
                await shows(app, "/jobs")
                await pilot.press(*name.removeprefix("/"), "delete")
                await shows(app, "Leave it")
                await pilot.press("y")
                await shows(app, "remove it from inside")
        assert other.exists()
        assert Path(segment_path(name)).exists()
    finally:
        unlink_segment(name)


async def test_groups_keep_the_cursor_and_fold(folder: Path) -> None:
    """The filter goes on; enter on a group's line hides its rows, and opens nothing."""
    with picker(opener_of(folder, slots=5)) as app:
        async with app.run_test(size=(120, 30)) as pilot:
            await shows(app, "/jobs")
            panel = app.screen.query_one(PickerPanel)
            await pilot.press(*"jobs", "tab")
            await shows(app, "in groups by kind")
            assert panel.chosen_object is not None
            assert panel.chosen_object.target == "/jobs"
            await pilot.press("up", "enter")
            await shows(app, "1 object", but="/jobs")
            assert [row.key for row in panel.items] == [("posix", None)]
            await pilot.press("ctrl+u", "tab")
            text = await shows(app, "in groups by program")
            assert "nobody seen" in text
            await pilot.press("tab", *"jobs")
            assert panel.chosen_object is not None
            await pilot.press("enter")
            await reports(app, "attached to /jobs")
            await pilot.press("o")
            await shows(app, "/jobs")


async def test_the_groups_are_those_of_the_last_time(folder: Path) -> None:
    """While shmtui runs."""
    with picker(opener_of(folder, slots=5)) as app:
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, "/jobs")
            await pilot.press("tab", "tab", *"jobs", "enter")
            await reports(app, "attached to /jobs")
            await pilot.press("o")
            await shows(app, "nobody seen")


def test_top_takes_groups_and_order(name: str) -> None:
    """A program, and beneath it what it maps."""
    create_segment(name, 8192)
    with (
        foreign_process(name) as process,
        Terminal("top", "--group", "program", "--sort", "in-use", columns=80, rows=24) as terminal,
    ):
        terminal.wait_for("in groups by program")
        terminal.press(*name.removeprefix("/"))
        terminal.wait_for("1 of ")
        terminal.wait_for("1 object")
        terminal.wait_for(f"mapped by {process.pid}")
        terminal.press("\x1b")
        terminal.wait_for("type to filter")
        terminal.press("\x1b")
        assert terminal.wait() == 0
    unlink_segment(name)
