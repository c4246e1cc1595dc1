"""``shmtui completion``: the completion script of a shell."""

import click

from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode

SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion", cls=TranslatedCommand, short_help="Print the completion script of a shell"
)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(shmtui completion bash)"         in ~/.bashrc
      eval "$(shmtui completion zsh)"          in ~/.zshrc
      shmtui completion fish > ~/.config/fish/completions/shmtui.fish
    """
    click.echo(script(shell))
    return ExitCode.OK


def script(shell: str) -> str:
    """The completion script of one of `SHELLS`."""
    from click.shell_completion import get_completion_class

    from shmtui.cli.main import main

    kind = get_completion_class(shell)
    assert kind is not None
    return kind(main, {}, "shmtui", "_SHMTUI_COMPLETE").source()
