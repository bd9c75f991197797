"""Plugins: what a mapping or judging function declares, and how a batch goes through it."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from os.path import basename, dirname
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from . import columns
from .declare import Config, Input, Row, RowColumns
from .rejection import Rejection, Verdict
from .time import Micros

_CODE = re.compile(r"[a-z0-9.-]{1,64}")

C = TypeVar("C")
I = TypeVar("I")
R = TypeVar("R")

defined: list[Any] = []
"""What the module of a plugin defined."""


class Context(Generic[C]):
    """What is the same for every record of a run. `Context[Settings]` has the settings in `config`."""

    __slots__ = ("config", "run_id", "started_at")

    def __init__(self, config: C, run_id: str = "run", started_at: Micros = Micros(0)) -> None:
        self.config = config
        self.run_id = run_id
        self.started_at = started_at
        """The one time that a run knows, and a rerun of it has the same."""


class Columns(Generic[I]):
    """A batch of records as columns: `reports.score` is a tuple with the value of every record, `None` for null.

    A column is decoded when it is asked for.
    """

    def __init__(self, length: int, read: Callable[[int], Sequence[Any]], fields: dict[str, int]) -> None:
        self._length = length
        self._read = read
        self._index = fields
        self._rejected: dict[int, Rejection] = {}

    def __len__(self) -> int:
        return self._length

    def __getattr__(self, name: str) -> Sequence[Any]:
        try:
            values = self._read(self._index[name])
        except KeyError:
            raise AttributeError(f"there is no input {name!r}") from None
        setattr(self, name, values)
        return values

    def reject(self, index: int, rejection: Rejection) -> None:
        """Refuses the record at an index. Of several refusals the first counts."""
        self._rejected.setdefault(index, rejection)


class Rows(Generic[R]):
    """Rows of a table as columns: `Rows(TeamRow, team=teams.team, name=names)`.

    Without `origins` there is a row for each record, and those of refused records are left out. With it, it says for each row which
    record it was made from, in rising order.
    """

    def __init__(self, row: type[R], origins: Sequence[int] | None = None, **values: Sequence[Any]) -> None:
        self.row = row
        self.origins = origins
        self.values = values
        names = [f.attribute for f in row._fields]  # type: ignore[attr-defined]
        for name in [*values, *names]:
            if name not in names:
                raise TypeError(f"{row.__name__} has no column {name!r}")
            if name not in values:
                raise TypeError(f"{row.__name__} has a column {name!r}, which is not given")


class Table:
    """Rows that come up while a batch is mapped."""

    __slots__ = ("add", "origins", "rows")

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.origins: list[int] = []
        self.add = self.rows.append


class Output:
    """What a batch became. For each table its columns, of `columns.Writer`, and the origins of its rows."""

    def __init__(self) -> None:
        self.tables: list[tuple[int, list[Any], list[int], list[int] | None]] = []
        self.rejections: list[tuple[int, str, str | None, str]] = []


class Plugin:
    """A function below `@plugin`."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str,
        version: str,
        summary: str,
        check: Callable[[Any], None] | None,
    ) -> None:
        hints = get_type_hints(function)
        returned = hints.pop("return", None)
        given = list(hints.values())
        self.function = function
        self.name, self.version, self.summary, self.check = name, version, summary, check
        self.by_columns = bool(given) and getattr(given[0], "__origin__", None) is Columns
        self.input = _one_of(given[:1], Input, f"{function.__name__}: its first parameter is a class of Input, or Columns[…] of one")
        self.config = next(iter(_classes(given[1:], Config)), None)
        self.rows = _classes([returned], Row)
        if not self.rows:
            raise TypeError(f"{function.__name__}: its `->` names the classes of Row that it makes")
        self.context: Any = None

    def open(self, config: str, run_id: str, started_at: int) -> None:
        """Takes the settings. `ValueError` with what `check` has against them."""
        self.context = open_context(self.config, self.check, config, run_id, started_at)

    def transform(self, batch: Any, wit: Any) -> Output:
        """A batch, in classes of `wit`."""
        return self._by_columns(batch, wit) if self.by_columns else self._by_records(batch, wit)

    def _by_records(self, batch: Any, wit: Any) -> Output:
        output = Output()
        fields = self.input._fields
        read = [columns.rows_of(f.type, index, batch.arrays, batch.rows) for f, index in zip(fields, batch.columns)]
        tables = [Table() for _ in self.rows]
        lacking = _lacking(fields, read)
        first = self.rows[0]
        only, function, context = tables[0], self.function, self.context
        add, came_from = only.add, only.origins.append
        for index, record in enumerate(map(self.input._make, zip(*read))):
            try:
                if index in lacking:
                    raise _missing_part(lacking[index])
                made = function(record, context)
                if type(made) is first:
                    add(made)
                    came_from(index)
                elif made is not None:
                    self._add(made, index, tables)
            except Rejection as rejection:
                output.rejections.append((index, *self._fit(rejection)))
            except (MemoryError, RecursionError):
                raise
            except Exception as error:
                output.rejections.append((index, "exception", None, told(error, function)))
        for row, table in zip(self.rows, tables):
            values = list(zip(*table.rows)) if table.rows else [()] * len(row._fields)
            is_each = len(table.origins) == batch.rows and table.origins == list(range(batch.rows))
            self._write(output, wit, row, values, len(table.rows), None if is_each else table.origins)
        return output

    def _add(self, made: Any, index: int, tables: list[Table]) -> None:
        """Adds what is more than one row, or a row of another table. All of it, or nothing where it cannot be used."""
        rows = [made] if isinstance(made, Row) else list(made)
        for row in rows:
            if type(row) not in self.rows:
                raise TypeError(f"a {type(row).__name__} is no row of this plugin: its `->` does not name it")
        for row in rows:
            table = tables[self.rows.index(type(row))]
            table.add(row)
            table.origins.append(index)

    def _by_columns(self, batch: Any, wit: Any) -> Output:
        output = Output()
        fields = self.input._fields
        untouched: dict[int, Any] = {}

        def read(index: int) -> Sequence[Any]:
            type, place = fields[index].type, batch.columns[index]
            values = columns.rows_of(type, place, batch.arrays, batch.rows)
            if type.element is None and type.record is None:
                untouched[id(values)] = (values, batch.arrays[place])
            return values

        records: Columns[Any] = Columns(batch.rows, read, {f.attribute: index for index, f in enumerate(fields)})
        # Only what has parts can lack one, so only that is decoded for it.
        parted = [index for index, f in enumerate(fields) if f.type.needs_parts()]
        for index in parted:
            for row, name in _lacking([fields[index]], [getattr(records, fields[index].attribute)]).items():
                records.reject(row, _missing_part(name))
        made = self.function(records, self.context)
        parts: dict[int, Rows[Any]] = {}
        for rows in [made] if isinstance(made, Rows) else made or []:
            if id(rows.row) in parts:
                raise TypeError(f"there are Rows of {rows.row.__name__} twice; join them, in the order of their records")
            parts[id(rows.row)] = rows
        kept = [index not in records._rejected for index in range(batch.rows)] if records._rejected else None
        for row in self.rows:
            rows = parts.pop(id(row), None) or Rows(row, [], **{f.attribute: () for f in row._fields})
            values = [rows.values[f.attribute] for f in row._fields]
            count = batch.rows if rows.origins is None else len(rows.origins)
            for f, each in zip(row._fields, values):
                if len(each) != count:
                    raise ValueError(f"the column {f.attribute} of {row.__name__} has {len(each)} values, and there are {count} rows")
            origins = None if rows.origins is None else list(rows.origins)
            if kept is not None:
                keep = kept if origins is None else [kept[origin] for origin in origins]
                values = [tuple(compress(each, keep)) for each in values]
                origins = list(compress(range(batch.rows) if origins is None else origins, keep))
                count = len(origins)
            self._write(output, wit, row, values, count, origins, untouched)
        if parts:
            raise TypeError(f"a {next(iter(parts.values())).row.__name__} is no row of this plugin: its `->` does not name it")
        for index, rejection in sorted(records._rejected.items()):
            output.rejections.append((index, *self._fit(rejection)))
        return output

    def _fit(self, rejection: Rejection) -> tuple[str, str | None, str]:
        """Code, input and message; where they are not what the contract takes, what is wrong with them."""
        code, name, message = rejection.code, rejection.input, rejection.message
        names = [f.name for f in self.input._fields]
        if not _CODE.fullmatch(code) or code.startswith(("decode.", "plugin.", "sink.", "dedup.")):
            what = "a code has 1 to 64 lower-case letters, digits, `-` and `.`, and does not begin like one of the host"
            return "exception", None, f"the plugin refused the record with the code {code!r}: {what}"
        if name is not None and name not in names:
            return code, None, f"{message} (the plugin names an input {name!r}, which is not among {', '.join(names)})"[:4000]
        # At most 4,096 bytes.
        return code, name, message[:1000]

    def _write(
        self,
        output: Output,
        wit: Any,
        row: type[Row],
        values: Sequence[Sequence[Any]],
        count: int,
        origins: list[int] | None,
        untouched: dict[int, Any] | None = None,
    ) -> None:
        writer = columns.Writer(wit)
        indexes = []
        for f, column in zip(row._fields, values):
            known = (untouched or {}).get(id(column))
            # A column that was handed on as it came needs no work, unless it may have a null too many.
            if known is not None and _same(known, f.type, wit):
                indexes.append(len(writer.arrays))
                writer.arrays.append(known[1])
                continue
            try:
                indexes.append(writer.add(f.type, column))
            except columns.BadValue as bad:
                raise ValueError(f"{row.__name__}.{f.attribute}: {bad.what}") from None
        output.tables.append((count, writer.arrays, indexes, origins))


def _same(known: tuple[Any, Any], wanted: Any, wit: Any) -> bool:
    array = known[1]
    case = _CASES.get(wanted.kind)
    return (wanted.nullable or array.validity is None) and case is not None and type(array.values) is getattr(wit, case)


_CASES = {
    "string": "Values_Strings",
    "reference": "Values_Strings",
    "int64": "Values_Int64s",
    "float64": "Values_Float64s",
    "timestamp": "Values_Timestamps",
    "datetime": "Values_Timestamps",
    "bytes": "Values_Bytes",
    "boolean": "Values_Booleans",
    "json": "Values_Json",
}


class Validator:
    """A function below `@validator`."""

    def __init__(
        self,
        function: Callable[..., None],
        *,
        name: str,
        version: str,
        summary: str,
        check: Callable[[Any], None] | None,
    ) -> None:
        hints = get_type_hints(function)
        hints.pop("return", None)
        given = list(hints.values())
        self.function = function
        self.name, self.version, self.summary, self.check = name, version, summary, check
        self.reads = _one_of(given[:1], RowColumns, f"{function.__name__}: its first parameter is a class of RowColumns")
        self.config = next(iter(_classes(given[1:], Config)), None)
        self.context: Any = None

    def open(self, config: str, run_id: str, started_at: int, table: str, has: dict[str, tuple[str, bool]]) -> list[str]:
        """The columns that are read of a table, of which `has` tells the kind of each column, and whether it is required."""
        self.context = open_context(self.config, self.check, config, run_id, started_at)
        if self.reads._table is not None and self.reads._table != table:
            return []
        for f in self.reads._fields:
            if f.name not in has:
                raise ValueError(f"it has no column `{f.name}`")
            kind, required = has[f.name]
            if kind != shape(f.type):
                raise ValueError(f"its column `{f.name}` is of another type than the validator reads")
            if not required and not f.type.nullable:
                raise ValueError(f"its column `{f.name}` may be null, and the validator's field for it has no `| None`")
        return [f.name for f in self.reads._fields]

    def validate(self, batch: Any) -> list[tuple[int, str, str | None, bool, str]]:
        """Violations: row, rule, column, whether it is an error, and the message."""
        fields = self.reads._fields
        read = [columns.rows_of(f.type, index, batch.arrays, batch.rows) for f, index in zip(fields, batch.columns)]
        lacking = _lacking(fields, read)
        verdict = Verdict()
        function, context = self.function, self.context
        for index, row in enumerate(map(self.reads._make, zip(*read))):
            verdict.row = index
            if index in lacking:
                verdict.error("missing-part", _MISSING_PART, column=lacking[index])
                continue
            try:
                function(row, context, verdict)
            except (MemoryError, RecursionError):
                raise
            except Exception as error:
                verdict.error("exception", told(error, function))
        return verdict.found


def shape(type: Any) -> str:
    """A type of the contract as one word, to compare it."""
    if type.element is not None:
        return f"list<{shape(type.element)}>"
    if type.record is not None:
        return "struct<" + ",".join(f"{f.name}:{shape(f.type)}" for f in type.record._fields) + ">"
    kind: str = type.kind
    return {"datetime": "timestamp", "reference": "string"}.get(kind, kind)


def open_context(
    config: type[Config] | None,
    check: Callable[[Any], None] | None,
    text: str,
    run_id: str,
    started_at: int,
) -> Context[Any]:
    """The settings that the host hands over, as the plugin's class."""
    settings = None
    if config is not None:
        given = json.loads(text)
        values = {}
        for f in config._fields:
            value = given.get(f.name, f.spec.default)
            if f.type.kind == "json":
                # A default is JSON text already.
                value = json.dumps(given[f.name]) if f.name in given else f.spec.default
            elif f.type.kind == "float64":
                value = float(value)
            values[f.attribute] = value
        settings = config(**values)
        if check is not None:
            check(settings)
    return Context(settings, run_id, Micros(started_at))


def told(error: Exception, function: Callable[..., Any]) -> str:
    """What an exception says, and where in the plugin it was raised: in the files beside that of its function."""
    home = dirname(function.__code__.co_filename)
    frame, where = error.__traceback__, ""
    while frame is not None:
        name = frame.tb_frame.f_code.co_filename
        if dirname(name) == home:
            where = f" ({basename(name)}, line {frame.tb_lineno})"
        frame = frame.tb_next
    return f"the plugin raised {type(error).__name__}: {error}{where}"[:1000]


_MISSING_PART = "a list in it has a null element, or a struct in it a null field, where the validator needs a value"


def _missing_part(name: str) -> Rejection:
    what = (
        "a list in it has a null element, or a map in it has a null or no field, where the plugin needs a value; "
        "give it one, or make that type `| None` in the plugin"
    )
    return Rejection("missing-part", what, input=name)


def _lacking(fields: Sequence[Any], read: Sequence[Sequence[Any]]) -> dict[int, str]:
    """Records in which a part is null that may not be: index, and the name of the first such field."""
    found: dict[int, str] = {}
    for f, values in zip(fields, read):
        if f.type.needs_parts():
            for index, value in enumerate(values):
                if value is not None and f.type.lacks(value):
                    found.setdefault(index, f.name)
    return found


def _classes(annotations: Iterable[Any], base: type) -> list[Any]:
    """The classes of a base in annotations, in order, each once: `list[A | B] | None` has A and B."""
    found: list[Any] = []
    for annotation in annotations:
        if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, base):
            inner = [annotation]
        else:
            inner = _classes(get_args(annotation), base)
        found.extend(each for each in inner if each not in found)
    return found


def _one_of(annotations: Iterable[Any], base: type, otherwise: str) -> Any:
    found = _classes(annotations, base)
    if len(found) != 1:
        raise TypeError(otherwise)
    return found[0]


def plugin(
    *, name: str, version: str, summary: str = "", check: Callable[[Any], None] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a plugin of a function from a record and a context to what becomes of it: a row, `None` for a record that is left out, or
    rows in a list. With `Columns[…]` in place of the record, the function takes a whole batch and gives `Rows`.

    What the function raises besides a `Rejection` refuses the record, too, with the code `exception`. `check` is called with the settings, and
    raises a `ValueError` with what is wrong with them.
    """

    def define(function: Callable[..., Any]) -> Callable[..., Any]:
        defined.append(Plugin(function, name=name, version=version, summary=summary, check=check))
        return function

    return define


def validator(
    *, name: str, version: str, summary: str = "", check: Callable[[Any], None] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a validator of a function of a row, a context and a `Verdict`, to which it says what is wrong with the row."""

    def define(function: Callable[..., None]) -> Callable[..., None]:
        defined.append(Validator(function, name=name, version=version, summary=summary, check=check))
        return function

    return define
