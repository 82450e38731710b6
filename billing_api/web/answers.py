"""What each operation answers when it succeeds, as an example: real answers of the service, with ids made up."""

import json
from importlib.resources import files
from typing import Any

ANSWERS: dict[str, dict[str, Any]] = json.loads(
    files("billing_api.web").joinpath("answers.json").read_text(encoding="utf-8")
)
"""By operation and media type."""


def answer_of(operation: str, kind: str) -> dict[str, Any]:
    """The example of what this operation answers in this media type, in the words of OpenAPI."""
    answers = ANSWERS.get(operation, {})
    return {"example": answers[kind]} if kind in answers else {}
