"""Write gristmill plugins in Python: a class for what the plugin reads, a class for the row that it writes, and a function from
one to the other.

    from gristmill import Context, Input, Rejection, Row, capture, column, field, plugin

    class User(Input, documents="users/{user}"):
        user: str = capture()
        email: str | None = field("contact.email")

    class UserRow(Row, table="users", key="user"):
        user: str
        email: str | None = column("Where they can be written to.")

    @plugin(name="users", version="0.1.0")
    def map(user: User, context: Context[None]) -> UserRow:
        if user.email is not None and "@" not in user.email:
            raise Rejection("email-invalid", "an e-mail address has an @", input="email")
        return UserRow(user=user.user, email=user.email)

The module that holds it is `plugin.py`; `gristmill plugin build` makes a component of it. A module `validator.py` with a function below
`@validator` judges rows instead.

| annotation | read | written |
| --- | --- | --- |
| `bool`, `int`, `float`, `str`, `bytes` | boolean, int64, float64, string, bytes | the same |
| `Micros`, `datetime` | timestamp | timestamp |
| `date` | | date |
| `Json` | json, as text | json, as text |
| `Reference` | reference | string |
| `list[T]`, a class of `Struct` | list, struct | the same |

`T | None` may be null. Anything else is required: a record without it is refused before it reaches the plugin, and so is one with a null in
a list or a map whose type there is not `| None`.
"""

from . import log
from .declare import (
    Config,
    Input,
    Row,
    RowColumns,
    Struct,
    capture,
    column,
    create_time,
    document,
    document_name,
    field,
    field_type,
    setting,
    update_time,
)
from .plugin import Columns, Context, Rows, plugin, validator
from .rejection import Rejection, Verdict
from .time import Micros, micros, parse_rfc3339, utc
from .types import Json, Reference

__all__ = [
    "Columns",
    "Config",
    "Context",
    "Input",
    "Json",
    "Micros",
    "Reference",
    "Rejection",
    "Row",
    "RowColumns",
    "Rows",
    "Struct",
    "Verdict",
    "capture",
    "column",
    "create_time",
    "document",
    "document_name",
    "field",
    "field_type",
    "log",
    "micros",
    "parse_rfc3339",
    "plugin",
    "setting",
    "update_time",
    "utc",
    "validator",
]
