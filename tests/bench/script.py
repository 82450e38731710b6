"""What the service sends to the database for a request, written down to be sent again."""

import uuid
from dataclasses import dataclass
from typing import Any

Statement = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Script:
    """What the service sent for one request, and the id in it that another request has another of."""

    statements: list[Statement]
    about: uuid.UUID | None

    def made(self) -> set[uuid.UUID]:
        """The ids of the rows that it wrote."""
        inserted = [given for text, given in self.statements if text.startswith("INSERT")]
        return {value for given in inserted for name, value in given.items() if name.partition("__")[0] == "id"}


@dataclass(frozen=True)
class Scripts:
    """By token and operation; how the statements reach the same database; and numbers that nobody has had."""

    database: str
    by_token: dict[str, dict[str, Script]]
    first_number: int
