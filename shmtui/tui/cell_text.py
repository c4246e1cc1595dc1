"""Text in a number of terminal cells: counted, cut, padded and wrapped. Pure."""

from rich.cells import cell_len, chop_cells


def cells(text: str) -> int:
    """Cells that the text takes.

    >>> cells("abc"), cells("日本")
    (3, 4)
    """
    # Most text is ASCII, and needs no table of widths.
    return len(text) if text.isascii() else cell_len(text)


def clip(text: str, width: int, ellipsis: str = "…") -> str:
    """``text`` in at most ``width`` cells, its end replaced by the ellipsis where it was cut.

    >>> clip("producer", 6), clip("producer", 8), clip("x", 0)
    ('produ…', 'producer', '')
    >>> clip("日本語", 4)
    '日…'
    """
    if width <= 0:
        return ""
    if cells(text) <= width:
        return text
    mark = ellipsis if cells(ellipsis) < width else ellipsis[:width]
    room = width - cells(mark)
    head = chop_cells(text, room)[0] if room > 0 else ""
    # A wide character where one cell is left comes back whole: leave it out instead.
    while cells(head) > room:
        head = head[:-1]
    return head + mark


def fit(text: str, width: int, align: str = "<", ellipsis: str = "…") -> str:
    """``text`` in exactly ``width`` cells: cut or padded, on the side that ``align`` names.

    >>> fit("ab", 4), fit("ab", 4, ">"), fit("ab", 5, "^")
    ('ab  ', '  ab', ' ab  ')
    >>> fit("日本語", 4)
    '日… '
    """
    if width <= 0:
        return ""
    text = clip(text, width, ellipsis)
    gap = width - cells(text)
    if align == ">":
        return " " * gap + text
    if align == "^":
        return " " * (gap // 2) + text + " " * (gap - gap // 2)
    return text + " " * gap


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
