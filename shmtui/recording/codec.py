"""Frozen records to plain JSON values and back, by the types of their fields. Pure.

A field that has its default is left out, and one that is missing gets its default: so a record of an
older version, which lacks a field, can be read. Unknown keys are ignored. A field ``in_`` is the key
``in``. What JSON has no value for: an infinity or NaN is its name as text; bytes in a value are
``{"bytes": hex}``, and a float in a value that is no number ``{"float": name}``. Slots are a list by
field, ``{"index": […], "value": […], "full": […]}``: they deflate to two thirds of what records take.
"""

import math
import types
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from shmtui.shm.item_counts import Audit, ExactCounts, Totals
from shmtui.shm.segment_info import Slot
from shmtui.shm.sync_object import SyncObject
from shmtui.shm.value import Fields, Value

Encode = Callable[[Any], Any]
Decode = Callable[[Any], Any]

_LATE: Final = {kind.__name__: kind for kind in (Audit, ExactCounts, SyncObject, Totals)}
"""What `shmtui.snapshot` imports for its annotations alone."""
_LARGEST: Final = 2**64
"""No field holds an integer of more bits: those are the sizes, times and words of a machine."""
_FARTHEST: Final = 1e300
_UNLIMITED: Final = "target_rate"
"""The one field that can be infinite."""
_DEEPEST: Final = 32
"""Structs within structs of a value."""


class UnknownFormError(ValueError):
    """The JSON does not hold what the record has: the text says what is wrong, in technical words."""


def _unlike(kind: str, raw: Any) -> UnknownFormError:
    return UnknownFormError(f"{kind} expected, not {str(raw)[:40]!r}")


@cache
def encoder(kind: Any) -> Encode | None:
    """What makes JSON of a value of that type; None where a value is its own JSON.

    TypeError: there is no JSON for the type.
    """
    if kind == Value:
        return _encode_value
    if kind is float:
        return _encode_float
    if kind in {int, str, bool, types.NoneType}:
        return None
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _record_encoder(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _encode_text_enum if issubclass(kind, str) else _encode_enum
    origin, inside = get_origin(kind), get_args(kind)
    if origin is tuple and inside[1:] == (...,):
        if inside[0] is Slot:
            return _encode_slots
        return _tuple_encoder(encoder(inside[0]))
    if origin is dict:
        return _dict_encoder(encoder(inside[0]), encoder(inside[1]))
    if origin in {Union, types.UnionType}:
        (one,) = (each for each in inside if each is not types.NoneType)
        encode = encoder(one)
        return encode and (lambda value: None if value is None else encode(value))
    raise TypeError(f"no JSON for {kind!r}")


def _encode_float(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _encode_text_enum(value: Enum) -> Any:
    return value.value


def _encode_enum(value: Enum) -> str:
    return value.name


def _tuple_encoder(encode: Encode | None) -> Encode:
    if encode is None:
        return list
    return lambda values: [encode(each) for each in values]


def _dict_encoder(key: Encode | None, value: Encode | None) -> Encode:
    def encode(values: dict[Any, Any]) -> dict[str, Any]:
        return {
            key(k) if key else k: value(v) if value else v for k, v in values.items()
        }  # fmt: skip

    return encode


def _encode_value(value: Any) -> Any:
    """A decoded item of any type."""
    if isinstance(value, tuple):
        return [_encode_value(each) for each in value]
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def _encode_slots(slots: tuple[Slot, ...]) -> dict[str, list[Any]]:
    return {
        "index": [slot.index for slot in slots],
        "value": [_encode_value(slot.value) for slot in slots],
        "full": [slot.full for slot in slots],
    }


def _decode_slots(raw: Any) -> tuple[Slot, ...]:
    columns = (
        [raw.get(name) for name in ("index", "value", "full")] if type(raw) is dict else [None]
    )
    lengths = {len(column) if type(column) is list else None for column in columns}
    if len(lengths) > 1 or None in lengths:
        raise _unlike("columns of one length", raw)
    return tuple(
        [
            Slot(_decode_int(at), _decode_value(value), _decode_full(full))
            for at, value, full in zip(*columns, strict=True)
        ]
    )


def fields_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields' names and defaults, NODEFAULT for one that has none."""
    names, defaults = kind.__struct_fields__, kind.__struct_defaults__
    needed = len(names) - len(defaults)
    return dict(zip(names, (*(msgspec.NODEFAULT,) * needed, *defaults), strict=True))


def _key(name: str) -> str:
    return name.rstrip("_")


def hints_of(kind: type) -> dict[str, Any]:
    """The types of a record's fields."""
    return get_type_hints(kind, localns=_LATE)


def _record_encoder(kind: type[msgspec.Struct]) -> Encode:
    hints = hints_of(kind)
    parts = [
        (name, _key(name), encoder(hints[name]), default)
        for name, default in fields_of(kind).items()
    ]

    def encode(record: Any) -> dict[str, Any]:
        found = {}
        for name, key, one, default in parts:
            value = getattr(record, name)
            if value is default or (value == default and type(value) is type(default)):
                continue
            found[key] = value if one is None else one(value)
        return found

    return encode


@cache
def decoder(kind: Any) -> Decode:
    """What makes a value of that type of JSON; it raises UnknownFormError where the JSON is of no such."""
    if kind == Value:
        return _decode_value
    if kind is float:
        return _decode_float
    if kind is int:
        return _decode_int
    if kind is bool or kind is str:
        return _plain_decoder(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _record_decoder(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum_decoder(kind)
    origin, inside = get_origin(kind), get_args(kind)
    if origin is tuple and inside[1:] == (...,):
        if inside[0] is Slot:
            return _decode_slots
        return _tuple_decoder(decoder(inside[0]))
    if origin is dict:
        return _dict_decoder(decoder(inside[0]), decoder(inside[1]))
    if origin in {Union, types.UnionType}:
        (one,) = (each for each in inside if each is not types.NoneType)
        decode = decoder(one)
        return lambda raw: None if raw is None else decode(raw)
    raise TypeError(f"no JSON for {kind!r}")


def _decode_full(raw: Any) -> bool | None:
    if raw is not None and type(raw) is not bool:
        raise _unlike("bool", raw)
    return raw


def _plain_decoder(kind: type) -> Decode:
    def decode(raw: Any) -> Any:
        if type(raw) is not kind:
            raise _unlike(kind.__name__, raw)
        return raw

    return decode


def _decode_int(raw: Any) -> int:
    if type(raw) is not int or not -_LARGEST < raw < _LARGEST:
        raise _unlike("int of 64 bits", raw)
    return raw


def _decode_float(raw: Any) -> float:
    """What is drawn has finite numbers alone; NaN is none."""
    if type(raw) in {int, float} and -_FARTHEST < raw < _FARTHEST:
        return float(raw)
    raise _unlike("float", raw)


def _decode_rate(raw: Any) -> float | None:
    """A rate, which may be unlimited, or unknown."""
    return math.inf if raw == "inf" else None if raw is None else _decode_float(raw)


def _decode_value(raw: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise UnknownFormError("a value of too many structs")
    if isinstance(raw, list):
        parts = tuple(_decode_value(each, depth + 1) for each in raw)
        return Fields(parts) if _names_members(parts) else parts
    if isinstance(raw, dict):
        if raw.get("float") in ("inf", "-inf", "nan"):
            return float(raw["float"])
        try:
            return bytes.fromhex(raw["bytes"])
        except (KeyError, TypeError, ValueError):
            raise _unlike("a value", raw) from None
    return raw


def _names_members(parts: tuple[Any, ...]) -> bool:
    """Whether these are the members of a struct, a name and a value each."""
    return bool(parts) and all(
        type(part) is tuple and len(part) == 2 and type(part[0]) is str and part[0].isidentifier()
        for part in parts
    )


def _enum_decoder(kind: type[Enum]) -> Decode:
    known = {_encode_text_enum(e) if issubclass(kind, str) else e.name: e for e in kind}

    def decode(raw: Any) -> Enum:
        if type(raw) is not str or raw not in known:
            raise _unlike(kind.__name__, raw)
        return known[raw]

    return decode


def _tuple_decoder(decode: Decode) -> Decode:
    def decode_all(raw: Any) -> tuple[Any, ...]:
        if type(raw) is not list:
            raise _unlike("a list", raw)
        return tuple([decode(each) for each in raw])

    return decode_all


def _dict_decoder(key: Decode, value: Decode) -> Decode:
    def decode(raw: Any) -> dict[Any, Any]:
        if type(raw) is not dict:
            raise _unlike("an object", raw)
        return {key(k): value(v) for k, v in raw.items()}

    return decode


def _record_decoder(kind: type[msgspec.Struct]) -> Decode:
    hints = hints_of(kind)
    parts = {
        _key(name): (name, _decode_rate if name == _UNLIMITED else decoder(hints[name]))
        for name in kind.__struct_fields__
    }
    required = [
        _key(name) for name, default in fields_of(kind).items() if default is msgspec.NODEFAULT
    ]

    def decode(raw: Any) -> Any:
        if type(raw) is not dict:
            raise _unlike(kind.__name__, raw)
        for key in required:
            if key not in raw:
                raise UnknownFormError(f"{kind.__name__} without {key}")
        found = {}
        for key, value in raw.items():
            part = parts.get(key)
            if part is not None:
                try:
                    found[part[0]] = part[1](value)
                except UnknownFormError as error:
                    raise UnknownFormError(f"{key}: {error}") from None
        return kind(**found)

    return decode
