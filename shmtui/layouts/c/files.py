"""Which files a header may read: its own folder's, and those of folders given for it.

Links are followed before it is decided, and only regular files are opened: a device or a
FIFO is never waited for.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shmtui.i18n import _
from shmtui.layouts.c.tokens import Token, refusal, refusal_at

MAX_BYTES: Final = 1 << 18
"""A header past this size, with all that it includes, is not one of a bounded buffer."""


def read_text(path: Path, name: str) -> str:
    """A regular file's text; HeaderError in the ``name`` that the user knows it by."""
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY
        descriptor = os.open(os.path.realpath(path), flags)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise refusal_at(name, 1, _("cannot be read: {reason}").format(reason=reason)) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise refusal_at(name, 1, _("cannot be read: it is not a regular file"))
        with open(descriptor, "rb", closefd=False) as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise refusal_at(
            name, 1, _("cannot be read: {reason}").format(reason=error.strerror)
        ) from None
    finally:
        os.close(descriptor)
    if len(raw) > MAX_BYTES:
        raise refusal_at(
            name,
            1,
            _("is over {most:,} bytes long; that is no buffer's header").format(most=MAX_BYTES),
        )
    if b"\0" in raw:
        raise refusal_at(name, raw[: raw.index(0)].count(10) + 1, _("has a NUL byte in it"))
    return raw.decode("utf-8", "surrogateescape")


class Folders:
    """The folders that includes may come from: the header's own first, then those given."""

    def __init__(self, own: Path, given: Sequence[Path]) -> None:
        self._given = [Path(os.path.realpath(folder)) for folder in given]
        self._allowed = [Path(os.path.realpath(own)), *self._given]

    def quoted(self, wanted: str, near: Path, at: Token) -> Path:
        """The file of ``#include "wanted"`` in a file that lies in ``near``."""
        if Path(wanted).is_absolute():
            raise refusal(
                at,
                _(
                    '"{wanted}" is an absolute path: includes are read from the header\'s folder'
                ).format(wanted=wanted),
            )
        for folder in (near, *self._allowed):
            path = folder / wanted
            if os.path.lexists(path):
                if self._inside(path):
                    return path
                raise refusal(
                    at,
                    _(
                        '"{wanted}" lies outside the header\'s folder: give its folder with -I'
                    ).format(wanted=wanted),
                )
        raise refusal(
            at,
            _(
                '"{wanted}" is not in the header\'s folder: if it is elsewhere, give that with -I'
            ).format(wanted=wanted),
        )

    def angled(self, wanted: str) -> Path | None:
        """The file of ``#include <wanted>``, if a folder that was given has it."""
        if Path(wanted).is_absolute():
            return None
        paths = (folder / wanted for folder in self._given)
        return next((path for path in paths if path.is_file() and self._inside(path)), None)

    def _inside(self, path: Path) -> bool:
        real = Path(os.path.realpath(path))
        return any(real.is_relative_to(folder) for folder in self._allowed)
