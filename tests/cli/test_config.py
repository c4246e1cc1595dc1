"""The user's configuration: read by dashboards alone, refused in one line, printed whole."""

import re
import tomllib
from pathlib import Path

import pytest

from shmtui.tui.configuration import ACTIONS, configured
from shmtui.tui.keys import KEYS
from shmtui.tui.object_rows import USUAL_COLUMNS
from shmtui.tui.other_keys import OTHER_KEYS
from tests.program import run_shmtui
from tests.terminal import Terminal
from tests.waiting import poll


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's configuration is; there is none yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "shmtui" / "config.toml"
    path.parent.mkdir()
    return path


@pytest.mark.parametrize("language", ["en", "pt"])
def test_what_is_printed_is_a_configuration_in_which_all_is_as_usual(language: str) -> None:
    """As it is, and with every line in use."""
    printed = run_shmtui("config", "--lang", language).stdout
    assert configured(tomllib.loads(printed)).keys == KEYS
    said = tomllib.loads(re.sub("^#(?=[a-z])", "", printed, flags=re.MULTILINE))
    assert list(said) == ["theme", "rate", "columns", "process_columns", *ACTIONS]
    assert {section: list(said[section]) for section in ACTIONS} == {
        section: list(actions) for section, actions in ACTIONS.items()
    }
    found = configured(said)
    assert (found.theme, found.rate, found.columns) == ("shmtui-dark", 10.0, USUAL_COLUMNS)
    assert [key.keys for key in found.keys] == [key.keys for key in KEYS]
    assert [key.keys for key in found.other_keys] == [key.keys for key in OTHER_KEYS]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rate = = 4", "at line 1, column 8"),
        ("colums = 1", "did you mean columns?"),
        ("rate = true", "rate: True is not a frame rate"),
        ("rate = nan", "rate: nan is not a frame rate"),
        ('columns = ["nam"]', "columns: 'nam' is not known: did you mean name?"),
        ("columns = []", "columns: give a list"),
        ('process_columns = ["pod"]', "process_columns: 'pod' is not known: did you mean pid?"),
        ("process_columns = 3", "process_columns: give a list"),
        ("keys = 3", "keys: give a table"),
        ('[keys]\nkil = "X"', "keys: 'kil' is not known: did you mean kill?"),
        ('[keys]\nzzz = "x"', "keys: 'zzz' is not known: shmtui config prints all"),
        ('[keys]\nkill = "x"', "keys.kill: x is the key of faults already"),
        ('[keys]\nkill = "ctrl+c"', "keys.kill: ctrl+c is the key of interrupt already"),
        ('[keys]\nkill = "j"', "keys.kill: j is the key of row_keys.down already"),
        ('[row_keys]\nup = ["f5", "x"]', "row_keys.up: x is the key of keys.faults already"),
        ('[row_keys]\nup = "z"', "row_keys.up: z is typed where there is text"),
        ('[row_keys]\nup = ["up", "l"]', "row_keys.up: l is an answer in the dialog of a repair"),
        ('[list_keys]\nclose = "x"', "list_keys.close: x is typed into the filter of the list"),
        ('[list_keys]\nhelp = "f9"', "list_keys.help: f9 is the key of end already"),
        ('[dialog_keys]\nyes = "t"', "dialog_keys.yes: t is the key of end already"),
        ('[dialog_keys]\nyes = "ctrl+c"', "dialog_keys.yes: ctrl+c is the key of keys.interrupt"),
        ('[dialog_keys]\nclose = "x"', "dialog_keys.close: x is typed where there is text"),
        ('[dialog_keys]\nyess = "x"', "dialog_keys: 'yess' is not known: did you mean yes?"),
        ("[dialog_keys]\nyes = 3", "dialog_keys.yes: 3 is not a key"),
        ("list_keys = 3", "list_keys: give a table"),
        ('[keys]\nkill = "hyper+x"', "keys.kill: 'hyper+x' is not a key"),
        ('"a\\u001b[31mb" = 1', r"'a\x1b[31mb' is not known"),
        ("x = " + "[" * 5000, "is not TOML"),
        ("\x00", "is not TOML"),
    ],
)
def test_what_is_wrong_is_one_line(file: Path, name: str, text: str, why: str) -> None:
    """With the file, and the key or the line; no dashboard opens, and nothing is left."""
    file.write_text(text)
    done = run_shmtui("run", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert str(file) in done.stderr
    assert why in done.stderr


def test_a_theme_that_there_is_not_is_one_line(file: Path, name: str) -> None:
    """Textual alone knows them, so it takes a terminal; the run that was begun is taken away."""
    file.write_text('theme = "nrod"')
    with Terminal("run", name, columns=200) as terminal:
        assert terminal.wait() == 2
        assert f"{file}: theme: 'nrod' is not known: did you mean nord?" in terminal.text


def test_what_is_no_file_is_refused(file: Path, name: str) -> None:
    """Nothing waits for a named pipe."""
    file.mkdir()
    done = run_shmtui("run", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"cannot read {file}: Is a directory" in done.stderr


def test_what_has_no_dashboard_does_not_read_it(file: Path, name: str) -> None:
    """A mistake in it is in nobody's way."""
    file.write_text("= =")
    assert run_shmtui("ls").returncode == 0
    assert run_shmtui("run", name, "--headless", "--duration", "0.1").returncode == 0


def test_it_is_followed_and_options_win_over_it(file: Path, name: str) -> None:
    """Frames, theme and keys, in the key bar and in the help too."""
    file.write_text(
        'theme = "dracula"\nrate = 4\ncolumns = ["size", "kind"]\n'
        '[keys]\nquit = "#"\nadd_producer = ["ctrl+n", "F"]\n'
    )
    with Terminal("run", name, columns=140, rows=40) as terminal:
        terminal.wait_for("4 Hz")
        terminal.wait_for("^n Producer")
        terminal.press("F")
        terminal.wait_for("producer 2")
        terminal.press("p", "?")
        terminal.wait_for("ctrl+n F")
        terminal.press("?")
        terminal.wait_for(lambda text: "ctrl+n F" not in text, "the help is closed")
        terminal.press("#")
        assert terminal.wait() == 0
        assert "producer 3" not in terminal.text
    with Terminal("top", "--refresh", "5", "--columns", "name,owner", columns=140) as terminal:
        terminal.wait_for("(Shmem)")
        terminal.wait_for("owner")
        assert "what it looks like" not in terminal.text.lower()
        terminal.press("\x1b")
        assert terminal.wait() == 0


def test_keys_of_dialogs_rows_and_the_list_are_followed_and_named(file: Path, name: str) -> None:
    """What opens a dialog closes it too, whatever key that is; footers and help name the new ones."""
    file.write_text(
        '[keys]\nkill = "!"\nhelp = "H"\n'
        '[row_keys]\nopen = ["enter", "E"]\ndown = ["down", "J"]\n'
        '[dialog_keys]\nclose = "f12"\nyes = "Y"\n'
        '[list_keys]\ncolumns = "f7"\nclose = "f8"\n'
    )
    with Terminal("run", name, columns=120, rows=50) as terminal:
        terminal.wait_for(lambda text: text.count("producer 1") > 1)
        terminal.press("H")
        terminal.wait_for("f12 closes")
        terminal.press("H")
        terminal.wait_for(lambda text: "f12 closes" not in text)
        terminal.press("J", "E")
        terminal.wait_for("Threads")
        terminal.press("\x1b[24~")  # F12
        terminal.wait_for(lambda text: "Threads" not in text)
        terminal.press("o")
        terminal.wait_for("f8 closes")
        terminal.press("\x1b[18~")  # F7
        terminal.wait_for("f12 closes")
        terminal.press("\x1b[18~")
        terminal.wait_for(lambda text: "f12 closes" not in text)
        terminal.press("\x1b[19~")  # F8
        terminal.wait_for(lambda text: "f8 closes" not in text)
        terminal.press("q")
        assert terminal.wait() == 0


def test_a_lesson_names_the_keys_that_are_bound(file: Path) -> None:
    """In what to press, in the texts beside it, and in the panel's own frame."""
    file.write_text(
        '[keys]\nrepair = "f11"\ntoggle_lesson = "N"\n[dialog_keys]\nyes = "Y"\nleave = "Q"\n'
    )
    with Terminal("lab", "hang", columns=130, rows=44) as terminal:
        text = terminal.wait_for("What it is called")
        assert "f11      the plan of a repair" in text
        assert "Y        carry it out" in text
        assert "Q closes" in text
        assert "N hides it" in text
        terminal.press("\x1b[23~")  # F11
        terminal.wait_for("Y  Carry it out")
        terminal.press("Q")
        terminal.wait_for(lambda text: "Carry it out" not in text)
        terminal.press("q")
        terminal.wait()


def test_columns_that_are_chosen_are_there_the_next_time(file: Path, name: str) -> None:
    """Those of the processes and those of the list; what the configuration names wins."""
    kept = file.parent.parent / "state/shmtui"
    with Terminal("run", name, columns=120, rows=40) as terminal:
        terminal.wait_for("target/s")
        terminal.press("\x1bOQ")  # F2
        terminal.wait_for("[x] target/s")
        terminal.press("j", "j", "j", " ")
        terminal.wait_for("[ ] target/s")
        terminal.press("\x1b")
        poll((kept / "process-columns").exists, "the columns of the processes are kept")
        terminal.press("o")
        terminal.wait_for("looks like")
        terminal.press("\x1bOQ")
        terminal.wait_for("[x] kind")
        terminal.press(" ")
        terminal.wait_for("[ ] kind")
        terminal.press("\x1b")
        poll((kept / "columns").exists, "the columns of the list are kept")
        terminal.press("\x1b")
        terminal.wait_for(lambda text: "5 Events" in text and "looks like" not in text)
        terminal.press("q")
        assert terminal.wait() == 0
    assert "target" not in (kept / "process-columns").read_text().split()
    assert "kind" not in (kept / "columns").read_text().split()
    (kept / "process-columns").write_text("pid no-such state threads\n")
    with Terminal("run", name, columns=120, rows=40) as terminal:
        terminal.wait_for("threads")
        assert "rate/s" not in terminal.text
        terminal.press("q")
        assert terminal.wait() == 0
    file.write_text('process_columns = ["pid", "user"]')
    with Terminal("run", name, columns=120, rows=40) as terminal:
        terminal.wait_for("user")
        assert "threads" not in terminal.text
        terminal.press("\x1bOQ")
        terminal.wait_for("[x] user")
        terminal.press(" ", "\x1b")
        terminal.wait_for("the configuration names columns")
        terminal.press("q")
        assert terminal.wait() == 0


def test_the_theme_that_is_chosen_is_there_the_next_time(file: Path, name: str) -> None:
    """It is kept beside the configuration, which is the user's own; that wins where it names one."""
    kept = file.parent.parent / "state/shmtui/theme"
    with Terminal("run", name) as terminal:
        terminal.wait_for("Producer")
        terminal.press("\x10")
        terminal.wait_for("Search for commands")
        terminal.press(*"Theme", "\r")
        terminal.wait_for("Search for themes")
        terminal.press(*"dracula", "\r")
        poll(kept.exists, "the theme is kept")
        terminal.press("q")
        assert terminal.wait() == 0
    assert kept.read_text() == "dracula\n"
    assert not file.exists()
    dracula = "48;2;40;42;54"
    for said, there in (("", True), ('theme = "nord"', False)):
        file.write_text(said)
        with Terminal("run", name, env={"COLORTERM": "truecolor"}) as terminal:
            terminal.wait_for("Producer")
            assert (dracula in terminal.raw.decode(errors="replace")) is there
            terminal.press("q")
            assert terminal.wait() == 0
