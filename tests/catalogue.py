"""The catalogue of translations: ``python -m tests.catalogue`` brings it up to the source.

It collects every text for people, takes new ones into ``shmtui.po``, marks what is to be
translated anew, and compiles ``shmtui.mo``, which is what a running shmtui reads. The
compiled file stands in the repository, so that installing needs no tool for it.
"""

import inspect
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from shmtui.cli import main
from shmtui.language import DOMAIN, LANGUAGES, LOCALE

PACKAGE: Final = Path(LOCALE).parent
TRANSLATED: Final = tuple(code for code in LANGUAGES if code != "en")
KEYWORDS: Final = {"_": None, "N_": None, "ngettext": (1, 2)}
_OF_CLICK: Final = ("core.py", "decorators.py", "exceptions.py", "formatting.py", "parser.py",
                    "types.py")  # fmt: skip
_UNSEEN: Final = frozenset(
    {
        "Aborted!",
        "Confirm the action without prompting.",
        "DeprecationWarning: The command {name!r} is deprecated.{extra_message}",
        "DeprecationWarning: The {param_type} {name!r} is deprecated.{extra_message}",
        "Do you want to continue?",
        "deprecated",
    }
)
"""What click has words for and no command of ours can make it say."""

_HEADER: Final = "# Made by python -m tests.catalogue; the translations are edited by hand."

Text = str | tuple[str, str]


def in_source() -> Iterator[tuple[Text, str]]:
    """Every text that goes through the catalogue in the package, and where it stands."""
    found = extract_from_dir(PACKAGE, [("**.py", "python")], keywords=KEYWORDS)
    for file, _line, message, _comments, _context in found:
        yield _message(message), f"shmtui/{file}"


def in_commands() -> Iterator[tuple[Text, str]]:
    """The help of every command and option; it is translated where it is shown."""
    for command in (main, *main.commands.values()):
        helps = (command.help, command.short_help)
        for text in (*helps, *(getattr(p, "help", None) for p in command.params)):
            if text:
                yield text, "shmtui/cli.py"


def in_click() -> Iterator[tuple[Text, str]]:
    """What click says of itself in the help and of wrong usage."""
    folder = Path(inspect.getfile(click)).parent
    for name in _OF_CLICK:
        for _line, message, _comments, _context in extract_from_file("python", folder / name):
            if message not in _UNSEEN:
                yield _message(message), f"click/{name}"


def _message(found: str | tuple[str, ...]) -> Text:
    return found if isinstance(found, str) else (found[0], found[1])


def path(code: str, suffix: str) -> Path:
    """The catalogue of a language as text (``po``) or compiled (``mo``)."""
    return Path(LOCALE) / code / "LC_MESSAGES" / f"{DOMAIN}.{suffix}"


class TimelessCatalog(Catalog):
    """A catalogue whose header says nothing that changes when nothing has changed."""

    @property
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
    for message, place in (*in_source(), *in_commands(), *in_click()):
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
