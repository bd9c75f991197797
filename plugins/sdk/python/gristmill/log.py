"""Messages to the people who run a plugin. The host limits their number and length. Keep the content of records out of them."""

from collections.abc import Callable

_listener: Callable[[str, str], None] | None = None
"""Set in the sandbox. Outside of it nobody listens."""


def _say(level: str, message: str) -> None:
    if _listener is not None:
        _listener(level, message)


def debug(message: str) -> None:
    """For whoever looks for a mistake."""
    _say("debug", message)


def info(message: str) -> None:
    """Good to know."""
    _say("info", message)


def warn(message: str) -> None:
    """Something to look at."""
    _say("warn", message)


def error(message: str) -> None:
    """Something is wrong."""
    _say("error", message)
