"""Every lesson, in a real terminal: the scene is as its text says, and so is what its keys do."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shmtui.lessons.lesson import Lesson, Press
from shmtui.lessons.lesson_texts import LESSONS
from shmtui.lessons.workspace import PREFIX
from shmtui.procfs.maps import mapped_by
from shmtui.shm.segment import SHM_DIR, FileIdentity
from tests.cli.test_help import completions
from tests.program import items_of, run_shmtui
from tests.terminal import Terminal
from tests.waiting import PATIENCE, poll

LONG = 3 * PATIENCE
"""Seconds: a finding that rests on chance may have to wait for it."""

Shown = str | Callable[[str], bool]


# What stands on the screen at first, and what comes of each row of keys, in the text's order.
FULL, EMPTY = "5 of 5 full", "0 of 5 full"
AT_FIRST: dict[str, Shown] = {
    "hang": "critical: never-initialised",
    "full": FULL,
    "empty": lambda text: text.count("■ blocked") == 2 and EMPTY in text,
    "no-mutex": "producers (2)",
    "swapped-waits": "critical: wrong-order",
    "killed": "critical: dead-holder",
    # Not certain for an ordinary user: root may have taken it.
    "lost-permit": lambda text: "lost-permit certain" in text or "lost-permit likely" in text,
    "starvation": "starved certain",
    "many": lambda text: "producers (4)" in text and "consumers (4)" in text,
    "lost-update": "critical: item-overwritten",
    "sem-init-0": "critical: process-private",
    "who-first": "critical: start-fails",
}
AFTER: dict[str, tuple[Shown, ...]] = {
    "hang": ("What to do", "Carry it out", "items move again", "Produzindo: "),
    "full": (
        "consumers (2)",
        lambda text: FULL not in text,
        FULL,
    ),
    "empty": ("producers (2)", FULL, EMPTY),
    "no-mutex": ("NOT BALANCED", "keeps to the protocol again"),
    "swapped-waits": (
        "What to do",
        lambda text: "producers (0)" in text and "wrong-order is over" in text,
        "producers (1)",
    ),
    "killed": ("What to do", "Carry it out", "items move again", "balanced"),
    "lost-permit": ("What to do", "full: value", "items move again"),
    "starvation": ("What to do", "keeps to the protocol again"),
    "many": (
        "balanced",
        "consumers (5)",
        lambda text: "16 of 16 full" in text or "15 of 16 full" in text,
        lambda text: "producers (0)" in text and "0 of 16 full" in text,
    ),
    "lost-update": (
        lambda text: "✗ critical" not in text and "step 3 of" in text,
        "step 5 of",
        "critical: item-overwritten",
        lambda text: "✗ critical" not in text and "step 8 of" in text,
    ),
    "sem-init-0": (
        lambda text: "✗ critical" not in text and "step 2 of" in text,
        "step 3 of",
        "critical: process-private",
    ),
    "who-first": (
        lambda text: "✗ critical" not in text and "step 1 of" in text,
        lambda text: "No such file" in text and "has ended with 1" in text,
        lambda text: text.count("next: starts") == 2,
        "critical: start-fails",
    ),
}


def test_the_table_is_whole() -> None:
    """No lesson and no row of keys goes untried."""
    assert list(AT_FIRST) == list(AFTER) == [lesson.name for lesson in LESSONS]
    assert [len(AFTER[lesson.name]) for lesson in LESSONS] == [len(x.press) for x in LESSONS]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_is_as_its_text_says(lesson: Lesson) -> None:
    """The predicted finding is there, or none; each row of keys does what stands beside it."""
    with Terminal("lab", lesson.name, columns=160, rows=50) as terminal:
        terminal.wait_for(lesson.title[:30])
        terminal.wait_for(AT_FIRST[lesson.name], lesson.name, LONG)
        terminal.wait_for("What it is called")
        if lesson.name == "no-mutex":
            segment = f"/{PREFIX}{terminal.process.pid}"
            poll(lambda: terminal.text and items_of(segment) > 500, "some may be lost", LONG)
        for code in lesson.findings:
            if code != "items-lost":
                terminal.wait_for(code, deadline=LONG)
        if not lesson.findings:
            terminal.wait_for("healthy")
            assert "findings" not in terminal.text.replace("no findings", "")
        ticked: list[Press] = []
        for press, shown in zip(lesson.press, AFTER[lesson.name], strict=True):
            terminal.press(*press.keys)
            terminal.wait_for(shown, f"{press.keys}: {press.text}", LONG)
            ticked.append(press)
            terminal.wait_for(lambda text: text.count("✓ ") >= len(ticked), "it is ticked off")
            if "{leave} closes" in press.text:
                terminal.wait_for("esc closes")
                terminal.press("q")
                terminal.wait_for(lambda text: "esc closes" not in text, "it closes")
        terminal.press("q")
        assert terminal.wait() == 0
    own = f"{PREFIX}{terminal.process.pid}"
    assert [entry for entry in os.listdir(SHM_DIR) if entry.startswith(own)] == []


HELD = {
    "hang": "never-initialised",
    "no-mutex": "item-overwritten",
    "swapped-waits": "deadlock",
    "killed": "deadlock",
    "lost-permit": "lost-permit",
}


def test_what_has_a_held_form() -> None:
    """The mistakes that one order of steps shows; starvation is one of chance, and the others are right."""
    assert [lesson.name for lesson in LESSONS if lesson.held is not None] == list(HELD)


@pytest.mark.parametrize("name", HELD)
def test_a_mistake_is_held_at_its_step(name: str) -> None:
    """Forwards and backwards; at 80 × 24 what to press stays in view above, ticked off. Who uses what nobody
    initialised does so from the start.
    """
    always = name == "hang"
    with Terminal("lab", name, "--steps", columns=80, rows=24) as terminal:
        terminal.wait_for(f"✗ critical: {HELD[name]}", deadline=LONG)
        assert b"looking for an order" in terminal.raw, "the search is told, as it takes seconds"
        terminal.wait_for("What you see")
        terminal.press("<")
        terminal.wait_for(
            lambda text: "✓ <" in text and ("✗ critical" in text) == always, "the start"
        )
        terminal.wait_for("4 Programs")
        terminal.press("x")
        terminal.wait_for(lambda text: "✓ x" in text and "✗ critical" in text, "the mistake")
        terminal.press("left")
        terminal.wait_for(
            lambda text: "✓ left" in text and ("✗ critical" in text) == always, "before it"
        )
        terminal.press("q")
        assert terminal.wait() == 0
    own = f"{PREFIX}{terminal.process.pid}"
    assert left_of(own) == []


def test_from_lesson_to_lesson() -> None:
    """To the next and back, to the held form and back, over private memory too; nothing is left of any."""
    with Terminal("lab", "lost-permit", "--lang", "pt", columns=130, rows=40) as terminal:
        terminal.wait_for("O que se vê")
        terminal.press("b")
        terminal.wait_for("4 Programas", deadline=LONG)
        terminal.wait_for(lambda text: "✗" in text and "lost-permit" in text, "its mistake")
        terminal.press("b")
        terminal.wait_for(lambda text: "lost-permit" in text and "4 Processos" in text, "its scene")
        terminal.press("[")
        terminal.wait_for(lambda text: "SIGKILL" in text, "the one before")
        terminal.press("]")
        terminal.wait_for(lambda text: "empty + full" in text, "the next one")
        terminal.press("q")
        assert terminal.wait() == 0
    assert left_of(f"{PREFIX}{terminal.process.pid}") == []


def test_the_last_lesson_has_no_next() -> None:
    """That is said, and it stays."""
    with Terminal("lab", LESSONS[-1].name, columns=130, rows=40) as terminal:
        terminal.wait_for("What you see", deadline=LONG)
        terminal.press("]")
        terminal.wait_for("this is the last lesson")
        terminal.press("q")
        assert terminal.wait() == 0
    refused = run_shmtui("lab", "many", "--steps")
    assert refused.returncode == 2
    assert "leave out --steps" in refused.stderr


@pytest.mark.parametrize(("columns", "rows", "code"), [(80, 24, "en"), (50, 20, "pt")])
def test_a_narrow_terminal_shows_the_text_first(code: str, columns: int, rows: int) -> None:
    """It lies over the panels, scrolls to its end, and comes and goes with a key."""
    lesson, away = {"en": "Lesson", "pt": "Lição"}[code], {"en": "flow", "pt": "vazão"}[code]
    arguments = ("lab", "many", "--lang", code)
    with Terminal(*arguments, columns=columns, rows=rows) as terminal:
        text = terminal.wait_for(lambda text: f"n {lesson} ──" in text, "the text is there")
        assert "mutex ●" not in text
        terminal.press("end")
        terminal.wait_for("mutex.")
        terminal.press("n")
        terminal.wait_for(lambda text: f"n {lesson} ──" not in text, "the text goes")
        terminal.wait_for(lambda text: "▲" in text and "▼" in text, away)
        terminal.press("n")
        terminal.wait_for(lambda text: f"n {lesson} ──" in text, "the text comes back")
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
def test_a_dialog_leaves_the_lesson_in_view(columns: int, rows: int) -> None:
    """All of it beside the dialog, or what to press above it; afterwards it is as it was."""
    with Terminal("lab", "no-mutex", columns=columns, rows=rows) as terminal:
        terminal.wait_for("What you see")
        terminal.press("n")
        terminal.wait_for("producers (2)")
        terminal.press("n")
        terminal.wait_for("What you see")
        terminal.press("x")
        text = terminal.wait_for("esc goes back")
        text = terminal.wait_for(lambda text: "What to press" in text, "what to press")
        assert "To expect" in text
        assert "x enter" in text
        assert "╭─ n Lesson" in text
        assert text.index("x enter") < text.index("To expect")
        # A change of size finds room anew.
        terminal.resize(200 - columns, 64 - rows)
        terminal.wait_for(lambda text: "x enter" in text and "To expect" in text, "both again")
        terminal.press("x")
        terminal.wait_for("What you see")
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (50, 20)])
def test_a_finding_opens_from_a_lesson_over_all_panels(columns: int, rows: int) -> None:
    """By the keys that the text says: the panel comes into view, the finding opens, and q closes it alone."""
    with Terminal("lab", "swapped-waits", columns=columns, rows=rows) as terminal:
        terminal.wait_for("critical: wrong-order", deadline=LONG)
        assert "╭─ 5 Events" not in terminal.wait_for("╭─ n Lesson")
        terminal.press("5")
        terminal.wait_for("╭─ 5 Events")
        terminal.press("enter")
        terminal.wait_for("Evidence")
        terminal.press("q")
        terminal.wait_for(lambda text: "Evidence" not in text and "n Lesson" in text, "it closes")
        terminal.press("q")
        assert terminal.wait() == 0


def test_the_two_programs_hang_in_python_too(tmp_path: Path) -> None:
    """Where no compiler is: the same findings, and the same way out."""
    path = f"{tmp_path}:/usr/bin/nothing"
    command = (sys.executable, "-m", "shmtui")
    with Terminal("lab", "hang", columns=160, rows=50, env={"PATH": path}, command=command) as seen:
        text = seen.wait_for("critical: never-initialised", deadline=LONG)
        assert "can't wake" in seen.wait_for(lambda text: text.count("can't wake") == 2, text)
        seen.press("r")
        seen.wait_for("Carry it out", deadline=LONG)
        seen.press("y")
        seen.wait_for("items move again", deadline=LONG)
        seen.press("q")
        seen.wait_for(lambda text: "esc closes" not in text)
        seen.press("l")
        seen.wait_for("Produzindo: ")
        seen.press("q")
        seen.wait_for(lambda text: "esc closes" not in text)
        seen.press("q")
        assert seen.wait() == 0


def test_the_list_and_a_lesson_that_there_is_none_of() -> None:
    """A line each; an unknown name is refused with those that there are."""
    done = run_shmtui("lab")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[: len(LESSONS)]] == [
        lesson.name for lesson in LESSONS
    ]
    refused = run_shmtui("lab", "nope")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1
    assert all(lesson.name in refused.stderr for lesson in LESSONS)
    outside = run_shmtui("lab", "full")
    assert outside.returncode == 2
    assert "is not a terminal" in outside.stderr


def test_names_of_lessons_complete() -> None:
    """As commands and segments do."""
    assert completions("lab", "s") == {"swapped-waits", "starvation", "sem-init-0"}


@pytest.mark.alone
def test_a_killed_lesson_is_swept_by_the_next(tmp_path: Path) -> None:
    """SIGKILL leaves its segment, control block and folder; they go as the next lesson starts."""
    env = {"TMPDIR": str(tmp_path)}
    with Terminal("lab", "hang", env=env) as seen:
        seen.wait_for("Both programs are blocked")
        own = f"{PREFIX}{seen.process.pid}"
        poll(lambda: sorted(left_of(own)) == [own, f"{own}.shmtui"], "segment and control block")
        seen.process.kill()
        seen.process.wait()
    assert left_of(own)
    assert len(list(tmp_path.iterdir())) == 1
    poll(lambda: not mapped_by(identity(own)), "its programs have ended")
    with Terminal("lab", "hang", env=env) as seen:
        seen.wait_for("Both programs are blocked")
        assert left_of(own) == []
        assert len(list(tmp_path.iterdir())) == 1
        seen.press("q")
        assert seen.wait() == 0
    assert list(tmp_path.iterdir()) == []


def left_of(segment: str) -> list[str]:
    """What is in /dev/shm of a lesson's."""
    return [entry for entry in os.listdir(SHM_DIR) if entry.startswith(segment)]


def identity(segment: str) -> FileIdentity:
    """The file of a lesson's segment."""
    return FileIdentity.of(Path(SHM_DIR, segment).stat())
