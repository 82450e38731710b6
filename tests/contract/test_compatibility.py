"""No release breaks the programs that were written for the one before it, unless it says so.

`docs/released/openapi.json` is the document of the last release. To release is to renew it, after the version was
raised: `cp docs/openapi.json docs/released/openapi.json`, to add its `sha256sum` to `docs/released/digests.json`, and
to empty `docs/released/accepted-breaks.json`.
"""

import json
import re
from copy import deepcopy
from typing import Any

import pytest

from config import ROOT
from tests.contract.compatibility import Change, changes

PRESENT = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
RELEASED = json.loads((ROOT / "docs" / "released" / "openapi.json").read_text(encoding="utf-8"))
ACCEPTED: dict[str, str] = json.loads((ROOT / "docs" / "released" / "accepted-breaks.json").read_text(encoding="utf-8"))
"""Breaks that are meant, each with its reason: by the place and the text of the change, as the list below shows it."""
REMEDY = """
A program that was written for the last release stumbles over these. Take them back; or raise the version (its first
number, or before 1.0.0 its second); or, where nobody can have relied on it, write the line, without its first word,
into docs/released/accepted-breaks.json with the reason."""


def name(change: Change) -> str:
    return f"{change.place}: {change.what}"


def may_break(released: str, present: str) -> bool:
    """Whether the version says that programs may break (semver.org, 4 and 8)."""
    before, after = ([int(part) for part in re.findall(r"\d+", version)[:2]] for version in (released, present))
    return after[0] > before[0] or (before[0] == after[0] == 0 and after[1] > before[1])


def test_what_changed_since_the_last_release_breaks_nobody() -> None:
    """Plant the flaw by renaming a member of any schema, or a view, and renewing docs/openapi.json."""
    found = changes(RELEASED, PRESENT)
    print(*found, sep="\n")
    breaking = [str(change) for change in found if change.breaks and name(change) not in ACCEPTED]
    if not may_break(RELEASED["info"]["version"], PRESENT["info"]["version"]):
        assert not breaking, "\n".join(["", *breaking, REMEDY])


def test_every_break_that_was_accepted_is_one_and_has_its_reason() -> None:
    breaking = {name(change) for change in changes(RELEASED, PRESENT) if change.breaks}
    assert ACCEPTED.keys() - breaking == set()
    assert all(reason.endswith(".") for reason in ACCEPTED.values())


@pytest.mark.parametrize(
    ("released", "present", "may"),
    [
        ("0.1.0", "0.1.9", False), ("0.1.0", "0.2.0", True), ("0.9.0", "1.0.0", True), ("1.2.0", "1.3.0", False),
        ("1.9.9", "2.0.0", True), ("2.0.0", "1.0.0", False), ("1.0.0", "1.0.0", False),
    ],
)  # fmt: skip
def test_only_a_version_that_says_so_may_break(released: str, present: str, may: bool) -> None:
    assert may_break(released, present) is may


GONE = "(gone)"
BREAKS, FITS = True, False

SMALL: dict[str, Any] = {
    "servers": [{"url": "/"}],
    "paths": {
        "/things": {
            "parameters": [{"name": "X-Mode", "in": "header", "schema": {"type": "string"}}],
            "get": {
                "operationId": "search",
                "security": [{"token": ["read"]}, {"key": ["read"]}],
                "x-required-scope": "read",
                "parameters": [{"$ref": "#/components/parameters/Limit"}],
                "responses": {
                    "200": {"$ref": "#/components/responses/Things"},
                    "404": {"description": "None."},
                    "410": {"$ref": "#/components/responses/Gone"},
                },
            },
            "post": {
                "operationId": "create",
                "security": [],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Asked"}},
                        "text/csv": {"schema": {"type": "string"}},
                    }
                },
                "responses": {
                    "201": {
                        "links": {"search": {"operationId": "search", "parameters": {"header.X-Mode": "$request"}}},
                        "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Told"}}},
                    }
                },
            },
        },
        "/old": {
            "get": {
                "operationId": "old",
                "responses": {"204": {"description": "Done."}, "410": {"$ref": "#/components/responses/Lost"}},
            }
        },
    },
    "components": {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}, "key": {"type": "apiKey", "name": "K"}},
        "parameters": {"Limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 9}}},
        "responses": {
            "Gone": {"content": {"application/problem+json": {"examples": {"moved": {}, "burnt": {}}}}},
            "Lost": {"content": {"application/problem+json": {"examples": {"burnt": {}}}}},
            "Things": {
                "content": {
                    "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Told"}}},
                    "text/csv": {"schema": {"type": "string"}},
                }
            },
        },
        "schemas": {
            "Word": {"type": "string", "enum": ["one", "two"]},
            "Asked": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a", "format": "email"},
                    "word": {"anyOf": [{"$ref": "#/components/schemas/Word"}, {"type": "null"}]},
                    "count": {"anyOf": [{"type": "string"}, {"type": "number", "minimum": 1, "multipleOf": 2}]},
                    "parts": {"type": "array", "maxItems": 3, "items": {"$ref": "#/components/schemas/Asked"}},
                    "both": {"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"required": []}]},
                    "free": {"type": "object", "additionalProperties": {"type": "string"}},
                    "flag": {"type": "boolean", "default": True},
                },
            },
            "Told": {
                "type": "object",
                "required": ["id", "word"],
                "properties": {
                    "id": {"type": "string", "format": "uuid", "maxLength": 36},
                    "word": {"$ref": "#/components/schemas/Word"},
                    "also": {"oneOf": [{"type": "integer"}, {"type": "null"}]},
                    "within": {"anyOf": [{"$ref": "#/components/schemas/Told"}, {"type": "null"}]},
                },
            },
        },
    },
}
"""A document with all that a contract can have in it, which refers to itself."""
GET, POST = "paths /things get", "paths /things post"
ASKED, TOLD = "components schemas Asked properties", "components schemas Told properties"
REFUSED = "components responses Gone content application/problem+json examples"
TEXT = {"type": "string"}

PLANTED: list[tuple[str, Any, bool]] = [
    # Operations.
    ("paths /old", GONE, BREAKS),
    ("paths /things post", GONE, BREAKS),
    ("paths /new", {"get": {"operationId": "new", "responses": {}}}, FITS),
    (f"{GET} operationId", "find", BREAKS),
    (f"{GET} responses 404", GONE, BREAKS),
    (f"{GET} responses 200", GONE, BREAKS),
    (f"{GET} responses 202", {}, BREAKS),
    (f"{GET} responses 409", {}, FITS),
    ("servers", [{"url": "/v2"}], BREAKS),
    # Who may.
    (f"{GET} security", [{"token": ["read"]}], BREAKS),
    (f"{GET} security", [{"token": ["read", "more"]}, {"key": ["read"]}], BREAKS),
    (f"{GET} security", [{"token": ["read"], "key": ["read"]}], BREAKS),
    (f"{GET} security", [{"token": ["read"]}, {"key": ["read"]}, {"cookie": []}], FITS),
    (f"{GET} security", [], FITS),
    (f"{POST} security", [{"token": []}], BREAKS),
    (f"{GET} x-required-scope", "read more", BREAKS),
    (f"{GET} x-required-scope", GONE, FITS),
    ("components securitySchemes key name", "Other", BREAKS),
    ("components securitySchemes key description", "Other", FITS),
    # What is asked beside the body.
    (f"{GET} parameters", [], BREAKS),
    ("paths /things parameters", [], BREAKS),
    ("paths /things parameters 0 required", True, BREAKS),
    ("components parameters Limit schema maximum", 8, BREAKS),
    ("components parameters Limit schema maximum", 10, FITS),
    ("components parameters Limit schema type", "string", BREAKS),
    ("components parameters Limit schema type", "number", FITS),
    ("components parameters Limit explode", False, BREAKS),
    (f"{GET} parameters 1", {"name": "q", "in": "query", "schema": TEXT}, FITS),
    (f"{GET} parameters 1", {"name": "q", "in": "query", "schema": TEXT, "required": True}, BREAKS),
    # What is asked in the body.
    (f"{POST} requestBody", GONE, BREAKS),
    (f"{POST} requestBody required", True, BREAKS),
    (f"{POST} requestBody content text/csv", GONE, BREAKS),
    (f"{POST} requestBody content text/html", {"schema": TEXT}, FITS),
    (f"{GET} requestBody", {"content": {"text/html": {}}}, FITS),
    (f"{GET} requestBody", {"required": True, "content": {"text/html": {}}}, BREAKS),
    (f"{ASKED} word", GONE, BREAKS),
    (f"{ASKED} new", TEXT, FITS),
    ("components schemas Asked required", ["name", "flag"], BREAKS),
    ("components schemas Asked required", [], FITS),
    ("components schemas Asked additionalProperties", GONE, FITS),
    (f"{ASKED} free additionalProperties", False, BREAKS),
    (f"{ASKED} free additionalProperties type", "integer", BREAKS),
    (f"{ASKED} free propertyNames", {"pattern": "^a"}, BREAKS),
    (f"{ASKED} name maxLength", 8, BREAKS),
    (f"{ASKED} name maxLength", 10, FITS),
    (f"{ASKED} name maxLength", GONE, FITS),
    (f"{ASKED} name minLength", 2, BREAKS),
    (f"{ASKED} name minLength", 0, FITS),
    (f"{ASKED} name pattern", "^b", BREAKS),
    (f"{ASKED} name pattern", GONE, FITS),
    (f"{ASKED} name format", "uuid", BREAKS),
    (f"{ASKED} name description", "Other words.", FITS),
    (f"{ASKED} word anyOf 1", GONE, BREAKS),
    (f"{ASKED} word anyOf 2", {"type": "integer"}, FITS),
    (f"{ASKED} count anyOf 1 minimum", 2, BREAKS),
    (f"{ASKED} count anyOf 1 minimum", 0, FITS),
    (f"{ASKED} count anyOf 1 multipleOf", 3, BREAKS),
    (f"{ASKED} count anyOf 1 type", "integer", BREAKS),
    (f"{ASKED} parts maxItems", 2, BREAKS),
    (f"{ASKED} parts items", TEXT, BREAKS),
    (f"{ASKED} both allOf 0 properties a", GONE, BREAKS),
    (f"{ASKED} both allOf 1 required", ["a"], BREAKS),
    (f"{ASKED} flag default", False, BREAKS),
    (f"{ASKED} name description", "A word. Left out: `any`.", BREAKS),
    (f"{ASKED} name description", "Another word.", FITS),
    # What is told.
    (f"{TOLD} also", GONE, BREAKS),
    (f"{TOLD} new", TEXT, FITS),
    ("components schemas Told required", ["id"], BREAKS),
    ("components schemas Told required", ["id", "word", "also"], FITS),
    ("components schemas Told additionalProperties", False, FITS),
    (f"{TOLD} id type", ["string", "null"], BREAKS),
    (f"{TOLD} id type", "integer", BREAKS),
    (f"{TOLD} id format", GONE, BREAKS),
    (f"{TOLD} id maxLength", 40, BREAKS),
    (f"{TOLD} id maxLength", 30, FITS),
    (f"{TOLD} id pattern", "^0", FITS),
    (f"{TOLD} also oneOf 1", GONE, FITS),
    (f"{TOLD} also oneOf 0 type", "number", BREAKS),
    (f"{TOLD} within anyOf 0", TEXT, BREAKS),
    ("components responses Things content text/csv", GONE, BREAKS),
    ("components responses Things content text/html", {}, FITS),
    ("components responses Things content application/json schema type", "object", BREAKS),
    ("components responses Things content application/json example", [], FITS),
    (f"{POST} responses 201 headers Location", GONE, BREAKS),
    (f"{POST} responses 201 headers Location required", False, BREAKS),
    (f"{POST} responses 201 headers ETag", {"schema": TEXT}, FITS),
    # What is refused: a code may leave an operation, but not the document.
    (f"{REFUSED} burnt", GONE, FITS),
    (f"{REFUSED} stolen", {}, FITS),
    (f"{REFUSED} moved", GONE, BREAKS),
    (REFUSED, {"transferred": {}, "burnt": {}}, BREAKS),
    # Links.
    (f"{POST} responses 201 links search", GONE, FITS),
    (f"{POST} responses 201 links search operationId", "old", FITS),
    (f"{POST} responses 201 links search parameters", {}, FITS),
    (f"{POST} responses 201 links old", {"operationId": "old"}, FITS),
    # What is asked in one place and told in another.
    ("components schemas Word enum", ["one"], BREAKS),
    ("components schemas Word enum", ["one", "two", "three"], BREAKS),
]


def planted(place: str, value: object) -> dict[str, Any]:
    """The small document with one thing changed: each word of the place leads one step further in."""
    document = deepcopy(SMALL)
    target: Any = document
    *steps, last = [int(word) if word.isdigit() and len(word) == 1 else word for word in place.split()]
    for step in steps:
        target = target[step]
    if value == GONE:
        del target[last]
    elif isinstance(target, list) and last == len(target):
        target.append(value)
    else:
        target[last] = value
    return document


@pytest.mark.parametrize(("place", "value", "breaks"), PLANTED, ids=lambda value: str(value)[:60])
def test_a_change_of_a_document_is_seen_and_judged(place: str, value: object, breaks: bool) -> None:
    """Plant the flaw by changing one word of `AT_MOST` or `AT_LEAST`, or one `True` or `False` of the comparison."""
    found = changes(SMALL, planted(place, value))
    assert any(change.breaks for change in found) is breaks, "\n".join(map(str, found))
    is_of_words = place.endswith(("description", "example", "x-required-scope"))
    assert found or is_of_words


def test_a_document_breaks_nobody_that_says_the_same_in_other_words() -> None:
    """Plant the flaw by comparing references by their names."""
    same = deepcopy(SMALL)
    same["components"]["schemas"]["Told"]["properties"]["word"] = {"type": "string", "enum": ["two", "one"]}
    same["components"]["schemas"]["Told"]["properties"]["also"] = {"type": ["null", "integer"]}
    same["paths"]["/things"]["get"]["responses"]["200"] = same["components"]["responses"]["Things"]
    assert changes(SMALL, same) == changes(SMALL, SMALL) == []


def test_a_change_of_a_schema_is_told_once_and_by_its_name() -> None:
    found = changes(SMALL, planted(f"{TOLD} id", GONE))
    assert list(map(str, found)) == ["breaking    Told told/id: the member is gone"]
