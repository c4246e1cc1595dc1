"""Which compiler reads a header: the user's, that of a C library, or the system's."""

import contextlib
import os
import shlex
import shutil
from pathlib import Path
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.shm.libc import Libc, running_libc


def compiler_command(libc: Libc, *, cpp: bool, given: str | None) -> tuple[list[str], Libc]:
    """The compiler's command, and the C library that it compiles for."""
    own = running_libc()
    if given:
        words = _found(given)
        return words, Libc.MUSL if "musl" in Path(words[0]).name else own
    if libc is not own:
        for name in _CROSS[libc]["c++" if cpp else "c"]:
            if shutil.which(name):
                return [name], libc
    variable = os.environ.get("CXX" if cpp else "CC", "")
    if variable.strip():
        return _found(variable), own
    for name in ("c++", "g++", "clang++") if cpp else ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name], own
    text = _(
        "no {language} compiler is here: install one or name it with --cc, or give --header a "
        "program or object file with debug information (-g), or say --layout"
    )
    raise ShmtuiError(text.format(language="C++" if cpp else "C"))


_MACHINE: Final = os.uname().machine
_CROSS: Final[dict[Libc, dict[str, tuple[str, ...]]]] = {
    Libc.MUSL: {
        "c": ("musl-gcc", f"{_MACHINE}-linux-musl-gcc", "musl-clang"),
        "c++": ("musl-g++", f"{_MACHINE}-linux-musl-g++"),
    },
    Libc.GLIBC: {"c": (f"{_MACHINE}-linux-gnu-gcc",), "c++": (f"{_MACHINE}-linux-gnu-g++",)},
}


def _found(text: str) -> list[str]:
    with contextlib.suppress(ValueError, IndexError):
        words = shlex.split(text)
        if shutil.which(words[0]):
            return words
    raise ShmtuiError(
        _(
            "the compiler {command} does not exist: name another with --cc, or give --header a "
            "program or object file with debug information (-g), or say --layout"
        ).format(command=text)
    )
