"""What each member of a body means, for the OpenAPI document: said once for all schemas that have it.

An entry is named by the member alone, or, where that means something else there, by schema and member: `Line.unit` for
`LineInput` and `LineOutput` alike, `LoginInput.email` for that one. Entries of a schema come before what the field says
of itself, which comes before entries of a member alone.
"""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

DESCRIPTIONS: dict[str, str] = json.loads(
    files("billing_api.web").joinpath("descriptions.json").read_text(encoding="utf-8")
)

_FORM = re.compile(r"(Input|Output|Patch|Page)(Without\w+)?$")


def describe(schema: str, members: dict[str, Any]) -> None:
    """Give each member of the schema its description."""
    for member, shape in members.items():
        specific, general = list(names(schema, member))[:-1], member
        text = next((DESCRIPTIONS[name] for name in specific if name in DESCRIPTIONS), None)
        text = text or shape.get("description") or DESCRIPTIONS.get(general)
        if text:
            shape["description"] = text


def names(schema: str, member: str) -> Iterator[str]:
    """The entries that could describe a member, the closest first."""
    yield f"{schema}.{member}"
    # What a preview shows means what it does in the document that it foretells.
    foretold = schema.replace("PreviewOutput", "Output")
    yield f"{foretold}.{member}"
    yield f"{_FORM.sub('', foretold)}.{member}"
    yield member
