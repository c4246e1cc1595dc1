"""The page of ``shmtui serve`` in a real browser."""

import os
from pathlib import Path

from tests.browser import Browser
from tests.conftest import MakeBuffer
from tests.serving import Serving

FONT = "parseFloat(getComputedStyle(document.getElementById('screen')).fontSize)"
FITS = """(() => {
    const main = document.getElementById("screen"), box = main.getBoundingClientRect();
    const rows = [...main.children].map((row) => row.getBoundingClientRect());
    const inside = rows.every((row) => row.left >= box.left && row.right <= box.right + 1
        && row.top >= box.top && row.bottom <= box.bottom + 1);
    const wide = Math.max(...rows.map((row) => row.width)) > 0.8 * box.width
        || rows.length * rows[0].height > 0.8 * box.height;
    return inside && wide;
})()"""
PLACES = """(() => {
    const row = document.querySelector("main > div"), spans = [...row.children];
    const cell = row.getBoundingClientRect().width / 120;
    return spans.map((span) => (span.getBoundingClientRect().left
        - row.getBoundingClientRect().left) / cell);
})()"""


def test_a_page_shows_the_screen_and_drives_it(make_buffer: MakeBuffer, tmp_path: Path) -> None:
    """It loads under its own policy, fits, takes keys and clicks, and comes back after a break."""
    with Serving(make_buffer().name) as serving, Browser(tmp_path) as browser:
        browser.open(serving.presenting)
        assert "0 of 5 full" in browser.shows("Processes")
        assert browser.until(FITS, bool)
        # Each piece stands in its cell, whatever fonts this machine has.
        assert max(abs(place - round(place)) for place in browser.value(PLACES)) < 0.05
        if keep := os.environ.get("SHMTUI_TEST_PICTURE"):
            Path(keep).write_bytes(browser.picture())

        browser.press("?")
        browser.shows("Show all keys")
        browser.press("Escape", 27)
        browser.until("document.body.innerText", lambda text: "Show all keys" not in text)
        rows = browser.shows("? Help").splitlines()
        column = next(row for row in rows if "? Help" in row).index("? Help")
        at = browser.value(
            "(() => { const box = document.querySelector('main').lastElementChild"
            ".getBoundingClientRect(); return [box.left, box.top, box.width / 120]; })()"
        )
        browser.click(at[0] + at[2] * (column + 0.5), at[1] + 3)
        browser.shows("Show all keys")

        browser.value("socket.close()")
        browser.shows("no connection")
        browser.shows("presenter: your keys")


def test_a_viewer_chooses_its_own_font(make_buffer: MakeBuffer, tmp_path: Path) -> None:
    """Its keys do nothing to the screen of all, and the end is said."""
    with Browser(tmp_path) as browser:
        with Serving(make_buffer().name, "--font-size", "20") as serving:
            browser.open(serving.looking)
            browser.shows("viewer: ")
            browser.shows("Processes")
            assert browser.value(FONT) == 20
            browser.press("+")
            browser.until(FONT, lambda size: size == 22)
            browser.press("-")
            browser.press("-")
            browser.until(FONT, lambda size: size == 18)
            browser.press("?")
            browser.press("0")
            browser.until(FONT, lambda size: size != 18)
            assert browser.value(FITS)
            assert "Show all keys" not in browser.shows("Processes")
        browser.shows("no connection")
