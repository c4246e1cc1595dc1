"""The table of keys. Bindings, key bar, help, palette and man pages are made from it. Pure.

It loads nothing that draws: man pages are made where Textual is not installed.
"""

from functools import partial

from shmtui.i18n import N_
from shmtui.tui.key import (
    ALONE,
    BYTES,
    IN_LESSON,
    LESSON,
    LIVE,
    LIVE_BYTES,
    OPENER,
    PAIR,
    PROGRAMS,
    REPLAY,
    ROWS,
    STEPS,
    Key,
)


def _command(
    group: str,
    keys: str,
    name: str,
    label: str,
    text: str,
    rank: int = 0,
    as_shown: str = "",
    needs: str = "",
) -> Key:
    """A key of one of the commands of a group."""
    return Key(keys, f"{group}('{name}')", label, text, rank, as_shown, needs=needs)


_workers = partial(_command, "workers")
"""A key of the workers, by the name of one of `WorkerActions`."""
_replay = partial(_command, "replay", needs=REPLAY)
"""A key of a replay, by the name of one of `shmtui.tui.replay_commands`."""
_lesson = partial(_command, "lesson", needs=LESSON)
"""A key that leaves a lesson for another."""
_step = partial(_command, "steps", needs=STEPS)
"""A key of a schedule, by the name of one of `shmtui.tui.step_commands`."""


_FASTER = N_("Faster, along 0.1 0.2 0.5 1 2 5 10 ... 100 000, max")
_QUIT = N_("Quit: our own workers end, our own segment is unlinked")


_REPLAY_KEYS: tuple[Key, ...] = (
    _replay("space", "toggle", N_("Play"), N_("Play, or pause"), 1),
    _replay("right", "step", N_("Step"), N_("One snapshot on, and pause"), 2),
    _replay("left", "step_back", "", N_("One snapshot back, and pause")),
    _replay("plus,equals_sign", "faster", N_("Faster"), N_("Faster, up to 100 times"), 3, "+"),
    _replay("minus", "slower", N_("Slower"), N_("Slower, down to a tenth"), 3, "-"),
    _replay("0", "usual_speed", "", N_("As fast as it was")),
    _replay("full_stop", "next_event", N_("Event"), N_("To the next event, and pause"), 2, "."),
    _replay("comma", "last_event", "", N_("To the previous event, and pause"), 2, ","),
    _replay("n", "next_finding", N_("Finding"), N_("To where the next finding begins"), 1),
    _replay("N", "last_finding", "", N_("To where the previous finding begins")),
    _replay("g", "ask", N_("Time"), N_("Go to a time"), 1),
    _replay(
        "d",
        "show_next",
        N_("Side"),
        N_("Both recordings side by side, the first alone, the second alone"),
        1,
        needs=PAIR,
    ),
    _replay(
        "a",
        "align",
        N_("Align"),
        N_("Align two recordings by time of day, or by their starts"),
        2,
        needs=PAIR,
    ),
    _replay("right_square_bracket", "on", "", N_("Ten seconds on"), 0, "]"),
    _replay("left_square_bracket", "back", "", N_("Ten seconds back"), 0, "["),
    _replay("less_than_sign", "start", "", N_("To the start"), 0, "<"),
    _replay("greater_than_sign", "end", "", N_("To the end"), 0, ">"),
)


_TO_FINDING = N_("To the step that shows the finding")


_STEP_KEYS: tuple[Key, ...] = (
    _step("space,right", "on", N_("Step on"), N_("The next step of the schedule"), 1, "space"),
    _step("left", "back", N_("Back"), N_("A step back: the programs are run anew up to there"), 1, "left"),
    _step("n", "fault", N_("Finding"), _TO_FINDING, 1, needs=ALONE),
    _step("x", "mistake", N_("Finding"), _TO_FINDING, 1, needs=IN_LESSON),
    _step("less_than_sign", "start", N_("Start"), N_("To where all programs have started"), 2, "<"),
    _step("greater_than_sign", "end", N_("End"), N_("To the last step"), 2, ">"),
)  # fmt: skip

_LESSON_KEYS: tuple[Key, ...] = (
    _lesson("right_square_bracket", "next", "", N_("The next lesson"), 0, "]"),
    _lesson("left_square_bracket", "before", "", N_("The lesson before"), 0, "["),
    _lesson("b", "held", "", N_("The lesson's mistake held at its step, or its scene again")),
)

KEYS: tuple[Key, ...] = (
    *_REPLAY_KEYS,
    *_STEP_KEYS,
    *_LESSON_KEYS,
    _workers("p", "add_producer", N_("Producer"), N_("Add a producer"), 2),
    _workers("c", "add_consumer", N_("Consumer"), N_("Add a consumer"), 2),
    _workers("plus,equals_sign,right", "faster", N_("Faster"), _FASTER, 1, "+"),
    _workers("minus,left", "slower", N_("Slower"), N_("Slower, along the same steps"), 1, "-"),
    _workers("m", "unthrottle", N_("Max"), N_("Unthrottled: as fast as it can"), 6),
    _workers("0", "reset_rate", N_("Reset"), N_("Back to its starting rate"), 8),
    _workers("space", "toggle_pause", N_("Pause"), N_("Pause, or resume"), 3),
    _workers("P", "toggle_pause_all", "", N_("Pause all workers, or resume all"), 0),
    _workers("S", "step_all", "", N_("Step all workers: one protocol step each"), 0),
    _workers("t", "terminate", N_("End"), N_("Terminate: it ends after its critical section"), 5),
    _workers("K", "kill", N_("Kill"), N_("Kill: it ends wherever it is"), 7),
    _workers("f9", "signal", N_("Signal"), N_("Signal: choose one from a list; asks first"), 8),
    _workers(
        "s",
        "step",
        N_("Step"),
        N_("Step: one protocol step, and wait before the next; of a program of yours, one call"),
        4,
    ),
    _workers("x", "faults", N_("Faults"), N_("Faults: a mistake to make, and what to expect"), 4),
    _workers("v", "audit", N_("Audit"), N_("Audit: hold the workers, and count lost items"), 4),
    _workers("r", "repair", N_("Repair"), N_("Repair: shows the plan, then asks"), 3),
    Key("i", "interpret", N_("Type"), N_("Read the bytes as another type"), 3, needs=BYTES),
    Key("g", "go_to", N_("Go to"), N_("Go to an offset, 0x... or decimal"), 3, needs=LIVE_BYTES),
    Key("o", "attach", N_("Open"), N_("Attach to another segment, from a list"), 2, needs=OPENER),
    Key("l", "logs", N_("Logs"), N_("What your own programs print"), 2, needs=PROGRAMS),
    Key("n", "main('toggle_lesson')", N_("Lesson"), N_("Show or hide the lesson"), 1, needs=LESSON),
    Key(
        "w",
        "graph",
        N_("Waits"),
        N_("Who waits for what, and who holds it, over all segments"),
        5,
        needs=LIVE,
    ),
    Key(
        "e",
        "exact",
        N_("Exact"),
        N_("Start or stop counting every item by hardware breakpoints"),
        5,
        needs=LIVE,
    ),
    Key(
        "W",
        "record",
        N_("Record"),
        N_("Start or stop recording to a file in this folder"),
        5,
        needs=LIVE,
    ),
    Key(
        "I",
        "report",
        N_("Report"),
        N_("Incident report: Markdown and a capsule, in this folder"),
        5,
        needs=LIVE,
    ),
    Key(
        "d",
        "dismiss",
        "",
        N_("Dismiss what has ended; what a finding rests on stays"),
        needs=LIVE,
    ),
    Key(
        "z", "freeze", N_("Freeze"), N_("Freeze or thaw the display; workers go on"), 4, needs=LIVE
    ),
    Key(
        "f", "main('toggle_maximised')", N_("Zoom"), N_("Maximise or restore the focused panel"), 4
    ),
    Key(
        "slash,f3,f4",
        "filter",
        N_("Filter"),
        N_("Filter the processes or events by words"),
        6,
        "/",
        needs=ROWS,
    ),
    Key(
        "f6",
        "main('next_order')",
        "",
        N_("Sort the processes or events: the next order"),
        needs=ROWS,
    ),
    Key(
        "R",
        "main('reverse_order')",
        "",
        N_("Sort the processes or events the other way round"),
        needs=ROWS,
    ),
    Key(
        "y",
        "copy",
        "",
        N_("Copy the chosen process, finding or event: clipboard and file"),
        needs=ROWS,
    ),
    Key("f2", "columns", "", N_("Columns: choose those of the processes"), needs=ROWS),
    Key("escape", "main('restore')", "", N_("Restore all panels"), as_shown="esc"),
    Key("1", "main('go_to_panel', 'ring')", "", N_("Go to the ring")),
    Key("2", "main('go_to_panel', 'semaphores')", "", N_("Go to the semaphores")),
    Key("3", "main('go_to_panel', 'throughput')", "", N_("Go to the throughput")),
    Key("4", "main('go_to_panel', 'processes')", "", N_("Go to the processes")),
    Key("5", "main('go_to_panel', 'events')", "", N_("Go to the events")),
    Key("tab", "main('step_panel', 1)", "", N_("Next panel")),
    Key("shift+tab", "main('step_panel', -1)", "", N_("Previous panel")),
    Key(
        "question_mark,h,f1",
        "help",
        N_("Help"),
        N_("Show all keys and what the glyphs mean"),
        0,
        "?",
    ),
    Key("q,f10,ctrl+q", "leave(0)", N_("Quit"), _QUIT, 0, "q"),
    Key("ctrl+c", "leave(130)", "", N_("Quit, as an interrupt does"), priority=True),
    Key("ctrl+z", "suspend_process", "", N_("Suspend; fg comes back"), priority=True),
    Key("ctrl+l", "redraw", "", N_("Draw the whole screen again"), priority=True),
    Key("ctrl+p", "command_palette", N_("Menu"), N_("Find any command by name"), 3),
)
"""In the order of the key bar and of the help screen."""

MOUSE: tuple[tuple[str, str], ...] = (
    (N_("click"), N_("Choose a row, go to a panel, or press a key of the bar")),
    (N_("on a title"), N_("Sort the processes by that column; again: the other way round")),
    (N_("double-click"), N_("Maximise or restore a panel")),
    (N_("wheel"), N_("Scroll the processes or the events")),
)
