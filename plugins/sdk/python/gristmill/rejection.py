"""What is said of a record or a row that is not as it should be."""


class Rejection(Exception):
    """A record that the plugin refuses: raise it. It goes to the dead letters, and the others go on.

    `code` is for counting: stable, lower-case letters, digits, `-` and `.`, at most 64. `message` is for people: what is wrong and what to
    do, at most 4,096 bytes. `input` is the name of the input at fault.
    """

    def __init__(self, code: str, message: str, *, input: str | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.input = input


class Verdict:
    """What a validator says of one row. Nothing: the row is as it should be."""

    __slots__ = ("found", "row")

    def __init__(self) -> None:
        self.row = 0
        self.found: list[tuple[int, str, str | None, bool, str]] = []

    def error(self, rule: str, message: str, *, column: str | None = None) -> None:
        """Refuses the row. The texts are those of a `Rejection`; `column` is one that the validator reads, by its name in the table."""
        self.found.append((self.row, rule, column, True, message))

    def warning(self, rule: str, message: str, *, column: str | None = None) -> None:
        """Counts the row, which goes on."""
        self.found.append((self.row, rule, column, False, message))
