"""Schemas of an OpenAPI document as a comparison needs them: references followed, and one alternative for each type."""

import json
from typing import Any

Node = dict[str, Any]

NAME = "x-name"
"""Under which a shape tells the last name that led to it."""
TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_LEAST_OF = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
_MOST_OF = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
_CHOICES = ("anyOf", "oneOf")
_PYTHON = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def resolved(document: Node, node: Any) -> Node:
    """The node, or what it refers to; what stands beside a reference counts too, as OpenAPI 3.1 has it."""
    if not isinstance(node, dict):
        # True lets everything through, and False nothing.
        return {} if node else {"enum": []}
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        beside = {name: value for name, value in node.items() if name != "$ref"}
        node = {NAME: node["$ref"].rpartition("/")[2], **_both(target, beside)}
    return node


def alternatives(document: Node, schema: Any) -> Node:
    """What a value may be, one shape for each type: `integer` counts as one that `number` lets through besides.

    Several alternatives of one type stand under the type with a number, in their order.
    """
    found: Node = {}
    for shape in _spread(document, schema, 0):
        for kind in _types(shape):
            label, count = kind, 1
            while label in found and found[label] != shape:
                count += 1
                label = f"{kind} {count}"
            found[label] = _of_kind(shape, kind)
    return found


def properties(shape: Node) -> Node:
    """The members that a shape names."""
    found: Node = shape.get("properties", {})
    return found


def _spread(document: Node, schema: Any, depth: int) -> list[Node]:
    """The schema without references on its own level, `allOf`, `anyOf` and `oneOf`: one for each choice."""
    assert depth < 50, "a schema that is made of nothing but itself"
    whole = resolved(document, schema)
    shapes = [{name: value for name, value in whole.items() if name not in {"allOf", *_CHOICES}}]
    groups = [[part] for part in whole.get("allOf", [])] + [whole[word] for word in _CHOICES if word in whole]
    for group in groups:
        choices = [choice for one in group for choice in _spread(document, one, depth + 1)]
        shapes = [_both(shape, choice) for shape in shapes for choice in choices]
    return shapes


def _types(shape: Node) -> list[str]:
    given = shape.get("type")
    if given is None and "enum" in shape:
        given = sorted({"null" if word is None else _PYTHON[type(word)] for word in shape["enum"]})
    kinds = [given] if isinstance(given, str) else list(TYPES if given is None else given)
    return [*kinds, "integer"] if "number" in kinds and "integer" not in kinds else kinds


def _of_kind(shape: Node, kind: str) -> Node:
    """The shape as far as it concerns values of one type."""
    if "enum" not in shape:
        return shape
    return {**shape, "enum": [word for word in shape["enum"] if (word is None) == (kind == "null")]}


def _both(one: Node, other: Node) -> Node:
    """A schema that holds where both do."""
    result = {**one, **other}
    for word in one.keys() & other.keys():
        first, second = one[word], other[word]
        if word in _LEAST_OF + _MOST_OF:
            result[word] = (min if word in _LEAST_OF else max)(first, second)
        elif word == "required":
            result[word] = sorted({*first, *second})
        elif word == "enum":
            result[word] = [value for value in first if value in second]
        elif word == "type":
            result[word] = [kind for kind in _types(one) if kind in _types(other)]
        elif word == "properties":
            shared = {name: {"allOf": [first[name], second[name]]} for name in first.keys() & second.keys()}
            result[word] = {**first, **second, **shared}
        elif word in {"items", "additionalProperties"} and first != second:
            result[word] = {"allOf": [first, second]}
        elif first != second and word in {"pattern", "format", "not"}:
            result[word] = sorted([first, second], key=json.dumps)
    return result
