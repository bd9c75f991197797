"""Columns of the contract to sequences of values, and back. `None` is null.

What costs here costs for every value, so all loops are comprehensions, or calls of the interpreter's own code.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import accumulate, chain
from typing import Any

from .time import EPOCH, EPOCH_DAY, MAX_MICROS, MICROSECOND, MIN_MICROS
from .types import Type

_INT64 = range(-(2**63), 2**63)
_LAST_DAY = date.max.toordinal()


class BadValue(Exception):
    """A value that its column cannot hold. `index` is its place in the column; none where it is a part of a value."""

    def __init__(self, index: int | None, what: str) -> None:
        super().__init__(index, what)
        self.index = index
        self.what = what


def read(type: Type, index: int, arrays: Sequence[Any]) -> Sequence[Any]:
    """The values of an array of a batch, which the host made as it was declared."""
    array = arrays[index]
    body = array.values.value
    kind = type.kind
    values: Sequence[Any]
    if kind in ("string", "json", "reference"):
        values = _texts(body, array.validity)
    elif kind in ("int64", "float64", "timestamp"):
        values = body
    elif kind == "datetime":
        # What stands at a null may be anything, and need not be an instant.
        values = [EPOCH + timedelta(microseconds=each) if MIN_MICROS <= each <= MAX_MICROS else None for each in body]
    elif kind == "boolean":
        # One bit a value; there may be spare ones.
        values = [bit == "1" for bit in _bits(body, len(body) * 8)]
    elif kind == "bytes":
        data, offsets = body.data, body.offsets
        values = [data[start:end] for start, end in zip(offsets, offsets[1:])]
    elif kind == "date":
        values = [date.fromordinal(each + EPOCH_DAY) if 0 < each + EPOCH_DAY <= _LAST_DAY else None for each in body]
    elif kind == "list":
        assert type.element is not None
        child, offsets = read(type.element, body.child, arrays), body.offsets
        values = [list(child[start:end]) for start, end in zip(offsets, offsets[1:])]
    else:
        parts = [read(f.type, child, arrays) for f, child in zip(type.record._fields, body.children)]
        values = list(map(type.record._make, zip(*(part[: body.length] for part in parts))))
    return values if array.validity is None else _with_nulls(values, array.validity)


def rows_of(type: Type, index: int, arrays: Sequence[Any], rows: int) -> Sequence[Any]:
    """The values of a column with so many rows. A tuple, so that a column that is handed on untouched can be told."""
    return tuple(read(type, index, arrays)[:rows])


def _bits(data: bytes, count: int) -> str:
    """`0` and `1` for each bit, the first one of the contract's order first."""
    # A bit above all others keeps the zeros below it.
    text = bin(int.from_bytes(data, "little") | 1 << len(data) * 8)
    return text[:2:-1][:count]


def _with_nulls(values: Sequence[Any], validity: bytes) -> Sequence[Any]:
    if not any(validity):
        return [None] * len(values)
    return [value if bit == "1" else None for value, bit in zip(values, _bits(validity, len(values)))]


def _texts(body: Any, validity: bytes | None) -> list[Any]:
    data, offsets = body.data, body.offsets
    count = len(offsets) - 1
    if not data:
        return [""] * count
    if data.isascii():
        text = data.decode("ascii")
        width = offsets[1]
        # Texts that are all the same, such as the names of types: one object in place of thousands.
        if len(data) == width * count and text == text[:width] * count and offsets == list(range(0, len(data) + 1, width)):
            return [text[:width]] * count
        return [text[start:end] for start, end in zip(offsets, offsets[1:])]
    if validity is None:
        return [data[start:end].decode() for start, end in zip(offsets, offsets[1:])]
    # What stands at a null may be anything.
    bits = _bits(validity, count)
    return [data[start:end].decode() if bit == "1" else "" for start, end, bit in zip(offsets, offsets[1:], bits)]


class Writer:
    """Makes the arrays of a batch. `wit` is the module with the classes of the contract's `columns`."""

    def __init__(self, wit: Any) -> None:
        self.wit = wit
        self.arrays: list[Any] = []

    def add(self, type: Type, values: Sequence[Any], depth: int = 0) -> int:
        """Adds a column, and what it holds, and gives its index. `BadValue` where a value is of another type."""
        if depth > 0:
            try:
                return self.add(type, values)
            except BadValue as bad:
                raise BadValue(None, f"a part of a value: {bad.what}") from None
        index = len(self.arrays)
        # An array comes before those that it holds.
        self.arrays.append(None)
        validity = None
        types = set(map(_type, values))
        if _NONE in types:
            if not type.nullable:
                raise BadValue(values.index(None), "there is no value, and the column has no `| None`")
            validity = _bitmap([value is not None for value in values])
        self.arrays[index] = self.wit.Array(self._values(type, values, types), validity)
        return index

    def _values(self, type: Type, values: Sequence[Any], types: set[Any]) -> Any:
        wit, kind = self.wit, type.kind
        wanted, filler = _PYTHON[kind]
        if kind == "struct":
            wanted = type.record
            filler = (None,) * len(wanted._fields)
        _check(values, types, wanted, kind)
        if kind == "struct":
            return self._struct(type, [filler if value is None else value for value in values])
        if _NONE in types:
            values = [filler if value is None else value for value in values]
        if kind in ("string", "reference"):
            return wit.Values_Strings(self._texts(values))
        if kind == "json":
            return wit.Values_Json(self._texts(values))
        if kind == "float64":
            return wit.Values_Float64s(_floats(values) if int in types else list(values))
        if kind == "int64":
            _in_range(values, _INT64)
            return wit.Values_Int64s(list(values))
        if kind in ("timestamp", "datetime"):
            if kind == "datetime":
                values = [(each - EPOCH) // MICROSECOND if isinstance(each, _DATETIME) else each for each in values]
            _in_range(values, range(MIN_MICROS, MAX_MICROS + 1))
            return wit.Values_Timestamps(list(values))
        if kind == "boolean":
            return wit.Values_Booleans(_bitmap(values))
        if kind == "date":
            return wit.Values_Dates([each.toordinal() - EPOCH_DAY if each else 0 for each in values])
        if kind == "bytes":
            return wit.Values_Bytes(wit.Varlen([0, *accumulate(map(len, values))], b"".join(values)))
        assert type.element is not None
        offsets = [0, *accumulate(map(len, values))]
        return wit.Values_Lists(wit.NestedLists(offsets, self.add(type.element, list(chain.from_iterable(values)), 1)))

    def _texts(self, values: Sequence[str]) -> Any:
        whole = "".join(values)
        if whole.isascii():
            return self.wit.Varlen([0, *accumulate(map(len, values))], whole.encode())
        try:
            encoded = [each.encode() for each in values]
        except UnicodeEncodeError as error:
            raise BadValue(values.index(error.object), "the text has half of a surrogate pair, which UTF-8 cannot hold") from None
        return self.wit.Varlen([0, *accumulate(map(len, encoded))], b"".join(encoded))

    def _struct(self, type: Type, values: Sequence[Any]) -> Any:
        parts = zip(*values) if values else [()] * len(type.record._fields)
        children = []
        for each, part in zip(type.record._fields, parts):
            # A null struct has nulls in it, whatever its fields are.
            inner = Type(each.type.kind, True, each.type.element, each.type.record)
            children.append(self.add(inner, part, 1))
        return self.wit.Values_Structs(self.wit.StructFields(len(values), children))


_type = type
_DATETIME = type(EPOCH)

_PYTHON: dict[str, tuple[Any, Any]] = {
    "boolean": (bool, False),
    "int64": (int, 0),
    "float64": ((float, int), 0.0),
    "timestamp": (int, 0),
    "datetime": (_DATETIME, EPOCH),
    "date": (date, None),
    "string": (str, ""),
    "bytes": (bytes, b""),
    "json": (str, "null"),
    "reference": (str, ""),
    "list": ((list, tuple), ()),
    "struct": (None, None),
}
"""What a value of a kind is in Python, and what stands at a null."""


def _check(values: Sequence[Any], types: set[Any], wanted: Any, kind: str) -> None:
    """That all values are of the kind's class. The classes that occur are few, so they are looked at and not the values."""
    # Of Python's view that a bool is an int, and a datetime a date, a table knows nothing.
    other = {"boolean": None, "date": _DATETIME}.get(kind, bool)
    wrong = [each for each in types if each is not _NONE and (not issubclass(each, wanted) or each is other)]
    for index, value in enumerate(values if wrong else ()):
        if _type(value) in wrong:
            names = " or ".join(each.__name__ for each in (wanted if isinstance(wanted, tuple) else (wanted,)))
            raise BadValue(index, f"{value!r:.60} is of type {_type(value).__name__}, and the column is {names}")
    if kind == "datetime":
        for index, value in enumerate(values):
            if value is not None and value.tzinfo is None:
                raise BadValue(index, "a datetime without a time zone is no instant; give it one, such as `tzinfo=timezone.utc`")


_NONE = type(None)


def _floats(values: Sequence[Any]) -> list[float]:
    """Nothing is rounded: an int may stand for a float where the float is the same number."""
    for index, value in enumerate(values):
        if isinstance(value, int) and (abs(value) > 2**1023 or float(value) != value):
            raise BadValue(index, f"{value} is no float64 without rounding")
    return list(map(float, values))


def _in_range(values: Sequence[int], allowed: range) -> None:
    if values and not (allowed[0] <= min(values) and max(values) <= allowed[-1]):
        index = next(index for index, value in enumerate(values) if value not in allowed)
        raise BadValue(index, f"{values[index]} is not from {allowed[0]} to {allowed[-1]}")


def _bitmap(values: Iterable[Any]) -> bytes:
    """One bit a value, least significant bit first."""
    text = "".join(["1" if value else "0" for value in values])
    return int(text[::-1] or "0", 2).to_bytes((len(text) + 7) // 8, "little")
