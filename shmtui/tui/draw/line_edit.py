"""A line of text that somebody types: what each key makes of it. Pure."""

LONGEST = 200


def typed(text: str, key: str, character: str | None) -> str | None:
    """The text after a key; None where the key does not write.

    >>> typed("ab", "c", "c"), typed("ab", "backspace", None), typed("ab cd", "ctrl+w", None)
    ('abc', 'a', 'ab ')
    >>> typed("ab", "ctrl+u", None), typed("ab", "up", None)
    ('', None)
    """
    if key in {"backspace", "ctrl+h"}:
        return text[:-1]
    if key == "ctrl+u":
        return ""
    if key == "ctrl+w":
        stripped = text.rstrip()
        return stripped[: stripped.rfind(" ") + 1]
    if character is not None and character.isprintable() and len(character) == 1:
        return (text + character)[:LONGEST]
    return None


def pasted(text: str, more: str) -> str:
    r"""The text after a paste: its first line, without what does not print.

    >>> pasted("/shm", "_x\ny")
    '/shm_x'
    """
    first = more.splitlines()[0] if more.splitlines() else ""
    return (text + "".join(c for c in first if c.isprintable()))[:LONGEST]
