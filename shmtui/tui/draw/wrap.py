"""Text broken into lines at blanks, by cells. Pure."""

from shmtui.tui.text import cells


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` cells; a word that is longer is cut.

    >>> wrap("mutex is held by PID 412", 10)
    ['mutex is', 'held by', 'PID 412']
    >>> wrap("", 10), wrap("abcdefgh", 3), wrap("日本語", 4)
    ([''], ['abc', 'def', 'gh'], ['日本', '語'])
    """
    width = max(2, width)
    lines: list[str] = []
    current = ""
    for word in text.split(" "):
        joined = f"{current} {word}" if current else word
        if cells(joined) <= width:
            current = joined
            continue
        if current:
            lines.append(current)
        *whole, current = _pieces(word, width)
        lines += whole
    return [*lines, current] if current or not lines else lines


def _pieces(word: str, width: int) -> list[str]:
    """The word in pieces that fit."""
    pieces = [""]
    for char in word:
        if cells(pieces[-1] + char) > width:
            pieces.append("")
        pieces[-1] += char
    return pieces
