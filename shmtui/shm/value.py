"""Decoded items, and how they are written as text and JSON. Pure; imports nothing slow."""

from typing import Any

Number = int | float
"""An item of a scalar type."""
Value = int | float | str | bool | bytes | tuple[Any, ...] | None
"""A decoded item: a struct is :class:`Fields`, an array a tuple, bytes stand for an unknown type."""


class Fields(tuple[tuple[str, Any], ...]):
    """A struct's members as (name, value) pairs, in the order of their offsets."""

    __slots__ = ()


def value_text(value: Value) -> str:
    """A value in a notation close to C's. Text in it stays hostile: it has to be made inert.

    >>> value_text(Fields((("id", 3), ("name", "ana"), ("xs", (1, 2)))))
    '{id: 3, name: "ana", xs: [1, 2]}'
    >>> value_text(bytes([1, 255]))
    '01 ff'
    """
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.9g}"
    if not isinstance(value, tuple):
        return "?" if value is None else str(value)
    if isinstance(value, Fields):
        return "{" + ", ".join(f"{name}: {value_text(part)}" for name, part in value) + "}"
    return "[" + ", ".join(map(value_text, value)) + "]"


def value_json(value: Value) -> Any:
    """A value for JSON: a struct as an object, an array as a list, NaN and infinities as text,
    bytes in hexadecimal.

    >>> value_json(Fields((("id", 3), ("xs", (1, 2)))))
    {'id': 3, 'xs': [1, 2]}
    """
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if not isinstance(value, tuple):
        return value
    if isinstance(value, Fields):
        return {name: value_json(part) for name, part in value}
    return [value_json(part) for part in value]


def checksum_of(value: Number) -> int:
    """What ``value`` adds to a sum of items: its integer part modulo 2**64, 0 if it has none.

    >>> checksum_of(-1) == 2**64 - 1, checksum_of(2.9), checksum_of(float("nan"))
    (True, 2, 0)
    """
    try:
        return int(value) & (2**64 - 1)
    except (ValueError, OverflowError):
        return 0
