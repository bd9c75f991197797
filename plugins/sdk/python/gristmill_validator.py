"""What componentize-py makes a component of: the world `validator`, for the validator in `validator.py`."""

from typing import Any

import validator as _  # noqa: F401
from componentize_py_types import Err
from gristmill import guest
from gristmill.plugin import Validator
from wit_world import exports
from wit_world.exports.validate import Severity, Violation

VALIDATOR: Validator = guest.only(Validator, "validator")


class Validate(exports.Validate):
    """The contract's functions; `wit/plugin.wit` says what each does."""

    def identify(self) -> Any:
        return guest.about(VALIDATOR)

    def open(self, config: str, context: Any, types: Any, table: Any) -> Any:
        has = {c.name: (guest.shape_of(types, c.type), c.required) for c in table.columns}
        guest.begin()
        try:
            return VALIDATOR.open(config, context.run_id, context.started_at, table.name, has)
        except ValueError as refused:
            raise Err(str(refused)) from None

    def validate(self, rows: Any) -> Any:
        guest.begin()
        try:
            found = VALIDATOR.validate(rows)
        except (MemoryError, RecursionError):
            raise
        except Exception as error:
            raise Err(guest.told(error, VALIDATOR.function)) from None
        return [
            Violation(row, rule, column, Severity.ERROR if is_error else Severity.WARNING, message)
            for row, rule, column, is_error, message in found
        ]
