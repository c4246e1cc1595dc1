"""The line on stderr that says how far a long command is."""

import os
import sys
from typing import Self

import click


class ProgressLine:
    """Shows one line where stderr is a terminal, and clears it when the block ends."""

    def __enter__(self) -> Self:
        return self

    def show(self, text: str) -> None:
        """Show ``text`` in place of what was shown, cut to the terminal's width."""
        if sys.stderr.isatty():
            width = os.get_terminal_size(sys.stderr.fileno()).columns - 1
            click.echo(f"\r\x1b[K{text[:width]}", err=True, nl=False)

    def __exit__(self, *_error: object) -> None:
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", err=True, nl=False)
