"""What is read and written, declared as classes.

Records and rows are tuples: a batch of columns becomes records, and rows become columns, by one call of `zip` that runs at the speed of the
interpreter's own code.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, ClassVar, dataclass_transform, get_type_hints

from .types import Type, type_of

try:
    # What `collections.namedtuple` uses: it costs a fraction of a property.
    from _collections import _tuplegetter  # type: ignore[import-not-found]
except ImportError:

    def _tuplegetter(index: int, description: str) -> Any:
        return property(itemgetter(index), doc=description)


@dataclass(frozen=True)
class _Spec:
    """What stands after the `=` of a field: where its value comes from, or what it is called."""

    origin: str = "field"
    path: tuple[str, ...] = ()
    mismatch: str = "reject"
    name: str | None = None
    description: str = ""
    default: Any = None
    has_default: bool = False


@dataclass(frozen=True)
class Field:
    """A field of a class."""

    attribute: str
    name: str
    type: Type
    spec: _Spec


def capture(name: str | None = None) -> Any:
    """What `{name}` of the document pattern stands for; `name` is that of the attribute where it is not given."""
    return _Spec("path-capture", () if name is None else (name,))


def field(path: str | Sequence[str] | None = None, *, mismatch: str = "reject") -> Any:
    """A field of the document: its path from the root, `metrics.score`, or a list of steps where a name has a dot in it.

    `mismatch` says what becomes of a record whose field holds a value of another type: `reject`, or `null`.
    """
    if mismatch not in ("reject", "null"):
        raise ValueError(f"mismatch is 'reject' or 'null', not {mismatch!r}")
    return _Spec("field", _steps(path), mismatch)


def field_type(path: str | Sequence[str]) -> Any:
    """The name of the type that a field holds, for `str | None`: `null`, `boolean`, `integer`, `double`, `timestamp`, `string`, `bytes`,
    `reference`, `geoPoint`, `array`, `map`, `vector` or `other`. `None` where the document has no such field."""
    return _Spec("field-type", _steps(path))


def document_name() -> Any:
    """`projects/P/databases/D/documents/…`, a `str`."""
    return _Spec("document-name")


def document() -> Any:
    """The whole document in the form of Firestore's REST API, `Json`."""
    return _Spec("document")


def create_time() -> Any:
    """When the document was created. `None` in binary exports, which do not hold it."""
    return _Spec("create-time")


def update_time() -> Any:
    """When the document was last written. `None` in binary exports, which do not hold it."""
    return _Spec("update-time")


def column(description: str = "", *, name: str | None = None) -> Any:
    """A column: what it is, for people, and its name where the attribute has another one."""
    return _Spec(description=description, name=name)


_MISSING = object()


def setting(default: Any = _MISSING, description: str = "") -> Any:
    """A setting of the plugin. Without a default, whoever runs the plugin must give a value."""
    has_default = default is not _MISSING
    return _Spec(description=description, default=default if has_default else None, has_default=has_default)


def _steps(path: str | Sequence[str] | None) -> tuple[str, ...]:
    if path is None:
        return ()
    return tuple(path.split(".")) if isinstance(path, str) else tuple(path)


@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    field_specifiers=(capture, field, field_type, document_name, document, create_time, update_time, column, setting),
)
class _Declared(type):
    """Makes tuples of the classes that declare fields."""

    _fields: tuple[Field, ...]
    _make: Callable[[Any], Any]

    def __new__(mcs, name: str, bases: tuple[type, ...], space: dict[str, Any], **words: Any) -> "_Declared":
        specs = {key: space.pop(key) for key in list(space) if isinstance(space[key], _Spec)}
        # Without a dictionary in each of them.
        space["__slots__"] = ()
        cls = super().__new__(mcs, name, bases, space)
        if space["__module__"] == __name__:
            # Of those below, only what is derived of them has fields.
            cls._fields = ()
            return cls
        hints = {key: hint for key, hint in get_type_hints(cls).items() if not key.startswith("_")}
        unknown = [key for key in specs if key not in hints]
        if unknown:
            raise TypeError(f"{name}.{unknown[0]} has no annotation, which says its type")
        if not hints:
            raise TypeError(f"{name} has no fields")
        fields = []
        for index, (key, hint) in enumerate(hints.items()):
            spec = specs.get(key, _Spec())
            fields.append(Field(key, cls._name_of(key, spec), type_of(hint, f"{name}.{key}"), spec))
            setattr(cls, key, _tuplegetter(index, spec.description))
        cls._fields = tuple(fields)
        cls._make = partial(tuple.__new__, cls)  # type: ignore[arg-type]
        cls.__new__ = _constructor(cls)  # type: ignore[method-assign]
        cls._declare(**words)
        return cls

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **_: Any) -> None:
        super().__init__(name, bases, space)

    def _name_of(cls, key: str, spec: _Spec) -> str:
        return spec.name or key

    def _declare(cls, **words: Any) -> None:
        if words:
            raise TypeError(f"{cls.__name__}: {next(iter(words))} means nothing here")


def _constructor(cls: _Declared) -> Callable[..., Any]:
    """`__new__` with the fields as keywords. All of them: a column that is forgotten would be null in every row."""
    values = ", ".join(f.attribute for f in cls._fields)
    # Settings have defaults in a test as they have in a run.
    defaults = [f.spec.default if f.spec.has_default else None for f in cls._fields]
    words = ", ".join(f"{f.attribute}=_defaults[{i}]" if f.spec.has_default else f.attribute for i, f in enumerate(cls._fields))
    space: dict[str, Any] = {"_new": tuple.__new__, "_defaults": defaults}
    # As `collections.namedtuple` does it: a signature cannot be made otherwise, and Python checks it.
    exec(f"def __new__(_cls, *, {words}): return _new(_cls, ({values},))", space)
    return space["__new__"]  # type: ignore[no-any-return]


class _Record(tuple, metaclass=_Declared):  # type: ignore[type-arg]
    """A tuple with names."""

    _fields: ClassVar[tuple[Field, ...]]
    _make: ClassVar[Callable[[Any], Any]]

    def __repr__(self) -> str:
        values = ", ".join(f"{f.attribute}={value!r}" for f, value in zip(self._fields, self))
        return f"{type(self).__name__}({values})"


class Input(_Record):
    """What a plugin reads of a document: `class Team(Input, documents="teams/{team}")`.

    The pattern says which documents are taken; other documents do not come to the plugin. An attribute without a value is the field of
    its name.
    """

    _documents: ClassVar[str] = ""

    @classmethod
    def _declare(cls, *, documents: str) -> None:
        cls._documents = documents


class Struct(_Record):
    """A map of a document, or a struct of a table."""

    _is_struct: ClassVar[bool] = True


class RowColumns(_Record):
    """What a validator reads of a row: `class Report(RowColumns, table="reports")`. Without a table: of any table that has the columns."""

    _table: ClassVar[str | None] = None

    @classmethod
    def _declare(cls, *, table: str | None = None) -> None:
        cls._table = table


class Row(_Record):
    """A row of a table: `class TeamRow(Row, table="teams", key="team")`.

    The text below the class is the table's description. `key` names the columns in which two rows agree when they are the same row;
    `latest_by` the input of which the greatest value decides between rows of one document with the same key; `partition_by` and `cluster_by` the
    columns by which a destination that can keeps rows apart, or near each other. Columns are meant by their attributes.
    """

    _table: ClassVar[str] = ""
    _keys: ClassVar[dict[str, Any]] = {}

    @classmethod
    def _declare(
        cls,
        *,
        table: str,
        key: str | Sequence[str] = (),
        latest_by: str | None = None,
        partition_by: str | None = None,
        cluster_by: str | Sequence[str] = (),
    ) -> None:
        names = {f.attribute: f.name for f in cls._fields}

        def named(attributes: str | Sequence[str]) -> list[str]:
            listed = [attributes] if isinstance(attributes, str) else list(attributes)
            for each in listed:
                if each not in names:
                    raise TypeError(f"{cls.__name__} has no column {each!r}")
            return [names[each] for each in listed]

        cls._table = table
        cls._keys = {
            "key": named(key),
            "latest_by": latest_by,
            "partition_by": next(iter(named(partition_by or ())), None),
            "cluster_by": named(cluster_by),
        }


class Config(_Record):
    """The settings of a plugin: `overall_score_max: float = setting(1.0, "The highest score.")`. They are set as `overall-score-max`."""

    @classmethod
    def _name_of(cls, key: str, spec: _Spec) -> str:
        return key.replace("_", "-")
