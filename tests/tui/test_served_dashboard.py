"""The dashboard for browsers: what it sends is what it has painted, and its keys only navigate."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import MONOKAI
from textual.strip import Strip

from shmtui.monitor.sampler import Sampler
from shmtui.session.broadcast import Rows
from shmtui.session.opener import Attachment
from shmtui.shm.segment import create_segment, unlink_segment
from shmtui.tui.screens.picker import PickerScreen
from shmtui.tui.served_dashboard import KEYS, ServedDashboard, key_event, pieces, style_of
from tests.conftest import MakeBuffer
from tests.tui.dashboards import NEVER_HZ, opener_of, screen_text, shows, tells
from tests.waiting import until

STYLES = st.sampled_from([None, Style(bold=True), Style.parse("red on blue"), Style(meta={"a": 1})])
TEXTS = st.text("ab ─█好\u0301\u200b", max_size=6)


@given(st.lists(st.tuples(TEXTS, STYLES)))
def test_pieces_are_the_row(parts: list[tuple[str, Style | None]]) -> None:
    """All of its text in its order and its styles, and each piece takes the cells that it says."""
    strip = Strip([Segment(text, style) for text, style in parts])
    found = list(pieces(strip, MONOKAI))
    # What belongs upon a character before the row belongs nowhere.
    assert "".join(text for _css, text, _cells in found) == strip.text.lstrip("\u0301\u200b")
    for _css, text, cells in found:
        assert cells == cell_len(text) if cells else all(cell_len(each) == 1 for each in text)


def test_a_style_says_both_colours() -> None:
    """Also where it has none of its own, or the other way round."""
    plain, reversed_ = style_of(Style.null(), MONOKAI), style_of(Style(reverse=True), MONOKAI)
    front, back = MONOKAI.foreground_color.hex, MONOKAI.background_color.hex
    assert plain == f"color:{front};background:{back}"
    assert reversed_ == f"color:{back};background:{front}"
    assert style_of(Style(dim=True), MONOKAI) not in {plain, reversed_}
    assert style_of(Style(underline=True, strike=True), MONOKAI).endswith(":underline line-through")


def test_browsers_names_of_keys() -> None:
    """Characters are keys by the names that bindings have; what is not in the table is none."""
    found = {text: key_event(text) for text in ("?", ".", "+", " ", "R", "ç", "[", "Tab")}
    names = {text: key.key for text, key in found.items() if key is not None}
    assert names == {
        "?": "question_mark", ".": "full_stop", "+": "plus", " ": "space", "R": "R", "ç": "ç",
        "[": "left_square_bracket", "Tab": "tab",
    }  # fmt: skip
    for text in ("Control+c", "Control+q", "F9", "\x03", "", "qq", "\u0301\u0301", "__class__"):
        assert key_event(text) is None


class Sent:
    """A dashboard for browsers over a segment, and the last picture that it sent."""

    def __init__(self, attachment: Attachment | None, **named: object) -> None:
        self.rows: Rows = []
        self.app = ServedDashboard(attachment, show=self._show, refresh_hz=NEVER_HZ, **named)

    def _show(self, rows: Rows) -> None:
        self.rows = rows

    @property
    def text(self) -> str:
        """What a page shows."""
        return "\n".join("".join(text for _css, text, _cells in row) for row in self.rows)


async def test_keys_navigate_and_change_nothing(
    make_buffer: MakeBuffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key of the table and each character, one after the other: it goes on, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    buffer = make_buffer()
    bytes_before = Path("/dev/shm" + buffer.name).read_bytes()
    sampler = Sampler(buffer.name)
    sent = Sent(Attachment(sampler))
    async with sent.app.run_test(size=(120, 40)) as pilot:
        for off in ("q", "W", "e", "p", "K", "r", "o"):
            sent.app.press(off)
            await tells(sent.app, f"{off} " if off not in "o" else "no way to other segments")
        sent.app.press("f")
        await shows(sent.app, "4 Processes", but=screen_text(sent.app))
        for text in (*map(chr, range(32, 127)), *KEYS, "click 5 39", "click 999 999", "click -1 2"):
            sent.app.press(text)
        await pilot.pause()
        sent.app.press("Escape")
        await pilot.pause()
        await until(lambda: sent.text == screen_text(sent.app), "the page shows the screen")
        assert sent.app.is_running
    sampler.close()
    assert sent.app.return_code in {0, None}
    assert Path("/dev/shm" + buffer.name).read_bytes() == bytes_before
    assert not list(tmp_path.iterdir())


async def test_a_click_is_one(make_buffer: MakeBuffer) -> None:
    """On the key bar it presses the key."""
    sampler = Sampler(make_buffer().name)
    sent = Sent(Attachment(sampler))
    async with sent.app.run_test(size=(120, 40)):
        text = await shows(sent.app, "? Help")
        sent.app.press(f"click {text.splitlines()[39].index('? Help')} 39")
        await shows(sent.app, "Show all keys")
    sampler.close()


async def test_the_list_ends_and_removes_nothing(name: str) -> None:
    """It attaches; what removes, ends a process, or closes the last screen is off."""
    create_segment(name, 4096)
    sent = Sent(None, opener=opener_of(Path("/dev/shm")))
    try:
        async with sent.app.run_test(size=(120, 40)):
            for character in name[1:]:
                sent.app.press(character)
            await shows(sent.app, "orphan")
            assert "removes orphans" not in screen_text(sent.app)
            sent.app.press("Delete")
            await shows(sent.app, "off in a browser")
            sent.app.simulate_key("f9")
            await shows(sent.app, "f9 is off")
            first = sent.app.screen
            for _time in range(2):  # The filter is emptied, then the list is closed.
                sent.app.press("Escape")
            await until(
                lambda: isinstance(sent.app.screen, PickerScreen) and sent.app.screen is not first,
                "the list again",
            )
            assert sent.app.is_running
    finally:
        unlink_segment(name)
