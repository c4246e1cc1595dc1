"""The language that the user reads: English in the source, others by gettext.

Every text for people goes through :func:`_` as a constant, with named fields that
are filled in afterwards: ``_("{name} paused").format(name=name)``. Keys, codes, names
of semaphores and of steps are terms of the field and stay as they are. A text that is
made before the language is known is marked by :func:`N_`, and goes through :func:`_`
where it is shown.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gettext import NullTranslations

LANGUAGES: Final = ("en", "pt")
DOMAIN: Final = "shmtui"
VARIABLE: Final = "SHMTUI_LANG"
"""Says the language to a shmtui and to its workers, whatever the locale is."""
LOCALE: Final = os.path.join(os.path.dirname(__file__), "locale")  # noqa: PTH118, PTH120 - light

_code = "en"
_plain = False
_catalogue: "NullTranslations | None" = None


def use_language(code: str) -> None:
    """Speak ``code``, one of `LANGUAGES`, from now on."""
    global _code, _catalogue
    _code, _catalogue = code, None


def speak_plainly() -> None:
    """Leave accents out from now on: the terminal has no characters but those of ASCII."""
    global _plain  # noqa: PLW0603 - see above
    _plain = True


def _said(text: str) -> str:
    """A translation as it can be shown."""
    if not _plain or text.isascii():
        return text
    import unicodedata  # noqa: PLC0415 - only here

    pieces = unicodedata.normalize("NFD", text)
    return "".join(char for char in pieces if not unicodedata.combining(char))


def language_in_use() -> str:
    """The code of the language that is spoken."""
    return _code


def language_of(environment: Mapping[str, str]) -> str:
    """The language that the environment asks for, else English.

    Ours comes first; then the locale's variables, as POSIX and GNU gettext order them:
    LANGUAGE is a list, and counts for nothing in the C locale.

    >>> language_of({"LANG": "pt_BR.UTF-8"}), language_of({"LANG": "pt_PT", "LC_ALL": "C"})
    ('pt', 'en')
    >>> language_of({"LANG": "pt_BR", "LANGUAGE": "fr:en"}), language_of({"SHMTUI_LANG": "pt"})
    ('en', 'pt')
    """
    locale = next(
        (v for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := environment.get(name))), "C"
    )
    asked = [locale]
    if _short(locale) not in {"c", "posix"}:
        asked = [*environment.get("LANGUAGE", "").split(":"), locale]
    wanted = [environment.get(VARIABLE, ""), *asked]
    return next((code for each in wanted if (code := _short(each)) in LANGUAGES), "en")


def _short(locale: str) -> str:
    """``pt`` of ``pt_BR.UTF-8@euro``."""
    return locale.partition("@")[0].partition(".")[0].partition("_")[0].lower()


def _spoken() -> "NullTranslations":
    """The catalogue of the language in use, read when the first text is said in it."""
    global _catalogue  # noqa: PLW0603 - see above
    if _catalogue is None:
        # Only who reads another language waits for it.
        import gettext  # noqa: PLC0415

        _catalogue = gettext.translation(DOMAIN, LOCALE, [_code])
    return _catalogue


def _(text: str) -> str:
    """``text`` in the language in use."""
    # The empty text is the key of a catalogue's header.
    return text if _code == "en" or not text else _said(_spoken().gettext(text))


def N_(text: str) -> str:  # noqa: N802 - gettext's name for it
    """``text`` as it is: marked for the catalogue, to go through :func:`_` where it is shown."""
    return text


def ngettext(one: str, several: str, count: int) -> str:
    """The form that goes with ``count``, in the language in use."""
    if _code == "en":
        return one if count == 1 else several
    return _said(_spoken().ngettext(one, several, count))
