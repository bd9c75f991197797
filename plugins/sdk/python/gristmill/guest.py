"""The side of the sandbox: the contract's functions, for what the module of a plugin defined. Works in a component only."""

import json
import os
import random
import sys
from typing import Any

from wit_world.imports import log as host_log  # type: ignore[import-not-found]
from wit_world.imports import schema

from . import log
from .plugin import Plugin, defined, told
from .types import Type

__all__ = ["about", "begin", "description", "only", "shape_of", "told"]

# What is printed belongs to the call in which it was printed, with or without an end of line.
sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]

log._listener = lambda level, message: host_log.log(getattr(host_log.Level, level.upper()), message)


def begin() -> None:
    """To be called first in every call. `random` keeps a generator in memory that goes on from call to call: from here on it is that of the
    call, by numbers of the host that are the same for the same configuration."""
    random.seed(os.urandom(16))


def only(kind: type, module: str) -> Any:
    """What the module defined. There is one, or a build ends here with what is wrong."""
    found = [each for each in defined if isinstance(each, kind)]
    if len(found) != 1:
        word = "plugin" if kind is Plugin else "validator"
        raise SystemExit(f"{module}.py has {len(found)} functions below @{word}, and one is wanted")
    return found[0]


class Types:
    """The types of a description, each once."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def index(self, type: Type) -> int:
        """The index of a type; what it refers to comes before it."""
        if type.element is not None:
            made: Any = schema.DataType_List(self.index(type.element))
        elif type.record is not None:
            made = schema.DataType_Struct([schema.StructField(f.name, self.index(f.type)) for f in type.record._fields])
        else:
            kind = "timestamp" if type.kind == "datetime" else type.kind
            made = schema.DataType_Scalar(getattr(schema.Scalar, kind.upper()))
        if made not in self.all:
            self.all.append(made)
        return self.all.index(made)


def about(of: Any) -> Any:
    """What a person is told of a plugin."""
    fields = []
    for f in of.config._fields if of.config is not None else ():
        default = None
        if f.spec.has_default:
            value = float(f.spec.default) if f.type.kind == "float64" else f.spec.default
            default = json.dumps(json.loads(f.spec.default) if f.type.kind == "json" else value)
        scalar = getattr(schema.Scalar, f.type.kind.upper())
        fields.append(schema.ConfigField(f.name, scalar, default, f.spec.description))
    return schema.About(of.name, of.version, of.summary, fields)


def description(plugin: Plugin) -> Any:
    """What a plugin reads and writes."""
    types = Types()
    inputs = []
    for f in plugin.input._fields:
        mismatch = schema.OnMismatch.NULL if f.spec.mismatch == "null" else schema.OnMismatch.REJECT
        inputs.append(schema.Input(f.name, origin(f), types.index(f.type), not f.type.nullable, mismatch))
    tables = []
    for row in plugin.rows:
        described = [
            schema.OutputColumn(f.name, types.index(as_written(f.type)), not f.type.nullable, f.spec.description)
            for f in row._fields
        ]
        words = row._keys
        text = " ".join((row.__doc__ or "").split())
        tables.append(
            schema.Table(row._table, text, described, words["key"], words["latest_by"], words["partition_by"], words["cluster_by"])
        )
    return schema.Description(plugin.input._documents, types.all, inputs, tables)


def as_written(type: Type) -> Type:
    """A reference is a string in a table."""
    return Type("string", type.nullable) if type.kind == "reference" else type


def origin(f: Any) -> Any:
    """Where an input comes from."""
    path = list(f.spec.path)
    match f.spec.origin:
        case "path-capture":
            return schema.Origin_PathCapture(path[0] if path else f.attribute)
        case "field-type":
            return schema.Origin_FieldType(path)
        case "document-name":
            return schema.Origin_DocumentName()
        case "document":
            return schema.Origin_Document()
        case "create-time":
            return schema.Origin_CreateTime()
        case "update-time":
            return schema.Origin_UpdateTime()
        case _:
            return schema.Origin_Field(path or [f.attribute])


def shape_of(types: Any, index: int) -> str:
    """A type of a table as one word, as `plugin.shape` gives that of an annotation."""
    made = types[index]
    if isinstance(made, schema.DataType_List):
        return f"list<{shape_of(types, made.value)}>"
    if isinstance(made, schema.DataType_Struct):
        return "struct<" + ",".join(f"{f.name}:{shape_of(types, f.type)}" for f in made.value) + ">"
    return str(made.value.name).lower()
