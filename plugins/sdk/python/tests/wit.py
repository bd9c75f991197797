"""The contract's `columns` as componentize-py gives it to a component, for tests outside of one; and batches of them."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Varlen:
    offsets: list[int]
    data: bytes


@dataclass
class NestedLists:
    offsets: list[int]
    child: int


@dataclass
class StructFields:
    length: int
    children: list[int]


@dataclass
class Array:
    values: Any
    validity: bytes | None = None


@dataclass
class Batch:
    rows: int
    arrays: list[Array]
    columns: list[int]


@dataclass
class Values_Booleans:
    value: bytes


@dataclass
class Values_Int64s:
    value: list[int]


@dataclass
class Values_Float64s:
    value: list[float]


@dataclass
class Values_Timestamps:
    value: list[int]


@dataclass
class Values_Dates:
    value: list[int]


@dataclass
class Values_Strings:
    value: Varlen


@dataclass
class Values_Bytes:
    value: Varlen


@dataclass
class Values_Json:
    value: Varlen


@dataclass
class Values_Lists:
    value: NestedLists


@dataclass
class Values_Structs:
    value: StructFields


def strings(*texts: str, validity: bytes | None = None) -> Array:
    """A column of texts."""
    encoded = [text.encode() for text in texts]
    offsets = [0]
    for each in encoded:
        offsets.append(offsets[-1] + len(each))
    return Array(Values_Strings(Varlen(offsets, b"".join(encoded))), validity)


def batch(rows: int, *arrays: Array) -> Batch:
    """A batch of columns without parts."""
    return Batch(rows, list(arrays), list(range(len(arrays))))
