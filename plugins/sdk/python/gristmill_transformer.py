"""What componentize-py makes a component of: the world `transformer`, for the plugin in `plugin.py`."""

from typing import Any

import plugin as _  # noqa: F401
from componentize_py_types import Err
from gristmill import guest
from gristmill.plugin import Plugin
from wit_world import exports
from wit_world.exports.transform import Output, Rejection, Rows
from wit_world.imports import columns as wit

PLUGIN: Plugin = guest.only(Plugin, "plugin")


class Transform(exports.Transform):
    """The contract's functions; `wit/plugin.wit` says what each does."""

    def identify(self) -> Any:
        return guest.about(PLUGIN)

    def open(self, config: str, context: Any) -> Any:
        guest.begin()
        try:
            PLUGIN.open(config, context.run_id, context.started_at)
        except ValueError as refused:
            raise Err(str(refused)) from None
        return guest.description(PLUGIN)

    def transform(self, input: Any) -> Any:
        guest.begin()
        try:
            output = PLUGIN.transform(input, wit)
        except (MemoryError, RecursionError):
            raise
        except Exception as error:
            raise Err(guest.told(error, PLUGIN.function)) from None
        tables = [
            Rows(wit.Batch(count, arrays, indexes), origins) for count, arrays, indexes, origins in output.tables
        ]
        return Output(tables, [Rejection(*each) for each in output.rejections])
