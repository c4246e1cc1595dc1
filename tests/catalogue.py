"""The catalogue of translations: ``python -m tests.catalogue`` brings it up to the source.

It collects every text for people, takes new ones into ``shmtui.po``, marks what is to be
translated anew, and compiles ``shmtui.mo``, which is what a running shmtui reads. The
compiled file stands in the repository, so that installing needs no tool for it.
"""

import ast
import inspect
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from shmtui.cli.main import main
from shmtui.cli.translation import COMMANDS
from shmtui.i18n import DOMAIN, LANGUAGES, LOCALE

PACKAGE: Final = Path(LOCALE).parent
TRANSLATED: Final = tuple(code for code in LANGUAGES if code != "en")
KEYWORDS: Final = {"_": 1, "N_": 1, "ngettext": 2}
"""What is called with texts, and with how many."""
OF_CLICK: Final = (
    "Usage:",
    "Options",
    "Commands",
    "default: {default}",
    "required",
    "Show this message and exit.",
    "Missing argument",
    "Missing option",
    "No such option {name!r}.",
    "No such command {name!r}.",
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    "Invalid value: {message}",
    "Invalid value for {param_hint}: {message}",
    "Option {name!r} does not take a value.",
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    "Choose from:\n\t{choices}",
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    "{value!r} is not a valid {number_type}.",
    "{value} is not in the range {range}.",
    "directory",
    "path",
    "{name} {filename!r} does not exist.",
    "{name} {filename!r} is a file.",
    "{name} {filename!r} is a directory.",
    "{name} {filename!r} is not readable.",
)
"""What click says of itself in the help and of wrong usage, as far as ours can be used wrongly."""

_HEADER: Final = "# Made by python -m tests.catalogue; the translations are edited by hand."

Text = str | tuple[str, str]


def in_source() -> Iterator[tuple[Text, str]]:
    """Every text that goes through the catalogue in the package, and where it stands.

    By the syntax tree: what reads tokens misses those within an f-string.
    """
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                match KEYWORDS.get(node.func.id), texts:
                    case 1, [str(text), *_]:
                        yield text, str(file.relative_to(PACKAGE.parent))
                    case 2, [str(one), str(several), *_]:
                        yield (one, several), str(file.relative_to(PACKAGE.parent))


def in_commands() -> Iterator[tuple[Text, str]]:
    """The help of every command and option; it is translated where it is shown."""
    context = click.Context(main)
    for name in (None, *COMMANDS):
        command = main if name is None else main.get_command(context, name)
        assert command is not None
        options = (getattr(parameter, "help", None) for parameter in command.params)
        for text in (command.help, command.short_help, *options):
            if text:
                yield inspect.cleandoc(text), f"shmtui/cli/{name or 'main'}.py"


def path(code: str, suffix: str) -> Path:
    """The catalogue of a language as text (``po``) or compiled (``mo``)."""
    return Path(LOCALE) / code / "LC_MESSAGES" / f"{DOMAIN}.{suffix}"


class TimelessCatalog(Catalog):
    """A catalogue whose header says nothing that changes when nothing has changed.

    Two forms, one and several: the CLDR's third one for Portuguese, for whole millions, is used
    by no text here, and not every babel knows it.
    """

    @property
    def num_plurals(self) -> int:
        """Forms of a text that counts something."""
        return 2

    @property
    def plural_expr(self) -> str:
        """Which of them goes with n, as C writes it."""
        return "(n != 1)"

    @property  # type: ignore[misc]  # that of babel has a setter, which nothing here uses
    def mime_headers(self) -> list[tuple[str, str]]:
        """What a reader needs."""
        return [
            ("Language", str(self.locale)),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]


def read(code: str) -> Catalog:
    """The catalogue of a language, from its text."""
    catalogue = TimelessCatalog(code, header_comment=_HEADER, fuzzy=False)
    with path(code, "po").open("rb") as file:
        for message in read_po(file, locale=code):
            if message.id:
                catalogue[message.id] = message
    return catalogue


def compiled(catalogue: Catalog) -> bytes:
    """What a running shmtui reads."""
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def written(catalogue: Catalog) -> bytes:
    """The catalogue as text, in the order of the source."""
    out = io.BytesIO()
    write_po(out, catalogue, width=96, sort_by_file=True, include_lineno=False)
    return out.getvalue()


def template() -> Catalog:
    """All texts, none translated."""
    catalogue = Catalog(project=DOMAIN, charset="utf-8")
    of_click = ((text, "click") for text in OF_CLICK)
    for message, place in (*in_source(), *in_commands(), *of_click):
        catalogue.add(message, locations=[(place, 0)])
    return catalogue


def translations(message: Message) -> tuple[str, ...]:
    """All forms of a translation; empty where it is missing."""
    found = message.string
    return (found,) if isinstance(found, str) else tuple(found or ("",))


def bring_up_to_date() -> int:
    """Rewrite the catalogues of all languages; returns how many texts wait for a translator."""
    waiting = 0
    for code in TRANSLATED:
        catalogue = read(code)
        catalogue.update(template(), no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        path(code, "po").write_bytes(written(catalogue))
        path(code, "mo").write_bytes(compiled(catalogue))
        for message in catalogue:
            if message.id and not all(translations(message)):
                waiting += 1
                sys.stdout.write(f"{code}: {message.id!r}\n")
    return waiting


if __name__ == "__main__":
    sys.exit(1 if bring_up_to_date() else 0)
