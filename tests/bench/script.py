"""What the service sends to the database for a request, written down to be sent again."""

import uuid
from dataclasses import dataclass
from typing import Any

import orjson

Statement = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Script:
    """What the service sent for one request, and the id in it that another request has another of."""

    statements: list[Statement]
    about: uuid.UUID | None

    def made(self) -> set[uuid.UUID]:
        """The ids of the rows that it wrote."""
        texts = [value for _, given in self.statements for value in given.values() if is_rows(value)]
        return {uuid.UUID(row["id"]) for text in texts for row in orjson.loads(text) if "id" in row}


def is_alone(text: str) -> bool:
    """Whether a message is a transaction by itself."""
    return "transaction_read_only" in text


def is_rows(value: object) -> bool:
    """Whether a parameter holds new rows, which travel as JSON."""
    return isinstance(value, str) and value.startswith("[{")


@dataclass(frozen=True)
class Scripts:
    """By token and operation; how the statements reach the same database; and numbers that nobody has had."""

    database: str
    by_token: dict[str, dict[str, Script]]
    first_number: int
