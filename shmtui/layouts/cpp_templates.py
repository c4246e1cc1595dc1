"""C++ templates that no code of a file makes: what has the compiler lay them out.

A compiler gives a layout to ``Ring<int, 8>`` only where some code uses the type. What is added to
the compiled file defines it, and the struct then carries the name by which it was asked for.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.struct_members import Struct

_NAME: Final = re.compile(r"[\w:<>,.&*' \-]{1,200}")
_ALIAS: Final = "shmtui_name_"


def template_definitions(names: Sequence[str]) -> Iterator[str]:
    """Lines of C++ that define the types of these names. ShmtuiError: one is no name of a type."""
    for index, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise ShmtuiError(_("{name} is not the name of a type").format(name=name))
        # The size first: for a template without its arguments a compiler has a clear word there.
        yield f"static char {_ALIAS}size_{index}[sizeof({name})];"
        yield f"typedef {name} {_ALIAS}{index};"


def as_asked_for(struct: Struct, names: Sequence[str]) -> Struct:
    """The struct, called by that of the names which its definition was made for."""
    asked = [name for index, name in enumerate(names) if f"{_ALIAS}{index}" in struct.names]
    if not asked:
        return struct
    own = [name for name in struct.names if not name.startswith(_ALIAS)]
    return replace(struct, names=tuple(dict.fromkeys([*asked, *own])), c_name=own[-1])
