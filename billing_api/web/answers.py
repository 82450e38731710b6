"""What the service answers, as examples: when an operation succeeds, and with each code of a refusal. Real answers,
with ids made up."""

import json
from importlib.resources import files
from typing import Any

ANSWERS: dict[str, dict[str, Any]] = json.loads(
    files("billing_api.web").joinpath("answers.json").read_text(encoding="utf-8")
)
"""By operation and media type."""
REFUSALS: dict[str, dict[str, Any]] = json.loads(
    files("billing_api.web").joinpath("refusals.json").read_text(encoding="utf-8")
)
"""By code, in alphabetical order; those of faults too by which a problem is called most often."""


def answer_of(operation: str, kind: str) -> dict[str, Any]:
    """The example of what this operation answers in this media type, in the words of OpenAPI."""
    answers = ANSWERS.get(operation, {})
    return {"example": answers[kind]} if kind in answers else {}
