"""The bytes of a segment that is no bounded buffer, in the format that is chosen. Pure."""

import struct
from functools import lru_cache

import msgspec

from shmtui.i18n import _
from shmtui.tui.glyphs import Glyphs
from shmtui.tui.spans import Line, Span, cells, joined, line
from shmtui.tui.view_model import ByteWindow


class ByteFormat(msgspec.Struct, frozen=True):
    """A format of values: its name, its letter in :mod:`struct`, and cells for a value."""

    name: str
    code: str
    cell: int

    @property
    def size(self) -> int:
        return struct.calcsize("=" + self.code) if self.code else 1


HEX, TEXT = ByteFormat("hex", "", 2), ByteFormat("text", "", 1)

BYTE_FORMATS = (
    HEX,
    ByteFormat("int8", "b", 4),
    ByteFormat("int16", "h", 6),
    ByteFormat("int32", "i", 11),
    ByteFormat("int64", "q", 20),
    ByteFormat("uint8", "B", 3),
    ByteFormat("uint16", "H", 5),
    ByteFormat("uint32", "I", 10),
    ByteFormat("uint64", "Q", 20),
    ByteFormat("float", "f", 12),
    ByteFormat("double", "d", 17),
    TEXT,
)
"""In the order in which the key ``i`` goes through them."""

_HIGHLIGHT_STYLES = ("text", "fading", "recent", "fresh")


class RowShape(msgspec.Struct, frozen=True):
    """How a row is made up: how many bytes, and whether their characters are beside the values."""

    per_row: int
    characters: bool


@lru_cache(maxsize=64)
def row_shape_for(width: int, gutter: int, reading: ByteFormat) -> RowShape:
    """The most bytes in a row that fit.

    >>> [row_shape_for(width, 6, HEX).per_row for width in (116, 76, 46, 1)]
    [16, 16, 8, 1]
    >>> row_shape_for(46, 6, BYTE_FORMATS[4])
    RowShape(per_row=8, characters=True)
    """
    if reading is TEXT:
        room = width - gutter - 2
        return RowShape(next((n for n in (128, 64, 32, 16, 8) if n <= room), 4), False)
    for per_row in (32, 16, 8, 4, 2, 1):
        if per_row < reading.size:
            break
        # Hexadecimal has a gap between groups of eight bytes.
        gaps = (per_row - 1) // 8 if reading is HEX else 0
        values = per_row // reading.size * (reading.cell + 1) + gaps
        for characters in (True, False):
            beside = per_row + 2 if characters else 0
            # Fewer values with their characters are better than more without.
            if gutter + 1 + values + beside <= width and (characters or per_row <= 8):
                return RowShape(per_row, characters)
    return RowShape(reading.size, False)


def gutter_for(size: int) -> int:
    """Cells of the offsets.

    >>> gutter_for(100), gutter_for(100_000), gutter_for(2**33)
    (4, 6, 10)
    """
    digits = len(f"{max(0, size - 1):x}")
    return max(4, digits + digits % 2)


def raw_lines(
    window: ByteWindow | None,
    first: int,
    size: int,
    reading: ByteFormat,
    width: int,
    height: int,
    glyphs: Glyphs,
) -> list[Line]:
    """At most ``height`` rows from offset ``first`` on, of the bytes that ``window`` has."""
    if size <= 0:
        return [glyphs.clip_line(line((_("the segment is empty: 0 bytes"), "muted")), width)]
    if window is None:
        return []
    if not window.data:
        text = _("these bytes cannot be read: cut off, or gone")
        return [glyphs.clip_line(line((text, "warn")), width)]
    gutter = gutter_for(size)
    shape = row_shape_for(width, gutter, reading)
    rows: list[Line] = []
    for offset in range(first, min(size, first + height * shape.per_row), shape.per_row):
        at = max(0, offset - window.offset)
        here = slice(at, at + shape.per_row if offset >= window.offset else at)
        data, highlight = window.data[here], window.highlight[here]
        body = (
            text_spans(data, highlight, glyphs)
            if reading is TEXT
            else _values(data, highlight, reading, shape, glyphs)
        )
        row = joined([Span(f"{offset:0{gutter}x}  ", "muted"), *body])
        rows.append(glyphs.clip_line(row, width))
    return rows


def _values(
    data: bytes, highlight: bytes, reading: ByteFormat, shape: RowShape, glyphs: Glyphs
) -> list[Span]:
    spans: list[Span] = []
    for at in range(0, shape.per_row, reading.size):
        piece = data[at : at + reading.size]
        warm = max(highlight[at : at + reading.size], default=0)
        text = value_text(piece, reading)
        gap = " " if reading is HEX and at and at % 8 == 0 else ""
        blank = gap + " " * (reading.cell - len(text))
        style = _HIGHLIGHT_STYLES[warm] if warm or any(piece) else "faint"
        spans += [Span(blank), Span(text, style), Span(" ")]
    if shape.characters:
        spans.append(Span(" "))
        for byte, warm in zip(data, highlight, strict=True):
            shown = 0x20 <= byte < 0x7F
            style = _HIGHLIGHT_STYLES[warm] if warm else "muted" if shown else "faint"
            spans.append(Span(chr(byte) if shown else glyphs.no_character, style))
    return spans


def value_text(piece: bytes, reading: ByteFormat) -> str:
    r"""The bytes as one value; dashes where the segment ends inside it.

    >>> value_text(b"\xff", HEX), value_text(b"\xff\xff\xff\xff", BYTE_FORMATS[3])
    ('ff', '-1')
    >>> value_text(b"", HEX), value_text(b"\1\2", BYTE_FORMATS[3])
    ('', '--')
    """
    if not piece or reading is HEX:
        return piece.hex()
    if len(piece) < reading.size:
        return "--"
    value = struct.unpack("=" + reading.code, piece)[0]
    if isinstance(value, float):
        return f"{value:.10g}" if reading.code == "d" else f"{value:.6g}"
    return str(value)


def text_spans(data: bytes, highlight: bytes, glyphs: Glyphs) -> list[Span]:
    r"""The bytes as UTF-8; a dot for each byte that is no text or a control character.

    >>> plain(text_spans("início\0\x1b[31m".encode(), bytes(12), UNICODE))
    'início··[31m'
    """
    spans = []
    at = 0
    while at < len(data):
        char, length = _character(data, at, glyphs.ascii_only)
        warm = max(highlight[at : at + length], default=0)
        style = _HIGHLIGHT_STYLES[warm] if char or warm else "faint"
        spans.append(Span(char or glyphs.no_character, style))
        at += length
    return spans


def _character(data: bytes, at: int, ascii_only: bool) -> tuple[str, int]:
    """The character that starts there and its length in bytes; empty and 1 where there is none."""
    lead = data[at]
    if lead < 0x80:
        return (chr(lead), 1) if 0x20 <= lead < 0x7F else ("", 1)
    length = 2 if lead >> 5 == 0b110 else 3 if lead >> 4 == 0b1110 else 4
    try:
        char = data[at : at + length].decode()
    except UnicodeDecodeError:
        return "", 1
    # One cell for a character at most, so that no row is longer than its bytes.
    shown = len(char) == 1 and char.isprintable() and cells(char) == 1 and not ascii_only
    return (char, length) if shown else ("", 1)


def parse_offset(text: str, size: int) -> int:
    """The offset that a person typed: decimal, or hexadecimal after ``0x``.

    ValueError: it is none, or beyond the end; the text says so.

    >>> parse_offset("0x10", 100), parse_offset(" 42 ", 100)
    (16, 42)
    """
    try:
        offset = int(text.strip().replace("_", ""), 16 if "x" in text.lower() else 10)
    except ValueError:
        raise ValueError(_("an offset is a number, such as 4096 or 0x1000")) from None
    if not 0 <= offset < max(1, size):
        wrong = _("beyond the end: the segment has {size} bytes (0x{size:x})")
        raise ValueError(wrong.format(size=size))
    return offset


def last_first(size: int, per_row: int, rows: int, phase: int) -> int:
    """The offset of the first row in view when the last byte is in the last row.

    ``phase``: the offset of every row modulo ``per_row``.

    >>> last_first(100, 16, 4, 0), last_first(100, 16, 4, 1), last_first(10, 16, 4, 0)
    (48, 49, 0)
    """
    count = -(-(size - phase) // per_row)
    return phase + max(0, count - rows) * per_row
