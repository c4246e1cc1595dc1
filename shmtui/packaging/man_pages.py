"""The man pages: reStructuredText from the tables of commands and keys, and roff from that.

A page has what ``--help`` prints, from the same table, and the longer texts of
``manual/COMMAND.rst``, which may be absent. docutils writes the roff.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, cast

import click
from docutils.core import publish_string
from msgspec.structs import replace

from shmtui import __version__
from shmtui.cli.main import main
from shmtui.cli.translation import COMMANDS
from shmtui.tui.key import Key
from shmtui.tui.keys import KEYS, MOUSE
from shmtui.tui.other_keys import BY_ID, DIALOG_KEYS, LIST_KEYS, ROW_KEYS

MANUAL: Final = Path(__file__).parent / "manual"
PROGRAM: Final = "shmtui"
_SECTION: Final = 1
_OTHER_PAGES: Final = ("ipcs(1)", "lsipc(1)", "shm_overview(7)", "sem_overview(7)", "sysvipc(7)")
_SETTINGS: Final = {
    "_disable_config": True,
    "halt_level": 2,  # A warning ends the build.
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "output_encoding": "unicode",
}


def pages() -> dict[str, str]:
    """Every page in roff, by the name of its file: ``shmtui-ls.1``."""
    return {f"{name}.{_SECTION}": roff(text) for name, text in sources().items()}


def roff(text: str) -> str:
    """A page in roff from its reStructuredText. SystemMessage of docutils: the text has a mistake."""
    made = publish_string(text, writer="manpage", settings_overrides=_SETTINGS)
    named = cast("str", made).replace(".SH Name\n", ".SH NAME\n", 1)
    return re.sub(r"\\fB(?=shmtui\\-)", r"\\fB\\%", named)  # A page's name is not broken.


def sources() -> dict[str, str]:
    """Every page in reStructuredText, by its name: ``shmtui-ls``."""
    top = click.Context(main, info_name=PROGRAM, **main.context_settings)
    texts = {PROGRAM: _page(PROGRAM, main, top, _list_of_commands(top), _keys())}
    for name in COMMANDS:
        command = main.get_command(top, name)
        assert command is not None
        context = click.Context(command, parent=top, info_name=name)
        opens = replace(BY_ID["rows.open"], help="Open it; fold or unfold a group")
        listed = _key_section("KEYS OF THE LIST", (opens, *LIST_KEYS))
        keys = listed if name == "top" else ()
        texts[f"{PROGRAM}-{name}"] = _page(name, command, context, keys)
    return texts


def _page(name: str, command: click.Command, context: click.Context, *more: Iterable[str]) -> str:
    page = PROGRAM if name == PROGRAM else f"{PROGRAM}-{name}"
    help_text, examples = _description(command)
    longer = MANUAL / f"{name}.rst"
    short = command.short_help or help_text.partition(":")[0]
    lines = [
        *_heading(page, "=", above=True),
        *_heading(short, "-", above=True),
        f":Version: {PROGRAM} {__version__}",
        f":Manual section: {_SECTION}",
        ":Manual group: User Commands",
        "",
        *_heading("SYNOPSIS", "="),
        " ".join([f"**{context.command_path}**", *map(_escaped, command.collect_usage_pieces(context))]),
        "",
        *_heading("DESCRIPTION", "="),
        _marked(help_text),
        "",
        *_heading("OPTIONS", "="),
        *_options(command, context),
        *(line for part in more for line in part),
        longer.read_text(encoding="utf-8") if longer.exists() else "",
        *_heading("EXAMPLES", "="),
        "::",
        "",
        examples,
        "",
        *_heading("SEE ALSO", "="),
        ", ".join(_reference(each) for each in _others(page)),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _description(command: click.Command) -> tuple[str, str]:
    r"""A command's help without its examples, and these; ``\b`` is click's mark before them."""
    text, _mark, examples = inspect.cleandoc(command.help or "").partition("\b\n")
    return text.strip(), examples.partition("\n")[2]


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """The rows of ``--help``, its own words for defaults and ranges included."""
    for parameter in command.get_params(context):
        row = parameter.get_help_record(context)
        if row is not None and isinstance(parameter, click.Option):
            yield from (_option_name(row[0]), f"    {_escaped(row[1])}", "")


def _option_name(text: str) -> str:
    """``-o, --output FILE``: names and value in the fonts of man-pages(7).

    >>> _option_name("-o, --output FILE")
    '**-o**, **--output** *FILE*'
    """
    found = re.match(r"(?:(?:, )?-[\w-]+)+", text)
    assert found is not None
    names, value = found[0], text[found.end() :].strip()
    bold = ", ".join(f"**{name}**" for name in names.split(", "))
    return f"{bold} *{_escaped(value)}*" if value else bold


def _list_of_commands(top: click.Context) -> Iterator[str]:
    yield from _heading("COMMANDS", "=")
    for name in COMMANDS:
        command = main.get_command(top, name)
        assert command is not None
        yield from (f"**{name}**", f"    {_escaped(command.get_short_help_str(200))}.", "")


def _keys() -> Iterator[str]:
    """The keys of the dashboard, those of a replay and of a schedule apart, and the mouse."""
    replayed = tuple(key for key in KEYS if key.needs == "replay")
    held = tuple(key for key in KEYS if key.action.startswith("steps("))
    yield from _key_section("KEYS", tuple(k for k in KEYS if k not in {*replayed, *held}))
    for key in ROW_KEYS:
        yield from (f"**{_escaped(_every(key))}**", f"    {_escaped(key.help)}", "")
    for name, text in MOUSE:
        yield from (f"**{_escaped(name)}**", f"    {_escaped(text)}", "")
    yield from _key_section("KEYS IN A REPLAY", replayed)
    yield from _key_section("KEYS IN A SCHEDULE", held)
    yield from _key_section("KEYS OF DIALOGS", DIALOG_KEYS)


def _every(key: Key) -> str:
    """All keys of an action as people write them."""
    return " ".join((key.shown, *key.keys.split(",")[1:]))


def _key_section(title: str, keys: Iterable[Key]) -> Iterator[str]:
    yield from _heading(title, "=")
    for key in keys:
        yield from (f"**{_escaped(key.shown)}**", f"    {_escaped(key.help)}", "")


def _others(page: str) -> Iterator[str]:
    for name in ("", *COMMANDS):
        other = f"{PROGRAM}-{name}" if name else PROGRAM
        if other != page:
            yield f"{other}({_SECTION})"
    if page == PROGRAM:
        yield from _OTHER_PAGES


def _reference(page: str) -> str:
    name, _bracket, section = page.partition("(")
    return rf"**{_escaped(name)}**\ ({section}"


def _heading(text: str, line: str, *, above: bool = False) -> list[str]:
    rule = line * len(_escaped(text))
    return [*([rule] if above else []), _escaped(text), rule, ""]


def _marked(text: str) -> str:
    """A help text: what stands in backquotes there is literal here too."""
    parts = re.split(r"`([^`]+)`", text)
    return "".join(f"``{p}``" if at % 2 else _escaped(p) for at, p in enumerate(parts))


def _escaped(text: str) -> str:
    r"""Text whose characters mean nothing to reStructuredText.

    >>> _escaped("FILE*")
    'FILE\\*'
    """
    return re.sub(r"([\\*`_|])", r"\\\1", text)
