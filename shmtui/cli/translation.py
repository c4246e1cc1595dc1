"""The commands by name, in the reader's language: help, usage errors, the option ``--lang``.

Help is written in English where a command is declared, and translated when the command is
loaded. click asks gettext for its own texts, and gettext reads LANGUAGE: shmtui sets that
variable while click reads the arguments, and restores it before a command runs.
"""

import contextlib
import importlib
import inspect
import os
from collections.abc import Iterator, Sequence
from typing import Any, Final

import click

from shmtui.i18n import DOMAIN, LANGUAGES, LOCALE, N_, _, language_in_use, use_language
from shmtui.i18n import language_of as language_of_environment

COMMANDS: Final = (
    "attach", "check", "completion", "config", "explore", "export", "grade", "help", "lab", "ls", "record",
    "repair", "replay", "report", "rm", "run", "serve", "stat", "top",
)  # fmt: skip
"""Each is a module of this folder, which calls its command ``command``."""
_OPTION: Final = "--lang"
_CLICK_ASKS: Final = "LANGUAGE"
_before: str | None = None


class TranslatedCommand(click.Command):
    """A command that can be told the language."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.params.append(_lang_option())

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, in the environment that the user gave."""
        with _language_variable(_before):
            return super().invoke(ctx)


class CommandGroup(click.Group):
    """The commands, each loaded from a module of its own when it is asked for.

    Where no command is named, ``run`` is meant: ``shmtui --slots 64`` works.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.params.append(_lang_option())

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded and translated; None where there is none."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            module = importlib.import_module(f"shmtui.cli.{cmd_name}")
            command: click.Command = module.command
            if language_in_use() != "en":
                _translate(command)
            self.add_command(command)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, and of a wrong name the nearest ones, loaded or not."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            name = error.command_name
            instead = _command_for(name)
            if instead is None:
                raise click.NoSuchCommand(name, possibilities=COMMANDS, ctx=ctx) from None
            wrong = _("{name!a} is not a command: did you mean {instead}?")
            raise click.UsageError(wrong.format(name=name, instead=instead), ctx) from None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``run`` in front of what names no command; the language may stand before it."""
        own = _leading_language(args)
        first = args[own] if len(args) > own else ""
        # While a shell completes the first word there is none yet: it may become a command.
        nothing = len(args) == own and not ctx.resilient_parsing
        if nothing or (first.startswith("-") and first not in {"-h", "--help", "-V", "--version"}):
            args = [*args[:own], "run", *args[own:]]
        return super().parse_args(ctx, args)


def _command_for(target: str) -> str | None:
    """The command that shows this segment, or this file; None where it names neither."""
    import shlex

    if target.startswith(("sysv:", "pid:")) or target.rfind("/") == 0:
        return shlex.join(["shmtui", "attach", target])
    return shlex.join(["shmtui", "replay", target]) if os.path.isfile(target) else None  # noqa: PTH113


def _lang_option() -> click.Option:
    return click.Option(
        [_OPTION],
        type=click.Choice(LANGUAGES),
        expose_value=False,
        help=N_("Language of every text; otherwise that of $SHMTUI_LANG or of the locale."),
    )


def _leading_language(args: Sequence[str]) -> int:
    """How many of the first words say the language."""
    if args and args[0] == _OPTION:
        return min(2, len(args))
    return 1 if args and args[0].startswith(_OPTION + "=") else 0


def language_asked(arguments: Sequence[str]) -> str | None:
    """The language that the arguments ask for, the last word on it; None where they do not.

    >>> language_asked(["run", "--lang", "pt"]), language_asked(["--lang=en", "ls"])
    ('pt', 'en')
    """
    asked = None
    for at, word in enumerate(arguments):
        if word == "--":
            break
        value = word.removeprefix(_OPTION + "=")
        if word == _OPTION:
            value = arguments[at + 1] if at + 1 < len(arguments) else ""
        elif value == word:
            continue
        asked = value if value in LANGUAGES else asked
    return asked


@contextlib.contextmanager
def translated(group: click.Group, arguments: Sequence[str]) -> Iterator[None]:
    """Have ``group``, and click itself, use the language that the arguments ask for."""
    global _before  # noqa: PLW0603 - a program reads its arguments once
    _before = os.environ.get(_CLICK_ASKS)
    use_language(language_asked(arguments) or language_of_environment(os.environ))
    if language_in_use() == "en":
        yield
        return
    import gettext

    gettext.bindtextdomain(DOMAIN, LOCALE)
    gettext.textdomain(DOMAIN)
    _translate(group)
    with _language_variable(language_in_use()):
        yield


def _translate(command: click.Command) -> None:
    if command.help:
        # Whether a docstring keeps its indentation depends on the Python.
        command.help = _(inspect.cleandoc(command.help))
    if command.short_help:
        command.short_help = _(command.short_help)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.help:
            parameter.help = _(parameter.help)


@contextlib.contextmanager
def _language_variable(value: str | None) -> Iterator[None]:
    """LANGUAGE with this value, or absent, for a while."""
    before = os.environ.pop(_CLICK_ASKS, None)
    if value is not None:
        os.environ[_CLICK_ASKS] = value
    try:
        yield
    finally:
        os.environ.pop(_CLICK_ASKS, None)
        if before is not None:
            os.environ[_CLICK_ASKS] = before
