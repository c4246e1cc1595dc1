"""The user's configuration of the dashboard: ``config.toml``, read and checked, and as it is printed.

It loads nothing that draws: themes are checked where Textual is loaded anyway.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.folders import configuration_folder, state_folder
from shmtui.folders import keep as keep_file
from shmtui.i18n import _
from shmtui.tui.chosen_keys import bound, key_name
from shmtui.tui.key import SPOKEN, Key
from shmtui.tui.keys import KEYS
from shmtui.tui.other_keys import DIALOG, LIST, OTHER_KEYS, ROWS, SECTIONS
from shmtui.tui.process_rows import PROCESS_COLUMNS

# ruff: noqa: PLC0415 - most users have no such file: the first frame waits for nothing of it

FILE: Final = "config.toml"
KEPT_THEME, KEPT_COLUMNS, KEPT_PROCESS_COLUMNS = "theme", "columns", "process-columns"
"""The files of the state folder that have what was chosen last in a dashboard."""
USUAL_THEME: Final = "shmtui-dark"
USUAL_RATE: Final = 10.0
_RATES: Final = (0.1, 60.0)
_MOST_BYTES: Final = 1 << 20
ACTIONS: Final = {
    section: {
        key.name: key for key in (*KEYS, *OTHER_KEYS) if key.where == where and not key.priority
    }
    for where, section in SECTIONS.items()
}
"""The keys that can be chosen, by the tables of the file and the names of their actions."""


class Configuration(msgspec.Struct, frozen=True):
    """What the file says, and what is usual of all else."""

    theme: str = ""
    """Empty: it names none."""
    rate: float = USUAL_RATE
    """Frames per second."""
    columns: tuple[str, ...] = ()
    """Of the list of what processes share; empty: it names none."""
    process_columns: tuple[str, ...] = ()
    """Of the table of processes; empty: it names none."""
    keys: tuple[Key, ...] = KEYS
    other_keys: tuple[Key, ...] = OTHER_KEYS
    """Of the list, of rows and of dialogs."""
    path: Path | None = None
    """The file; None: there is none."""
    kept_theme: str = ""
    """What was chosen last in a dashboard; empty: nothing was."""
    kept_columns: tuple[str, ...] = ()
    kept_process_columns: tuple[str, ...] = ()


USUAL: Final = Configuration()


def read_configuration() -> Configuration:
    """The user's configuration. ShmtuiError: it cannot be read or is not valid; the text names the file,
    and the line or the key.
    """
    try:
        path = configuration_folder() / FILE
        kept = _kept()
    except ShmtuiError:
        return USUAL  # Without a home there is no file.
    try:
        text = _text(path)
    except (FileNotFoundError, NotADirectoryError):
        return kept
    except OSError as error:
        if isinstance(error, PermissionError) and not os.access(path.parent, os.X_OK):
            # The folder is another user's, as after su and sudo.
            return kept
        wrong = _("cannot read {path}: {why}")
        raise ShmtuiError(wrong.format(path=path, why=error.strerror)) from None
    import tomllib

    try:
        return configured(tomllib.loads(text), path, kept)
    except (ValueError, RecursionError) as error:
        wrong = _("{path} is not TOML: {why}; shmtui config prints a whole file")
        raise ShmtuiError(wrong.format(path=path, why=error)) from None


def _text(path: Path) -> str:
    """A file of the user's. OSError: it cannot be read, or is no file of a reasonable size."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            raise OSError(0, _("it is not a file of at most 1 MiB"))
        return file.read(_MOST_BYTES).decode("utf-8", "surrogateescape")


def _kept() -> Configuration:
    """What was chosen in a dashboard, as usual where nothing was, or it cannot be read. ShmtuiError: this
    user has no home.
    """
    folder = state_folder()

    def words(name: str) -> tuple[str, ...]:
        try:
            return tuple(_text(folder / name).split())
        except OSError:
            return ()

    theme, columns = "".join(words(KEPT_THEME)), words(KEPT_COLUMNS)
    if columns:
        from shmtui.report.segment_table import COLUMNS

        columns = tuple(name for name in columns if name in COLUMNS)
    ours = tuple(name for name in words(KEPT_PROCESS_COLUMNS) if name in PROCESS_COLUMNS)
    return Configuration(kept_theme=theme, kept_columns=columns, kept_process_columns=ours)


def keep(name: str, text: str) -> str:
    """Keep what was chosen for the next time, in a file of the state folder; returns why that cannot be,
    empty where it can.
    """
    try:
        keep_file(name, text + "\n")
    except (ShmtuiError, OSError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return _("the choice is not kept for the next time: {why}").format(why=why)
    return ""


def keep_columns(name: str, columns: tuple[str, ...], configured: tuple[str, ...]) -> str:
    """The same of columns, unless the configuration names some."""
    if configured:
        same = columns == configured
        return "" if same else _("the configuration names columns: those are shown the next time")
    return keep(name, " ".join(columns))


def configured(
    said: dict[str, Any], path: Path | None = None, kept: Configuration = USUAL
) -> Configuration:
    """What a file says, beside what was kept. ShmtuiError: something in it may not be said.

    >>> configured({"rate": 4}).rate
    4.0
    >>> configured({"colums": ["name"]})
    Traceback (most recent call last):
        ...
    shmtui.errors.ShmtuiError: config.toml: 'colums' is not known: did you mean columns?
    """
    readers: dict[str, Callable[[Any], Any]] = {
        "theme": _theme,
        "rate": _rate,
        "columns": _list_columns,
        "process_columns": _process_columns,
        **{section: partial(_keys, section) for section in ACTIONS},
    }
    values: dict[str, Any] = {}
    chosen: dict[str, tuple[str, ...]] = {}
    for name, value in said.items():
        require_known(name, readers, "", path)
        try:
            values[name] = readers[name](value)
        except ShmtuiError as error:
            raise _wrong(path, str(error)) from None
        if name in ACTIONS:
            chosen |= values.pop(name)
    try:
        keys, other_keys = bound(chosen) if chosen else (KEYS, OTHER_KEYS)
    except ShmtuiError as error:
        raise _wrong(path, str(error)) from None
    return replace(kept, **values, keys=keys, other_keys=other_keys, path=path)


def require_known(name: str, names: Iterable[str], what: str, path: Path | None) -> None:
    """ShmtuiError: a name, which is that of ``what``, is none of these; with the nearest. An empty one
    is fine.
    """
    if name and name not in names:
        raise _wrong(path, _unknown(name, names, what))


def _unknown(name: str, names: Iterable[str], what: str = "") -> str:
    import difflib

    where = f"{what}: " if what else ""
    near = difflib.get_close_matches(name, names := sorted(names), n=1)
    if near:
        text = _("{name!a} is not known: did you mean {near}?")
        return where + text.format(name=name, near=near[0])
    if what in ACTIONS:  # they are too many for a line
        return where + _("{name!a} is not known: shmtui config prints all").format(name=name)
    text = _("{name!a} is not known: it has {names}")
    return where + text.format(name=name, names=" ".join(names))


def _wrong(path: Path | None, text: str) -> ShmtuiError:
    return ShmtuiError(f"{path or FILE}: {text}")


def _theme(value: Any) -> str:
    if not isinstance(value, str):
        raise ShmtuiError(_("theme: give a name in quotes, such as {name}").format(name='"nord"'))
    return value


def _rate(value: Any) -> float:
    least, most = _RATES
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        wrong = _("rate: {value!a} is not a frame rate: give frames per second from 0.1 to 60")
        raise ShmtuiError(wrong.format(value=value))
    return float(value)


def _list_columns(value: Any) -> tuple[str, ...]:
    from shmtui.report.segment_table import COLUMNS

    return _columns("columns", value, COLUMNS, '["name", "size"]')


def _process_columns(value: Any) -> tuple[str, ...]:
    return _columns("process_columns", value, PROCESS_COLUMNS, '["pid", "state", "cpu"]')


def _columns(what: str, value: Any, names: Collection[str], example: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(x, str) for x in value):
        wrong = _("{what}: give a list of names, such as {example}")
        raise ShmtuiError(wrong.format(what=what, example=example))
    for name in value:
        if name not in names:
            raise ShmtuiError(_unknown(name, names, what))
    return tuple(dict.fromkeys(value))


def _keys(section: str, value: Any) -> dict[str, tuple[str, ...]]:
    """The keys that a table of the file gives, by the identifiers of their actions."""
    actions = ACTIONS[section]
    if not isinstance(value, dict):
        wrong = _("{table}: give a table of actions, such as {example}")
        example = f'[{section}] {[*actions][-1]} = "f12"'
        raise ShmtuiError(wrong.format(table=section, example=example))
    chosen = {}
    for name, keys in value.items():
        if name not in actions:
            raise ShmtuiError(_unknown(name, actions, section))
        listed = keys if isinstance(keys, list) else [keys]
        names = [key_name(each) if isinstance(each, str) else None for each in listed]
        if not names or None in names:
            wrong = _("{name}: {value!a} is not a key: give one such as {examples}")
            examples, label = '"x" "X" "f5" "ctrl+k" "space"', f"{section}.{name}"
            raise ShmtuiError(wrong.format(name=label, value=keys, examples=examples))
        chosen[actions[name].id] = tuple(dict.fromkeys(each for each in names if each))
    return chosen


def printed() -> Iterator[str]:
    """A whole file, line by line, in which all is as usual and commented out."""
    import json

    from shmtui.report.segment_table import COLUMNS
    from shmtui.tui.object_rows import USUAL_COLUMNS

    yield from (
        "# " + _("The configuration of shmtui's dashboards. What is commented out is as usual."),
        "# " + _("Options of the command line win over it."),
        "",
        "# " + _("Colours. Without it, the theme that was chosen last in a dashboard (ctrl+p)."),
        f"#theme = {json.dumps(USUAL_THEME)}",
        "",
        "# " + _("Frames per second, from 0.1 to 60 (--refresh)."),
        f"#rate = {USUAL_RATE:g}",
        "",
        "# " + _("Columns of the list, of these (--columns):"),
        f"#   {' '.join(COLUMNS)}",
        f"#columns = {json.dumps(list(USUAL_COLUMNS))}",
        "",
        "# " + _("Columns of the processes in a dashboard, of these; without it, as they fit:"),
        f"#   {' '.join(PROCESS_COLUMNS)}",
        f"#process_columns = {json.dumps(list(PROCESS_COLUMNS[:7]))}",
        "",
        "# " + _("Keys: action = key, or a list of keys, such as {examples}.").format(
            examples='"x" "X" "f5" "ctrl+k" "space"'
        ),
        "# " + _("ctrl+c ctrl+z ctrl+l stay as they are."),
    )  # fmt: skip
    heads = {
        LIST: _("In the list of shared memory, where letters are typed into the filter:"),
        ROWS: _("In panels with rows:"),
        DIALOG: _("In dialogs:"),
    }
    for where, section in SECTIONS.items():
        yield from ("", "# " + heads[where]) if where else ()
        yield f"[{section}]"
        for name, key in ACTIONS[section].items():
            keys = [SPOKEN.get(each, each) for each in key.keys.split(",")]
            value = json.dumps(keys[0] if len(keys) == 1 else keys)
            yield f"#{name} = {value}  # {_(key.help)}"
