"""Types of the contract, and the annotations that mean them."""

import types as _types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NewType, Union, get_args, get_origin

from .time import Micros

Json = NewType("Json", str)
"""JSON text. Read: a value in the typed form of Firestore's REST API, `{"integerValue":"7"}`."""

Reference = NewType("Reference", str)
"""The resource name that a Firestore reference holds."""


@dataclass(frozen=True)
class Type:
    """A type with its parts.

    `kind` is a scalar of the contract by its name, `list` or `struct`; or `datetime`, which is a timestamp that is converted.
    """

    kind: str
    nullable: bool = False
    element: "Type | None" = None
    record: Any = None
    """The class of a struct."""

    def parts(self) -> "Iterator[Type]":
        """The types of elements and fields."""
        if self.element is not None:
            yield self.element
        if self.record is not None:
            yield from (each.type for each in self.record._fields)

    def needs_parts(self) -> bool:
        """Whether a part may not be null, so that a value may lack it."""
        return any(not part.nullable or part.needs_parts() for part in self.parts())

    def lacks(self, value: Any) -> bool:
        """Whether a part of a value is null that may not be. The value itself is not null."""
        if self.element is not None:
            return any(_lacks(self.element, each) for each in value)
        if self.record is not None:
            return any(_lacks(each.type, part) for each, part in zip(self.record._fields, value))
        return False


def _lacks(type: Type, value: Any) -> bool:
    return not type.nullable if value is None else type.lacks(value)


_SCALARS: dict[Any, str] = {
    bool: "boolean",
    int: "int64",
    float: "float64",
    Micros: "timestamp",
    datetime: "datetime",
    date: "date",
    str: "string",
    bytes: "bytes",
    Json: "json",
    Reference: "reference",
}


def type_of(annotation: Any, where: str) -> Type:
    """The type that an annotation means. `where` is for the message of the `TypeError` where it means none."""
    args = get_args(annotation)
    if get_origin(annotation) in (Union, _types.UnionType):
        some = [arg for arg in args if arg is not _types.NoneType]
        if len(some) != 1 or len(args) != 2:
            raise TypeError(f"{where}: a column has one type, or one type `| None`")
        inner = type_of(some[0], where)
        return Type(inner.kind, True, inner.element, inner.record)
    if get_origin(annotation) is list:
        return Type("list", element=type_of(args[0], where))
    if annotation in _SCALARS:
        return Type(_SCALARS[annotation])
    if isinstance(annotation, type) and getattr(annotation, "_is_struct", False):
        return Type("struct", record=annotation)
    raise TypeError(
        f"{where}: {annotation!r} is no type of a column; take bool, int, float, str, bytes, Micros, datetime, date, Json, Reference, "
        "list[…], a class of Struct, or one of these `| None`"
    )
