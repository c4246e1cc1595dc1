"""The language that the user reads: English in the source, others by gettext.

Every text for people goes through :func:`_` as a constant, with named fields that
are filled in afterwards: ``_("{name} paused").format(name=name)``. Keys, codes, names
of semaphores and of steps are terms of the field and stay as they are.
"""

import os
from collections.abc import Callable
from typing import Final

LANGUAGES: Final = ("en", "pt")
DOMAIN: Final = "shmtui"

_one: Callable[[str], str] | None = None
_some: Callable[[str, str, int], str] | None = None


def use_language(code: str) -> None:
    """Speak ``code``, one of `LANGUAGES`, from now on."""
    global _one, _some  # noqa: PLW0603 - a program speaks one language at a time
    if code == "en":
        _one = _some = None
        return
    # Half a dozen modules: only who reads another language waits for them.
    import gettext  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    catalogue = gettext.translation(DOMAIN, Path(__file__).parent / "locale", [code])
    _one, _some = catalogue.gettext, catalogue.ngettext


def language_of(environment: "os._Environ[str] | dict[str, str]") -> str:
    """The language that a locale's variables ask for, as POSIX orders them; English otherwise.

    >>> language_of({"LANG": "pt_BR.UTF-8"}), language_of({"LANG": "pt_PT", "LC_ALL": "C"})
    ('pt', 'en')
    """
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(variable):
            code = value.partition(".")[0].partition("_")[0].lower()
            return code if code in LANGUAGES else "en"
    return "en"


def _(text: str) -> str:
    """``text`` in the language in use."""
    return text if _one is None else _one(text)


def ngettext(one: str, several: str, count: int) -> str:
    """The form that goes with ``count``, in the language in use."""
    if _some is None:
        return one if count == 1 else several
    return _some(one, several, count)
